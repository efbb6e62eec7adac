// PASETO v4.local and v4.public, whole, with footer and implicit assertion.
// Keeper and CLI only; never allocates. Source: the PASETO specification,
// version 4 (stream key Ek, output n || c || t). Tokens are text; nothing here
// looks into payload or footer. Refuses every token that is not byte for byte
// what encoding gives, and decrypts nothing that was not verified first.
#pragma once

#include <string_view>

#include "crypto/paserk.h"

namespace coffer::crypto {

// No token longer than this is made or read: enough for a sealed bank token.
inline constexpr size_t kPasetoTextBytesMax = 48 * 1024;
// Payload, footer and implicit assertion of a signed token, together.
inline constexpr size_t kSignedBytesMax = 34 * 1024;

// Sizes of a token: header, base64url of the body, and "." footer when given.
constexpr size_t LocalTokenSize(size_t payload, size_t footer) {
  return 9 + base::Base64Size(payload + 64) +
         (footer == 0 ? 0 : 1 + base::Base64Size(footer));
}
constexpr size_t PublicTokenSize(size_t payload, size_t footer) {
  return 10 + base::Base64Size(payload + 64) +
         (footer == 0 ? 0 : 1 + base::Base64Size(footer));
}

// Encoding writes exactly the size above, returns it, and is kTooLarge when
// `out` is shorter or a bound is passed. `out` must not overlap what goes in.
//
// Decoding returns the payload's size. The token's footer must equal `footer`.
// kInvalid: not of the form, past a bound, or too long for `payload`. kDenied:
// another footer, or it does not authenticate. `payload` then holds nothing of
// the token.

// Raw forms for vectors and one-time keys: key and nonce are 32 bytes.
base::Result<size_t> EncodeLocalRaw(MutableBytes out, Bytes key, Bytes nonce,
                                    Bytes payload, Bytes footer,
                                    Bytes implicit_assertion);
base::Result<size_t> DecodeLocalRaw(MutableBytes payload, Bytes key,
                                    std::string_view token, Bytes footer,
                                    Bytes implicit_assertion);

// With a random nonce.
base::Result<size_t> EncodeLocal(MutableBytes out, const LocalTokenKey& key,
                                 Bytes payload, Bytes footer,
                                 Bytes implicit_assertion);
base::Result<size_t> DecodeLocal(MutableBytes payload, const LocalTokenKey& key,
                                 std::string_view token, Bytes footer,
                                 Bytes implicit_assertion);

base::Result<size_t> SignPublic(MutableBytes out, const SigningKey& key,
                                Bytes payload, Bytes footer,
                                Bytes implicit_assertion);
base::Result<size_t> VerifyPublic(MutableBytes payload, const PublicKey& key,
                                  std::string_view token, Bytes footer,
                                  Bytes implicit_assertion);

// The footer of a token as it stands, not authenticated: only to find the key
// by the id in it. Returns its size, 0 when there is none; kInvalid when it is
// not base64url or too long for `footer`.
base::Result<size_t> PeekFooter(MutableBytes footer, std::string_view token);

}  // namespace coffer::crypto
