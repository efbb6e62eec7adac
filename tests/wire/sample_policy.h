// A small policy that is sound, for tests to break in one place at a time.
// Tests only.
#pragma once

#include <memory>
#include <vector>

#include "vault/wire/policy.h"

namespace coffer::wire {

// Two clusters, three purposes (the last prohibited), two banks, three callers,
// two rules.
inline std::unique_ptr<Policy> MakeSamplePolicy() {
  auto policy = std::make_unique<Policy>();
  policy->clusters.push_back(Name("ACCOUNT_BASIC"));
  policy->clusters.push_back(Name("ACCOUNT_DETAILED"));
  for (const char* name : {"balance_display", "fraud_alert", "advertising"}) {
    PolicyPurpose purpose;
    purpose.name = Name(name);
    purpose.clusters = 3;
    purpose.ttl_seconds_max = 300;
    policy->purposes.push_back(purpose);
  }
  policy->purposes[2].prohibited = true;
  policy->purposes[2].clusters = 0;
  policy->purposes[2].ttl_seconds_max = 0;
  for (const char* name : {"citi", "jpmorgan"}) {
    PolicyInstitution institution;
    institution.name = Name(name);
    institution.display_name.Assign("A bank");
    institution.purposes = 3;
    institution.clusters = 3;
    policy->institutions.push_back(institution);
  }
  policy->institutions[1].purposes = 0;
  uint32_t uid = 1001;
  for (const char* name : {"linker", "messenger", "connector"}) {
    PolicyCaller caller;
    caller.name = Name(name);
    caller.identity = uid++;
    policy->callers.push_back(caller);
  }
  policy->callers[0].link_rights = kLinkRightsAll;
  policy->callers[2].redeem = 1;
  for (uint16_t purpose : {uint16_t{0}, uint16_t{1}}) {
    IssueRule rule;
    rule.caller = 1;
    rule.purpose = purpose;
    rule.audience = 2;
    rule.institutions.Add(0);
    rule.clusters = 3;
    rule.distinct_links_per_hour = 1000;
    policy->rules.push_back(rule);
  }
  return policy;
}

inline std::vector<uint8_t> PolicyToBytes(const Policy& policy) {
  std::vector<uint8_t> bytes(base::kPolicyBytesMax);
  auto size = base::EncodeWhole(bytes, policy);
  COFFER_CHECK(size.ok());
  bytes.resize(*size);
  return bytes;
}

}  // namespace coffer::wire
