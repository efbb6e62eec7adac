// What a linker signs with its `consent_key`: one JSON text (RFC 8785), the
// payload of a v4.public token without footer, whose implicit assertion is the
// vault's id in hex. Pure; rendered from typed fields by the keeper, which
// compares it byte for byte and parses nothing, and by the CLI.
//
//   create  {"caller":C,"consent":N,"iat":T,"institution":I,"op":"create",
//            "subject":S}
//   consent {"caller":C,"consent":N,"iat":T,"link":L,"op":"consent",
//            "revision":R}          R: the If-Match
//   erase   {"caller":C,"iat":T,"link":L,"op":"erase"}
//           {"caller":C,"iat":T,"op":"erase","subject":S}
//   N       {"consentId":..,"dataClusters":[..],"durationPeriod":..,
//            "durationType":..,"lookbackPeriod":..,"purposes":[..]}
// Lists are in the request's order; what a consent leaves out is left out. No
// white space; texts are escaped as RFC 8785 says and are otherwise as given.
#pragma once

#include "crypto/base/time_text.h"
#include "vault/wire/consent.h"

namespace coffer::wire {

// Exactly one of consent with subject (create), consent with link (consent),
// link alone, and subject alone (erase).
struct ConsentStatement {
  std::string_view caller;
  const Consent* consent = nullptr;
  uint64_t issued_at = 0;
  std::string_view institution;  // create
  const LinkId* link = nullptr;
  uint32_t revision = 0;  // consent
  std::string_view subject;
};

inline constexpr size_t kConsentStatementBytesMax = 6144;
struct RenderedStatement {
  size_t size = 0;
  size_t issued_at = 0;  // where the kTimeTextBytes characters of T begin
};
// `out` holds kConsentStatementBytesMax; all fields are within their limits.
RenderedStatement RenderStatement(char* out, const ConsentStatement& statement);

}  // namespace coffer::wire
