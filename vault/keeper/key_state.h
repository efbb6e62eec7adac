// What a key may do in each of NIST SP 800-57's states, and which state may
// follow which. The one place where this is written; the keyring asks it. Pure.
// Runs in the keeper. Refuses every step back to life: a destroyed key stays
// destroyed, a compromised one can only be destroyed.
#pragma once

#include "vault/wire/keys.h"

namespace coffer::keeper {

// Seal, wrap or sign something new.
bool MaySeal(wire::KeyState state);
// Open or unwrap what was sealed under it.
bool MayOpen(wire::KeyState state);
// Verify what it signed.
bool MayVerify(wire::KeyState state);
bool MayBecome(wire::KeyState from, wire::KeyState to);
// False for a number that is no state.
bool IsKeyState(uint8_t number);
// Its bytes are still somewhere in the keyring.
inline bool Lives(wire::KeyState state) {
  return state != wire::KeyState::kDestroyed;
}

}  // namespace coffer::keeper
