#include "vault/keeper/sealed_link.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"

namespace coffer::keeper {
namespace {

using base::Encoder;
using base::MutableBytes;
using wire::RecordHead;
using wire::Rule;
using wire::Wrap;

constexpr size_t kAuditBoxBytes = 32 + crypto::kBoxExtraBytes;
constexpr size_t kContextBytesMax = 320;
constexpr size_t kPadding = 32;

// Associated data is laid out here, once for sealing and opening.
class Context {
 public:
  Context(std::string_view label, const RecordHead& head) : Context(label) {
    encoder_.Number(wire::kRecordFormat);
    encoder_.Text(head.institution, base::kNameBytesMax);
    encoder_.Fixed(head.link);
    encoder_.Number(head.revision);
    encoder_.Number(head.leaf);
  }
  Encoder& encoder() { return encoder_; }
  Bytes bytes() const {
    COFFER_CHECK(!encoder_.failed());
    return encoder_.written();
  }

 protected:
  explicit Context(std::string_view label) : encoder_(buffer_) {
    encoder_.Text(label, 64);
  }
  MutableBytes buffer() { return buffer_; }

 private:
  uint8_t buffer_[kContextBytesMax]{};
  Encoder encoder_;
};

// Of head or wrap: both name linker, subject, revision and leaf.
class WrapContext : public Context {
 public:
  template <typename Named>
  WrapContext(std::string_view institution, const wire::LinkId& link,
              const Named& named, const KeyId& kek)
      : Context("coffer wrap") {
    encoder().Number(wire::kWrapFormat);
    encoder().Text(institution, base::kNameBytesMax);
    kek_at_ = encoder().used();
    encoder().Fixed(kek);
    encoder().Fixed(link);
    encoder().Text(named.linker, base::kNameBytesMax);
    encoder().Fixed(named.subject);
    encoder().Number(named.revision);
    encoder().Number(named.leaf);
  }
  void ReplaceKek(const KeyId& kek) {
    std::memcpy(buffer().data() + kek_at_, kek.data(), kek.size());
  }

 private:
  size_t kek_at_ = 0;
};

class ConsentContext : public Context {
 public:
  explicit ConsentContext(const RecordHead& head)
      : Context("coffer consent", head) {
    encoder().Number(head.expires_at);
  }
};
class TokenContext : public Context {
 public:
  TokenContext(const RecordHead& head, const wire::ByteArray<32>& consent_hash)
      : Context("coffer bank token", head) {
    encoder().Fixed(consent_hash);
  }
};

void HashConsent(wire::ByteArray<32>& out, Bytes metadata_plaintext) {
  // The consent is what follows the four dates and the two marks.
  constexpr size_t kBefore = 4 * 8 + 2;
  crypto::Hash(out, "coffer consent hash",
               {metadata_plaintext.subspan(kBefore)});
}

size_t Padded(size_t bytes) {
  return (bytes + 2 + kPadding - 1) / kPadding * kPadding;
}

}  // namespace

Rule OpenLink(const Keyring& keyring, const wire::LinkId& link,
              const wire::StoredLink& stored, OpenedLink& out) {
  auto head = wire::DecodeRecordHead(stored.head);
  auto wrap = wire::DecodeWrap(stored.wrap);
  if (!head.ok() || !wrap.ok()) return Rule::kRecordDamaged;
  if (head->link != link || !Belongs(*wrap, *head)) return Rule::kRecordDamaged;
  if (head->metadata_box.size() < kAuditBoxBytes + crypto::kBoxExtraBytes) {
    return Rule::kRecordDamaged;
  }
  out.head = *head;
  out.institution = keyring.FindInstitution(head->institution);
  if (out.institution < 0) return Rule::kKeyUnavailable;
  const KekEntry* kek = keyring.KekToOpen(out.institution, wrap->kek);
  if (kek == nullptr) {
    return keyring.IsDestroyed(out.institution, wrap->kek)
               ? Rule::kKeyDestroyed
               : Rule::kKeyUnavailable;
  }
  out.kek = kek->id;
  out.kek_created_leaf = kek->created_leaf;
  if (!crypto::UnwrapKey(
           out.dek, kek->key, wrap->box,
           WrapContext(head->institution, link, *head, wrap->kek).bytes())
           .ok()) {
    return Rule::kRecordDamaged;
  }
  if (!crypto::UnwrapKey(out.audit, out.dek,
                         head->metadata_box.first(kAuditBoxBytes),
                         Context("coffer link audit key", *head).bytes())
           .ok()) {
    return Rule::kRecordDamaged;
  }
  auto size = crypto::OpenBox(out.plaintext, out.dek,
                              head->metadata_box.subspan(kAuditBoxBytes),
                              ConsentContext(*head).bytes());
  if (!size.ok()) return Rule::kRecordDamaged;
  const Bytes plaintext(out.plaintext, *size);
  auto metadata = base::DecodeWhole<LinkMetadata>(plaintext);
  if (!metadata.ok() || metadata->expires_at != head->expires_at) {
    return Rule::kRecordDamaged;
  }
  out.metadata = *metadata;
  out.plaintext_size = *size;
  return Rule::kAllowed;
}

Rule OpenBankToken(const OpenedLink& link, Bytes token_box, MutableBytes out,
                   Bytes& token) {
  wire::ByteArray<32> consent_hash;
  HashConsent(consent_hash, Bytes(link.plaintext, link.plaintext_size));
  auto size = crypto::OpenBox(out, link.dek, token_box,
                              TokenContext(link.head, consent_hash).bytes());
  if (!size.ok() || *size < 2) return Rule::kRecordDamaged;
  const size_t bytes = static_cast<size_t>(out[0]) | out[1] << 8;
  if (bytes == 0 || bytes > *size - 2) return Rule::kRecordDamaged;
  token = Bytes(out.data() + 2, bytes);
  return Rule::kAllowed;
}

void OpenedLink::Wipe() {
  dek.Wipe();
  audit.Wipe();
  base::Wipe(plaintext);
}

void SealedLink::Wipe() {
  dek.Wipe();
  base::Wipe(padded);
}

Rule SealLink(const Keyring& keyring, const LinkToSeal& link, SealedLink& out) {
  const int institution = keyring.FindInstitution(link.institution);
  const KekEntry* kek =
      institution < 0 ? nullptr : keyring.ActiveKek(institution);
  if (kek == nullptr) return Rule::kKeyUnavailable;

  RecordHead head;
  head.link = link.link;
  head.revision = link.revision;
  head.leaf = link.leaf;
  head.expires_at = link.metadata->expires_at;
  head.institution = link.institution;
  head.linker = link.linker;
  head.subject = link.subject;

  uint8_t plaintext[base::kRecordHeadBytesMax];
  auto plain = base::EncodeWhole(MutableBytes(plaintext), *link.metadata);
  COFFER_CHECK(plain.ok());
  wire::ByteArray<32> consent_hash;
  HashConsent(consent_hash, Bytes(plaintext, *plain));

  crypto::RandomKey(out.dek);
  uint8_t boxes[base::kRecordHeadBytesMax];
  auto audit = crypto::WrapKey(MutableBytes(boxes), out.dek, *link.audit,
                               Context("coffer link audit key", head).bytes());
  auto consent =
      crypto::SealBox(MutableBytes(boxes).subspan(kAuditBoxBytes), out.dek,
                      Bytes(plaintext, *plain), ConsentContext(head).bytes());
  base::Wipe(plaintext);
  COFFER_CHECK(audit.ok() && consent.ok());
  head.metadata_box = Bytes(boxes, *audit + *consent);
  auto head_bytes = base::EncodeWhole(MutableBytes(out.head), head);
  COFFER_CHECK(head_bytes.ok());

  Wrap wrap;
  wrap.kek = kek->id;
  wrap.leaf = head.leaf;
  wrap.revision = head.revision;
  wrap.linker = head.linker;
  wrap.subject = head.subject;
  auto box = crypto::WrapKey(
      wrap.box, kek->key, out.dek,
      WrapContext(head.institution, head.link, head, kek->id).bytes());
  COFFER_CHECK(box.ok());
  auto wrap_bytes = base::EncodeWhole(MutableBytes(out.wrap), wrap);
  COFFER_CHECK(wrap_bytes.ok());

  size_t token_bytes = 0;
  if (link.has_bank_token) {
    const size_t padded = Padded(link.bank_token.size());
    COFFER_CHECK(!link.bank_token.empty() && padded <= sizeof out.padded);
    std::memset(out.padded, 0, padded);
    out.padded[0] = static_cast<uint8_t>(link.bank_token.size());
    out.padded[1] = static_cast<uint8_t>(link.bank_token.size() >> 8);
    std::memcpy(out.padded + 2, link.bank_token.data(), link.bank_token.size());
    auto sealed = crypto::SealBox(MutableBytes(out.token_box), out.dek,
                                  Bytes(out.padded, padded),
                                  TokenContext(head, consent_hash).bytes());
    base::Wipe(MutableBytes(out.padded, padded));
    COFFER_CHECK(sealed.ok());
    token_bytes = *sealed;
  }
  out.stored.head = Bytes(out.head, *head_bytes);
  out.stored.wrap = Bytes(out.wrap, *wrap_bytes);
  out.stored.token_box = Bytes(out.token_box, token_bytes);
  return Rule::kAllowed;
}

Rule RewrapDek(const KekEntry& from, const KekEntry& to,
               std::string_view institution, const wire::LinkId& link,
               const Wrap& wrap, crypto::Dek& dek,
               wire::ByteArray<wire::kWrapBoxBytes>& box) {
  WrapContext context(institution, link, wrap, from.id);
  if (!crypto::UnwrapKey(dek, from.key, wrap.box, context.bytes()).ok()) {
    return Rule::kRecordDamaged;
  }
  context.ReplaceKek(to.id);
  COFFER_CHECK(crypto::WrapKey(box, to.key, dek, context.bytes()).ok());
  return Rule::kAllowed;
}

bool ProvesWrap(const KekEntry& kek, std::string_view institution,
                const wire::LinkId& link, const Wrap& wrap, crypto::Dek& dek) {
  const WrapContext context(institution, link, wrap, kek.id);
  return crypto::UnwrapKey(dek, kek.key, wrap.box, context.bytes()).ok();
}

}  // namespace coffer::keeper
