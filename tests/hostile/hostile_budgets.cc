// What the model says of budgets: exact per caller and purpose, over restarts.
#include "tests/hostile/hostile_model.h"

namespace coffer::hostile {

namespace {
constexpr uint64_t kHour = 3600;
constexpr uint64_t kDay = 86400;
}  // namespace

void Model::Spend(const Token& token) {
  const GrantRow* limits = nullptr;
  for (const GrantRow& row : rules_.grants) {
    if (row.caller == token.client && row.purpose == token.purpose) {
      limits = &row;
    }
  }
  if (limits == nullptr) return;
  Budget& budget = budgets_[{token.client, token.purpose}];
  auto count = [&](Window& window, uint64_t length, uint32_t limit) {
    // A batch across the end of a window is in both.
    if (began_ / length != now_ / length) return;
    if (window.number != now_ / length) window = {now_ / length, 0, {}};
    window.links.insert(token.link);
    Must(limit == 0 || window.links.size() <=
                           static_cast<size_t>(limit) * (1 + window.releases),
         "gives more links than the budget");
  };
  count(budget.hour, kHour, limits->links_per_hour);
  count(budget.day, kDay, limits->links_per_day);
  if (budget.tokens++ == 0) budget.from = began_;
  Must(
      limits->tokens_per_second == 0 ||
          budget.tokens <= limits->tokens_per_second * (now_ - budget.from + 2),
      "gives more tokens a second than the budget");
}

void Model::BrakeReleased(const std::string& caller, const std::string& purpose,
                          wire::BudgetWindow window) {
  Budget& budget =
      budgets_[{caller, Place(purpose, kPurposes, kKnownPurposes)}];
  ++(window == wire::BudgetWindow::kHour ? budget.hour : budget.day).releases;
}

}  // namespace coffer::hostile
