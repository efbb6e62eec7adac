// The second thread: on real files, with an event descriptor.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

class ThreadTest : public testing::Test {
 protected:
  ThreadTest()
      : fd_a_(memfd_create("journal-0", MFD_CLOEXEC)),
        fd_b_(memfd_create("journal-1", MFD_CLOEXEC)),
        event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~ThreadTest() override {
    close(fd_a_);
    close(fd_b_);
    close(event_);
  }
  void Prepare(Journal& journal) {
    ASSERT_TRUE(journal.OpenEmpty().ok());
    ASSERT_TRUE(journal.StartThread().ok());
    ASSERT_TRUE(journal.Create(kVault).ok());
    Remembering none;
    ASSERT_TRUE(journal.Replay(keys_.journal, {}, none).ok());
  }
  // Waits for the event, empties it and polls.
  JournalCompletion Await(Journal& journal) {
    pollfd ready{event_, POLLIN, 0};
    EXPECT_EQ(poll(&ready, 1, 10000), 1);
    uint64_t count = 0;
    EXPECT_EQ(read(event_, &count, sizeof count), 8);
    return journal.Poll();
  }
  bool EventIsSet() {
    pollfd ready{event_, POLLIN, 0};
    return poll(&ready, 1, 0) == 1;
  }

  TestKeys keys_;
  SystemFileOps system_;
  FakeFiles fake_;
  int fd_a_;
  int fd_b_;
  int event_;
};

TEST_F(ThreadTest, BatchesAreFilledWhileTheOneBeforeIsSynced) {
  constexpr uint64_t kBatches = 400;
  {
    Journal journal(system_, fd_a_, fd_b_, event_);
    Prepare(journal);
    for (uint64_t batch = 1; batch <= kBatches; ++batch) {
      for (uint64_t i = 0; i < batch % 7 + 1; ++i) {
        ASSERT_TRUE(journal.AddLeaf(
            base::AsBytes(std::to_string(journal.next_leaf()))));
      }
      if (journal.in_flight()) {
        EXPECT_EQ(Await(journal).sequence, batch - 1);
      }
      ASSERT_FALSE(journal.in_flight());
      EXPECT_EQ(journal.Submit(keys_.journal), batch);
      EXPECT_TRUE(journal.empty());
    }
    JournalCompletion last = Await(journal);
    EXPECT_EQ(last.kind, JournalCompletion::Kind::kSynced);
    EXPECT_EQ(last.sequence, kBatches);
    EXPECT_EQ(journal.Poll().kind, JournalCompletion::Kind::kNone);
    EXPECT_FALSE(EventIsSet());
  }
  Journal journal(system_, fd_a_, fd_b_, -1);
  ASSERT_TRUE(journal.Open(kVault, {}).ok());
  Remembering seen;
  ASSERT_TRUE(journal.Replay(keys_.journal, {}, seen).ok());
  for (size_t i = 0; i < seen.leaves.size(); ++i) {
    ASSERT_EQ(seen.leaves[i], std::to_string(i));
  }
  EXPECT_EQ(seen.leaves.size(), journal.next_leaf());
}

TEST_F(ThreadTest, NothingIsToldBeforeTheSyncHasEnded) {
  class Waiting final : public FileOps {
   public:
    ssize_t Read(int fd, MutableBytes out, uint64_t offset) override {
      return files.Read(fd, out, offset);
    }
    ssize_t Write(int fd, Bytes bytes, uint64_t offset) override {
      return files.Write(fd, bytes, offset);
    }
    int DataSync(int fd) override {
      while (held) usleep(100);
      return files.DataSync(fd);
    }
    int Reserve(int fd, uint64_t offset, uint64_t bytes) override {
      return files.Reserve(fd, offset, bytes);
    }
    int64_t Size(int fd) override { return files.Size(fd); }
    FakeFiles files;
    std::atomic<bool> held{false};
  } waiting;
  Journal journal(waiting, kFileA, kFileB, event_);
  Prepare(journal);
  waiting.held = true;
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("one")));
  journal.Submit(keys_.journal);
  usleep(20000);
  EXPECT_FALSE(EventIsSet());
  EXPECT_EQ(journal.Poll().kind, JournalCompletion::Kind::kNone);
  EXPECT_TRUE(journal.in_flight());
  EXPECT_EQ(journal.durable_position().sequence, 0u);
  EXPECT_TRUE(journal.AddLeaf(base::AsBytes("two")));
  waiting.held = false;
  EXPECT_EQ(Await(journal).sequence, 1u);
  EXPECT_EQ(journal.durable_position().leaf, 1u);
}

TEST_F(ThreadTest, SyncNowWaitsForTheBatchInFlightAndPollReportsBoth) {
  Journal journal(system_, fd_a_, fd_b_, event_);
  Prepare(journal);
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("one")));
  EXPECT_EQ(journal.Submit(keys_.journal), 1u);
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("two")));
  ASSERT_TRUE(journal.SyncNow(keys_.journal).ok());
  EXPECT_FALSE(journal.in_flight());
  EXPECT_EQ(journal.durable_position().sequence, 2u);
  EXPECT_EQ(Await(journal).sequence, 2u);
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("three")));
  EXPECT_EQ(journal.Submit(keys_.journal), 3u);
  journal.WaitIdle();
  EXPECT_EQ(journal.durable_position().sequence, 3u);
  EXPECT_EQ(journal.Poll().sequence, 3u);
}

TEST_F(ThreadTest, TheKeyMayGoAsSoonAsSubmitHasReturned) {
  Journal journal(system_, fd_a_, fd_b_, event_);
  Prepare(journal);
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("one")));
  {
    auto arena = std::move(base::SecretArena::Create(1)).value();
    crypto::JournalKey key(*arena);
    crypto::RandomKey(key);
    journal.Submit(key);
  }
  EXPECT_EQ(Await(journal).kind, JournalCompletion::Kind::kSynced);
}

TEST_F(ThreadTest, AFailedBatchIsToldAndNothingAfterItIsTaken) {
  Journal journal(fake_, kFileA, kFileB, event_);
  Prepare(journal);
  fake_.syncs_before_failure = 1;
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("one")));
  journal.Submit(keys_.journal);
  EXPECT_EQ(Await(journal).kind, JournalCompletion::Kind::kSynced);
  EXPECT_EQ(journal.durable_position().last_offset, 2 * kJournalBlockBytes);
  fake_.all_syncs_fail = true;
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("two")));
  journal.Submit(keys_.journal);
  ASSERT_TRUE(journal.AddLeaf(base::AsBytes("three")));
  EXPECT_EQ(Await(journal).kind, JournalCompletion::Kind::kFailed);
  EXPECT_EQ(journal.state(), JournalState::kFailed);
  EXPECT_FALSE(journal.AddLeaf(base::AsBytes("four")));
  EXPECT_EQ(journal.durable_position().sequence, 1u);
}

TEST_F(ThreadTest, TheThreadReservesRoomAheadAndAgainWhenAsked) {
  Journal journal(fake_, kFileA, kFileB, event_);
  Prepare(journal);
  const std::vector<uint8_t> leaf(1500, 1);
  fake_.disk_full = true;
  while (journal.CanAppend(false)) {
    while (journal.AddLeaf(leaf) && journal.CanAppend(false)) {
    }
    journal.Submit(keys_.journal);
    EXPECT_EQ(Await(journal).kind, JournalCompletion::Kind::kSynced);
  }
  journal.StopThread();  // so that the fake may be changed
  EXPECT_EQ(journal.state(), JournalState::kLow);
  fake_.disk_full = false;
  ASSERT_TRUE(journal.StartThread().ok());
  journal.KeepReserve();
  for (int i = 0; i < 1000 && !journal.CanAppend(false); ++i) usleep(1000);
  EXPECT_TRUE(journal.CanAppend(false));
  EXPECT_EQ(journal.state(), JournalState::kReady);
}

TEST_F(ThreadTest, ATailIsReadWhileABatchIsInFlight) {
  Journal journal(system_, fd_a_, fd_b_, event_);
  Prepare(journal);
  std::vector<uint8_t> space(4096);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(journal.AddLeaf(base::AsBytes(std::to_string(i))));
    journal.Submit(keys_.journal);
    wire::TailAnswer answer;
    ASSERT_TRUE(journal.ReadTail(wire::kNoLeaf, 3, space, answer).ok());
    EXPECT_EQ(answer.next, static_cast<uint64_t>(i));
    EXPECT_EQ(answer.leaves.size, std::min(i, 3));
    EXPECT_EQ(Await(journal).sequence, static_cast<uint64_t>(i) + 1);
  }
}

}  // namespace
}  // namespace coffer::keeper
