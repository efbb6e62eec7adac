// The gate's cage: what the process that reads callers' bytes may still ask of
// the kernel. The launcher opened the store, the channels, the event loop's
// descriptors and the log before. Refuses (by killing the process) new sockets,
// programs, threads and processes, executable memory, other processes' memory.
#pragma once

#include <span>
#include <vector>

#include "vault/os/sandbox.h"

namespace coffer::os {

// Each permitted call with its reason; those that name a process allow this
// one only, so the list is made by the process that enters the cage.
std::vector<SyscallRule> GateSyscalls();

// In order, from the gate's main: EnterGateFiles() (hardening, and Landlock
// with the store's and the audit tiles' directories alone) before other
// threads are made, EnterGateSyscalls() (seccomp on all threads) after each of
// them has given a sign of life.
base::Status EnterGateFiles(const char* store_directory,
                            const char* audit_directory);
base::Status EnterGateSyscalls();

}  // namespace coffer::os
