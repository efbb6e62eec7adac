// Each route's body, headers and path as typed fields. Runs in the gate and,
// for files of links and consents, in the CLI. Refuses what is malformed, out
// of bounds or not known, with a literal that names the field and never repeats
// what was sent; whether a name stands in the policy is for the keeper to say.
//
// A parsed request owns its bytes, which are wiped at its end: its views live
// as long as it does, also when it is moved.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "vault/api/json.h"
#include "vault/wire/message.h"

namespace coffer::api {

// error().message is the problem's detail; the answer is 400 invalid_request,
// but for Code::kTooLarge, which is 413.
template <typename T>
using ParseResult = base::Result<T>;

inline constexpr size_t kListLinksMax = 64;  // of one page
inline constexpr int64_t kExpiresInMax = int64_t{1} << 31;

// POST /v1/links
struct CreateRequest {
  JsonDocument storage;
  std::string_view institution;
  std::string_view subject;
  // 1 to kBankTokenBytesMax bytes of UTF-8; or, if `sealed`, a v4.local token.
  base::Bytes bank_token;
  bool sealed = false;
  wire::Consent consent;  // passed wire::CheckConsent
};
ParseResult<CreateRequest> ParseCreate(std::string_view body);

// PUT /v1/links/{link}/bank_token
struct BankTokenRequest {
  JsonDocument storage;
  base::Bytes bank_token;  // as above
  bool sealed = false;
};
ParseResult<BankTokenRequest> ParseReplaceBankToken(std::string_view body);

// PUT /v1/links/{link}/consent: the consent object itself
struct ConsentRequest {
  JsonDocument storage;
  wire::Consent consent;
};
ParseResult<ConsentRequest> ParseConsent(std::string_view body);

// PUT /v1/links/{link}/consent/revocation
ParseResult<wire::RevocationReason> ParseRevocation(std::string_view body);

// POST /v1/token. Views into the request that holds it.
struct TokenWish {
  wire::LinkId link{};
  std::string_view purpose;
  std::string_view audience;
  wire::NameList scope;     // empty: all that is allowed
  uint32_t expires_in = 0;  // 0: not given
  wire::TokenFormat format = wire::TokenFormat::kLocal;
  bool single_use = false;
};
struct TokenRequest {
  JsonDocument storage;
  TokenWish wish;
};
ParseResult<TokenRequest> ParseToken(std::string_view body);

// POST /v1/token/batch: 0 to kTokenBatchMax wishes; one that is malformed is an
// error in its own place and spoils no other.
struct TokenBatchRequest {
  JsonDocument storage;
  std::vector<ParseResult<TokenWish>> wishes;
};
ParseResult<TokenBatchRequest> ParseTokenBatch(std::string_view body);

// POST /v1/redeem, /v1/introspect, /v1/revoke. A token above kTokenBytesMax is
// given as an empty text: it can be none of ours, and the keeper answers it as
// any other that is not good, so that every route has one answer for those.
struct ShownTokenRequest {
  JsonDocument storage;
  std::string_view token;
  std::string_view audience;  // introspect and revoke: optional, else empty
};
ParseResult<ShownTokenRequest> ParseRedeem(std::string_view body);
ParseResult<ShownTokenRequest> ParseIntrospect(std::string_view body);
ParseResult<ShownTokenRequest> ParseRevoke(std::string_view body);

// If-Match: a quoted positive number without leading zeros ("7"). A number that
// no revision reaches is given as 0xffffffff and so matches none. The header's
// absence (428) is seen by the caller.
ParseResult<uint32_t> ParseIfMatch(std::string_view header);

// Idempotency-Key: 1 to kIdempotencyKeyBytesMax printable ASCII characters.
base::Status CheckIdempotencyKey(std::string_view header);

// A subject from a path or query: 1 to kSubjectBytesMax bytes of UTF-8. Owned,
// wiped at its end.
class SubjectText {
 public:
  SubjectText() = default;
  SubjectText(const SubjectText&) = default;
  SubjectText& operator=(const SubjectText&) = default;
  ~SubjectText() { base::Wipe({bytes_, sizeof bytes_}); }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_), size_};
  }
  // False when full.
  bool Append(uint8_t byte);

 private:
  uint16_t size_ = 0;
  uint8_t bytes_[base::kSubjectBytesMax]{};
};
// One path segment, percent-encoded, without its slashes.
ParseResult<SubjectText> ParseSubjectSegment(std::string_view segment);

// GET /v1/links?subject=S[&after=lnk_...][&limit=N]: the part behind the "?".
// `after` is the `next` of the page before. A bare "+" is refused, because
// programs disagree whether it is a space.
struct ListQuery {
  SubjectText subject;
  std::optional<wire::LinkId> after;
  uint32_t limit = kListLinksMax;  // 1 to kListLinksMax
};
ParseResult<ListQuery> ParseListQuery(std::string_view query);

// GET /v1/subjects/{subject}/ledger[?after=CURSOR][&limit=N]: the part behind
// the "?", or nothing. `after` is the `next` of the page before.
inline constexpr size_t kLedgerEntriesMax = 256;  // of one page
struct LedgerCursor {
  uint64_t until = 0;  // leaves before this one: those of the first page's time
  uint64_t after = 0;  // the last leaf that was given
};
inline constexpr size_t kLedgerCursorBytes = 32;  // lower-case hex
struct LedgerQuery {
  std::optional<LedgerCursor> after;
  uint32_t limit = kLedgerEntriesMax;  // 1 to kLedgerEntriesMax
};
ParseResult<LedgerQuery> ParseLedgerQuery(std::string_view query);

// GET /v1/subjects/{subject}/consents[?after=CURSOR][&limit=N], as above.
inline constexpr size_t kPastConsentsMax = 64;  // of one page
struct ConsentsCursor {
  wire::LinkId link{};
  uint64_t leaf = 0;
};
inline constexpr size_t kConsentsCursorBytes = 48;  // lower-case hex
struct ConsentsQuery {
  std::optional<ConsentsCursor> after;
  uint32_t limit = kPastConsentsMax;  // 1 to kPastConsentsMax
};
ParseResult<ConsentsQuery> ParseConsentsQuery(std::string_view query);

}  // namespace coffer::api
