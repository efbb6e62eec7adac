// The only way to a SecretKey's raw bytes. Every includer is listed in the lint
// (dev/lint.py: SECRET_KEY_BYTES_INCLUDERS) with its reason.
#pragma once

#include "crypto/secret_key.h"

namespace coffer::crypto {

class SecretKeyBytes {
 public:
  template <typename Tag, size_t N>
  static Bytes View(const SecretKey<Tag, N>& key) {
    COFFER_CHECK(key.slot_ != nullptr);
    return {key.slot_, N};
  }
  template <typename Tag, size_t N>
  static MutableBytes Mutable(SecretKey<Tag, N>& key) {
    COFFER_CHECK(key.slot_ != nullptr);
    return {key.slot_, N};
  }
};

}  // namespace coffer::crypto
