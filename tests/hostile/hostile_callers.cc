#include "tests/hostile/hostile_callers.h"

#include "crypto/paseto.h"
#include "crypto/random.h"
#include "vault/wire/transit.h"

namespace coffer::hostile {

using base::AsBytes;
using base::MutableBytes;

namespace {

std::unique_ptr<base::SecretArena> MakeArena() {
  auto arena = base::SecretArena::Create(8);
  COFFER_CHECK(arena.ok());
  return std::move(arena).value();
}

MutableBytes Room(std::string& text) {
  return {reinterpret_cast<uint8_t*>(text.data()), text.size()};
}

}  // namespace

Callers::Callers() : arena_(MakeArena()), reader_(*arena_), signer_(*arena_) {
  crypto::GenerateSigningKey(reader_);
  crypto::GenerateSigningKey(signer_);
}

void Callers::IngestIs(const wire::PublicKeyRow& row) {
  auto key = crypto::ParsePublicKey(row.public_key);
  has_ingest_ = key.ok();
  if (key.ok()) ingest_ = *key;
}

std::string Callers::Seal(const std::string& bank_token, base::Bytes assertion,
                          uint64_t now) {
  if (!has_ingest_) return "";
  crypto::LocalTokenKey once(*arena_);
  crypto::RandomKey(once);
  wire::TransitFooter fields;
  fields.issued_at = now;
  fields.kid = crypto::PublicId(ingest_);
  COFFER_CHECK(crypto::SealKey(fields.wpk, once, ingest_).ok());
  std::string footer(wire::kTransitFooterBytes, '\0');
  wire::FormatTransitFooter(footer.data(), fields);
  std::string token(crypto::LocalTokenSize(bank_token.size(), footer.size()),
                    '\0');
  auto size = crypto::EncodeLocal(Room(token), once, AsBytes(bank_token),
                                  AsBytes(footer), assertion);
  COFFER_CHECK(size.ok());
  token.resize(*size);
  return token;
}

std::string Callers::Sign(const wire::ConsentStatement& statement) {
  char text[wire::kConsentStatementBytesMax];
  const size_t text_size = wire::RenderStatement(text, statement).size;
  std::string id;
  for (uint8_t byte : vault_) {
    id += "0123456789abcdef"[byte >> 4];
    id += "0123456789abcdef"[byte & 15];
  }
  std::string token(crypto::PublicTokenSize(text_size, 0), '\0');
  auto size = crypto::SignPublic(Room(token), signer_,
                                 AsBytes({text, text_size}), {}, AsBytes(id));
  COFFER_CHECK(size.ok());
  token.resize(*size);
  return token;
}

std::string Callers::Open(std::string_view sealed,
                          std::string_view access_token) {
  std::string footer(1024, '\0'), text(base::kBankTokenBytesMax + 256, '\0');
  auto footer_size = crypto::PeekFooter(Room(footer), sealed);
  if (!footer_size.ok()) return "";
  footer.resize(*footer_size);
  auto fields = wire::ParseTransitFooter(footer);
  crypto::LocalTokenKey once(*arena_);
  if (!fields.ok() || fields->kid != crypto::PublicId(reader()) ||
      !crypto::UnsealKey(once, fields->wpk, reader_).ok()) {
    return "";
  }
  auto size = crypto::DecodeLocal(Room(text), once, sealed, AsBytes(footer),
                                  AsBytes(access_token));
  if (!size.ok()) return "";
  text.resize(*size);
  return text;
}

}  // namespace coffer::hostile
