// Budgets with two callers, two purposes and a clock that tests move.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "crypto/kdf.h"
#include "vault/keeper/budgets.h"

namespace coffer::keeper {

using wire::BudgetWindow;
using wire::Rule;

inline constexpr uint64_t kMidnight = 1785542400;  // 2026-08-01T00:00:00Z
inline constexpr uint64_t kHourSeconds = 3600;
inline constexpr uint64_t kDaySeconds = 86400;

// The snapshot of a vault that has counted nothing.
inline const std::vector<uint8_t> kNothing(6, 0);

inline wire::LinkId LinkOf(uint32_t number) {
  wire::LinkId link{};
  std::memcpy(link.data() + 2, &number, sizeof number);
  return link;
}

class BudgetsTest : public ::testing::Test {
 protected:
  BudgetsTest()
      : arena_(std::move(base::SecretArena::Create(4)).value()), key_(*arena_) {
    COFFER_CHECK(crypto::Initialise().ok());
    crypto::RandomKey(key_);
    for (const char* name : {"messenger", "alerts"}) {
      wire::PolicyCaller caller;
      caller.name = wire::Name(name);
      policy_->callers.push_back(caller);
    }
    for (const char* name : {"balance", "receipts"}) {
      wire::PolicyPurpose purpose;
      purpose.name = wire::Name(name);
      policy_->purposes.push_back(purpose);
    }
  }

  static wire::IssueRule RuleOf(uint16_t caller, uint16_t purpose,
                                uint32_t hour, uint32_t day, uint32_t rate) {
    wire::IssueRule rule;
    rule.caller = caller;
    rule.purpose = purpose;
    rule.distinct_links_per_hour = hour;
    rule.distinct_links_per_day = day;
    rule.tokens_per_second = rate;
    return rule;
  }
  void Load(std::vector<wire::IssueRule> rules) {
    policy_->rules.size = 0;
    for (const auto& rule : rules) policy_->rules.push_back(rule);
    Load(*budgets_);
  }
  void Load(Budgets& budgets) {
    ASSERT_TRUE(budgets.Prepare(*policy_, key_, now_).ok());
    budgets.Bind(boot_);
  }
  Budgets::Spent Spend(uint32_t link, size_t caller = 0, size_t purpose = 0) {
    const Budgets::Spent spent =
        budgets_->Spend({caller, purpose, LinkOf(link), now_, boot_});
    if (spent.counted) counts_.push_back(spent.count);
    if (spent.tripped) trips_.push_back(spent.brake);
    return spent;
  }
  Rule Ask(uint32_t link, size_t caller = 0, size_t purpose = 0) {
    return Spend(link, caller, purpose).rule;
  }
  void Pass(uint64_t seconds) {
    now_ += seconds;
    boot_ += seconds * 1000;
  }
  // As a process that reads the snapshot and then replays the changes.
  std::vector<uint8_t> Snapshot() const {
    std::vector<uint8_t> bytes(1 << 20);
    base::Encoder encoder{base::MutableBytes(bytes)};
    budgets_->Encode(encoder, now_);
    EXPECT_FALSE(encoder.failed());
    bytes.resize(encoder.used());
    return bytes;
  }
  void Restart(const std::vector<uint8_t>& snapshot) {
    budgets_ = std::make_unique<Budgets>();
    Load(*budgets_);
    base::Decoder decoder{base::Bytes(snapshot)};
    ASSERT_TRUE(budgets_->Decode(decoder).ok());
    ASSERT_TRUE(decoder.finished());
    for (const auto& count : counts_) {
      ASSERT_TRUE(budgets_->Replay(count).ok());
    }
    for (const auto& trip : trips_) ASSERT_TRUE(budgets_->Replay(trip).ok());
  }
  wire::BrakeListAnswer List(uint32_t from = 0) const {
    wire::BrakeListAnswer answer;
    budgets_->List(*policy_, now_, from, answer);
    return answer;
  }

  std::unique_ptr<base::SecretArena> arena_;
  crypto::IndexKey key_;
  std::unique_ptr<wire::Policy> policy_ = std::make_unique<wire::Policy>();
  std::unique_ptr<Budgets> budgets_ = std::make_unique<Budgets>();
  std::vector<BudgetCount> counts_;
  std::vector<BrakeChange> trips_;
  uint64_t now_ = kMidnight + 5 * kHourSeconds;
  uint64_t boot_ = 1000000;
};

}  // namespace coffer::keeper
