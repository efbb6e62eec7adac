// A growable text for answers, wiped when it grows, is cleared and ends, since
// an answer may carry a bank token. Runs in the gate and the CLI. Refuses
// nothing; its writers bound what they append.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "crypto/base/bytes.h"

namespace coffer::api {

// Value, move-only. view() holds until the next append.
class TextBuilder {
 public:
  TextBuilder() = default;
  ~TextBuilder() { Clear(); }
  TextBuilder(TextBuilder&& other) noexcept;
  TextBuilder& operator=(TextBuilder&& other) noexcept;
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;

  void Append(std::string_view text) {
    char* out = Extend(text.size());
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
  }
  void Append(char c) { *Extend(1) = c; }
  void AppendNumber(uint64_t number);
  // `size` more bytes for the caller to fill.
  char* Extend(size_t size) {
    if (size > capacity_ - size_) Grow(size);
    char* out = data_.get() + size_;
    size_ += size;
    return out;
  }
  // Wipes what was written; the room stays.
  void Clear();

  std::string_view view() const { return {data_.get(), size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void Grow(size_t more);

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace coffer::api
