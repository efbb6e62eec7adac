#include "crypto/base/utf8.h"

#include <cstdint>

namespace coffer::base {
namespace {

// The size of the sequence at `at`; 0 when there is none.
size_t SequenceSize(std::string_view text, size_t at) {
  const auto follows = [&](size_t offset, uint8_t least, uint8_t most) {
    if (at + offset >= text.size()) return false;
    const auto byte = static_cast<uint8_t>(text[at + offset]);
    return byte >= least && byte <= most;
  };
  const auto lead = static_cast<uint8_t>(text[at]);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return follows(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const uint8_t least = lead == 0xe0 ? 0xa0 : 0x80;
    const uint8_t most = lead == 0xed ? 0x9f : 0xbf;
    return follows(1, least, most) && follows(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const uint8_t least = lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t most = lead == 0xf4 ? 0x8f : 0xbf;
    const bool good = follows(1, least, most) && follows(2, 0x80, 0xbf) &&
                      follows(3, 0x80, 0xbf);
    return good ? 4 : 0;
  }
  return 0;
}

}  // namespace

size_t Utf8Prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t size = SequenceSize(text, at);
    if (size == 0) break;
    at += size;
  }
  return at;
}

}  // namespace coffer::base
