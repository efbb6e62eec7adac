// Reading leaves in order, as they become durable.
#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

class LeavesTest : public JournalTest {
 protected:
  // Leaves that are their own index, and a change beside each.
  void AppendNumbers(Journal& journal, int count, size_t padding = 0) {
    for (int i = 0; i < count; ++i) {
      std::string text = std::to_string(journal.next_leaf()) + ":";
      text.resize(text.size() + padding, 'x');
      ASSERT_TRUE(journal.AddLeaf(base::AsBytes(text)));
      ASSERT_TRUE(journal.AddChange(base::AsBytes("change")));
    }
    ASSERT_TRUE(journal.SyncNow(keys_.journal).ok());
  }
  std::vector<uint64_t> Read(Journal& journal, uint64_t from) {
    base::Status read = journal.ReadLeaves(from, answer_);
    EXPECT_TRUE(read.ok()) << read.error().message;
    std::vector<uint64_t> leaves;
    for (const wire::LeafBytes& leaf : answer_.leaves) {
      leaves.push_back(std::stoull(std::string(base::AsText(leaf.leaf))));
    }
    return leaves;
  }
  // Every leaf from `from` on, by calls that go on where the last one ended.
  void ExpectAll(Journal& journal, uint64_t from) {
    uint64_t next = from;
    uint64_t ask = from;
    while (next < journal.durable_position().leaf) {
      std::vector<uint64_t> leaves = Read(journal, ask);
      ASSERT_FALSE(leaves.empty());
      for (uint64_t leaf : leaves) ASSERT_EQ(leaf, next++);
      ask = wire::kNoLeaf;
    }
    EXPECT_TRUE(Read(journal, ask).empty());
    EXPECT_EQ(answer_.next, next);
  }
  wire::LeavesAnswer answer_;
};

TEST_F(LeavesTest, ComeInOrderAcrossBatchesRepeatsAndCalls) {
  auto journal = Fresh();
  EXPECT_TRUE(Read(*journal, 0).empty());
  for (int batch = 0; batch < 40; ++batch) {
    if (batch % 4 == 0) files_.syncs_before_failure = 1;  // written twice
    AppendNumbers(*journal, 1 + batch % 70);
    if (batch % 5 == 0) {
      ASSERT_TRUE(journal->AddChange(base::AsBytes("no leaf")));
      ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
    }
  }
  const uint64_t next = journal->next_leaf();
  for (uint64_t from = 0; from < next; from += 37) ExpectAll(*journal, from);
  EXPECT_TRUE(Read(*journal, next).empty());
  EXPECT_TRUE(Read(*journal, next + 5).empty());
  // What becomes durable meanwhile follows.
  ExpectAll(*journal, next - 1);
  AppendNumbers(*journal, 3);
  EXPECT_EQ(Read(*journal, wire::kNoLeaf),
            (std::vector<uint64_t>{next, next + 1, next + 2}));
}

TEST_F(LeavesTest, OneAnswerIsBoundedByCountAndBytes) {
  auto journal = Fresh();
  AppendNumbers(*journal, 100);
  EXPECT_EQ(Read(*journal, 10).size(), base::kLeavesMax);
  AppendNumbers(*journal, 20, 1500);
  std::vector<uint64_t> leaves = Read(*journal, 100);
  EXPECT_EQ(leaves.size(), base::kLeavesBytesMax / 1504);
  EXPECT_EQ(leaves.front(), 100u);
}

TEST_F(LeavesTest, OnlyDurableOnesAreGiven) {
  auto journal = Fresh();
  AppendNumbers(*journal, 1);
  ASSERT_TRUE(journal->AddLeaf(base::AsBytes("1:")));
  EXPECT_EQ(Read(*journal, 0), std::vector<uint64_t>{0});
  EXPECT_EQ(answer_.next, 1u);
}

TEST_F(LeavesTest, AJournalThatBeginsLaterGivesItsFirst) {
  auto journal = Make();
  ASSERT_TRUE(journal->OpenEmpty().ok());
  ASSERT_TRUE(journal->Create(kVault, 5000).ok());
  Remembering none;
  ASSERT_TRUE(
      journal->Replay(keys_.journal, journal->durable_position(), none).ok());
  AppendNumbers(*journal, 3);
  EXPECT_EQ(Read(*journal, 0), (std::vector<uint64_t>{5000, 5001, 5002}));
  EXPECT_EQ(Read(*journal, 5001), (std::vector<uint64_t>{5001, 5002}));
}

TEST_F(LeavesTest, ADamagedBatchIsAnErrorAndReadingGoesOnBehindIt) {
  auto journal = Fresh();
  AppendNumbers(*journal, 5);
  AppendNumbers(*journal, 5);
  a()[kJournalHeaderBytes + kBatchPayloadOffset + 3] ^= 1;
  EXPECT_EQ(journal->ReadLeaves(0, answer_).error().code, base::Code::kDamaged);
  EXPECT_EQ(Read(*journal, 7), (std::vector<uint64_t>{7, 8, 9}));
}

}  // namespace
}  // namespace coffer::keeper
