// What a gate that means harm cannot have: a replaced record after it kept the
// confirmation back, the kills' room, or operators kept out.
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/keeper/keeper_fixture.h"

namespace coffer::keeper_test {
namespace {

class HostileTest : public KeeperFixture {};

TEST_F(HostileTest, WithheldConfirmationEndsWhenTheNewRecordIsSeen) {
  const KeptLink old = Create();
  auto replaced = ReplaceConsent(old, TestConsent(), 1);
  ASSERT_TRUE(replaced.allowed());
  const KeptLink now(replaced.fields);
  EXPECT_TRUE(Read(old).allowed());  // nothing says yet which one is stored
  EXPECT_TRUE(Read(now).allowed());
  EXPECT_EQ(Read(old).rule(), Rule::kRecordStale);
}

TEST_F(HostileTest, ConfirmationLostInACrashEndsWhenTheNewRecordIsSeen) {
  const KeptLink old = Create();
  auto replaced = ReplaceToken(old, "second", 1);
  ASSERT_TRUE(replaced.allowed());
  const KeptLink now(replaced.fields);
  Restart();
  EXPECT_TRUE(Read(now).allowed());
  EXPECT_EQ(Read(old).rule(), Rule::kRecordStale);
  Restart();
  EXPECT_EQ(Read(old).rule(), Rule::kRecordStale);
}

// A gate that always has another batch waiting and drains every answer, for
// some seconds. Whoever is served meanwhile was not kept out.
class Flood {
 public:
  Flood(KeeperProcess& keeper, const Batch& batch)
      : writer_([this, &keeper, &batch] { Write(keeper, batch); }),
        reader_([this, &keeper] { Drain(keeper); }) {
    while (drained_ < 4 << 20) std::this_thread::yield();
  }
  ~Flood() {
    stop_ = true;
    writer_.join();
    keeper_done_ = true;
    reader_.join();
  }
  bool over() const { return over_; }

 private:
  void Write(KeeperProcess& keeper, const Batch& batch) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    while (!stop_ && std::chrono::steady_clock::now() < end) {
      std::vector<uint8_t> frames;
      for (int i = 0; i < 2000; ++i) {
        const std::vector<uint8_t> frame = keeper.Frame(batch);
        frames.insert(frames.end(), frame.begin(), frame.end());
      }
      keeper.SendRaw(frames);
    }
    over_ = true;
    // One answer more than nothing wakes the reader a last time.
    keeper.Send(batch);
  }
  void Drain(KeeperProcess& keeper) {
    std::vector<uint8_t> bytes(1 << 20);
    while (!keeper_done_) drained_ += keeper.ReceiveRaw(bytes);
  }

  std::atomic<bool> stop_ = false;
  std::atomic<bool> over_ = false;
  std::atomic<bool> keeper_done_ = false;
  std::atomic<uint64_t> drained_ = 0;
  std::thread writer_;
  std::thread reader_;
};

TEST_F(HostileTest, GateThatNeverPausesKeepsNoOperatorOut) {
  Batch batch;
  batch.Add(Op::kStatus, wire::StatusItem{});
  Flood flood(keeper_, batch);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(keeper_.Status().state, wire::VaultState::kOperational);
  }
  EXPECT_FALSE(flood.over()) << "an operator waited for the gate to pause";
}

TEST_F(HostileTest, AcceptedClockVoidsEarlierTokens) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  ASSERT_TRUE(keeper_.Ask(wire::OperatorOp::kClockAccept, wire::EmptyQuestion{})
                  .done());
  As("connector");
  EXPECT_EQ(Redeem(token, link).rule(), Rule::kTokenNotAuthentic);
}

}  // namespace
}  // namespace coffer::keeper_test
