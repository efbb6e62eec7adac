// The unmodified keeper, from a gate's place: the main way of a link.
#include "tests/keeper/keeper_process.h"

#include <gtest/gtest.h>

namespace coffer::keeper_test {
namespace {

using wire::Op;
using wire::Rule;

class KeeperProcessTest : public testing::Test {
 protected:
  KeeperProcessTest() : folder_(MakeFolder()), keeper_(folder_) {
    keeper_.Start();
  }
  void Operate() {
    OperatorReply init = keeper_.Init(TestPolicy());
    ASSERT_TRUE(init.done()) << init.message;
    caller_ = keeper_.Connect();
  }
  KeptLink Create() {
    auto reply =
        keeper_.One<wire::NewRecord>(Op::kCreate, TestCreate(caller_.id));
    EXPECT_EQ(reply.rule(), Rule::kAllowed);
    return KeptLink(reply.fields);
  }
  Reply<wire::IssueAnswer> Issue(const KeptLink& link) {
    return keeper_.One<wire::IssueAnswer>(Op::kIssue,
                                          TestIssue(caller_.id, link));
  }
  Reply<wire::RedeemAnswer> Redeem(std::string_view token,
                                   const KeptLink& link) {
    wire::RedeemItem item;
    item.connection = caller_.id;
    item.token = token;
    item.stored = link.Stored(true);
    return keeper_.One<wire::RedeemAnswer>(Op::kRedeem, item);
  }

  std::string folder_;
  KeeperProcess keeper_;
  Caller caller_;
};

TEST_F(KeeperProcessTest, StartsUninitialisedAndRefusesCallersUntilInit) {
  EXPECT_EQ(keeper_.Status().state, wire::VaultState::kUninitialised);
  caller_ = keeper_.Connect();
  auto reply =
      keeper_.One<wire::NewRecord>(Op::kCreate, TestCreate(caller_.id));
  EXPECT_EQ(reply.rule(), Rule::kSealed);
}

TEST_F(KeeperProcessTest, LinkIsStoredIssuedAndRedeemed) {
  Operate();
  KeptLink link = Create();
  auto issued = Issue(link);
  ASSERT_EQ(issued.rule(), Rule::kAllowed);
  auto redeemed = Redeem(issued.fields.token, link);
  ASSERT_EQ(redeemed.rule(), Rule::kAllowed);
  EXPECT_EQ(base::AsText(redeemed.fields.bank_token), "bank-token-canary");
  EXPECT_EQ(redeemed.fields.scope, "ACCOUNT_DETAILED");
}

TEST_F(KeeperProcessTest, RevokedConsentEndsTokensAndOldRecords) {
  Operate();
  KeptLink link = Create();
  auto issued = Issue(link);
  wire::RevokeConsentItem revoke;
  revoke.connection = caller_.id;
  revoke.link = link.link;
  revoke.stored = link.Stored(false);
  auto revoked = keeper_.One<wire::NewRecord>(Op::kRevokeConsent, revoke);
  ASSERT_EQ(revoked.rule(), Rule::kAllowed);
  EXPECT_EQ(Redeem(issued.fields.token, link).rule(), Rule::kTokenNotAuthentic);
  EXPECT_EQ(Issue(link).rule(), Rule::kConsentRevoked);
  EXPECT_EQ(Issue(KeptLink(revoked.fields)).rule(), Rule::kConsentRevoked);
}

TEST_F(KeeperProcessTest, RevocationHoldsAfterSigkillAndUnseal) {
  Operate();
  KeptLink link = Create();
  wire::RevokeConsentItem revoke;
  revoke.connection = caller_.id;
  revoke.link = link.link;
  revoke.stored = link.Stored(false);
  ASSERT_TRUE(
      keeper_.One<wire::NewRecord>(Op::kRevokeConsent, revoke).allowed());
  keeper_.Kill();
  keeper_.Start();
  EXPECT_EQ(keeper_.Status().state, wire::VaultState::kSealed);
  OperatorReply unsealed = keeper_.Unseal();
  ASSERT_TRUE(unsealed.done()) << unsealed.message;
  caller_ = keeper_.Connect();
  EXPECT_EQ(Issue(link).rule(), Rule::kConsentRevoked);
}

TEST_F(KeeperProcessTest, AdvertisingIsRefusedAndTheLeafSaysWhy) {
  Operate();
  KeptLink link = Create();
  wire::IssueItem item = TestIssue(caller_.id, link);
  item.purpose = "advertising";
  auto reply = keeper_.One<wire::IssueAnswer>(Op::kIssue, item);
  EXPECT_EQ(reply.rule(), Rule::kPurposeProhibited);
  EXPECT_EQ(keeper_.TailRules(1).at(0), Rule::kPurposeProhibited);
}

TEST_F(KeeperProcessTest, TrailingBytesInABatchEndTheKeeper) {
  Operate();
  Batch batch;
  batch.Add(Op::kStatus, wire::StatusItem{});
  const uint8_t extra[] = {0};
  Batch broken = batch;
  broken.AddRaw(extra);
  keeper_.Send(broken);
  os::ExitStatus end = keeper_.WaitEnd();
  EXPECT_FALSE(end.signaled);
  EXPECT_EQ(end.code, 1);
}

TEST_F(KeeperProcessTest, ClosedChannelEndsTheKeeperCleanly) {
  Operate();
  os::ExitStatus end = keeper_.Stop();
  EXPECT_FALSE(end.signaled);
  EXPECT_EQ(end.code, 0);
}

}  // namespace
}  // namespace coffer::keeper_test
