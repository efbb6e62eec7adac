// Institutions: suspended and resumed, withdrawn for good in constant time,
// admitted again with nothing of before.
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

using base::Code;
using wire::InstitutionAction;
using wire::InstitutionState;

class InstitutionTest : public testing::Test {
 protected:
  InstitutionTest() {
    world_.Operate();
    link_ = world_.Add();
    other_ = world_.Add("jpmorgan");
  }
  Code Refusal(InstitutionAction action, std::string_view name = "citi") {
    base::Status changed = world_.Change(action, name);
    COFFER_CHECK(!changed.ok());
    return changed.error().code;
  }
  wire::InstitutionRow Row() {
    wire::InstitutionListAnswer answer;
    EXPECT_TRUE(world_.keys().ListInstitutions({}, answer).ok());
    EXPECT_EQ(answer.rows.size, 2);
    EXPECT_EQ(answer.next, 0u);
    return answer.rows[0];
  }
  Rule Create() {
    return world_.One<wire::NewRecord>(Op::kCreate, TestCreate(world_.caller))
        .rule();
  }

  RotationWorld world_;
  KeptLink link_, other_;
};

TEST_F(InstitutionTest, SuspendedIssuesNothingStillReadsAndStillKills) {
  const std::string token(world_.Issue(link_).fields.token);
  ASSERT_TRUE(world_.Change(InstitutionAction::kSuspend).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Issue(link_).rule(), Rule::kInstitutionSuspended);
    EXPECT_EQ(Create(), Rule::kInstitutionSuspended);
    EXPECT_FALSE(world_.Redeem(token, link_).allowed());
    auto read = world_.ReadLink(link_);
    ASSERT_TRUE(read.allowed());
    EXPECT_EQ(read.fields.institution_state, InstitutionState::kSuspended);
    EXPECT_TRUE(world_.Opens(other_));
    ASSERT_TRUE(world_.Reopen().ok());
  }
  EXPECT_EQ(Refusal(InstitutionAction::kSuspend), Code::kConflict);
  EXPECT_EQ(Refusal(InstitutionAction::kAdmit), Code::kConflict);
  EXPECT_TRUE(world_.Rotate().ok());
  world_.Walk();
  ASSERT_TRUE(world_.Change(InstitutionAction::kResume).ok());
  EXPECT_TRUE(world_.Opens(world_.store[link_.link]));
  EXPECT_EQ(Refusal(InstitutionAction::kResume), Code::kConflict);
  ASSERT_TRUE(world_.Change(InstitutionAction::kSuspend).ok());
  EXPECT_EQ(world_.Revoke(world_.store[link_.link]), Rule::kAllowed);
  EXPECT_EQ(world_.EraseLink(world_.store[link_.link]), Rule::kAllowed);
}

TEST_F(InstitutionTest, WithdrawnEveryLinkIsUnusableAtOnceAndIsSwept) {
  const std::string token(world_.Issue(link_).fields.token);
  const std::string public_token = [&] {
    wire::IssueItem item = TestIssue(world_.caller, link_);
    item.format = wire::TokenFormat::kPublic;
    return std::string(
        world_.One<wire::IssueAnswer>(Op::kIssue, item).fields.token);
  }();
  ASSERT_FALSE(public_token.empty());
  ASSERT_TRUE(world_.Change(InstitutionAction::kWithdraw).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Issue(link_).rule(), Rule::kInstitutionWithdrawn);
    EXPECT_EQ(world_.ReadLink(link_).rule(), Rule::kInstitutionWithdrawn);
    EXPECT_EQ(world_.Revoke(link_), Rule::kInstitutionWithdrawn);
    EXPECT_EQ(world_.EraseLink(link_), Rule::kInstitutionWithdrawn);
    EXPECT_EQ(Create(), Rule::kInstitutionWithdrawn);
    EXPECT_FALSE(world_.Redeem(token, link_).allowed());
    EXPECT_FALSE(world_.Redeem(public_token, link_).allowed());
    EXPECT_EQ(world_.RewrapOne(link_).rule, Rule::kKeyDestroyed);
    EXPECT_TRUE(world_.Opens(other_));
    EXPECT_EQ(world_.EraseSubject("cust-none"), Rule::kAllowed);
    ASSERT_TRUE(world_.Reopen().ok());
  }
  for (auto action : {InstitutionAction::kSuspend, InstitutionAction::kResume,
                      InstitutionAction::kWithdraw}) {
    EXPECT_EQ(Refusal(action), Code::kConflict);
  }
  EXPECT_FALSE(world_.Rotate().ok());
  auto work = world_.Work();
  EXPECT_EQ(Row().state, InstitutionState::kWithdrawn);
  EXPECT_EQ(Row().links, 0u);
  EXPECT_EQ(Row().dead, 1u);
  EXPECT_EQ(Row().active, wire::KeyId{});
  ASSERT_EQ(work.fields.rows.size, 1);
  EXPECT_EQ(work.fields.rows[0].active, wire::KeyId{});
  world_.Walk();
  EXPECT_EQ(world_.store.count(link_.link), 0u);
  EXPECT_TRUE(world_.Work().fields.rows.empty());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.Work().fields.rows.empty());
}

TEST_F(InstitutionTest, PolicyLoadDoesNotAdmitAgain) {
  ASSERT_TRUE(world_.Change(InstitutionAction::kWithdraw).ok());
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  EXPECT_EQ(Create(), Rule::kInstitutionWithdrawn);
}

TEST_F(InstitutionTest, AdmittedAgainItStartsAnew) {
  EXPECT_EQ(Refusal(InstitutionAction::kAdmit, "nobody"), Code::kNotFound);
  ASSERT_TRUE(world_.Change(InstitutionAction::kWithdraw).ok());
  ASSERT_TRUE(world_.Change(InstitutionAction::kAdmit).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Issue(link_).rule(), Rule::kKeyDestroyed);
    EXPECT_EQ(wire::VerdictOf(Rule::kKeyDestroyed), wire::Verdict::kNotFound);
    EXPECT_EQ(world_.RewrapOne(link_).rule, Rule::kKeyDestroyed);
    const KeptLink fresh = world_.Add();
    EXPECT_TRUE(world_.Opens(fresh));
    ASSERT_TRUE(world_.Reopen().ok());
  }
  world_.Walk();
  EXPECT_EQ(world_.store.count(link_.link), 0u);
  EXPECT_EQ(Row().version, 2u);
}

TEST_F(InstitutionTest, WithdrawalInTheMiddleOfARotationTakesEveryVersion) {
  ASSERT_TRUE(world_.Rotate().ok());
  const KeptLink carried = world_.Carried(link_);
  ASSERT_TRUE(world_.Change(InstitutionAction::kWithdraw).ok());
  EXPECT_EQ(world_.Issue(link_).rule(), Rule::kInstitutionWithdrawn);
  EXPECT_EQ(world_.Issue(carried).rule(), Rule::kInstitutionWithdrawn);
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_EQ(world_.StateOf(2), KeyState::kDestroyed);
}

TEST_F(InstitutionTest, ItsFloorsGoOnceTheTokensAreOver) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(world_.Revoke(world_.Add()), Rule::kAllowed);
  }
  ASSERT_EQ(world_.Revoke(world_.Add("jpmorgan")), Rule::kAllowed);
  ASSERT_TRUE(world_.Change(InstitutionAction::kWithdraw).ok());
  for (int i = 0; i < 3; ++i) {
    world_.clock.Advance(base::kTokenSecondsMax + 2);
    world_.Quiet();
  }
  EXPECT_EQ(world_.vault().floors().size(), 1u);
}

TEST_F(InstitutionTest, FailedWriteOfAWithdrawalLatchesAndIsWholeEitherWay) {
  for (int nth = 1; nth < 12; ++nth) {
    RotationWorld world;
    world.Operate();
    const KeptLink link = world.Add();
    world.files.writes_before_failure = nth;
    const bool done = world.Change(InstitutionAction::kWithdraw).ok();
    ASSERT_TRUE(world.Reopen().ok()) << nth;
    const Rule rule = world.Issue(link).rule();
    EXPECT_TRUE(rule == Rule::kInstitutionWithdrawn ||
                (!done && rule == Rule::kAllowed))
        << nth;
  }
}

TEST_F(InstitutionTest, PolicyWithMoreInstitutionsThanRoomIsRefusedWhole) {
  wire::Policy policy = TestPolicy();
  policy.rules.size = 0;
  policy.institutions.size = 0;
  for (size_t i = 0; i < base::kInstitutionsMax - 1; ++i) {
    wire::PolicyInstitution institution;
    institution.name = wire::Name("bank" + std::to_string(i));
    institution.purposes = 3;
    institution.clusters = 7;
    policy.institutions.push_back(institution);
  }
  const uint64_t leaves = world_.vault().next_leaf();
  base::Status loaded = world_.LoadPolicy(Encode(policy));
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, Code::kFull);
  EXPECT_EQ(world_.vault().next_leaf(), leaves);
  EXPECT_EQ(world_.ring().institutions(), 2u);
}

}  // namespace
}  // namespace coffer::keeper_test
