// Public keys and the states of keys, as callers see them. Pure data, used by
// every process.
#pragma once

#include "vault/wire/names.h"

namespace coffer::wire {

enum class KeyState : uint8_t {  // NIST SP 800-57
  kPreActivation = 1,
  kActive = 2,
  kSuspended = 3,
  kDeactivated = 4,
  kCompromised = 5,
  kDestroyed = 6,
};
std::string_view KeyStateText(KeyState state);  // "active"
struct PublicKeyRow {
  std::string_view kid;         // k4.pid....
  std::string_view public_key;  // k4.public....
  KeyState state = KeyState::kActive;
  uint64_t not_before = 0;
  uint64_t not_after = 0;  // 0: no end yet

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.kid, 64);
    coder.Text(self.public_key, 64);
    coder.Number(self.state);
    coder.Number(self.not_before);
    coder.Number(self.not_after);
  }
};

}  // namespace coffer::wire
