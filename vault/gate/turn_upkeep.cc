// What a turn does in the background, and when there is something to do.
#include <algorithm>

#include "vault/gate/sequences.h"

namespace coffer::gate {
namespace {

// After a caller's last request the upkeep still goes on in small steps.
constexpr uint64_t kCallersStay = 250;  // milliseconds
constexpr uint64_t kStateEvery = 250;   // milliseconds, until operational

}  // namespace

uint64_t Turn::Delay(uint64_t most) const {
  most = retries_.Delay(clock_.BootMilliseconds(), most);
  if (!finished_.empty()) return 0;
  if (stopped_) return most;
  if (operational()) {
    if (!writes_.empty()) return 0;
    most = sweep_.Delay(upkeep_.Delay(most, callers_active()));
    return uses_.Delay(most, callers_active());
  }
  if (status_asked_ != status_answered_) return most;
  uint64_t now = clock_.BootMilliseconds();
  return std::min(most, state_due_ > now ? state_due_ - now : 0);
}

// --- The store's upkeep ------------------------------------------------------

bool Turn::callers_active() const {
  return in_progress() > 0 ||
         clock_.BootMilliseconds() - started_at_ < kCallersStay;
}

void Turn::AskUpkeep() {
  GoOnWithUses();
  if (stopped_) return;
  if (!operational()) return WatchState();
  const uint64_t adoptions = upkeep_.adoptions();
  upkeep_.Ask(status_.vault_id, callers_active());
  if (upkeep_.adoptions() != adoptions) uses_.Reload();
  sweep_.Ask(callers_active());
  for (StoreWrite& write : sweep_.TakeWrites()) WriteKill(std::move(write));
  uses_.Ask(callers_active());
}

void Turn::AwaitUses(Exchange& exchange, uint64_t to) {
  ++exchange.outstanding;
  uses_.Await(exchange.slot, to);
}

void Turn::GoOnWithUses() {
  uint32_t slot = 0;
  while (uses_.TakeReady(stopped_ || !operational(), slot)) {
    Exchange& exchange = *exchanges_[slot];
    --exchange.outstanding;
    if (!exchange.released) OnUsesDerived(*this, exchange);
    if (exchange.released && exchange.outstanding == 0) Release(exchange);
  }
}

// Nobody but the operator knows when a vault is unsealed, and no caller has to
// come for the upkeep to begin.
void Turn::WatchState() {
  uint64_t now = clock_.BootMilliseconds();
  if (now < state_due_ || status_asked_ != status_answered_) return;
  state_due_ = now + kStateEvery;
  AskStatus();
}

void Turn::CommitUpkeep() {
  if (stopped_ || !operational()) return;
  upkeep_.Commit(callers_active());
  uses_.Commit(callers_active());
}

base::Status Turn::TakeUpkeep(const KeeperAnswer& answer) {
  switch (static_cast<Step>(answer.to.step)) {
    case Step::kWork:
      return upkeep_.OnWork(answer);
    case Step::kRewrap:
      return upkeep_.OnRewrap(answer);
    case Step::kLeaves:
      return uses_.OnLeaves(answer);
    case Step::kBury:
      COFFER_TRY(sweep_.OnBury(answer));
      for (StoreWrite& write : sweep_.TakeWrites()) WriteKill(std::move(write));
      return {};
    default:
      break;
  }
  auto settled = upkeep_.OnSettle(answer);
  if (!settled.ok()) return settled.error();
  if (*settled) WriteKill(std::move(**settled));
  return {};
}

}  // namespace coffer::gate
