// Views of bytes, hexadecimal and unpadded base64url (RFC 4648 section 5) for
// public values. Not constant-time: secrets are encoded in crypto only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "crypto/base/result.h"

namespace coffer::base {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;
template <size_t N>
using ByteArray = std::array<uint8_t, N>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
// Equality of public values; secrets are compared in crypto only.
inline bool Equal(Bytes a, Bytes b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

constexpr size_t Base64Size(size_t bytes) { return (bytes * 4 + 2) / 3; }

// Writes Base64Size(bytes.size()) characters to `out`, returns their number.
size_t EncodeBase64Url(char* out, Bytes bytes);
std::string EncodeBase64Url(Bytes bytes);
// Decodes exactly out.size() bytes; refuses padding, foreign characters, other
// lengths and non-canonical last characters (kInvalid).
Status DecodeBase64Url(MutableBytes out, std::string_view text);

std::string EncodeHex(Bytes bytes);
// Decodes exactly out.size() bytes of lower- or upper-case hex (kInvalid).
Status DecodeHex(MutableBytes out, std::string_view text);

}  // namespace coffer::base
