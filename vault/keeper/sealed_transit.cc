#include "vault/keeper/sealed_transit.h"

#include "crypto/base/utf8.h"
#include "crypto/paseto.h"

namespace coffer::keeper {
namespace {

using base::MutableBytes;
using wire::Rule;

// By exact id; nullptr when nothing more is taken that was sealed to it.
const SigningEntry* IngestKey(const Vault& vault,
                              const crypto::PaserkIdHash& kid) {
  const SigningEntry* entry =
      vault.keyring().SignerById(SigningUse::kIngest, kid);
  return entry != nullptr && entry->key.present() ? entry : nullptr;
}

}  // namespace

Rule CheckBankToken(Bytes bank_token) {
  return !bank_token.empty() && bank_token.size() <= base::kBankTokenBytesMax &&
                 base::IsUtf8(base::AsText(bank_token))
             ? Rule::kAllowed
             : Rule::kMalformedRequest;
}

Rule Upload::Open(Vault& vault, Bytes bank_token, bool sealed,
                  Bytes assertion) {
  sealed_ = sealed;
  bank_token_ = bank_token;
  if (!sealed) return CheckBankToken(bank_token);
  if (!vault.clock_accepted()) return Rule::kClock;

  const std::string_view token = base::AsText(bank_token);
  uint8_t footer_bytes[wire::kTransitFooterBytes];
  auto footer_size = crypto::PeekFooter(footer_bytes, token);
  if (!footer_size.ok()) return Rule::kUploadNotAuthentic;
  auto footer =
      wire::ParseTransitFooter(base::AsText(Bytes(footer_bytes, *footer_size)));
  if (!footer.ok()) return Rule::kUploadNotAuthentic;
  const SigningEntry* ingest = IngestKey(vault, footer->kid);
  if (ingest == nullptr) return Rule::kUploadNotAuthentic;
  crypto::LocalTokenKey once(vault.arena());
  if (!crypto::UnsealKey(once, footer->wpk, ingest->key).ok()) {
    return Rule::kUploadNotAuthentic;
  }
  auto size = crypto::DecodeLocal(room_, once, token, footer_bytes, assertion);
  if (!size.ok()) return Rule::kUploadNotAuthentic;
  size_ = *size;
  bank_token_ = Bytes(room_, size_);

  item_ = FreshOnce::ItemOf(bank_token, footer->issued_at);
  const uint64_t now = vault.Now();
  if (!vault.fresh_once().IsFresh(item_, now)) return Rule::kUploadStale;
  if (!vault.fresh_once().HasRoom(false, now)) return Rule::kSpentTokensFull;
  return CheckBankToken(bank_token_);
}

void Upload::Use(Vault& vault) const {
  if (sealed_) vault.fresh_once().Use(item_);
}

size_t SealForRedeem(Vault& vault, MutableBytes out, Bytes bank_token,
                     const crypto::PublicKey& to,
                     std::string_view access_token) {
  crypto::LocalTokenKey once(vault.arena());
  crypto::RandomKey(once);
  wire::TransitFooter footer;
  footer.issued_at = vault.Now();
  footer.kid = crypto::PublicId(to);
  COFFER_CHECK(crypto::SealKey(footer.wpk, once, to).ok());
  char text[wire::kTransitFooterBytes];
  wire::FormatTransitFooter(text, footer);
  auto size = crypto::EncodeLocal(out, once, bank_token,
                                  base::AsBytes({text, sizeof text}),
                                  base::AsBytes(access_token));
  COFFER_CHECK(size.ok());
  return *size;
}

}  // namespace coffer::keeper
