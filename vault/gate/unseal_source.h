// What opens the vault at start, as coffer.toml says: a systemd credential, a
// key file, or a PKCS#11 device asked by its helper. Run by the launcher, which
// hands the descriptor to the keeper and reads not one byte of it. Refuses
// nothing: what is missing is said, and the vault stays sealed.
#pragma once

#include "vault/api/config_file.h"
#include "vault/gate/users.h"
#include "vault/os/descriptor.h"

namespace coffer::gate {

// The first of them that is there; /dev/null when there is none. Waits for the
// helper's end.
os::FileDescriptor OpenUnsealSource(const api::Config& config,
                                    const Users& users);

}  // namespace coffer::gate
