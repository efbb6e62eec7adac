// Operations that await approval. What is approved is the exact question as it
// came (of a new slot: its header and public key), named by an id and rendered
// as a statement that approvers sign with their SSH keys; the last approval
// needed hands it back to be carried out. Runs in the keeper's main thread,
// only while no batch is under way. In memory alone: a restart forgets what
// was not carried out. Refuses signatures that are not an approver's over this
// statement, a second one of the same approver, and what has expired.
#pragma once

#include <memory>

#include "vault/keeper/vault.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::keeper {

class Quorum {
 public:
  explicit Quorum(Vault& vault);

  // Whether the rule in force wants approval for this.
  bool Guards(wire::OperatorOp op, Bytes body) const;
  Status Propose(wire::OperatorOp op, Bytes body, uint32_t uid,
                 wire::AwaitingAnswer& answer);
  // Answers hold views into this.
  Status List(wire::OperationListAnswer& answer);
  Status Show(const wire::OperationId& id, wire::OperationShowAnswer& answer);
  // By the uid that asked for it.
  Status Cancel(const wire::OperationId& id, uint32_t uid);

  // What is to be carried out now; `body` holds until Forget.
  struct Approved {
    bool complete = false;
    wire::OperatorOp op = wire::OperatorOp::kStatus;
    Bytes body;
    uint32_t uid = 0;
  };
  Status Approve(const wire::ApproveQuestion& question, uint32_t uid,
                 wire::ApproveAnswer& answer, Approved& approved);
  void Forget(const wire::OperationId& id);
  // Lets go of what has expired; everything once the vault is sealed.
  void Tick();
  uint8_t awaiting() const;

 private:
  Vault& vault_;
};

}  // namespace coffer::keeper
