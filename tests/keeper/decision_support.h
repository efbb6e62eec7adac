// A small policy in the shape of the shipped sample, and a request that it
// allows, for the tests of keeper/decision.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "vault/keeper/decision.h"

namespace coffer::keeper {

// Places in the policy below.
inline constexpr ClusterSet kBasic = 1, kDetailed = 2, kTransactions = 4,
                            kRewards = 8;
enum Purpose : uint16_t { kBalances, kTracking, kReceipts, kAdvertising };
enum Institution : int { kCiti, kJpMorgan, kUsBank };
enum Who : uint16_t { kLinker, kMessenger, kConnector, kOtherConnector };

inline wire::IssueRule MakeRule(uint16_t purpose, uint16_t audience) {
  wire::IssueRule rule;
  rule.caller = kMessenger;
  rule.purpose = purpose;
  rule.audience = audience;
  for (size_t i = 0; i < 3; ++i) rule.institutions.Add(i);
  rule.clusters = kBasic | kDetailed | kTransactions;
  return rule;
}

inline std::unique_ptr<Policy> MakePolicy() {
  using wire::Name;
  auto policy = std::make_unique<Policy>();
  for (const char* name :
       {"ACCOUNT_BASIC", "ACCOUNT_DETAILED", "TRANSACTIONS", "REWARDS"}) {
    policy->clusters.push_back(Name(name));
  }
  policy->purposes.push_back(
      {Name("balance_display"), kBasic | kDetailed, 300, false});
  policy->purposes.push_back(
      {Name("purchase_tracking"), kBasic | kTransactions, 900, false});
  policy->purposes.push_back({Name("receipts"), kRewards, 60, false});
  policy->purposes.push_back({Name("advertising"), 0, 0, true});
  policy->institutions.push_back({Name("citi"), {}, 7, 15});
  policy->institutions.push_back(
      {Name("jpmorgan"), {}, 7, kBasic | kDetailed | kRewards});
  policy->institutions.push_back({Name("us_bank"), {}, 0, 0});
  const uint16_t rights[] = {wire::kRightCreate | wire::kRightRead |
                                 wire::kRightUpdate | wire::kRightErase,
                             0, wire::kRightUpdateBankToken, 0};
  uint32_t uid = 1001;
  for (const char* name : {"linker", "messenger", "connector", "other"}) {
    wire::PolicyCaller caller;
    caller.name = Name(name);
    caller.identity = uid++;
    caller.link_rights = rights[policy->callers.size];
    if (policy->callers.size >= kConnector) caller.redeem = 1 << kBalances;
    policy->callers.push_back(caller);
  }
  policy->rules.push_back(MakeRule(kBalances, kConnector));
  policy->rules.push_back(MakeRule(kTracking, kConnector));
  return policy;
}

inline constexpr uint64_t kTestNow = 1785542400;

// A request of the messenger's for a link at Citi, and all that it depends on;
// as made, the request is allowed.
struct Scenario {
  Scenario() : policy(MakePolicy()) {
    consent.consent_id = "c-1";
    consent.purposes.push_back("balance_display");
    consent.clusters.push_back("ACCOUNT_BASIC");
    consent.clusters.push_back("ACCOUNT_DETAILED");
    scope.push_back("ACCOUNT_DETAILED");
    link.institution = kCiti;
    link.expires_at = kTestNow + 90 * 86400;
  }
  // In the keeper's order; the link is known.
  Access Decide() {
    link.consent = &consent;
    AccessRequest request;
    Access access;
    access.rule =
        ResolveRequest(*policy, caller, purpose, audience, scope, request);
    if (access.rule != Rule::kAllowed) return access;
    access.rule = DecideWithoutLink(*policy, request);
    if (access.rule != Rule::kAllowed) return access;
    return DecideWithLink(*policy, request, link, kTestNow);
  }

  std::unique_ptr<Policy> policy;
  int caller = kMessenger;
  std::string_view purpose = "balance_display";
  std::string_view audience = "connector";
  NameList scope;
  Consent consent;
  LinkFacts link;
};

}  // namespace coffer::keeper
