// Start-up of libsodium and its random numbers (getrandom). Keeper and CLI
// only.
#pragma once

#include "crypto/secret_key.h"

namespace coffer::crypto {

// Once at start, before any other call of this folder and before the sandbox.
base::Status Initialise();

void Random(MutableBytes out);

}  // namespace coffer::crypto
