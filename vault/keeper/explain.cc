#include "vault/keeper/explain.h"

namespace coffer::keeper {

wire::ExplainAnswer Explain(const wire::Policy& policy,
                            const wire::ExplainQuestion& question) {
  wire::ExplainAnswer answer;
  const int caller = FindCaller(policy, question.caller);
  const int institution = FindInstitution(policy, question.institution);
  const int purpose = FindPurpose(policy, question.purpose);
  if (purpose < 0) {
    answer.rule = wire::Rule::kUnknownPurpose;
    return answer;
  }
  if (caller < 0 || institution < 0) {
    answer.rule = caller < 0 ? wire::Rule::kUnknownCaller
                             : wire::Rule::kUnknownInstitution;
    return answer;
  }
  // A consent to everything, so that only the policy narrows.
  wire::Consent consent;
  consent.purposes.push_back(question.purpose);
  for (const wire::Name& cluster : policy.clusters) {
    consent.clusters.push_back(cluster.view());
  }
  LinkFacts facts;
  facts.institution = institution;
  facts.consent = &consent;
  facts.expires_at = base::kTokenSecondsMax;
  bool decided = false;
  ClusterSet scope = 0;
  answer.rule = wire::Rule::kNoIssueRule;
  for (size_t audience = 0; audience < policy.callers.size; ++audience) {
    const std::string_view name = policy.callers[audience].name.view();
    AccessRequest request;
    wire::Rule rule = ResolveRequest(policy, caller, question.purpose, name,
                                     question.scope, request);
    if (rule == wire::Rule::kAllowed) rule = DecideWithoutLink(policy, request);
    if (rule == wire::Rule::kAudienceNotInRule) continue;
    Access access;
    if (rule == wire::Rule::kAllowed) {
      access = DecideWithLink(policy, request, facts, 0);
      rule = access.rule;
    }
    if (rule == wire::Rule::kAllowed) {
      answer.audiences.push_back(name);
      answer.ttl_seconds_max = access.ttl_seconds_max;
      scope |= access.scope;
    }
    if (!decided || rule == wire::Rule::kAllowed) answer.rule = rule;
    decided = true;
  }
  for (size_t i = 0; i < policy.clusters.size; ++i) {
    if ((scope >> i) & 1) answer.scope.push_back(policy.clusters[i].view());
  }
  return answer;
}

}  // namespace coffer::keeper
