// A stretch of an institution's wraps on its way to the keeper and back: what
// was read of the store, which of it was sent, the verdicts, and the writes
// that follow from them. Runs in the gate. Decides nothing: the verdicts are
// the keeper's, and a wrap that changed meanwhile is left alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/gate/keeper_client.h"
#include "vault/store/store.h"

namespace coffer::gate {

// What became of the wraps of a chunk.
struct RewrapOutcome {
  uint64_t rewrapped = 0;
  uint64_t swept = 0;
  uint64_t damaged = 0;  // left as they are
};

// Resource, pooled: keeps its room.
class RewrapChunk {
 public:
  enum class State : uint8_t { kFree, kAsked, kAnswered };

  // Reads at most `most` wraps after `after`, and picks those under another KEK
  // than `active`.
  base::Status Read(store::Store& store, std::string_view institution,
                    const wire::LinkId& after, size_t most,
                    const wire::KeyId& active);
  // Sends what was picked; the answers name `slot`.
  void Ask(KeeperClient& keeper, uint32_t slot, uint16_t step);
  // One item's answer; kInvalid when it does not fit what was sent.
  base::Status Take(const KeeperAnswer& answer);
  // Takes those out that a floor has erased and that go another way.
  void Divert(const std::function<bool(const wire::LinkId&)>& diverts);
  // The writes of what was answered.
  base::Status Write(store::WriteBatch& batch, RewrapOutcome& outcome);
  void Free() { state_ = State::kFree; }

  State state() const { return state_; }
  size_t read() const { return page_.count; }
  bool last() const { return page_.last; }
  const wire::LinkId& last_link() const {
    return page_.rows[page_.count - 1].link;
  }
  size_t picked() const { return picked_.size(); }
  const wire::KeyId& kek(size_t i) const { return picked_[i].kek; }
  // Wraps that nothing can be told of.
  size_t unreadable() const { return unreadable_; }
  // Links whose kill the store never got; taken once.
  std::vector<wire::LinkId>& to_settle() { return to_settle_; }

  uint64_t walk = 0;  // which it belongs to

 private:
  struct Picked {
    uint32_t row = 0;
    // A verdict about the moment, or it goes another way.
    bool left = false;
    wire::KeyId kek{};
    wire::RewrapResult result;
  };
  base::Status WriteOne(store::WriteBatch& batch, const Picked& picked,
                        RewrapOutcome& outcome) const;

  State state_ = State::kFree;
  store::WrapPage page_;
  std::string institution_;
  std::vector<Picked> picked_;
  std::vector<wire::LinkId> to_settle_;
  wire::KeyId target_{};
  size_t unreadable_ = 0;
  size_t items_left_ = 0;
  wire::RewrapItem item_;
  wire::RewrapAnswer answer_;
};

}  // namespace coffer::gate
