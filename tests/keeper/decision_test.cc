// Every rule of issuing, and their order.
#include <functional>

#include "tests/keeper/decision_support.h"

namespace coffer::keeper {
namespace {

using wire::InstitutionState;

struct Fault {
  Rule rule;
  std::function<void(Scenario&)> commit;
};

// In the order in which the interface answers them. Each can be committed
// together with every other.
std::vector<Fault> Faults() {
  return {
      {Rule::kUnknownPurpose, [](Scenario& s) { s.purpose = "nonesuch"; }},
      {Rule::kUnknownAudience, [](Scenario& s) { s.audience = "nobody"; }},
      {Rule::kUnknownCluster,
       [](Scenario& s) { s.scope.push_back("SECRETS"); }},
      {Rule::kPurposeProhibited,
       [](Scenario& s) { s.policy->purposes[kBalances].prohibited = true; }},
      {Rule::kNoIssueRule, [](Scenario& s) { s.caller = kLinker; }},
      {Rule::kAudienceNotInRule,
       [](Scenario& s) {
         for (auto& rule : s.policy->rules) rule.audience = kOtherConnector;
       }},
      {Rule::kRuleInstitution,
       [](Scenario& s) {
         for (auto& rule : s.policy->rules) rule.institutions = {};
       }},
      {Rule::kInstitutionWithdrawn,
       [](Scenario& s) {
         s.link.institution_state = InstitutionState::kWithdrawn;
       }},
      {Rule::kCeilingPurpose,
       [](Scenario& s) { s.policy->institutions[kCiti].purposes = 6; }},
      {Rule::kCeilingCluster,
       [](Scenario& s) { s.policy->institutions[kCiti].clusters = kBasic; }},
      {Rule::kConsentExpired,
       [](Scenario& s) { s.link.expires_at = kTestNow; }},
      {Rule::kConsentPurpose,
       [](Scenario& s) { s.consent.purposes[0] = "purchase_tracking"; }},
      {Rule::kPurposeCluster,
       [](Scenario& s) { s.policy->purposes[kBalances].clusters = kBasic; }},
      {Rule::kConsentCluster, [](Scenario& s) { s.consent.clusters.size = 1; }},
      {Rule::kRuleCluster,
       [](Scenario& s) {
         for (auto& rule : s.policy->rules) rule.clusters = kBasic;
       }},
  };
}

TEST(Decision, RequestWithinEveryBoundIsAllowed) {
  Scenario scenario;
  Access access = scenario.Decide();
  EXPECT_EQ(access.rule, Rule::kAllowed);
  EXPECT_EQ(access.scope, kDetailed);
  EXPECT_EQ(access.ttl_seconds_max, 300u);
}

TEST(Decision, APeerThatTheKernelCannotNameNeedsThePolicysWord) {
  auto policy = MakePolicy();
  const auto match = [&](Identity identity) {
    return MatchCaller(*policy, identity).rule;
  };
  Identity peer;
  peer.uid = 1002;
  peer.gid = kOverflowId;  // many system users have it
  EXPECT_EQ(match(peer), Rule::kAllowed);
  peer.nameless = true;
  EXPECT_EQ(match(peer), Rule::kForeignNamespace);
  EXPECT_EQ(MatchCaller(*policy, peer).first, kMessenger);
  policy->callers[kMessenger].foreign_namespaces = true;
  EXPECT_EQ(match(peer), Rule::kAllowed);
  peer.uid = 1003;
  EXPECT_EQ(match(peer), Rule::kForeignNamespace) << "each caller by itself";

  peer = Identity{};
  peer.uid = 77;
  EXPECT_EQ(match(peer), Rule::kUnknownCaller);
  peer.uid = kOverflowId;
  EXPECT_EQ(match(peer), Rule::kForeignNamespace) << "nobody's";
  EXPECT_EQ(MatchCaller(*policy, peer).first, -1);
  policy->callers[kMessenger].identity = kOverflowId;
  EXPECT_EQ(match(peer), Rule::kAllowed);
  policy->callers[kMessenger].foreign_namespaces = false;
  EXPECT_EQ(match(peer), Rule::kForeignNamespace);
  // Of groups only the one that matched says anything.
  peer.uid = 5;
  peer.gid = kOverflowId;
  policy->callers[kMessenger].identity_kind = wire::IdentityKind::kGid;
  EXPECT_EQ(match(peer), Rule::kForeignNamespace);
}

TEST(Decision, EachFaultAloneIsNamed) {
  for (const Fault& fault : Faults()) {
    Scenario scenario;
    fault.commit(scenario);
    EXPECT_EQ(wire::RuleText(scenario.Decide().rule),
              wire::RuleText(fault.rule));
  }
}

TEST(Decision, OfTwoFaultsTheFirstAnswers) {
  const std::vector<Fault> faults = Faults();
  for (size_t first = 0; first < faults.size(); ++first) {
    for (size_t second = first + 1; second < faults.size(); ++second) {
      Scenario scenario;
      faults[second].commit(scenario);
      faults[first].commit(scenario);
      EXPECT_EQ(wire::RuleText(scenario.Decide().rule),
                wire::RuleText(faults[first].rule))
          << "with " << wire::RuleText(faults[second].rule);
    }
  }
}

TEST(Decision, AllFaultsFromAnyOneOnAreAnsweredByThatOne) {
  const std::vector<Fault> faults = Faults();
  for (size_t first = 0; first < faults.size(); ++first) {
    Scenario scenario;
    for (size_t i = first; i < faults.size(); ++i) faults[i].commit(scenario);
    EXPECT_EQ(wire::RuleText(scenario.Decide().rule),
              wire::RuleText(faults[first].rule));
  }
}

TEST(Decision, ProhibitedPurposeIsRefusedToEveryCallerWithOrWithoutARule) {
  for (int caller : {kLinker, kMessenger, kConnector}) {
    Scenario scenario;
    scenario.caller = caller;
    scenario.purpose = "advertising";
    EXPECT_EQ(scenario.Decide().rule, Rule::kPurposeProhibited);
    // A rule for it, as no policy compiles but a damaged one could hold.
    scenario.policy->rules.push_back(MakeRule(kAdvertising, kConnector));
    EXPECT_EQ(scenario.Decide().rule, Rule::kPurposeProhibited);
  }
}

TEST(Decision, JpMorganGivesNoTransactionsAndCitiDoes) {
  for (int institution : {kCiti, kJpMorgan}) {
    Scenario scenario;
    scenario.link.institution = institution;
    scenario.purpose = "purchase_tracking";
    scenario.consent.purposes[0] = "purchase_tracking";
    scenario.consent.clusters[1] = "TRANSACTIONS";
    scenario.scope[0] = "TRANSACTIONS";
    const bool allowed = institution == kCiti;
    EXPECT_EQ(scenario.Decide().rule,
              allowed ? Rule::kAllowed : Rule::kCeilingCluster);
    // Without naming a scope the bank's ceiling narrows it.
    scenario.scope = {};
    Access access = scenario.Decide();
    EXPECT_EQ(access.rule, Rule::kAllowed);
    EXPECT_EQ(access.scope, allowed ? kBasic | kTransactions : kBasic);
  }
}

TEST(Decision, BankThatSharesNothingIsNeverIssuedFor) {
  Scenario scenario;
  scenario.link.institution = kUsBank;
  EXPECT_EQ(scenario.Decide().rule, Rule::kCeilingPurpose);
  // Its purpose allowed but no cluster, and no scope asked for.
  scenario.policy->institutions[kUsBank].purposes = 7;
  scenario.scope = {};
  EXPECT_EQ(scenario.Decide().rule, Rule::kCeilingCluster);
}

TEST(Decision, InstitutionThatThePolicyDroppedIsInNoRule) {
  Scenario scenario;
  scenario.link.institution = -1;
  EXPECT_EQ(scenario.Decide().rule, Rule::kRuleInstitution);
}

TEST(Decision, SuspendedAndWithdrawnInstitutionsAreToldApart) {
  Scenario scenario;
  scenario.link.institution_state = InstitutionState::kSuspended;
  EXPECT_EQ(scenario.Decide().rule, Rule::kInstitutionSuspended);
  scenario.link.institution_state = InstitutionState::kWithdrawn;
  EXPECT_EQ(scenario.Decide().rule, Rule::kInstitutionWithdrawn);
  scenario.link.institution_state = static_cast<InstitutionState>(9);
  EXPECT_NE(scenario.Decide().rule, Rule::kAllowed);
}

TEST(Decision, EndedConsentsAreToldApartAndAnUnknownStatusIsRefused) {
  const std::pair<ConsentStatus, Rule> cases[] = {
      {ConsentStatus::kActive, Rule::kAllowed},
      {ConsentStatus::kExpired, Rule::kConsentExpired},
      {ConsentStatus::kRevoked, Rule::kConsentRevoked},
      {ConsentStatus::kUsed, Rule::kConsentUsed},
      {static_cast<ConsentStatus>(0), Rule::kConsentRevoked},
      {static_cast<ConsentStatus>(77), Rule::kConsentRevoked},
  };
  for (auto [status, rule] : cases) {
    Scenario scenario;
    scenario.link.status = status;
    EXPECT_EQ(scenario.Decide().rule, rule);
  }
}

TEST(Decision, ConsentEndsWithItsLastSecondAndCutsTheLifetime) {
  Scenario scenario;
  const struct {
    uint64_t seconds_left;
    Rule rule;
    uint32_t ttl;
  } cases[] = {{0, Rule::kConsentExpired, 0}, {1, Rule::kAllowed, 1},
               {299, Rule::kAllowed, 299},    {300, Rule::kAllowed, 300},
               {301, Rule::kAllowed, 300},    {1u << 31, Rule::kAllowed, 300}};
  for (const auto& each : cases) {
    scenario.link.expires_at = kTestNow + each.seconds_left;
    Access access = scenario.Decide();
    EXPECT_EQ(access.rule, each.rule) << each.seconds_left;
    if (each.rule == Rule::kAllowed) {
      EXPECT_EQ(access.ttl_seconds_max, each.ttl);
    }
  }
  scenario.link.expires_at = kTestNow - 1;
  EXPECT_EQ(scenario.Decide().rule, Rule::kConsentExpired);
}

TEST(Decision, NoLifetimeIsAboveTheCeiling) {
  Scenario scenario;
  scenario.policy->purposes[kBalances].ttl_seconds_max = 100000;
  EXPECT_EQ(scenario.Decide().ttl_seconds_max, base::kTokenSecondsMax);
}

// For every purpose, ceiling, consent, rule and request over three clusters:
// what is allowed is within all of them, and what is refused is not.
TEST(Decision, NarrowestOfInstitutionPurposeConsentRuleAndRequestWins) {
  Scenario scenario;
  const char* names[] = {"ACCOUNT_BASIC", "ACCOUNT_DETAILED", "TRANSACTIONS"};
  auto list = [&](ClusterSet set) {
    NameList chosen;
    for (size_t i = 0; i < 3; ++i) {
      if ((set >> i) & 1) chosen.push_back(names[i]);
    }
    return chosen;
  };
  int allowed = 0, refused = 0;
  for (uint32_t bits = 0; bits < 1 << 15; ++bits) {
    const ClusterSet purpose = bits & 7, ceiling = bits >> 3 & 7,
                     consented = bits >> 6 & 7, granted = bits >> 9 & 7,
                     asked = bits >> 12 & 7;
    scenario.policy->purposes[kBalances].clusters = purpose;
    scenario.policy->institutions[kCiti].clusters = ceiling;
    scenario.policy->rules[0].clusters = granted;
    scenario.consent.clusters = list(consented);
    scenario.scope = list(asked);
    const ClusterSet common = purpose & ceiling & consented & granted;
    const Access access = scenario.Decide();
    const bool within = asked == 0 ? common != 0 : (asked & ~common) == 0;
    ASSERT_EQ(access.rule == Rule::kAllowed, within) << bits;
    if (within) {
      ASSERT_EQ(access.scope, asked == 0 ? common : asked) << bits;
    }
    ++(within ? allowed : refused);
  }
  EXPECT_GT(allowed, 1000);
  EXPECT_GT(refused, 10000);
}

TEST(Decision, NothingInCommonIsRefusedByName) {
  Scenario scenario;
  scenario.scope = {};
  scenario.consent.clusters = {};
  scenario.consent.clusters.push_back("REWARDS");
  EXPECT_EQ(scenario.Decide().rule, Rule::kConsentEmptyScope);
}

TEST(Decision, ConsentedClusterThatThePolicyDroppedCountsForNothing) {
  Scenario scenario;
  scenario.consent.clusters[1] = "DROPPED";
  scenario.scope = {};
  Access access = scenario.Decide();
  EXPECT_EQ(access.rule, Rule::kAllowed);
  EXPECT_EQ(access.scope, kBasic);
}

TEST(Decision, NamesAreComparedByteForByte) {
  for (const char* purpose :
       {"Balance_display", "balance_display ", "balance_displa", ""}) {
    Scenario scenario;
    scenario.purpose = purpose;
    EXPECT_EQ(scenario.Decide().rule, Rule::kUnknownPurpose) << purpose;
  }
  for (const char* purpose : {"Balance_display", "balance_displa", ""}) {
    Scenario scenario;
    scenario.consent.purposes[0] = purpose;
    EXPECT_EQ(scenario.Decide().rule, Rule::kConsentPurpose) << purpose;
  }
}

TEST(Decision, OneOfSeveralRulesForAPurposeIsEnough) {
  Scenario scenario;
  scenario.policy->rules[0].clusters = kBasic;
  EXPECT_EQ(scenario.Decide().rule, Rule::kRuleCluster);
  wire::IssueRule second = MakeRule(kBalances, kConnector);
  second.clusters = kDetailed;
  scenario.policy->rules.push_back(second);
  EXPECT_EQ(scenario.Decide().rule, Rule::kAllowed);
  // But no request may be put together from two of them.
  scenario.scope.push_back("ACCOUNT_BASIC");
  EXPECT_EQ(scenario.Decide().rule, Rule::kRuleCluster);
}

TEST(Decision, RuleOfAnotherInstitutionOrAudienceDoesNotHelp) {
  Scenario scenario;
  scenario.policy->rules[0].clusters = kBasic;
  wire::IssueRule other = MakeRule(kBalances, kConnector);
  other.institutions = {};
  other.institutions.Add(kJpMorgan);
  scenario.policy->rules.push_back(other);
  scenario.policy->rules.push_back(MakeRule(kBalances, kOtherConnector));
  EXPECT_EQ(scenario.Decide().rule, Rule::kRuleCluster);
  scenario.audience = "other";
  EXPECT_EQ(scenario.Decide().rule, Rule::kAllowed);
}

TEST(Decision, OneCallersRightsNeverHelpAnother) {
  for (int caller : {kLinker, kConnector, kOtherConnector}) {
    Scenario scenario;
    scenario.caller = caller;
    EXPECT_EQ(scenario.Decide().rule, Rule::kNoIssueRule);
  }
}

}  // namespace
}  // namespace coffer::keeper
