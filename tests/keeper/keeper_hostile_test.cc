// What a gate that means harm cannot have: a replaced record after it kept the
// confirmation back, the kills' room, or operators kept out.
#include <atomic>
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

TEST_F(HostileTest, GateThatNeverPausesKeepsNoOperatorOut) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> batches = 0;
  std::thread gate([&] {
    Batch batch;
    for (int i = 0; i < 64; ++i) batch.Add(Op::kStatus, wire::StatusItem{});
    keeper_.Send(batch);
    while (!stop) {
      keeper_.Send(batch);  // one is always waiting
      if (keeper_.Receive() == nullptr) return;
      ++batches;
    }
    keeper_.Receive();
  });
  while (batches < 100) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(keeper_.Status().state, wire::VaultState::kOperational);
  }
  OperatorReply sealed =
      keeper_.Ask(wire::OperatorOp::kSeal, wire::EmptyQuestion{});
  EXPECT_TRUE(sealed.done()) << sealed.message;
  stop = true;
  gate.join();
  EXPECT_EQ(keeper_.Status().state, wire::VaultState::kSealed);
}

TEST_F(HostileTest, HungUpCallerIsForgottenUnderAGateThatNeverPauses) {
  const KeptLink link = Create();
  const wire::ConnectionId id = caller_.id;
  caller_.client.Reset();
  caller_.gate_side.Reset();
  wire::ReadItem item{id, link.link, link.Stored(false)};
  Rule rule = Rule::kAllowed;
  for (int i = 0; i < 2000 && rule != Rule::kGone; ++i) {
    rule = keeper_.One<wire::ReadAnswer>(Op::kRead, item).rule();
  }
  EXPECT_EQ(rule, Rule::kGone);
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
