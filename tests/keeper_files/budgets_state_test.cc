// Budgets over restarts, a clock that is put back, and tables that are read.
#include "tests/keeper_files/budgets_support.h"

namespace coffer::keeper {
namespace {

TEST_F(BudgetsTest, BrakesAreReplayedToTheSameInAnyOrderAndAnyNumberOfTimes) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  ASSERT_EQ(trips_.size(), 1u);
  const uint32_t hour = trips_[0].state.window;
  std::vector<BrakeChange> changes(4, trips_[0]);
  changes[0].state = {hour - 1, 9, 99, now_ + 9};
  changes[1].state = {hour, 2, 2, now_ + 1};
  changes[2].state = {hour, 1, 5, now_ + 2};
  changes[3].state = {hour, 3, 3, now_};
  const std::vector<uint8_t> before = Snapshot();
  std::vector<uint8_t> merged;
  const auto by_state = [](const BrakeChange& a, const BrakeChange& b) {
    return std::tie(a.state.window, a.state.releases) <
           std::tie(b.state.window, b.state.releases);
  };
  std::sort(changes.begin(), changes.end(), by_state);
  do {
    counts_.clear();
    trips_ = changes;
    trips_.insert(trips_.end(), changes.begin(), changes.end());
    Restart(before);
    if (merged.empty()) merged = Snapshot();
    EXPECT_EQ(Snapshot(), merged);
  } while (std::next_permutation(changes.begin(), changes.end(), by_state));
  BrakeState state;
  base::Decoder decoder{base::Bytes(merged).subspan(2 + 16)};
  decoder.Struct(state);
  EXPECT_EQ(state.window, hour);
  EXPECT_EQ(state.releases, 3u);
  EXPECT_EQ(state.counted, 5u);
  EXPECT_EQ(state.tripped_at, now_ + 2);
  // Its limit of 2 four times over.
  trips_.clear();
  for (uint32_t i = 2; i < 8; ++i) EXPECT_EQ(Ask(i), Rule::kAllowed);
  EXPECT_EQ(Ask(8), Rule::kBudgetLinksHour);
  ASSERT_EQ(trips_.size(), 1u);
  EXPECT_EQ(trips_[0].state.counted, 8u);
}

TEST_F(BudgetsTest, ABrakeThatDidNotTripAnewKeepsItsNumbers) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  BrakeChange later = trips_[0];
  later.state.tripped_at += 5;
  later.state.counted = 7;
  for (const BrakeChange& change : {later, trips_[0]}) {
    ASSERT_TRUE(budgets_->Replay(change).ok());
    EXPECT_EQ(List().rows[0].tripped_at, later.state.tripped_at);
    EXPECT_FALSE(Spend(3).tripped) << "it tripped beyond that already";
  }
  BrakeChange unknown = later;
  unknown.window = static_cast<BudgetWindow>(3);
  EXPECT_FALSE(budgets_->Replay(unknown).ok());
}

TEST_F(BudgetsTest, ABudgetThatIsGoneKeepsItsPlaceWhileItsBrakeLasts) {
  Load({});
  const uint32_t hour = static_cast<uint32_t>(now_ / kHourSeconds);
  for (const BrakeState& state :
       {BrakeState{hour, 1, 0, 0}, BrakeState{hour, 0, 1, now_}}) {
    budgets_ = std::make_unique<Budgets>();
    Load({});
    BrakeChange gone;
    gone.tag.fill(7);
    gone.state = state;
    ASSERT_TRUE(budgets_->Replay(gone).ok());
    Load({RuleOf(0, 0, 1, 0, 0)});
    EXPECT_EQ(Snapshot()[0], 2) << "budgets that are known";
    now_ += kHourSeconds;
    Load({RuleOf(0, 0, 1, 0, 0), RuleOf(1, 1, 1, 0, 0)});
    const std::vector<uint8_t> reused = Snapshot();
    EXPECT_EQ(reused[0], 2);
    for (size_t i = 2 + 16; i < 2 + kBudgetRowBytes; ++i) {
      EXPECT_EQ(reused[i], 0) << "nothing of it is left";
    }
    now_ -= kHourSeconds;
  }
}

TEST_F(BudgetsTest, WhatIsClearedKnowsNothing) {
  Load({RuleOf(0, 0, 1, 0, 0)});
  Ask(0);
  Ask(1);
  budgets_->Clear();
  EXPECT_EQ(budgets_->links(), 0u);
  now_ -= 2 * kDaySeconds;
  EXPECT_EQ(Snapshot(), kNothing);
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(budgets_->links(), 0u) << "nor a policy";
  Load({RuleOf(0, 0, 1, 0, 0)});
  const Budgets::Spent spent = Spend(1);
  EXPECT_TRUE(spent.counted);
  EXPECT_EQ(spent.count.hour, now_ / kHourSeconds) << "nor a time";
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
  for (const auto& snapshot : {kNothing, early, late}) {
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

TEST_F(BudgetsTest, AClockThatFallsOpensNoWindowAgain) {
  Load({RuleOf(0, 0, 1, 0, 0)});
  EXPECT_EQ(Ask(0), Rule::kAllowed);
  const std::vector<uint8_t> snapshot = Snapshot();
  const std::vector<BudgetCount> counts = counts_;
  now_ -= kHourSeconds;
  const auto expect_the_later_hour = [&] {
    EXPECT_FALSE(Spend(0).counted);
    EXPECT_EQ(Ask(0), Rule::kAllowed);
    EXPECT_EQ(Ask(1), Rule::kBudgetLinksHour);
    trips_.clear();
  };
  expect_the_later_hour();
  Restart(kNothing);
  expect_the_later_hour();
  counts_.clear();
  Restart(snapshot);
  expect_the_later_hour();
}

TEST_F(BudgetsTest, ChangesOfBeforeASnapshotAndAfterItAreReplayed) {
  Load({RuleOf(0, 0, 2, 5, 0)});
  Ask(0);
  Ask(1);
  const std::vector<uint8_t> early = Snapshot();
  const std::vector<BudgetCount> first = counts_;
  Pass(kHourSeconds);
  Ask(0);
  Ask(1);
  const std::vector<BudgetCount> all = counts_;
  const std::vector<uint8_t> late = Snapshot();
  const auto expect_both_counted = [&] {
    for (uint32_t link : {0, 1}) {
      const Budgets::Spent spent = Spend(link);
      EXPECT_EQ(spent.rule, Rule::kAllowed);
      EXPECT_FALSE(spent.counted);
    }
    EXPECT_EQ(Ask(2), Rule::kBudgetLinksHour);
    trips_.clear();
  };
  expect_both_counted();
  Restart(early);
  expect_both_counted();
  counts_ = first;
  Restart(late);
  expect_both_counted();
  counts_ = all;
  Restart(kNothing);
  expect_both_counted();
}

TEST_F(BudgetsTest, ARestartInADayCountsEachOfItsHoursApart) {
  Load({RuleOf(0, 0, 2, 5, 0)});
  Ask(0);
  Ask(1);
  Pass(kHourSeconds);
  Ask(0);
  const std::vector<uint8_t> snapshot = Snapshot();
  counts_.clear();
  Restart(snapshot);
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kBudgetLinksHour);
  Pass(kHourSeconds);
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_EQ(Ask(4), Rule::kAllowed);
  Pass(kHourSeconds);
  EXPECT_EQ(Ask(5), Rule::kBudgetLinksDay);
}

TEST_F(BudgetsTest, ASnapshotAloneKeepsBrakesAndReleases) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  const auto restart = [&] {
    const std::vector<uint8_t> snapshot = Snapshot();
    counts_.clear();
    trips_.clear();
    Restart(snapshot);
  };
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  restart();
  ASSERT_EQ(List().rows.size, 1);
  Budgets::Released released;
  ASSERT_TRUE(budgets_->Release(List().rows[0].id, now_, released).ok());
  restart();
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_EQ(Ask(4), Rule::kBudgetLinksHour);
}

TEST_F(BudgetsTest, ASnapshotHoldsNoCountOfYesterday) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  Ask(0);
  const size_t size = 2 + kBudgetRowBytes + 4;
  EXPECT_EQ(Snapshot().size(), size + kBudgetEntryBytes);
  now_ = kMidnight + kDaySeconds - 1;
  EXPECT_EQ(Snapshot().size(), size + kBudgetEntryBytes);
  now_ += 1;
  EXPECT_EQ(Snapshot().size(), size);
}

TEST_F(BudgetsTest, CountsOfNamesThatAreGoneSurviveARestart) {
  const std::vector<wire::IssueRule> rules = {
      RuleOf(0, 0, 2, 0, 0), RuleOf(0, 1, 2, 0, 0), RuleOf(1, 1, 2, 0, 0)};
  Load(rules);
  for (uint32_t i = 0; i < 3; ++i) {
    for (const auto& rule : rules) Ask(i, rule.caller, rule.purpose);
  }
  Load({});
  const std::vector<uint8_t> snapshot = Snapshot();
  counts_.clear();
  trips_.clear();
  Restart(snapshot);
  Load(rules);
  for (const auto& rule : rules) {
    EXPECT_EQ(Ask(2, rule.caller, rule.purpose), Rule::kBudgetLinksHour);
  }
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

TEST_F(BudgetsTest, APutBackClockKeepsReleases) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 3; ++i) Ask(i);
  Budgets::Released released;
  ASSERT_TRUE(budgets_->Release(List().rows[0].id, now_, released).ok());
  now_ -= 3 * kDaySeconds;
  budgets_->PutBack(now_);
  EXPECT_EQ(Ask(2), Rule::kAllowed);
  EXPECT_EQ(Ask(3), Rule::kAllowed);
  EXPECT_EQ(Ask(4), Rule::kBudgetLinksHour);
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
}

TEST_F(BudgetsTest, EntriesOfNoBudgetOrTwiceAndTooManyBudgetsAreRefused) {
  Load({RuleOf(0, 0, 2, 0, 0)});
  for (uint32_t i = 0; i < 2; ++i) Ask(i);
  const std::vector<uint8_t> whole = Snapshot();
  const auto decodes = [&](const std::vector<uint8_t>& bytes) {
    Budgets budgets;
    Load(budgets);
    base::Decoder decoder{base::Bytes(bytes)};
    return budgets.Decode(decoder).ok();
  };
  EXPECT_TRUE(decodes(whole));
  const size_t last = whole.size() - kBudgetEntryBytes;
  std::vector<uint8_t> of_none = whole;
  of_none[last + 16] = 1;
  EXPECT_FALSE(decodes(of_none));
  std::vector<uint8_t> twice = whole;
  std::copy_n(whole.begin() + static_cast<ptrdiff_t>(last - kBudgetEntryBytes),
              16, twice.begin() + static_cast<ptrdiff_t>(last));
  EXPECT_FALSE(decodes(twice));
  // More budgets than there can be, all of one name.
  std::vector<uint8_t> too_many(2 + 0xffff * kBudgetRowBytes + 4);
  too_many[0] = too_many[1] = 0xff;
  EXPECT_FALSE(decodes(too_many));
}

}  // namespace
}  // namespace coffer::keeper
