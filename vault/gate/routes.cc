#include "vault/gate/routes.h"

#include <cstring>

namespace coffer::gate {
namespace {

constexpr uint8_t kToken = kOnCaller | kHasBody | kMayOverlap;
constexpr uint8_t kWrite = kOnCaller | kHasBody;
constexpr uint8_t kReading = kOnCaller | kMayOverlap;
constexpr uint8_t kWatching = kOnMonitor | kMayOverlap | kAlsoSealed;

// The busiest first.
constexpr Route kRoutes[] = {
    {"POST", "/v1/token", RouteId::kIssue, kToken},
    {"POST", "/v1/redeem", RouteId::kRedeem, kToken},
    {"POST", "/v1/introspect", RouteId::kIntrospect, kToken},
    {"POST", "/v1/token/batch", RouteId::kIssueBatch, kToken},
    {"POST", "/v1/revoke", RouteId::kRevokeToken, kWrite},
    {"POST", "/v1/links", RouteId::kCreateLink, kWrite | kTakesSignature},
    {"GET", "/v1/links", RouteId::kListLinks, kReading | kTakesQuery},
    {"GET", "/v1/links/{link}", RouteId::kReadLink, kReading},
    {"DELETE", "/v1/links/{link}", RouteId::kEraseLink,
     kOnCaller | kTakesSignature},
    {"PUT", "/v1/links/{link}/bank_token", RouteId::kReplaceBankToken, kWrite},
    {"PUT", "/v1/links/{link}/consent", RouteId::kReplaceConsent,
     kWrite | kTakesSignature},
    {"PUT", "/v1/links/{link}/consent/revocation", RouteId::kRevokeConsent,
     kWrite},
    {"DELETE", "/v1/subjects/{subject}", RouteId::kEraseSubject,
     kOnCaller | kTakesSignature},
    {"GET", "/v1/subjects/{subject}/ledger", RouteId::kLedger,
     kReading | kTakesQuery},
    {"GET", "/v1/subjects/{subject}/consents", RouteId::kConsents,
     kReading | kTakesQuery},
    {"GET", "/v1/keys", RouteId::kKeys, kReading},
    {"GET", "/v1/health", RouteId::kHealth, kWatching | kOnCaller},
    {"GET", "/v1/status", RouteId::kStatus, kWatching},
    {"GET", "/metrics", RouteId::kMetrics, kWatching},
};

bool MatchPattern(std::string_view pattern, std::string_view path,
                  std::string_view& parameter) {
  size_t open = pattern.find('{');
  if (open == std::string_view::npos) return pattern == path;
  if (path.substr(0, open) != pattern.substr(0, open)) return false;
  std::string_view suffix = pattern.substr(pattern.find('}') + 1);
  std::string_view rest = path.substr(open);
  size_t slash = rest.find('/');
  if (slash == std::string_view::npos) slash = rest.size();
  if (rest.substr(slash) != suffix) return false;
  parameter = rest.substr(0, slash);
  return true;
}

void Allow(RouteMatch& match, std::string_view method) {
  size_t used = std::strlen(match.allow.data());
  if (used > 0) {
    std::memcpy(match.allow.data() + used, ", ", 2);
    used += 2;
  }
  std::memcpy(match.allow.data() + used, method.data(), method.size());
}

// A proxy sends "http://host/path"; what stands before the path is no part of
// any decision.
std::string_view WithoutAuthority(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (target.substr(0, kScheme.size()) != kScheme) return target;
  size_t slash = target.find('/', kScheme.size());
  return slash == std::string_view::npos ? "/" : target.substr(slash);
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

std::string_view RouteText(RouteId id) {
  switch (id) {
    case RouteId::kIssue:
      return "POST /v1/token";
    case RouteId::kIssueBatch:
      return "POST /v1/token/batch";
    case RouteId::kRedeem:
      return "POST /v1/redeem";
    case RouteId::kIntrospect:
      return "POST /v1/introspect";
    case RouteId::kRevokeToken:
      return "POST /v1/revoke";
    case RouteId::kCreateLink:
      return "POST /v1/links";
    case RouteId::kListLinks:
      return "GET /v1/links";
    case RouteId::kReadLink:
      return "GET /v1/links/{link}";
    case RouteId::kReplaceBankToken:
      return "PUT /v1/links/{link}/bank_token";
    case RouteId::kReplaceConsent:
      return "PUT /v1/links/{link}/consent";
    case RouteId::kRevokeConsent:
      return "PUT /v1/links/{link}/consent/revocation";
    case RouteId::kEraseLink:
      return "DELETE /v1/links/{link}";
    case RouteId::kEraseSubject:
      return "DELETE /v1/subjects/{subject}";
    case RouteId::kLedger:
      return "GET /v1/subjects/{subject}/ledger";
    case RouteId::kConsents:
      return "GET /v1/subjects/{subject}/consents";
    case RouteId::kKeys:
      return "GET /v1/keys";
    case RouteId::kHealth:
      return "GET /v1/health";
    case RouteId::kStatus:
      return "GET /v1/status";
    case RouteId::kMetrics:
      return "GET /metrics";
    case RouteId::kUnknown:
      break;
  }
  return "other";
}

RouteMatch MatchRoute(std::string_view method, std::string_view target,
                      RouteFlag socket) {
  RouteMatch match;
  std::string_view path = WithoutAuthority(target);
  size_t question = path.find('?');
  if (question != std::string_view::npos) {
    match.query = path.substr(question + 1);
    match.has_query = true;
    path = path.substr(0, question);
  }
  for (const Route& route : kRoutes) {
    if (!route.Has(socket)) continue;
    std::string_view parameter;
    if (!MatchPattern(route.pattern, path, parameter)) continue;
    bool head =
        method == "HEAD" && route.method == "GET" && route.Has(kOnMonitor);
    if (route.method == method || head) {
      match.outcome = MatchOutcome::kFound;
      match.route = &route;
      match.parameter = parameter;
      match.head = head;
      return match;
    }
    match.outcome = MatchOutcome::kOtherMethod;
    Allow(match, route.method);
    if (route.Has(kOnMonitor)) Allow(match, "HEAD");
  }
  return match;
}

}  // namespace coffer::gate
