// A policy of five callers, for tests that take them on in turn.
#pragma once

#include <unistd.h>

#include <memory>

#include "tests/keeper/keeper_process.h"

namespace coffer::keeper_test {

// linker (all link rights but all_links), messenger (issues to connector and to
// itself), connector (redeems balance_display, updates bank tokens), auditor
// (reads and erases everybody's). The present uid is `active`, the others are
// uids of nobody. TestPolicy's purposes, institutions and clusters.
inline std::unique_ptr<wire::Policy> FiveCallers(std::string_view active) {
  auto policy = std::make_unique<wire::Policy>(TestPolicy());
  policy->callers.size = 0;
  policy->rules.size = 0;
  const struct {
    const char* name;
    uint16_t rights;
    wire::PurposeSet redeem;
  } rows[] = {{"linker",
               wire::kRightCreate | wire::kRightRead | wire::kRightUpdate |
                   wire::kRightErase,
               0},
              {"messenger", 0, 0},
              {"connector", wire::kRightUpdateBankToken, 1},
              {"auditor",
               wire::kRightRead | wire::kRightErase | wire::kRightAllLinks, 2},
              {"linker2",
               wire::kRightCreate | wire::kRightRead | wire::kRightUpdate |
                   wire::kRightErase,
               0}};
  uint32_t nobody = 61001;
  for (const auto& row : rows) {
    wire::PolicyCaller caller;
    caller.name = wire::Name(row.name);
    caller.identity = active == row.name ? geteuid() : nobody++;
    caller.link_rights = row.rights;
    caller.redeem = row.redeem;
    policy->callers.push_back(caller);
  }
  for (uint16_t purpose = 0; purpose < 2; ++purpose) {
    for (uint16_t audience = 1; audience < 4; ++audience) {
      wire::IssueRule rule;
      rule.caller = 1;
      rule.purpose = purpose;
      rule.audience = audience;
      rule.institutions.Add(0);
      rule.institutions.Add(1);
      rule.clusters = 7;
      policy->rules.push_back(rule);
    }
  }
  return policy;
}

}  // namespace coffer::keeper_test
