#include "vault/api/text_builder.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "crypto/base/secret_bytes.h"

namespace coffer::api {
namespace {

constexpr size_t kRoomMin = 512;  // most answers fit

void WipeText(char* text, size_t size) {
  if (size > 0) base::Wipe({reinterpret_cast<uint8_t*>(text), size});
}

}  // namespace

TextBuilder::TextBuilder(TextBuilder&& other) noexcept
    : data_(std::move(other.data_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

TextBuilder& TextBuilder::operator=(TextBuilder&& other) noexcept {
  if (this != &other) {
    Clear();
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

void TextBuilder::AppendNumber(uint64_t number) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  Append(std::string_view(digits, static_cast<size_t>(end - digits)));
}

void TextBuilder::Clear() {
  WipeText(data_.get(), size_);
  size_ = 0;
}

void TextBuilder::Grow(size_t more) {
  size_t capacity = std::max({kRoomMin, capacity_ * 2, size_ + more});
  std::unique_ptr<char[]> data(new char[capacity]);
  if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
  WipeText(data_.get(), size_);
  data_ = std::move(data);
  capacity_ = capacity;
}

}  // namespace coffer::api
