// What happens when the disk fails or is full.
#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

using base::Code;

TEST_F(JournalTest, ASyncThatFailedIsFollowedByTheSameBatchAtTheNextBoundary) {
  auto journal = Fresh();
  Append(*journal, "one");
  const uint64_t first_place = journal->durable_position().offset;
  files_.syncs_before_failure = 1;
  Append(*journal, "two");
  const JournalPosition position = journal->durable_position();
  EXPECT_EQ(position.last_offset,
            AlignUp(first_place + BatchBytes(3 + 3), kJournalBlockBytes));
  EXPECT_EQ(position.sequence, 2u);
  Append(*journal, "three");
  std::mt19937 dice(1);
  // The process alone ends: both copies are read back, one is skipped.
  files_.EndProcess();
  const std::vector<std::string> expected = {"one", "two", "three"};
  EXPECT_EQ(LeavesAfterRestart(), expected);
  EXPECT_EQ(LeavesAfterRestart(position), std::vector<std::string>{"three"});
  // The power is cut: only the second copy was ever on the disk.
  files_.CutPower(dice);
  EXPECT_EQ(files_.file(kFileA).cache[first_place], 0);
  EXPECT_EQ(LeavesAfterRestart(), expected);
  EXPECT_EQ(LeavesAfterRestart(position), std::vector<std::string>{"three"});
}

TEST_F(JournalTest, AWriteThatFailedIsRetriedTheSameWay) {
  auto journal = Fresh();
  Append(*journal, "one");
  files_.writes_before_failure = 1;
  Append(*journal, "two");
  EXPECT_EQ(journal->durable_position().last_offset, 2 * kJournalBlockBytes);
  EXPECT_EQ(journal->last_errno(), EIO);
  Append(*journal, "three");
  files_.EndProcess();
  EXPECT_EQ(LeavesAfterRestart(),
            (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(JournalTest, EveryBatchMayNeedItsSecondPlace) {
  auto journal = Fresh();
  for (int i = 0; i < 20; ++i) {
    files_.syncs_before_failure = 1;
    Append(*journal, std::string(70 * i, 'x'));
  }
  std::mt19937 dice(1);
  for (bool power : {false, true}) {
    files_.EndProcess();
    if (power) files_.CutPower(dice);
    EXPECT_EQ(LeavesAfterRestart().size(), 20u);
  }
}

TEST_F(JournalTest, AFailedRetryIsLatchedAndReleasesNothing) {
  auto journal = Fresh();
  Append(*journal, "one");
  EXPECT_EQ(journal->Poll().kind, JournalCompletion::Kind::kSynced);
  files_.all_syncs_fail = true;
  ASSERT_TRUE(journal->AddLeaf(base::AsBytes("two")));
  EXPECT_EQ(journal->SyncNow(keys_.journal).error().code, Code::kIo);
  EXPECT_EQ(journal->state(), JournalState::kFailed);
  EXPECT_EQ(journal->Poll().kind, JournalCompletion::Kind::kFailed);
  EXPECT_EQ(journal->durable_position().sequence, 1u);
  files_.all_syncs_fail = false;
  EXPECT_FALSE(journal->CanAppend(true));
  EXPECT_FALSE(journal->AddLeaf(base::AsBytes("three")));
  EXPECT_FALSE(journal->AddChange(base::AsBytes("three")));
  EXPECT_EQ(journal->SyncNow(keys_.journal).error().code, Code::kIo);
  Remembering none;
  EXPECT_EQ(journal->Replay(keys_.journal, {}, none).error().code, Code::kIo);
}

// A batch that is readable after a failed sync is not on the disk. A restart
// that trusted it would build on sand: the next power cut would lose it from
// under the batches after it.
TEST_F(JournalTest, ABatchReadFromMemoryAloneIsMadeDurableBeforeTheNext) {
  auto journal = Fresh();
  Append(*journal, "one");
  files_.all_syncs_fail = true;
  ASSERT_TRUE(journal->AddLeaf(base::AsBytes("two")));
  ASSERT_FALSE(journal->SyncNow(keys_.journal).ok());
  files_.EndProcess();

  auto again = Make();
  ASSERT_TRUE(again->Open(kVault, {}).ok());
  Remembering seen;
  ASSERT_TRUE(again->Replay(keys_.journal, {}, seen).ok());
  EXPECT_EQ(seen.leaves, (std::vector<std::string>{"one", "two"}));
  Append(*again, "three");
  std::mt19937 dice(1);
  files_.CutPower(dice);
  EXPECT_EQ(LeavesAfterRestart(),
            (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(JournalTest, ALastBatchThatCannotBeMadeDurableFailsTheUnseal) {
  AppendLetters(*Fresh(), 2);
  files_.EndProcess();
  auto journal = Make();
  ASSERT_TRUE(journal->Open(kVault, {}).ok());
  files_.all_syncs_fail = true;
  Remembering seen;
  EXPECT_EQ(journal->Replay(keys_.journal, {}, seen).error().code, Code::kIo);
  EXPECT_EQ(journal->state(), JournalState::kFailed);
}

// --- A full disk ------------------------------------------------------------

constexpr size_t kLeavesABatch = 200;

// Fills until `kill` appends are refused; the number of batches.
int Fill(Journal& journal, const crypto::JournalKey& key, bool kill) {
  const std::vector<uint8_t> leaf(400, 1);
  int batches = 0;
  while (journal.CanAppend(kill)) {
    size_t leaves = 0;
    while (leaves < kLeavesABatch && journal.CanAppend(kill)) {
      EXPECT_TRUE(journal.AddLeaf(leaf));
      ++leaves;
    }
    EXPECT_TRUE(journal.SyncNow(key).ok());
    ++batches;
  }
  return batches;
}

TEST_F(JournalTest, AFullDiskRefusesOrdinaryLeavesAndKeepsRoomForKills) {
  auto journal = Fresh();
  files_.disk_full = true;
  EXPECT_GT(Fill(*journal, keys_.journal, false), 0);
  EXPECT_EQ(journal->state(), JournalState::kLow);
  EXPECT_EQ(journal->last_errno(), ENOSPC);
  EXPECT_FALSE(journal->CanAppend(false));
  EXPECT_TRUE(journal->CanAppend(true));
  const uint64_t leaves = journal->next_leaf();
  Fill(*journal, keys_.journal, true);
  EXPECT_GT(journal->next_leaf() - leaves, 9500u);
  EXPECT_FALSE(journal->CanAppend(true));
  // The last is the operators'.
  const uint64_t kills = journal->next_leaf();
  while (journal->CanRecord()) {
    EXPECT_TRUE(journal->AddLeaf(std::vector<uint8_t>(400, 1)));
    EXPECT_TRUE(journal->SyncNow(keys_.journal).ok());
  }
  EXPECT_GT(journal->next_leaf() - kills, 300u);
  // Even one that does not ask first is refused, before it is written.
  const std::vector<uint8_t> leaf(base::kLeafBytesMax, 1);
  int more = 0;
  while (journal->AddLeaf(leaf)) ++more;
  EXPECT_LT(more, 3);
  EXPECT_TRUE(journal->SyncNow(keys_.journal).ok());
  EXPECT_LE(journal->bytes(), kJournalStepBytes);
  EXPECT_EQ(files_.Size(kFileA), static_cast<int64_t>(kJournalStepBytes));
  files_.EndProcess();
  EXPECT_EQ(LeavesAfterRestart().size(), journal->next_leaf());
}

TEST_F(JournalTest, RoomThatReturnsIsTaken) {
  auto journal = Fresh();
  files_.disk_full = true;
  Fill(*journal, keys_.journal, false);
  journal->KeepReserve();
  EXPECT_EQ(journal->state(), JournalState::kLow);
  EXPECT_FALSE(journal->CanAppend(false));
  files_.disk_full = false;
  journal->KeepReserve();
  EXPECT_EQ(journal->state(), JournalState::kReady);
  EXPECT_TRUE(journal->CanAppend(false));
  EXPECT_EQ(journal->reserved_bytes(), 2 * kJournalStepBytes);
}

TEST_F(JournalTest, RoomIsReservedAheadWhenHalfIsUsed) {
  auto journal = Fresh();
  const std::vector<uint8_t> leaf(1500, 1);
  while (journal->bytes() < kJournalStepBytes * 5 / 8) {
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(journal->AddLeaf(leaf));
    ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
    EXPECT_GE(journal->reserved_bytes() - journal->bytes(),
              kJournalStepBytes / 2);
  }
  EXPECT_EQ(journal->reserved_bytes(), 2 * kJournalStepBytes);
  files_.EndProcess();
  EXPECT_EQ(LeavesAfterRestart().size(), journal->next_leaf());
}

TEST_F(JournalTest, AVaultUnsealsOnAFullDisk) {
  auto journal = Fresh();
  files_.disk_full = true;
  Fill(*journal, keys_.journal, false);
  files_.EndProcess();
  files_.disk_full = true;
  auto again = Make();
  ASSERT_TRUE(again->Open(kVault, {}).ok());
  Remembering seen;
  ASSERT_TRUE(again->Replay(keys_.journal, {}, seen).ok());
  EXPECT_EQ(again->state(), JournalState::kLow);
  EXPECT_TRUE(again->CanAppend(true));
  EXPECT_FALSE(again->CanAppend(false));
}

}  // namespace
}  // namespace coffer::keeper
