#include "vault/keeper/consent_history.h"

#include "crypto/aead.h"

namespace coffer::keeper {
namespace {

using base::MutableBytes;

// What the box is over; the rest of wire::PastConsent stands in the row.
struct Sealed {
  std::string_view institution;
  std::string_view linker;
  wire::Consent consent;
  uint64_t granted_at = 0;
  uint64_t ended_at = 0;
  wire::ConsentEnding ending = wire::ConsentEnding::kReplaced;
  wire::RevocationReason reason = wire::RevocationReason::kNone;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Text(self.linker, base::kNameBytesMax);
    coder.Struct(self.consent);
    coder.Number(self.granted_at);
    coder.Number(self.ended_at);
    coder.Number(self.ending);
    coder.Number(self.reason);
  }
};

class Context {
 public:
  explicit Context(const wire::HistoryRow& row) : encoder_(buffer_) {
    encoder_.Text("coffer consent history", 32);
    encoder_.Number(row.format);
    encoder_.Fixed(row.subject);
    encoder_.Fixed(row.link);
    encoder_.Number(row.leaf);
    encoder_.Number(row.keep_until);
    COFFER_CHECK(!encoder_.failed());
  }
  Bytes bytes() const { return encoder_.written(); }

 private:
  uint8_t buffer_[80]{};
  base::Encoder encoder_;
};

}  // namespace

Bytes SealHistory(const Keyring& keyring, const OpenedLink& opened,
                  const ConsentEnd& end, uint64_t keep_until,
                  uint8_t (&out)[base::kHistoryBytesMax]) {
  Sealed sealed;
  sealed.institution = opened.head.institution;
  sealed.linker = opened.head.linker;
  sealed.consent = opened.metadata.consent;
  sealed.granted_at = opened.metadata.granted_at;
  sealed.ended_at = end.at;
  sealed.ending = end.ending;
  if (end.ending == wire::ConsentEnding::kRevoked) {
    sealed.reason = opened.metadata.reason;
  }
  uint8_t plaintext[base::kHistoryBytesMax];
  auto plain = base::EncodeWhole(MutableBytes(plaintext), sealed);
  COFFER_CHECK(plain.ok());
  wire::HistoryRow row;
  row.subject = opened.head.subject;
  row.link = opened.head.link;
  row.leaf = opened.head.leaf;
  row.keep_until = keep_until;
  uint8_t box[base::kHistoryBytesMax];
  auto boxed = crypto::SealBox(MutableBytes(box), keyring.history_key(),
                               Bytes(plaintext, *plain), Context(row).bytes());
  COFFER_CHECK(boxed.ok());
  base::Wipe(plaintext);
  row.box = Bytes(box, *boxed);
  auto size = base::EncodeWhole(MutableBytes(out), row);
  COFFER_CHECK(size.ok());
  return Bytes(out, *size);
}

wire::Rule OpenHistory(const Keyring& keyring, Bytes bytes,
                       uint8_t (&plaintext)[base::kHistoryBytesMax],
                       wire::PastConsent& out) {
  auto row = wire::DecodeHistoryRow(bytes);
  if (!row.ok()) return wire::Rule::kRecordDamaged;
  auto size = crypto::OpenBox(MutableBytes(plaintext), keyring.history_key(),
                              row->box, Context(*row).bytes());
  if (!size.ok()) return wire::Rule::kRecordDamaged;
  auto sealed = base::DecodeWhole<Sealed>(Bytes(plaintext, *size));
  if (!sealed.ok()) return wire::Rule::kRecordDamaged;
  out.link = row->link;
  out.institution = sealed->institution;
  out.linker = sealed->linker;
  out.consent = sealed->consent;
  out.granted_at = sealed->granted_at;
  out.ended_at = sealed->ended_at;
  out.ending = sealed->ending;
  out.reason = sealed->reason;
  out.keep_until = row->keep_until;
  return wire::Rule::kAllowed;
}

}  // namespace coffer::keeper
