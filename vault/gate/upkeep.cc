#include "vault/gate/upkeep.h"

#include <algorithm>

#include "vault/gate/log.h"

namespace coffer::gate {
namespace {

using base::Code;
using base::Fail;
using State = RewrapChunk::State;

constexpr uint64_t kWorkEvery = 250;  // milliseconds
constexpr uint64_t kAdoptAgain = 2'000;
constexpr uint64_t kIdlePause = 1'000;  // milliseconds, doubling
constexpr uint32_t kIdleDoublings = 6;  // to about a minute
constexpr size_t kSettleAtOnce = 64;

// How much is done at once. A chunk is one batch to the keeper and fits the
// channel's buffer, so that the keeper works while the store syncs.
struct Pace {
  size_t rows;       // of a chunk
  size_t read;       // wraps read in one turn
  size_t in_flight;  // chunks
  size_t commit;     // chunks in one commit
  size_t backlog;    // batches of callers that wait, at most
};
constexpr Pace kIdlePace{1024, 16'384, 2, 8, 0};
constexpr Pace kCallersPace{128, 512, 1, 4, 0};

const Pace& PaceOf(bool callers) { return callers ? kCallersPace : kIdlePace; }

bool Contains(const std::vector<wire::KeyId>& keys, const wire::KeyId& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

bool Upkeep::Work::Same(const wire::WorkRow& row) const {
  return institution == row.institution && active == row.active &&
         urgent == row.urgent &&
         std::equal(old.begin(), old.end(), row.old.begin(), row.old.end());
}

Upkeep::Upkeep(KeeperClient& keeper, store::Store& store, base::Clock& clock,
               Metrics& metrics, const RetryQueue& retries, ExpirySweep& sweep,
               const Steps& steps)
    : keeper_(keeper),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      retries_(retries),
      sweep_(sweep),
      steps_(steps) {}

// --- What is to be done ------------------------------------------------------

void Upkeep::Ask(const store::VaultId& vault, bool callers) {
  if (adopt_) Adopt(vault);
  if (!work_asked_ && clock_.BootMilliseconds() >= work_due_) AskWork();
  AskSettle();
  // Not while the answer may still change what is to be done.
  if (walk_.number == 0 && !work_asked_) BeginWalk();
  if (walk_.number != 0) GoOn(callers);
  if (walk_.number != 0 && !WalkUnderWay()) FinishWalk();
}

void Upkeep::AskWork() {
  auto counts = store_.CountWraps();
  work_item_.counted = counts.ok() && counts->size() <= base::kKeysMax;
  work_item_.counts.size = 0;
  if (work_item_.counted) {
    for (const auto& count : *counts) work_item_.counts.push_back(count);
  }
  keeper_.Ask(wire::Op::kWork, work_item_, {0, steps_.work, 0});
  work_asked_ = true;
}

base::Status Upkeep::OnWork(const KeeperAnswer& answer) {
  work_asked_ = false;
  work_due_ = clock_.BootMilliseconds() + kWorkEvery;
  if (answer.header.rule != wire::Rule::kAllowed) return {};
  work_answer_.rows.size = 0;
  for (wire::WorkRow& row : work_answer_.rows.items) row.old.size = 0;
  answer.fields->Struct(work_answer_);
  if (answer.fields->failed()) {
    return Fail(Code::kInvalid, "malformed work");
  }
  if (work_answer_.adopt != store::StoreDigest{}) adopt_ = work_answer_.adopt;
  std::vector<Work> works;
  for (const wire::WorkRow& row : work_answer_.rows) {
    auto known = std::find_if(works_.begin(), works_.end(),
                              [&](const Work& work) { return work.Same(row); });
    if (known != works_.end()) {
      works.push_back(std::move(*known));
      known->institution.clear();
      continue;
    }
    Work work;
    work.institution = row.institution;
    work.active = row.active;
    work.urgent = row.urgent;
    work.old.assign(row.old.begin(), row.old.end());
    works.push_back(std::move(work));
  }
  std::stable_partition(works.begin(), works.end(),
                        [](const Work& work) { return work.urgent; });
  works_ = std::move(works);
  CountDamaged();
  if (walk_.number == 0) return {};
  // A walk goes on only for what it began for, and not before an urgent one.
  bool listed =
      std::any_of(works_.begin(), works_.end(), [&](const Work& work) {
        return work.institution == walk_.work.institution &&
               work.active == walk_.work.active;
      });
  const Work* next = NextWork();
  bool overtaken = next != nullptr && next->urgent && !walk_.work.urgent;
  if (!listed || overtaken) walk_ = {};
  return {};
}

void Upkeep::Adopt(const store::VaultId& vault) {
  walk_ = {};
  to_settle_.clear();
  DropChunks();
  works_.clear();
  CountDamaged();
  base::Status adopted = store_.Adopt(vault, *adopt_);
  if (!adopted.ok() && adopted.error().code == Code::kUnreachable) {
    // Neither yes nor no: the keeper, not answered, names it again.
    LogError("the restored store is in place and not yet in force",
             adopted.error());
    adopt_.reset();
    work_due_ = clock_.BootMilliseconds() + kAdoptAgain;
    return;
  }
  if (adopted.ok()) {
    ++adoptions_;
    Log("the restored store is in force");
  } else {
    LogError("the restored store is not in force", adopted.error());
  }
  keeper_.Ask(wire::Op::kAdopted, wire::AdoptedItem{*adopt_, adopted.ok()},
              {0, steps_.nobody, 0});
  adopt_.reset();
}

// What was asked is answered all the same; nothing is written of it.
void Upkeep::DropChunks() {
  for (RewrapChunk& chunk : chunks_) {
    if (chunk.state() == State::kAnswered) chunk.Free();
    chunk.walk = 0;
  }
}

void Upkeep::CountDamaged() {
  metrics_.rewrap_damaged = 0;
  for (const Work& work : works_) metrics_.rewrap_damaged += work.damaged;
}

// --- Walks -------------------------------------------------------------------

Upkeep::Work* Upkeep::NextWork() {
  uint64_t now = clock_.BootMilliseconds();
  for (Work& work : works_) {
    if (work.not_before <= now) return &work;
  }
  return nullptr;
}
const Upkeep::Work* Upkeep::NextWork() const {
  return const_cast<Upkeep*>(this)->NextWork();
}

void Upkeep::BeginWalk() {
  const Work* next = NextWork();
  if (next == nullptr) return;
  if (chunks_.empty()) chunks_.resize(kChunks);
  walk_ = {};
  walk_.number = ++walks_;
  walk_.work = *next;
}

size_t Upkeep::CountChunks(State state) const {
  return static_cast<size_t>(std::count_if(
      chunks_.begin(), chunks_.end(),
      [&](const RewrapChunk& chunk) { return chunk.state() == state; }));
}

RewrapChunk* Upkeep::FreeChunk() {
  for (RewrapChunk& chunk : chunks_) {
    if (chunk.state() == State::kFree) return &chunk;
  }
  return nullptr;
}

bool Upkeep::MayRead(bool callers) const {
  return walk_.number != 0 && !walk_.at_end &&
         keeper_.backlog() <= PaceOf(callers).backlog &&
         CountChunks(State::kAsked) < PaceOf(callers).in_flight &&
         CountChunks(State::kFree) > 0;
}

// Reads until there is a chunk to send: at most one, so that each is a batch.
void Upkeep::GoOn(bool callers) {
  if (!MayRead(callers)) return;
  const Pace& pace = PaceOf(callers);
  RewrapChunk& chunk = *FreeChunk();
  for (size_t read = 0; read < pace.read && !walk_.at_end; read += pace.rows) {
    base::Status status = chunk.Read(store_, walk_.work.institution,
                                     walk_.after, pace.rows, walk_.work.active);
    if (!status.ok()) {
      walk_.at_end = walk_.failed = true;
      return;
    }
    if (chunk.read() > 0) walk_.after = chunk.last_link();
    walk_.at_end = chunk.last();
    Note(chunk);
    if (chunk.picked() == 0) continue;
    chunk.walk = walk_.number;
    chunk.Ask(keeper_, static_cast<uint32_t>(&chunk - chunks_.data()),
              steps_.rewrap);
    return;
  }
}

void Upkeep::Note(const RewrapChunk& chunk) {
  walk_.unreadable += chunk.unreadable();
  for (size_t i = 0; i < chunk.picked(); ++i) {
    const wire::KeyId& kek = chunk.kek(i);
    if (!walk_.met.empty() && walk_.met.back() == kek) continue;
    if (!Contains(walk_.met, kek)) walk_.met.push_back(kek);
  }
}

base::Status Upkeep::OnRewrap(const KeeperAnswer& answer) {
  RewrapChunk& chunk = chunks_[answer.to.exchange];
  COFFER_TRY(chunk.Take(answer));
  if (chunk.state() != State::kAnswered) return {};
  if (chunk.walk == 0) {
    chunk.Free();
    return {};
  }
  chunk.Divert([this](const wire::LinkId& link) { return IsToBury(link); });
  for (const wire::LinkId& link : chunk.to_settle()) {
    to_settle_.push_back(link);
  }
  return {};
}

// A link that was erased and whose record is still here: what is kept of its
// consent is asked for first. Where a write waits for room, so does this one.
bool Upkeep::IsToBury(const wire::LinkId& link) {
  auto stored = store_.GetLink(link, false);
  if (!stored.ok() || !stored->found()) return false;
  if (retries_.size() > 0) return true;
  sweep_.Add(link);
  ++metrics_.swept;
  ++walk_.settled;
  return true;
}

bool Upkeep::CommitDue(bool callers) const {
  size_t answered = CountChunks(State::kAnswered);
  if (answered == 0) return false;
  return answered >= PaceOf(callers).commit || CountChunks(State::kAsked) == 0;
}

void Upkeep::Commit(bool callers) {
  if (!CommitDue(callers)) return;
  RewrapOutcome all;
  RewrapOutcome walk;
  base::Status status =
      store_.Commit([&](store::WriteBatch& batch) -> base::Status {
        for (RewrapChunk& chunk : chunks_) {
          if (chunk.state() != State::kAnswered) continue;
          RewrapOutcome one;
          COFFER_TRY(chunk.Write(batch, one));
          all.rewrapped += one.rewrapped;
          all.swept += one.swept;
          if (chunk.walk != walk_.number) continue;
          walk.rewrapped += one.rewrapped;
          walk.swept += one.swept;
          walk.damaged += one.damaged;
        }
        return {};
      });
  metrics_.CountCommit(all.rewrapped + all.swept, status.ok());
  for (RewrapChunk& chunk : chunks_) {
    if (chunk.state() == State::kAnswered) chunk.Free();
  }
  if (!status.ok()) {
    walk_.failed = true;
    return;
  }
  metrics_.rewrapped += all.rewrapped;
  metrics_.swept += all.swept;
  walk_.outcome.rewrapped += walk.rewrapped;
  walk_.outcome.swept += walk.swept;
  walk_.outcome.damaged += walk.damaged;
}

bool Upkeep::WalkUnderWay() const {
  return !walk_.at_end || CountChunks(State::kFree) < chunks_.size() ||
         settling_ > 0 || !to_settle_.empty() || sweep_.held() > 0;
}

void Upkeep::FinishWalk() {
  Walk walk = std::move(walk_);
  walk_ = {};
  auto work = std::find_if(works_.begin(), works_.end(), [&](const Work& one) {
    return one.institution == walk.work.institution &&
           one.active == walk.work.active;
  });
  if (work == works_.end()) return;
  bool changed = walk.outcome.rewrapped + walk.outcome.swept + walk.settled > 0;
  work->damaged = walk.outcome.damaged + walk.unreadable;
  CountDamaged();
  // A walk that failed saw less than all, a wrap that cannot be read may be
  // under any of them, and a settled record was perhaps written behind it.
  if (!walk.failed && walk.unreadable == 0 && walk.settled == 0) {
    for (const wire::KeyId& kek : walk.work.old) {
      if (Contains(walk.met, kek) || retries_.Holds(kek)) continue;
      keeper_.Ask(wire::Op::kDrained, wire::DrainedItem{work->institution, kek},
                  {0, steps_.nobody, 0});
      work_due_ = 0;  // to hear what is left then
    }
  }
  if (changed && !walk.failed) {
    work->idle_walks = 0;
    work_due_ = 0;  // to say what is left now
    return;
  }
  work->not_before = clock_.BootMilliseconds() +
                     (kIdlePause << std::min(work->idle_walks, kIdleDoublings));
  ++work->idle_walks;
}

// --- Kills that the store never got ------------------------------------------

void Upkeep::AskSettle() {
  while (!to_settle_.empty() && settling_ < kSettleAtOnce) {
    wire::LinkId link = to_settle_.front();
    to_settle_.pop_front();
    auto stored = store_.GetLink(link, false);
    if (!stored.ok() || !stored->found()) continue;
    wire::SettleItem item{link, {stored->head, stored->wrap, {}}};
    keeper_.Ask(wire::Op::kSettle, item, {0, steps_.settle, 0});
    ++settling_;
  }
}

base::Result<std::optional<StoreWrite>> Upkeep::OnSettle(
    const KeeperAnswer& answer) {
  --settling_;
  if (answer.header.rule != wire::Rule::kAllowed) {
    return std::optional<StoreWrite>();
  }
  wire::SettleAnswer settled;
  answer.fields->Struct(settled);
  if (answer.fields->failed()) {
    return Fail(Code::kInvalid, "a malformed record");
  }
  ++walk_.settled;
  return std::optional<StoreWrite>(
      StoreWrite::Put(settled, answer.header.leaf));
}

// --- When --------------------------------------------------------------------

uint64_t Upkeep::Delay(uint64_t most, bool callers) const {
  uint64_t now = clock_.BootMilliseconds();
  auto until = [&](uint64_t at) { return at > now ? at - now : 0; };
  if (!work_asked_) most = std::min(most, until(work_due_));
  if (adopt_ || MayRead(callers) || CommitDue(callers)) return 0;
  if (!to_settle_.empty() && settling_ < kSettleAtOnce) return 0;
  if (walk_.number != 0) return WalkUnderWay() ? most : 0;
  if (work_asked_) return most;
  for (const Work& work : works_) {
    most = std::min(most, until(work.not_before));
  }
  return most;
}

}  // namespace coffer::gate
