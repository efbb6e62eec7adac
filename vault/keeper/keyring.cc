#include "vault/keeper/keyring.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"

// The sealed form:
//   format u8 | index_box 72 | journal_box 72
//   | count u16 | (name text | state u8)*                       institutions
//   | count u16 | (row | box 72)*                               KEKs
//   | count u16 | (row | box 104)*                              signing keys
// Each box is the key under the root with "coffer keyring", the vault's id, a
// label and the row's bytes as associated data.

namespace coffer::keeper {
namespace {

using base::Code;
using base::Decoder;
using base::Encoder;
using base::Fail;
using base::MutableBytes;
using wire::ByteArray;

constexpr uint8_t kKeyringFormat = 1;

// The clear part of a KEK's row.
struct KekRow {
  KeyId id{};
  uint16_t institution = 0;
  uint32_t version = 0;
  KeyState state = KeyState::kActive;
  uint64_t created_at = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Number(self.institution);
    coder.Number(self.version);
    coder.Number(self.state);
    coder.Number(self.created_at);
  }
};
struct SigningRow {
  SigningUse use = SigningUse::kToken;
  uint32_t version = 0;
  KeyState state = KeyState::kActive;
  uint64_t created_at = 0;
  uint64_t ended_at = 0;
  crypto::PublicKey public_key{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.use);
    coder.Number(self.version);
    coder.Number(self.state);
    coder.Number(self.created_at);
    coder.Number(self.ended_at);
    coder.Fixed(self.public_key);
  }
};

// Associated data of one box, in a buffer of its own.
class BoxContext {
 public:
  template <typename Row>
  BoxContext(const ByteArray<16>& vault_id, std::string_view label,
             const Row& row)
      : encoder_(buffer_) {
    encoder_.Text("coffer keyring", 32);
    encoder_.Number(kKeyringFormat);
    encoder_.Fixed(vault_id);
    encoder_.Text(label, 32);
    encoder_.Struct(row);
    COFFER_CHECK(!encoder_.failed());
  }
  Bytes bytes() const { return encoder_.written(); }

 private:
  uint8_t buffer_[256]{};
  Encoder encoder_;
};

template <typename Outer, typename Inner, size_t N>
Status AppendBox(Encoder& encoder, const crypto::SecretKey<Outer>& root,
                 const crypto::SecretKey<Inner, N>& key,
                 const BoxContext& context) {
  ByteArray<N + crypto::kBoxExtraBytes> box;
  auto size = crypto::WrapKey(box, root, key, context.bytes());
  if (!size.ok()) return size.error();
  encoder.Append(box);
  return {};
}

template <typename Inner, size_t N>
Status TakeBox(Decoder& decoder, crypto::SecretKey<Inner, N>& key,
               const crypto::RootKey& root, const BoxContext& context) {
  Bytes box = decoder.Take(N + crypto::kBoxExtraBytes);
  if (decoder.failed()) return Fail(Code::kInvalid, "keyring: malformed");
  return crypto::UnwrapKey(key, root, box, context.bytes());
}

const KekRow kNoRow{};

}  // namespace

KeyId ShortId(const crypto::PaserkIdHash& hash) {
  KeyId id;
  std::memcpy(id.data(), hash.data(), id.size());
  return id;
}

Keyring::Keyring(base::SecretArena& arena)
    : arena_(arena),
      institutions_(new InstitutionKeys[base::kInstitutionsMax]),
      keks_(new KekEntry[base::kKeysMax]),
      signers_(new SigningEntry[kSignersMax]) {}

void Keyring::Generate(uint64_t now) {
  Clear();
  index_key_ = crypto::IndexKey(arena_);
  crypto::RandomKey(index_key_);
  journal_key_ = crypto::JournalKey(arena_);
  crypto::RandomKey(journal_key_);
  for (SigningUse use : {SigningUse::kToken, SigningUse::kEvidence,
                         SigningUse::kIngest, SigningUse::kAudit}) {
    AddSigner(use, now);
  }
}

SigningEntry* Keyring::AddSigner(SigningUse use, uint64_t now) {
  COFFER_CHECK(signers_size_ < kSignersMax);
  SigningEntry& entry = signers_[signers_size_++];
  entry.use = use;
  entry.version = 1;
  entry.state = KeyState::kActive;
  entry.created_at = now;
  entry.ended_at = 0;
  entry.key = crypto::SigningKey(arena_);
  crypto::GenerateSigningKey(entry.key);
  entry.public_key = crypto::PublicKeyOf(entry.key);
  entry.id = crypto::PublicId(entry.public_key);
  return &entry;
}

Status Keyring::EnsureInstitution(std::string_view institution, uint64_t now) {
  int place = FindInstitution(institution);
  if (place >= 0) return {};
  if (institutions_size_ == base::kInstitutionsMax ||
      keks_size_ == base::kKeysMax) {
    return Fail(Code::kFull, "keyring: no room for another institution");
  }
  place = static_cast<int>(institutions_size_++);
  institutions_[place].name.Assign(institution);
  institutions_[place].state = wire::InstitutionState::kActive;
  KekEntry& kek = keks_[keks_size_++];
  kek.institution = static_cast<uint16_t>(place);
  kek.version = 1;
  kek.state = KeyState::kActive;
  kek.created_at = now;
  kek.key = crypto::Kek(arena_);
  crypto::RandomKey(kek.key);
  kek.id = ShortId(crypto::LocalId(kek.key));
  return {};
}

int Keyring::FindInstitution(std::string_view name) const {
  for (size_t i = 0; i < institutions_size_; ++i) {
    if (institutions_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

const InstitutionKeys& Keyring::institution(int place) const {
  COFFER_CHECK(place >= 0 && static_cast<size_t>(place) < institutions_size_);
  return institutions_[static_cast<size_t>(place)];
}

const KekEntry* Keyring::ActiveKek(int institution) const {
  for (size_t i = 0; i < keks_size_; ++i) {
    if (keks_[i].institution == institution &&
        keks_[i].state == KeyState::kActive) {
      return &keks_[i];
    }
  }
  return nullptr;
}

const KekEntry* Keyring::KekToOpen(int institution, const KeyId& id) const {
  for (size_t i = 0; i < keks_size_; ++i) {
    const KekEntry& kek = keks_[i];
    if (kek.institution != institution || kek.id != id) continue;
    const bool may_open = kek.state == KeyState::kActive ||
                          kek.state == KeyState::kDeactivated ||
                          kek.state == KeyState::kCompromised;
    return may_open ? &kek : nullptr;
  }
  return nullptr;
}

const SigningEntry& Keyring::ActiveSigner(SigningUse use) const {
  for (size_t i = 0; i < signers_size_; ++i) {
    if (signers_[i].use == use && signers_[i].state == KeyState::kActive) {
      return signers_[i];
    }
  }
  COFFER_CHECK(false);
}

const SigningEntry* Keyring::SignerById(SigningUse use,
                                        const crypto::PaserkIdHash& id) const {
  for (size_t i = 0; i < signers_size_; ++i) {
    const SigningEntry& entry = signers_[i];
    if (entry.use != use || entry.id != id) continue;
    const bool may_verify = entry.state == KeyState::kActive ||
                            entry.state == KeyState::kDeactivated;
    return may_verify ? &entry : nullptr;
  }
  return nullptr;
}

Result<size_t> Keyring::Seal(MutableBytes out, const crypto::RootKey& root,
                             const ByteArray<16>& vault_id) const {
  Encoder encoder(out);
  encoder.Number(kKeyringFormat);
  COFFER_TRY(AppendBox(encoder, root, index_key_,
                       BoxContext(vault_id, "index key", kNoRow)));
  COFFER_TRY(AppendBox(encoder, root, journal_key_,
                       BoxContext(vault_id, "journal key", kNoRow)));
  encoder.Number(static_cast<uint16_t>(institutions_size_));
  for (size_t i = 0; i < institutions_size_; ++i) {
    encoder.Struct(institutions_[i].name);
    encoder.Number(institutions_[i].state);
  }
  encoder.Number(static_cast<uint16_t>(keks_size_));
  for (size_t i = 0; i < keks_size_; ++i) {
    const KekEntry& kek = keks_[i];
    KekRow row{kek.id, kek.institution, kek.version, kek.state, kek.created_at};
    encoder.Struct(row);
    COFFER_TRY(
        AppendBox(encoder, root, kek.key, BoxContext(vault_id, "kek", row)));
  }
  encoder.Number(static_cast<uint16_t>(signers_size_));
  for (size_t i = 0; i < signers_size_; ++i) {
    const SigningEntry& entry = signers_[i];
    SigningRow row{entry.use,        entry.version,  entry.state,
                   entry.created_at, entry.ended_at, entry.public_key};
    encoder.Struct(row);
    COFFER_TRY(AppendBox(encoder, root, entry.key,
                         BoxContext(vault_id, "signing key", row)));
  }
  if (encoder.failed()) return Fail(Code::kTooLarge, "keyring: too large");
  return encoder.used();
}

Status Keyring::Open(Bytes bytes, const crypto::RootKey& root,
                     const ByteArray<16>& vault_id) {
  Clear();
  Decoder decoder(bytes);
  uint8_t format = 0;
  decoder.Number(format);
  if (format > kKeyringFormat) {
    return Fail(Code::kNewerFormat,
                "keyring: written by a newer coffer; update this program");
  }
  const base::Error malformed = Fail(Code::kInvalid, "keyring: malformed");
  if (format != kKeyringFormat) return malformed;
  index_key_ = crypto::IndexKey(arena_);
  COFFER_TRY(TakeBox(decoder, index_key_, root,
                     BoxContext(vault_id, "index key", kNoRow)));
  journal_key_ = crypto::JournalKey(arena_);
  COFFER_TRY(TakeBox(decoder, journal_key_, root,
                     BoxContext(vault_id, "journal key", kNoRow)));
  uint16_t count = 0;
  decoder.Number(count);
  if (decoder.failed() || count > base::kInstitutionsMax) return malformed;
  for (uint16_t i = 0; i < count; ++i) {
    decoder.Struct(institutions_[i].name);
    decoder.Number(institutions_[i].state);
  }
  institutions_size_ = count;
  decoder.Number(count);
  if (decoder.failed() || count > base::kKeysMax) return malformed;
  for (uint16_t i = 0; i < count; ++i) {
    KekRow row;
    decoder.Struct(row);
    if (decoder.failed() || row.institution >= institutions_size_) {
      return malformed;
    }
    KekEntry& kek = keks_[i];
    keks_size_ = i + 1u;
    kek.id = row.id;
    kek.institution = row.institution;
    kek.version = row.version;
    kek.state = row.state;
    kek.created_at = row.created_at;
    kek.key = crypto::Kek(arena_);
    COFFER_TRY(
        TakeBox(decoder, kek.key, root, BoxContext(vault_id, "kek", row)));
    // The id commits to the key: a row that names another key is refused.
    if (ShortId(crypto::LocalId(kek.key)) != row.id) return malformed;
  }
  decoder.Number(count);
  if (decoder.failed() || count > kSignersMax) return malformed;
  for (uint16_t i = 0; i < count; ++i) {
    SigningRow row;
    decoder.Struct(row);
    SigningEntry& entry = signers_[i];
    signers_size_ = i + 1u;
    entry.use = row.use;
    entry.version = row.version;
    entry.state = row.state;
    entry.created_at = row.created_at;
    entry.ended_at = row.ended_at;
    entry.key = crypto::SigningKey(arena_);
    COFFER_TRY(TakeBox(decoder, entry.key, root,
                       BoxContext(vault_id, "signing key", row)));
    entry.public_key = crypto::PublicKeyOf(entry.key);
    if (entry.public_key != row.public_key) return malformed;
    entry.id = crypto::PublicId(entry.public_key);
  }
  if (!decoder.finished()) return malformed;
  return {};
}

void Keyring::Clear() {
  index_key_.Destroy();
  journal_key_.Destroy();
  for (size_t i = 0; i < keks_size_; ++i) keks_[i] = KekEntry{};
  for (size_t i = 0; i < signers_size_; ++i) signers_[i] = SigningEntry{};
  for (size_t i = 0; i < institutions_size_; ++i) {
    institutions_[i] = InstitutionKeys{};
  }
  keks_size_ = signers_size_ = institutions_size_ = 0;
}

}  // namespace coffer::keeper
