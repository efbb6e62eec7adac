// Writes to the store, and the ones that follow a kill until they succeed. A
// kill holds from the keeper's answer on, whatever the store does; the write
// only tidies up. Runs in the gate. Keeps at most kRetriesMax: past that the
// oldest is let go, which costs room on disk and nothing else.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "vault/store/store.h"
#include "vault/wire/message.h"

namespace coffer::gate {

struct Exchange;

// Value, move-only by cost.
struct StoreWrite {
  enum class Kind : uint8_t { kPutLink, kEraseLink };

  Kind kind = Kind::kPutLink;
  wire::LinkId link{};
  uint32_t revision = 0;
  uint64_t leaf = wire::kNoLeaf;
  std::vector<uint8_t> head;
  std::vector<uint8_t> wrap;
  std::vector<uint8_t> token_box;
  std::vector<uint8_t> history;  // what is kept of a consent; or empty
  bool with_idempotency = false;
  store::IdempotencyHash idempotency{};
  store::IdempotencyEntry entry;
  Exchange* exchange = nullptr;  // null: a kill's
  uint32_t failures = 0;
  uint64_t due_at = 0;  // milliseconds of the boot clock

  static StoreWrite Put(const wire::NewRecord& record, uint64_t leaf);
  static StoreWrite Erase(const wire::LinkId& link);
};

class RetryQueue {
 public:
  static constexpr size_t kRetriesMax = 8192;
  static constexpr uint64_t kFirstDelay = 100;   // milliseconds, doubling
  static constexpr uint64_t kDelayMax = 10'000;  // milliseconds

  // Takes a failed write; a later one of the same link replaces it.
  void Add(StoreWrite write, uint64_t now);
  // A newer write of this link is on its way.
  void Forget(const wire::LinkId& link);
  // Moves at most `most` writes that are due to the end of `out`.
  void TakeDue(uint64_t now, size_t most, std::vector<StoreWrite>& out);
  // Milliseconds until the first is due, at most `most`.
  uint64_t Delay(uint64_t now, uint64_t most) const;
  // Whether one of them has a wrap under this KEK.
  bool Holds(const wire::KeyId& kek) const;
  size_t size() const { return writes_.size(); }

 private:
  std::deque<StoreWrite> writes_;
};

}  // namespace coffer::gate
