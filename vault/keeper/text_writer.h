// Writes a JSON template into a fixed buffer: literals, names, numbers and
// times, none of which needs escaping. Runs in the keeper; overrunning the
// buffer is a bug and ends the process.
#pragma once

#include <cstring>
#include <string_view>

#include "crypto/base/bytes.h"
#include "crypto/base/time_text.h"

namespace coffer::keeper {

class TextWriter {
 public:
  TextWriter(char* out, size_t capacity) : out_(out), capacity_(capacity) {}

  TextWriter& Add(std::string_view text) {
    COFFER_CHECK(text.size() <= capacity_ - size_);
    if (!text.empty()) std::memcpy(out_ + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  // RFC 3339 UTC.
  TextWriter& Time(uint64_t seconds) {
    char text[base::kTimeTextBytes];
    base::FormatTime(text, seconds);
    return Add({text, sizeof text});
  }
  TextWriter& Number(uint64_t number) {
    char digits[20];
    size_t size = 0;
    do {
      digits[sizeof digits - ++size] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return Add({digits + sizeof digits - size, size});
  }
  TextWriter& Hex(base::Bytes bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    for (uint8_t byte : bytes) {
      const char pair[2] = {kDigits[byte >> 4], kDigits[byte & 15]};
      Add({pair, 2});
    }
    return *this;
  }
  size_t size() const { return size_; }

 private:
  char* out_;
  size_t capacity_;
  size_t size_ = 0;
};

}  // namespace coffer::keeper
