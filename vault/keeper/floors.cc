#include "vault/keeper/floors.h"

#include <algorithm>

namespace coffer::keeper {
namespace {

int Severity(FloorKind kind) {
  switch (kind) {
    case FloorKind::kTokens:
      return 1;
    case FloorKind::kRevision:
      return 2;
    case FloorKind::kRevoked:
    case FloorKind::kUsed:
      return 3;
    case FloorKind::kErased:
      return 4;
  }
  return 0;
}

// Whether `b` says what the merged floor is. Of two with one severity and one
// leaf the numbers decide. The order of merging can still say whether a link is
// revoked or used, where a replacement lies between the two: both open metadata
// only.
bool Prevails(const Floor& b, const Floor& a) {
  if (Severity(b.kind) != Severity(a.kind)) {
    return Severity(b.kind) > Severity(a.kind);
  }
  if (b.record_leaf != a.record_leaf) return b.record_leaf > a.record_leaf;
  if (b.kind != a.kind) return b.kind < a.kind;
  return b.reason > a.reason;
}

}  // namespace

bool IsFloorKind(uint8_t number) {
  return number >= static_cast<uint8_t>(FloorKind::kRevision) &&
         number <= static_cast<uint8_t>(FloorKind::kTokens);
}

bool Floors::CanRaise(const base::ByteArray<16>& key, bool kill) const {
  const size_t limit =
      kill ? base::kFloorsMax : base::kFloorsMax - base::kFloorsForKills;
  return table_.size() < limit || table_.Find(key) != nullptr;
}

bool Floors::Raise(const Floor& floor, bool kill) {
  if (Floor* held = table_.Find(floor.key); held != nullptr) {
    Count(*held, -1);
    if (Prevails(floor, *held)) {
      held->kind = floor.kind;
      held->reason = floor.reason;
    }
    if (floor.erased_at != 0 &&
        (held->erased_at == 0 || floor.erased_at < held->erased_at)) {
      held->erased_at = floor.erased_at;
    }
    held->record_leaf = std::max(held->record_leaf, floor.record_leaf);
    held->token_leaf = std::max(held->token_leaf, floor.token_leaf);
    held->set_leaf = std::max(held->set_leaf, floor.set_leaf);
    if (held->institution != floor.institution) held->institution = 0;
    Count(*held, 1);
    return true;
  }
  if (!CanRaise(floor.key, kill) || !table_.Insert(floor)) return false;
  Count(floor, 1);
  return true;
}

namespace {

bool IsFinal(const Floor& floor, const OldestKeks& oldest) {
  return floor.institution < oldest.size() &&
         oldest[floor.institution] > floor.set_leaf;
}

}  // namespace

size_t Floors::Drop(const OldestKeks& oldest, uint64_t token_horizon) {
  const size_t before = table_.size();
  table_.RemoveIf([&](const Floor& floor) {
    if (floor.kind != FloorKind::kErased && floor.token_leaf > token_horizon) {
      return false;
    }
    if (floor.kind != FloorKind::kTokens && !IsFinal(floor, oldest)) {
      return false;
    }
    Count(floor, -1);
    return true;
  });
  return before - table_.size();
}

void Floors::CountFinal(const OldestKeks& oldest, ErasureCounts& counts) const {
  counts.fill(0);
  for (const Floor& floor : table_) {
    if (floor.kind != FloorKind::kErased || !IsFinal(floor, oldest)) continue;
    ++counts[floor.institution];
  }
}

void Floors::FirstErasures(const OldestKeks& sealing,
                           ErasureTimes& first) const {
  first.fill(0);
  const auto note = [&](const Floor& floor, size_t place) {
    if (sealing[place] > floor.set_leaf) return;
    if (first[place] == 0 || floor.erased_at < first[place]) {
      first[place] = floor.erased_at;
    }
  };
  for (const Floor& floor : table_) {
    if (floor.kind != FloorKind::kErased) continue;
    if (floor.institution >= first.size()) continue;
    if (floor.institution != 0) {
      note(floor, floor.institution);
      continue;
    }
    for (size_t place = 1; place < first.size(); ++place) note(floor, place);
  }
}

uint32_t Floors::CountOverdue(const ErasureTimes& oldest,
                              uint64_t horizon_seconds, uint64_t now) const {
  uint32_t overdue = 0;
  for (const Floor& floor : table_) {
    if (floor.kind != FloorKind::kErased) continue;
    if (floor.institution >= oldest.size()) continue;
    const uint64_t since =
        std::max<uint64_t>(floor.erased_at, oldest[floor.institution]);
    overdue += now > since + horizon_seconds;
  }
  return overdue;
}

}  // namespace coffer::keeper
