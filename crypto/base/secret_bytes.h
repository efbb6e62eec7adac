// Memory for secrets. SecretArena: one fixed region between guard pages, in
// memfd_secret where the kernel has it, else locked and left out of core dumps;
// made at start, handed out in slots, wiped when given back. SecretBuffer: an
// owned, bounded heap buffer for payload secrets, wiped at its end. Used by the
// keeper (arena) and by the programs that carry a secret for a moment (buffer).
#pragma once

#include <cstddef>
#include <memory>

#include "crypto/base/bytes.h"

namespace coffer::base {

// Overwrites memory in a way the compiler keeps.
void Wipe(MutableBytes bytes);

// Resource: owns its mapping. One slot holds one key of up to 64 bytes.
class SecretArena {
 public:
  static constexpr size_t kSlotBytes = 64;

  // Maps room for `slots` keys. kIo when the memory cannot be locked (raise
  // RLIMIT_MEMLOCK).
  static Result<std::unique_ptr<SecretArena>> Create(size_t slots);
  ~SecretArena();
  SecretArena(const SecretArena&) = delete;
  SecretArena& operator=(const SecretArena&) = delete;

  // A zeroed slot, or nullptr when none is left.
  uint8_t* Acquire();
  // Wipes and takes back.
  void Release(uint8_t* slot);
  // Wipes every slot at once, in use or not (zeroize).
  void WipeAll();
  size_t free_slots() const { return free_count_; }
  bool is_memfd_secret() const { return memfd_secret_; }

 private:
  SecretArena() = default;

  uint8_t* mapping_ = nullptr;  // guard page, slots, guard page
  size_t mapping_bytes_ = 0;
  uint8_t* slots_ = nullptr;
  size_t slot_count_ = 0;
  size_t free_count_ = 0;
  std::unique_ptr<uint32_t[]> free_;  // stack of free slot numbers
  bool memfd_secret_ = false;
};

// Value, move-only: at most `capacity` bytes, wiped at its end.
class SecretBuffer {
 public:
  SecretBuffer() = default;
  explicit SecretBuffer(size_t capacity);
  ~SecretBuffer();
  SecretBuffer(SecretBuffer&& other) noexcept;
  SecretBuffer& operator=(SecretBuffer&& other) noexcept;
  SecretBuffer(const SecretBuffer&) = delete;
  SecretBuffer& operator=(const SecretBuffer&) = delete;

  // False, and nothing changes, when the bytes do not fit.
  bool Append(Bytes bytes);
  void Resize(size_t size);  // requires size <= capacity()
  void Clear();              // wipes; capacity stays
  Bytes view() const { return {data_.get(), size_}; }
  MutableBytes mutable_view() { return {data_.get(), size_}; }
  MutableBytes whole() { return {data_.get(), capacity_}; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<uint8_t[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace coffer::base
