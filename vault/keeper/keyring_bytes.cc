#include "crypto/aead.h"
#include "vault/keeper/keyring.h"

// The sealed form:
//   format u8 | index_box 72 | journal_box 72 | history_box 72
//   | count u16 | (name text | state u8)*                       institutions
//   | count u16 | (row | box 72, unless destroyed)*             KEKs
//   | count u16 | (row | box 104, where has_key)*               signing keys
// Each box is the key under the root with "coffer keyring", the vault's id, a
// label and the row's bytes as associated data. Rows without a box hold no
// secret; they are authentic because the state's body is.

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
  bool swept = false;
  uint64_t created_at = 0;
  uint64_t created_leaf = 0;
  uint64_t ended_at = 0;
  uint64_t destroy_at = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Number(self.institution);
    coder.Number(self.version);
    coder.Number(self.state);
    coder.Flag(self.swept);
    coder.Number(self.created_at);
    coder.Number(self.created_leaf);
    coder.Number(self.ended_at);
    coder.Number(self.destroy_at);
  }
};
struct SigningRow {
  SigningUse use = SigningUse::kToken;
  uint32_t version = 0;
  KeyState state = KeyState::kActive;
  uint64_t created_at = 0;
  uint64_t ended_at = 0;
  uint64_t destroy_at = 0;
  bool has_key = true;
  crypto::PublicKey public_key{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.use);
    coder.Number(self.version);
    coder.Number(self.state);
    coder.Number(self.created_at);
    coder.Number(self.ended_at);
    coder.Number(self.destroy_at);
    coder.Flag(self.has_key);
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

base::Error Malformed() { return Fail(Code::kInvalid, "keyring: malformed"); }

bool IsUse(SigningUse use) {
  return use >= SigningUse::kToken && use <= SigningUse::kAudit;
}
bool IsInstitutionState(wire::InstitutionState state) {
  return state >= wire::InstitutionState::kActive &&
         state <= wire::InstitutionState::kWithdrawn;
}

}  // namespace

Result<size_t> Keyring::Seal(MutableBytes out, const crypto::RootKey& root,
                             const ByteArray<16>& vault_id) const {
  Encoder encoder(out);
  encoder.Number(kKeyringFormat);
  COFFER_TRY(AppendBox(encoder, root, index_key_,
                       BoxContext(vault_id, "index key", kNoRow)));
  COFFER_TRY(AppendBox(encoder, root, journal_key_,
                       BoxContext(vault_id, "journal key", kNoRow)));
  COFFER_TRY(AppendBox(encoder, root, history_key_,
                       BoxContext(vault_id, "history key", kNoRow)));
  encoder.Number(static_cast<uint16_t>(institutions_size_));
  for (size_t i = 0; i < institutions_size_; ++i) {
    encoder.Struct(institutions_[i].name);
    encoder.Number(institutions_[i].state);
  }
  encoder.Number(static_cast<uint16_t>(keks_size_));
  for (size_t i = 0; i < keks_size_; ++i) {
    const KekEntry& kek = keks_[i];
    KekRow row{kek.id,           kek.institution, kek.version,
               kek.state,        kek.swept,       kek.created_at,
               kek.created_leaf, kek.ended_at,    kek.destroy_at};
    encoder.Struct(row);
    if (!Lives(kek.state)) continue;
    COFFER_TRY(
        AppendBox(encoder, root, kek.key, BoxContext(vault_id, "kek", row)));
  }
  encoder.Number(static_cast<uint16_t>(signers_size_));
  for (size_t i = 0; i < signers_size_; ++i) {
    const SigningEntry& entry = signers_[i];
    SigningRow row{entry.use,           entry.version,   entry.state,
                   entry.created_at,    entry.ended_at,  entry.destroy_at,
                   entry.key.present(), entry.public_key};
    encoder.Struct(row);
    if (!row.has_key) continue;
    COFFER_TRY(AppendBox(encoder, root, entry.key,
                         BoxContext(vault_id, "signing key", row)));
  }
  if (encoder.failed()) return Fail(Code::kTooLarge, "keyring: too large");
  return encoder.used();
}

// Takes the sealed form apart into a keyring that is empty.
class Keyring::BytesReader {
 public:
  BytesReader(Keyring& keyring, Bytes bytes, const crypto::RootKey& root,
              const ByteArray<16>& vault_id)
      : ring_(keyring), decoder_(bytes), root_(root), vault_id_(vault_id) {}

  Status Read() {
    uint8_t format = 0;
    decoder_.Number(format);
    if (format > kKeyringFormat) {
      return Fail(Code::kNewerFormat,
                  "keyring: written by a newer coffer; update this program");
    }
    if (format != kKeyringFormat) return Malformed();
    ring_.index_key_ = crypto::IndexKey(ring_.arena_);
    COFFER_TRY(TakeBox(decoder_, ring_.index_key_, root_,
                       BoxContext(vault_id_, "index key", kNoRow)));
    ring_.journal_key_ = crypto::JournalKey(ring_.arena_);
    COFFER_TRY(TakeBox(decoder_, ring_.journal_key_, root_,
                       BoxContext(vault_id_, "journal key", kNoRow)));
    ring_.history_key_ = crypto::HistoryKey(ring_.arena_);
    COFFER_TRY(TakeBox(decoder_, ring_.history_key_, root_,
                       BoxContext(vault_id_, "history key", kNoRow)));
    COFFER_TRY(ReadInstitutions());
    COFFER_TRY(ReadKeks());
    COFFER_TRY(ReadSigners());
    if (!decoder_.finished()) return Malformed();
    return {};
  }

 private:
  Status ReadInstitutions() {
    uint16_t count = 0;
    decoder_.Number(count);
    if (decoder_.failed() || count > base::kInstitutionsMax) return Malformed();
    for (uint16_t i = 0; i < count; ++i) {
      InstitutionKeys& institution = ring_.institutions_[i];
      decoder_.Struct(institution.name);
      decoder_.Number(institution.state);
      ring_.institutions_size_ = i + 1u;
      if (decoder_.failed() || !IsInstitutionState(institution.state)) {
        return Malformed();
      }
    }
    return {};
  }

  Status ReadKeks() {
    uint16_t count = 0;
    decoder_.Number(count);
    if (decoder_.failed() || count > base::kKeysMax) return Malformed();
    for (uint16_t i = 0; i < count; ++i) {
      KekRow row;
      decoder_.Struct(row);
      if (decoder_.failed() || row.institution >= ring_.institutions_size_ ||
          !IsKeyState(static_cast<uint8_t>(row.state)) ||
          (row.swept && Lives(row.state))) {
        return Malformed();
      }
      KekEntry& kek = ring_.keks_[i];
      ring_.keks_size_ = i + 1u;
      kek = KekEntry{};
      kek.id = row.id;
      kek.institution = row.institution;
      kek.version = row.version;
      kek.state = row.state;
      kek.swept = row.swept;
      kek.created_at = row.created_at;
      kek.created_leaf = row.created_leaf;
      kek.ended_at = row.ended_at;
      kek.destroy_at = row.destroy_at;
      if (!Lives(row.state)) continue;
      kek.key = crypto::Kek(ring_.arena_);
      COFFER_TRY(
          TakeBox(decoder_, kek.key, root_, BoxContext(vault_id_, "kek", row)));
      // The id commits to the key: a row that names another key is refused.
      if (ShortId(crypto::LocalId(kek.key)) != row.id) return Malformed();
    }
    return {};
  }

  Status ReadSigners() {
    uint16_t count = 0;
    decoder_.Number(count);
    if (decoder_.failed() || count > kSignersMax) return Malformed();
    for (uint16_t i = 0; i < count; ++i) {
      SigningRow row;
      decoder_.Struct(row);
      const bool active = MaySeal(row.state);
      if (decoder_.failed() || !IsUse(row.use) ||
          !IsKeyState(static_cast<uint8_t>(row.state)) ||
          (active && !row.has_key) || (row.has_key && !Lives(row.state))) {
        return Malformed();
      }
      SigningEntry& entry = ring_.signers_[i];
      ring_.signers_size_ = i + 1u;
      entry = SigningEntry{};
      entry.use = row.use;
      entry.version = row.version;
      entry.state = row.state;
      entry.created_at = row.created_at;
      entry.ended_at = row.ended_at;
      entry.destroy_at = row.destroy_at;
      entry.public_key = row.public_key;
      entry.id = crypto::PublicId(entry.public_key);
      if (!row.has_key) continue;
      entry.key = crypto::SigningKey(ring_.arena_);
      COFFER_TRY(TakeBox(decoder_, entry.key, root_,
                         BoxContext(vault_id_, "signing key", row)));
      if (crypto::PublicKeyOf(entry.key) != row.public_key) return Malformed();
    }
    for (SigningUse use : {SigningUse::kToken, SigningUse::kEvidence,
                           SigningUse::kIngest, SigningUse::kAudit}) {
      size_t active = 0;
      for (size_t i = 0; i < ring_.signers_size_; ++i) {
        active +=
            ring_.signers_[i].use == use && MaySeal(ring_.signers_[i].state);
      }
      if (active != 1) return Malformed();
    }
    return {};
  }

  Keyring& ring_;
  Decoder decoder_;
  const crypto::RootKey& root_;
  const ByteArray<16>& vault_id_;
};

Status Keyring::Open(Bytes bytes, const crypto::RootKey& root,
                     const ByteArray<16>& vault_id) {
  Clear();
  return BytesReader(*this, bytes, root, vault_id).Read();
}

}  // namespace coffer::keeper
