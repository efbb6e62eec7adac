// A link's record, sealed and opened. Runs in the keeper only.
//
//   metadata_box := audit_box 72 | consent_box
//   audit_box    := the link's audit key under the DEK
//   consent_box  := box under the DEK of
//                   created_at u64 | updated_at u64 | granted_at u64
//                   | expires_at u64 | status u8 | reason u8 | consent
//   token_box    := box under the DEK of size u16 | bank token | zeros up to
//                   the next multiple of 32
//
// Associated data (text is u16 size and bytes):
//   wrap    := "coffer wrap" | format u8 | institution text | kek 16 | link 16
//              | linker text | subject 16 | revision u32 | leaf u64
//   audit   := "coffer link audit key" | common
//   consent := "coffer consent" | common | expires_at u64
//   token   := "coffer bank token" | common | consent_hash 32
//   common  := format u8 | institution text | link 16 | revision u32 | leaf u64
// consent_hash is BLAKE2b-32 of the consent as encoded: a bank token opens
// under no consent but the one it was given with.
#pragma once

#include "crypto/secret_key.h"
#include "vault/keeper/keyring.h"
#include "vault/wire/message.h"

namespace coffer::keeper {

struct LinkMetadata {
  uint64_t created_at = 0;
  uint64_t updated_at = 0;
  uint64_t granted_at = 0;
  uint64_t expires_at = 0;
  wire::ConsentStatus status = wire::ConsentStatus::kActive;
  wire::RevocationReason reason = wire::RevocationReason::kNone;
  wire::Consent consent;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.created_at);
    coder.Number(self.updated_at);
    coder.Number(self.granted_at);
    coder.Number(self.expires_at);
    coder.Number(self.status);
    coder.Number(self.reason);
    coder.Struct(self.consent);
  }
};

// Room for one opened link, reused from item to item. Views in `head` point
// into the frame, views in `metadata` into `plaintext`.
struct OpenedLink {
  explicit OpenedLink(base::SecretArena& arena) : dek(arena), audit(arena) {}
  // Forgets the link; the room stays.
  void Wipe();

  wire::RecordHead head;
  LinkMetadata metadata;
  int institution = -1;  // place in the keyring
  KeyId kek{};           // that its wrap was opened under
  // Every record sealed under its KEK, not rewrapped into it, has this leaf or
  // a later one.
  uint64_t kek_created_leaf = 0;
  crypto::Dek dek;
  crypto::LinkAuditKey audit;
  size_t plaintext_size = 0;
  uint8_t plaintext[base::kRecordHeadBytesMax];
};

// Opens head and wrap of `link` and checks that they are each other's. Returns
// kAllowed, kRecordDamaged, kKeyDestroyed, or kKeyUnavailable (its KEK is not
// in the keyring).
wire::Rule OpenLink(const Keyring& keyring, const wire::LinkId& link,
                    const wire::StoredLink& stored, OpenedLink& out);

// The bank token of an opened link, into `out` (kBankTokenBytesMax + 34 bytes;
// the caller wipes it); its view in `token`. kRecordDamaged otherwise.
wire::Rule OpenBankToken(const OpenedLink& link, Bytes token_box,
                         base::MutableBytes out, Bytes& token);

// What is to be sealed: a fresh DEK is made for it.
struct LinkToSeal {
  wire::LinkId link{};
  uint32_t revision = 0;
  uint64_t leaf = 0;
  std::string_view institution;
  std::string_view linker;
  wire::SubjectHash subject{};
  const LinkMetadata* metadata = nullptr;
  const crypto::LinkAuditKey* audit = nullptr;
  bool has_bank_token = false;  // false: an empty token_box
  Bytes bank_token;
};

// Room for one sealed link; `stored` views into it.
struct SealedLink {
  explicit SealedLink(base::SecretArena& arena) : dek(arena) {}
  ~SealedLink() { Wipe(); }
  void Wipe();

  wire::StoredLink stored;
  crypto::Dek dek;
  uint8_t head[base::kRecordHeadBytesMax];
  uint8_t wrap[base::kWrapBytesMax];
  uint8_t token_box[base::kTokenBoxBytesMax];
  uint8_t padded[base::kBankTokenBytesMax + 34];
};

// Seals under the institution's active KEK. kAllowed or kKeyUnavailable.
wire::Rule SealLink(const Keyring& keyring, const LinkToSeal& link,
                    SealedLink& out);

// The DEK of `wrap`, from one KEK to another of the same institution. `dek` is
// room for it, used and left wiped by the caller. kAllowed or kRecordDamaged.
wire::Rule RewrapDek(const KekEntry& from, const KekEntry& to,
                     std::string_view institution, const wire::LinkId& link,
                     const wire::Wrap& wrap, crypto::Dek& dek,
                     wire::ByteArray<wire::kWrapBoxBytes>& box);

// Whether `wrap` is this link's, so that its names are what it was sealed with.
// `dek` as above.
bool ProvesWrap(const KekEntry& kek, std::string_view institution,
                const wire::LinkId& link, const wire::Wrap& wrap,
                crypto::Dek& dek);

}  // namespace coffer::keeper
