// Power cuts: whatever was acknowledged is there afterwards.
#include <cstdlib>

#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

// Runs processes on one machine whose power is cut again and again, each time
// in the middle of something, and counts what was acknowledged and is gone.
class CrashTest : public JournalTest {
 protected:
  // False when the journal could not be opened.
  bool Reopen(std::unique_ptr<Journal>& journal) {
    journal = Make();
    base::Status opened = journal->Open(kVault, from_);
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().message;
      return false;
    }
    Remembering seen;
    seen.first = from_.leaf;
    base::Status replayed = journal->Replay(keys_.journal, from_, seen);
    if (!replayed.ok()) {
      ADD_FAILURE() << replayed.error().message;
      return false;
    }
    seen.leaves.insert(seen.leaves.begin(), acknowledged_.begin(),
                       acknowledged_.begin() + from_.leaf);
    if (seen.leaves.size() < acknowledged_.size() ||
        !std::equal(acknowledged_.begin(), acknowledged_.end(),
                    seen.leaves.begin())) {
      ++lost_;
    }
    acknowledged_ = seen.leaves;  // what is read back is a fact from now on
    return true;
  }

  // Appends until a call fails or the round is over; leaves the last batch
  // unsynced at random.
  void Work(Journal& journal) {
    for (int batch = dice_() % 4; batch >= 0; --batch) {
      std::vector<std::string> leaves;
      for (size_t i = 1 + dice_() % 3; i > 0; --i) {
        leaves.emplace_back(dice_() % (dice_() % 8 == 0 ? 1500 : 200),
                            static_cast<char>('a' + dice_() % 26));
        ASSERT_TRUE(journal.AddLeaf(base::AsBytes(leaves.back())));
      }
      if (dice_() % 8 == 0) files_.syncs_before_failure = 1;
      if (dice_() % 16 == 0) files_.all_syncs_fail = true;
      if (batch == 0 && dice_() % 2 == 0) return CutWrite(journal);
      if (!journal.SyncNow(keys_.journal).ok()) return;
      acknowledged_.insert(acknowledged_.end(), leaves.begin(), leaves.end());
    }
    if (dice_() % 4 == 0) from_ = journal.durable_position();
  }
  // The power is cut between write and sync.
  void CutWrite(Journal& journal) {
    files_.ForgetFailures();
    files_.cut_at_failed_sync = true;
    files_.all_syncs_fail = true;
    EXPECT_FALSE(journal.SyncNow(keys_.journal).ok());
  }

  std::mt19937 dice_{20260801};
  JournalPosition from_;
  std::vector<std::string> acknowledged_;
  int lost_ = 0;
};

TEST_F(CrashTest, AThousandPowerCutsLoseNothingThatWasAcknowledged) {
  std::unique_ptr<Journal> journal = Fresh();
  // More of them in the long runs.
  const char* told = std::getenv("COFFER_CRASH_IMAGES");
  const int images_max = told == nullptr ? 1000 : std::stoi(told);
  int images = 0;
  while (images < images_max) {
    Work(*journal);
    journal.reset();
    if (dice_() % 4 == 0) {
      files_.EndProcess();
    } else {
      files_.CutPower(dice_);
    }
    files_.Shrink(kFileA);
    ++images;
    ASSERT_TRUE(Reopen(journal)) << "image " << images;
    if (images % 100 == 0) {  // begin anew, so that the files stay small
      files_.file(kFileA) = {};
      files_.file(kFileB) = {};
      from_ = {};
      acknowledged_.clear();
      journal = Fresh();
    }
  }
  EXPECT_EQ(lost_, 0);
}

// The control: acknowledging before the sync must be caught.
TEST_F(CrashTest, AJournalThatSkipsItsSyncIsCaught) {
  class NoSync final : public FileOps {
   public:
    explicit NoSync(FakeFiles& files) : files_(files) {}
    ssize_t Read(int fd, MutableBytes out, uint64_t offset) override {
      return files_.Read(fd, out, offset);
    }
    ssize_t Write(int fd, Bytes bytes, uint64_t offset) override {
      return files_.Write(fd, bytes, offset);
    }
    int DataSync(int) override { return 0; }
    int Reserve(int fd, uint64_t offset, uint64_t bytes) override {
      return files_.Reserve(fd, offset, bytes);
    }
    int64_t Size(int fd) override { return files_.Size(fd); }

   private:
    FakeFiles& files_;
  };
  NoSync files(files_);
  int lost = 0;
  for (int i = 0; i < 20; ++i) {
    files_.file(kFileA) = {};
    files_.file(kFileB) = {};
    Fresh();
    {
      Journal journal(files, kFileA, kFileB, -1);
      ASSERT_TRUE(journal.Open(kVault, {}).ok());
      Remembering seen;
      ASSERT_TRUE(journal.Replay(keys_.journal, {}, seen).ok());
      AppendLetters(journal, 3);
    }
    files_.CutPower(dice_);
    auto journal = Make();
    if (!journal->Open(kVault, {}).ok() || journal->next_leaf() < 3) ++lost;
  }
  EXPECT_GT(lost, 5);
}

}  // namespace
}  // namespace coffer::keeper
