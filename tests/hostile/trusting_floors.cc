// In the place of vault/keeper/floors.cc, for one program that only a test
// starts: a keeper that trusts the gate to show what is newest, and so keeps no
// floor. The hostile gate has to catch it.
#include "vault/keeper/floors.h"

namespace coffer::keeper {

bool IsFloorKind(uint8_t number) {
  return number >= static_cast<uint8_t>(FloorKind::kRevision) &&
         number <= static_cast<uint8_t>(FloorKind::kTokens);
}

bool Floors::CanRaise(const base::ByteArray<16>&, bool) const { return true; }

bool Floors::Raise(const Floor&, bool) { return true; }

size_t Floors::Drop(const OldestKeks&, uint64_t) { return 0; }

void Floors::CountFinal(const OldestKeks&, ErasureCounts& counts) const {
  counts.fill(0);
}

void Floors::FirstErasures(const OldestKeks&, ErasureTimes& first) const {
  first.fill(0);
}

}  // namespace coffer::keeper
