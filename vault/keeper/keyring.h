// Every key of the vault below the root, by exact id, in the keeper's secret
// memory. States are NIST SP 800-57's (key_state.h), enforced here and nowhere
// else: what may not seal, open or verify is not found, and no key becomes what
// its state does not allow. A destroyed key's bytes are wiped; its row stays
// until nothing in the store is under it. Never tries keys in turn. Runs in the
// keeper. Changes are durable only once the state file is written.
#pragma once

#include <memory>

#include "crypto/paserk.h"
#include "vault/keeper/floors.h"
#include "vault/keeper/key_state.h"
#include "vault/wire/message.h"
#include "vault/wire/names.h"

namespace coffer::keeper {

using base::Bytes;
using base::Result;
using base::Status;
using wire::KeyId;
using wire::KeyState;
using wire::Name;

KeyId ShortId(const crypto::PaserkIdHash& hash);

struct InstitutionKeys {
  Name name;
  wire::InstitutionState state = wire::InstitutionState::kActive;
};

struct KekEntry {
  KeyId id{};
  uint16_t institution = 0;  // place in institutions()
  uint32_t version = 0;      // 1, 2, 3, ... per institution
  KeyState state = KeyState::kActive;
  bool swept = false;  // destroyed, and the store has nothing under it
  uint64_t created_at = 0;
  uint64_t created_leaf = 0;  // every record sealed under it has this or later
  uint64_t ended_at = 0;      // 0 while active
  uint64_t destroy_at = 0;    // planned; 0: not
  crypto::Kek key;            // absent once destroyed

  // As the gate told last; in memory only.
  bool drained = false;
  bool counted = false;
  uint64_t links = 0;
};

enum class SigningUse : uint8_t {
  kToken = 1,     // v4.public access tokens
  kEvidence = 2,  // erasure certificates
  kIngest = 3,    // bank tokens sealed on their way in
  kAudit = 4,     // checkpoints
};
struct SigningEntry {
  SigningUse use = SigningUse::kToken;
  uint32_t version = 0;
  KeyState state = KeyState::kActive;
  uint64_t created_at = 0;
  uint64_t ended_at = 0;    // 0 while active
  uint64_t destroy_at = 0;  // planned; 0: not
  crypto::PaserkIdHash id{};
  crypto::PublicKey public_key{};
  crypto::SigningKey key;  // absent once it may not be needed any more
};

// A fresh key, before it is in the keyring: its id can be told first.
struct NewKek {
  explicit NewKek(base::SecretArena& arena);
  crypto::Kek key;
  KeyId id{};
};
struct NewSigner {
  explicit NewSigner(base::SecretArena& arena);
  crypto::SigningKey key;
  crypto::PublicKey public_key{};
  crypto::PaserkIdHash id{};
};

// Resource: owns the keys. Tables are made once; nothing is allocated later.
class Keyring {
 public:
  static constexpr size_t kSignersPerUse = 8;
  static constexpr size_t kSignersMax = 4 * kSignersPerUse;

  explicit Keyring(base::SecretArena& arena);

  // A new vault's keys: index, journal, history, one of each signing use.
  void Generate(uint64_t now);
  // The KEK of `institution`: admits it, and makes version 1, if it is new.
  // `leaf` is the next one. kFull when a table is full.
  Status EnsureInstitution(std::string_view institution, uint64_t now,
                           uint64_t leaf = 0);

  // --- Institutions
  int FindInstitution(std::string_view name) const;  // -1: never admitted
  const InstitutionKeys& institution(int place) const;
  size_t institutions() const { return institutions_size_; }
  void SetState(int institution, wire::InstitutionState state);

  // --- KEKs
  // The active one, or nullptr.
  const KekEntry* ActiveKek(int institution) const;
  // By exact id and institution, in a state that may open; else nullptr.
  const KekEntry* KekToOpen(int institution, const KeyId& id) const;
  // By exact id, in any state.
  KekEntry* FindKek(const KeyId& id);
  // By id and institution: was it here, and is it gone for good?
  bool IsDestroyed(int institution, const KeyId& id) const;
  size_t keks() const { return keks_size_; }
  const KekEntry& kek(size_t i) const { return keks_[i]; }
  KekEntry& kek(size_t i) { return keks_[i]; }
  // How many of the institution's live, and how many are not active.
  struct Living {
    size_t all = 0, old = 0;
  };
  Living CountLiving(int institution) const;
  // Whether AddKek would find room.
  Status CanAddKek(int institution) const;
  // A new active version; the one that was active is deactivated. Requires
  // CanAddKek. The oldest row that is swept makes room.
  const KekEntry& AddKek(int institution, NewKek fresh, uint64_t now,
                         uint64_t leaf);
  // kConflict where the state does not allow it.
  Status Compromise(KekEntry& kek, uint64_t now);
  // Wipes the key; an active one is deactivated first.
  void Destroy(KekEntry& kek, uint64_t now);
  void FillOldest(OldestKeks& oldest) const;
  // A walk over the store met no wrap under it; requires that it is not active.
  void MarkDrained(KekEntry& kek);
  // Whether MarkDrained was called since the last ClearDrained.
  bool any_drained() const { return any_drained_; }
  void ClearDrained() { any_drained_ = false; }
  // After the store was replaced: nothing is known to be drained or swept.
  void ForgetWalks();
  // After an import: every record of the store counts as rewrapped into its
  // KEK, not sealed under it; what was sealed when, nobody knows any more.
  void StartFromLeaf(uint64_t leaf);

  // --- Signing keys
  const SigningEntry& ActiveSigner(SigningUse use) const;
  // By exact id, in a state that may verify; else nullptr.
  const SigningEntry* SignerById(SigningUse use,
                                 const crypto::PaserkIdHash& id) const;
  SigningEntry* FindSigner(const KeyId& id);
  size_t signers() const { return signers_size_; }
  const SigningEntry& signer(size_t i) const { return signers_[i]; }
  SigningEntry& signer(size_t i) { return signers_[i]; }
  // Whether AddSigner would find room.
  Status CanAddSigner(SigningUse use) const;
  // A new active one; the one that was active is deactivated, and its private
  // half wiped unless something may still be sealed to it.
  const SigningEntry& AddSigner(SigningUse use, NewSigner fresh, uint64_t now);
  Status Compromise(SigningEntry& signer, uint64_t now);
  void Destroy(SigningEntry& signer, uint64_t now);

  const crypto::IndexKey& index_key() const { return index_key_; }
  const crypto::JournalKey& journal_key() const { return journal_key_; }
  const crypto::HistoryKey& history_key() const { return history_key_; }
  base::SecretArena& arena() const { return arena_; }

  // The keyring as bytes, each key wrapped under `root` with its own row as
  // associated data; and back. kInvalid, kDenied, kNewerFormat.
  Result<size_t> Seal(base::MutableBytes out, const crypto::RootKey& root,
                      const wire::ByteArray<16>& vault_id) const;
  Status Open(Bytes bytes, const crypto::RootKey& root,
              const wire::ByteArray<16>& vault_id);
  // Wipes every key and empties the tables.
  void Clear();

 private:
  // Readers of the sealed form's parts, in keyring_bytes.cc.
  class BytesReader;

  size_t OldestSwept(int institution) const;
  size_t OldestEnded(SigningUse use) const;
  void EraseKek(size_t i);
  void EraseSigner(size_t i);

  base::SecretArena& arena_;
  crypto::IndexKey index_key_;
  crypto::JournalKey journal_key_;
  crypto::HistoryKey history_key_;
  std::unique_ptr<InstitutionKeys[]> institutions_;
  size_t institutions_size_ = 0;
  std::unique_ptr<KekEntry[]> keks_;
  size_t keks_size_ = 0;
  bool any_drained_ = false;
  std::unique_ptr<SigningEntry[]> signers_;
  size_t signers_size_ = 0;
};

}  // namespace coffer::keeper
