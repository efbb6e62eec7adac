#include "vault/keeper/fresh_once.h"

#include <algorithm>

#include "crypto/kdf.h"

namespace coffer::keeper {

FreshOnce::Item FreshOnce::ItemOf(base::Bytes text, uint64_t issued_at) {
  Item item{};
  crypto::Hash(item.key, "coffer fresh once", {text});
  item.issued_at = issued_at;
  return item;
}

void FreshOnce::Begin(uint64_t from) {
  used_.Clear();
  from_ = from;
  newest_ = reclaimed_at_ = 0;
}

bool FreshOnce::IsFresh(const Item& item, uint64_t now) const {
  return item.issued_at >= from_ &&
         item.issued_at <= now + kFreshAheadSeconds &&
         now <= item.issued_at + base::kFreshSeconds &&
         used_.Find(item.key) == nullptr;
}

bool FreshOnce::HasRoom(bool kill, uint64_t now) {
  const size_t most = kill ? base::kFreshUsedMax
                           : base::kFreshUsedMax - base::kFreshUsedMax / 10;
  // Times are whole seconds: a second pass within one finds nothing new.
  if (used_.size() >= most && now > reclaimed_at_) {
    reclaimed_at_ = now;
    used_.RemoveIf([&](const Item& item) {
      return now > item.issued_at + base::kFreshSeconds;
    });
  }
  return used_.size() < most;
}

void FreshOnce::Use(const Item& item) {
  COFFER_CHECK(used_.Insert(item));
  newest_ = std::max(newest_, item.issued_at);
}

}  // namespace coffer::keeper
