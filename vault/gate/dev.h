// `cofferd --dev`: a throw-away vault for the present user. A small parent
// stays outside the cage, because it starts the daemon, initialises the vault
// with the `coffer` program beside it, and removes what it made. Refuses
// nothing but what the daemon refuses; protects nothing from the present user.
#pragma once

#include <string>

namespace coffer::gate {

// `directory` empty: a fresh one, removed at the end. The exit code.
int RunDev(const std::string& directory);

}  // namespace coffer::gate
