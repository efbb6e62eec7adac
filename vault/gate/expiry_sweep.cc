#include "vault/gate/expiry_sweep.h"

#include <algorithm>

namespace coffer::gate {

using wire::Rule;

namespace {

// 2,000 links a second at most; 250 while callers are served.
constexpr uint64_t kStepMilliseconds = 32;
constexpr size_t kStepLinks = 64;
constexpr size_t kStepLinksWithCallers = 8;
constexpr uint64_t kRoundMilliseconds = 10'000;

// Of the moment or of policy's time, not of this link.
bool EndsRound(Rule rule) {
  switch (rule) {
    case Rule::kSealed:
    case Rule::kClock:
    case Rule::kNotEnded:
    case Rule::kFloorsFull:
    case Rule::kJournalFull:
      return true;
    default:
      return false;
  }
}

}  // namespace

ExpirySweep::ExpirySweep(KeeperClient& keeper, store::Store& store,
                         base::Clock& clock, Metrics& metrics, uint16_t step)
    : keeper_(keeper),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      step_(step) {}

// False when there is nothing to ask about.
bool ExpirySweep::AskOne(const wire::LinkId& link, bool erased) {
  auto stored = store_.GetLink(link, false);
  if (!stored.ok() || !stored->found()) {
    // What cannot be read is not buried; an erased one goes all the same.
    if (erased) {
      held_.erase(link);
      writes_.push_back(StoreWrite::Erase(link));
    }
    return false;
  }
  auto place = std::find_if(asked_.begin(), asked_.end(),
                            [](const Asked& one) { return !one.used; });
  COFFER_CHECK(place != asked_.end());
  *place = {true, erased, link};
  ++(erased ? erased_asked_ : expired_asked_);
  wire::BuryItem item{link, {stored->head, stored->wrap, {}}};
  keeper_.Ask(wire::Op::kBury, item,
              {static_cast<uint32_t>(place - asked_.begin()), step_, 0});
  return true;
}

void ExpirySweep::Ask(bool callers) {
  while (!erased_.empty() && erased_asked_ + expired_asked_ < kAtOnce) {
    const wire::LinkId link = erased_.front();
    erased_.pop_front();
    AskOne(link, true);
  }
  if (held_.empty() && expired_asked_ == 0 && keeper_.backlog() == 0 &&
      clock_.BootMilliseconds() >= due_) {
    AskExpired(callers);
  }
}

void ExpirySweep::AskExpired(bool callers) {
  const size_t most = callers ? kStepLinksWithCallers : kStepLinks;
  due_ = clock_.BootMilliseconds() + kStepMilliseconds;
  auto page = store_.ExpiredLinks(clock_.WallSeconds(), after_, most);
  if (!page.ok()) return EndRound();
  for (const store::ExpiredLink& one : *page) AskOne(one.link, false);
  if (page->size() < most) return EndRound();
  after_ = page->back();
}

void ExpirySweep::EndRound() {
  after_ = {};
  due_ = clock_.BootMilliseconds() + kRoundMilliseconds;
}

base::Status ExpirySweep::OnBury(const KeeperAnswer& answer) {
  Asked& asked = asked_[answer.to.exchange];
  COFFER_CHECK(asked.used);
  const Asked one = asked;
  asked.used = false;
  --(one.erased ? erased_asked_ : expired_asked_);
  if (one.erased) held_.erase(one.link);
  const Rule rule = answer.header.rule;
  if (rule == Rule::kAllowed) {
    wire::BuryAnswer buried;
    answer.fields->Struct(buried);
    if (answer.fields->failed()) {
      return base::Fail(base::Code::kInvalid, "a malformed burial");
    }
    StoreWrite write = StoreWrite::Erase(one.link);
    write.history.assign(buried.history.begin(), buried.history.end());
    writes_.push_back(std::move(write));
    if (!one.erased) ++metrics_.expired;
    return {};
  }
  if (!one.erased) {
    if (EndsRound(rule)) EndRound();
    return {};
  }
  // Nothing is kept of what opens no more; what only has to wait is dead, and
  // the next rotation's walk meets it.
  if (!EndsRound(rule)) writes_.push_back(StoreWrite::Erase(one.link));
  return {};
}

std::vector<StoreWrite> ExpirySweep::TakeWrites() {
  return std::exchange(writes_, {});
}

uint64_t ExpirySweep::Delay(uint64_t most) const {
  if (!writes_.empty()) return 0;
  if (!erased_.empty() && erased_asked_ + expired_asked_ < kAtOnce) return 0;
  if (!held_.empty() || expired_asked_ > 0) return most;
  const uint64_t now = clock_.BootMilliseconds();
  return std::min(most, due_ > now ? due_ - now : 0);
}

}  // namespace coffer::gate
