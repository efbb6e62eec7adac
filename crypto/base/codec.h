// Encoder and Decoder: the one way bytes are laid out in messages, records and
// files. Numbers are little-endian; texts and byte strings carry a u16 or u32
// length; every bound is given by the reader, never by the peer. Both have the
// same calls, so that a struct lists its fields once:
//
//   template <typename Coder, typename Self>
//   static void Fields(Coder& coder, Self& self) {
//     coder.Number(self.revision);
//     coder.Text(self.purpose, kNameBytesMax);
//   }
//
// A Decoder returns views into its input and never allocates. Any fault sets
// failed() for good; values read after a fault are empty.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "crypto/base/bytes.h"

namespace coffer::base {

// A list of at most N views or values, without allocation.
template <typename T, size_t N>
struct BoundedList {
  std::array<T, N> items{};
  uint16_t size = 0;

  static constexpr size_t kCapacity = N;
  bool push_back(const T& item) {
    if (size == N) return false;
    items[size++] = item;
    return true;
  }
  const T* begin() const { return items.data(); }
  const T* end() const { return items.data() + size; }
  T* begin() { return items.data(); }
  T* end() { return items.data() + size; }
  bool empty() const { return size == 0; }
  const T& operator[](size_t i) const { return items[i]; }
  T& operator[](size_t i) { return items[i]; }
};

class Encoder {
 public:
  explicit Encoder(MutableBytes out) : out_(out) {}

  template <typename T>
  requires std::unsigned_integral<T> || std::is_enum_v<T>
  void Number(const T& number) {
    uint64_t value = static_cast<uint64_t>(number);
    uint8_t raw[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i) {
      raw[i] = static_cast<uint8_t>(value >> (8 * i));
    }
    Append({raw, sizeof raw});
  }
  void Flag(const bool& flag) { Number(static_cast<uint8_t>(flag ? 1 : 0)); }
  template <size_t N>
  void Fixed(const ByteArray<N>& bytes) {
    Append(bytes);
  }
  // Up to 65,535 bytes.
  void Text(const std::string_view& text, size_t bytes_max) {
    ShortBytes(AsBytes(text), bytes_max);
  }
  void ShortBytes(const Bytes& bytes, size_t bytes_max) {
    if (bytes.size() > bytes_max || bytes.size() > 0xffff) return Spoil();
    Number(static_cast<uint16_t>(bytes.size()));
    Append(bytes);
  }
  void LongBytes(const Bytes& bytes, size_t bytes_max) {
    if (bytes.size() > bytes_max || bytes.size() > 0xffffffff) return Spoil();
    Number(static_cast<uint32_t>(bytes.size()));
    Append(bytes);
  }
  template <size_t N>
  void Texts(const BoundedList<std::string_view, N>& list, size_t bytes_max) {
    Number(list.size);
    for (std::string_view text : list) Text(text, bytes_max);
  }
  // A list of structs that have Fields.
  template <typename T, size_t N>
  void Structs(const BoundedList<T, N>& list) {
    Number(list.size);
    for (const T& item : list) T::Fields(*this, item);
  }
  template <typename T, size_t N>
  void Numbers(const BoundedList<T, N>& list) {
    Number(list.size);
    for (const T& item : list) Number(item);
  }
  template <size_t N, size_t M>
  void FixedList(const BoundedList<ByteArray<N>, M>& list) {
    Number(list.size);
    for (const ByteArray<N>& item : list) Fixed(item);
  }
  template <typename T>
  void Struct(const T& item) {
    T::Fields(*this, item);
  }
  void Append(Bytes bytes) {
    if (failed_ || bytes.size() > out_.size() - used_) return Spoil();
    if (!bytes.empty()) {
      std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
    }
    used_ += bytes.size();
  }

  bool failed() const { return failed_; }
  size_t used() const { return used_; }
  Bytes written() const { return Bytes(out_.data(), used_); }

 private:
  void Spoil() { failed_ = true; }

  MutableBytes out_;
  size_t used_ = 0;
  bool failed_ = false;
};

class Decoder {
 public:
  explicit Decoder(Bytes in) : in_(in) {}

  template <typename T>
  requires std::unsigned_integral<T> || std::is_enum_v<T>
  void Number(T& number) {
    Bytes raw = Take(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      value |= static_cast<uint64_t>(raw[i]) << (8 * i);
    }
    number = static_cast<T>(value);
  }
  // Anything but 0 or 1 is a fault.
  void Flag(bool& flag) {
    uint8_t value = 0;
    Number(value);
    if (value > 1) Spoil();
    flag = value == 1;
  }
  template <size_t N>
  void Fixed(ByteArray<N>& bytes) {
    Bytes raw = Take(N);
    if (raw.size() == N) std::memcpy(bytes.data(), raw.data(), N);
  }
  void Text(std::string_view& text, size_t bytes_max) {
    Bytes bytes;
    ShortBytes(bytes, bytes_max);
    text = AsText(bytes);
  }
  void ShortBytes(Bytes& bytes, size_t bytes_max) {
    uint16_t size = 0;
    Number(size);
    if (size > bytes_max) return Spoil();
    bytes = Take(size);
  }
  void LongBytes(Bytes& bytes, size_t bytes_max) {
    uint32_t size = 0;
    Number(size);
    if (size > bytes_max) return Spoil();
    bytes = Take(size);
  }
  template <size_t N>
  void Texts(BoundedList<std::string_view, N>& list, size_t bytes_max) {
    uint16_t size = 0;
    Number(size);
    if (size > N) return Spoil();
    for (uint16_t i = 0; i < size && !failed_; ++i) {
      std::string_view text;
      Text(text, bytes_max);
      list.push_back(text);
    }
  }
  template <typename T, size_t N>
  void Structs(BoundedList<T, N>& list) {
    uint16_t size = 0;
    Number(size);
    if (size > N) return Spoil();
    for (uint16_t i = 0; i < size && !failed_; ++i) {
      T::Fields(*this, list.items[i]);
      list.size = static_cast<uint16_t>(i + 1);
    }
  }
  template <typename T, size_t N>
  void Numbers(BoundedList<T, N>& list) {
    uint16_t size = 0;
    Number(size);
    if (size > N) return Spoil();
    for (uint16_t i = 0; i < size && !failed_; ++i) {
      Number(list.items[i]);
      list.size = static_cast<uint16_t>(i + 1);
    }
  }
  template <size_t N, size_t M>
  void FixedList(BoundedList<ByteArray<N>, M>& list) {
    uint16_t size = 0;
    Number(size);
    if (size > M) return Spoil();
    for (uint16_t i = 0; i < size && !failed_; ++i) {
      Fixed(list.items[i]);
      list.size = static_cast<uint16_t>(i + 1);
    }
  }
  template <typename T>
  void Struct(T& item) {
    T::Fields(*this, item);
  }

  // The next `size` bytes, or an empty view and failed().
  Bytes Take(size_t size) {
    if (failed_ || size > in_.size() - used_) {
      Spoil();
      return {};
    }
    Bytes taken = in_.subspan(used_, size);
    used_ += size;
    return taken;
  }
  Bytes rest() const { return in_.subspan(used_); }
  bool failed() const { return failed_; }
  // True when everything was read, nothing is left and no fault occurred.
  bool finished() const { return !failed_ && used_ == in_.size(); }

 private:
  void Spoil() { failed_ = true; }

  Bytes in_;
  size_t used_ = 0;
  bool failed_ = false;
};

// Decodes one T that fills `in` exactly.
template <typename T>
Result<T> DecodeWhole(Bytes in) {
  T item{};
  Decoder decoder(in);
  T::Fields(decoder, item);
  if (!decoder.finished()) return Fail(Code::kInvalid, "malformed bytes");
  return item;
}
// Encodes one T, returns its size; kTooLarge when `out` is short.
template <typename T>
Result<size_t> EncodeWhole(MutableBytes out, const T& item) {
  Encoder encoder(out);
  T::Fields(encoder, item);
  if (encoder.failed()) return Fail(Code::kTooLarge, "no room to encode");
  return encoder.used();
}

}  // namespace coffer::base
