#include "vault/keeper/evidence.h"

#include "vault/keeper/text_writer.h"

namespace coffer::keeper {

std::string_view WriteCertificate(uint8_t (&out)[kCertificateBytesMax],
                                  const Vault& vault, const Erasure& erasure,
                                  uint64_t leaf) {
  char payload[512];
  TextWriter writer(payload, sizeof payload);
  writer.Add("{\"iss\":\"coffer\",\"type\":\"erasure\",\"vault\":\"")
      .Hex(vault.vault_id())
      .Add("\",\"iat\":\"")
      .Time(vault.Now())
      .Add("\",\"leaf\":")
      .Number(leaf);
  if (erasure.link != nullptr) {
    char link[wire::kLinkTextBytes];
    wire::FormatLink(link, *erasure.link);
    writer.Add(",\"link\":\"")
        .Add({link, sizeof link})
        .Add("\",\"institution\":\"")
        .Add(erasure.institution)
        .Add("\",\"links\":")
        .Number(erasure.links);
  } else {
    writer.Add(",\"subject_hash\":\"")
        .Hex(*erasure.subject)
        .Add("\",\"linker\":\"")
        .Add(erasure.linker)
        .Add("\",\"links_reported\":")
        .Number(erasure.links);
  }
  writer.Add("}");
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
