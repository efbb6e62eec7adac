#include "vault/keeper/quorum.h"

#include "crypto/kdf.h"
#include "crypto/random.h"
#include "crypto/ssh_signature.h"
#include "vault/keeper/operation_words.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using wire::LeafKind;
using wire::OperatorOp;
using wire::Rule;

namespace {

// The place of the approver with this key, or -1.
int FindApprover(const wire::QuorumRule& rule,
                 const wire::ByteArray<32>& public_key) {
  for (size_t i = 0; i < rule.approvers.size; ++i) {
    if (rule.approvers[i].public_key == public_key) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

Quorum::Quorum(Vault& vault) : vault_(vault), policy_(new wire::Policy) {
  // Pages that no operation ever fills are never resident.
  for (Pending& pending : pending_) {
    pending.body.reset(new uint8_t[base::kOperatorFrameBytesMax]);
  }
}

// --- What needs approval

bool Quorum::Guards(OperatorOp op, Bytes body) const {
  if (vault_.quorum().threshold == 0) return false;
  // A question that does not decode is refused as malformed, unapproved.
  switch (op) {
    case OperatorOp::kKeyDestroy: {
      auto question = base::DecodeWhole<wire::KeyQuestion>(body);
      return question.ok() && !question->cancel;
    }
    case OperatorOp::kInstitutionChange: {
      auto question = base::DecodeWhole<wire::InstitutionQuestion>(body);
      return question.ok() &&
             question->action == wire::InstitutionAction::kWithdraw;
    }
    case OperatorOp::kKeyRotate: {
      auto question = base::DecodeWhole<wire::RotateQuestion>(body);
      return question.ok() && question->target == wire::RotateTarget::kRoot;
    }
    case OperatorOp::kPolicyLoad: {
      auto question = base::DecodeWhole<wire::PolicyBytes>(body);
      return question.ok() && PolicyGuarded(*question);
    }
    case OperatorOp::kRestore: {
      // Approved once: the same backup again asks how it went.
      auto question = base::DecodeWhole<wire::RestoreQuestion>(body);
      return question.ok() && question->digest != vault_.adoption().digest;
    }
    case OperatorOp::kSlotAdd:
    case OperatorOp::kSlotRemove:
    case OperatorOp::kZeroize:
      return true;
    default:
      return false;
  }
}

bool Quorum::PolicyGuarded(const wire::PolicyBytes& question) const {
  if (!wire::CheckQuorum(question.quorum).ok() ||
      !wire::DecodePolicy(*policy_, question.policy).ok()) {
    return false;  // refused for what it is
  }
  return !(question.quorum == vault_.quorum()) ||
         policy_->destroy_wait_seconds < vault_.policy().destroy_wait_seconds ||
         LiftsProhibition(vault_.policy(), *policy_);
}

// --- Asking

Status Quorum::Propose(OperatorOp op, Bytes body, uint32_t uid,
                       wire::AwaitingAnswer& answer) {
  Settle();
  COFFER_CHECK(body.size() <= base::kOperatorFrameBytesMax);
  Pending* room = nullptr;
  size_t of_uid = 0;
  for (Pending& pending : pending_) {
    if (!pending.used) {
      room = &pending;
      continue;
    }
    if (pending.uid != uid) continue;
    ++of_uid;
    if (pending.op == op &&
        base::Equal({pending.body.get(), pending.body_size}, body)) {
      answer = {pending.id, static_cast<uint8_t>(pending.approvals.size),
                pending.rule.threshold};
      return {};
    }
  }
  if (room == nullptr || of_uid >= kOperationsPerUidMax) {
    return Fail(Code::kFull,
                "too many operations await approval; cancel one: see "
                "`coffer op list`");
  }
  Pending& pending = *room;
  pending.op = op;
  crypto::Random(pending.id);
  pending.uid = uid;
  pending.asked_at = vault_.Now();
  pending.expires_at = pending.asked_at + base::kOperationSecondsMax;
  pending.epoch = vault_.unseal_leaf();
  pending.rule = vault_.quorum();
  pending.policy_generation = vault_.policy_generation();
  pending.about = About(op, body);
  pending.approvals.size = 0;
  if (!body.empty()) std::memcpy(pending.body.get(), body.data(), body.size());
  pending.body_size = body.size();
  Render(pending);
  COFFER_TRY(Record(LeafKind::kOperationPropose, pending, uid));
  pending.used = true;
  answer = {pending.id, 0, pending.rule.threshold};
  return {};
}

void Quorum::Render(Pending& pending) {
  const Bytes body(pending.body.get(), pending.body_size);
  if (pending.op == OperatorOp::kPolicyLoad) {
    auto question = base::DecodeWhole<wire::PolicyBytes>(body);
    COFFER_CHECK(question.ok() &&
                 wire::DecodePolicy(*policy_, question->policy).ok());
  }
  TextWriter what(pending.what, sizeof pending.what);
  DescribeOperation(what, vault_, pending.op, body, *policy_);
  pending.what_size = what.size();

  const uint8_t op = static_cast<uint8_t>(pending.op);
  wire::ByteArray<32> parameters;
  crypto::Hash(parameters, "coffer operation parameters",
               {Bytes(&op, 1), body});
  TextWriter out(pending.statement, sizeof pending.statement);
  out.Add("coffer operation v1\nvault ").Hex(vault_.vault_id());
  out.Add("\noperation op_").Hex(pending.id);
  out.Add("\nwhat ").Add({pending.what, pending.what_size}).Add("\n");
  DescribeMore(out, vault_, pending.op, body, *policy_);
  out.Add("parameters ").Hex(parameters);
  out.Add("\nasked-by uid ").Number(pending.uid);
  out.Add(" at ").Time(pending.asked_at);
  out.Add("\nexpires ").Time(pending.expires_at).Add("\n");
  pending.statement_size = out.size();
}

Status Quorum::Cancel(const wire::OperationId& id, uint32_t uid) {
  Settle();
  Pending* pending = Find(id);
  if (pending == nullptr) {
    return Fail(Code::kNotFound, "no such operation; see `coffer op list`");
  }
  if (pending->uid != uid) {
    return Fail(Code::kDenied, "only the uid that asked for it can cancel it");
  }
  COFFER_TRY(Record(LeafKind::kOperationCancel, *pending, uid));
  pending->used = false;
  return {};
}

// --- Looking

wire::OperationRow Quorum::Row(const Pending& pending) const {
  wire::OperationRow row;
  row.id = pending.id;
  row.op = pending.op;
  row.uid = pending.uid;
  row.asked_at = pending.asked_at;
  row.expires_at = pending.expires_at;
  row.what = {pending.what, pending.what_size};
  row.needed = pending.rule.threshold;
  for (uint8_t place : pending.approvals) {
    row.approvers.push_back(pending.rule.approvers[place].name.view());
  }
  return row;
}

Status Quorum::List(wire::OperationListAnswer& answer) {
  Settle();
  for (const Pending& pending : pending_) {
    if (pending.used) answer.rows.push_back(Row(pending));
  }
  return {};
}

Status Quorum::Show(const wire::OperationId& id,
                    wire::OperationShowAnswer& answer) {
  Settle();
  const Pending* pending = Find(id);
  if (pending == nullptr) {
    return Fail(Code::kNotFound, "no such operation; see `coffer op list`");
  }
  answer.row = Row(*pending);
  answer.statement = {pending->statement, pending->statement_size};
  return {};
}

uint8_t Quorum::awaiting() const {
  uint8_t count = 0;
  for (const Pending& pending : pending_) count += Lives(pending);
  return count;
}

// --- Approving

Status Quorum::Approve(const wire::ApproveQuestion& question, uint32_t uid,
                       wire::ApproveAnswer& answer, Approved& approved) {
  Pending* pending = Find(question.id);
  if (pending == nullptr) {
    return Fail(Code::kNotFound, "no such operation; see `coffer op list`");
  }
  if (!Lives(*pending)) {
    const bool expired = vault_.Now() >= pending->expires_at;
    Settle();
    return expired ? Fail(Code::kConflict, "expired; ask for it again")
                   : Fail(Code::kConflict,
                          "void: the rule, or what it was asked about, has "
                          "changed since; ask for it again");
  }
  const wire::QuorumRule& rule = pending->rule;
  const int place = FindApprover(rule, question.public_key);
  if (place < 0) return RefuseSignature(*pending, uid, {});
  const std::string_view name =
      rule.approvers[static_cast<size_t>(place)].name.view();
  for (uint8_t given : pending->approvals) {
    if (given == place) {
      return Fail(Code::kConflict, "this approver has approved it already");
    }
  }
  if (!crypto::SshSignatureValid(
          question.signature, question.public_key,
          {reinterpret_cast<const uint8_t*>(pending->statement),
           pending->statement_size})) {
    return RefuseSignature(*pending, uid, name);
  }
  COFFER_TRY(Record(LeafKind::kOperationApprove, *pending, uid, name));
  pending->approvals.push_back(static_cast<uint8_t>(place));
  answer.approvals = static_cast<uint8_t>(pending->approvals.size);
  answer.needed = rule.threshold;
  if (pending->approvals.size < rule.threshold) return {};
  Status carried = Record(LeafKind::kOperationCarryOut, *pending, pending->uid);
  if (!carried.ok()) {
    --pending->approvals.size;  // to be given again, once there is room
    return carried;
  }
  approved.complete = true;
  approved.op = pending->op;
  approved.body = {pending->body.get(), pending->body_size};
  approved.uid = pending->uid;
  return {};
}

// Its leaf must not take what room is kept for kills, nor fill the journal.
Status Quorum::RefuseSignature(const Pending& pending, uint32_t uid,
                               std::string_view approver) {
  const uint64_t minute = vault_.clock().BootMilliseconds() / 60'000;
  if (minute != minute_) {
    minute_ = minute;
    refused_ = 0;
  }
  const bool known = !approver.empty();
  if (refused_ < kRefusalLeavesPerMinute && vault_.CanAppend(false)) {
    ++refused_;
    COFFER_TRY(Record(LeafKind::kOperationApprove, pending, uid, approver,
                      known ? Rule::kTokenNotAuthentic : Rule::kUnknownCaller));
  }
  return known ? Fail(Code::kDenied,
                      "not a signature of this operation's statement; see "
                      "`coffer op show`")
               : Fail(Code::kDenied, "not the key of an approver");
}

// --- Letting go

Quorum::Pending* Quorum::Find(const wire::OperationId& id) {
  for (Pending& pending : pending_) {
    if (pending.used && pending.id == id) return &pending;
  }
  return nullptr;
}

void Quorum::Forget(const wire::OperationId& id) {
  if (Pending* pending = Find(id)) pending->used = false;
}

bool Quorum::Lives(const Pending& pending) const {
  return pending.used && vault_.state() == wire::VaultState::kOperational &&
         pending.epoch == vault_.unseal_leaf() &&
         vault_.Now() < pending.expires_at && pending.rule == vault_.quorum() &&
         ((pending.op != OperatorOp::kPolicyLoad &&
           pending.op != OperatorOp::kKeyDestroy) ||
          pending.policy_generation == vault_.policy_generation()) &&
         pending.about ==
             About(pending.op, {pending.body.get(), pending.body_size});
}

// A slot's id is given anew once it is gone, and an institution's name is
// admitted anew; their keys are not.
wire::ByteArray<32> Quorum::About(OperatorOp op, Bytes body) const {
  wire::ByteArray<32> about{};
  if (op == OperatorOp::kSlotRemove) {
    auto question = base::DecodeWhole<wire::SlotIdQuestion>(body);
    const StateSlot* slot =
        question.ok() ? vault_.FindSlot(question->slot) : nullptr;
    if (slot != nullptr) about = slot->public_key;
  } else if (op == OperatorOp::kInstitutionChange) {
    auto question = base::DecodeWhole<wire::InstitutionQuestion>(body);
    const Keyring& keyring = vault_.keyring();
    const int place =
        question.ok() ? keyring.FindInstitution(question->name) : -1;
    const KekEntry* kek = place >= 0 ? keyring.ActiveKek(place) : nullptr;
    if (kek != nullptr) {
      std::memcpy(about.data(), kek->id.data(), kek->id.size());
    }
  }
  return about;
}

void Quorum::Settle() {
  due_ = false;
  if (vault_.state() != wire::VaultState::kOperational) return Tick();
  for (Pending& pending : pending_) {
    if (!pending.used || Lives(pending)) continue;
    pending.used = false;
    // Without room for its leaf it is void all the same.
    static_cast<void>(
        Record(LeafKind::kOperationExpire, pending, kKeeperUid).ok());
  }
}

void Quorum::Tick() {
  const bool open = vault_.state() == wire::VaultState::kOperational;
  for (Pending& pending : pending_) {
    due_ |= open && pending.used && !Lives(pending);
    pending.used &= open;
  }
}

Status Quorum::Record(LeafKind kind, const Pending& pending, uint32_t uid,
                      std::string_view approver, Rule rule) {
  wire::Leaf leaf;
  leaf.kind = kind;
  leaf.rule = rule;
  leaf.uid = uid;
  leaf.caller = approver;
  std::memcpy(leaf.link_tag.data(), pending.id.data(), pending.id.size());
  leaf.detail = static_cast<uint32_t>(pending.op);
  return vault_.Record(leaf);
}

}  // namespace coffer::keeper
