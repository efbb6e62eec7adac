// Operations that await approval. What is approved is the exact question as it
// came (of a new slot: its header and public key), named by an id and rendered
// as a statement that approvers sign with their SSH keys; the last approval
// needed hands it back to be carried out. Runs in the keeper's main thread,
// only while no batch is under way. In memory alone: a restart or a seal
// forgets what was not carried out.
//
// Refuses signatures that are not an approver's over this statement, a second
// one of the same approver, and what has expired or was asked for under another
// rule than the one in force, a policy load or a key's destruction (its wait)
// under another policy, the removal of a slot that is another one now, a
// withdrawal whose institution has another active key now. A rule needs two
// distinct keys at least (wire::CheckQuorum), so that nobody approves
// his own operation alone.
//
//   statement :=  "coffer operation v1" LF
//                 "vault " hex LF
//                 "operation op_" hex LF
//                 "what " words LF
//                 ["policy " hex LF ["destroy-wait " words LF]
//                  ["quorum " words LF ("approver " words LF)*]]
//                                           of a policy load
//                 ["backup " hex LF]        of a restore
//                 "parameters " hex LF      BLAKE2b-32 of op u8 and question
//                 "asked-by uid " number " at " time LF
//                 "expires " time LF
// Words are ours, numbers, hex, and names of the policy; times RFC 3339, UTC.
#pragma once

#include <memory>

#include "vault/keeper/vault.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::keeper {

// One uid may fill half of the table, so that another one finds room.
inline constexpr size_t kOperationsPerUidMax = base::kOperationsMax / 2;
// Leaves of refused signatures, of everybody together. Signatures themselves
// are always looked at: nobody's wrong ones keep a right one out.
inline constexpr uint32_t kRefusalLeavesPerMinute = 20;
inline constexpr size_t kOperationWordsMax = 128;

class Quorum {
 public:
  explicit Quorum(Vault& vault);

  // Whether the rule in force wants approval for this.
  bool Guards(wire::OperatorOp op, Bytes body) const;
  // The same question of the same uid again is told the same id.
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

  // On every slow tick: forgets everything once the vault is sealed, and sees
  // what has expired or was voided; Settle lets go of it, with a leaf, while no
  // batch is under way.
  void Tick();
  bool due() const { return due_; }
  void Settle();
  uint8_t awaiting() const;

 private:
  struct Pending {
    bool used = false;
    wire::OperatorOp op = wire::OperatorOp::kStatus;
    wire::OperationId id{};
    uint32_t uid = 0;
    uint64_t asked_at = 0;
    uint64_t expires_at = 0;
    uint64_t epoch = 0;     // Vault::unseal_leaf()
    wire::QuorumRule rule;  // when it was asked for
    uint64_t policy_generation = 0;
    wire::ByteArray<32> about{};                                // see About
    base::BoundedList<uint8_t, base::kApproversMax> approvals;  // rule's places
    size_t body_size = 0;
    size_t what_size = 0;
    size_t statement_size = 0;
    char what[kOperationWordsMax];
    char statement[base::kStatementBytesMax];
    std::unique_ptr<uint8_t[]> body;  // base::kOperatorFrameBytesMax
  };

  Pending* Find(const wire::OperationId& id);
  bool Lives(const Pending& pending) const;
  // What it would end: a slot's public key, an institution's active KEK.
  // Zeros for whatever is not void when that is another one.
  wire::ByteArray<32> About(wire::OperatorOp op, Bytes body) const;
  bool PolicyGuarded(const wire::PolicyBytes& question) const;
  void Render(Pending& pending);
  wire::OperationRow Row(const Pending& pending) const;
  Status Record(wire::LeafKind kind, const Pending& pending, uint32_t uid,
                std::string_view approver = {},
                wire::Rule rule = wire::Rule::kAllowed);
  Status RefuseSignature(const Pending& pending, uint32_t uid,
                         std::string_view approver);

  Vault& vault_;
  Pending pending_[base::kOperationsMax];
  std::unique_ptr<wire::Policy> policy_;  // room to look at another one
  bool due_ = false;
  uint64_t minute_ = 0;  // of the leaves of refused signatures
  uint32_t refused_ = 0;
};

}  // namespace coffer::keeper
