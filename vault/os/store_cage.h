// The store's cage: what the child of `coffer` that opens the store may still
// ask of the kernel (cli/store_child.h). A taken-over gate wrote what it maps,
// so it is held as the gate is, and has nothing but its socket to the parent.
// Refuses (by killing the process) new sockets, programs, threads and
// processes, executable memory, other processes' memory.
#pragma once

#include <vector>

#include "vault/os/sandbox.h"

namespace coffer::os {

enum class StoreUse : uint8_t {
  kReads,   // data.mdb, beside its owner; of the files only lock.mdb is written
  kBuilds,  // makes, renames and removes files in the store's directory
};

// Each permitted call with its reason; made by the process that enters.
std::vector<SyscallRule> StoreSyscalls(StoreUse use);

// From the child, as the store's owner, before it opens the store: hardening,
// few descriptors, Landlock with this directory alone, seccomp.
base::Status EnterStoreCage(StoreUse use, const char* store_directory);

}  // namespace coffer::os
