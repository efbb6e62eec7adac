// Giving up rights for good: process hardening, Landlock for files, network and
// signals, seccomp for system calls. Run by the keeper and the gate before
// either reads a byte from a peer; the lists are in keeper_cage.h and
// gate_cage.h. Refuses to go on when the kernel lacks what it needs, by name.
#pragma once

#include <span>

#include "vault/os/seccomp_filter.h"

namespace coffer::os {

// No core dumps, no debugger of the same user (dumpable 0), and nothing gained
// by any later exec (no_new_privs). Reversible by nobody but root.
base::Status HardenProcess();

// What stays allowed beneath one directory, or on one file.
enum PathAccess : uint8_t {
  kPathRead = 1,    // read files, list directories
  kPathWrite = 2,   // write and truncate files that exist
  kPathChange = 4,  // make, rename and remove files and directories
};
struct PathRule {
  const char* path;
  uint8_t access;  // bits of PathAccess
};

// The kernel's Landlock version; 0 when there is none.
int LandlockVersion();

// Denies every access to files not named, and where the kernel knows them: TCP
// bind and connect (version 4), device ioctls (5), connecting to abstract
// sockets of and signalling processes outside (6). Binds the calling thread and
// what it starts, so call it before other threads are made. Requires
// no_new_privs.
base::Status ApplyLandlock(std::span<const PathRule> rules);

// Installs the filter on this thread, or on all threads of the process, which
// must not have filters of their own. Requires no_new_privs.
base::Status ApplySeccomp(std::span<const SyscallRule> rules, bool all_threads);

// True in a build with sanitizers, whose runtime needs calls the cages deny:
// there ApplySeccomp does nothing, and the programs say so at start.
bool SeccompIsLeftOut();

}  // namespace coffer::os
