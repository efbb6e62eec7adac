// The key export: keyring and seal slots in one file, apart from the data's
// backups. Runs in the keeper. Refuses foreign, later and damaged files, and
// whatever the root did not seal.
//
//   export := magic "COFFERK\n" | format u8 | vault id 16 | generation u64
//             | made_at u64 | next leaf u64 | count u16 | seal slot*
//             | quorum rule
//             | box of the keyring under the root, all before as associated
//               data
//
// Seal slots as in state_file.h, the keyring as in keyring_bytes.cc.
#pragma once

#include "vault/keeper/keyring.h"
#include "vault/keeper/seal_slot.h"

namespace coffer::keeper {

inline constexpr uint8_t kKeyExportFormat = 1;
inline constexpr ByteArray<8> kKeyExportMagic = {'C', 'O', 'F', 'F',
                                                 'E', 'R', 'K', '\n'};

// The clear part. Value. Authentic only once OpenKeyExport has succeeded.
struct KeyExport {
  ByteArray<8> magic = kKeyExportMagic;
  uint8_t format = kKeyExportFormat;
  VaultId vault_id{};
  uint64_t generation = 0;  // of the keyring
  uint64_t made_at = 0;
  uint64_t next_leaf = 0;  // of the vault, when it was made
  base::BoundedList<StateSlot, base::kSlotsMax> slots;
  // In force when it was made: a vault made from it begins with this rule.
  wire::QuorumRule quorum;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.magic);
    coder.Number(self.format);
    coder.Fixed(self.vault_id);
    coder.Number(self.generation);
    coder.Number(self.made_at);
    coder.Number(self.next_leaf);
    coder.Structs(self.slots);
    coder.Struct(self.quorum);
  }
};

// Head and sealed keyring into `out`; the size. kTooLarge.
Result<size_t> SealKeyExport(MutableBytes out, const KeyExport& head,
                             const Keyring& keyring,
                             const crypto::RootKey& root);
// The clear part, and in `box` what follows it. kInvalid (foreign),
// kNewerFormat, kDamaged.
Result<KeyExport> ReadKeyExport(Bytes bytes, Bytes& box);
// Opens `box`, the end of `bytes`, into `out`: what Keyring::Open takes.
// kDenied when it is not authentic under this root.
Result<size_t> OpenKeyExport(MutableBytes out, Bytes bytes, Bytes box,
                             const crypto::RootKey& root);

// Where an imported vault's leaves begin: at least 2^40 above any that the
// vault had given when its keys were exported.
constexpr uint64_t FirstLeafAfter(uint64_t next_leaf) {
  return ((next_leaf >> 40) + 2) << 40;
}
// Whether a leaf may be of the lost vault that this one was made from. A vault
// that was never lost says so of leaves 2^40 and more ago, too.
constexpr bool MayBeOfLostVault(uint64_t leaf, uint64_t next_leaf) {
  return leaf >> 40 < next_leaf >> 40;
}

}  // namespace coffer::keeper
