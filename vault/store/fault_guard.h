// Runs a call into the mapped store so that a fault inside the map is a result
// and not the process's end. LMDB has no checksums: in a damaged file it may
// follow a wrong offset past the file's end (SIGBUS), write to its read-only
// map, use a null pointer (SIGSEGV) or fail one of its own assertions; a dying
// disk gives SIGBUS too. Runs in the gate; made before the sandbox (it needs
// sigaction).
//
// A call that faulted was left in its middle: what it used must not be used
// again, and the code within a guarded call owns nothing that a destructor
// would release. Faults anywhere else stay what they are: SIGSEGV is caught
// only for addresses in the stated range or next to null, SIGBUS (mapped files
// alone raise it here) for any address, both only on the thread of the call.
#pragma once

#include <cstdint>

namespace coffer::store {

// No LMDB code, and no errno.
inline constexpr int kMapFault = -100;

struct AddressRange {
  uintptr_t begin = 0;
  uintptr_t end = UINTPTR_MAX;
};

// Process-wide, once; keeps the handlers that stood before for other faults.
void InstallFaultGuard();

namespace internal {
int RunGuarded(AddressRange range, int (*call)(const void*),
               const void* argument);
}  // namespace internal

// Ends the innermost guarded call of this thread with kMapFault, if there is
// one.
void FaultNow();

// Returns what `call` returns, or kMapFault.
template <typename Call>
int Guarded(AddressRange range, const Call& call) {
  return internal::RunGuarded(
      range,
      [](const void* argument) {
        return (*static_cast<const Call*>(argument))();
      },
      &call);
}

}  // namespace coffer::store
