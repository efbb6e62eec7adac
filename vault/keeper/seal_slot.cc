#include "vault/keeper/seal_slot.h"

#include "crypto/passphrase.h"
#include "crypto/shamir.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Fail;
using base::Status;
using wire::SlotHeader;
using wire::SlotKind;

Status CheckPassphrase(const SlotHeader& header) {
  if (header.argon2_memory_bytes < crypto::kPassphraseMemoryMin ||
      header.argon2_memory_bytes > crypto::kPassphraseMemoryMax ||
      header.argon2_passes < crypto::kPassphrasePassesMin ||
      header.argon2_passes > crypto::kPassphrasePassesMax) {
    return Fail(Code::kInvalid,
                "slot: Argon2id takes 64 MiB to 4 GiB and 2 to 16 passes");
  }
  return {};
}

}  // namespace

Status CheckSlotHeader(const SlotHeader& header) {
  const bool passphrase = header.kind == SlotKind::kPassphrase;
  const bool shamir = header.kind == SlotKind::kShamir;
  const bool device = header.kind == SlotKind::kPkcs11;
  if (wire::SlotKindText(header.kind).empty()) {
    return Fail(Code::kInvalid, "slot: no such kind of seal slot");
  }
  if ((!passphrase &&
       (header.argon2_memory_bytes != 0 || header.argon2_passes != 0)) ||
      (!shamir && (header.threshold != 0 || header.shares.size != 0)) ||
      (!device && header.key_label.size != 0)) {
    return Fail(Code::kInvalid, "slot: has values of another kind of slot");
  }
  if (passphrase) return CheckPassphrase(header);
  if (shamir &&
      !crypto::ShareCountsUsable(header.threshold, header.shares.size)) {
    return Fail(
        Code::kInvalid,
        "slot: takes 2 to 16 shares, and a threshold of 2 to that many");
  }
  if (device && header.key_label.size == 0) {
    return Fail(Code::kInvalid, "slot: names no key of the device");
  }
  return {};
}

void DeriveSlotKey(crypto::SigningKey& key, const crypto::SlotSecret& secret,
                   const SlotHeader& header, const VaultId& vault_id) {
  uint8_t bytes[512];
  auto size = base::EncodeWhole(MutableBytes(bytes), header);
  COFFER_CHECK(size.ok());
  crypto::DeriveSigningKey(key, secret, "coffer slot key",
                           {vault_id, Bytes(bytes, *size)});
}

crypto::PublicKey SlotPublicKey(base::SecretArena& arena,
                                const crypto::SlotSecret& secret,
                                const SlotHeader& header,
                                const VaultId& vault_id) {
  crypto::SigningKey key(arena);
  DeriveSlotKey(key, secret, header, vault_id);
  return crypto::PublicKeyOf(key);
}

Status OpenRoot(crypto::RootKey& root, base::SecretArena& arena,
                const StateSlot& slot, const crypto::SlotSecret& secret,
                const VaultId& vault_id) {
  crypto::SigningKey key(arena);
  DeriveSlotKey(key, secret, slot.header, vault_id);
  if (crypto::PublicKeyOf(key) != slot.public_key) {
    return Fail(Code::kDenied, "the secret does not open this slot");
  }
  if (!crypto::UnsealKey(root, slot.sealed_root, key).ok()) {
    return Fail(Code::kDamaged,
                "this slot is damaged: its secret is right, and it does not "
                "open the root; use another slot");
  }
  return {};
}

Status MakeSlot(StateSlot& slot, base::SecretArena& arena,
                const crypto::SlotSecret& secret, const crypto::RootKey& root,
                const VaultId& vault_id) {
  slot.public_key = SlotPublicKey(arena, secret, slot.header, vault_id);
  COFFER_TRY(crypto::SealKey(slot.sealed_root, root, slot.public_key));
  crypto::RootKey proof(arena);
  COFFER_TRY(OpenRoot(proof, arena, slot, secret, vault_id));
  if (crypto::LocalId(proof) != crypto::LocalId(root)) {
    return Fail(Code::kDamaged, "slot: does not open the root");
  }
  return {};
}

}  // namespace coffer::keeper
