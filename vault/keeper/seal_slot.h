// One seal slot: what its header may say, its key pair, and the root through
// it. Runs in the keeper. Refuses headers that mix kinds of slot, Argon2id
// parameters and share counts out of bounds, secrets of another slot, and roots
// that were not sealed to the slot.
#pragma once

#include "vault/keeper/state_file.h"

namespace coffer::keeper {

// kInvalid, saying what is wrong. The id is not looked at.
base::Status CheckSlotHeader(const wire::SlotHeader& header);

// The slot's own key pair, from its secret and all that its header says.
void DeriveSlotKey(crypto::SigningKey& key, const crypto::SlotSecret& secret,
                   const wire::SlotHeader& header, const VaultId& vault_id);
crypto::PublicKey SlotPublicKey(base::SecretArena& arena,
                                const crypto::SlotSecret& secret,
                                const wire::SlotHeader& header,
                                const VaultId& vault_id);

// Fills `root`, which must own a place. kDenied: not the slot's secret;
// kDamaged: it is, and the sealed root does not open.
base::Status OpenRoot(crypto::RootKey& root, base::SecretArena& arena,
                      const StateSlot& slot, const crypto::SlotSecret& secret,
                      const VaultId& vault_id);
// Fills in public key and sealed root of a slot whose header is ready, and
// opens them once: a slot counts only after that.
base::Status MakeSlot(StateSlot& slot, base::SecretArena& arena,
                      const crypto::SlotSecret& secret,
                      const crypto::RootKey& root, const VaultId& vault_id);

}  // namespace coffer::keeper
