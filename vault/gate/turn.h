// One turn of the gate's loop, between what was read and what is written:
// requests become items of one batch to the keeper, its answers become store
// writes of one commit, and these become replies. Runs in the gate. Refuses to
// serve before the store and the keeper were found to belong together.
#pragma once

#include <memory>
#include <vector>

#include "crypto/base/clock.h"
#include "vault/gate/exchange.h"
#include "vault/gate/expiry_sweep.h"
#include "vault/gate/http.h"
#include "vault/gate/keeper_client.h"
#include "vault/gate/metrics.h"
#include "vault/gate/retry_queue.h"
#include "vault/gate/upkeep.h"
#include "vault/gate/uses.h"

namespace coffer::gate {

// A record as the store has it, with its views.
struct FetchedLink {
  store::LinkBytes bytes;
  wire::StoredLink view() const {
    return {bytes.head, bytes.wrap, bytes.token_box};
  }
};

class Turn {
 public:
  // Borrows all four.
  Turn(KeeperClient& keeper, store::Store& store, base::Clock& clock,
       Metrics& metrics);

  // --- For the server --------------------------------------------------------
  // A fresh exchange from the pool.
  Exchange& NewExchange();
  // Gives a finished exchange back; it is used again when no answer names it.
  void Release(Exchange& exchange);
  // Runs the first step; all it needs of the request is taken or copied.
  void Start(Exchange& exchange, const HttpRequest& request,
             const RouteMatch& match);
  // Reads the answers that are there and runs their steps. kInvalid and
  // kUnreachable end the gate.
  base::Status TakeAnswers();
  // Commits the turn's writes, and the retries that are due, in one
  // transaction, and runs their steps.
  void CommitWrites();
  bool has_writes() const { return !writes_.empty(); }
  // What the keeper wants done in the background: ask, Send, then commit.
  void AskUpkeep();
  void CommitUpkeep();
  // Sends the batch, as far as the channel takes it.
  base::Status Send() { return keeper_.Send(); }
  // Exchanges that finished since the last call.
  std::vector<Exchange*>& finished() { return finished_; }
  // Requests that are begun and not yet forgotten.
  size_t in_progress() const { return exchanges_.size() - free_.size(); }
  // Milliseconds until a retry or the upkeep is due, at most `most`.
  uint64_t Delay(uint64_t most) const;
  // Begins nothing more in the background.
  void Stop() { stopped_ = true; }

  // --- The vault's state -----------------------------------------------------
  // True when callers are served.
  bool operational() const;
  // What callers are told when they are not.
  wire::VaultState state() const;
  // Asks the keeper for its state, at most once a batch. Returns a number that
  // status_answered() reaches when the answer is there.
  uint64_t AskStatus();
  uint64_t status_answered() const { return status_answered_; }
  const wire::StatusAnswer& status() const { return status_; }
  // The keeper's clock, as of the last status and the time since.
  uint64_t VaultNow() const {
    return status_.now + (clock_.BootMilliseconds() - status_at_) / 1000;
  }

  // --- For the steps ---------------------------------------------------------
  template <typename Item>
  void Ask(Exchange& exchange, Step step, wire::Op op, const Item& item,
           uint16_t index = 0) {
    ++exchange.outstanding;
    keeper_.Ask(op, item, {exchange.slot, static_cast<uint16_t>(step), index});
  }
  // Tells the keeper that a write was not made.
  void AskNotCommitted(const wire::LinkId& link, uint64_t leaf);
  // Adds a write to this turn's commit; `exchange` runs OnWritten after it.
  void Write(Exchange& exchange, StoreWrite write);
  // A write that follows a kill: nobody waits for it, and it is retried.
  void WriteKill(StoreWrite write);
  // The same of an erased link, once the keeper has said what is kept of it.
  void Bury(const wire::LinkId& link) { sweep_.Add(link); }
  bool IsErased(const wire::LinkId& link) const { return sweep_.Holds(link); }
  // False when the exchange was finished with a problem.
  bool Fetch(Exchange& exchange, const wire::LinkId& link, bool with_token_box,
             FetchedLink& out);
  // kDamaged or kIo as a problem.
  base::Result<FetchedLink> Fetch(const wire::LinkId& link,
                                  bool with_token_box);
  store::Store& store() { return store_; }
  base::Clock& clock() { return clock_; }
  Metrics& metrics() { return metrics_; }
  const RetryQueue& retries() const { return retries_; }
  const KeeperClient& keeper() const { return keeper_; }
  // The exchange goes on with OnUsesDerived.
  void AwaitUses(Exchange& exchange, uint64_t to);
  bool uses_derived(uint64_t to) const { return uses_.derived(to); }
  // False when the key is in use by another request under way.
  bool HoldIdempotency(Exchange& exchange);
  // The store's count, looked up at most once a second.
  uint64_t LinkCount();

  void Finish(Exchange& exchange, uint16_t status,
              std::string_view content_type = api::kJsonType);
  void FinishProblem(Exchange& exchange, const api::Problem& problem,
                     uint64_t leaf = wire::kNoLeaf);

 private:
  base::Status TakeStatus(base::Decoder& fields);
  base::Status CheckStoreIdentity();
  void RunWritten(StoreWrite& write, bool committed);
  base::Status TakeUpkeep(const KeeperAnswer& answer);
  bool callers_active() const;
  void WatchState();
  void GoOnWithUses();

  KeeperClient& keeper_;
  store::Store& store_;
  base::Clock& clock_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> free_;
  std::vector<Exchange*> finished_;
  std::vector<StoreWrite> writes_;
  std::vector<Exchange*> holding_;  // an Idempotency-Key
  RetryQueue retries_;
  ExpirySweep sweep_;
  Upkeep upkeep_;
  Uses uses_;
  uint64_t started_at_ = 0;  // the last request, milliseconds of the boot clock
  bool stopped_ = false;

  wire::StatusAnswer status_;
  uint64_t status_at_ = 0;  // milliseconds of the boot clock
  uint64_t status_asked_ = 0;
  uint64_t status_answered_ = 0;
  uint64_t status_asked_at_batch_ = 0;
  uint64_t state_due_ = 0;  // milliseconds of the boot clock
  bool identity_checked_ = false;
  uint64_t links_ = 0;
  uint64_t links_counted_at_ = 0;
  uint64_t swept_at_ = 0;
};

}  // namespace coffer::gate
