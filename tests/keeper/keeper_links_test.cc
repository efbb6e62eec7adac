// The gate's operations on links: each one's way and its refusals.
#include "tests/keeper/keeper_fixture.h"

namespace coffer::keeper_test {
namespace {

using wire::ConsentStatus;
using wire::RevocationReason;

class LinksTest : public KeeperFixture {};

TEST_F(LinksTest, CreateRefusesWhatIsMalformedUnknownOrProhibited) {
  const std::pair<Rule, void (*)(wire::CreateItem&)> cases[] = {
      {Rule::kMalformedRequest, [](auto& i) { i.subject = ""; }},
      {Rule::kMalformedRequest, [](auto& i) { i.bank_token = {}; }},
      {Rule::kMalformedRequest, [](auto& i) { i.consent.consent_id = ""; }},
      {Rule::kMalformedRequest, [](auto& i) { i.consent.purposes = {}; }},
      {Rule::kMalformedRequest, [](auto& i) { i.consent.clusters = {}; }},
      {Rule::kMalformedRequest,
       [](auto& i) { i.consent.purposes.push_back("balance_display"); }},
      {Rule::kMalformedRequest, [](auto& i) { i.consent.purposes[0] = "a b"; }},
      {Rule::kMalformedRequest,
       [](auto& i) { i.consent.duration_period_days = 0; }},
      {Rule::kMalformedRequest,
       [](auto& i) { i.consent.duration_period_days = 367; }},
      {Rule::kMalformedRequest,
       [](auto& i) {
         i.consent.duration_type = static_cast<wire::DurationType>(9);
       }},
      {Rule::kMalformedRequest,
       [](auto& i) {
         i.consent.duration_type = wire::DurationType::kPersistent;
       }},
      {Rule::kUnknownInstitution, [](auto& i) { i.institution = "Citi"; }},
      {Rule::kUnknownInstitution, [](auto& i) { i.institution = ""; }},
      {Rule::kUnknownPurpose, [](auto& i) { i.consent.purposes[0] = "x"; }},
      {Rule::kUnknownCluster, [](auto& i) { i.consent.clusters[0] = "X"; }},
      {Rule::kPurposeProhibited,
       [](auto& i) { i.consent.purposes.push_back("advertising"); }},
  };
  for (const auto& [rule, change] : cases) {
    wire::CreateItem item = CreateItem();
    change(item);
    EXPECT_EQ(TryCreate(item), rule);
    EXPECT_EQ(LastRule(), rule);
  }
  EXPECT_EQ(TryCreate(CreateItem()), Rule::kAllowed);
  As("messenger");
  EXPECT_EQ(TryCreate(CreateItem()), Rule::kNoLinkRight);
}

TEST_F(LinksTest, ConsentAboveTheCeilingIsStoredAndRefusedAtIssue) {
  wire::CreateItem item = CreateItem();
  item.institution = "jpmorgan";
  item.consent.purposes[0] = "purchase_tracking";
  item.consent.clusters[0] = "TRANSACTIONS";
  const KeptLink link = Create(item);
  As("messenger");
  wire::IssueItem issue = IssueItem(link);
  issue.purpose = "purchase_tracking";
  issue.scope.push_back("TRANSACTIONS");
  EXPECT_EQ(TryIssue(issue).rule(), Rule::kCeilingCluster);
  issue.scope = {};
  EXPECT_EQ(TryIssue(issue).rule(), Rule::kConsentEmptyScope);
}

TEST_F(LinksTest, ReadShowsMetadataToTheLinkerAndToWhoMaySeeAll) {
  const KeptLink link = Create();
  auto read = Read(link);
  ASSERT_TRUE(read.allowed());
  EXPECT_EQ(read.fields.link, link.link);
  EXPECT_EQ(read.fields.revision, 1u);
  EXPECT_EQ(read.fields.institution, "citi");
  EXPECT_EQ(read.fields.linker, "linker");
  EXPECT_EQ(read.fields.consent.consent_id, "c-1");
  EXPECT_EQ(read.fields.status, ConsentStatus::kActive);
  EXPECT_EQ(read.fields.expires_at, read.fields.created_at + 90 * 86400);
  KeptLink none = link;
  none.head = none.wrap = {};
  EXPECT_EQ(Read(none).rule(), Rule::kLinkUnknown);
  As("linker2");
  EXPECT_EQ(Read(link).rule(), Rule::kLinkOfAnotherLinker);
  EXPECT_EQ(Read(none).rule(), Rule::kLinkUnknown);
  As("messenger");
  EXPECT_EQ(Read(link).rule(), Rule::kNoLinkRight);
  As("auditor");
  EXPECT_TRUE(Read(link).allowed());
}

TEST_F(LinksTest, ReplacedBankTokenIsInForceOnceCommitted) {
  const KeptLink old = Create();
  EXPECT_EQ(ReplaceToken(old, "x", 2).rule(), Rule::kRevisionMismatch);
  EXPECT_EQ(ReplaceToken(old, "", 1).rule(), Rule::kMalformedRequest);
  auto replaced = ReplaceToken(old, "second-token", 1);
  ASSERT_TRUE(replaced.allowed());
  const KeptLink now(replaced.fields);
  EXPECT_EQ(now.revision, 2u);
  // While the store is asked the link takes no other write.
  EXPECT_EQ(ReplaceToken(old, "third", 1).rule(), Rule::kRevisionMismatch);
  EXPECT_EQ(ReplaceConsent(old, TestConsent(), 1).rule(),
            Rule::kRevisionMismatch);
  EXPECT_TRUE(Read(old).allowed());
  EXPECT_EQ(ReplaceToken(now, "third", 2).rule(), Rule::kRevisionMismatch);
  ASSERT_EQ(Commit(now), Rule::kAllowed);
  EXPECT_EQ(Read(old).rule(), Rule::kRecordStale);
  EXPECT_EQ(ReplaceToken(old, "third", 1).rule(), Rule::kRevisionMismatch);
  EXPECT_EQ(Commit(now), Rule::kMalformedRequest);  // once
  As("messenger");
  const std::string token = Token(now);
  As("connector");
  auto redeemed = Redeem(token, now);
  ASSERT_TRUE(redeemed.allowed());
  EXPECT_EQ(base::AsText(redeemed.fields.bank_token), "second-token");
  EXPECT_EQ(redeemed.fields.revision, 2u);
  EXPECT_FALSE(Redeem(token, old).allowed());
}

TEST_F(LinksTest, ConnectorUpdatesTheTokenOfALinkItMayRedeem) {
  const KeptLink link = Create();
  wire::CreateItem item = CreateItem();
  item.consent.purposes[0] = "purchase_tracking";
  const KeptLink other = Create(item);
  As("connector");
  auto replaced = ReplaceToken(link, "rotated", 1);
  ASSERT_TRUE(replaced.allowed());
  EXPECT_EQ(Commit(KeptLink(replaced.fields)), Rule::kAllowed);
  EXPECT_EQ(ReplaceToken(other, "rotated", 1).rule(),
            Rule::kLinkOfAnotherLinker);
  EXPECT_EQ(ReplaceConsent(link, TestConsent(), 2).rule(), Rule::kNoLinkRight);
  As("linker2");
  EXPECT_EQ(ReplaceToken(other, "mine", 1).rule(), Rule::kLinkOfAnotherLinker);
  As("messenger");
  EXPECT_EQ(ReplaceToken(other, "mine", 1).rule(), Rule::kNoLinkRight);
}

TEST_F(LinksTest, WriteThatTheStoreLostLeavesALeafAndTheOldRecordInForce) {
  const KeptLink old = Create();
  auto replaced = ReplaceToken(old, "lost", 1);
  const KeptLink lost(replaced.fields);
  EXPECT_EQ(NotCommit(lost), Rule::kAllowed);
  EXPECT_EQ(Commit(lost), Rule::kMalformedRequest);
  auto again = ReplaceToken(old, "kept", 1);
  ASSERT_TRUE(again.allowed());
  const KeptLink now(again.fields);
  ASSERT_EQ(Commit(now), Rule::kAllowed);
  // The lost one was sealed before the floor, should the gate still have it.
  EXPECT_EQ(Read(lost).rule(), Rule::kRecordStale);
  EXPECT_TRUE(Read(now).allowed());
}

TEST_F(LinksTest, WriteWhoseConfirmationWasLostTakesItsFloorWhenFirstSeen) {
  const KeptLink old = Create(), bystander = Create();
  const KeptLink now(ReplaceToken(old, "next", 1).fields);
  Restart();  // the store has it, the keeper was never told
  EXPECT_TRUE(Read(bystander).allowed());
  EXPECT_TRUE(Read(now).allowed());
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(Read(old).rule(), Rule::kRecordStale);
    EXPECT_TRUE(Read(now).allowed());
    Restart();
  }
}

TEST_F(LinksTest, ShownBeforeItsConfirmationAWriteTakesNoSecondOne) {
  const KeptLink old = Create();
  const KeptLink now(ReplaceToken(old, "next", 1).fields);
  EXPECT_EQ(ReplaceToken(now, "third", 2).rule(), Rule::kRevisionMismatch);
  EXPECT_EQ(Commit(now), Rule::kAllowed);
  EXPECT_TRUE(ReplaceToken(now, "third", 2).allowed());
}

TEST_F(LinksTest, ConfirmationOfNoWriteIsRefusedAndChangesNothing) {
  const KeptLink link = Create();
  EXPECT_EQ(Commit(link), Rule::kMalformedRequest);
  auto replaced = ReplaceToken(link, "second", 1);
  const KeptLink now(replaced.fields);
  EXPECT_EQ(Commit(link), Rule::kMalformedRequest);  // its leaf is another's
  EXPECT_EQ(Commit(now), Rule::kAllowed);
}

TEST_F(LinksTest, ReplacedConsentNarrowsAndEndsTheLinksTokens) {
  wire::CreateItem item = CreateItem();
  item.consent.clusters.push_back("ACCOUNT_BASIC");
  const KeptLink old = Create(item);
  As("messenger");
  const std::string before = Token(old);
  As("linker");
  auto replaced = ReplaceConsent(old, TestConsent(), 1);
  ASSERT_TRUE(replaced.allowed());
  const KeptLink now(replaced.fields);
  As("messenger");
  const std::string between = Token(old);
  ASSERT_EQ(Commit(now), Rule::kAllowed);
  wire::IssueItem wide = IssueItem(now);
  wide.scope.push_back("ACCOUNT_BASIC");
  EXPECT_EQ(TryIssue(wide).rule(), Rule::kConsentCluster);
  const std::string after = Token(now);
  As("connector");
  for (const KeptLink* record : {&old, &now}) {
    EXPECT_FALSE(Redeem(before, *record).allowed());
    EXPECT_EQ(LastRule(), Rule::kTokenRevoked);
    EXPECT_FALSE(Redeem(between, *record).allowed());
    EXPECT_EQ(LastRule(), Rule::kTokenRevoked);
  }
  auto redeemed = Redeem(after, now);
  ASSERT_TRUE(redeemed.allowed());
  // Resealed under the new consent, unchanged.
  EXPECT_EQ(base::AsText(redeemed.fields.bank_token), "bank-token-canary");
}

TEST_F(LinksTest, ReplacedConsentIsCheckedAsANewOne) {
  const KeptLink link = Create();
  wire::Consent consent = TestConsent();
  consent.purposes.push_back("advertising");
  EXPECT_EQ(ReplaceConsent(link, consent, 1).rule(), Rule::kPurposeProhibited);
  consent.purposes[1] = "unknown";
  EXPECT_EQ(ReplaceConsent(link, consent, 1).rule(), Rule::kUnknownPurpose);
  consent.purposes = {};
  EXPECT_EQ(ReplaceConsent(link, consent, 1).rule(), Rule::kMalformedRequest);
  EXPECT_EQ(ReplaceConsent(link, TestConsent(), 7).rule(),
            Rule::kRevisionMismatch);
  // Without the bank token nothing can be resealed.
  KeptLink without = link;
  without.token_box = {};
  EXPECT_EQ(ReplaceConsent(without, TestConsent(), 1).rule(),
            Rule::kRecordDamaged);
  EXPECT_TRUE(ReplaceConsent(link, TestConsent(), 1).allowed());
  As("linker2");
  EXPECT_EQ(ReplaceConsent(link, TestConsent(), 1).rule(),
            Rule::kLinkOfAnotherLinker);
}

TEST_F(LinksTest, RevokedLinkTakesNeitherTokenNorConsentNorASecondRevocation) {
  const KeptLink link = Create();
  EXPECT_EQ(Revoke(link, static_cast<RevocationReason>(0)).rule(),
            Rule::kMalformedRequest);
  EXPECT_EQ(Revoke(link, static_cast<RevocationReason>(9)).rule(),
            Rule::kMalformedRequest);
  auto revoked = Revoke(link, RevocationReason::kBusinessRule);
  ASSERT_TRUE(revoked.allowed());
  const KeptLink now(revoked.fields);
  EXPECT_EQ(now.revision, 2u);
  EXPECT_TRUE(now.token_box.empty());
  for (const KeptLink* record : {&link, &now}) {
    auto read = Read(*record);
    EXPECT_EQ(read.fields.status, ConsentStatus::kRevoked);
    EXPECT_EQ(read.fields.reason, RevocationReason::kBusinessRule);
    EXPECT_EQ(Revoke(*record).rule(), Rule::kAlreadyRevoked);
    EXPECT_EQ(ReplaceToken(*record, "x", record->revision).rule(),
              Rule::kAlreadyRevoked);
    EXPECT_EQ(ReplaceConsent(*record, TestConsent(), record->revision).rule(),
              Rule::kAlreadyRevoked);
  }
  As("linker2");
  EXPECT_EQ(Revoke(link).rule(), Rule::kLinkOfAnotherLinker);
  As("auditor");
  EXPECT_EQ(Revoke(link).rule(), Rule::kNoLinkRight);
}

TEST_F(LinksTest, KillOvertakesAWriteThatTheStoreHasNotConfirmed) {
  const KeptLink revoked = Create(), erased = Create();
  const KeptLink late(ReplaceToken(revoked, "late", 1).fields);
  const KeptLink later(ReplaceToken(erased, "later", 1).fields);
  auto kill = Revoke(revoked);
  ASSERT_TRUE(kill.allowed());
  EXPECT_EQ(kill.fields.revision, 3u);  // above the one on its way
  ASSERT_TRUE(Erase(erased).allowed());
  EXPECT_EQ(Commit(late), Rule::kAlreadyRevoked);
  EXPECT_EQ(Commit(later), Rule::kLinkErased);
  for (int restart = 0; restart < 2; ++restart) {
    for (const KeptLink* record : {&revoked, &late}) {
      EXPECT_EQ(Read(*record).fields.status, ConsentStatus::kRevoked);
    }
    EXPECT_EQ(Read(erased).rule(), Rule::kLinkErased);
    EXPECT_EQ(Read(later).rule(), Rule::kLinkErased);
    Restart();
  }
}

TEST_F(LinksTest, ErasedLinkOpensNothingAndIsCertified) {
  const KeptLink link = Create();
  As("linker2");
  EXPECT_EQ(Erase(link).rule(), Rule::kLinkOfAnotherLinker);
  As("messenger");
  EXPECT_EQ(Erase(link).rule(), Rule::kNoLinkRight);
  const std::string token = Token(link);
  As("linker");
  auto erased = Erase(link);
  ASSERT_TRUE(erased.allowed());
  EXPECT_EQ(erased.fields.certificate.substr(0, 10), "v4.public.");
  EXPECT_EQ(Erase(link).rule(), Rule::kLinkErased);
  EXPECT_EQ(Read(link).rule(), Rule::kLinkErased);
  EXPECT_EQ(Revoke(link).rule(), Rule::kLinkErased);
  EXPECT_EQ(ReplaceToken(link, "x", 1).rule(), Rule::kLinkErased);
  EXPECT_EQ(ReplaceConsent(link, TestConsent(), 1).rule(), Rule::kLinkErased);
  As("messenger");
  EXPECT_EQ(TryIssue(IssueItem(link)).rule(), Rule::kLinkErased);
  As("connector");
  EXPECT_FALSE(Redeem(token, link).allowed());
}

TEST_F(LinksTest, SubjectsErasureRefusesWithheldRecordsAndSparesNewLinks) {
  const KeptLink withheld = Create();
  wire::CreateItem neighbour = CreateItem();
  neighbour.subject = "cust-7732";
  const KeptLink other_subject = Create(neighbour);
  As("linker2");
  const KeptLink other_linker = Create();
  As("linker");
  // The gate reports none, and keeps the record.
  ASSERT_TRUE(EraseSubject("cust-7731", 0).allowed());
  const KeptLink anew = Create();
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(Read(withheld).rule(), Rule::kLinkErased);
    EXPECT_EQ(ReplaceToken(withheld, "x", 1).rule(), Rule::kLinkErased);
    EXPECT_TRUE(Read(anew).allowed());
    EXPECT_TRUE(Read(other_subject).allowed());
    As("linker2");
    EXPECT_TRUE(Read(other_linker).allowed());
    As("linker");
    Restart();
  }
}

TEST_F(LinksTest, AllLinksWidensASubjectsErasureToEveryLinker) {
  const KeptLink one = Create();
  As("linker2");
  const KeptLink two = Create();
  EXPECT_TRUE(EraseSubject("nobody", 0).allowed());  // unknown: nothing to do
  EXPECT_EQ(EraseSubject("", 0).rule(), Rule::kMalformedRequest);
  As("messenger");
  EXPECT_EQ(EraseSubject("cust-7731", 2).rule(), Rule::kNoLinkRight);
  As("auditor");
  EXPECT_TRUE(Read(one).allowed());
  ASSERT_TRUE(EraseSubject("cust-7731", 2).allowed());
  EXPECT_EQ(Read(one).rule(), Rule::kLinkErased);
  EXPECT_EQ(Read(two).rule(), Rule::kLinkErased);
}

TEST_F(LinksTest, HashesAreKeyedAndEachNeedsItsRight) {
  auto hash = [&](std::string_view subject, std::string_view route,
                  std::string_view key, std::string_view body, uint16_t right) {
    wire::HashItem item;
    item.connection = caller_.id;
    item.right = right;
    item.subject = subject;
    item.route = route;
    item.idempotency_key = key;
    item.body = base::AsBytes(body);
    return keeper_.One<wire::HashAnswer>(Op::kHash, item);
  };
  auto of_subject = [&](std::string_view subject) {
    return hash(subject, "", "", "", wire::kRightRead);
  };
  auto of_key = [&](std::string_view route, std::string_view key,
                    std::string_view body) {
    return hash("", route, key, body, wire::kRightCreate);
  };
  auto subject = of_subject("s");
  ASSERT_TRUE(subject.allowed());
  EXPECT_NE(subject.header.leaf, wire::kNoLeaf);  // looking leaves a trace
  EXPECT_EQ(subject.fields.caller, "linker");
  EXPECT_FALSE(subject.fields.all_links);
  EXPECT_EQ(of_subject("s").fields.subject, subject.fields.subject);
  EXPECT_NE(of_subject("t").fields.subject, subject.fields.subject);
  auto key = of_key("POST /v1/links", "k", "body");
  ASSERT_TRUE(key.allowed());
  EXPECT_EQ(key.fields.subject, wire::SubjectHash{});
  auto same = of_key("POST /v1/links", "k", "body");
  EXPECT_EQ(same.fields.idempotency, key.fields.idempotency);
  EXPECT_EQ(same.fields.body, key.fields.body);
  EXPECT_NE(of_key("other", "k", "body").fields.idempotency,
            key.fields.idempotency);
  EXPECT_NE(of_key("POST /v1/links", "l", "").fields.idempotency,
            key.fields.idempotency);
  EXPECT_NE(of_key("POST /v1/links", "k", "other").fields.body,
            key.fields.body);
  EXPECT_EQ(hash("s", "", "", "", wire::kRightCreate).rule(),
            Rule::kNoLinkRight);
  EXPECT_EQ(hash("", "r", "k", "", wire::kRightRead).rule(),
            Rule::kNoLinkRight);
  EXPECT_EQ(hash("s", "", "", "", 0).rule(), Rule::kNoLinkRight);
  As("linker2");
  EXPECT_EQ(of_subject("s").fields.subject, subject.fields.subject);
  EXPECT_NE(of_key("POST /v1/links", "k", "body").fields.idempotency,
            key.fields.idempotency);
  As("messenger");
  EXPECT_EQ(of_subject("s").rule(), Rule::kNoLinkRight);
  EXPECT_EQ(of_key("r", "k", "").rule(), Rule::kNoLinkRight);
  As("auditor");
  EXPECT_TRUE(of_subject("s").fields.all_links);
}

}  // namespace
}  // namespace coffer::keeper_test
