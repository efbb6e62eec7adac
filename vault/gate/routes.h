// Every route of the caller and the monitor socket, and the reading of a
// request's target. Runs in the gate. Refuses targets that are no path (404)
// and methods that a path does not take (405).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace coffer::gate {

enum class RouteId : uint8_t {
  kIssue,
  kIssueBatch,
  kRedeem,
  kIntrospect,
  kRevokeToken,
  kCreateLink,
  kListLinks,
  kReadLink,
  kReplaceBankToken,
  kReplaceConsent,
  kRevokeConsent,
  kEraseLink,
  kEraseSubject,
  kLedger,
  kConsents,
  kKeys,
  kHealth,
  kStatus,
  kMetrics,
  kUnknown,  // no route matched; for the counters
};
inline constexpr size_t kRouteCount =
    static_cast<size_t>(RouteId::kUnknown) + 1;

enum RouteFlag : uint8_t {
  kOnCaller = 1,
  kOnMonitor = 2,
  kHasBody = 4,  // and it is application/json
  // Requests that were sent in one go may be under way together: they change
  // nothing in the store, and the keeper decides them in order.
  kMayOverlap = 8,
  kAlsoSealed = 16,  // answered whatever the vault's state
  kTakesQuery = 32,
  kTakesSignature = 64,  // the header Signed-Consent
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // "{...}" stands for one segment
  RouteId id;
  uint8_t flags;

  bool Has(RouteFlag flag) const { return (flags & flag) != 0; }
};

std::span<const Route> Routes();
// "POST /v1/token", for metrics; "other" for kUnknown.
std::string_view RouteText(RouteId id);

enum class MatchOutcome : uint8_t { kFound, kNoSuchPath, kOtherMethod };

// Views into the target.
struct RouteMatch {
  MatchOutcome outcome = MatchOutcome::kNoSuchPath;
  const Route* route = nullptr;
  std::string_view parameter;  // the "{...}" segment, still percent-encoded
  std::string_view query;      // behind the "?"
  bool has_query = false;
  bool head = false;  // HEAD of a GET route
  // Methods of this path, with kOtherMethod: "GET, PUT".
  std::array<char, 48> allow{};
};

// `socket` is kOnCaller or kOnMonitor.
RouteMatch MatchRoute(std::string_view method, std::string_view target,
                      RouteFlag socket);

}  // namespace coffer::gate
