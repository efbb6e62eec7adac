// What each question of an operator does: one switch over the closed list. Runs
// in the keeper's main thread, only while no batch is under way. Refuses what
// awaits approval (quorum.h) before anything is changed.
#pragma once

#include <memory>

#include "vault/keeper/connections.h"
#include "vault/keeper/key_service.h"
#include "vault/keeper/quorum.h"
#include "vault/keeper/slot_service.h"
#include "vault/keeper/transfer.h"

namespace coffer::keeper {

struct CommandOutcome {
  wire::OperatorCode code = wire::OperatorCode::kDone;
  std::string_view message;
  size_t used = 0;  // bytes of encoded fields
};
CommandOutcome MalformedQuestion();

class OperatorCommands {
 public:
  OperatorCommands(Operation::Shared& shared, Journal& journal,
                   KeyService& keys, SlotService& slots, bool sandboxed);

  // Carries out one question from `uid`; its answer's fields go into `out`.
  CommandOutcome Handle(wire::OperatorOp op, Bytes body, uint32_t uid,
                        base::MutableBytes out);
  // An operation that awaited approval has expired: Settle says so in a leaf,
  // between batches.
  bool due() const { return quorum_.due(); }
  void Settle() { quorum_.Settle(); }
  // On every slow tick.
  void Tick();

 private:
  CommandOutcome Perform(wire::OperatorOp op, Bytes body, uint32_t uid,
                         base::MutableBytes out);
  CommandOutcome Guard(wire::OperatorOp op, Bytes body, uint32_t uid,
                       base::MutableBytes out);
  base::Status MayPropose(wire::OperatorOp op, base::Bytes body) const;
  CommandOutcome Open(wire::OperatorOp op, Bytes body, uint32_t uid,
                      base::MutableBytes out);
  CommandOutcome Import(Bytes body, uint32_t uid, base::MutableBytes out);
  CommandOutcome Slot(wire::OperatorOp op, Bytes body, uint32_t uid,
                      base::MutableBytes out);
  CommandOutcome Share(wire::OperatorOp op, Bytes body, uint32_t uid,
                       base::MutableBytes out);
  CommandOutcome Key(wire::OperatorOp op, Bytes body, uint32_t uid,
                     base::MutableBytes out);
  CommandOutcome Approvals(wire::OperatorOp op, Bytes body, uint32_t uid,
                           base::MutableBytes out);
  CommandOutcome Limit(wire::OperatorOp op, Bytes body, uint32_t uid,
                       base::MutableBytes out);
  CommandOutcome Move(wire::OperatorOp op, Bytes body, uint32_t uid,
                      base::MutableBytes out);
  CommandOutcome ReportStatus(base::MutableBytes out);
  CommandOutcome RunSelfTests(uint32_t uid, base::MutableBytes out);
  CommandOutcome Tail(Bytes body, base::MutableBytes out);

  Operation::Shared& shared_;
  Vault& vault_;
  Journal& journal_;
  KeyService& keys_;
  SlotService& slots_;
  Quorum quorum_;
  Transfer transfer_;
  const bool sandboxed_;
  std::unique_ptr<uint8_t[]> leaves_;  // room for a tail
};

}  // namespace coffer::keeper
