// PASETO v4.local and v4.public, whole, with footer and implicit assertion.
// Source: the PASETO specification, version 4 (stream key Ek, output
// n || c || t). Tokens are text; nothing here looks into payload or footer.
#pragma once

#include <string_view>

#include "crypto/paserk.h"

namespace coffer::crypto {

// Sizes of a token: header, base64url of the body, and "." footer when given.
constexpr size_t LocalTokenSize(size_t payload, size_t footer) {
  return 9 + base::Base64Size(payload + 64) +
         (footer == 0 ? 0 : 1 + base::Base64Size(footer));
}
constexpr size_t PublicTokenSize(size_t payload, size_t footer) {
  return 10 + base::Base64Size(payload + 64) +
         (footer == 0 ? 0 : 1 + base::Base64Size(footer));
}

// Raw forms for vectors and one-time keys (32 bytes); nonce is 32 bytes.
base::Result<size_t> EncodeLocalRaw(MutableBytes out, Bytes key, Bytes nonce,
                                    Bytes payload, Bytes footer,
                                    Bytes implicit_assertion);
base::Result<size_t> DecodeLocalRaw(MutableBytes payload, Bytes key,
                                    std::string_view token, Bytes footer,
                                    Bytes implicit_assertion);

// Writes LocalTokenSize characters and returns their number.
base::Result<size_t> EncodeLocal(MutableBytes out, const LocalTokenKey& key,
                                 Bytes payload, Bytes footer,
                                 Bytes implicit_assertion);
// Returns the payload's size. The token's footer must equal `footer`.
// kInvalid: not of the form, too long for `payload`, or over kTokenBytesMax
// times 8; kDenied: does not authenticate.
base::Result<size_t> DecodeLocal(MutableBytes payload, const LocalTokenKey& key,
                                 std::string_view token, Bytes footer,
                                 Bytes implicit_assertion);

base::Result<size_t> SignPublic(MutableBytes out, const SigningKey& key,
                                Bytes payload, Bytes footer,
                                Bytes implicit_assertion);
base::Result<size_t> VerifyPublic(MutableBytes payload, const PublicKey& key,
                                  std::string_view token, Bytes footer,
                                  Bytes implicit_assertion);

}  // namespace coffer::crypto
