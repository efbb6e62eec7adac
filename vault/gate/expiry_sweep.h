// Has the keeper bury what has ended (wire/customer.h), and then erases it from
// the store with what is kept of its consent: links past their consent's date,
// by the store's table of expiries, and links that were erased. Runs in the
// gate, driven by its loop in small steps that yield to callers. Decides
// nothing: the keeper judges by the dates that it sealed itself.
#pragma once

#include <array>
#include <deque>
#include <set>
#include <vector>

#include "crypto/base/clock.h"
#include "vault/gate/keeper_client.h"
#include "vault/gate/metrics.h"
#include "vault/gate/retry_queue.h"

namespace coffer::gate {

class ExpirySweep {
 public:
  // `step`: which answers of the keeper are these. Borrows the rest.
  ExpirySweep(KeeperClient& keeper, store::Store& store, base::Clock& clock,
              Metrics& metrics, uint16_t step);

  // The keeper has erased it: before anything that has expired.
  void Add(const wire::LinkId& link) {
    if (held_.insert(link).second) erased_.push_back(link);
  }
  // Erased, and its write is still to come.
  bool Holds(const wire::LinkId& link) const { return held_.count(link) > 0; }
  void Ask(bool callers);
  base::Status OnBury(const KeeperAnswer& answer);
  // What is to be written since the last call; nobody waits for it.
  std::vector<StoreWrite> TakeWrites();
  size_t held() const { return held_.size(); }
  // Milliseconds until Ask has something to do, at most `most`.
  uint64_t Delay(uint64_t most) const;

 private:
  static constexpr size_t kAtOnce = 64;
  struct Asked {
    bool used = false;
    bool erased = false;
    wire::LinkId link{};
  };

  bool AskOne(const wire::LinkId& link, bool erased);
  void AskExpired(bool callers);
  void EndRound();

  KeeperClient& keeper_;
  store::Store& store_;
  base::Clock& clock_;
  Metrics& metrics_;
  const uint16_t step_;

  std::deque<wire::LinkId> erased_;
  std::array<Asked, kAtOnce> asked_{};
  size_t erased_asked_ = 0;
  size_t expired_asked_ = 0;
  std::set<wire::LinkId> held_;
  store::ExpiredLink after_;
  uint64_t due_ = 0;  // the next step of the sweep, milliseconds since boot
  std::vector<StoreWrite> writes_;
};

}  // namespace coffer::gate
