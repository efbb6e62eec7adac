#include "vault/keeper/journal.h"

#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Status;

TEST_F(JournalTest, LeavesAndChangesComeBackInOrderAfterARestart) {
  {
    auto journal = Fresh();
    EXPECT_EQ(journal->next_leaf(), 0u);
    ASSERT_TRUE(journal->AddLeaf(base::AsBytes("one")));
    ASSERT_TRUE(journal->AddChange(base::AsBytes("x")));
    ASSERT_TRUE(journal->AddLeaf(base::AsBytes("two")));
    EXPECT_EQ(journal->next_leaf(), 2u);
    ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
    ASSERT_TRUE(journal->AddChange(base::AsBytes("y")));
    ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
    Append(*journal, "three");
    EXPECT_EQ(journal->next_leaf(), 3u);
  }
  files_.EndProcess();
  auto journal = Make();
  ASSERT_TRUE(journal->Open(kVault, {}).ok());
  EXPECT_EQ(journal->next_leaf(), 3u);
  EXPECT_EQ(journal->state(), JournalState::kScanned);
  Remembering seen;
  ASSERT_TRUE(journal->Replay(keys_.journal, {}, seen).ok());
  EXPECT_EQ(seen.order,
            (std::vector<std::string>{"leaf one", "change x", "leaf two",
                                      "change y", "leaf three"}));
  EXPECT_EQ(journal->state(), JournalState::kReady);
  EXPECT_TRUE(journal->CanAppend(false));
}

TEST_F(JournalTest, AReplayGoesOnFromAPosition) {
  auto journal = Fresh();
  AppendLetters(*journal, 3);
  const JournalPosition position = journal->durable_position();
  EXPECT_EQ(position.leaf, 3u);
  AppendLetters(*journal, 2);
  files_.EndProcess();
  EXPECT_EQ(LeavesAfterRestart(position),
            (std::vector<std::string>{"a", "bb"}));
  EXPECT_EQ(LeavesAfterRestart(journal->durable_position()),
            std::vector<std::string>{});
}

TEST_F(JournalTest, AReplayAfterASealFindsWhatWasAppended) {
  auto journal = Fresh();
  AppendLetters(*journal, 4);
  Remembering seen;
  ASSERT_TRUE(journal->Replay(keys_.journal, {}, seen).ok());
  EXPECT_EQ(seen.leaves, Letters(4));
  Append(*journal, "more");
  EXPECT_EQ(journal->next_leaf(), 5u);
}

TEST_F(JournalTest, AppendingGoesOnAfterARestart) {
  AppendLetters(*Fresh(), 2);
  files_.EndProcess();
  for (int i = 0; i < 3; ++i) {
    auto journal = Make();
    Remembering seen;
    ASSERT_TRUE(journal->Open(kVault, {}).ok());
    ASSERT_TRUE(journal->Replay(keys_.journal, {}, seen).ok());
    EXPECT_EQ(seen.leaves.size(), 2u + static_cast<size_t>(i));
    Append(*journal, "again");
    files_.EndProcess();
  }
  EXPECT_EQ(LeavesAfterRestart().size(), 5u);
}

TEST_F(JournalTest, AnEmptyBatchIsNeverWritten) {
  auto journal = Fresh();
  const int writes = files_.writes;
  EXPECT_TRUE(journal->empty());
  EXPECT_TRUE(journal->SyncNow(keys_.journal).ok());
  EXPECT_EQ(files_.writes, writes);
  EXPECT_EQ(journal->Poll().kind, JournalCompletion::Kind::kNone);
  EXPECT_EQ(journal->durable_position().sequence, 0u);
}

TEST_F(JournalTest, ABatchHoldsEveryItemOfTheGatesLargestBatch) {
  auto journal = Fresh();
  const std::vector<uint8_t> leaf(base::kLeafBytesMax, 7);
  const std::vector<uint8_t> change(kChangeBytesMax, 8);
  for (size_t i = 0; i < base::kBatchItemsMax; ++i) {
    ASSERT_TRUE(journal->CanAppend(false)) << i;
    ASSERT_TRUE(journal->AddLeaf(leaf) && journal->AddChange(change) &&
                journal->AddChange(change))
        << i;
  }
  size_t more = 0;
  while (journal->AddLeaf(leaf)) ++more;
  EXPECT_GE(more, 32u);
  EXPECT_FALSE(journal->CanAppend(true));
  ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
  EXPECT_TRUE(journal->CanAppend(false));
  files_.EndProcess();
  EXPECT_EQ(LeavesAfterRestart().size(), base::kBatchItemsMax + more);
}

TEST_F(JournalTest, ShortReadsAndWritesAreGoneOnWith) {
  files_.short_calls = true;
  AppendLetters(*Fresh(), 20);
  files_.EndProcess();
  files_.short_calls = true;
  EXPECT_EQ(LeavesAfterRestart(), Letters(20));
}

// --- What is refused at start -----------------------------------------------

TEST_F(JournalTest, ATornLastBatchIsCutAtEveryByteAndAppendingResumesThere) {
  AppendLetters(*Fresh(), 3);
  const std::vector<uint8_t> before = a();
  {
    auto journal = Make();
    Remembering seen;
    ASSERT_TRUE(journal->Open(kVault, {}).ok());
    ASSERT_TRUE(journal->Replay(keys_.journal, {}, seen).ok());
    Append(*journal, "the last one");
  }
  const std::vector<uint8_t> after = a();
  for (size_t size = before.size(); size < after.size(); ++size) {
    for (const uint8_t garbage : {uint8_t{0}, uint8_t{0xff}}) {
      a() = after;
      std::fill(a().begin() + size, a().end(), garbage);
      const bool padding_only =
          garbage == 0 &&
          std::equal(a().begin(), a().end(), after.begin(), after.end());
      files_.Shrink(kFileA);
      auto journal = Make();
      Remembering seen;
      ASSERT_TRUE(journal->Open(kVault, {}).ok()) << size;
      ASSERT_TRUE(journal->Replay(keys_.journal, {}, seen).ok());
      ASSERT_EQ(seen.leaves.size(), padding_only ? 4u : 3u) << size;
      Append(*journal, "instead");
      if (size % 16 == 0) {
        std::vector<std::string> leaves = LeavesAfterRestart();
        EXPECT_EQ(leaves.back(), "instead");
        EXPECT_EQ(leaves.size(), seen.leaves.size() + 1);
      }
    }
  }
}

TEST_F(JournalTest, AFlippedByteInAnyEarlierBatchIsRefused) {
  auto journal = Fresh();
  AppendLetters(*journal, 3);
  const size_t last = a().size();
  Append(*journal, "the last one");
  files_.Shrink(kFileA);
  const std::vector<uint8_t> good = a();
  for (size_t i = kJournalHeaderBytes; i < last; ++i) {
    a()[i] ^= 0x10;
    std::string message;
    ASSERT_EQ(OpenFault(&message), Code::kDamaged) << i;
    EXPECT_EQ(message,
              "journal-0: damaged before its end; restore it from a copy");
    a() = good;
  }
  EXPECT_EQ(OpenFault(), Code{0});
}

TEST_F(JournalTest, ABatchMissingFromTheMiddleIsRefused) {
  auto journal = Fresh();
  Append(*journal, "one");
  const size_t second = a().size();
  Append(*journal, "two");
  const size_t third = a().size();
  Append(*journal, "six");
  files_.Shrink(kFileA);
  const std::vector<uint8_t> good = a();
  a().erase(a().begin() + second, a().begin() + third);
  EXPECT_EQ(OpenFault(), Code::kDamaged);
  a() = good;
  std::fill(a().begin() + second, a().begin() + third, 0);
  EXPECT_EQ(OpenFault(), Code::kDamaged);
  a() = good;  // two batches swapped
  std::swap_ranges(a().begin() + second, a().begin() + third,
                   a().begin() + third);
  EXPECT_EQ(OpenFault(), Code::kDamaged);
}

TEST_F(JournalTest, AMissingBatchOfChangesAloneIsRefused) {
  auto journal = Fresh();
  size_t ends[4] = {a().size()};
  for (int i = 1; i < 4; ++i) {
    ASSERT_TRUE(journal->AddChange(base::AsBytes("change")));
    ASSERT_TRUE(journal->SyncNow(keys_.journal).ok());
    ends[i] = a().size();
  }
  a().erase(a().begin() + ends[1], a().begin() + ends[2]);
  EXPECT_EQ(OpenFault(), Code::kDamaged);
}

// Whole by its checksum, and yet nothing that was ever written.
TEST_F(JournalTest, ABatchWhoseHeadIsUntrueIsNoBatch) {
  AppendLetters(*Fresh(), 2);
  files_.Shrink(kFileA);
  const std::vector<uint8_t> good = a();
  const size_t last = kJournalHeaderBytes + BatchBytes(3 + 1);
  BatchHead head;
  base::Decoder decoder(Bytes(a()).subspan(last));
  BatchHead::Fields(decoder, head);
  for (int part = 0; part < 6; ++part) {
    BatchHead untrue = head;
    if (part == 0) untrue.leaves = 0;
    if (part == 1) untrue.changes = 1;
    if (part == 2) untrue.tree_size += 1;
    if (part == 3) untrue.first_leaf += 1, untrue.tree_size += 1;
    if (part == 4) untrue.file = 1;
    if (part == 5) untrue.leaves = 2, untrue.tree_size += 1;
    base::Encoder encoder(MutableBytes(a()).subspan(last));
    encoder.Struct(untrue);
    Recompute(a(), last);
    auto journal = Make();
    if (part == 3) {
      EXPECT_EQ(journal->Open(kVault, {}).error().code, Code::kDamaged);
    } else {
      ASSERT_TRUE(journal->Open(kVault, {}).ok());
      EXPECT_EQ(journal->next_leaf(), 1u) << part;
    }
    a() = good;
  }
}

TEST_F(JournalTest, BatchesOfAnotherVaultAreNotTakenUnderThisVaultsHeader) {
  AppendLetters(*Fresh(), 2);
  for (int fd : {kFileA, kFileB}) {
    JournalFileHeader header;
    EncodeJournalHeader(header, static_cast<uint8_t>(fd - kFileA), VaultId{9});
    ASSERT_TRUE(WriteAll(files_, fd, header, 0));
  }
  auto journal = Make();
  ASSERT_TRUE(journal->Open(VaultId{9}, {}).ok());
  EXPECT_EQ(journal->next_leaf(), 0u);
}

TEST_F(JournalTest, AJournalShorterThanTheStateFileRemembersIsRefused) {
  auto journal = Fresh();
  AppendLetters(*journal, 2);
  const JournalPosition early = journal->durable_position();
  const std::vector<uint8_t> yesterday = a();
  AppendLetters(*journal, 2);
  const JournalPosition position = journal->durable_position();
  EXPECT_EQ(OpenFault(nullptr, early), Code{0});
  EXPECT_EQ(OpenFault(nullptr, position), Code{0});
  a() = yesterday;
  std::string message;
  EXPECT_EQ(OpenFault(&message, position), Code::kDamaged);
  EXPECT_NE(message.find("journal-0: ends before keeper.state"),
            std::string::npos);
}

TEST_F(JournalTest, AJournalOfAnotherHistoryIsRefused) {
  auto journal = Fresh();
  AppendLetters(*journal, 3);
  JournalPosition position = journal->durable_position();
  for (int part = 0; part < 6; ++part) {
    JournalPosition wrong = position;
    if (part == 0) wrong.mac[5] ^= 1;
    if (part == 1) wrong.leaf += 1;
    if (part == 2) wrong.sequence -= 1;
    if (part == 3) wrong.offset += 4;
    if (part == 4) wrong.last_offset += 8;
    if (part == 5) wrong.offset = uint64_t{1} << 40;
    EXPECT_EQ(OpenFault(nullptr, wrong), Code::kDamaged) << part;
  }
  position.file = 1;
  EXPECT_EQ(OpenFault(nullptr, position), Code::kNewerFormat);
  JournalPosition start;
  start.leaf = 3;
  EXPECT_EQ(OpenFault(nullptr, start), Code::kDamaged);
}

TEST_F(JournalTest, EveryFlippedByteOfAFileHeaderIsRefused) {
  AppendLetters(*Fresh(), 1);
  files_.Shrink(kFileA);
  for (int fd : {kFileA, kFileB}) {
    std::vector<uint8_t>& bytes = files_.file(fd).cache;
    for (size_t i = 0; i < kJournalHeaderBytes; ++i) {
      bytes[i] ^= 1;
      std::string message;
      const Code code = OpenFault(&message);
      EXPECT_EQ(code, i < 8 ? Code::kInvalid : Code::kDamaged) << i;
      EXPECT_EQ(message.substr(0, 11),
                fd == kFileA ? "journal-0: " : "journal-1: ");
      bytes[i] ^= 1;
    }
  }
  EXPECT_EQ(OpenFault(), Code{0});
}

TEST_F(JournalTest, AJournalOfAnotherVaultIsRefused) {
  AppendLetters(*Fresh(), 1);
  Status opened = Make()->Open(VaultId{9}, {});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kInvalid);
  EXPECT_STREQ(opened.error().message,
               "journal-0: of another vault; restore this vault's own");
}

TEST_F(JournalTest, TheTwoFilesCannotBeExchanged) {
  AppendLetters(*Fresh(), 1);
  std::swap(files_.file(kFileA), files_.file(kFileB));
  EXPECT_EQ(OpenFault(), Code::kInvalid);
}

TEST_F(JournalTest, AnEmptyJournalBesideAnInitialisedVaultIsRefused) {
  EXPECT_NE(OpenFault(), Code{0});
}

TEST_F(JournalTest, ASecondFileInUseIsRefusedAsNewer) {
  AppendLetters(*Fresh(), 1);
  files_.file(kFileB).size += 8;
  std::string message;
  EXPECT_EQ(OpenFault(&message), Code::kNewerFormat);
  EXPECT_EQ(message, "journal-1: in use, by a newer coffer; use that version");
}

// Raises the format byte and makes the checksum right again.
void MakeNewerHeader(std::vector<uint8_t>& bytes) {
  bytes[8] = kJournalFormat + 1;
  ByteArray<32> checksum;
  crypto::Hash(checksum, "coffer journal file",
               {Bytes(bytes).first(kJournalHeaderBytes - 32)});
  std::copy(checksum.begin(), checksum.end(),
            bytes.begin() + kJournalHeaderBytes - 32);
}

TEST_F(JournalTest, ALaterFormatIsRefusedByName) {
  AppendLetters(*Fresh(), 2);
  const std::vector<uint8_t> good = a();
  MakeNewerHeader(a());
  std::string message;
  EXPECT_EQ(OpenFault(&message), Code::kNewerFormat);
  EXPECT_EQ(message, "journal-0: written by a newer coffer; use that version");
  a() = good;
  a()[kJournalHeaderBytes + 4] = kJournalFormat + 1;
  Recompute(a(), kJournalHeaderBytes);
  EXPECT_EQ(OpenFault(&message), Code::kNewerFormat);
  EXPECT_EQ(message, "journal-0: written by a newer coffer; use that version");
  a() = good;
  MakeNewerHeader(files_.file(kFileB).cache);
  EXPECT_EQ(OpenFault(&message), Code::kNewerFormat);
  EXPECT_EQ(message, "journal-1: written by a newer coffer; use that version");
}

TEST_F(JournalTest, AReadThatFailsIsNoTornTail) {
  AppendLetters(*Fresh(), 2);
  for (int n = 1; n < 8; ++n) {
    files_.reads_before_failure = n;
    const Code code = OpenFault();
    if (files_.reads_before_failure > 0) break;
    EXPECT_EQ(code, Code::kIo) << n;
  }
}

// --- The uninitialised vault ------------------------------------------------

TEST_F(JournalTest, RemainsOfAnUnfinishedCreateAreWrittenOver) {
  for (int n = 1; n < 8; ++n) {
    files_.writes_before_failure = n % 2 == 0 ? n / 2 : 0;
    files_.syncs_before_failure = n % 2 == 1 ? n / 2 + 1 : 0;
    auto journal = Make();
    ASSERT_TRUE(journal->OpenEmpty().ok());
    (void)journal->Create(VaultId{static_cast<uint8_t>(n)});
    files_.EndProcess();
  }
  AppendLetters(*Fresh(), 2);
  files_.EndProcess();
  EXPECT_EQ(LeavesAfterRestart(), Letters(2));
}

TEST_F(JournalTest, AJournalWithLeavesIsNeverTakenForAnEmptyOne) {
  AppendLetters(*Fresh(), 1);
  std::vector<uint8_t> good = a();
  for (bool header_damaged : {false, true}) {
    if (header_damaged) a()[100] ^= 1;
    Status opened = Make()->OpenEmpty();
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, Code::kConflict);
    EXPECT_STREQ(opened.error().message,
                 "journal-0: holds leaves, but keeper.state is empty: "
                 "zeroized, or lost; restore keeper/, or move keeper/ and "
                 "store/ away and begin anew");
  }
  a() = good;
  files_.file(kFileB).cache.resize(5000, 1);
  files_.file(kFileB).size = 5000;
  a().resize(kJournalHeaderBytes);
  EXPECT_EQ(Make()->OpenEmpty().error().code, Code::kConflict);
  a() = std::vector<uint8_t>(4096, 'x');
  EXPECT_EQ(Make()->OpenEmpty().error().code, Code::kInvalid);
}

TEST_F(JournalTest, CreateFailsWhenNoRoomCanBeReserved) {
  files_.disk_full = true;
  auto journal = Make();
  ASSERT_TRUE(journal->OpenEmpty().ok());
  EXPECT_EQ(journal->Create(kVault).error().code, Code::kFull);
  files_.disk_full = false;
  EXPECT_TRUE(journal->Create(kVault).ok());
}

// --- What only the key can tell ---------------------------------------------

TEST_F(JournalTest, ABatchByAnotherKeyIsDenied) {
  AppendLetters(*Fresh(), 2);
  auto journal = Make();
  ASSERT_TRUE(journal->Open(kVault, {}).ok());
  Remembering seen;
  Status replayed = journal->Replay(keys_.other, {}, seen);
  ASSERT_FALSE(replayed.ok());
  EXPECT_EQ(replayed.error().code, Code::kDenied);
  EXPECT_STREQ(replayed.error().message, "journal: a batch is not authentic");
  EXPECT_TRUE(seen.order.empty());
  EXPECT_EQ(journal->state(), JournalState::kScanned);
}

// A thief who can write the file and compute checksums, but has no key.
TEST_F(JournalTest, AForgedBatchIsDenied) {
  AppendLetters(*Fresh(), 3);
  const std::vector<uint8_t> good = a();
  uint64_t offset = kJournalHeaderBytes;
  for (int n = 0; n < 3; ++n) {
    a()[offset + kBatchPayloadOffset + 3] ^= 1;  // another letter
    const uint64_t size = Recompute(a(), offset);
    auto journal = Make();
    ASSERT_TRUE(journal->Open(kVault, {}).ok());
    Remembering seen;
    EXPECT_EQ(journal->Replay(keys_.journal, {}, seen).error().code,
              Code::kDenied);
    EXPECT_EQ(seen.leaves.size(), static_cast<size_t>(n));
    a() = good;
    a()[offset + kBatchHeadBytes + 32] ^= 1;  // the MAC itself
    Recompute(a(), offset);
    auto again = Make();
    ASSERT_TRUE(again->Open(kVault, {}).ok());
    Remembering none;
    EXPECT_EQ(again->Replay(keys_.journal, {}, none).error().code,
              Code::kDenied);
    a() = good;
    offset += size;
  }
}

TEST_F(JournalTest, AReplayFromAnUntrueMacIsDenied) {
  auto journal = Fresh();
  AppendLetters(*journal, 2);
  JournalPosition position = journal->durable_position();
  AppendLetters(*journal, 1);
  auto again = Make();
  ASSERT_TRUE(again->Open(kVault, {}).ok());
  position.mac[0] ^= 1;
  Remembering seen;
  EXPECT_EQ(again->Replay(keys_.journal, position, seen).error().code,
            Code::kDenied);
  JournalPosition end = journal->durable_position();
  end.mac[0] ^= 1;
  EXPECT_EQ(again->Replay(keys_.journal, end, seen).error().code,
            Code::kDenied);
  end.sequence += 1;
  EXPECT_EQ(again->Replay(keys_.journal, end, seen).error().code,
            Code::kDenied);
}

TEST_F(JournalTest, AnErrorOfTheVisitorEndsTheReplay) {
  class Refusing final : public JournalVisitor {
   public:
    Status OnLeaf(uint64_t, Bytes) override {
      ++calls;
      return base::Fail(Code::kInvalid, "no");
    }
    Status OnChange(Bytes) override { return {}; }
    int calls = 0;
  };
  AppendLetters(*Fresh(), 3);
  auto journal = Make();
  ASSERT_TRUE(journal->Open(kVault, {}).ok());
  Refusing visitor;
  EXPECT_EQ(journal->Replay(keys_.journal, {}, visitor).error().code,
            Code::kInvalid);
  EXPECT_EQ(visitor.calls, 1);
  EXPECT_EQ(journal->state(), JournalState::kScanned);
}

}  // namespace
}  // namespace coffer::keeper
