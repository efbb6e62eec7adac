// What is good once and for a short time: sealed uploads and signed consents,
// by a hash of their text, for base::kFreshSeconds after the `iat` in them.
// Runs in the keeper, in memory only: after an unseal nothing is good that was
// issued by the time of the newest that was used, which the vault keeps.
// Refuses what is older, what is from the future, and what was used.
#pragma once

#include "crypto/base/limits.h"
#include "vault/keeper/state_table.h"

namespace coffer::keeper {

// How far a maker's clock may be ahead of the vault's.
inline constexpr uint64_t kFreshAheadSeconds = base::kClockBackSecondsMax;

// Resource: about 1 MiB, made by the constructor. Times are seconds; `now`
// never falls but in Begin.
class FreshOnce {
 public:
  // One text, once its `iat` is known to be its maker's.
  struct Item {
    base::ByteArray<16> key;
    uint64_t issued_at;
  };
  static Item ItemOf(base::Bytes text, uint64_t issued_at);

  // At unseal: nothing made before `from` is good.
  void Begin(uint64_t from);
  bool IsFresh(const Item& item, uint64_t now) const;
  // Whether Use would find room. The last tenth is kept for kills.
  bool HasRoom(bool kill, uint64_t now);
  // Requires IsFresh and HasRoom.
  void Use(const Item& item);
  // `issued_at` of the newest that was used since Begin; 0: none.
  uint64_t newest() const { return newest_; }
  size_t size() const { return used_.size(); }

 private:
  StateTable<Item, base::kFreshUsedMax> used_;
  uint64_t from_ = 0;
  uint64_t newest_ = 0;
  uint64_t reclaimed_at_ = 0;
};

}  // namespace coffer::keeper
