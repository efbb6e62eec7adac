#include "vault/keeper/key_state.h"

namespace coffer::keeper {
namespace {

using wire::KeyState;

constexpr unsigned Bit(KeyState state) {
  return 1u << static_cast<unsigned>(state);
}

struct Row {
  KeyState state;
  bool seal, open, verify;
  unsigned next;  // bits of the states that may follow
};

// A suspended key does nothing until it is active again. A compromised one
// opens so that its links can be rewrapped, and verifies nothing: whoever has
// it could have signed.
constexpr Row kRows[] = {
    {KeyState::kPreActivation, false, false, false,
     Bit(KeyState::kActive) | Bit(KeyState::kCompromised) |
         Bit(KeyState::kDestroyed)},
    {KeyState::kActive, true, true, true,
     Bit(KeyState::kSuspended) | Bit(KeyState::kDeactivated) |
         Bit(KeyState::kCompromised)},
    {KeyState::kSuspended, false, false, false,
     Bit(KeyState::kActive) | Bit(KeyState::kDeactivated) |
         Bit(KeyState::kCompromised) | Bit(KeyState::kDestroyed)},
    {KeyState::kDeactivated, false, true, true,
     Bit(KeyState::kCompromised) | Bit(KeyState::kDestroyed)},
    {KeyState::kCompromised, false, true, false, Bit(KeyState::kDestroyed)},
    {KeyState::kDestroyed, false, false, false, 0},
};

// Of an unknown number: nothing.
constexpr Row kNothing{KeyState::kDestroyed, false, false, false, 0};

const Row& Of(KeyState state) {
  for (const Row& row : kRows) {
    if (row.state == state) return row;
  }
  return kNothing;
}

}  // namespace

bool MaySeal(KeyState state) { return Of(state).seal; }
bool MayOpen(KeyState state) { return Of(state).open; }
bool MayVerify(KeyState state) { return Of(state).verify; }

bool MayBecome(KeyState from, KeyState to) {
  return IsKeyState(static_cast<uint8_t>(to)) && (Of(from).next & Bit(to)) != 0;
}

bool IsKeyState(uint8_t number) {
  return number >= static_cast<uint8_t>(KeyState::kPreActivation) &&
         number <= static_cast<uint8_t>(KeyState::kDestroyed);
}

}  // namespace coffer::keeper
