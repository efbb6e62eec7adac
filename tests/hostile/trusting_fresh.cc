// In the place of vault/keeper/fresh_once.cc, for one program that only a test
// starts: a keeper that trusts the gate to pass each sealed upload on once. The
// hostile gate has to catch it.
#include "vault/keeper/fresh_once.h"

namespace coffer::keeper {

FreshOnce::Item FreshOnce::ItemOf(base::Bytes, uint64_t issued_at) {
  return {{}, issued_at};
}

void FreshOnce::Begin(uint64_t) {}

bool FreshOnce::IsFresh(const Item&, uint64_t) const { return true; }

bool FreshOnce::HasRoom(bool, uint64_t) { return true; }

void FreshOnce::Use(const Item&) {}

}  // namespace coffer::keeper
