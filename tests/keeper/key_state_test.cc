// The table of states and transitions, whole.
#include "vault/keeper/key_state.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace coffer::keeper {
namespace {

using wire::KeyState;

constexpr KeyState kAll[] = {KeyState::kPreActivation, KeyState::kActive,
                             KeyState::kSuspended,     KeyState::kDeactivated,
                             KeyState::kCompromised,   KeyState::kDestroyed};

TEST(KeyState, EachStateMayDoWhatItsRowSaysAndNoMore) {
  for (KeyState state : kAll) {
    EXPECT_EQ(MaySeal(state), state == KeyState::kActive);
    EXPECT_EQ(MayOpen(state), state == KeyState::kActive ||
                                  state == KeyState::kDeactivated ||
                                  state == KeyState::kCompromised);
    EXPECT_EQ(MayVerify(state),
              state == KeyState::kActive || state == KeyState::kDeactivated);
    EXPECT_EQ(Lives(state), state != KeyState::kDestroyed);
  }
}

TEST(KeyState, OnlyTheseStepsAreTaken) {
  using S = KeyState;
  const std::set<std::pair<S, S>> steps = {
      {S::kPreActivation, S::kActive},    {S::kPreActivation, S::kCompromised},
      {S::kPreActivation, S::kDestroyed}, {S::kActive, S::kSuspended},
      {S::kActive, S::kDeactivated},      {S::kActive, S::kCompromised},
      {S::kSuspended, S::kActive},        {S::kSuspended, S::kDeactivated},
      {S::kSuspended, S::kCompromised},   {S::kSuspended, S::kDestroyed},
      {S::kDeactivated, S::kCompromised}, {S::kDeactivated, S::kDestroyed},
      {S::kCompromised, S::kDestroyed},
  };
  for (KeyState from : kAll) {
    for (KeyState to : kAll) {
      EXPECT_EQ(MayBecome(from, to), steps.count({from, to}) == 1)
          << static_cast<int>(from) << " to " << static_cast<int>(to);
    }
  }
}

TEST(KeyState, NumbersThatAreNoStateMayNothing) {
  for (int number = 0; number < 256; ++number) {
    const bool known = number >= 1 && number <= 6;
    EXPECT_EQ(IsKeyState(static_cast<uint8_t>(number)), known);
    if (known) continue;
    const auto state = static_cast<KeyState>(number);
    EXPECT_FALSE(MaySeal(state) || MayOpen(state) || MayVerify(state));
    for (KeyState to : kAll) {
      EXPECT_FALSE(MayBecome(state, to) || MayBecome(to, state));
    }
  }
}

}  // namespace
}  // namespace coffer::keeper
