// A blocking connection to one of the vault's Unix sockets, with time limits
// both ways. Runs in the CLI only.
#pragma once

#include <string>

#include "cli/outcome.h"
#include "vault/os/descriptor.h"

namespace coffer::cli {

inline constexpr unsigned kSocketSeconds = 10;

// kUnreachable, with what to do, when nobody listens or the path is shut.
Outcome<os::FileDescriptor> ConnectSocket(const std::string& path,
                                          unsigned seconds = kSocketSeconds);

}  // namespace coffer::cli
