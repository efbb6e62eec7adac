// Keeps the store in step with the keyring, in the background: asks the keeper
// what is to be done, walks the wraps of one institution after the other, has
// them rewrapped under the active KEK or erases those that are dead, and says
// when none is left. Runs in the gate, driven by its loop in small steps that
// yield to callers. Decides nothing: every verdict is the keeper's (upkeep.h in
// vault/wire), and a record that changed meanwhile is left alone.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "crypto/base/clock.h"
#include "vault/gate/expiry_sweep.h"
#include "vault/gate/metrics.h"
#include "vault/gate/retry_queue.h"
#include "vault/gate/rewrap_chunk.h"

namespace coffer::gate {

class Upkeep {
 public:
  // Which answers of the keeper are whose; the turn's steps.
  struct Steps {
    uint16_t nobody;
    uint16_t work;
    uint16_t rewrap;
    uint16_t settle;
  };
  // Borrows all but the last.
  Upkeep(KeeperClient& keeper, store::Store& store, base::Clock& clock,
         Metrics& metrics, const RetryQueue& retries, ExpirySweep& sweep,
         const Steps& steps);

  // Asks what is due. After the turn's commit, so that every write that the
  // keeper answered before it said what is to be done is in the store.
  // `callers`: some were here just now, so do little at once.
  void Ask(const store::VaultId& vault, bool callers);
  // Commits what was answered, when it is enough or nothing else is on its way.
  void Commit(bool callers);
  // How often another store was put in force.
  uint64_t adoptions() const { return adoptions_; }
  base::Status OnWork(const KeeperAnswer& answer);
  base::Status OnRewrap(const KeeperAnswer& answer);
  // The record to store, if the keeper gave one.
  base::Result<std::optional<StoreWrite>> OnSettle(const KeeperAnswer& answer);
  // Milliseconds until Ask or Commit has something to do, at most `most`.
  uint64_t Delay(uint64_t most, bool callers) const;

 private:
  // One row of the keeper's last answer.
  struct Work {
    std::string institution;
    wire::KeyId active{};
    bool urgent = false;
    std::vector<wire::KeyId> old;
    uint64_t not_before = 0;  // milliseconds of the boot clock
    uint32_t idle_walks = 0;  // in a row that changed nothing
    uint64_t damaged = 0;     // what the last walk left as it is
    bool Same(const wire::WorkRow& row) const;
  };
  struct Walk {
    uint64_t number = 0;  // 0: none
    Work work;            // as it was when the walk began
    wire::LinkId after{};
    bool at_end = false;
    bool failed = false;
    std::vector<wire::KeyId> met;  // KEKs other than the active one
    uint64_t unreadable = 0;
    uint64_t settled = 0;
    RewrapOutcome outcome;
  };

  void AskWork();
  void Adopt(const store::VaultId& vault);
  void BeginWalk();
  void GoOn(bool callers);
  void Note(const RewrapChunk& chunk);
  void AskSettle();
  bool IsToBury(const wire::LinkId& link);
  void FinishWalk();
  bool WalkUnderWay() const;
  bool MayRead(bool callers) const;
  bool CommitDue(bool callers) const;
  size_t CountChunks(RewrapChunk::State state) const;
  RewrapChunk* FreeChunk();
  Work* NextWork();
  const Work* NextWork() const;
  void DropChunks();
  void CountDamaged();

  static constexpr size_t kChunks = 12;

  KeeperClient& keeper_;
  store::Store& store_;
  base::Clock& clock_;
  Metrics& metrics_;
  const RetryQueue& retries_;
  ExpirySweep& sweep_;
  const Steps steps_;

  std::vector<Work> works_;  // urgent ones first
  bool work_asked_ = false;
  uint64_t work_due_ = 0;  // milliseconds of the boot clock
  wire::WorkItem work_item_;
  wire::WorkAnswer work_answer_;
  std::optional<store::StoreDigest> adopt_;
  uint64_t adoptions_ = 0;

  Walk walk_;
  uint64_t walks_ = 0;
  std::vector<RewrapChunk> chunks_;  // made with the first walk
  std::deque<wire::LinkId> to_settle_;
  size_t settling_ = 0;  // answers still to come
};

}  // namespace coffer::gate
