#include "vault/keeper/operation_words.h"

#include "crypto/kdf.h"
#include "crypto/ssh_signature.h"
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
  // What stands in a backup's clear head, and what the CLI counted.
  out.Hex(Bytes(question->digest).first(8)).Add(" claims made ");
  out.Time(question->made_at).Add(" lost ").Number(question->lost);
  out.Add(" dead ").Number(question->dead);
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

// Names alone would let a key be exchanged under a name that everybody knows.
void Rule(TextWriter& out, const wire::QuorumRule& old,
          const wire::QuorumRule& next) {
  if (next.threshold == 0) {
    out.Add("quorum off\n");
    return;
  }
  out.Add("quorum ").Number(next.threshold).Add(" of ");
  out.Number(next.approvers.size).Add("\n");
  for (const wire::Approver& approver : next.approvers) {
    const char* mark = " (new)";
    for (const wire::Approver& before : old.approvers) {
      if (!(before.name == approver.name.view())) continue;
      mark = before.public_key == approver.public_key ? "" : " (another key)";
    }
    char key[crypto::kSshFingerprintBytes];
    crypto::SshFingerprint(key, approver.public_key);
    out.Add("approver ").Add(approver.name.view()).Add(" ");
    out.Add({key, sizeof key}).Add(mark).Add("\n");
  }
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
      out.Add(" wait ").Number(vault.policy().destroy_wait_seconds).Add(" s");
      return;
    }
    case OperatorOp::kInstitutionChange: {
      out.Add("institution withdraw ");
      auto question = base::DecodeWhole<wire::InstitutionQuestion>(body);
      const bool named = question.ok() && wire::IsName(question->name);
      out.Add(named ? question->name : "(no name)");
      const Keyring& keyring = vault.keyring();
      const int place = named ? keyring.FindInstitution(question->name) : -1;
      const KekEntry* kek = place >= 0 ? keyring.ActiveKek(place) : nullptr;
      if (kek != nullptr) out.Add(" key version ").Number(kek->version);
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

void DescribeMore(TextWriter& out, const Vault& vault, OperatorOp op,
                  Bytes body, const wire::Policy& next) {
  if (op == OperatorOp::kRestore) {
    auto question = base::DecodeWhole<wire::RestoreQuestion>(body);
    if (question.ok()) out.Add("backup ").Hex(question->digest).Add("\n");
    return;
  }
  auto question = base::DecodeWhole<wire::PolicyBytes>(body);
  if (op != OperatorOp::kPolicyLoad || !question.ok()) return;
  wire::ByteArray<32> digest;
  crypto::Hash(digest, "coffer policy", {question->policy});
  out.Add("policy ").Hex(digest).Add("\n");
  const uint32_t wait = vault.policy().destroy_wait_seconds;
  if (next.destroy_wait_seconds < wait) {
    out.Add("destroy-wait ").Number(next.destroy_wait_seconds);
    out.Add(" s, was ").Number(wait).Add(" s\n");
  }
  if (!(question->quorum == vault.quorum())) {
    Rule(out, vault.quorum(), question->quorum);
  }
}

}  // namespace coffer::keeper
