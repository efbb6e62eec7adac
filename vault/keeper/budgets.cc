#include "vault/keeper/budgets.h"

#include <algorithm>

#include "crypto/kdf.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::Status;
using wire::BudgetWindow;
using wire::Rule;

namespace {

constexpr size_t kHour = 0, kDay = 1;  // places in Row's arrays
constexpr uint32_t kHoursOf[kBudgetWindows] = {1, 24};
constexpr uint64_t kThousand = 1000;  // milliseconds, and parts of a token

uint32_t HourOf(uint64_t now) { return static_cast<uint32_t>(now / 3600); }
uint32_t WindowOf(size_t window, uint32_t hour) {
  return hour / kHoursOf[window];
}
BudgetWindow KindOf(size_t window) {
  return window == kHour ? BudgetWindow::kHour : BudgetWindow::kDay;
}
Rule RuleOf(size_t window) {
  return window == kHour ? Rule::kBudgetLinksHour : Rule::kBudgetLinksDay;
}
uint32_t LimitOf(const wire::BudgetLimits& limits, size_t window) {
  return window == kHour ? limits.links_per_hour : limits.links_per_day;
}

wire::BrakeId IdOf(const base::ByteArray<16>& tag, size_t window) {
  const uint8_t kind = static_cast<uint8_t>(KindOf(window));
  base::ByteArray<16> hash;
  crypto::Hash(hash, "coffer brake id", {tag, base::Bytes(&kind, 1)});
  wire::BrakeId id;
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

// What both say of one window; a later window has begun anew.
void Merge(BrakeState& held, const BrakeState& other) {
  if (other.window < held.window) return;
  if (other.window > held.window) {
    held = other;
    return;
  }
  held.releases = std::max(held.releases, other.releases);
  held.counted = std::max(held.counted, other.counted);
  held.tripped_at = std::max(held.tripped_at, other.tripped_at);
}

}  // namespace

Budgets::Budgets()
    : rows_(new Row[kBudgetRowsMax]), next_(new Next[base::kBudgetsMax]) {
  Clear();
}

void Budgets::Clear() {
  table_.Clear();
  std::fill_n(rows_.get(), rows_size_, Row{});
  rows_size_ = next_size_ = 0;
  std::fill_n(&places_[0][0], base::kCallersMax * base::kPurposesMax, kNone);
  hour_ = reclaimed_hour_ = 0;
}

// --- Rows

// Linear: asked for at a policy's load and at replay only.
uint16_t Budgets::FindRow(const Tag& tag) const {
  for (size_t i = 0; i < rows_size_; ++i) {
    if (rows_[i].used && rows_[i].tag == tag) return static_cast<uint16_t>(i);
  }
  return kNone;
}

// Nothing is known of it that a new one would not know.
bool Budgets::IsFree(const Row& row) const {
  if (!row.used) return true;
  if (row.bound || row.entries != 0) return false;
  for (size_t window = 0; window < kBudgetWindows; ++window) {
    const BrakeState& brake = row.brakes[window].state;
    if (brake.window >= WindowOf(window, hour_)) return false;
  }
  return true;
}

uint16_t Budgets::AddRow(const Tag& tag) {
  size_t place = 0;
  while (place < rows_size_ && !IsFree(rows_[place])) ++place;
  if (place == kBudgetRowsMax) return kNone;
  rows_size_ = std::max(rows_size_, place + 1);
  rows_[place] = Row{};
  rows_[place].tag = tag;
  rows_[place].used = true;
  return static_cast<uint16_t>(place);
}

// --- Policy

bool Budgets::IsNext(const Tag& tag) const {
  for (size_t i = 0; i < next_size_; ++i) {
    if (next_[i].tag == tag) return true;
  }
  return false;
}

Status Budgets::Prepare(const wire::Policy& policy,
                        const crypto::IndexKey& index_key, uint64_t now) {
  Advance(HourOf(now));
  next_size_ = 0;
  for (const wire::IssueRule& rule : policy.rules) {
    Next next;
    next.limits = BudgetOf(policy, rule.caller, rule.purpose);
    if (!next.limits.any()) continue;
    next.caller = rule.caller;
    next.purpose = rule.purpose;
    crypto::KeyedHash(
        next.tag, index_key, "coffer budget",
        {base::AsBytes(policy.callers[rule.caller].name.view()),
         base::AsBytes(policy.purposes[rule.purpose].name.view())});
    if (!IsNext(next.tag)) next_[next_size_++] = next;
  }
  size_t fresh = 0;
  for (size_t i = 0; i < next_size_; ++i) {
    fresh += FindRow(next_[i].tag) == kNone;
  }
  // What the policy in force has and the next one has not is free, too, where
  // nothing was counted.
  size_t room = kBudgetRowsMax - rows_size_;
  for (size_t i = 0; i < rows_size_; ++i) {
    Row row = rows_[i];
    row.bound = row.used && IsNext(row.tag);
    room += IsFree(row);
  }
  if (fresh > room) {
    return Fail(Code::kFull,
                "too many budgets of names that are gone still count; load "
                "this policy after midnight UTC");
  }
  return {};
}

void Budgets::Bind(uint64_t boot_milliseconds) {
  std::fill_n(&places_[0][0], base::kCallersMax * base::kPurposesMax, kNone);
  for (size_t i = 0; i < rows_size_; ++i) {
    rows_[i].bound = rows_[i].used && IsNext(rows_[i].tag);
  }
  for (size_t i = 0; i < next_size_; ++i) {
    const Next& next = next_[i];
    uint16_t place = FindRow(next.tag);
    if (place == kNone) {
      place = AddRow(next.tag);
      COFFER_CHECK(place != kNone);
    }
    Row& row = rows_[place];
    // A bucket of another size begins empty.
    if (row.limits.tokens_per_second != next.limits.tokens_per_second) {
      row.level = 0;
      row.filled_at = boot_milliseconds;
    }
    row.bound = true;
    row.caller = next.caller;
    row.purpose = next.purpose;
    row.limits = next.limits;
    places_[next.caller][next.purpose] = place;
  }
}

// --- Counting

bool Budgets::IsStale(const Entry& entry) const {
  const Row& row = rows_[entry.row];
  const bool of_hour = row.bound && row.limits.links_per_day == 0;
  return of_hour ? entry.hour < hour_ : entry.hour / 24 < hour_ / 24;
}

void Budgets::Reclaim() {
  reclaimed_hour_ = hour_;
  table_.RemoveIf([&](const Entry& entry) {
    if (!IsStale(entry)) return false;
    --rows_[entry.row].entries;
    return true;
  });
}

void Budgets::Advance(uint32_t hour) {
  const bool new_day = hour / 24 > hour_ / 24;
  hour_ = std::max(hour_, hour);
  if (new_day) Reclaim();
}

void Budgets::Roll(Row& row, uint32_t hour) {
  if (hour <= row.hour) return;
  row.counted[kHour] = 0;
  if (hour / 24 != row.hour / 24) row.counted[kDay] = 0;
  row.hour = hour;
}

// In any order, so that a snapshot need not be sorted.
void Budgets::CountIn(Row& row, const Entry* before, uint32_t hour) {
  Roll(row, hour);
  for (size_t window = 0; window < kBudgetWindows; ++window) {
    const uint32_t now = WindowOf(window, row.hour);
    const bool counts = WindowOf(window, hour) == now;
    const bool did = before != nullptr && WindowOf(window, before->hour) == now;
    if (counts && !did) ++row.counted[window];
  }
}

// False when the table is full.
bool Budgets::Insert(const Tag& key, uint16_t row, uint32_t hour) {
  if (table_.size() == base::kBudgetLinksMax && hour_ > reclaimed_hour_) {
    Reclaim();
  }
  Entry entry;
  entry.key = key;
  entry.hour = hour;
  entry.row = row;
  if (!table_.Insert(entry)) return false;
  ++rows_[row].entries;
  CountIn(rows_[row], nullptr, hour);
  return true;
}

bool Budgets::HasToken(Row& row, uint64_t boot_milliseconds) const {
  const uint64_t rate = row.limits.tokens_per_second;
  if (rate == 0) return true;
  // A second fills it whole.
  const uint64_t passed =
      std::min(boot_milliseconds - row.filled_at, kThousand);
  row.level = std::min(row.level + passed * rate, rate * kThousand);
  row.filled_at = boot_milliseconds;
  return row.level >= kThousand;
}

bool Budgets::Refuses(const Row& row, size_t window, const Entry* entry,
                      uint32_t hour) const {
  const uint32_t limit = LimitOf(row.limits, window);
  const uint32_t now = WindowOf(window, hour);
  if (limit == 0) return false;
  if (entry != nullptr && WindowOf(window, entry->hour) == now) return false;
  const BrakeState& brake = row.brakes[window].state;
  const uint64_t times =
      brake.window == now ? uint64_t{1} + brake.releases : uint64_t{1};
  return row.counted[window] >= limit * times;
}

// The first refusal trips the brake, and so does the first after a release.
void Budgets::Refuse(Row& row, size_t window, uint64_t now, Spent& spent) {
  Brake& brake = row.brakes[window];
  const uint32_t current = WindowOf(window, row.hour);
  if (brake.state.window != current) {
    brake = Brake{};
    brake.state.window = current;
  }
  ++brake.refused;
  ++refusals_;
  spent.rule = RuleOf(window);
  const uint32_t counted = row.counted[window];
  if (counted <= brake.state.counted) return;
  brake.state.tripped_at = now;
  brake.state.counted = counted;
  spent.tripped = true;
  spent.brake = {row.tag, KindOf(window), brake.state};
}

Budgets::Spent Budgets::Spend(const Wish& wish) {
  Spent spent;
  const uint16_t place = places_[wish.caller][wish.purpose];
  if (place == kNone) return spent;
  Row& row = rows_[place];
  if (!HasToken(row, wish.boot_milliseconds)) {
    ++refusals_;
    spent.rule = Rule::kBudgetRate;
    return spent;
  }
  if (row.limits.counts_links()) {
    Advance(HourOf(wish.now));
    const uint32_t hour = hour_;
    Roll(row, hour);
    for (size_t i = 0; i < spent.count.key.size(); ++i) {
      spent.count.key[i] = wish.link[i] ^ row.tag[i];
    }
    Entry* entry = table_.Find(spent.count.key);
    // The longer window first: what it refuses, the next hour does, too.
    for (size_t window : {kDay, kHour}) {
      if (!Refuses(row, window, entry, hour)) continue;
      Refuse(row, window, wish.now, spent);
      return spent;
    }
    const size_t finest = row.limits.links_per_hour != 0 ? kHour : kDay;
    if (entry == nullptr && !Insert(spent.count.key, place, hour)) {
      ++refusals_;
      spent.rule = Rule::kBudgetLinksFull;
      return spent;
    }
    spent.counted = entry == nullptr ||
                    WindowOf(finest, entry->hour) < WindowOf(finest, hour);
    if (entry != nullptr && spent.counted) {
      CountIn(row, entry, hour);
      entry->hour = hour;
    }
    spent.count.tag = row.tag;
    spent.count.hour = hour;
  }
  if (row.limits.tokens_per_second != 0) row.level -= kThousand;
  return spent;
}

// --- Operators

bool Budgets::Holds(const Row& row, size_t window, uint32_t hour) const {
  const BrakeState& brake = row.brakes[window].state;
  // A brake is of a window only once it tripped in it.
  return row.bound && brake.window == WindowOf(window, hour) &&
         Refuses(row, window, nullptr, hour);
}

uint32_t Budgets::Holding(uint64_t now) const {
  uint32_t holding = 0;
  for (size_t i = 0; i < rows_size_; ++i) {
    for (size_t window = 0; window < kBudgetWindows; ++window) {
      holding += Holds(rows_[i], window, HourOf(now));
    }
  }
  return holding;
}

void Budgets::List(const wire::Policy& policy, uint64_t now, uint32_t from,
                   wire::BrakeListAnswer& answer) const {
  const size_t end = rows_size_ * kBudgetWindows;
  for (size_t at = from; at < end && answer.next == 0; ++at) {
    const Row& row = rows_[at / kBudgetWindows];
    const size_t window = at % kBudgetWindows;
    if (!Holds(row, window, HourOf(now))) continue;
    const Brake& brake = row.brakes[window];
    wire::BrakeRow told;
    told.id = IdOf(row.tag, window);
    told.caller = policy.callers[row.caller].name.view();
    told.purpose = policy.purposes[row.purpose].name.view();
    told.window = KindOf(window);
    told.limit = LimitOf(row.limits, window);
    told.releases = brake.state.releases;
    told.counted = row.counted[window];
    told.refused = brake.refused;
    told.tripped_at = brake.state.tripped_at;
    told.ends_at =
        (uint64_t{brake.state.window} + 1) * kHoursOf[window] * uint64_t{3600};
    if (!answer.rows.push_back(told)) answer.next = static_cast<uint32_t>(at);
  }
}

Status Budgets::Release(const wire::BrakeId& id, uint64_t now, Released& out) {
  for (size_t i = 0; i < rows_size_; ++i) {
    Row& row = rows_[i];
    for (size_t window = 0; window < kBudgetWindows; ++window) {
      if (!Holds(row, window, HourOf(now)) || IdOf(row.tag, window) != id) {
        continue;
      }
      // Once more its limit; more often where a policy lowered that meanwhile.
      do {
        ++row.brakes[window].state.releases;
      } while (Holds(row, window, HourOf(now)));
      out.caller = row.caller;
      out.purpose = row.purpose;
      out.counted = row.counted[window];
      out.brake = {row.tag, KindOf(window), row.brakes[window].state};
      return {};
    }
  }
  return Fail(Code::kNotFound,
              "no brake of that id holds now; see coffer brake list");
}

void Budgets::PutBack(uint64_t now) {
  const uint32_t hour = HourOf(now);
  hour_ = std::min(hour_, hour);
  reclaimed_hour_ = std::min(reclaimed_hour_, hour);
  for (size_t i = 0; i < rows_size_; ++i) {
    Row& row = rows_[i];
    row.hour = std::min(row.hour, hour);
    for (size_t window = 0; window < kBudgetWindows; ++window) {
      uint32_t& of_brake = row.brakes[window].state.window;
      of_brake = std::min(of_brake, WindowOf(window, hour));
      row.counted[window] = 0;
    }
  }
  for (Entry& entry : table_) {
    entry.hour = std::min(entry.hour, hour);
    CountIn(rows_[entry.row], nullptr, entry.hour);
  }
}

// --- State

void Budgets::Encode(base::Encoder& encoder, uint64_t now) const {
  const uint32_t hour = std::max(hour_, HourOf(now));
  auto lives = [&](const Entry& entry) { return entry.hour / 24 >= hour / 24; };
  uint16_t ordinals[kBudgetRowsMax];
  uint16_t rows = 0;
  for (size_t i = 0; i < rows_size_; ++i) {
    const Row& row = rows_[i];
    ordinals[i] = row.used ? rows++ : kNone;
  }
  encoder.Number(rows);
  for (size_t i = 0; i < rows_size_; ++i) {
    if (!rows_[i].used) continue;
    encoder.Fixed(rows_[i].tag);
    for (const Brake& brake : rows_[i].brakes) encoder.Struct(brake.state);
  }
  encoder.Number(static_cast<uint32_t>(
      std::count_if(table_.begin(), table_.end(), lives)));
  for (const Entry& entry : table_) {
    if (!lives(entry)) continue;
    encoder.Fixed(entry.key);
    encoder.Number(ordinals[entry.row]);
    encoder.Number(entry.hour);
  }
}

Status Budgets::Decode(base::Decoder& decoder) {
  const auto malformed = [] {
    return Fail(Code::kDamaged, "keeper.state: budgets are malformed");
  };
  uint16_t rows = 0;
  decoder.Number(rows);
  if (rows > kBudgetRowsMax) return malformed();
  uint16_t places[kBudgetRowsMax];
  for (uint16_t i = 0; i < rows; ++i) {
    Tag tag{};
    decoder.Fixed(tag);
    places[i] = FindRow(tag);
    if (places[i] == kNone) places[i] = AddRow(tag);
    if (decoder.failed() || places[i] == kNone) return malformed();
    Row& row = rows_[places[i]];
    for (Brake& brake : row.brakes) decoder.Struct(brake.state);
    // Not to be taken for free while the others are read.
    ++row.entries;
  }
  uint32_t count = 0;
  decoder.Number(count);
  for (uint32_t i = 0; i < count && !decoder.failed(); ++i) {
    Tag key{};
    uint16_t row = 0;
    uint32_t hour = 0;
    decoder.Fixed(key);
    decoder.Number(row);
    decoder.Number(hour);
    if (decoder.failed() || row >= rows || table_.Find(key) != nullptr ||
        !Insert(key, places[row], hour)) {
      return malformed();
    }
    hour_ = std::max(hour_, hour);
  }
  for (uint16_t i = 0; i < rows; ++i) --rows_[places[i]].entries;
  return decoder.failed() ? malformed() : Status();
}

Status Budgets::Replay(const BudgetCount& count) {
  Advance(count.hour);
  uint16_t place = FindRow(count.tag);
  if (place == kNone) place = AddRow(count.tag);
  if (place == kNone) {
    return Fail(Code::kFull, "journal: more budgets than the table holds");
  }
  Entry* entry = table_.Find(count.key);
  if (entry == nullptr) {
    if (Insert(count.key, place, count.hour)) return {};
    return Fail(Code::kFull, "journal: more counts than the table holds");
  }
  if (entry->hour >= count.hour) return {};
  CountIn(rows_[entry->row], entry, count.hour);
  entry->hour = count.hour;
  return {};
}

Status Budgets::Replay(const BrakeChange& change) {
  const bool known = change.window == BudgetWindow::kHour ||
                     change.window == BudgetWindow::kDay;
  if (!known) return Fail(Code::kInvalid, "journal: a change is malformed");
  uint16_t place = FindRow(change.tag);
  if (place == kNone) place = AddRow(change.tag);
  if (place == kNone) {
    return Fail(Code::kFull, "journal: more budgets than the table holds");
  }
  const size_t window = change.window == BudgetWindow::kHour ? kHour : kDay;
  Merge(rows_[place].brakes[window].state, change.state);
  return {};
}

}  // namespace coffer::keeper
