// Who a connection is, who may touch which link, which consents may be stored.
#include "tests/keeper/decision_support.h"

namespace coffer::keeper {
namespace {

using wire::IdentityKind;

Identity Uid(uint32_t uid) {
  Identity identity;
  identity.uid = uid;
  identity.gid = 9999;
  return identity;
}

TEST(MatchCaller, UidNamesOneCallerAndAnyOtherNone) {
  auto policy = MakePolicy();
  CallerMatch match = MatchCaller(*policy, Uid(1002));
  EXPECT_EQ(match.rule, Rule::kAllowed);
  EXPECT_EQ(match.first, kMessenger);
  for (uint32_t uid : {0u, 1000u, 1005u, 0xffffffffu}) {
    EXPECT_EQ(MatchCaller(*policy, Uid(uid)).rule, Rule::kUnknownCaller);
  }
}

TEST(MatchCaller, GidNeverMatchesAUidNorAUidAGid) {
  auto policy = MakePolicy();
  Identity identity = Uid(5);
  identity.gid = 1002;
  EXPECT_EQ(MatchCaller(*policy, identity).rule, Rule::kUnknownCaller);
  policy->callers[kMessenger].identity_kind = IdentityKind::kGid;
  EXPECT_EQ(MatchCaller(*policy, Uid(1002)).rule, Rule::kUnknownCaller);
  EXPECT_EQ(MatchCaller(*policy, identity).first, kMessenger);
}

TEST(MatchCaller, SupplementaryGroupsCount) {
  auto policy = MakePolicy();
  policy->callers[kConnector].identity_kind = IdentityKind::kGid;
  const uint32_t groups[] = {4, 7, 1003};
  Identity identity = Uid(5);
  identity.groups = groups;
  identity.groups_size = 3;
  EXPECT_EQ(MatchCaller(*policy, identity).first, kConnector);
  identity.groups_size = 2;
  EXPECT_EQ(MatchCaller(*policy, identity).rule, Rule::kUnknownCaller);
}

TEST(MatchCaller, ConnectionThatMatchesTwoCallersIsNoneAndBothAreNamed) {
  auto policy = MakePolicy();
  policy->callers[kConnector].identity_kind = IdentityKind::kGid;
  Identity identity = Uid(1001);
  identity.gid = 1003;
  CallerMatch match = MatchCaller(*policy, identity);
  EXPECT_EQ(match.rule, Rule::kAmbiguousCaller);
  EXPECT_EQ(match.first, kLinker);
  EXPECT_EQ(match.second, kConnector);
  // Through its primary gid and a supplementary one, of two group callers.
  policy->callers[kLinker].identity_kind = IdentityKind::kGid;
  const uint32_t groups[] = {1001};
  identity.uid = 5;
  identity.groups = groups;
  identity.groups_size = 1;
  EXPECT_EQ(MatchCaller(*policy, identity).rule, Rule::kAmbiguousCaller);
}

TEST(MatchCaller, OneCallerThroughGidAndGroupIsNotAmbiguous) {
  auto policy = MakePolicy();
  policy->callers[kLinker].identity_kind = IdentityKind::kGid;
  const uint32_t groups[] = {1001, 1001};
  Identity identity = Uid(5);
  identity.gid = 1001;
  identity.groups = groups;
  identity.groups_size = 2;
  EXPECT_EQ(MatchCaller(*policy, identity).rule, Rule::kAllowed);
}

TEST(DecideRight, NeedsOneOfTheRightsAndAKnownCaller) {
  auto policy = MakePolicy();
  EXPECT_EQ(DecideRight(*policy, -1, wire::kRightRead), Rule::kUnknownCaller);
  EXPECT_EQ(DecideRight(*policy, kMessenger, wire::kLinkRightsAll),
            Rule::kNoLinkRight);
  EXPECT_EQ(DecideRight(*policy, kLinker, 0), Rule::kNoLinkRight);
  const uint16_t either = wire::kRightUpdate | wire::kRightUpdateBankToken;
  EXPECT_EQ(DecideRight(*policy, kConnector, either), Rule::kAllowed);
  EXPECT_EQ(DecideRight(*policy, kConnector, wire::kRightUpdate),
            Rule::kNoLinkRight);
}

TEST(DecideOwner, LinkerSeesOnlyItsOwnLinks) {
  auto policy = MakePolicy();
  for (uint16_t right :
       {wire::kRightRead, wire::kRightUpdate, wire::kRightErase}) {
    EXPECT_EQ(DecideOwner(*policy, kLinker, right, "linker"), Rule::kAllowed);
    for (const char* another : {"other", "linke", "linker2", "Linker", ""}) {
      EXPECT_EQ(DecideOwner(*policy, kLinker, right, another),
                Rule::kLinkOfAnotherLinker)
          << another;
    }
  }
}

TEST(DecideOwner, AllLinksWidensReadAndEraseAndNothingElse) {
  auto policy = MakePolicy();
  policy->callers[kLinker].link_rights |= wire::kRightAllLinks;
  EXPECT_EQ(DecideOwner(*policy, kLinker, wire::kRightRead, "other"),
            Rule::kAllowed);
  EXPECT_EQ(DecideOwner(*policy, kLinker, wire::kRightErase, "other"),
            Rule::kAllowed);
  EXPECT_EQ(DecideOwner(*policy, kLinker, wire::kRightUpdate, "other"),
            Rule::kLinkOfAnotherLinker);
}

class BankTokenUpdate : public testing::Test {
 protected:
  Rule Decide(int caller, std::string_view linker) {
    scenario_.link.consent = &scenario_.consent;
    return DecideBankTokenUpdate(*scenario_.policy, caller, linker,
                                 scenario_.link, kTestNow);
  }
  Scenario scenario_;
};

TEST_F(BankTokenUpdate, LinkerUpdatesItsOwnLinkAndNoOther) {
  EXPECT_EQ(Decide(kLinker, "linker"), Rule::kAllowed);
  EXPECT_EQ(Decide(kLinker, "other"), Rule::kLinkOfAnotherLinker);
  scenario_.policy->callers[kLinker].link_rights |= wire::kRightAllLinks;
  EXPECT_EQ(Decide(kLinker, "other"), Rule::kLinkOfAnotherLinker);
}

TEST_F(BankTokenUpdate, ConnectorReachesLinksWithAPurposeItMayRedeem) {
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kAllowed);
  scenario_.consent.purposes[0] = "purchase_tracking";
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kLinkOfAnotherLinker);
  scenario_.consent.purposes.push_back("balance_display");
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kAllowed);
}

TEST_F(BankTokenUpdate, ConnectorNeedsTheRightAndAnActiveConsent) {
  EXPECT_EQ(Decide(kOtherConnector, "linker"), Rule::kLinkOfAnotherLinker);
  scenario_.link.expires_at = kTestNow;
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kConsentExpired);
  scenario_.link.expires_at = kTestNow + 1;
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kAllowed);
  scenario_.link.status = ConsentStatus::kRevoked;
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kConsentRevoked);
  scenario_.link.status = ConsentStatus::kUsed;
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kConsentUsed);
}

TEST_F(BankTokenUpdate, PurposeThatThePolicyDroppedCoversNothing) {
  scenario_.consent.purposes[0] = "dropped";
  EXPECT_EQ(Decide(kConnector, "linker"), Rule::kLinkOfAnotherLinker);
}

TEST(DecideConsent, NamesMustExistAndNonePermitAProhibitedPurpose) {
  Scenario scenario;
  auto decide = [&] {
    return DecideConsent(*scenario.policy, scenario.consent);
  };
  EXPECT_EQ(decide(), Rule::kAllowed);
  scenario.consent.purposes.push_back("advertising");
  EXPECT_EQ(decide(), Rule::kPurposeProhibited);
  scenario.consent.clusters.push_back("SECRETS");
  EXPECT_EQ(decide(), Rule::kUnknownCluster);
  scenario.consent.purposes.push_back("nonesuch");
  EXPECT_EQ(decide(), Rule::kUnknownPurpose);
}

TEST(DecideConsent, ConsentAboveAnInstitutionsCeilingIsStoredAllTheSame) {
  Scenario scenario;
  scenario.consent.clusters.push_back("TRANSACTIONS");
  EXPECT_EQ(DecideConsent(*scenario.policy, scenario.consent), Rule::kAllowed);
}

TEST(StatusNow, OnlyAnActiveConsentExpires) {
  EXPECT_EQ(StatusNow(ConsentStatus::kActive, 100, 99), ConsentStatus::kActive);
  EXPECT_EQ(StatusNow(ConsentStatus::kActive, 100, 100),
            ConsentStatus::kExpired);
  EXPECT_EQ(StatusNow(ConsentStatus::kRevoked, 100, 101),
            ConsentStatus::kRevoked);
  EXPECT_EQ(StatusNow(ConsentStatus::kUsed, 100, 101), ConsentStatus::kUsed);
}

TEST(ScopeText, EverySetIsReadBackAsItWasWritten) {
  auto policy = MakePolicy();
  for (ClusterSet set = 0; set < 16; ++set) {
    char text[wire::kScopeTextBytesMax];
    std::string_view scope(text, FormatScope(text, *policy, set));
    ClusterSet again = 99;
    EXPECT_TRUE(ParseScope(*policy, scope, again)) << scope;
    EXPECT_EQ(again, set);
  }
  char text[wire::kScopeTextBytesMax];
  EXPECT_EQ(
      std::string_view(text, FormatScope(text, *policy, kBasic | kRewards)),
      "ACCOUNT_BASIC REWARDS");
}

TEST(ScopeText, LargestSetFitsItsBound) {
  auto policy = MakePolicy();
  policy->clusters.size = 0;
  for (char i = 0; i < 32; ++i) {
    std::string name(base::kNameBytesMax, 'X');
    name[0] = static_cast<char>('A' + i / 16);
    name[1] = static_cast<char>('a' + i % 16);
    policy->clusters.push_back(wire::Name(name));
  }
  char text[wire::kScopeTextBytesMax];
  const size_t size = FormatScope(text, *policy, ~ClusterSet{0});
  EXPECT_LE(size, sizeof text);
  ClusterSet again = 0;
  EXPECT_TRUE(ParseScope(*policy, {text, size}, again));
  EXPECT_EQ(again, ~ClusterSet{0});
}

TEST(ScopeText, UnknownNamesAndOtherSpellingsAreRefused) {
  auto policy = MakePolicy();
  for (const char* text :
       {"SECRETS", "account_basic", "ACCOUNT_BASIC  REWARDS", " ACCOUNT_BASIC",
        "ACCOUNT_BASIC,REWARDS", "ACCOUNT_BASIC\tREWARDS"}) {
    ClusterSet set = 0;
    EXPECT_FALSE(ParseScope(*policy, text, set)) << text;
  }
}

TEST(KnownClusters, LeavesOutWhatThePolicyDoesNotHave) {
  auto policy = MakePolicy();
  NameList names;
  names.push_back("REWARDS");
  names.push_back("SECRETS");
  EXPECT_EQ(KnownClusters(*policy, names), kRewards);
}

}  // namespace
}  // namespace coffer::keeper
