#include "crypto/base/bytes.h"

namespace coffer::base {
namespace {

constexpr char kAlphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> MakeReverse() {
  std::array<int8_t, 256> reverse{};
  for (auto& entry : reverse) entry = -1;
  for (int i = 0; i < 64; ++i) {
    reverse[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  return reverse;
}
constexpr std::array<int8_t, 256> kReverse = MakeReverse();

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

size_t EncodeBase64Url(char* out, Bytes bytes) {
  size_t written = 0;
  uint32_t buffer = 0;
  int bits = 0;
  for (uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out[written++] = kAlphabet[(buffer >> bits) & 63];
    }
  }
  if (bits > 0) out[written++] = kAlphabet[(buffer << (6 - bits)) & 63];
  return written;
}

std::string EncodeBase64Url(Bytes bytes) {
  std::string text(Base64Size(bytes.size()), '\0');
  EncodeBase64Url(text.data(), bytes);
  return text;
}

Status DecodeBase64Url(MutableBytes out, std::string_view text) {
  if (text.size() != Base64Size(out.size())) {
    return Fail(Code::kInvalid, "base64url of another length");
  }
  uint32_t buffer = 0;
  int bits = 0;
  size_t written = 0;
  for (char c : text) {
    int value = kReverse[static_cast<uint8_t>(c)];
    if (value < 0) return Fail(Code::kInvalid, "not base64url");
    buffer = (buffer << 6) | static_cast<uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[written++] = static_cast<uint8_t>(buffer >> bits);
    }
  }
  if ((buffer & ((1u << bits) - 1)) != 0) {
    return Fail(Code::kInvalid, "base64url is not canonical");
  }
  return {};
}

std::string EncodeHex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

Status DecodeHex(MutableBytes out, std::string_view text) {
  if (text.size() != out.size() * 2) {
    return Fail(Code::kInvalid, "hexadecimal of another length");
  }
  for (size_t i = 0; i < out.size(); ++i) {
    int high = HexValue(text[2 * i]);
    int low = HexValue(text[2 * i + 1]);
    if (high < 0 || low < 0) return Fail(Code::kInvalid, "not hexadecimal");
    out[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return {};
}

}  // namespace coffer::base
