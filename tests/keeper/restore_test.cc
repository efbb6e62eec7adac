// Restores as the keeper sees them: judged by the keys in force, durable
// before the store is another one, and nothing taken for gone meanwhile.
#include "tests/keeper/operator_world.h"
#include "tests/keeper/rotation_world.h"
#include "vault/keeper/transfer.h"

namespace coffer::keeper_test {
namespace {

using base::Code;

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() { Operate(); }
  void Operate() {
    wire::Policy policy = TestPolicy();
    policy.destroy_wait_seconds = 0;
    world_.Operate(policy);
  }
  base::Status Ask(uint8_t digest = 1, uint64_t older = 0) {
    wire::RestoreQuestion question;
    question.digest.fill(digest);
    question.keyring_generation = world_.vault().keyring_generation() - older;
    wire::RestoreAnswer answer;
    keeper::Transfer transfer(world_.parts->shared);
    return transfer.Restore(question, 0, answer);
  }
  Rule Adopted(uint8_t digest = 1, bool adopted = true) {
    wire::AdoptedItem item;
    item.digest.fill(digest);
    item.adopted = adopted;
    return world_.One<wire::EmptyAnswer>(Op::kAdopted, item).rule();
  }

  RotationWorld world_;
};

TEST_F(RestoreTest, JudgedUnderOtherKeysIsRefused) {
  base::Status refused = Ask(1, 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_FALSE(world_.vault().adoption().under_way());
  ASSERT_TRUE(Ask().ok());
  EXPECT_TRUE(world_.vault().adoption().under_way());
  // Who asked goes on asking, whatever becomes of the keys.
  ASSERT_TRUE(world_.vault().WriteKeys().ok());
  EXPECT_TRUE(Ask(1, 1).ok());
}

TEST_F(RestoreTest, GenerationStaysWhatItWas) {
  const uint64_t before = world_.vault().keyring_generation();
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(world_.vault().keyring_generation(), before);
}

// Killed between the exchange of the files and the gate's word of it.
TEST_F(RestoreTest, SweptKeysAreWalkedAgainAfterAKill) {
  ASSERT_TRUE(world_.Change(wire::InstitutionAction::kWithdraw).ok());
  world_.Walk();
  ASSERT_TRUE(world_.Version(1)->swept);
  EXPECT_TRUE(world_.Work().fields.rows.empty());
  ASSERT_TRUE(Ask().ok());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_FALSE(world_.Version(1)->swept);
  EXPECT_FALSE(world_.Work().fields.rows.empty());
}

TEST_F(RestoreTest, NothingIsTakenForGoneWhileItIsUnderWay) {
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Work();
  const wire::KeyId old = world_.Version(1)->id;
  ASSERT_TRUE(Ask().ok());
  EXPECT_EQ(world_.Drain(old), Rule::kKeyNotToRewrap);
  world_.Work();
  EXPECT_FALSE(world_.keys().Destroy({old, false}, 0).ok());
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  ASSERT_EQ(Adopted(), Rule::kAllowed);
  EXPECT_FALSE(world_.Version(1)->counted);
  EXPECT_EQ(world_.Drain(old), Rule::kAllowed);
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
}

TEST_F(RestoreTest, PlansAndAgeWaitForIt) {
  wire::Policy policy = TestPolicy();
  policy.destroy_wait_seconds = 100;
  policy.institutions[1].rotate_seconds = 100;
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Work();
  ASSERT_TRUE(world_.keys().Destroy({world_.Version(1)->id, false}, 0).ok());
  ASSERT_TRUE(Ask().ok());
  world_.clock.Advance(200);
  world_.Work();
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  EXPECT_EQ(world_.Version(2, "jpmorgan"), nullptr);
  ASSERT_EQ(Adopted(1, false), Rule::kAllowed);
  world_.clock.Advance(2);
  world_.Work();
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_NE(world_.Version(2, "jpmorgan"), nullptr);
}

TEST_F(RestoreTest, StateThatCannotBeWrittenBringsNothingIn) {
  world_.files.writes_before_failure = 2;
  EXPECT_FALSE(Ask().ok());
  world_.files.writes_before_failure = 0;
  EXPECT_EQ(world_.vault().state(), wire::VaultState::kError);
  EXPECT_FALSE(world_.vault().adoption().under_way());
}

}  // namespace
}  // namespace coffer::keeper_test
