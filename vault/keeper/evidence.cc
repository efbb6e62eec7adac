#include "vault/keeper/evidence.h"

#include "vault/keeper/text_writer.h"

namespace coffer::keeper {
namespace {

constexpr size_t Base64Bytes(size_t bytes) { return (bytes * 4 + 2) / 3; }

constexpr size_t kPayloadBytesMax = 5800;
static_assert(sizeof("v4.public.") + Base64Bytes(kPayloadBytesMax + 64) +
                  Base64Bytes(kFooterBytes) <=
              kCertificateBytesMax);
// ,"lnk_..." and {"kek":"","institution":"","links":[]}, at their longest.
constexpr size_t kLinkBytes = 3 + wire::kLinkTextBytes;
constexpr size_t kGroupBytes = 43 + 2 * sizeof(KeyId) + base::kNameBytesMax;
constexpr size_t kRestBytesMax = 400;  // all else
static_assert(kRestBytesMax + base::kErasedRowsMax * kLinkBytes +
                  kErasedKeksSure * kGroupBytes <=
              kPayloadBytesMax);

void AddLink(TextWriter& writer, const wire::LinkId& link) {
  char text[wire::kLinkTextBytes];
  wire::FormatLink(text, link);
  writer.Add("\"").Add({text, sizeof text}).Add("\"");
}

// Key by key, in the order in which they are met.
void AddKeys(TextWriter& writer, const Erasure& erasure) {
  bool named[base::kErasedRowsMax]{};
  const auto room = [&](size_t bytes) {
    return writer.size() + bytes + 2 <= kPayloadBytesMax;
  };
  bool first = true;
  for (size_t i = 0; i < erasure.links.size; ++i) {
    const ErasedLink& head = erasure.links[i];
    if (named[i] || !room(kGroupBytes + kLinkBytes)) continue;
    writer.Add(first ? "{\"kek\":\"" : ",{\"kek\":\"")
        .Hex(head.kek)
        .Add("\",\"institution\":\"")
        .Add(head.institution)
        .Add("\",\"links\":[");
    first = false;
    AddLink(writer, head.link);
    for (size_t j = i + 1; j < erasure.links.size; ++j) {
      const ErasedLink& next = erasure.links[j];
      if (next.kek != head.kek || !room(kLinkBytes + 2)) continue;
      writer.Add(",");
      AddLink(writer, next.link);
      named[j] = true;
    }
    writer.Add("]}");
  }
}

}  // namespace

std::string_view WriteCertificate(uint8_t (&out)[kCertificateBytesMax],
                                  const Vault& vault, const Erasure& erasure,
                                  uint64_t leaf) {
  char payload[kPayloadBytesMax];
  TextWriter writer(payload, sizeof payload);
  writer.Add("{\"iss\":\"coffer\",\"type\":\"erasure\",\"vault\":\"")
      .Hex(vault.vault_id())
      .Add("\",\"iat\":\"")
      .Time(vault.Now())
      .Add("\",\"final_by\":\"")
      .Time(vault.Now() + vault.erasure_horizon_seconds())
      .Add("\",\"leaf\":")
      .Number(leaf);
  if (erasure.subject != nullptr) {
    writer.Add(",\"subject_hash\":\"")
        .Hex(*erasure.subject)
        .Add("\",\"linker\":\"")
        .Add(erasure.linker)
        .Add("\",\"links_reported\":")
        .Number(erasure.reported);
  }
  writer.Add(",\"keys\":[");
  COFFER_CHECK(writer.size() <= kRestBytesMax);
  AddKeys(writer, erasure);
  writer.Add("]}");
  const SigningEntry& signer =
      vault.keyring().ActiveSigner(SigningUse::kEvidence);
  char kid[crypto::kPaserkIdTextBytes];
  crypto::FormatPublicId(kid, signer.id);
  char footer[kFooterBytes];
  FormatFooter(footer, {kid, sizeof kid});
  auto size = crypto::SignPublic(out, signer.key,
                                 base::AsBytes({payload, writer.size()}),
                                 base::AsBytes({footer, sizeof footer}), {});
  COFFER_CHECK(size.ok());
  return base::AsText(Bytes(out, *size));
}

}  // namespace coffer::keeper
