// The signing keys' rotation: what was signed stays good as long as it lives,
// private halves go when they may not be needed any more.
#include <gtest/gtest.h>

#include "crypto/ed25519.h"
#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

using keeper::SigningEntry;
using keeper::SigningUse;
using wire::RotateTarget;

class SignersTest : public testing::Test {
 protected:
  SignersTest() {
    world_.Operate();
    link_ = world_.Add();
  }
  std::string PublicToken() {
    wire::IssueItem item = TestIssue(world_.caller, link_);
    item.format = wire::TokenFormat::kPublic;
    auto issued = world_.One<wire::IssueAnswer>(Op::kIssue, item);
    COFFER_CHECK(issued.allowed());
    return std::string(issued.fields.token);
  }
  bool Redeems(const std::string& token) {
    return world_.Redeem(token, link_).allowed();
  }
  Reply<wire::KeysAnswer> Keys() {
    return world_.One<wire::KeysAnswer>(Op::kKeys,
                                        wire::KeysItem{world_.caller});
  }
  std::vector<const SigningEntry*> Of(SigningUse use) {
    std::vector<const SigningEntry*> rows;
    for (size_t i = 0; i < world_.ring().signers(); ++i) {
      if (world_.ring().signer(i).use == use) {
        rows.push_back(&world_.ring().signer(i));
      }
    }
    return rows;
  }

  RotationWorld world_;
  KeptLink link_;
};

TEST_F(SignersTest, TokenOfTheOldKeyIsGoodUntilItsEndThenTheKeyIsGone) {
  const std::string token = PublicToken();
  ASSERT_TRUE(world_.RotateUse(RotateTarget::kToken).ok());
  EXPECT_TRUE(Redeems(token));
  EXPECT_TRUE(Redeems(PublicToken()));
  auto rows = Of(SigningUse::kToken);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]->state, KeyState::kDeactivated);
  EXPECT_FALSE(rows[0]->key.present());
  EXPECT_EQ(rows[1]->version, 2u);
  {
    auto keys = Keys();
    ASSERT_EQ(keys.fields.tokens.size, 2);
    EXPECT_EQ(keys.fields.tokens[0].not_after, world_.vault().Now() + 60);
    EXPECT_EQ(keys.fields.tokens[1].not_after, 0u);
  }
  world_.clock.Advance(58);
  world_.Quiet();
  EXPECT_EQ(Keys().fields.tokens.size, 2);
  EXPECT_TRUE(Redeems(token));
  world_.clock.Advance(3);
  world_.Quiet();
  EXPECT_FALSE(Redeems(token));
  EXPECT_EQ(Keys().fields.tokens.size, 1);
  EXPECT_EQ(Of(SigningUse::kToken)[0]->state, KeyState::kDestroyed);
  EXPECT_EQ(world_.Tail(2)[0].kind, wire::LeafKind::kKeyDestroy);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Of(SigningUse::kToken)[0]->state, KeyState::kDestroyed);
}

TEST_F(SignersTest, CompromisedTokenKeyVerifiesNothingMore) {
  const std::string token = PublicToken();
  const wire::KeyId id = keeper::ShortId(Of(SigningUse::kToken)[0]->id);
  ASSERT_TRUE(world_.keys().Compromise({id}, 7).ok());
  EXPECT_FALSE(Redeems(token));
  EXPECT_TRUE(Redeems(PublicToken()));
  EXPECT_TRUE(Redeems(std::string(world_.Issue(link_).fields.token)));
  EXPECT_FALSE(world_.keys().Compromise({id}, 7).ok());
  EXPECT_EQ(Keys().fields.tokens[0].state, KeyState::kCompromised);
  world_.clock.Advance(62);
  world_.Quiet();
  EXPECT_EQ(Of(SigningUse::kToken)[0]->state, KeyState::kDestroyed);
  EXPECT_FALSE(world_.keys().Compromise({id}, 7).ok());
}

TEST_F(SignersTest, IngestKeyIsKeptForWhatIsOnItsWay) {
  ASSERT_TRUE(world_.RotateUse(RotateTarget::kIngest).ok());
  EXPECT_TRUE(Of(SigningUse::kIngest)[0]->key.present());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(Of(SigningUse::kIngest)[0]->key.present());
  world_.clock.Advance(598);
  world_.Quiet();
  EXPECT_TRUE(Of(SigningUse::kIngest)[0]->key.present());
  world_.clock.Advance(4);
  world_.Quiet();
  EXPECT_FALSE(Of(SigningUse::kIngest)[0]->key.present());
  EXPECT_EQ(Of(SigningUse::kIngest)[0]->state, KeyState::kDestroyed);
}

TEST_F(SignersTest, EvidenceAndAuditKeysVerifyOnWithoutTheirPrivateHalf) {
  for (auto [target, use] :
       {std::pair{RotateTarget::kEvidence, SigningUse::kEvidence},
        std::pair{RotateTarget::kAudit, SigningUse::kAudit}}) {
    const auto id = Of(use)[0]->id;
    ASSERT_TRUE(world_.RotateUse(target).ok());
    world_.clock.Advance(365 * 24 * 3600);
    world_.Quiet();
    EXPECT_NE(world_.ring().SignerById(use, id), nullptr);
    EXPECT_FALSE(Of(use)[0]->key.present());
  }
  wire::OperatorStatus status;
  world_.vault().FillStatus(status);
  EXPECT_EQ(status.evidence_key, Keys().fields.evidence.public_key);
}

TEST_F(SignersTest, AtMostEightRowsAUse) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(world_.RotateUse(RotateTarget::kEvidence).ok());
  }
  EXPECT_EQ(Of(SigningUse::kEvidence).size(), 8u);
  EXPECT_EQ(Of(SigningUse::kEvidence).back()->version, 21u);
  // Token keys are still verified by callers: nothing makes room at once.
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(world_.RotateUse(RotateTarget::kToken).ok());
  }
  EXPECT_FALSE(world_.RotateUse(RotateTarget::kToken).ok());
  EXPECT_EQ(Keys().fields.tokens.size, 8);
  world_.clock.Advance(62);
  world_.Quiet();
  EXPECT_TRUE(world_.RotateUse(RotateTarget::kToken).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Of(SigningUse::kToken).size(), 8u);
}

TEST_F(SignersTest, DestroyedByOperatorsOnlyOnceItIsNotActive) {
  wire::Policy policy = TestPolicy();
  policy.destroy_wait_seconds = 0;
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  const wire::KeyId id = keeper::ShortId(Of(SigningUse::kEvidence)[0]->id);
  EXPECT_FALSE(world_.keys().Destroy({id, false}, 7).ok());
  ASSERT_TRUE(world_.RotateUse(RotateTarget::kEvidence).ok());
  ASSERT_TRUE(world_.keys().Destroy({id, false}, 7).ok());
  EXPECT_EQ(Of(SigningUse::kEvidence)[0]->state, KeyState::kDestroyed);
}

}  // namespace
}  // namespace coffer::keeper_test
