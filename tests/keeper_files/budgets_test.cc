// Budgets and brakes: what is counted, refused and released.
#include "tests/keeper_files/budgets_support.h"

namespace coffer::keeper {
namespace {

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
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(Ask(0), Rule::kAllowed) << "counted in the day, anew in the hour";
  }
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksDay);
  EXPECT_EQ(Ask(1), Rule::kBudgetLinksHour);
  now_ = kMidnight + kDaySeconds - 1;
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksDay);
  now_ += 1;
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_EQ(budgets_->links(), 1u) << "yesterday's counts are gone";
}

TEST_F(BudgetsTest, EveryDayHasTwentyFourHoursFromMidnight) {
  Load({RuleOf(0, 0, 0, 1, 0)});
  for (uint32_t day = 0; day < 25; ++day) {
    now_ = kMidnight + day * kDaySeconds;
    EXPECT_EQ(Ask(2 * day), Rule::kAllowed) << day;
    EXPECT_EQ(Ask(2 * day + 1), Rule::kBudgetLinksDay) << day;
    ASSERT_EQ(List().rows.size, 1);
    EXPECT_EQ(List().rows[0].window, BudgetWindow::kDay);
    EXPECT_EQ(List().rows[0].limit, 1u);
    EXPECT_EQ(List().rows[0].ends_at, now_ + kDaySeconds);
    now_ += kDaySeconds - 1;
    EXPECT_EQ(Ask(2 * day + 1), Rule::kBudgetLinksDay) << day;
  }
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
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  boot_ += 1000;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Ask(0), Rule::kAllowed);
  EXPECT_EQ(Ask(0), Rule::kBudgetRate);
  EXPECT_TRUE(trips_.empty()) << "only distinct links trip the brake";
  EXPECT_EQ(budgets_->refusals(), 4u);
}

TEST_F(BudgetsTest, ALoadedPolicyRefillsAndEmptiesNothing) {
  Load({RuleOf(0, 0, 2, 0, 2)});
  boot_ += 1000;
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  Load({RuleOf(0, 0, 2, 0, 2)});
  EXPECT_EQ(Ask(1), Rule::kAllowed);
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
  EXPECT_EQ(Ask(2), Rule::kAllowed) << "no budget, no limit";
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
  EXPECT_EQ(budgets_->refusals(), 8u);
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
  ASSERT_EQ(List().rows.size, 1) << "full again";
  EXPECT_EQ(List().rows[0].counted, 4u);
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

TEST_F(BudgetsTest, AReleaseGivesRoomUnderALoweredLimit) {
  Load({RuleOf(0, 0, 5, 0, 0)});
  for (uint32_t i = 0; i < 6; ++i) Ask(i);
  Load({RuleOf(0, 0, 2, 0, 0)});
  ASSERT_EQ(List().rows.size, 1);
  Budgets::Released released;
  ASSERT_TRUE(budgets_->Release(List().rows[0].id, now_, released).ok());
  EXPECT_EQ(released.brake.state.releases, 2u) << "5 of 3 times 2";
  EXPECT_EQ(Ask(5), Rule::kAllowed);
  EXPECT_EQ(Ask(6), Rule::kBudgetLinksHour);
}

TEST_F(BudgetsTest, BrakesOfOneHourAndItsDayAreReleasedApart) {
  Load({RuleOf(0, 0, 1, 2, 0), RuleOf(1, 1, 0, 1, 0)});
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  Pass(kHourSeconds);
  EXPECT_EQ(Ask(1), Rule::kAllowed);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksDay);
  EXPECT_EQ(Ask(0), Rule::kBudgetLinksHour);
  Ask(0, 1, 1);
  EXPECT_EQ(Ask(1, 1, 1), Rule::kBudgetLinksDay);
  auto held = List();
  ASSERT_EQ(held.rows.size, 3);
  const wire::BrakeRow hour = held.rows[0], day = held.rows[1];
  EXPECT_EQ(hour.window, BudgetWindow::kHour);
  EXPECT_EQ(hour.limit, 1u);
  EXPECT_EQ(day.window, BudgetWindow::kDay);
  EXPECT_EQ(day.limit, 2u);
  EXPECT_EQ(held.rows[2].caller, "alerts");
  Budgets::Released released;
  ASSERT_TRUE(budgets_->Release(held.rows[2].id, now_, released).ok());
  EXPECT_EQ(released.caller, 1u);
  EXPECT_EQ(released.purpose, 1u);
  ASSERT_TRUE(budgets_->Release(day.id, now_, released).ok());
  EXPECT_EQ(released.caller, 0u);
  EXPECT_EQ(released.brake.window, BudgetWindow::kDay);
  held = List();
  ASSERT_EQ(held.rows.size, 1);
  EXPECT_EQ(held.rows[0].id, hour.id);
  EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
}

TEST_F(BudgetsTest, AFullTableRefusesAndAnHourLaterHasRoom) {
  const wire::IssueRule gone = RuleOf(0, 1, 0, 1, 0);
  Load({gone});
  EXPECT_EQ(Ask(0, 0, 1), Rule::kAllowed);
  Load({RuleOf(0, 0, 0, base::kBudgetLinksMax, 0),
        RuleOf(1, 1, base::kBudgetLinksMax, 0, 0)});
  Restart(Snapshot());
  now_ -= 3 * kDaySeconds;  // not to wait until then for room
  budgets_->PutBack(now_);
  Ask(0, 0, 0);
  uint64_t longest = 0;
  for (uint32_t i = 2; i < base::kBudgetLinksMax; ++i) {
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
  EXPECT_EQ(budgets_->refusals(), 1u);
  // The million are looked through once an hour, not for each refusal.
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) Ask(1, 0, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  BudgetCount more = counts_.back();
  more.key[0] ^= 1;
  EXPECT_FALSE(budgets_->Replay(more).ok());
  Pass(kHourSeconds);
  EXPECT_TRUE(Spend(2, 1, 1).counted);
  EXPECT_EQ(Ask(1, 0, 0), Rule::kAllowed) << "the other's hour is over";
  EXPECT_EQ(budgets_->links(), 4u) << "a day's counts and an hour's stay";
  EXPECT_FALSE(Spend(2, 1, 1).counted);
  Load({gone});
  EXPECT_EQ(Ask(1, 0, 1), Rule::kBudgetLinksDay) << "of names that were gone";
}

class BudgetNamesTest : public BudgetsTest {
 protected:
  // Budgets of names that no other round has, `rules` of each.
  bool LoadRound(int round, size_t budgets = base::kBudgetsMax,
                 size_t rules = 1) {
    policy_->callers.size = policy_->purposes.size = policy_->rules.size = 0;
    for (int i = 0; i < 64; ++i) {
      wire::PolicyCaller caller;
      caller.name = wire::Name(std::to_string(round) + "c" + std::to_string(i));
      policy_->callers.push_back(caller);
      wire::PolicyPurpose purpose;
      purpose.name = wire::Name("p" + std::to_string(i));
      policy_->purposes.push_back(purpose);
    }
    for (size_t i = 0; i < budgets * rules; ++i) {
      const uint16_t place = static_cast<uint16_t>(i / rules);
      policy_->rules.push_back(RuleOf(place / 64, place % 64, 5, 0, 0));
    }
    const base::Status prepared = budgets_->Prepare(*policy_, key_, now_);
    if (prepared.ok()) budgets_->Bind(boot_);
    return prepared.ok();
  }
  void AskAll(size_t budgets = base::kBudgetsMax) {
    for (size_t i = 0; i < budgets; ++i) Ask(1, i / 64, i % 64);
  }
};

TEST_F(BudgetNamesTest, TooManyThatStillCountAreRefusedBeforeAnythingChanges) {
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(LoadRound(round));
    AskAll();
  }
  EXPECT_FALSE(LoadRound(2));
  EXPECT_TRUE(LoadRound(1)) << "the one in force is";
  Restart(Snapshot());
  EXPECT_FALSE(LoadRound(2));
  Pass(kDaySeconds);
  EXPECT_TRUE(LoadRound(2));
}

TEST_F(BudgetNamesTest, ThoseThatCountedNothingMakeRoomForTheNext) {
  ASSERT_TRUE(LoadRound(0));
  AskAll();
  ASSERT_TRUE(LoadRound(1));
  const size_t half = base::kBudgetsMax / 2;
  AskAll(half);
  EXPECT_FALSE(LoadRound(2, half + 1));
  ASSERT_TRUE(LoadRound(2, half, 2)) << "two rules of each budget";
  EXPECT_EQ(Snapshot()[1], kBudgetRowsMax >> 8);
}

}  // namespace
}  // namespace coffer::keeper
