// Keys as others see them: states, public halves, counts, and what is to be
// done to the records under them. Pure data, used by every process.
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

enum class InstitutionState : uint8_t {
  kActive = 1,
  kSuspended = 2,
  kWithdrawn = 3,
};
std::string_view InstitutionStateText(InstitutionState state);  // "active"

// How many wraps the store has under one KEK.
struct KekCount {
  KeyId kek{};
  uint64_t links = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.kek);
    coder.Number(self.links);
  }
};

// An institution whose wraps are to be walked: those under another KEK than
// `active` are rewrapped, or swept when that KEK is destroyed.
struct WorkRow {
  std::string_view institution;
  KeyId active{};       // zeros: none, the institution was withdrawn
  bool urgent = false;  // a KEK was compromised
  // KEKs that still count, to be drained; for kDrained.
  base::BoundedList<KeyId, base::kKekVersionsMax> old;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Fixed(self.active);
    coder.Flag(self.urgent);
    coder.FixedList(self.old);
  }
};

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
