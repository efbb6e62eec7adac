// The bytes a connection has still to send: appended at the end, dropped at the
// front, wiped when sent. Runs in the gate. Refuses nothing: the server stops
// answering a connection whose buffer is above its bound.
#pragma once

#include <memory>

#include "crypto/base/bytes.h"
#include "crypto/base/secret_bytes.h"

namespace coffer::gate {

// Value, move-only.
class OutBuffer {
 public:
  OutBuffer() = default;
  ~OutBuffer() { Clear(); }
  OutBuffer(OutBuffer&& other) noexcept { Swap(other); }
  OutBuffer& operator=(OutBuffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  OutBuffer(const OutBuffer&) = delete;
  OutBuffer& operator=(const OutBuffer&) = delete;

  void Append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(Extend(text.size()), text.data(), text.size());
  }
  void AppendNumber(uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    Append({digits + at, sizeof digits - at});
  }
  // Room for `size` more bytes, counted as written.
  char* Extend(size_t size) {
    if (capacity_ - size_ < size) Grow(size);
    char* place = data_.get() + size_;
    size_ += size;
    return place;
  }
  // The first `size` bytes were sent.
  void Drop(size_t size) {
    begin_ += size;
    if (begin_ == size_) Rewind();
  }
  // Wipes and forgets everything.
  void Clear() { Rewind(); }
  // Gives the memory back when it has grown above `bytes`.
  void ShrinkAbove(size_t bytes) {
    if (size_ == 0 && capacity_ > bytes) {
      data_.reset();
      capacity_ = 0;
    }
  }
  std::string_view view() const {
    return {data_.get() + begin_, size_ - begin_};
  }
  size_t size() const { return size_ - begin_; }
  bool empty() const { return size_ == begin_; }
  void Swap(OutBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(begin_, other.begin_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void Rewind() {
    if (size_ > 0) {
      base::Wipe({reinterpret_cast<uint8_t*>(data_.get()), size_});
    }
    size_ = begin_ = 0;
  }
  void Grow(size_t more) {
    size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
    while (capacity - size_ < more) capacity *= 2;
    auto data = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
    if (size_ > 0) {
      base::Wipe({reinterpret_cast<uint8_t*>(data_.get()), size_});
    }
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;   // end of what is written
  size_t begin_ = 0;  // start of what is not yet sent
  size_t capacity_ = 0;
};

}  // namespace coffer::gate
