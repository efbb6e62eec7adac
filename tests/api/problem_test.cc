#include <gtest/gtest.h>

#include <set>
#include <string>

#include "vault/api/json.h"
#include "vault/api/response.h"

namespace coffer::api {
namespace {

using wire::Rule;
using wire::Verdict;

std::vector<Rule> EveryRefusal() {
  std::vector<Rule> rules;
  for (int number = 1; number < 256; ++number) {
    if (wire::IsRule(static_cast<uint8_t>(number))) {
      rules.push_back(static_cast<Rule>(number));
    }
  }
  return rules;
}

std::string Body(const Problem& problem, uint64_t leaf = 7) {
  TextBuilder out;
  WriteProblem(out, problem, leaf);
  return std::string(out.view());
}

struct Expectation {
  Verdict verdict;
  uint16_t status;
  std::string_view error;
};
constexpr Expectation kExpectations[] = {
    {Verdict::kInvalidRequest, 400, "invalid_request"},
    {Verdict::kInvalidToken, 400, "invalid_grant"},
    {Verdict::kUnauthorizedClient, 403, "unauthorized_client"},
    {Verdict::kAccessDenied, 403, "access_denied"},
    {Verdict::kInvalidGrant, 403, "invalid_grant"},
    {Verdict::kInvalidScope, 403, "invalid_scope"},
    {Verdict::kInvalidTarget, 403, "invalid_target"},
    {Verdict::kNotFound, 404, "not_found"},
    {Verdict::kConflict, 409, "conflict"},
    {Verdict::kPreconditionFailed, 412, "precondition_failed"},
    {Verdict::kBudgetExceeded, 429, "budget_exceeded"},
    {Verdict::kDamaged, 500, "damaged"},
};

TEST(Problem, EveryRuleHasTheStatusAndErrorOfItsVerdict) {
  for (Rule rule : EveryRefusal()) {
    const Problem problem = ProblemOf(rule);
    EXPECT_FALSE(problem.detail.empty());
    EXPECT_FALSE(problem.title.empty());
    const Verdict verdict = wire::VerdictOf(rule);
    if (verdict == Verdict::kUnavailable || verdict == Verdict::kGone) {
      EXPECT_EQ(problem.status, 503) << wire::RuleText(rule);
      continue;
    }
    bool found = false;
    for (const Expectation& expected : kExpectations) {
      if (expected.verdict != verdict) continue;
      found = true;
      EXPECT_EQ(problem.status, expected.status) << wire::RuleText(rule);
      EXPECT_EQ(problem.error, expected.error) << wire::RuleText(rule);
    }
    EXPECT_TRUE(found) << wire::RuleText(rule);
  }
}

TEST(Problem, UnknownErasedAndForeignLinksAreOneAnswer) {
  EXPECT_EQ(Body(ProblemOf(Rule::kLinkUnknown)),
            Body(ProblemOf(Rule::kLinkErased)));
  EXPECT_EQ(Body(ProblemOf(Rule::kLinkUnknown)),
            Body(ProblemOf(Rule::kLinkOfAnotherLinker)));
}

TEST(Problem, EveryBadTokenIsOneAnswer) {
  std::set<std::string> answers;
  for (Rule rule : EveryRefusal()) {
    if (wire::VerdictOf(rule) == Verdict::kInvalidToken) {
      answers.insert(Body(ProblemOf(rule)));
      answers.insert(Body(RedeemProblemOf(rule)));
    }
  }
  EXPECT_EQ(answers.size(), 1u);
}

TEST(Problem, RedeemingHasOneAnswerBesideMissingRightsAndASealedVault) {
  const std::string bad = Body(ProblemOf(Rule::kTokenExpired));
  for (Rule rule : EveryRefusal()) {
    const Problem problem = RedeemProblemOf(rule);
    const bool own_right =
        rule == Rule::kUnknownCaller || rule == Rule::kAmbiguousCaller ||
        rule == Rule::kForeignNamespace || rule == Rule::kNoRedeemRight;
    const Verdict verdict = wire::VerdictOf(rule);
    if (own_right) {
      EXPECT_EQ(problem.status, 403);
      EXPECT_EQ(problem.error, "unauthorized_client");
    } else if (verdict == Verdict::kUnavailable || verdict == Verdict::kGone) {
      EXPECT_EQ(problem.status, 503);
    } else {
      EXPECT_EQ(Body(problem), bad) << wire::RuleText(rule);
    }
  }
}

TEST(Problem, ASpentBudgetSaysWhenItsWindowEnds) {
  constexpr uint64_t kMidnight = 1785542400;
  const auto after = [](Rule rule, uint64_t now) {
    return ProblemOf(rule, now).retry_after_seconds;
  };
  EXPECT_EQ(after(Rule::kBudgetRate, kMidnight + 17), 1u);
  EXPECT_EQ(after(Rule::kBudgetLinksHour, kMidnight), 3600u);
  EXPECT_EQ(after(Rule::kBudgetLinksHour, kMidnight + 3599), 1u);
  EXPECT_EQ(after(Rule::kBudgetLinksFull, kMidnight + 7200 + 60), 3540u);
  EXPECT_EQ(after(Rule::kBudgetLinksDay, kMidnight), 86400u);
  EXPECT_EQ(after(Rule::kBudgetLinksDay, kMidnight + 86399), 1u);
  EXPECT_EQ(after(Rule::kSpentTokensFull, kMidnight + 17), 60u);
}

TEST(Problem, ClosedVaultsSayWhatTheyWaitFor) {
  EXPECT_EQ(ProblemOf(Rule::kSealed).error, "sealed");
  EXPECT_EQ(ProblemOf(Rule::kClock).error, "clock");
  EXPECT_EQ(ProblemOf(Rule::kJournalFull).error, "unavailable");
  EXPECT_EQ(ProblemOf(wire::VaultState::kSealed).error, "sealed");
  EXPECT_EQ(ProblemOf(wire::VaultState::kUninitialised).error, "uninitialised");
  EXPECT_EQ(ProblemOf(wire::VaultState::kStarting).error, "starting");
  EXPECT_EQ(ProblemOf(wire::VaultState::kError).error, "unavailable");
  for (auto state :
       {wire::VaultState::kSealed, wire::VaultState::kError,
        wire::VaultState::kStarting, wire::VaultState::kUninitialised}) {
    EXPECT_EQ(ProblemOf(state).status, 503);
  }
}

TEST(Problem, OfAParserKeepsItsDetail) {
  const Problem invalid =
      ProblemOf(base::Fail(base::Code::kInvalid, "subject is 1 to 256"));
  EXPECT_EQ(invalid.status, 400);
  EXPECT_EQ(invalid.error, "invalid_request");
  EXPECT_EQ(invalid.detail, "subject is 1 to 256");
  EXPECT_EQ(ProblemOf(base::Fail(base::Code::kTooLarge, "x")).status, 413);
  EXPECT_EQ(ProblemOf(base::Fail(base::Code::kFull, "x")).status, 503);
}

TEST(Problem, BodyIsRfc9457WithTheAuditEntry) {
  EXPECT_EQ(Body(ProblemOf(Rule::kPurposeProhibited), 1042),
            "{\"type\":\"urn:coffer:error:access_denied\","
            "\"title\":\"Access denied\",\"status\":403,"
            "\"error\":\"access_denied\","
            "\"detail\":\"this purpose is prohibited\","
            "\"instance\":\"urn:coffer:audit:1042\"}");
  EXPECT_EQ(Body(kNoSuchRoute, wire::kNoLeaf).find("instance"),
            std::string::npos);
  EXPECT_NE(Body(kNoSuchRoute, 0).find("urn:coffer:audit:0"),
            std::string::npos);
}

TEST(Problem, BodiesAreShortSoundAndSilentAboutOthers) {
  for (Rule rule : EveryRefusal()) {
    const std::string body = Body(ProblemOf(rule));
    EXPECT_EQ(body.find("linker"), std::string::npos) << body;
    EXPECT_EQ(body.find('\n'), std::string::npos) << body;
    EXPECT_LT(body.size(), 400u);
    EXPECT_TRUE(JsonDocument::Parse(body).ok()) << body;
  }
}

}  // namespace
}  // namespace coffer::api
