// Unpadded base64url in constant time (libsodium), for keys, tokens and sealed
// keys. Internal to crypto; public values use crypto/base/bytes.h. Works in
// chunks, so that no text is ever held twice. Refuses padding, foreign
// characters, other lengths and non-canonical last characters.
#pragma once

#include <initializer_list>
#include <string_view>

#include "crypto/base/bytes.h"

namespace coffer::crypto {

// Writes Base64Size(bytes.size()) characters. `bytes` may be the very end of
// the place that is written, so that a body is encoded where it was made.
void EncodeBase64(uint8_t* out, base::Bytes bytes);

// True when `text` is the encoding of `bytes`.
bool MatchesBase64(std::string_view text, base::Bytes bytes);

// Decodes `text` into the parts, in order, filling each of them (kInvalid).
// After a failure the parts hold nothing of the text.
base::Status DecodeBase64(std::initializer_list<base::MutableBytes> parts,
                          std::string_view text);

}  // namespace coffer::crypto
