// What the tests in the gate's place share: a keeper of its own, four callers
// of one uid that are taken on in turn, and every operation in one line.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/keeper/keeper_fixture_policy.h"

namespace coffer::keeper_test {

using wire::NewRecord;
using wire::Op;
using wire::Rule;

class KeeperFixture : public testing::Test {
 protected:
  KeeperFixture() : keeper_(MakeFolder()) { keeper_.Start(); }

  void SetUp() override {
    OperatorReply init = keeper_.Init(*FiveCallers("linker"));
    ASSERT_TRUE(init.done()) << init.message;
    caller_ = keeper_.Connect();
  }
  // The present uid is that caller from now on.
  void As(std::string_view name) { Load(*FiveCallers(name)); }
  void Load(const wire::Policy& policy) {
    const std::vector<uint8_t> bytes = Encode(policy);
    OperatorReply loaded = keeper_.Ask(wire::OperatorOp::kPolicyLoad,
                                       wire::PolicyBytes{bytes, {}});
    ASSERT_TRUE(loaded.done()) << loaded.message;
  }
  // SIGKILL, start, unseal, connect.
  void Restart() {
    keeper_.Kill();
    keeper_.Start();
    OperatorReply unsealed = keeper_.Unseal();
    ASSERT_TRUE(unsealed.done()) << unsealed.message;
    caller_ = keeper_.Connect();
  }

  wire::CreateItem CreateItem() { return TestCreate(caller_.id); }
  Rule TryCreate(const wire::CreateItem& item) {
    return keeper_.One<NewRecord>(Op::kCreate, item).rule();
  }
  KeptLink Create(const wire::CreateItem& item) {
    auto reply = keeper_.One<NewRecord>(Op::kCreate, item);
    EXPECT_EQ(reply.rule(), Rule::kAllowed);
    return KeptLink(reply.fields);
  }
  KeptLink Create() { return Create(CreateItem()); }
  Reply<wire::ReadAnswer> Read(const KeptLink& link) {
    return keeper_.One<wire::ReadAnswer>(
        Op::kRead, wire::ReadItem{caller_.id, link.link, link.Stored(false)});
  }
  Reply<wire::ReplaceAnswer> ReplaceToken(const KeptLink& link,
                                          std::string_view token,
                                          uint32_t if_match) {
    return keeper_.One<wire::ReplaceAnswer>(
        Op::kReplaceBankToken,
        wire::ReplaceBankTokenItem{caller_.id, link.link, if_match,
                                   base::AsBytes(token), link.Stored(false)});
  }
  Reply<wire::ReplaceAnswer> ReplaceConsent(const KeptLink& link,
                                            const wire::Consent& consent,
                                            uint32_t if_match) {
    return keeper_.One<wire::ReplaceAnswer>(
        Op::kReplaceConsent,
        wire::ReplaceConsentItem{caller_.id, link.link, if_match, consent,
                                 link.Stored(true)});
  }
  Rule Commit(const KeptLink& written) {
    return keeper_
        .One<wire::EmptyAnswer>(Op::kCommitted,
                                wire::CommitItem{written.link, written.leaf()})
        .rule();
  }
  Rule NotCommit(const KeptLink& written) {
    return keeper_
        .One<wire::EmptyAnswer>(Op::kNotCommitted,
                                wire::CommitItem{written.link, written.leaf()})
        .rule();
  }
  Reply<NewRecord> Revoke(
      const KeptLink& link,
      wire::RevocationReason reason = wire::RevocationReason::kUserAction) {
    return keeper_.One<NewRecord>(
        Op::kRevokeConsent,
        wire::RevokeConsentItem{caller_.id, link.link, reason,
                                link.Stored(false)});
  }
  Reply<wire::EraseAnswer> Erase(const KeptLink& link) {
    return keeper_.One<wire::EraseAnswer>(
        Op::kEraseLink,
        wire::EraseLinkItem{caller_.id, link.link, link.Stored(false)});
  }
  Reply<wire::EraseAnswer> EraseSubject(std::string_view subject,
                                        uint32_t links) {
    return keeper_.One<wire::EraseAnswer>(
        Op::kEraseSubject, wire::EraseSubjectItem{caller_.id, subject, links});
  }
  wire::IssueItem IssueItem(const KeptLink& link) {
    wire::IssueItem item = TestIssue(caller_.id, link);
    item.audience = "connector";
    return item;
  }
  Reply<wire::IssueAnswer> TryIssue(const wire::IssueItem& item) {
    return keeper_.One<wire::IssueAnswer>(Op::kIssue, item);
  }
  // The present caller is the messenger.
  std::string Token(const wire::IssueItem& item) {
    auto reply = TryIssue(item);
    EXPECT_EQ(reply.rule(), Rule::kAllowed);
    return std::string(reply.fields.token);
  }
  std::string Token(const KeptLink& link) { return Token(IssueItem(link)); }
  Reply<wire::RedeemAnswer> Redeem(std::string_view token,
                                   const KeptLink& link) {
    return keeper_.One<wire::RedeemAnswer>(
        Op::kRedeem, wire::RedeemItem{caller_.id, token, link.Stored(true)});
  }
  Reply<wire::IntrospectAnswer> Introspect(std::string_view token,
                                           const KeptLink& link,
                                           std::string_view audience = {}) {
    return keeper_.One<wire::IntrospectAnswer>(
        Op::kIntrospect,
        wire::IntrospectItem{caller_.id, token, audience, link.Stored(false)});
  }
  Rule RevokeToken(std::string_view token, std::string_view audience = {}) {
    return keeper_
        .One<wire::EmptyAnswer>(
            Op::kRevokeToken,
            wire::RevokeTokenItem{caller_.id, token, audience})
        .rule();
  }
  // The rule in the last leaf.
  Rule LastRule() { return keeper_.TailRules(1).at(0); }

  KeeperProcess keeper_;
  Caller caller_;
};

}  // namespace coffer::keeper_test
