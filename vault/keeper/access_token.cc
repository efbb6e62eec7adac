#include "vault/keeper/access_token.h"

#include "crypto/base/time_text.h"
#include "crypto/random.h"
#include "vault/keeper/text_writer.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Fail;
using base::MutableBytes;
using wire::Rule;

constexpr size_t kJtiTextBytes = 22;
constexpr std::string_view kLocalHeader = "v4.local.";
constexpr std::string_view kPublicHeader = "v4.public.";

class TextReader {
 public:
  explicit TextReader(std::string_view text) : rest_(text) {}
  void Expect(std::string_view text) {
    if (rest_.substr(0, text.size()) != text) {
      failed_ = true;
      return;
    }
    rest_.remove_prefix(text.size());
  }
  bool Skip(std::string_view text) {
    if (rest_.substr(0, text.size()) != text) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  std::string_view Until(char end) {
    size_t size = rest_.find(end);
    if (failed_ || size == std::string_view::npos) {
      failed_ = true;
      return {};
    }
    std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  uint64_t Number() {
    uint64_t number = 0;
    size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' &&
           rest_[digits] <= '9') {
      if (number > (~uint64_t{0} - 9) / 10) failed_ = true;
      number = number * 10 + static_cast<uint64_t>(rest_[digits] - '0');
      ++digits;
    }
    if (digits == 0) failed_ = true;
    rest_.remove_prefix(digits);
    return number;
  }
  void Fault() { failed_ = true; }
  bool failed() const { return failed_; }
  bool finished() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

uint64_t ReadTime(TextReader& reader) {
  auto seconds = base::ParseTime(reader.Until('"'));
  if (!seconds.ok()) {
    reader.Fault();
    return 0;
  }
  return *seconds;
}

// The kid in a token's footer, decoded; false when the footer is another thing.
bool ReadFooter(std::string_view token, std::string_view prefix,
                char* footer_text, crypto::PaserkIdHash& id) {
  const size_t dot = token.rfind('.');
  const std::string_view encoded = token.substr(dot + 1);
  MutableBytes footer(reinterpret_cast<uint8_t*>(footer_text), kFooterBytes);
  if (!base::DecodeBase64Url(footer, encoded).ok()) return false;
  std::string_view text(footer_text, kFooterBytes);
  if (text.substr(0, 8) != "{\"kid\":\"" || text.substr(8, 7) != prefix ||
      text.substr(kFooterBytes - 2) != "\"}") {
    return false;
  }
  return base::DecodeBase64Url(id, text.substr(15, 44)).ok();
}

Rule RuleOf(const base::Error& error) {
  return error.code == Code::kDenied ? Rule::kTokenNotAuthentic
                                     : Rule::kTokenMalformed;
}

}  // namespace

size_t FormatClaims(char* out, const Claims& claims) {
  char link[wire::kLinkTextBytes];
  wire::FormatLink(link, claims.link);
  char jti[kJtiTextBytes];
  base::EncodeBase64Url(jti, claims.jti);
  TextWriter writer(out, kClaimsBytesMax);
  writer.Add("{\"iss\":\"coffer\",\"sub\":\"")
      .Add({link, sizeof link})
      .Add("\",\"aud\":\"")
      .Add(claims.audience)
      .Add("\",\"exp\":\"")
      .Time(claims.expires_at)
      .Add("\",\"nbf\":\"")
      .Time(claims.issued_at)
      .Add("\",\"iat\":\"")
      .Time(claims.issued_at)
      .Add("\",\"jti\":\"")
      .Add({jti, sizeof jti})
      .Add("\",\"purpose\":\"")
      .Add(claims.purpose)
      .Add("\",\"scope\":\"")
      .Add(claims.scope)
      .Add("\",\"client_id\":\"")
      .Add(claims.client_id)
      .Add("\",\"epoch\":")
      .Number(claims.epoch);
  if (claims.lookback_period_days != 0) {
    writer.Add(",\"lookback_period\":").Number(claims.lookback_period_days);
  }
  if (claims.single_use) writer.Add(",\"single_use\":true");
  writer.Add("}");
  return writer.size();
}

base::Result<Claims> ParseClaims(std::string_view payload) {
  const base::Error malformed = Fail(Code::kInvalid, "token: malformed claims");
  if (payload.size() > kClaimsBytesMax) return malformed;
  Claims claims;
  TextReader reader(payload);
  reader.Expect("{\"iss\":\"coffer\",\"sub\":\"");
  auto link = wire::ParseLink(reader.Until('"'));
  reader.Expect("\",\"aud\":\"");
  claims.audience = reader.Until('"');
  reader.Expect("\",\"exp\":\"");
  claims.expires_at = ReadTime(reader);
  reader.Expect("\",\"nbf\":\"");
  claims.issued_at = ReadTime(reader);
  reader.Expect("\",\"iat\":\"");
  const uint64_t issued_at = ReadTime(reader);
  reader.Expect("\",\"jti\":\"");
  auto jti = base::DecodeBase64Url(claims.jti, reader.Until('"'));
  reader.Expect("\",\"purpose\":\"");
  claims.purpose = reader.Until('"');
  reader.Expect("\",\"scope\":\"");
  claims.scope = reader.Until('"');
  reader.Expect("\",\"client_id\":\"");
  claims.client_id = reader.Until('"');
  reader.Expect("\",\"epoch\":");
  claims.epoch = reader.Number();
  uint64_t lookback = 0;
  if (reader.Skip(",\"lookback_period\":")) lookback = reader.Number();
  claims.single_use = reader.Skip(",\"single_use\":true");
  reader.Expect("}");
  if (!reader.finished() || !link.ok() || !jti.ok() ||
      issued_at != claims.issued_at || !wire::IsName(claims.audience) ||
      !wire::IsName(claims.purpose) || !wire::IsName(claims.client_id) ||
      claims.scope.size() > wire::kScopeTextBytesMax ||
      lookback > base::kLookbackPeriodDaysMax) {
    return malformed;
  }
  claims.lookback_period_days = static_cast<uint32_t>(lookback);
  claims.link = *link;
  // One form only: what these values would be written as.
  char again[kClaimsBytesMax];
  const size_t size = FormatClaims(again, claims);
  if (std::string_view(again, size) != payload) return malformed;
  return claims;
}

void FormatFooter(char* out, std::string_view kid) {
  COFFER_CHECK(kid.size() == crypto::kPaserkIdTextBytes);
  std::memcpy(out, "{\"kid\":\"", 8);
  std::memcpy(out + 8, kid.data(), kid.size());
  std::memcpy(out + 8 + kid.size(), "\"}", 2);
}

void LocalTokenKeeper::Renew() {
  key_ = crypto::LocalTokenKey(arena_);
  crypto::RandomKey(key_);
  char kid[crypto::kPaserkIdTextBytes];
  crypto::FormatLocalId(kid, crypto::LocalId(key_));
  FormatFooter(footer_, {kid, sizeof kid});
}

base::Result<size_t> WriteToken(MutableBytes out, const Claims& claims,
                                wire::TokenFormat format,
                                const LocalTokenKeeper& local,
                                const Keyring& keyring) {
  char payload[kClaimsBytesMax];
  const Bytes claims_bytes =
      base::AsBytes({payload, FormatClaims(payload, claims)});
  const Bytes assertion = base::AsBytes(claims.audience);
  if (format == wire::TokenFormat::kLocal) {
    return crypto::EncodeLocal(out, local.key(), claims_bytes,
                               base::AsBytes(local.footer()), assertion);
  }
  const SigningEntry& signer = keyring.ActiveSigner(SigningUse::kToken);
  char kid[crypto::kPaserkIdTextBytes];
  crypto::FormatPublicId(kid, signer.id);
  char footer[kFooterBytes];
  FormatFooter(footer, {kid, sizeof kid});
  return crypto::SignPublic(out, signer.key, claims_bytes,
                            base::AsBytes({footer, sizeof footer}), assertion);
}

Rule ReadToken(std::string_view token, std::string_view audience,
               const LocalTokenKeeper& local, const Keyring& keyring,
               MutableBytes payload, Claims& claims) {
  const bool is_local = token.substr(0, kLocalHeader.size()) == kLocalHeader;
  const bool is_public = token.substr(0, kPublicHeader.size()) == kPublicHeader;
  if (!is_local && !is_public) return Rule::kTokenMalformed;
  char footer[kFooterBytes];
  crypto::PaserkIdHash kid;
  if (!ReadFooter(token, is_local ? "k4.lid." : "k4.pid.", footer, kid)) {
    return Rule::kTokenMalformed;
  }
  const std::string_view footer_text(footer, sizeof footer);
  base::Result<size_t> size = Fail(Code::kDenied, "token: unknown key");
  if (is_local) {
    // A key of an earlier unseal is gone, and its id with it.
    if (footer_text != local.footer()) return Rule::kTokenNotAuthentic;
    size = crypto::DecodeLocal(payload, local.key(), token,
                               base::AsBytes(footer_text),
                               base::AsBytes(audience));
  } else {
    const SigningEntry* signer = keyring.SignerById(SigningUse::kToken, kid);
    if (signer == nullptr) return Rule::kTokenNotAuthentic;
    size = crypto::VerifyPublic(payload, signer->public_key, token,
                                base::AsBytes(footer_text),
                                base::AsBytes(audience));
  }
  if (!size.ok()) return RuleOf(size.error());
  auto parsed = ParseClaims(base::AsText(payload.first(*size)));
  if (!parsed.ok() || parsed->audience != audience) {
    return Rule::kTokenMalformed;
  }
  claims = *parsed;
  return Rule::kAllowed;
}

}  // namespace coffer::keeper
