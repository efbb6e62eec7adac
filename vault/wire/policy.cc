#include "vault/wire/policy.h"

#include <algorithm>

namespace coffer::wire {
namespace {

using base::Code;
using base::Fail;

template <typename List>
int Find(const List& list, std::string_view name) {
  for (size_t i = 0; i < list.size; ++i) {
    if constexpr (requires { list[i].name; }) {
      if (list[i].name == name) return static_cast<int>(i);
    } else {
      if (list[i] == name) return static_cast<int>(i);
    }
  }
  return -1;
}

template <typename List>
bool NamesAreSound(const List& list) {
  for (size_t i = 0; i < list.size; ++i) {
    std::string_view name;
    if constexpr (requires { list[i].name; }) {
      name = list[i].name.view();
    } else {
      name = list[i].view();
    }
    if (!IsName(name) || Find(list, name) != static_cast<int>(i)) return false;
  }
  return true;
}

template <typename Mask>
bool Within(Mask mask, size_t places) {
  constexpr size_t kBits = sizeof(Mask) * 8;
  return places >= kBits || (mask >> places) == 0;
}

PurposeSet Prohibited(const Policy& policy) {
  PurposeSet set = 0;
  for (size_t i = 0; i < policy.purposes.size; ++i) {
    if (policy.purposes[i].prohibited) set |= PurposeSet{1} << i;
  }
  return set;
}

void Narrow(uint32_t& limit, uint32_t other) {
  if (other != 0 && (limit == 0 || other < limit)) limit = other;
}

base::Status CheckCallers(const Policy& policy) {
  for (size_t i = 0; i < policy.callers.size; ++i) {
    const PolicyCaller& caller = policy.callers[i];
    if (caller.identity_kind != IdentityKind::kUid &&
        caller.identity_kind != IdentityKind::kGid) {
      return Fail(Code::kInvalid,
                  "policy: a caller's identity is no uid or gid");
    }
    if ((caller.link_rights & ~kLinkRightsAll) != 0 ||
        !Within(caller.redeem, policy.purposes.size) ||
        (caller.redeem & Prohibited(policy)) != 0) {
      return Fail(Code::kInvalid,
                  "policy: a caller's rights are out of bounds");
    }
    for (size_t j = 0; j < i; ++j) {
      if (policy.callers[j].identity_kind == caller.identity_kind &&
          policy.callers[j].identity == caller.identity) {
        return Fail(Code::kInvalid, "policy: two callers share a uid or gid");
      }
    }
  }
  return {};
}

}  // namespace

int FindCluster(const Policy& policy, std::string_view name) {
  return Find(policy.clusters, name);
}
int FindPurpose(const Policy& policy, std::string_view name) {
  return Find(policy.purposes, name);
}
int FindInstitution(const Policy& policy, std::string_view name) {
  return Find(policy.institutions, name);
}
int FindCaller(const Policy& policy, std::string_view name) {
  return Find(policy.callers, name);
}

BudgetLimits BudgetOf(const Policy& policy, size_t caller, size_t purpose) {
  BudgetLimits limits;
  for (const IssueRule& rule : policy.rules) {
    if (rule.caller != caller || rule.purpose != purpose) continue;
    Narrow(limits.links_per_hour, rule.distinct_links_per_hour);
    Narrow(limits.links_per_day, rule.distinct_links_per_day);
    Narrow(limits.tokens_per_second, rule.tokens_per_second);
  }
  return limits;
}

uint64_t BudgetLinks(const Policy& policy) {
  uint64_t links = 0;
  for (size_t i = 0; i < policy.rules.size; ++i) {
    const IssueRule& rule = policy.rules[i];
    bool counted = false;  // with an earlier rule of the budget
    for (size_t j = 0; j < i && !counted; ++j) {
      counted = policy.rules[j].caller == rule.caller &&
                policy.rules[j].purpose == rule.purpose;
    }
    if (counted) continue;
    const BudgetLimits limits = BudgetOf(policy, rule.caller, rule.purpose);
    links += std::max(limits.links_per_hour, limits.links_per_day);
  }
  return links;
}

base::Status CheckPolicy(const Policy& policy) {
  if (!NamesAreSound(policy.clusters) || !NamesAreSound(policy.purposes) ||
      !NamesAreSound(policy.institutions) || !NamesAreSound(policy.callers)) {
    return Fail(Code::kInvalid, "policy: a name is malformed or stands twice");
  }
  for (const PolicyPurpose& purpose : policy.purposes) {
    if (!Within(purpose.clusters, policy.clusters.size)) {
      return Fail(Code::kInvalid,
                  "policy: a purpose's clusters are out of bounds");
    }
    if (!purpose.prohibited &&
        (purpose.clusters == 0 || purpose.ttl_seconds_max == 0 ||
         purpose.ttl_seconds_max > base::kTokenSecondsMax)) {
      return Fail(Code::kInvalid, "policy: a purpose is out of bounds");
    }
  }
  const PurposeSet prohibited = Prohibited(policy);
  for (const PolicyInstitution& institution : policy.institutions) {
    if (!Within(institution.purposes, policy.purposes.size) ||
        !Within(institution.clusters, policy.clusters.size) ||
        (institution.purposes & prohibited) != 0) {
      return Fail(Code::kInvalid,
                  "policy: an institution's ceiling is out of bounds");
    }
  }
  COFFER_TRY(CheckCallers(policy));
  if (policy.erasure_horizon_seconds < base::kErasureHorizonSecondsMin ||
      policy.erasure_horizon_seconds > base::kErasureHorizonSecondsMax ||
      policy.persistent_days_max == 0 ||
      policy.persistent_days_max > base::kPersistentDaysMax ||
      policy.keep_expired_seconds > base::kKeepExpiredSecondsMax ||
      policy.history_days > base::kHistoryDaysMax) {
    return Fail(Code::kInvalid, "policy: a period is out of bounds");
  }
  for (const IssueRule& rule : policy.rules) {
    if (rule.caller >= policy.callers.size ||
        rule.audience >= policy.callers.size ||
        rule.purpose >= policy.purposes.size ||
        policy.purposes[rule.purpose].prohibited ||
        !Within(rule.clusters, policy.clusters.size)) {
      return Fail(Code::kInvalid, "policy: an issue rule is out of bounds");
    }
    for (size_t i = policy.institutions.size; i < base::kInstitutionsMax; ++i) {
      if (rule.institutions.Has(i)) {
        return Fail(Code::kInvalid, "policy: an issue rule is out of bounds");
      }
    }
  }
  if (BudgetLinks(policy) > base::kBudgetLinksMax) {
    return Fail(Code::kTooLarge,
                "policy: the budgets count more than 1,048,576 links in all; "
                "lower distinct_links_per_day or distinct_links_per_hour");
  }
  return {};
}

base::Status DecodePolicy(Policy& out, Bytes bytes) {
  if (bytes.empty()) return Fail(Code::kInvalid, "policy: no bytes");
  if (bytes[0] > kPolicyFormat) {
    return Fail(Code::kNewerFormat,
                "policy: compiled by a newer coffer; update this program");
  }
  if (bytes[0] != kPolicyFormat || bytes.size() > base::kPolicyBytesMax) {
    return Fail(Code::kInvalid, "policy: malformed");
  }
  out = Policy{};
  base::Decoder decoder(bytes);
  Policy::Fields(decoder, out);
  if (!decoder.finished()) return Fail(Code::kInvalid, "policy: malformed");
  return CheckPolicy(out);
}

}  // namespace coffer::wire
