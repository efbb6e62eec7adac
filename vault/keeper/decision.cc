#include "vault/keeper/decision.h"

namespace coffer::keeper {
namespace {

using wire::IdentityKind;
using wire::InstitutionState;
using wire::IssueRule;
using wire::PolicyCaller;
using wire::PolicyInstitution;
using wire::PolicyPurpose;

bool Matches(const PolicyCaller& caller, const Identity& identity) {
  if (caller.identity_kind == IdentityKind::kUid) {
    return caller.identity == identity.uid;
  }
  if (caller.identity == identity.gid) return true;
  for (size_t i = 0; i < identity.groups_size; ++i) {
    if (identity.groups[i] == caller.identity) return true;
  }
  return false;
}

bool Names(const NameList& names, std::string_view name) {
  for (std::string_view each : names) {
    if (each == name) return true;
  }
  return false;
}

bool IsFor(const IssueRule& rule, const AccessRequest& request) {
  return rule.caller == request.caller && rule.purpose == request.purpose;
}

Rule DecideInstitution(const LinkFacts& link) {
  switch (link.institution_state) {
    case InstitutionState::kActive:
      return Rule::kAllowed;
    case InstitutionState::kSuspended:
      return Rule::kInstitutionSuspended;
    case InstitutionState::kWithdrawn:
      return Rule::kInstitutionWithdrawn;
  }
  return Rule::kInstitutionWithdrawn;
}

Rule DecideCeiling(const PolicyInstitution& institution,
                   const PolicyPurpose& purpose, const AccessRequest& request) {
  if (((institution.purposes >> request.purpose) & 1) == 0) {
    return Rule::kCeilingPurpose;
  }
  if (request.scope_given && (request.scope & ~institution.clusters) != 0) {
    return Rule::kCeilingCluster;
  }
  if ((purpose.clusters & institution.clusters) == 0) {
    return Rule::kCeilingCluster;
  }
  return Rule::kAllowed;
}

Rule DecideStatus(ConsentStatus status) {
  switch (status) {
    case ConsentStatus::kActive:
      return Rule::kAllowed;
    case ConsentStatus::kExpired:
      return Rule::kConsentExpired;
    case ConsentStatus::kRevoked:
      return Rule::kConsentRevoked;
    case ConsentStatus::kUsed:
      return Rule::kConsentUsed;
  }
  return Rule::kConsentRevoked;
}

Access DecideScope(const PolicyPurpose& purpose, ClusterSet ceiling,
                   ClusterSet consented, ClusterSet granted,
                   const AccessRequest& request) {
  Access access;
  access.scope = purpose.clusters & ceiling & consented & granted;
  if (request.scope_given) {
    if ((request.scope & ~purpose.clusters) != 0) {
      access.rule = Rule::kPurposeCluster;
    } else if ((request.scope & ~consented) != 0) {
      access.rule = Rule::kConsentCluster;
    } else if ((request.scope & ~granted) != 0) {
      access.rule = Rule::kRuleCluster;
    }
    access.scope = request.scope;
  }
  if (access.rule == Rule::kAllowed && access.scope == 0) {
    access.rule = Rule::kConsentEmptyScope;
  }
  return access;
}

}  // namespace

CallerMatch MatchCaller(const Policy& policy, const Identity& identity) {
  CallerMatch match;
  for (size_t i = 0; i < policy.callers.size; ++i) {
    if (!Matches(policy.callers[i], identity)) continue;
    if (match.first >= 0) {
      match.second = static_cast<int>(i);
      match.rule = Rule::kAmbiguousCaller;
      return match;
    }
    const PolicyCaller& caller = policy.callers[i];
    const bool foreign = identity.nameless || identity.uid == kOverflowId ||
                         caller.identity == kOverflowId;
    match.first = static_cast<int>(i);
    match.rule = foreign && !caller.foreign_namespaces ? Rule::kForeignNamespace
                                                       : Rule::kAllowed;
  }
  // Nobody's for a reason that can be told.
  if (match.first < 0 && (identity.nameless || identity.uid == kOverflowId)) {
    match.rule = Rule::kForeignNamespace;
  }
  return match;
}

Rule ResolveRequest(const Policy& policy, int caller, std::string_view purpose,
                    std::string_view audience, const NameList& scope,
                    AccessRequest& out) {
  out = AccessRequest{};
  out.caller = caller;
  out.purpose = FindPurpose(policy, purpose);
  if (out.purpose < 0) return Rule::kUnknownPurpose;
  out.audience = FindCaller(policy, audience);
  if (out.audience < 0) return Rule::kUnknownAudience;
  out.scope_given = !scope.empty();
  for (std::string_view name : scope) {
    int cluster = FindCluster(policy, name);
    if (cluster < 0) return Rule::kUnknownCluster;
    out.scope |= ClusterSet{1} << cluster;
  }
  return Rule::kAllowed;
}

Rule DecideWithoutLink(const Policy& policy, const AccessRequest& request) {
  if (request.purpose < 0) return Rule::kUnknownPurpose;
  if (policy.purposes[static_cast<size_t>(request.purpose)].prohibited) {
    return Rule::kPurposeProhibited;
  }
  Rule verdict = Rule::kNoIssueRule;
  for (const IssueRule& rule : policy.rules) {
    if (!IsFor(rule, request)) continue;
    if (rule.audience == request.audience) return Rule::kAllowed;
    verdict = Rule::kAudienceNotInRule;
  }
  return verdict;
}

Access DecideWithLink(const Policy& policy, const AccessRequest& request,
                      const LinkFacts& link, uint64_t now) {
  auto refused = [](Rule rule) { return Access{rule, 0, 0}; };
  auto in_reach = [&](const IssueRule& rule) {
    return IsFor(rule, request) && rule.audience == request.audience &&
           link.institution >= 0 &&
           rule.institutions.Has(static_cast<size_t>(link.institution));
  };
  bool reached = false;
  for (const IssueRule& rule : policy.rules) reached |= in_reach(rule);
  if (!reached) return refused(Rule::kRuleInstitution);

  const PolicyPurpose& purpose =
      policy.purposes[static_cast<size_t>(request.purpose)];
  const PolicyInstitution& institution =
      policy.institutions[static_cast<size_t>(link.institution)];
  if (Rule rule = DecideInstitution(link); rule != Rule::kAllowed) {
    return refused(rule);
  }
  if (Rule rule = DecideCeiling(institution, purpose, request);
      rule != Rule::kAllowed) {
    return refused(rule);
  }
  if (Rule rule = DecideStatus(StatusNow(link.status, link.expires_at, now));
      rule != Rule::kAllowed) {
    return refused(rule);
  }
  if (link.granted_at > now + base::kClockBackSecondsMax) {
    return refused(Rule::kClock);
  }
  if (!Names(link.consent->purposes, purpose.name.view())) {
    return refused(Rule::kConsentPurpose);
  }
  const ClusterSet consented = KnownClusters(policy, link.consent->clusters);
  // Where several rules reach the link, one that allows the request is enough.
  Access access = refused(Rule::kRuleInstitution);
  bool first = true;
  for (const IssueRule& rule : policy.rules) {
    if (!in_reach(rule)) continue;
    Access candidate = DecideScope(purpose, institution.clusters, consented,
                                   rule.clusters, request);
    if (first || candidate.rule == Rule::kAllowed) access = candidate;
    first = false;
    if (access.rule == Rule::kAllowed) break;
  }
  uint64_t ttl = purpose.ttl_seconds_max;
  if (ttl > base::kTokenSecondsMax) ttl = base::kTokenSecondsMax;
  if (link.expires_at - now < ttl) ttl = link.expires_at - now;
  access.ttl_seconds_max = static_cast<uint32_t>(ttl);
  return access;
}

ConsentStatus StatusNow(ConsentStatus recorded, uint64_t expires_at,
                        uint64_t now) {
  if (recorded == ConsentStatus::kActive && now >= expires_at) {
    return ConsentStatus::kExpired;
  }
  return recorded;
}

Rule DecideRight(const Policy& policy, int caller, uint16_t rights) {
  if (caller < 0) return Rule::kUnknownCaller;
  const PolicyCaller& who = policy.callers[static_cast<size_t>(caller)];
  return (who.link_rights & rights) != 0 ? Rule::kAllowed : Rule::kNoLinkRight;
}

Rule DecideOwner(const Policy& policy, int caller, uint16_t right,
                 std::string_view linker) {
  const PolicyCaller& who = policy.callers[static_cast<size_t>(caller)];
  if (who.name == linker) return Rule::kAllowed;
  const bool widened = (right & (wire::kRightRead | wire::kRightErase)) != 0 &&
                       (who.link_rights & wire::kRightAllLinks) != 0;
  return widened ? Rule::kAllowed : Rule::kLinkOfAnotherLinker;
}

Rule DecideBankTokenUpdate(const Policy& policy, int caller,
                           std::string_view linker, const LinkFacts& link,
                           uint64_t now) {
  const PolicyCaller& who = policy.callers[static_cast<size_t>(caller)];
  if ((who.link_rights & wire::kRightUpdate) != 0 && who.name == linker) {
    return Rule::kAllowed;
  }
  if ((who.link_rights & wire::kRightUpdateBankToken) == 0) {
    return Rule::kLinkOfAnotherLinker;
  }
  bool covered = false;
  for (std::string_view name : link.consent->purposes) {
    int purpose = FindPurpose(policy, name);
    covered |= purpose >= 0 && ((who.redeem >> purpose) & 1) != 0;
  }
  if (!covered) return Rule::kLinkOfAnotherLinker;
  return DecideStatus(StatusNow(link.status, link.expires_at, now));
}

Rule DecideConsent(const Policy& policy, const Consent& consent) {
  for (std::string_view name : consent.purposes) {
    if (FindPurpose(policy, name) < 0) return Rule::kUnknownPurpose;
  }
  for (std::string_view name : consent.clusters) {
    if (FindCluster(policy, name) < 0) return Rule::kUnknownCluster;
  }
  for (std::string_view name : consent.purposes) {
    int purpose = FindPurpose(policy, name);
    if (policy.purposes[static_cast<size_t>(purpose)].prohibited) {
      return Rule::kPurposeProhibited;
    }
  }
  return Rule::kAllowed;
}

ClusterSet KnownClusters(const Policy& policy, const NameList& names) {
  ClusterSet set = 0;
  for (std::string_view name : names) {
    int cluster = FindCluster(policy, name);
    if (cluster >= 0) set |= ClusterSet{1} << cluster;
  }
  return set;
}

size_t FormatScope(char* out, const Policy& policy, ClusterSet scope) {
  size_t size = 0;
  for (size_t i = 0; i < policy.clusters.size; ++i) {
    if (((scope >> i) & 1) == 0) continue;
    if (size != 0) out[size++] = ' ';
    std::string_view name = policy.clusters[i].view();
    std::memcpy(out + size, name.data(), name.size());
    size += name.size();
  }
  return size;
}

bool ParseScope(const Policy& policy, std::string_view text, ClusterSet& out) {
  out = 0;
  while (!text.empty()) {
    size_t end = text.find(' ');
    std::string_view name = text.substr(0, end);
    int cluster = FindCluster(policy, name);
    if (cluster < 0) return false;
    out |= ClusterSet{1} << cluster;
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return true;
}

}  // namespace coffer::keeper
