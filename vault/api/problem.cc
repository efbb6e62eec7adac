// The one table from a rule to what a caller is told. Rules that a caller must
// not tell apart share one row.
#include "vault/api/response.h"

namespace coffer::api {
namespace {

using wire::Rule;
using wire::Verdict;

constexpr Problem kSealed{503, "sealed", "Sealed",
                          "the vault is sealed; repeat once an operator has "
                          "unsealed it"};
constexpr Problem kUninitialised{503, "uninitialised", "Uninitialised",
                                 "an operator has to run coffer init first"};
constexpr Problem kStarting{503, "starting", "Starting",
                            "the vault is opening; repeat shortly", 1};
constexpr Problem kClock{503, "clock", "Clock not accepted",
                         "an operator has to check the clock and run coffer "
                         "clock accept"};
constexpr Problem kUnavailable{503, "unavailable", "Unavailable",
                               "the vault cannot serve this now; an operator "
                               "sees why in coffer status"};
constexpr Problem kBusy{503, "unavailable", "Unavailable",
                        "too much is waiting to be written; repeat shortly", 1};
constexpr Problem kInvalidRequest{400, "invalid_request", "Invalid request",
                                  "mend the request; see the API reference"};
constexpr Problem kNotFound{404, "not_found", "Not found",
                            "there is no such link for this caller"};
constexpr Problem kInvalidToken{400, "invalid_grant", "Invalid grant",
                                "the token is not good; ask for a new one"};
constexpr Problem kNoCaller{403, "unauthorized_client", "Unauthorized client",
                            "this process matches no single caller of the "
                            "policy; ask the operator"};
constexpr Problem kDamaged = kStoreDamaged;

struct Row {
  Rule rule;
  Problem problem;
};

// 403 of one verdict each, so that a row is a rule and its next step.
constexpr Problem Unauthorized(std::string_view detail) {
  return {403, "unauthorized_client", "Unauthorized client", detail};
}
constexpr Problem Denied(std::string_view detail) {
  return {403, "access_denied", "Access denied", detail};
}
constexpr Problem NoGrant(std::string_view detail) {
  return {403, "invalid_grant", "Invalid grant", detail};
}
constexpr Problem NoScope(std::string_view detail) {
  return {403, "invalid_scope", "Invalid scope", detail};
}
constexpr Problem BadRequest(std::string_view detail) {
  return {400, "invalid_request", "Invalid request", detail};
}
constexpr Problem Spent(std::string_view detail, uint32_t retry_after) {
  return {429, "budget_exceeded", "Budget exceeded", detail, retry_after};
}
constexpr Problem Conflict(std::string_view detail) {
  return {409, "conflict", "Conflict", detail};
}

constexpr Row kRows[] = {
    {Rule::kSealed, kSealed},
    {Rule::kClock, kClock},
    {Rule::kGone, kUnavailable},
    {Rule::kFloorsFull, kUnavailable},
    {Rule::kJournalFull, kUnavailable},
    {Rule::kTooManyPending, kBusy},
    {Rule::kSpentTokensFull,
     {503, "unavailable", "Unavailable",
      "no room to remember another token, sealed upload or signed consent; "
      "repeat later",
      60}},
    {Rule::kUnknownCaller, kNoCaller},
    {Rule::kAmbiguousCaller, kNoCaller},
    {Rule::kForeignNamespace,
     Unauthorized("this process is in another pid or user namespace; run it "
                  "in the vault's, or have foreign_namespaces set")},
    {Rule::kNoLinkRight,
     Unauthorized("this caller lacks the right; ask the operator")},
    {Rule::kNoRedeemRight,
     Unauthorized("this caller may not redeem; ask the operator")},
    {Rule::kNoIssueRule,
     Unauthorized("no issue rule for this purpose; ask the operator")},
    {Rule::kRuleInstitution,
     Unauthorized("the issue rule does not cover the link's institution")},
    {Rule::kAudienceNotInRule,
     {403, "invalid_target", "Invalid target",
      "no issue rule of this caller names that audience"}},
    {Rule::kMalformedRequest, kInvalidRequest},
    {Rule::kUnknownPurpose, BadRequest("the purpose is not in the policy")},
    {Rule::kUnknownInstitution,
     BadRequest("the institution is not in the policy")},
    {Rule::kUnknownCluster, BadRequest("a data cluster is not in the policy")},
    {Rule::kUnknownAudience, BadRequest("the audience is not in the policy")},
    {Rule::kSingleUsePublic, BadRequest("single_use needs token_format local")},
    {Rule::kRevisionMismatch,
     {412, "precondition_failed", "Precondition failed",
      "the link was written since; read it again and use its ETag"}},
    {Rule::kUploadNotAuthentic,
     BadRequest("sealed_bank_token is sealed to another key or for another "
                "request; fetch GET /v1/keys and seal it anew")},
    {Rule::kUploadStale,
     BadRequest(
         "sealed_bank_token is older than 300 s or the last unseal, ahead "
         "of the clock, or was used; seal it anew")},
    {Rule::kConsentNotSigned,
     BadRequest("this caller signs: send Signed-Consent; see the API "
                "reference")},
    {Rule::kConsentNotAuthentic,
     BadRequest("Signed-Consent is not of this request, or of another key; "
                "sign what is sent")},
    {Rule::kConsentSignatureStale,
     BadRequest("Signed-Consent is older than 300 s or the last unseal, ahead "
                "of the clock, or was used; sign it anew")},
    {Rule::kAlreadyRevoked,
     Conflict("the consent is revoked; link the account anew")},
    {Rule::kPurposeProhibited, Denied("this purpose is prohibited")},
    {Rule::kCeilingPurpose,
     Denied("the institution does not share for this purpose")},
    {Rule::kCeilingCluster,
     Denied("the institution does not share one of these data clusters")},
    {Rule::kInstitutionSuspended,
     NoGrant("the institution is suspended; repeat once it is resumed")},
    {Rule::kInstitutionWithdrawn,
     NoGrant("the institution has withdrawn; its links cannot be used")},
    {Rule::kPurposeCluster,
     NoScope("the purpose does not cover one of these data clusters")},
    {Rule::kRuleCluster,
     NoScope("the issue rule does not cover one of these data clusters")},
    {Rule::kConsentPurpose,
     NoGrant("the consent does not name this purpose; ask the customer")},
    {Rule::kConsentCluster,
     NoScope("the consent does not cover one of these data clusters")},
    {Rule::kConsentExpired,
     NoGrant("the consent has expired; ask the customer anew")},
    {Rule::kConsentRevoked,
     NoGrant("the consent is revoked; link the account anew")},
    {Rule::kConsentUsed,
     NoGrant("the one-time consent is used; ask the customer anew")},
    {Rule::kConsentEmptyScope,
     NoScope("consent, purpose and institution share no data cluster")},
    {Rule::kLinkUnknown, kNotFound},
    {Rule::kLinkOfAnotherLinker, kNotFound},
    {Rule::kLinkErased, kNotFound},
    {Rule::kRecordStale, kDamaged},
    {Rule::kRecordDamaged, kDamaged},
    {Rule::kKeyUnavailable, kDamaged},
    {Rule::kBudgetRate,
     Spent("the caller's tokens a second are spent; repeat in a second", 1)},
    {Rule::kBudgetLinksHour,
     Spent("the caller's links of this hour are spent; those asked for before "
           "go on",
           3600)},
    {Rule::kBudgetLinksDay,
     Spent("the caller's links of this day are spent; those asked for before "
           "go on",
           base::kDaySeconds)},
    {Rule::kBudgetLinksFull,
     Spent("the vault counts as many links as it can; those asked for before "
           "go on",
           3600)},
    {Rule::kTokenMalformed, kInvalidToken},
    {Rule::kTokenNotAuthentic, kInvalidToken},
    {Rule::kTokenExpired, kInvalidToken},
    {Rule::kTokenBeforeUnseal, kInvalidToken},
    {Rule::kTokenRevoked, kInvalidToken},
    {Rule::kTokenSpent, kInvalidToken},
    {Rule::kTokenPurposeNotRedeemable, kInvalidToken},
    {Rule::kTokenOtherClient, kInvalidToken},
};

// For a rule that this table does not have yet.
Problem ProblemOfVerdict(Verdict verdict) {
  switch (verdict) {
    case Verdict::kInvalidRequest:
      return kInvalidRequest;
    case Verdict::kInvalidToken:
      return kInvalidToken;
    case Verdict::kUnauthorizedClient:
      return Unauthorized("this caller lacks the right; ask the operator");
    case Verdict::kAccessDenied:
      return Denied("the policy does not allow this");
    case Verdict::kInvalidGrant:
      return NoGrant("the link cannot be used for this");
    case Verdict::kInvalidScope:
      return NoScope("the scope is wider than allowed");
    case Verdict::kInvalidTarget:
      return {403, "invalid_target", "Invalid target",
              "no issue rule of this caller names that audience"};
    case Verdict::kNotFound:
      return kNotFound;
    case Verdict::kConflict:
      return Conflict("the link's state does not allow this now");
    case Verdict::kPreconditionFailed:
      return {412, "precondition_failed", "Precondition failed",
              "the link was written since; read it again and use its ETag"};
    case Verdict::kBudgetExceeded:
      return Spent("the caller's budget is spent; repeat after Retry-After",
                   60);
    case Verdict::kDamaged:
      return kDamaged;
    case Verdict::kUnavailable:
    case Verdict::kGone:
    case Verdict::kOk:
      return kUnavailable;
  }
  return kUnavailable;
}

}  // namespace

Problem ProblemOf(wire::Rule rule) {
  for (const Row& row : kRows) {
    if (row.rule == rule) return row.problem;
  }
  return ProblemOfVerdict(wire::VerdictOf(rule));
}

Problem ProblemOf(wire::Rule rule, uint64_t now) {
  Problem problem = ProblemOf(rule);
  // Until the UTC hour or day ends: what a whole one has, less what passed.
  if (problem.status == 429 && problem.retry_after_seconds >= 3600) {
    problem.retry_after_seconds -=
        static_cast<uint32_t>(now % problem.retry_after_seconds);
  }
  return problem;
}

Problem RedeemProblemOf(wire::Rule rule) {
  switch (rule) {
    case Rule::kUnknownCaller:
    case Rule::kAmbiguousCaller:
    case Rule::kForeignNamespace:
    case Rule::kNoRedeemRight:
      return ProblemOf(rule);
    default:
      break;
  }
  switch (wire::VerdictOf(rule)) {
    case Verdict::kUnavailable:
    case Verdict::kGone:
      return ProblemOf(rule);
    default:
      return kInvalidToken;
  }
}

Problem ProblemOf(wire::VaultState state) {
  switch (state) {
    case wire::VaultState::kUninitialised:
      return kUninitialised;
    case wire::VaultState::kSealed:
      return kSealed;
    case wire::VaultState::kStarting:
      return kStarting;
    case wire::VaultState::kOperational:
    case wire::VaultState::kError:
    case wire::VaultState::kSelfTest:
      return kUnavailable;
  }
  return kUnavailable;
}

Problem ProblemOf(const base::Error& error) {
  switch (error.code) {
    case base::Code::kTooLarge:
      return kBodyTooLarge;
    case base::Code::kFull:
      return kBusy;
    default:
      return BadRequest(error.message);
  }
}

}  // namespace coffer::api
