// StackSecret<N>: N bytes on the stack, wiped at the end of their scope, for
// key material that lives for one call; and the frames that libraries leave.
// Internal to crypto.
#pragma once

#include "crypto/base/secret_bytes.h"

namespace coffer::crypto {

// Wipes the stack below the caller: what a library function that returned just
// now has left of a key in its frame.
void ScrubStackBelow();

template <size_t N>
class StackSecret {
 public:
  StackSecret() = default;  // not zeroed: every user fills it before reading
  ~StackSecret() { base::Wipe({bytes_, N}); }
  StackSecret(const StackSecret&) = delete;
  StackSecret& operator=(const StackSecret&) = delete;

  uint8_t* data() { return bytes_; }
  const uint8_t* data() const { return bytes_; }
  static constexpr size_t size() { return N; }
  base::Bytes view() const { return {bytes_, N}; }
  base::MutableBytes whole() { return {bytes_, N}; }

 private:
  uint8_t bytes_[N];
};

}  // namespace coffer::crypto
