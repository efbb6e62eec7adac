// What a gate that means harm cannot have: a replaced record whose confirmation
// it kept back, or tokens from before the clock was set.
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
