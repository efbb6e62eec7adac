#include "vault/gate/uses.h"

#include <algorithm>

#include "vault/gate/log.h"

namespace coffer::gate {
namespace {

using base::Code;
using base::Fail;

// While callers are here a little is done now and then, so that it costs them
// nothing to speak of; what is left over waits for a quiet moment, or for one
// who asks.
struct Pace {
  size_t items;           // asked for in one go
  uint64_t pull_every;    // milliseconds
  uint64_t commit_every;  // milliseconds
};
constexpr Pace kIdlePace{64, 0, 0};
constexpr Pace kCallersPace{16, 50, 1'000};
constexpr uint64_t kLookEvery = 250;      // milliseconds, when caught up
constexpr uint64_t kAgainAfter = 2'000;   // milliseconds
constexpr uint64_t kAwaitMost = 2'000;    // milliseconds
constexpr size_t kRowsMax = 8'192;        // in one commit
constexpr size_t kSweepMost = 256;        // beyond as many as are added
constexpr uint64_t kRecordEvery = 4'096;  // leaves of which none is a use

const Pace& PaceOf(bool callers) { return callers ? kCallersPace : kIdlePace; }

}  // namespace

Uses::Uses(KeeperClient& keeper, store::Store& store, base::Clock& clock,
           Metrics& metrics, uint16_t step)
    : keeper_(keeper),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      step_(step) {}

bool Uses::Load() {
  auto row = store_.GetState(store::kUsesToRow);
  uint64_t to = 0;
  if (row.ok() && !row->empty()) {
    base::Decoder decoder(*row);
    decoder.Number(to);
    if (!decoder.finished()) row = Fail(Code::kDamaged, "not a number");
  }
  if (!row.ok()) {
    again_at_ = clock_.BootMilliseconds() + kAgainAfter;
    return false;
  }
  next_ = end_ = committed_ = recorded_ = to;
  // Without a row, rows of an unfinished beginning may be there.
  begins_anew_ = row->empty();
  loaded_ = true;
  return true;
}

void Uses::Reload() {
  loaded_ = false;
  rows_.clear();
  bytes_.clear();
  ++round_;
}

bool Uses::hurried() const {
  return !waiters_.empty() && committed_ < waiters_.back().to;
}

uint64_t Uses::PullAt(bool callers) const {
  uint64_t every = kLookEvery;
  if (!caught_up()) every = PaceOf(callers).pull_every;
  if (hurried() && next_ < waiters_.back().to) every = 0;
  return std::max(again_at_, pulled_at_ + every);
}

void Uses::Ask(bool callers) {
  const uint64_t now = clock_.BootMilliseconds();
  if (asked_ > 0 || now < PullAt(callers) || rows_.size() >= kRowsMax) return;
  if (!loaded_ && !Load()) return;
  const Pace& pace = PaceOf(callers && !hurried());
  const uint64_t behind = end_ > next_ ? end_ - next_ : 0;
  const size_t items = static_cast<size_t>(
      std::min<uint64_t>(pace.items, behind / base::kLeavesMax + 1));
  for (size_t i = 0; i < items; ++i) {
    wire::LeavesItem item{i == 0 ? next_ : wire::kNoLeaf};
    keeper_.Ask(wire::Op::kLeaves, item, {round_, step_, 0});
  }
  asked_ = items;
  pulled_at_ = now;
}

base::Status Uses::OnLeaves(const KeeperAnswer& answer) {
  --asked_;
  const bool allowed = answer.header.rule == wire::Rule::kAllowed;
  wire::LeavesAnswer leaves;
  if (allowed) answer.fields->Struct(leaves);
  if (answer.fields->failed()) {
    return Fail(Code::kInvalid, "malformed leaves");
  }
  if (answer.to.exchange != round_) return {};
  if (!allowed) {
    again_at_ = clock_.BootMilliseconds() + kAgainAfter;
    return {};
  }
  end_ = leaves.next;
  if (end_ < next_) {
    // Of another history: the journal was restored from before.
    Reload();
    next_ = committed_ = recorded_ = 0;
    begins_anew_ = loaded_ = true;
    return {};
  }
  for (const wire::LeafBytes& one : leaves.leaves) COFFER_TRY(Take(one.leaf));
  CountBehind();
  return {};
}

base::Status Uses::Take(base::Bytes bytes) {
  auto leaf = wire::DecodeLeaf(bytes);
  if (!leaf.ok()) return Fail(Code::kInvalid, "a malformed leaf");
  if (leaf->index < next_) return {};
  next_ = leaf->index + 1;
  const uint32_t day = static_cast<uint32_t>(leaf->time / base::kDaySeconds);
  newest_day_ = std::max(newest_day_, day);
  if (!wire::NamesLink(leaf->kind) || leaf->link_tag == wire::ByteArray<16>{}) {
    return {};
  }
  rows_.push_back({{day, leaf->link_tag, leaf->index},
                   static_cast<uint32_t>(bytes_.size()),
                   static_cast<uint32_t>(bytes.size())});
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return {};
}

bool Uses::CommitDue(bool callers) const {
  const uint64_t now = clock_.BootMilliseconds();
  if (!loaded_ || asked_ > 0 || next_ == committed_ || now < again_at_) {
    return false;
  }
  if (rows_.size() >= kRowsMax) return true;
  if (hurried()) return caught_up() || next_ >= waiters_.back().to;
  return now - committed_at_ >= PaceOf(callers).commit_every &&
         (callers || caught_up());
}

base::Status Uses::Write(store::WriteBatch& batch) {
  if (begins_anew_) COFFER_TRY(batch.ClearUses());
  // In the order of their keys: each page of the store is met once.
  std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
    if (a.key.day != b.key.day) return a.key.day < b.key.day;
    if (a.key.tag != b.key.tag) return a.key.tag < b.key.tag;
    return a.key.index < b.key.index;
  });
  for (const Row& row : rows_) {
    COFFER_TRY(
        batch.PutUse(row.key, base::Bytes(bytes_).subspan(row.at, row.size)));
  }
  if (newest_day_ > base::kUsesDays) {
    COFFER_TRY(batch.SweepUses(newest_day_ - base::kUsesDays,
                               rows_.size() + kSweepMost));
  }
  uint8_t to[8];
  base::Encoder(to).Number(next_);
  return batch.PutState(store::kUsesToRow, to);
}

void Uses::Commit(bool callers) {
  if (!CommitDue(callers)) return;
  if (rows_.empty() && !begins_anew_ && next_ - recorded_ < kRecordEvery) {
    committed_ = next_;
    CountBehind();
    return;
  }
  const uint64_t now = clock_.BootMilliseconds();
  base::Status status =
      store_.Commit([this](store::WriteBatch& batch) { return Write(batch); });
  metrics_.CountCommit(rows_.size(), status.ok());
  committed_at_ = now;
  if (!status.ok()) {
    if (!failing_) {
      LogError("the uses of links are not derived for now", status.error());
    }
    failing_ = true;
    again_at_ = now + kAgainAfter;
    Reload();  // whether they were written, the store knows
    return;
  }
  committed_ = recorded_ = next_;
  begins_anew_ = failing_ = false;
  rows_.clear();
  bytes_.clear();
  CountBehind();
}

void Uses::CountBehind() {
  metrics_.uses_behind = end_ > committed_ ? end_ - committed_ : 0;
}

uint64_t Uses::Delay(uint64_t most, bool callers) const {
  const uint64_t now = clock_.BootMilliseconds();
  auto until = [&](uint64_t at) { return at > now ? at - now : 0; };
  for (const Waiter& waiter : waiters_) {
    if (derived(waiter.to)) return 0;
    most = std::min(most, until(waiter.deadline));
  }
  if (asked_ > 0) return most;
  if (CommitDue(callers)) return 0;
  if (loaded_ && next_ != committed_) {
    most = std::min(
        most, until(std::max(again_at_,
                             committed_at_ + PaceOf(callers).commit_every)));
  }
  return std::min(most, until(PullAt(callers)));
}

void Uses::Await(uint32_t exchange, uint64_t to) {
  const uint64_t now = clock_.BootMilliseconds();
  waiters_.push_back({exchange, to, now + kAwaitMost});
  // The last one waits for the most.
  std::sort(waiters_.begin(), waiters_.end(),
            [](const Waiter& a, const Waiter& b) { return a.to < b.to; });
}

bool Uses::TakeReady(bool all, uint32_t& exchange) {
  const uint64_t now = clock_.BootMilliseconds();
  for (auto at = waiters_.begin(); at != waiters_.end(); ++at) {
    if (!all && !derived(at->to) && now < at->deadline) continue;
    exchange = at->exchange;
    waiters_.erase(at);
    return true;
  }
  return false;
}

}  // namespace coffer::gate
