// Reading leaves back while the journal is open.
#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

class TailTest : public JournalTest {
 protected:
  std::vector<std::string> Tail(Journal& journal, uint64_t from,
                                uint32_t count) {
    base::Status read = journal.ReadTail(from, count, space_, answer_);
    EXPECT_TRUE(read.ok()) << read.error().message;
    std::vector<std::string> leaves;
    for (const wire::LeafBytes& leaf : answer_.leaves) {
      leaves.emplace_back(base::AsText(leaf.leaf));
    }
    return leaves;
  }
  std::vector<uint8_t> space_ =
      std::vector<uint8_t>(wire::kTailLeavesMax * base::kLeafBytesMax);
  wire::TailAnswer answer_;
};

// Batches of one, two, three, ... leaves that are their own index.
void AppendNumbers(Journal& journal, const crypto::JournalKey& key, int batches,
                   FakeFiles* failing = nullptr) {
  for (int batch = 0; batch < batches; ++batch) {
    for (int i = 0; i <= batch % 5; ++i) {
      ASSERT_TRUE(
          journal.AddLeaf(base::AsBytes(std::to_string(journal.next_leaf()))));
      ASSERT_TRUE(journal.AddChange(base::AsBytes("change")));
    }
    if (failing != nullptr && batch % 3 == 0) failing->syncs_before_failure = 1;
    ASSERT_TRUE(journal.SyncNow(key).ok());
  }
}

TEST_F(TailTest, TheLastLeavesAndThoseFromAnIndexAreRead) {
  auto journal = Fresh();
  EXPECT_TRUE(Tail(*journal, wire::kNoLeaf, 20).empty());
  EXPECT_EQ(answer_.next, 0u);
  AppendNumbers(*journal, keys_.journal, 30, &files_);
  const uint64_t next = journal->next_leaf();
  for (uint32_t count = 0; count <= next; ++count) {
    std::vector<std::string> leaves = Tail(*journal, wire::kNoLeaf, count);
    ASSERT_EQ(leaves.size(), count);
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_EQ(leaves[i], std::to_string(next - count + i));
    }
    EXPECT_EQ(answer_.next, next);
  }
  for (uint64_t from = 0; from < next + 2; ++from) {
    std::vector<std::string> leaves = Tail(*journal, from, 4);
    ASSERT_EQ(leaves.size(),
              from < next ? std::min<uint64_t>(4, next - from) : 0);
    for (uint64_t i = 0; i < leaves.size(); ++i) {
      EXPECT_EQ(leaves[i], std::to_string(from + i));
    }
  }
}

TEST_F(TailTest, AnAnswerIsBounded) {
  auto journal = Fresh();
  AppendNumbers(*journal, keys_.journal, 100);
  EXPECT_EQ(Tail(*journal, 0, 5000).size(), wire::kTailLeavesMax);
  space_.resize(7);
  EXPECT_EQ(Tail(*journal, 0, 20).size(), 7u);
}

TEST_F(TailTest, OnlyDurableLeavesAreRead) {
  auto journal = Fresh();
  AppendNumbers(*journal, keys_.journal, 1);
  ASSERT_TRUE(journal->AddLeaf(base::AsBytes("1")));
  EXPECT_EQ(Tail(*journal, 0, 20), std::vector<std::string>{"0"});
  EXPECT_EQ(answer_.next, 1u);
}

TEST_F(TailTest, LeavesFromBeforeThePositionAtStartAreRead) {
  JournalPosition position;
  {
    auto journal = Fresh();
    AppendNumbers(*journal, keys_.journal, 10);
    position = journal->durable_position();
    AppendNumbers(*journal, keys_.journal, 2);
  }
  auto journal = Make();
  ASSERT_TRUE(journal->Open(kVault, position).ok());
  EXPECT_EQ(Tail(*journal, 0, 100).size(), 33u);
  EXPECT_EQ(Tail(*journal, 7, 1), std::vector<std::string>{"7"});
}

TEST_F(TailTest, OldLeavesOfALongJournalAreFoundByHalves) {
  auto journal = Fresh();
  const std::string padding(1400, 'x');
  for (int batch = 0; batch < 6000; ++batch) {
    ASSERT_TRUE(journal->AddLeaf(
        base::AsBytes(padding + std::to_string(journal->next_leaf()))));
    ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
  }
  for (uint64_t from : {0, 1, 2, 500, 999, 1500, 1903, 1904, 1905, 5999}) {
    EXPECT_EQ(Tail(*journal, from, 1),
              std::vector<std::string>{padding + std::to_string(from)});
  }
}

TEST_F(TailTest, ADamagedBatchIsAnErrorAndNoLeaf) {
  auto journal = Fresh();
  AppendNumbers(*journal, keys_.journal, 5);
  a()[kJournalHeaderBytes + kBatchPayloadOffset + 3] ^= 1;
  EXPECT_EQ(journal->ReadTail(0, 5, space_, answer_).error().code,
            base::Code::kDamaged);
  EXPECT_EQ(Tail(*journal, wire::kNoLeaf, 2).size(), 2u);
  files_.reads_before_failure = 1;
  EXPECT_EQ(journal->ReadTail(0, 5, space_, answer_).error().code,
            base::Code::kIo);
}

}  // namespace
}  // namespace coffer::keeper
