#include "vault/keeper/operation_words.h"

#include "crypto/kdf.h"
#include "vault/keeper/slot_service.h"

namespace coffer::keeper {
namespace {

using wire::OperatorOp;

// Names after which "and N more" stands.
constexpr size_t kNamesUntil = 60;

bool Lifts(const wire::PolicyPurpose& purpose, const wire::Policy& next) {
  if (!purpose.prohibited) return false;
  const int place = wire::FindPurpose(next, purpose.name.view());
  // One that is gone could come back another day, allowed.
  return place < 0 || !next.purposes[static_cast<size_t>(place)].prohibited;
}

void Key(TextWriter& out, const Vault& vault, const wire::KeyId& id) {
  out.Hex(id);
  const Keyring& keyring = vault.keyring();
  for (size_t i = 0; i < keyring.signers(); ++i) {
    const SigningEntry& signer = keyring.signer(i);
    if (ShortId(signer.id) != id) continue;
    const auto use =
        static_cast<wire::KeyUse>(static_cast<uint8_t>(signer.use) + 1);
    out.Add(" ").Add(wire::KeyUseText(use));
    out.Add(" version ").Number(signer.version);
  }
  for (size_t i = 0; i < keyring.keks(); ++i) {
    const KekEntry& kek = keyring.kek(i);
    if (kek.id != id) continue;
    out.Add(" kek ").Add(keyring.institution(kek.institution).name.view());
    out.Add(" version ").Number(kek.version);
  }
}

void Slot(TextWriter& out, Bytes body) {
  auto slot = base::DecodeWhole<PreparedSlot>(body);
  if (!slot.ok()) return;
  const wire::SlotHeader& header = slot->header;
  out.Add(wire::SlotKindText(header.kind));
  if (header.kind == wire::SlotKind::kShamir) {
    out.Add(" ").Number(header.threshold).Add(" of ");
    out.Number(header.shares.size);
  }
}

void Restore(TextWriter& out, Bytes body) {
  auto question = base::DecodeWhole<wire::RestoreQuestion>(body);
  if (!question.ok()) return;
  out.Hex(Bytes(question->digest).first(8)).Add(" made ");
  out.Time(question->made_at).Add(" losing ").Number(question->lost);
  out.Add(" links");
}

void Lifted(TextWriter& out, const Vault& vault, const wire::Policy& next) {
  size_t more = 0;
  bool first = true;
  for (const wire::PolicyPurpose& purpose : vault.policy().purposes) {
    if (!Lifts(purpose, next)) continue;
    if (out.size() > kNamesUntil) {
      ++more;
      continue;
    }
    out.Add(first ? " lifting " : " ").Add(purpose.name.view());
    first = false;
  }
  if (more != 0) out.Add(" and ").Number(more).Add(" more");
}

}  // namespace

bool LiftsProhibition(const wire::Policy& old, const wire::Policy& next) {
  for (const wire::PolicyPurpose& purpose : old.purposes) {
    if (Lifts(purpose, next)) return true;
  }
  return false;
}

void DescribeOperation(TextWriter& out, const Vault& vault, OperatorOp op,
                       Bytes body, const wire::Policy& next) {
  switch (op) {
    case OperatorOp::kKeyDestroy: {
      out.Add("key destroy ");
      auto question = base::DecodeWhole<wire::KeyQuestion>(body);
      if (question.ok()) Key(out, vault, question->id);
      return;
    }
    case OperatorOp::kInstitutionChange: {
      out.Add("institution withdraw ");
      auto question = base::DecodeWhole<wire::InstitutionQuestion>(body);
      const bool named = question.ok() && wire::IsName(question->name);
      out.Add(named ? question->name : "(no name)");
      return;
    }
    case OperatorOp::kKeyRotate:
      out.Add("key rotate root");
      return;
    case OperatorOp::kSlotAdd:
      out.Add("slot add ");
      return Slot(out, body);
    case OperatorOp::kSlotRemove: {
      out.Add("slot remove ");
      auto question = base::DecodeWhole<wire::SlotIdQuestion>(body);
      if (!question.ok()) return;
      out.Number(question->slot);
      const StateSlot* slot = vault.FindSlot(question->slot);
      out.Add(slot == nullptr ? "" : " ");
      out.Add(slot == nullptr ? "" : wire::SlotKindText(slot->header.kind));
      return;
    }
    case OperatorOp::kPolicyLoad: {
      out.Add("policy load");
      Lifted(out, vault, next);
      auto question = base::DecodeWhole<wire::PolicyBytes>(body);
      if (question.ok() && !(question->quorum == vault.quorum())) {
        out.Add(" changing the quorum");
      }
      return;
    }
    case OperatorOp::kRestore:
      out.Add("restore ");
      return Restore(out, body);
    case OperatorOp::kZeroize:
      out.Add("zeroize");
      return;
    default:
      COFFER_CHECK(false);  // Quorum::Guards names no other
  }
}

void DescribePolicy(TextWriter& out, const Vault& vault,
                    const wire::PolicyBytes& question) {
  wire::ByteArray<32> digest;
  crypto::Hash(digest, "coffer policy", {question.policy});
  out.Add("policy ").Hex(digest).Add("\n");
  const wire::QuorumRule& rule = question.quorum;
  if (rule == vault.quorum()) return;
  if (rule.threshold == 0) {
    out.Add("quorum off\n");
    return;
  }
  out.Add("quorum ").Number(rule.threshold).Add(" of");
  for (const wire::Approver& approver : rule.approvers) {
    out.Add(" ").Add(approver.name.view());
  }
  out.Add("\n");
}

}  // namespace coffer::keeper
