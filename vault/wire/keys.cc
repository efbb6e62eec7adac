#include "vault/wire/keys.h"

namespace coffer::wire {

std::string_view KeyStateText(KeyState state) {
  switch (state) {
    case KeyState::kPreActivation:
      return "pre-activation";
    case KeyState::kActive:
      return "active";
    case KeyState::kSuspended:
      return "suspended";
    case KeyState::kDeactivated:
      return "deactivated";
    case KeyState::kCompromised:
      return "compromised";
    case KeyState::kDestroyed:
      return "destroyed";
  }
  return "";
}

std::string_view InstitutionStateText(InstitutionState state) {
  switch (state) {
    case InstitutionState::kActive:
      return "active";
    case InstitutionState::kSuspended:
      return "suspended";
    case InstitutionState::kWithdrawn:
      return "withdrawn";
  }
  return "";
}

}  // namespace coffer::wire
