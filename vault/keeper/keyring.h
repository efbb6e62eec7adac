// Every key of the vault below the root, by exact id, in the keeper's secret
// memory. States are NIST SP 800-57's, enforced here and nowhere else: only an
// active key seals, wraps or signs. A deactivated or compromised KEK still
// opens, so that links can be rewrapped; of the signers a deactivated one still
// verifies, a compromised one does not. A destroyed key is gone. Never tries
// keys in turn.
#pragma once

#include <memory>

#include "crypto/paserk.h"
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
  uint64_t created_at = 0;
  crypto::Kek key;
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
  uint64_t ended_at = 0;  // 0 while active
  crypto::PaserkIdHash id{};
  crypto::PublicKey public_key{};
  crypto::SigningKey key;
};

// Resource: owns the keys. Tables are made once; nothing is allocated later.
class Keyring {
 public:
  explicit Keyring(base::SecretArena& arena);

  // A new vault's keys: index, journal, and one of each signing use.
  void Generate(uint64_t now);
  // The KEK of `institution`: admits it, and makes version 1, if it is new.
  // kFull when the table is full. Durable only once the state file is written.
  Status EnsureInstitution(std::string_view institution, uint64_t now);

  int FindInstitution(std::string_view name) const;  // -1: never admitted
  const InstitutionKeys& institution(int place) const;
  // The active KEK, or nullptr.
  const KekEntry* ActiveKek(int institution) const;
  // By exact id and institution, in a state that may open; else nullptr.
  const KekEntry* KekToOpen(int institution, const KeyId& id) const;
  const SigningEntry& ActiveSigner(SigningUse use) const;
  // By exact id, in a state that may verify; else nullptr.
  const SigningEntry* SignerById(SigningUse use,
                                 const crypto::PaserkIdHash& id) const;
  const crypto::IndexKey& index_key() const { return index_key_; }
  const crypto::JournalKey& journal_key() const { return journal_key_; }
  size_t signers() const { return signers_size_; }
  const SigningEntry& signer(size_t i) const { return signers_[i]; }

  // The keyring as bytes, each key wrapped under `root` with its own row as
  // associated data; and back. kInvalid, kDenied, kNewerFormat.
  Result<size_t> Seal(base::MutableBytes out, const crypto::RootKey& root,
                      const wire::ByteArray<16>& vault_id) const;
  Status Open(Bytes bytes, const crypto::RootKey& root,
              const wire::ByteArray<16>& vault_id);
  // Wipes every key and empties the tables.
  void Clear();

 private:
  static constexpr size_t kSignersMax = 16;

  SigningEntry* AddSigner(SigningUse use, uint64_t now);

  base::SecretArena& arena_;
  crypto::IndexKey index_key_;
  crypto::JournalKey journal_key_;
  std::unique_ptr<InstitutionKeys[]> institutions_;
  size_t institutions_size_ = 0;
  std::unique_ptr<KekEntry[]> keks_;
  size_t keks_size_ = 0;
  std::unique_ptr<SigningEntry[]> signers_;
  size_t signers_size_ = 0;
};

}  // namespace coffer::keeper
