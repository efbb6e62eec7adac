// The keeper's cage: what the process with the keys may still ask of the kernel
// once it has started. Everything it works with was opened before. Refuses (by
// killing the process) opening, mapping memory, sockets, processes, the rest.
//
// After it: no allocation may grow or trim the heap (call PrepareKeeperHeap
// first and allocate all tables at start), no thread may start or end, and the
// process ends by _exit.
#pragma once

#include <span>

#include "vault/os/sandbox.h"

namespace coffer::os {

// How the keeper ends after `coffer zeroize`, so that its launcher can tell.
inline constexpr int kZeroizedExit = 86;

// Each permitted call with its reason.
std::span<const SyscallRule> KeeperSyscalls();

// Keeps malloc from asking the kernel to trim the heap or to map a large block,
// and fills the heap with `reserve_bytes` that later allocations can use.
base::Status PrepareKeeperHeap(size_t reserve_bytes);

// In order, from the keeper's main: EnterKeeperFiles() (hardening, and a
// Landlock domain without any path) before the sync thread is made,
// EnterKeeperSyscalls() (seccomp on all threads) after that thread has given a
// sign of life: a new thread's first calls, before its function runs, are not
// on the list.
base::Status EnterKeeperFiles();
base::Status EnterKeeperSyscalls();

}  // namespace coffer::os
