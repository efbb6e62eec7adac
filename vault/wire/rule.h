// Which rule decided, and what a caller is told. The rule goes into the audit
// leaf and, over the wire, to the gate; the caller sees only the verdict (see
// vault/api/response.h for status and text).
#pragma once

#include <cstdint>
#include <string_view>

namespace coffer::wire {

enum class Verdict : uint8_t {
  kOk = 0,
  kInvalidRequest,      // 400
  kInvalidToken,        // 400 invalid_grant: one answer for every bad token
  kUnauthorizedClient,  // 403
  kAccessDenied,        // 403
  kInvalidGrant,        // 403
  kInvalidScope,        // 403
  kInvalidTarget,       // 403
  kNotFound,            // 404
  kConflict,            // 409
  kPreconditionFailed,  // 412
  kBudgetExceeded,      // 429
  kUnavailable,         // 503: sealed, clock, full
  kDamaged,             // 500: the store's bytes are not what was written
  kGone,                // the connection is no more; nobody to answer
};

// Numbers are part of the leaf's format: append only.
enum class Rule : uint8_t {
  kAllowed = 0,
  // The vault itself
  kSealed = 1,
  kClock = 2,
  kGone = 3,
  kFloorsFull = 4,       // no room for another floor: rotate keys
  kJournalFull = 5,      // the journal cannot grow: free disk space
  kTooManyPending = 6,   // writes the store has not confirmed
  kSpentTokensFull = 7,  // no room to remember another single_use token
  // Who
  kUnknownCaller = 10,
  kAmbiguousCaller = 11,
  kNoLinkRight = 12,
  kNoRedeemRight = 13,
  kNoIssueRule = 14,
  kRuleInstitution = 15,
  kAudienceNotInRule = 16,
  kForeignNamespace = 17,  // the kernel cannot name the peer here
  // What was asked
  kMalformedRequest = 20,
  kUnknownPurpose = 21,
  kUnknownInstitution = 22,
  kUnknownCluster = 23,
  kUnknownAudience = 24,
  kSingleUsePublic = 25,
  kRevisionMismatch = 26,    // If-Match lost the race
  kUploadNotAuthentic = 27,  // sealed to another key, or for another request
  kAlreadyRevoked = 28,
  kUploadStale = 29,  // too old, from before the unseal, or used
  // Policy
  kPurposeProhibited = 30,
  kCeilingPurpose = 31,
  kCeilingCluster = 32,
  kInstitutionSuspended = 33,
  kInstitutionWithdrawn = 34,
  kPurposeCluster = 35,  // scope above the purpose's clusters
  kRuleCluster = 36,     // scope above the rule's clusters
  // The customer
  kConsentPurpose = 40,
  kConsentCluster = 41,
  kConsentExpired = 42,
  kConsentRevoked = 43,
  kConsentUsed = 44,
  kConsentEmptyScope = 45,      // nothing is left in common
  kConsentNotSigned = 46,       // the caller has a consent_key
  kConsentNotAuthentic = 47,    // its signature is not of this request
  kConsentSignatureStale = 48,  // too old, from before the unseal, or used
  // The link
  kLinkUnknown = 50,
  kLinkOfAnotherLinker = 51,
  kLinkErased = 52,
  kRecordStale = 53,     // sealed before a floor: replaced since
  kRecordDamaged = 54,   // does not authenticate
  kKeyUnavailable = 55,  // its KEK is not in the keyring
  kKeyDestroyed = 56,    // its KEK was destroyed: nothing opens it again
  kKeyNotToRewrap = 57,  // already under the active KEK, or there is none
  kNotEnded = 58,        // its consent lives: there is nothing to bury
  // The token
  kTokenMalformed = 60,
  kTokenNotAuthentic = 61,  // also: shown by another audience
  kTokenExpired = 62,
  kTokenBeforeUnseal = 63,
  kTokenRevoked = 64,
  kTokenSpent = 65,
  kTokenPurposeNotRedeemable = 66,
  kTokenOtherClient = 67,  // introspect or revoke by one who did not issue it
  // Budgets
  kBudgetRate = 70,       // tokens_per_second
  kBudgetLinksHour = 71,  // distinct_links_per_hour: the brake is on
  kBudgetLinksDay = 72,   // distinct_links_per_day: the brake is on
  kBudgetLinksFull = 73,  // no room to count another link
};

Verdict VerdictOf(Rule rule);
// A stable lower-case name for audit, e.g. "purpose_prohibited".
std::string_view RuleText(Rule rule);
// False for a number that is no rule.
bool IsRule(uint8_t number);

}  // namespace coffer::wire
