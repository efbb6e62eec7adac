#include "vault/keeper/signed_consent.h"

#include "crypto/paseto.h"
#include "vault/keeper/text_writer.h"

namespace coffer::keeper {

using wire::Rule;

namespace {

// Whether `payload` is the statement, with an `iat` of its own, which goes into
// the statement.
bool Matches(std::string_view payload, wire::ConsentStatement& statement) {
  char text[wire::kConsentStatementBytesMax];
  const auto rendered = wire::RenderStatement(text, statement);
  bool matches = payload.size() == rendered.size;
  if (matches) {
    auto issued_at = base::ParseTime(
        payload.substr(rendered.issued_at, base::kTimeTextBytes));
    matches = issued_at.ok();
    if (matches) statement.issued_at = *issued_at;
    wire::RenderStatement(text, statement);
    matches &= payload == std::string_view(text, rendered.size);
  }
  base::Wipe({reinterpret_cast<uint8_t*>(text), sizeof text});
  return matches;
}

}  // namespace

Rule SignedConsent::Verify(Operation& operation,
                           wire::ConsentStatement statement,
                           std::string_view token, bool kill) {
  Vault& vault = operation.s.vault;
  const crypto::PublicKey& key = operation.who().consent_key;
  if (key == crypto::PublicKey{}) {
    return token.empty() ? Rule::kAllowed : Rule::kMalformedRequest;
  }
  if (token.empty()) return Rule::kConsentNotSigned;
  // A kill goes on while the time is in doubt: what was asked to end may end
  // again.
  if (!vault.clock_accepted() && !kill) return Rule::kClock;

  char vault_text[2 * sizeof(wire::ByteArray<16>)];
  TextWriter(vault_text, sizeof vault_text).Hex(vault.vault_id());
  uint8_t payload[wire::kConsentStatementBytesMax];
  auto size = crypto::VerifyPublic(
      payload, key, token, {}, base::AsBytes({vault_text, sizeof vault_text}));
  statement.caller = operation.asker.name;
  const bool authentic =
      size.ok() && Matches(base::AsText(Bytes(payload, *size)), statement);
  base::Wipe(payload);
  if (!authentic) return Rule::kConsentNotAuthentic;
  if (!vault.clock_accepted()) return Rule::kAllowed;

  item_ = FreshOnce::ItemOf(base::AsBytes(token), statement.issued_at);
  const uint64_t now = vault.Now();
  if (!vault.fresh_once().IsFresh(item_, now)) {
    return Rule::kConsentSignatureStale;
  }
  if (!vault.fresh_once().HasRoom(kill, now)) return Rule::kSpentTokensFull;
  signed_ = true;
  return Rule::kAllowed;
}

void SignedConsent::Use(Vault& vault) const {
  if (signed_) vault.fresh_once().Use(item_);
}

}  // namespace coffer::keeper
