// Known answers for every algorithm in use, in milliseconds, at start and by
// `coffer selftest`. Keeper and CLI; never allocates. A keeper whose report has
// not passed starts in the latched error state.
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
  // False for a report without rows, too.
  bool passed() const;
};
// Needs four free slots of the arena while it runs.
SelfTestReport RunSelfTests(base::SecretArena& arena);

}  // namespace coffer::crypto
