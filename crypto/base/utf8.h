// Whether bytes are UTF-8. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace coffer::base {

// How many bytes from the start are well-formed UTF-8 (RFC 3629: no overlong
// form, no surrogate, nothing above U+10FFFF).
size_t Utf8Prefix(std::string_view text);
inline bool IsUtf8(std::string_view text) {
  return Utf8Prefix(text) == text.size();
}

}  // namespace coffer::base
