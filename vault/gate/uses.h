// Derives the store's `uses` of the audit leaves, off the path of requests: the
// gate's own copy of every leaf that names a link, under the link's tag of the
// day. Runs in the gate, driven by its loop in small steps that yield to
// callers. Rebuildable: what is derived and how far is committed together, and
// a store that has none, or is ahead of the journal, begins anew. Proves
// nothing: the leaves are the keeper's, this copy is the gate's.
#pragma once

#include <string>
#include <vector>

#include "crypto/base/clock.h"
#include "vault/gate/keeper_client.h"
#include "vault/gate/metrics.h"
#include "vault/store/store.h"

namespace coffer::gate {

class Uses {
 public:
  // `step`: which answers of the keeper are these. Borrows the rest.
  Uses(KeeperClient& keeper, store::Store& store, base::Clock& clock,
       Metrics& metrics, uint16_t step);

  // Asks for the leaves that are due.
  void Ask(bool callers);
  base::Status OnLeaves(const KeeperAnswer& answer);
  // Commits what was derived, when it is due.
  void Commit(bool callers);
  // The store is another one now.
  void Reload();
  // Milliseconds until Ask, Commit or TakeReady has something to do, at most
  // `most`.
  uint64_t Delay(uint64_t most, bool callers) const;

  // An exchange that goes on once all uses before leaf `to` are in the store,
  // or after a moment without.
  void Await(uint32_t exchange, uint64_t to);
  // One that may go on; false when there is none. `all`: nothing is derived any
  // more.
  bool TakeReady(bool all, uint32_t& exchange);
  bool derived(uint64_t to) const { return loaded_ && committed_ >= to; }

 private:
  struct Row {
    store::UseKey key;
    uint32_t at = 0;  // in bytes_
    uint32_t size = 0;
  };
  struct Waiter {
    uint32_t exchange;
    uint64_t to;
    uint64_t deadline;  // milliseconds of the boot clock
  };

  bool Load();
  base::Status Take(base::Bytes bytes);
  base::Status Write(store::WriteBatch& batch);
  bool CommitDue(bool callers) const;
  bool hurried() const;
  bool caught_up() const { return next_ >= end_; }
  uint64_t PullAt(bool callers) const;
  void CountBehind();

  KeeperClient& keeper_;
  store::Store& store_;
  base::Clock& clock_;
  Metrics& metrics_;
  const uint16_t step_;

  bool loaded_ = false;
  bool begins_anew_ = false;  // with the next commit
  uint64_t next_ = 0;         // the leaf to ask for
  uint64_t end_ = 0;          // the journal's, as last told
  uint64_t committed_ = 0;    // all uses before it are in the store
  uint64_t recorded_ = 0;     // and the store says so
  uint32_t newest_day_ = 0;   // of the leaves that were read
  std::vector<Row> rows_;     // derived, and not committed yet
  std::vector<uint8_t> bytes_;
  uint32_t round_ = 0;  // answers to an earlier one are dropped
  size_t asked_ = 0;    // answers still to come
  uint64_t pulled_at_ = 0;
  uint64_t committed_at_ = 0;
  uint64_t again_at_ = 0;  // after a failure
  bool failing_ = false;   // and the log says so
  std::vector<Waiter> waiters_;
};

}  // namespace coffer::gate
