#include "vault/api/request.h"

namespace coffer::api {
namespace {

using base::Code;
using base::Fail;
using base::Literal;
using base::Result;
using base::Status;

// One text for all that can be wrong with a field: missing, of another type,
// out of bounds.
constexpr Literal kInstitutionText =
    "institution is a name: 1 to 32 of A-Z a-z 0-9 _ . -";
constexpr Literal kPurposeText =
    "purpose is a name: 1 to 32 of A-Z a-z 0-9 _ . -";
constexpr Literal kAudienceText =
    "audience is a name: 1 to 32 of A-Z a-z 0-9 _ . -";
constexpr Literal kSubjectText = "subject is 1 to 256 bytes of UTF-8";
constexpr Literal kBankTokenText = "bank_token is a text of 1 to 16384 bytes";
constexpr Literal kConsentIdText = "consentId is a text of 1 to 256 bytes";
constexpr Literal kPurposesText =
    "purposes is a list of 1 to 32 names, none twice";
constexpr Literal kClustersText =
    "dataClusters is a list of 1 to 32 names, none twice";
constexpr Literal kDurationTypeText =
    "durationType is ONE_TIME, TIME_BOUND or PERSISTENT";
constexpr Literal kDurationPeriodText = "durationPeriod is 1 to 366 days";
constexpr Literal kLookbackPeriodText = "lookbackPeriod is 1 to 3660 days";
constexpr Literal kConsentText =
    "consent is an object with consentId, "
    "purposes, dataClusters and durationType";
constexpr Literal kReasonText = "reason is USER_ACTION or BUSINESS_RULE";
constexpr Literal kLinkText = "link is lnk_ and 22 base64url characters";
constexpr Literal kScopeText =
    "scope is 1 to 32 data clusters, none twice, one space between";
constexpr Literal kExpiresInText =
    "expires_in is a whole number of seconds from 1 to 2147483648";
constexpr Literal kTokenFormatText = "token_format is local or public";
constexpr Literal kSingleUseText = "single_use is true or false";
constexpr Literal kTokenText = "token is a text";
constexpr Literal kHintText = "token_type_hint is a text";
constexpr Literal kRequestsText = "requests is a list of at most 256 objects";
constexpr Literal kBodyText = "the body is one JSON object";
constexpr Literal kUnknownText = "unknown field; see the API reference";
constexpr Literal kSealedBankTokenText =
    "sealed_bank_token is a v4.local token of at most 22528 bytes";
constexpr Literal kOneBankTokenText =
    "send exactly one of bank_token and sealed_bank_token";
constexpr Literal kIfMatchText = "If-Match is a quoted revision, e.g. \"1\"";

base::Error Invalid(Literal why) { return Fail(Code::kInvalid, why); }

Result<JsonDocument> ParseObject(std::string_view body) {
  Result<JsonDocument> document = JsonDocument::Parse(body);
  if (document.ok() && !document->root().is(JsonKind::kObject)) {
    return Invalid(kBodyText);
  }
  return document;
}

// A text of `bytes_min` to `bytes_max` bytes.
Status ReadText(std::string_view& out, JsonValue value, size_t bytes_min,
                size_t bytes_max, Literal why) {
  if (!value.is(JsonKind::kText) || value.text().size() < bytes_min ||
      value.text().size() > bytes_max) {
    return Invalid(why);
  }
  out = value.text();
  return {};
}
Status ReadName(std::string_view& out, JsonValue value, Literal why) {
  if (!value.is(JsonKind::kText) || !wire::IsName(value.text())) {
    return Invalid(why);
  }
  out = value.text();
  return {};
}
Status ReadInteger(int64_t& out, JsonValue value, int64_t least, int64_t most,
                   Literal why) {
  if (!value.is(JsonKind::kInteger) || value.integer() < least ||
      value.integer() > most) {
    return Invalid(why);
  }
  out = value.integer();
  return {};
}
Status ReadDays(uint32_t& out, JsonValue value, uint32_t most, Literal why) {
  int64_t days = 0;
  COFFER_TRY(ReadInteger(days, value, 1, most, why));
  out = static_cast<uint32_t>(days);
  return {};
}

// Adds a name that is well-formed and not yet in the list.
bool AddName(wire::NameList& names, std::string_view name) {
  if (!wire::IsName(name)) return false;
  for (std::string_view other : names) {
    if (other == name) return false;
  }
  return names.push_back(name);
}
Status ReadNames(wire::NameList& out, JsonValue value, Literal why) {
  if (!value.is(JsonKind::kArray) || value.size() == 0) return Invalid(why);
  for (JsonValue item : value.members()) {
    if (!item.is(JsonKind::kText) || !AddName(out, item.text())) {
      return Invalid(why);
    }
  }
  return {};
}

Status ReadDurationType(wire::DurationType& out, JsonValue value) {
  if (value.is(JsonKind::kText)) {
    for (wire::DurationType type :
         {wire::DurationType::kOneTime, wire::DurationType::kTimeBound,
          wire::DurationType::kPersistent}) {
      if (value.text() == wire::DurationTypeText(type)) {
        out = type;
        return {};
      }
    }
  }
  return Invalid(kDurationTypeText);
}

Status ReadConsent(wire::Consent& out, JsonValue value) {
  if (!value.is(JsonKind::kObject)) return Invalid(kConsentText);
  bool has_type = false;
  for (JsonValue field : value.members()) {
    const std::string_view key = field.key();
    if (key == "consentId") {
      COFFER_TRY(ReadText(out.consent_id, field, 1, base::kConsentIdBytesMax,
                          kConsentIdText));
    } else if (key == "purposes") {
      COFFER_TRY(ReadNames(out.purposes, field, kPurposesText));
    } else if (key == "dataClusters") {
      COFFER_TRY(ReadNames(out.clusters, field, kClustersText));
    } else if (key == "durationType") {
      COFFER_TRY(ReadDurationType(out.duration_type, field));
      has_type = true;
    } else if (key == "durationPeriod") {
      COFFER_TRY(ReadDays(out.duration_period_days, field,
                          base::kDurationPeriodDaysMax, kDurationPeriodText));
    } else if (key == "lookbackPeriod") {
      COFFER_TRY(ReadDays(out.lookback_period_days, field,
                          base::kLookbackPeriodDaysMax, kLookbackPeriodText));
    } else {
      return Invalid("unknown field in consent; see the API reference");
    }
  }
  if (out.consent_id.empty()) return Invalid(kConsentIdText);
  if (out.purposes.empty()) return Invalid(kPurposesText);
  if (out.clusters.empty()) return Invalid(kClustersText);
  if (!has_type) return Invalid(kDurationTypeText);
  return wire::CheckConsent(out);
}

bool IsBankToken(std::string_view key) {
  return key == "bank_token" || key == "sealed_bank_token";
}
// Either field, of a CreateRequest or a BankTokenRequest.
template <typename Request>
Status ReadBankToken(Request& out, JsonValue field) {
  if (!out.bank_token.empty()) return Invalid(kOneBankTokenText);
  out.sealed = field.key() == "sealed_bank_token";
  std::string_view text;
  if (out.sealed) {
    COFFER_TRY(ReadText(text, field, 1, base::kSealedBankTokenBytesMax,
                        kSealedBankTokenText));
    if (text.substr(0, 9) != "v4.local.") return Invalid(kSealedBankTokenText);
  } else {
    COFFER_TRY(
        ReadText(text, field, 1, base::kBankTokenBytesMax, kBankTokenText));
  }
  out.bank_token = base::AsBytes(text);
  return {};
}

// "A B C": one space between, none at the ends.
Status ReadScope(wire::NameList& out, JsonValue value) {
  if (!value.is(JsonKind::kText)) return Invalid(kScopeText);
  std::string_view rest = value.text();
  while (true) {
    const size_t space = rest.find(' ');
    if (!AddName(out, rest.substr(0, space))) return Invalid(kScopeText);
    if (space == std::string_view::npos) return {};
    rest.remove_prefix(space + 1);
  }
}

Status ReadTokenFormat(wire::TokenFormat& out, JsonValue value) {
  if (value.is(JsonKind::kText) && value.text() == "local") {
    out = wire::TokenFormat::kLocal;
  } else if (value.is(JsonKind::kText) && value.text() == "public") {
    out = wire::TokenFormat::kPublic;
  } else {
    return Invalid(kTokenFormatText);
  }
  return {};
}

Status ReadWish(TokenWish& out, JsonValue value) {
  bool has_link = false;
  for (JsonValue field : value.members()) {
    const std::string_view key = field.key();
    if (key == "link") {
      if (!field.is(JsonKind::kText)) return Invalid(kLinkText);
      Result<wire::LinkId> link = wire::ParseLink(field.text());
      if (!link.ok()) return Invalid(kLinkText);
      out.link = *link;
      has_link = true;
    } else if (key == "purpose") {
      COFFER_TRY(ReadName(out.purpose, field, kPurposeText));
    } else if (key == "audience") {
      COFFER_TRY(ReadName(out.audience, field, kAudienceText));
    } else if (key == "scope") {
      COFFER_TRY(ReadScope(out.scope, field));
    } else if (key == "expires_in") {
      int64_t seconds = 0;
      COFFER_TRY(ReadInteger(seconds, field, 1, kExpiresInMax, kExpiresInText));
      out.expires_in = static_cast<uint32_t>(seconds);
    } else if (key == "token_format") {
      COFFER_TRY(ReadTokenFormat(out.format, field));
    } else if (key == "single_use") {
      if (!field.is(JsonKind::kBool)) return Invalid(kSingleUseText);
      out.single_use = field.boolean();
    } else {
      return Invalid(kUnknownText);
    }
  }
  if (!has_link) return Invalid(kLinkText);
  if (out.purpose.empty()) return Invalid(kPurposeText);
  if (out.audience.empty()) return Invalid(kAudienceText);
  return {};
}

enum class MayName : uint8_t { kNothing, kAudience };

ParseResult<ShownTokenRequest> ParseShownToken(std::string_view body,
                                               MayName may_name) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  ShownTokenRequest request;
  bool has_token = false;
  for (JsonValue field : document->root().members()) {
    const std::string_view key = field.key();
    std::string_view hint;
    if (key == "token") {
      COFFER_TRY(ReadText(request.token, field, 0, ~size_t{0}, kTokenText));
      if (request.token.size() > base::kTokenBytesMax) request.token = {};
      has_token = true;
    } else if (key == "audience" && may_name == MayName::kAudience) {
      COFFER_TRY(ReadName(request.audience, field, kAudienceText));
    } else if (key == "token_type_hint" && may_name == MayName::kAudience) {
      // RFC 7009 and 7662 let the server ignore it.
      COFFER_TRY(ReadText(hint, field, 0, ~size_t{0}, kHintText));
    } else {
      return Invalid(kUnknownText);
    }
  }
  if (!has_token) return Invalid(kTokenText);
  request.storage = std::move(document).value();
  return request;
}

}  // namespace

ParseResult<CreateRequest> ParseCreate(std::string_view body) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  CreateRequest request;
  bool has_consent = false;
  for (JsonValue field : document->root().members()) {
    const std::string_view key = field.key();
    if (key == "institution") {
      COFFER_TRY(ReadName(request.institution, field, kInstitutionText));
    } else if (key == "subject") {
      COFFER_TRY(ReadText(request.subject, field, 1, base::kSubjectBytesMax,
                          kSubjectText));
    } else if (IsBankToken(key)) {
      COFFER_TRY(ReadBankToken(request, field));
    } else if (key == "consent") {
      COFFER_TRY(ReadConsent(request.consent, field));
      has_consent = true;
    } else {
      return Invalid(kUnknownText);
    }
  }
  if (request.institution.empty()) return Invalid(kInstitutionText);
  if (request.subject.empty()) return Invalid(kSubjectText);
  if (request.bank_token.empty()) return Invalid(kOneBankTokenText);
  if (!has_consent) return Invalid(kConsentText);
  request.storage = std::move(document).value();
  return request;
}

ParseResult<BankTokenRequest> ParseReplaceBankToken(std::string_view body) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  BankTokenRequest request;
  for (JsonValue field : document->root().members()) {
    if (!IsBankToken(field.key())) return Invalid(kUnknownText);
    COFFER_TRY(ReadBankToken(request, field));
  }
  if (request.bank_token.empty()) return Invalid(kOneBankTokenText);
  request.storage = std::move(document).value();
  return request;
}

ParseResult<ConsentRequest> ParseConsent(std::string_view body) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  ConsentRequest request;
  COFFER_TRY(ReadConsent(request.consent, document->root()));
  request.storage = std::move(document).value();
  return request;
}

ParseResult<wire::RevocationReason> ParseRevocation(std::string_view body) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  auto reason = wire::RevocationReason::kNone;
  for (JsonValue field : document->root().members()) {
    if (field.key() != "reason") return Invalid(kUnknownText);
    if (!field.is(JsonKind::kText)) return Invalid(kReasonText);
    if (field.text() == "USER_ACTION") {
      reason = wire::RevocationReason::kUserAction;
    } else if (field.text() == "BUSINESS_RULE") {
      reason = wire::RevocationReason::kBusinessRule;
    }
  }
  if (reason == wire::RevocationReason::kNone) return Invalid(kReasonText);
  return reason;
}

ParseResult<TokenRequest> ParseToken(std::string_view body) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  TokenRequest request;
  COFFER_TRY(ReadWish(request.wish, document->root()));
  request.storage = std::move(document).value();
  return request;
}

ParseResult<TokenBatchRequest> ParseTokenBatch(std::string_view body) {
  Result<JsonDocument> document = ParseObject(body);
  if (!document.ok()) return document.error();
  TokenBatchRequest request;
  bool has_requests = false;
  for (JsonValue field : document->root().members()) {
    if (field.key() != "requests") return Invalid(kUnknownText);
    if (!field.is(JsonKind::kArray) || field.size() > base::kTokenBatchMax) {
      return Invalid(kRequestsText);
    }
    has_requests = true;
    request.wishes.reserve(field.size());
    for (JsonValue item : field.members()) {
      if (!item.is(JsonKind::kObject)) {
        request.wishes.emplace_back(Invalid("a request is one object"));
        continue;
      }
      TokenWish wish;
      const Status read = ReadWish(wish, item);
      if (read.ok()) {
        request.wishes.emplace_back(wish);
      } else {
        request.wishes.emplace_back(read.error());
      }
    }
  }
  if (!has_requests) return Invalid(kRequestsText);
  request.storage = std::move(document).value();
  return request;
}

ParseResult<ShownTokenRequest> ParseRedeem(std::string_view body) {
  return ParseShownToken(body, MayName::kNothing);
}
ParseResult<ShownTokenRequest> ParseIntrospect(std::string_view body) {
  return ParseShownToken(body, MayName::kAudience);
}
ParseResult<ShownTokenRequest> ParseRevoke(std::string_view body) {
  return ParseShownToken(body, MayName::kAudience);
}

ParseResult<uint32_t> ParseIfMatch(std::string_view header) {
  if (header.size() < 3 || header.front() != '"' || header.back() != '"') {
    return Invalid(kIfMatchText);
  }
  const std::string_view digits = header.substr(1, header.size() - 2);
  if (digits.front() == '0') return Invalid(kIfMatchText);
  uint64_t number = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return Invalid(kIfMatchText);
    number = number * 10 + static_cast<uint64_t>(c - '0');
    if (number > 0xffffffff) number = 0xffffffff;
  }
  return static_cast<uint32_t>(number);
}

base::Status CheckIdempotencyKey(std::string_view header) {
  bool good = !header.empty() && header.size() <= base::kIdempotencyKeyBytesMax;
  for (char c : header) good = good && c >= 0x20 && c <= 0x7e;
  if (good) return {};
  return Invalid("Idempotency-Key is 1 to 128 printable ASCII characters");
}

}  // namespace coffer::api
