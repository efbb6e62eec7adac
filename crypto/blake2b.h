// Streaming BLAKE2b (libsodium's crypto_generichash), keyed or not, wiped at
// its end. Internal to crypto.
#pragma once

#include <sodium.h>

#include "crypto/stack_secret.h"

namespace coffer::crypto {

class Blake2b {
 public:
  // `key` is empty or 16 to 64 bytes; `size` is 16 to 64.
  Blake2b(base::Bytes key, size_t size) : size_(size) {
    COFFER_CHECK(size >= 16 && size <= crypto_generichash_BYTES_MAX);
    COFFER_CHECK(
        key.empty() ||
        (key.size() >= 16 && key.size() <= crypto_generichash_KEYBYTES_MAX));
    COFFER_CHECK(crypto_generichash_init(&state_,
                                         key.empty() ? nullptr : key.data(),
                                         key.size(), size) == 0);
  }
  ~Blake2b() {
    sodium_memzero(&state_, sizeof state_);
    ScrubStackBelow();
  }
  Blake2b(const Blake2b&) = delete;
  Blake2b& operator=(const Blake2b&) = delete;

  void Add(base::Bytes bytes) {
    crypto_generichash_update(&state_, bytes.data(), bytes.size());
  }
  // A number as 8 bytes, little-endian.
  void AddNumber(uint64_t number) {
    uint8_t raw[8];
    for (int i = 0; i < 8; ++i) raw[i] = static_cast<uint8_t>(number >> 8 * i);
    Add(raw);
  }
  // The size as a number, then the bytes.
  void AddPart(base::Bytes part) {
    AddNumber(part.size());
    Add(part);
  }
  // Once; out.size() is the size given at the start.
  void Finish(base::MutableBytes out) {
    COFFER_CHECK(out.size() == size_);
    crypto_generichash_final(&state_, out.data(), size_);
  }

 private:
  crypto_generichash_state state_;
  size_t size_;
};

}  // namespace coffer::crypto
