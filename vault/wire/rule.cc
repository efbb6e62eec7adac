#include "vault/wire/rule.h"

namespace coffer::wire {
namespace {

struct Row {
  Rule rule;
  Verdict verdict;
  std::string_view text;
};

constexpr Row kRows[] = {
    {Rule::kAllowed, Verdict::kOk, "allowed"},
    {Rule::kSealed, Verdict::kUnavailable, "sealed"},
    {Rule::kClock, Verdict::kUnavailable, "clock"},
    {Rule::kGone, Verdict::kGone, "connection_gone"},
    {Rule::kFloorsFull, Verdict::kUnavailable, "floors_full"},
    {Rule::kJournalFull, Verdict::kUnavailable, "journal_full"},
    {Rule::kTooManyPending, Verdict::kUnavailable, "too_many_pending_writes"},
    {Rule::kSpentTokensFull, Verdict::kUnavailable, "spent_tokens_full"},
    {Rule::kUnknownCaller, Verdict::kUnauthorizedClient, "unknown_caller"},
    {Rule::kAmbiguousCaller, Verdict::kUnauthorizedClient, "ambiguous_caller"},
    {Rule::kNoLinkRight, Verdict::kUnauthorizedClient, "no_link_right"},
    {Rule::kNoRedeemRight, Verdict::kUnauthorizedClient, "no_redeem_right"},
    {Rule::kNoIssueRule, Verdict::kUnauthorizedClient, "no_issue_rule"},
    {Rule::kRuleInstitution, Verdict::kUnauthorizedClient,
     "institution_not_in_rule"},
    {Rule::kAudienceNotInRule, Verdict::kInvalidTarget, "audience_not_in_rule"},
    {Rule::kForeignNamespace, Verdict::kUnauthorizedClient,
     "foreign_namespace"},
    {Rule::kMalformedRequest, Verdict::kInvalidRequest, "malformed_request"},
    {Rule::kUploadNotAuthentic, Verdict::kInvalidRequest,
     "upload_not_authentic"},
    {Rule::kUploadStale, Verdict::kInvalidRequest, "upload_stale"},
    {Rule::kUnknownPurpose, Verdict::kInvalidRequest, "unknown_purpose"},
    {Rule::kUnknownInstitution, Verdict::kInvalidRequest,
     "unknown_institution"},
    {Rule::kUnknownCluster, Verdict::kInvalidRequest, "unknown_cluster"},
    {Rule::kUnknownAudience, Verdict::kInvalidRequest, "unknown_audience"},
    {Rule::kSingleUsePublic, Verdict::kInvalidRequest, "single_use_public"},
    {Rule::kRevisionMismatch, Verdict::kPreconditionFailed,
     "revision_mismatch"},
    {Rule::kAlreadyRevoked, Verdict::kConflict, "already_revoked"},
    {Rule::kPurposeProhibited, Verdict::kAccessDenied, "purpose_prohibited"},
    {Rule::kCeilingPurpose, Verdict::kAccessDenied,
     "purpose_above_institution_ceiling"},
    {Rule::kCeilingCluster, Verdict::kAccessDenied,
     "cluster_above_institution_ceiling"},
    {Rule::kInstitutionSuspended, Verdict::kInvalidGrant,
     "institution_suspended"},
    {Rule::kInstitutionWithdrawn, Verdict::kInvalidGrant,
     "institution_withdrawn"},
    {Rule::kPurposeCluster, Verdict::kInvalidScope, "cluster_not_of_purpose"},
    {Rule::kRuleCluster, Verdict::kInvalidScope, "cluster_not_in_rule"},
    {Rule::kConsentPurpose, Verdict::kInvalidGrant, "purpose_not_consented"},
    {Rule::kConsentCluster, Verdict::kInvalidScope, "cluster_not_consented"},
    {Rule::kConsentExpired, Verdict::kInvalidGrant, "consent_expired"},
    {Rule::kConsentRevoked, Verdict::kInvalidGrant, "consent_revoked"},
    {Rule::kConsentUsed, Verdict::kInvalidGrant, "consent_used"},
    {Rule::kConsentEmptyScope, Verdict::kInvalidScope, "no_cluster_in_common"},
    {Rule::kConsentNotSigned, Verdict::kInvalidRequest, "consent_not_signed"},
    {Rule::kConsentNotAuthentic, Verdict::kInvalidRequest,
     "consent_not_authentic"},
    {Rule::kConsentSignatureStale, Verdict::kInvalidRequest,
     "consent_signature_stale"},
    {Rule::kLinkUnknown, Verdict::kNotFound, "link_unknown"},
    {Rule::kLinkOfAnotherLinker, Verdict::kNotFound, "link_of_another_linker"},
    {Rule::kLinkErased, Verdict::kNotFound, "link_erased"},
    {Rule::kRecordStale, Verdict::kDamaged, "record_stale"},
    {Rule::kRecordDamaged, Verdict::kDamaged, "record_damaged"},
    {Rule::kKeyUnavailable, Verdict::kDamaged, "key_unavailable"},
    {Rule::kKeyDestroyed, Verdict::kNotFound, "key_destroyed"},
    {Rule::kKeyNotToRewrap, Verdict::kConflict, "key_not_to_rewrap"},
    {Rule::kNotEnded, Verdict::kConflict, "consent_not_ended"},
    {Rule::kTokenMalformed, Verdict::kInvalidToken, "token_malformed"},
    {Rule::kTokenNotAuthentic, Verdict::kInvalidToken, "token_not_authentic"},
    {Rule::kTokenExpired, Verdict::kInvalidToken, "token_expired"},
    {Rule::kTokenBeforeUnseal, Verdict::kInvalidToken, "token_before_unseal"},
    {Rule::kTokenRevoked, Verdict::kInvalidToken, "token_revoked"},
    {Rule::kTokenSpent, Verdict::kInvalidToken, "token_spent"},
    {Rule::kTokenPurposeNotRedeemable, Verdict::kInvalidToken,
     "purpose_not_redeemable"},
    {Rule::kTokenOtherClient, Verdict::kInvalidToken, "token_of_other_client"},
    {Rule::kBudgetRate, Verdict::kBudgetExceeded, "budget_tokens_per_second"},
    {Rule::kBudgetLinksHour, Verdict::kBudgetExceeded, "budget_links_per_hour"},
    {Rule::kBudgetLinksDay, Verdict::kBudgetExceeded, "budget_links_per_day"},
    {Rule::kBudgetLinksFull, Verdict::kBudgetExceeded, "budget_links_full"},
};

const Row* Find(Rule rule) {
  for (const Row& row : kRows) {
    if (row.rule == rule) return &row;
  }
  return nullptr;
}

}  // namespace

Verdict VerdictOf(Rule rule) {
  const Row* row = Find(rule);
  return row != nullptr ? row->verdict : Verdict::kAccessDenied;
}

std::string_view RuleText(Rule rule) {
  const Row* row = Find(rule);
  return row != nullptr ? row->text : "unknown_rule";
}

bool IsRule(uint8_t number) {
  return Find(static_cast<Rule>(number)) != nullptr;
}

}  // namespace coffer::wire
