#include "tests/hostile/hostile_rules.h"

#include <unistd.h>

#include <algorithm>

namespace coffer::hostile {
namespace {

using wire::Name;

constexpr uint16_t kLinkerRights = wire::kRightCreate | wire::kRightRead |
                                   wire::kRightUpdate | wire::kRightErase;
constexpr uint32_t kFirstUid = 62001;
constexpr uint32_t kHarvestHour = 100;
constexpr uint32_t kHarvestDay = 250;

std::vector<CallerRow> SeveralCallers() {
  return {
      {"linker", kFirstUid, false, kLinkerRights, 0},
      {"linker2", kFirstUid + 1, false, kLinkerRights, 0},
      {"messenger", kFirstUid + 2, false, 0, 0},
      {"tracker", kFirstUid + 3, false, 0, 0},
      {"connector", kFirstUid + 4, true, wire::kRightUpdateBankToken, 1},
      {"auditor", kFirstUid + 5, false,
       wire::kRightRead | wire::kRightErase | wire::kRightAllLinks, 2},
      {"vaulted", kFirstUid + 8, false, wire::kRightUpdateBankToken, 1, true},
      {"signer", kFirstUid + 9, false, kLinkerRights, 0, false, true},
      {"harvester", kFirstUid + 10, false, 0, 0},
      {"sprinter", kFirstUid + 11, false, 0, 0},
      // One process is both of these, so neither.
      {"twin_a", kFirstUid + 6, false, wire::kLinkRightsAll, 3},
      {"twin_b", kFirstUid + 6, true, wire::kLinkRightsAll, 3},
  };
}

Rules Base(bool alone) {
  Rules rules;
  rules.purposes[0] = {3, 300, false};
  rules.purposes[1] = {5, 90, false};
  rules.purposes[2] = {0, 0, true};
  rules.institutions[0] = {3, 7};
  rules.institutions[1] = {3, 3};
  rules.institutions[2] = {0, 0};
  if (alone) {
    rules.callers = {
        {"self", geteuid(), false, wire::kLinkRightsAll, 3},
        {"absent", kFirstUid, false, wire::kLinkRightsAll, 3},
    };
    for (int purpose = 0; purpose < 2; ++purpose) {
      rules.grants.push_back({"self", "self", purpose, 7, 7});
      rules.grants.push_back({"absent", "self", purpose, 7, 7});
    }
    return rules;
  }
  rules.callers = SeveralCallers();
  rules.grants = {
      {"messenger", "connector", 0, 7, 7}, {"messenger", "auditor", 1, 7, 7},
      {"messenger", "messenger", 0, 1, 1}, {"messenger", "vaulted", 0, 7, 7},
      {"tracker", "auditor", 1, 7, 5},     {"tracker", "connector", 0, 2, 3},
      {"twin_a", "connector", 0, 7, 7},    {"twin_b", "auditor", 1, 7, 7},
  };
  rules.grants.push_back(
      {"harvester", "connector", 0, 7, 7, kHarvestHour, kHarvestDay, 0});
  rules.grants.push_back(
      {"harvester", "auditor", 1, 7, 7, 0, kHarvestHour / 2, 0});
  rules.grants.push_back({"sprinter", "connector", 0, 7, 7, 0, 0, 5});
  return rules;
}

void Remove(Rules& rules, std::string_view name) {
  std::erase_if(rules.callers,
                [&](const CallerRow& row) { return row.name == name; });
  std::erase_if(rules.grants, [&](const GrantRow& row) {
    return row.caller == name || row.audience == name;
  });
}

}  // namespace

const CallerRow* Rules::Find(std::string_view name) const {
  for (const CallerRow& row : callers) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

Rules MakeRules(bool alone, int variant) {
  Rules rules = Base(alone);
  switch (variant) {
    case 1:  // a purpose becomes prohibited
      rules.purposes[1] = {0, 0, true};
      for (InstitutionRow& row : rules.institutions) row.purposes &= 1;
      for (CallerRow& row : rules.callers) row.redeem &= 1;
      std::erase_if(rules.grants,
                    [](const GrantRow& row) { return row.purpose == 1; });
      break;
    case 2:  // the banks lower their ceilings
      rules.institutions[0] = {1, 7};
      rules.institutions[1] = {3, 1};
      break;
    case 3:  // rights and rules shrink
      for (CallerRow& row : rules.callers) row.redeem &= 2;
      for (GrantRow& row : rules.grants) row.clusters &= 5;
      break;
    case 4:  // callers leave, the others move up
      Remove(rules, alone ? "absent" : "linker2");
      if (!alone) Remove(rules, "tracker");
      if (!alone) Remove(rules, "harvester");
      break;
    case 5:  // a purpose means less, and for less time
      rules.purposes[0] = {1, 2, false};
      break;
    default:
      break;
  }
  return rules;
}

std::vector<Peer> MakePeers(bool alone) {
  if (alone) return {{geteuid(), "self"}};
  std::vector<Peer> peers;
  for (const CallerRow& row : SeveralCallers()) {
    if (row.name == "twin_b") continue;
    peers.push_back({row.id, row.name == "twin_a" ? "" : row.name});
  }
  peers.push_back({kFirstUid + 7, ""});
  return peers;
}

std::unique_ptr<wire::Policy> Compile(const Rules& rules,
                                      const CallerKeys& keys) {
  auto policy = std::make_unique<wire::Policy>();
  for (int i = 0; i < kKnownClusters; ++i) {
    policy->clusters.push_back(Name(kClusters[i]));
  }
  for (int i = 0; i < kKnownPurposes; ++i) {
    const PurposeRow& row = rules.purposes[i];
    policy->purposes.push_back(
        {Name(kPurposes[i]), row.clusters, row.seconds_max, row.prohibited});
  }
  for (int i = 0; i < kKnownInstitutions; ++i) {
    const InstitutionRow& row = rules.institutions[i];
    wire::PolicyInstitution institution;
    institution.name = Name(kInstitutions[i]);
    institution.purposes = row.purposes;
    institution.clusters = row.clusters;
    policy->institutions.push_back(institution);
  }
  for (const CallerRow& row : rules.callers) {
    wire::PolicyCaller caller;
    caller.name = Name(row.name);
    caller.identity_kind =
        row.by_gid ? wire::IdentityKind::kGid : wire::IdentityKind::kUid;
    caller.identity = row.id;
    caller.link_rights = row.rights;
    caller.redeem = row.redeem;
    if (row.sealed_to) caller.seal_to = keys.reader;
    if (row.signs) caller.consent_key = keys.signer;
    policy->callers.push_back(caller);
  }
  for (const GrantRow& row : rules.grants) {
    wire::IssueRule rule;
    rule.caller = static_cast<uint16_t>(wire::FindCaller(*policy, row.caller));
    rule.audience =
        static_cast<uint16_t>(wire::FindCaller(*policy, row.audience));
    rule.purpose = static_cast<uint16_t>(row.purpose);
    rule.institutions.words[0] = row.institutions;
    rule.clusters = row.clusters;
    rule.distinct_links_per_hour = row.links_per_hour;
    rule.distinct_links_per_day = row.links_per_day;
    rule.tokens_per_second = row.tokens_per_second;
    policy->rules.push_back(rule);
  }
  return policy;
}

int Place(std::string_view name, const char* const* names, int count) {
  for (int i = 0; i < count; ++i) {
    if (name == names[i]) return i;
  }
  return -1;
}

}  // namespace coffer::hostile
