// The daemon from its configuration to its end. Runs in cofferd.
#pragma once

#include "vault/api/config_file.h"
#include "vault/wire/names.h"

namespace coffer::gate {

// Launches, serves until a signal, waits for the keeper. The exit code.
// `ready_fd` (or -1) gets one byte, '0' and the number of the vault's state,
// when the sockets serve.
int RunDaemon(const api::Config& config, bool dev, int ready_fd);

}  // namespace coffer::gate
