#include "vault/keeper/transfer.h"

#include <unistd.h>

#include <algorithm>

#include "vault/keeper/loop.h"
#include "vault/os/keeper_cage.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::MutableBytes;
using wire::ConsentStatus;
using wire::Rule;

namespace {

uint32_t Detail(uint64_t number) {
  return static_cast<uint32_t>(std::min<uint64_t>(number, 0xffffffff));
}

bool SameBackup(const StoreAdoption& adoption,
                const wire::RestoreQuestion& question) {
  return adoption.digest == question.digest;
}

}  // namespace

Transfer::Transfer(Operation::Shared& shared)
    : shared_(shared), keyring_(new uint8_t[base::kKeyExportBytesMax]) {}

// --- Keys

Result<size_t> Transfer::Export(MutableBytes out, uint32_t uid) {
  Vault& vault = shared_.vault;
  KeyExport head;
  head.vault_id = vault.vault_id();
  head.generation = vault.keyring_generation();
  head.made_at = vault.Now();
  head.next_leaf = vault.next_leaf();
  head.slots = vault.header().slots;
  head.quorum = vault.quorum();
  auto size = SealKeyExport(out, head, vault.keyring(), vault.root());
  if (!size.ok()) return size;
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kKeyExport;
  leaf.uid = uid;
  leaf.detail = Detail(head.generation);
  COFFER_TRY(vault.Record(leaf));
  return size;
}

Status Transfer::Exported(uint64_t generation) {
  Vault& vault = shared_.vault;
  if (generation != vault.keyring_generation()) {
    return Fail(Code::kConflict, "the keys changed meanwhile; export again");
  }
  vault.MarkExported();
  Status written = vault.WriteState();
  if (!written.ok()) return vault.Latch(written.error());
  return {};
}

Result<uint8_t> Transfer::Import(const wire::ImportQuestion& question,
                                 uint32_t uid) {
  Vault& vault = shared_.vault;
  if (vault.state() != wire::VaultState::kUninitialised) {
    return Fail(Code::kConflict, "already initialised; nothing was changed");
  }
  Bytes box;
  auto head = ReadKeyExport(question.bytes, box);
  if (!head.ok()) return head.error();
  const StateSlot* slot = nullptr;
  for (const StateSlot& each : head->slots) {
    if (each.header.id == question.open.slot.id) slot = &each;
  }
  if (slot == nullptr) {
    return Fail(Code::kNotFound, "the key export has no slot of that id");
  }
  crypto::SlotSecret secret(vault.arena());
  secret.Fill(question.open.secret);
  crypto::RootKey root(vault.arena());
  Status found = OpenRoot(root, vault.arena(), *slot, secret, head->vault_id);
  if (!found.ok()) {
    vault.CountUnsealFailure(uid);
    return found.error();
  }
  const MutableBytes room(keyring_.get(), base::kKeyExportBytesMax);
  auto size = OpenKeyExport(room, question.bytes, box, root);
  if (!size.ok()) return size.error();
  Status begun =
      vault.Import(*head, room.first(*size), root, question.open, uid);
  if (!begun.ok()) return begun.error();
  return slot->header.id;
}

// --- Data

Rule Transfer::JudgeLink(const wire::JudgedLink& judged) {
  const Vault& vault = shared_.vault;
  OpenedLink& opened = shared_.opened;
  if (judged.stored.head.empty()) return Rule::kLinkUnknown;
  Rule rule = OpenLink(vault.keyring(), judged.link, judged.stored, opened);
  if (rule != Rule::kAllowed) return rule;
  ConsentStatus status = ConsentStatus::kActive;
  rule = JudgeRecord(vault, opened, status);
  if (rule != Rule::kAllowed) return rule;
  if (status == ConsentStatus::kRevoked) return Rule::kConsentRevoked;
  if (status == ConsentStatus::kUsed) return Rule::kConsentUsed;
  Bytes bank_token;
  rule = OpenBankToken(opened, judged.stored.token_box, shared_.sealed.padded,
                       bank_token);
  base::Wipe(shared_.sealed.padded);
  if (rule != Rule::kAllowed) return rule;
  return opened.metadata.expires_at <= vault.Now() ? Rule::kConsentExpired
                                                   : Rule::kAllowed;
}

Status Transfer::Judge(const wire::JudgeQuestion& question,
                       wire::JudgeAnswer& answer) {
  for (const wire::JudgedLink& judged : question.links) {
    answer.rules.push_back(JudgeLink(judged));
  }
  shared_.opened.Wipe();
  return {};
}

Status Transfer::Restore(const wire::RestoreQuestion& question, uint32_t uid,
                         wire::RestoreAnswer& answer) {
  StoreAdoption& adoption = shared_.vault.adoption();
  if (IsZero(question.digest)) {
    return Fail(Code::kInvalid, "a backup without a digest");
  }
  if (SameBackup(adoption, question)) {
    if (!adoption.done) return {};
    answer.done = adoption.adopted;
    answer.failed = !adoption.adopted;
    adoption = StoreAdoption{};
    return {};
  }
  if (adoption.under_way()) {
    return Fail(Code::kConflict, "another restore is under way; wait for it");
  }
  Vault& vault = shared_.vault;
  if (question.keyring_generation != vault.keyring_generation()) {
    return Fail(Code::kConflict,
                "keys changed since the backup was judged; run backup restore "
                "again");
  }
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kRestore;
  leaf.uid = uid;
  leaf.detail = Detail(question.links);
  COFFER_TRY(vault.Record(leaf));
  // Durable before the store is another one: what was walked and swept may be
  // in it again, and nobody may be left to say so.
  vault.keyring().ForgetWalks();
  Status written = vault.WriteState();
  if (!written.ok()) return vault.Latch(written.error());
  adoption = StoreAdoption{};
  adoption.digest = question.digest;
  return {};
}

void Transfer::Tick() {
  StoreAdoption& adoption = shared_.vault.adoption();
  const uint64_t now = shared_.vault.clock().BootMilliseconds();
  if (!adoption.done) {
    answered_at_ = 0;
  } else if (answered_at_ == 0) {
    answered_at_ = now;
  } else if (now - answered_at_ > kRestoreAnswerSeconds * 1000) {
    adoption = StoreAdoption{};
  }
}

// --- The end

Status Transfer::Zeroize() {
  Vault& vault = shared_.vault;
  if (vault.state() != wire::VaultState::kOperational &&
      vault.header().quorum_threshold != 0) {
    return Fail(Code::kConflict,
                "zeroize needs a quorum: unseal, then ask and approve");
  }
  Status gone = vault.Destroy();
  if (!gone.ok() && gone.error().code == Code::kConflict) return gone;
  shared_.opened.Wipe();
  shared_.sealed.Wipe();
  LogLine(gone.ok() ? "zeroized: every key is gone, in memory and on disk"
                    : "zeroized in memory; keeper.state could not be "
                      "overwritten: remove it");
  _exit(os::kZeroizedExit);
}

}  // namespace coffer::keeper
