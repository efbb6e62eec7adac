#include "vault/gate/routes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace coffer::gate {
namespace {

TEST(Routes, EveryRowIsFoundByItsOwnMethodAndPath) {
  for (const Route& route : Routes()) {
    std::string path(route.pattern);
    size_t open = path.find('{');
    if (open != std::string::npos) {
      path.replace(open, path.find('}') - open + 1, "a%2Fb");
    }
    for (RouteFlag socket : {kOnCaller, kOnMonitor}) {
      RouteMatch match = MatchRoute(route.method, path, socket);
      if (!route.Has(socket)) {
        EXPECT_NE(match.outcome, MatchOutcome::kFound) << path;
        continue;
      }
      ASSERT_EQ(match.outcome, MatchOutcome::kFound) << path;
      EXPECT_EQ(match.route->id, route.id) << path;
      EXPECT_EQ(match.parameter, open == std::string::npos ? "" : "a%2Fb");
    }
  }
}

TEST(Routes, EachHasItsOwnTextForTheCounters) {
  std::set<std::string_view> texts;
  for (const Route& route : Routes()) texts.insert(RouteText(route.id));
  EXPECT_EQ(texts.size(), Routes().size());
  EXPECT_EQ(texts.count(RouteText(RouteId::kUnknown)), 0u);
}

TEST(Routes, OtherMethodsAreToldTheOnesThatArePossible) {
  RouteMatch match = MatchRoute("PATCH", "/v1/links/lnk_x", kOnCaller);
  EXPECT_EQ(match.outcome, MatchOutcome::kOtherMethod);
  EXPECT_STREQ(match.allow.data(), "GET, DELETE");
  match = MatchRoute("PUT", "/v1/links", kOnCaller);
  EXPECT_STREQ(match.allow.data(), "POST, GET");
}

TEST(Routes, UnknownPathsAreNone) {
  for (const char* path : {"/", "", "*", "/v1", "/v1/tokens", "/v1/token/",
                           "/v1/links/a/b", "/v1/links/a/consent/x",
                           "/V1/token", "v1/token", "/v1/subjects/a/uses"}) {
    EXPECT_EQ(MatchRoute("GET", path, kOnCaller).outcome,
              MatchOutcome::kNoSuchPath)
        << path;
  }
}

TEST(Routes, QueriesAndAuthoritiesAreCutOff) {
  RouteMatch match =
      MatchRoute("GET", "http://coffer/v1/links?subject=a?b", kOnCaller);
  ASSERT_EQ(match.outcome, MatchOutcome::kFound);
  EXPECT_EQ(match.route->id, RouteId::kListLinks);
  EXPECT_EQ(match.query, "subject=a?b");
}

TEST(Routes, MonitorRoutesTakeHead) {
  RouteMatch match = MatchRoute("HEAD", "/metrics", kOnMonitor);
  ASSERT_EQ(match.outcome, MatchOutcome::kFound);
  EXPECT_TRUE(match.head);
  EXPECT_EQ(MatchRoute("HEAD", "/v1/keys", kOnCaller).outcome,
            MatchOutcome::kOtherMethod);
}

}  // namespace
}  // namespace coffer::gate
