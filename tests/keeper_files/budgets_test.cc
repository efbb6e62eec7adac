#include "vault/keeper/budgets.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "crypto/kdf.h"

namespace coffer::keeper {
namespace {

using wire::BudgetWindow;
using wire::Rule;

constexpr uint64_t kMidnight = 1785542400;  // 2026-08-01T00:00:00Z
constexpr uint64_t kHourSeconds = 3600;
constexpr uint64_t kDaySeconds = 86400;

wire::LinkId LinkOf(uint32_t number) {
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

TEST_F(BudgetsTest, ACallerWithoutABudgetIsNotCounted) {
  Load({RuleOf(0, 0, 1, 0, 0)});
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(Ask(i, 0, 1), Rule::kAllowed);
    EXPECT_EQ(Ask(i, 1, 0), Rule::kAllowed);
  }
  EXPECT_EQ(budgets_->links(), 0u);
  EXPECT_TRUE(counts_.empty());
}

TEST_F(BudgetsTest, ExactlyTheLimitOfDistinctLinksIsServedInAnHour) {
  Load({RuleOf(0, 0, 3, 0, 0)});
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(Ask(i), Rule::kAllowed);
  }
  EXPECT_EQ(counts_.size(), 3u) << "a link counts once in its window";
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksHour);
  EXPECT_EQ(Ask(2), Rule::kAllowed) << "one that was counted goes on";
  EXPECT_EQ(Ask(3, 1, 0), Rule::kAllowed) << "another caller's budget";
  now_ = kMidnight + 6 * kHourSeconds - 1;
  EXPECT_EQ(Ask(4), Rule::kBudgetLinksHour);
  now_ += 1;
  for (uint32_t i = 3; i < 6; ++i) EXPECT_EQ(Ask(i), Rule::kAllowed);
  EXPECT_EQ(Ask(0), Rule::kBudgetLinksHour) << "an hour's counts end with it";
}

TEST_F(BudgetsTest, TheDayEndsAtMidnightUtc) {
  Load({RuleOf(0, 0, 2, 3, 0)});
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(1), Rule::kAllowed);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
  Pass(kHourSeconds);
  EXPECT_EQ(Ask(0), Rule::kAllowed) << "counted in the day, anew in the hour";
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksDay);
  EXPECT_EQ(Ask(1), Rule::kBudgetLinksHour);
  now_ = kMidnight + kDaySeconds - 1;
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksDay);
  now_ += 1;
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_EQ(budgets_->links(), 1u) << "yesterday's counts are gone";
}

TEST_F(BudgetsTest, ADayAloneCountsEachLinkOnce) {
  Load({RuleOf(0, 0, 0, 2, 0)});
  for (int hour = 0; hour < 4; ++hour) {
    EXPECT_EQ(Ask(0), Rule::kAllowed);
    EXPECT_EQ(Ask(1), Rule::kAllowed);
    EXPECT_EQ(Ask(2), Rule::kBudgetLinksDay);
    Pass(kHourSeconds);
  }
  EXPECT_EQ(counts_.size(), 2u);
}

TEST_F(BudgetsTest, OfSeveralRulesTheSmallestLimitHolds) {
  Load({RuleOf(0, 0, 5, 0, 0), RuleOf(0, 0, 2, 0, 0), RuleOf(0, 0, 0, 0, 0)});
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(1), Rule::kAllowed);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
}

TEST_F(BudgetsTest, TheRateStartsEmptyAndHoldsOneSecondsWorth) {
  Load({RuleOf(0, 0, 0, 0, 4)});
  EXPECT_EQ(Ask(0), Rule::kBudgetRate);
  boot_ += 249;
  EXPECT_EQ(Ask(0), Rule::kBudgetRate);
  boot_ += 1;
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(0), Rule::kBudgetRate);
  boot_ += 3600 * 1000;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(0), Rule::kBudgetRate);
  EXPECT_TRUE(trips_.empty()) << "only distinct links trip the brake";
  EXPECT_EQ(budgets_->refusals(), 4u);
}

TEST_F(BudgetsTest, ALoadedPolicyRefillsNothing) {
  Load({RuleOf(0, 0, 2, 0, 2)});
  boot_ += 1000;
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(1), Rule::kAllowed);
  Load({RuleOf(0, 0, 2, 0, 2)});
  EXPECT_EQ(Ask(1), Rule::kBudgetRate);
  boot_ += 1000;
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
  Load({RuleOf(0, 0, 3, 0, 9)});
  EXPECT_EQ(Ask(2), Rule::kBudgetRate) << "a bucket of another size is empty";
  boot_ += 1000;
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksHour);
}

TEST_F(BudgetsTest, ANameThatGoesAndComesBackKeepsItsCounts) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(1), Rule::kAllowed);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
  Load({});
  EXPECT_EQ(List().rows.size, 0) << "what cannot be asked for holds nothing";
  // The same names at other places of another policy.
  std::swap(policy_->callers[0], policy_->callers[1]);
  Load({RuleOf(1, 0, 2, 0, 0)});
  EXPECT_EQ(Ask(2, 1, 0), Rule::kBudgetLinksHour);
  EXPECT_EQ(Ask(0, 1, 0), Rule::kAllowed);
  EXPECT_EQ(List().rows.size, 1);
}

TEST_F(BudgetsTest, TheBrakeTripsAtTheFirstRefusalAndEndsWithItsWindow) {
  Load({RuleOf(0, 1, 2, 0, 0)});
  EXPECT_FALSE(Spend(0, 0, 1).tripped);
  EXPECT_FALSE(Spend(1, 0, 1).tripped);
  EXPECT_EQ(budgets_->Holding(now_), 0u) << "a full budget is not a brake";
  EXPECT_TRUE(Spend(2, 0, 1).tripped);
  for (uint32_t i = 3; i < 10; ++i) EXPECT_FALSE(Spend(i, 0, 1).tripped);
  ASSERT_EQ(List().rows.size, 1);
  const wire::BrakeRow row = List().rows[0];
  EXPECT_EQ(row.caller, "messenger");
  EXPECT_EQ(row.purpose, "receipts");
  EXPECT_EQ(row.window, BudgetWindow::kHour);
  EXPECT_EQ(row.limit, 2u);
  EXPECT_EQ(row.counted, 2u);
  EXPECT_EQ(row.refused, 8u);
  EXPECT_EQ(row.tripped_at, now_);
  EXPECT_EQ(row.ends_at, kMidnight + 6 * kHourSeconds);
  now_ = row.ends_at;
  EXPECT_EQ(budgets_->Holding(now_), 0u);
  EXPECT_EQ(List().rows.size, 0);
  EXPECT_EQ(Ask(2, 0, 1), Rule::kAllowed);
}

TEST_F(BudgetsTest, TheListGoesOnWhereOneAnswerEnds) {
  constexpr uint16_t kBrakes = base::kBrakeRowsMax + 6;
  policy_->callers.size = 0;
  std::vector<wire::IssueRule> rules;
  for (uint16_t i = 0; i < kBrakes; ++i) {
    wire::PolicyCaller caller;
    caller.name = wire::Name("caller" + std::to_string(i));
    ASSERT_TRUE(policy_->callers.push_back(caller));
    rules.push_back(RuleOf(i, 0, 1, 0, 0));
  }
  Load(rules);
  for (uint16_t i = 0; i < kBrakes; ++i) {
    EXPECT_EQ(Ask(0, i), Rule::kAllowed);
    EXPECT_EQ(Ask(1, i), Rule::kBudgetLinksHour);
  }
  const wire::BrakeListAnswer first = List();
  ASSERT_EQ(first.rows.size, base::kBrakeRowsMax);
  const wire::BrakeListAnswer second = List(first.next);
  EXPECT_EQ(second.rows.size, 6);
  EXPECT_EQ(second.next, 0u);
  std::set<std::string_view> callers;
  for (const auto& row : first.rows) callers.insert(row.caller);
  for (const auto& row : second.rows) callers.insert(row.caller);
  EXPECT_EQ(callers.size(), kBrakes);
  EXPECT_EQ(List(0xffffffff).rows.size, 0) << "a cursor of nowhere";
}

TEST_F(BudgetsTest, AReleaseGivesTheLimitOnceMoreAndCanTripAgain) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  const wire::BrakeId id = List().rows[0].id;
  Budgets::Released released;
  wire::BrakeId other = id;
  other[0] ^= 1;
  EXPECT_FALSE(budgets_->Release(other, now_, released).ok());
  ASSERT_TRUE(budgets_->Release(id, now_, released).ok());
  EXPECT_EQ(released.counted, 2u);
  EXPECT_EQ(budgets_->Holding(now_), 0u);
  EXPECT_FALSE(budgets_->Release(id, now_, released).ok()) << "holds no more";
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_TRUE(Spend(4).tripped);
  ASSERT_EQ(List().rows.size, 1);
  EXPECT_EQ(List().rows[0].id, id);
  EXPECT_EQ(List().rows[0].counted, 4u);
  EXPECT_EQ(List().rows[0].limit, 2u);
  EXPECT_EQ(List().rows[0].releases, 1u);
  Pass(kHourSeconds);
  for (uint32_t i = 0; i < 2; ++i) EXPECT_EQ(Ask(i), Rule::kAllowed);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour) << "the release was of its window";
}

TEST_F(BudgetsTest, ARestartKeepsCountsTripsAndReleases) {
  Load({RuleOf(0, 0, 2, 9, 0), RuleOf(1, 1, 3, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  Budgets::Released released;
  ASSERT_TRUE(budgets_->Release(List().rows[0].id, now_, released).ok());
  trips_.push_back(released.brake);
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  const std::vector<uint8_t> early = Snapshot();
  Ask(7, 1, 1);
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_EQ(Ask(4), Rule::kBudgetLinksHour);
  const std::vector<uint8_t> late = Snapshot();
  // From nothing, from an early and from a late snapshot: every change again,
  // twice, counts nothing twice.
  const std::vector<uint8_t> none = {0, 0, 0, 0, 0, 0};
  for (const auto& snapshot : {none, early, late}) {
    for (int again = 0; again < 5; ++again) {
      Restart(snapshot);
      EXPECT_EQ(budgets_->links(), 5u);
      EXPECT_EQ(Ask(3), Rule::kAllowed);
      EXPECT_EQ(Ask(4), Rule::kBudgetLinksHour);
      ASSERT_EQ(List().rows.size, 1);
      EXPECT_EQ(List().rows[0].counted, 4u);
      EXPECT_EQ(Snapshot(), late) << "the same to the byte";
    }
  }
}

TEST_F(BudgetsTest, CountsOfNamesThatAreGoneSurviveARestart) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  Load({});
  const std::vector<uint8_t> snapshot = Snapshot();
  counts_.clear();
  trips_.clear();
  Restart(snapshot);
  Load({RuleOf(0, 0, 2, 0, 0)});
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
}

TEST_F(BudgetsTest, APutBackClockGivesNothingTwice) {
  Load({RuleOf(0, 0, 2, 3, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  now_ -= 2 * kDaySeconds + 3 * kHourSeconds;
  budgets_->PutBack(now_);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
  EXPECT_EQ(Ask(1), Rule::kAllowed);
  ASSERT_EQ(List().rows.size, 1);
  EXPECT_LE(List().rows[0].ends_at, now_ + kHourSeconds);
  Pass(kHourSeconds);
  EXPECT_EQ(Ask(2), Rule::kAllowed) << "and is not stuck in the future";
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksDay);
}

TEST_F(BudgetsTest, AFullTableRefusesAndAnHourLaterHasRoom) {
  Load({RuleOf(0, 0, 0, base::kBudgetLinksMax, 0),
        RuleOf(1, 1, base::kBudgetLinksMax, 0, 0)});
  Ask(0, 0, 0);
  uint64_t longest = 0;
  for (uint32_t i = 1; i < base::kBudgetLinksMax; ++i) {
    const auto before = std::chrono::steady_clock::now();
    ASSERT_EQ(budgets_->Spend({1, 1, LinkOf(i), now_, boot_}).rule,
              Rule::kAllowed);
    const auto took = std::chrono::steady_clock::now() - before;
    longest = std::max<uint64_t>(
        longest, static_cast<uint64_t>(
                     std::chrono::duration_cast<std::chrono::microseconds>(took)
                         .count()));
  }
  RecordProperty("longest_count_microseconds", std::to_string(longest));
  EXPECT_EQ(Ask(1, 0, 0), Rule::kBudgetLinksFull);
  EXPECT_EQ(Ask(0, 0, 0), Rule::kAllowed);
  Pass(kHourSeconds);
  EXPECT_EQ(Ask(1, 0, 0), Rule::kAllowed) << "the other's hour is over";
  EXPECT_EQ(budgets_->links(), 2u) << "a day's count stays";
}

TEST_F(BudgetsTest, EveryTruncatedSnapshotIsRefused) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  const std::vector<uint8_t> whole = Snapshot();
  for (size_t size = 0; size < whole.size(); ++size) {
    Budgets budgets;
    Load(budgets);
    base::Decoder decoder{base::Bytes(whole).first(size)};
    EXPECT_FALSE(budgets.Decode(decoder).ok()) << size;
  }
  // An entry of a budget that is not there, and one that stands twice.
  std::vector<uint8_t> bad = whole;
  bad[whole.size() - 6] = 9;
  Budgets budgets;
  Load(budgets);
  base::Decoder decoder{base::Bytes(bad)};
  EXPECT_FALSE(budgets.Decode(decoder).ok());
}

TEST_F(BudgetsTest, TooManyNamesThatStillCountAreRefusedBeforeAnythingChanges) {
  const auto load = [&](int round) {
    policy_->callers.size = policy_->purposes.size = policy_->rules.size = 0;
    for (int i = 0; i < 64; ++i) {
      wire::PolicyCaller caller;
      caller.name = wire::Name(std::to_string(round) + "c" + std::to_string(i));
      policy_->callers.push_back(caller);
      wire::PolicyPurpose purpose;
      purpose.name = wire::Name("p" + std::to_string(i));
      policy_->purposes.push_back(purpose);
    }
    for (uint16_t i = 0; i < base::kBudgetsMax; ++i) {
      policy_->rules.push_back(RuleOf(i / 64, i % 64, 5, 0, 0));
    }
    const base::Status prepared = budgets_->Prepare(*policy_, key_, now_);
    if (prepared.ok()) budgets_->Bind(boot_);
    return prepared.ok();
  };
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(load(round));
    for (size_t i = 0; i < base::kBudgetsMax; ++i) Ask(1, i / 64, i % 64);
  }
  EXPECT_FALSE(load(2));
  EXPECT_TRUE(load(1)) << "the one in force is";
  Pass(kDaySeconds);
  EXPECT_TRUE(load(2));
}

}  // namespace
}  // namespace coffer::keeper
