// What binds a bank token that is sealed in transit, on its way in or out: the
// footer and the implicit assertion of the v4.local token around it. Pure;
// used by the keeper and by the CLI, never by the gate.
//
//   footer := {"iat":"2026-11-20T14:00:00Z","kid":"k4.pid....",
//             "wpk":"k4.seal...."}                 (one line, no white space)
//     kid: the key that is sealed to; wpk: the one-time key, sealed to it
//   implicit assertion, `link` as lnk_..., `if_match` in decimal digits:
//     create  PAE("POST /v1/links", caller, institution, subject, consentId,
//                 Idempotency-Key or empty)
//     replace PAE("PUT /v1/links/{link}/bank_token", caller, link, if_match)
//     redeem  the access token as presented
//   PAE(parts) := u64 count | (u64 size | part)*, little-endian, as PASETO's
#pragma once

#include <initializer_list>

#include "crypto/base/time_text.h"
#include "vault/wire/names.h"

namespace coffer::wire {

struct TransitFooter {
  uint64_t issued_at = 0;
  ByteArray<33> kid{};
  ByteArray<96> wpk{};
};
inline constexpr size_t kTransitFooterBytes = 8 + base::kTimeTextBytes + 16 +
                                              base::Base64Size(33) + 17 +
                                              base::Base64Size(96) + 2;
// Writes exactly kTransitFooterBytes characters.
void FormatTransitFooter(char* out, const TransitFooter& footer);
// kInvalid for any text but what is written above.
base::Result<TransitFooter> ParseTransitFooter(std::string_view text);

// PASETO's pre-authentication encoding; more than fits is a bug.
class Pae {
 public:
  explicit Pae(std::initializer_list<std::string_view> parts);
  Bytes view() const { return {bytes_, size_}; }

 private:
  uint8_t bytes_[1024];
  size_t size_;
};
// All parts within their limits.
Pae BindCreate(std::string_view caller, std::string_view institution,
               std::string_view subject, std::string_view consent_id,
               std::string_view idempotency_key);
Pae BindReplace(std::string_view caller, const LinkId& link, uint32_t if_match);

}  // namespace coffer::wire
