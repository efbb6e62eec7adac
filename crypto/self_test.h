// Known answers for every algorithm in use, in milliseconds, at start and by
// `coffer selftest`.
#pragma once

#include <string_view>

#include "crypto/base/secret_bytes.h"

namespace coffer::crypto {

struct SelfTestRow {
  std::string_view algorithm;  // e.g. "XChaCha20-Poly1305"
  bool passed;
};
inline constexpr size_t kSelfTestRowsMax = 12;
struct SelfTestReport {
  SelfTestRow rows[kSelfTestRowsMax];
  size_t size = 0;
  bool passed() const;
};
// Needs four free slots of the arena while it runs. No allocation.
SelfTestReport RunSelfTests(base::SecretArena& arena);

}  // namespace coffer::crypto
