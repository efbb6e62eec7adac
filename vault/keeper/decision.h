// Where a customer's promise is kept or broken. Pure: policy and facts in, the
// rule that decided out; no I/O, no clock, no keys. Runs in the keeper, over
// records and identities the keeper authenticated itself. The narrowest of
// institution, purpose, consent, rule and request wins; a wider request is
// refused, never narrowed. The order of the checks is docs/api.md's.
#pragma once

#include "vault/wire/message.h"
#include "vault/wire/policy.h"

namespace coffer::keeper {

using wire::ClusterSet;
using wire::Consent;
using wire::ConsentStatus;
using wire::kOverflowId;
using wire::NameList;
using wire::Policy;
using wire::Rule;

// --- Who

struct Identity {
  uint32_t uid = 0;
  uint32_t gid = 0;
  const uint32_t* groups = nullptr;  // supplementary
  size_t groups_size = 0;
  // In a pid namespace that is not the keeper's or one beneath it.
  bool nameless = false;
};
struct CallerMatch {
  // kAllowed when exactly one matches; kForeignNamespace when one or none does,
  // and the kernel cannot name the peer here.
  Rule rule = Rule::kUnknownCaller;
  int first = -1;   // place in policy.callers
  int second = -1;  // kAmbiguousCaller: the other one
};
CallerMatch MatchCaller(const Policy& policy, const Identity& identity);

// --- Issue, and every later use of a token

// Places in the policy's tables; -1 is a name that is not there.
struct AccessRequest {
  int caller = -1;  // who asked for the token
  int purpose = -1;
  int audience = -1;
  bool scope_given = false;
  ClusterSet scope = 0;  // the clusters asked for, when given
};
// Names to places: the first fault of shape decides.
Rule ResolveRequest(const Policy& policy, int caller, std::string_view purpose,
                    std::string_view audience, const NameList& scope,
                    AccessRequest& out);

// What can be said before the link is looked at.
Rule DecideWithoutLink(const Policy& policy, const AccessRequest& request);

struct LinkFacts {
  int institution = -1;  // place in policy.institutions
  wire::InstitutionState institution_state = wire::InstitutionState::kActive;
  const Consent* consent = nullptr;
  ConsentStatus status = ConsentStatus::kActive;  // as recorded and by floors
  uint64_t granted_at = 0;
  uint64_t expires_at = 0;
};
struct Access {
  Rule rule = Rule::kAllowed;
  ClusterSet scope = 0;
  uint32_t ttl_seconds_max = 0;  // purpose, kTokenSecondsMax, consent's end
};
// Requires DecideWithoutLink to have allowed it. kClock: the consent is of a
// time to come, given while the clock was ahead: it would last too long.
Access DecideWithLink(const Policy& policy, const AccessRequest& request,
                      const LinkFacts& link, uint64_t now);

// The status a customer would be told now.
ConsentStatus StatusNow(ConsentStatus recorded, uint64_t expires_at,
                        uint64_t now);

// --- Links

// Does `caller` hold one of `rights` (LinkRight bits)?
Rule DecideRight(const Policy& policy, int caller, uint16_t rights);
// May `caller` use `right` on a link that `linker` made? Another's link is as
// good as none. kRightUpdateBankToken reaches every link whose consent covers a
// purpose that the caller may redeem, and needs that consent to be active.
Rule DecideOwner(const Policy& policy, int caller, uint16_t right,
                 std::string_view linker);
Rule DecideBankTokenUpdate(const Policy& policy, int caller,
                           std::string_view linker, const LinkFacts& link,
                           uint64_t now);

// A consent may be stored: its names exist and none is prohibited. One above
// the institution's ceiling is stored all the same and refused at issue.
Rule DecideConsent(const Policy& policy, const Consent& consent);

// --- Sets and texts

// Clusters by name; names the policy does not have are left out.
ClusterSet KnownClusters(const Policy& policy, const NameList& names);
// Writes the set's names with single spaces, in the policy's order; returns the
// size. `out` holds kScopeTextBytesMax characters.
size_t FormatScope(char* out, const Policy& policy, ClusterSet scope);
// False when the text names a cluster the policy does not have.
bool ParseScope(const Policy& policy, std::string_view text, ClusterSet& out);

}  // namespace coffer::keeper
