#include "vault/gate/retry_queue.h"

#include <algorithm>

namespace coffer::gate {

StoreWrite StoreWrite::Put(const wire::NewRecord& record, uint64_t leaf) {
  StoreWrite write;
  write.link = record.link;
  write.revision = record.revision;
  write.leaf = leaf;
  const wire::StoredLink& stored = record.stored;
  write.head.assign(stored.head.begin(), stored.head.end());
  write.wrap.assign(stored.wrap.begin(), stored.wrap.end());
  write.token_box.assign(stored.token_box.begin(), stored.token_box.end());
  return write;
}

StoreWrite StoreWrite::Erase(const wire::LinkId& link) {
  StoreWrite write;
  write.kind = Kind::kEraseLink;
  write.link = link;
  return write;
}

void RetryQueue::Add(StoreWrite write, uint64_t now) {
  Forget(write.link);
  uint64_t delay = kDelayMax;
  if (write.failures < 7) delay = kFirstDelay << write.failures;
  ++write.failures;
  write.due_at = now + std::min(delay, kDelayMax);
  if (writes_.size() == kRetriesMax) writes_.pop_front();
  writes_.push_back(std::move(write));
}

void RetryQueue::Forget(const wire::LinkId& link) {
  std::erase_if(writes_,
                [&](const StoreWrite& write) { return write.link == link; });
}

bool RetryQueue::Holds(const wire::KeyId& kek) const {
  return std::any_of(writes_.begin(), writes_.end(),
                     [&](const StoreWrite& write) {
                       auto wrap = wire::DecodeWrap(write.wrap);
                       return wrap.ok() && wrap->kek == kek;
                     });
}

void RetryQueue::TakeDue(uint64_t now, size_t most,
                         std::vector<StoreWrite>& out) {
  for (size_t i = 0; i < writes_.size() && most > 0;) {
    if (writes_[i].due_at > now) {
      ++i;
      continue;
    }
    out.push_back(std::move(writes_[i]));
    writes_.erase(writes_.begin() + static_cast<std::ptrdiff_t>(i));
    --most;
  }
}

uint64_t RetryQueue::Delay(uint64_t now, uint64_t most) const {
  for (const StoreWrite& write : writes_) {
    most = std::min(most, write.due_at > now ? write.due_at - now : 0);
  }
  return most;
}

}  // namespace coffer::gate
