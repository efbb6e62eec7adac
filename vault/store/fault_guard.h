// Runs a call into the mapped store so that a fault inside the map is a result
// and not the process's end. LMDB has no checksums: in a damaged file it may
// follow a wrong offset past the file's end (SIGBUS), write to its read-only
// map (SIGSEGV) or fail one of its own assertions; a dying disk gives SIGBUS
// too. Runs in the gate; made before the sandbox (it needs sigaction).
//
// A call that faulted was left in its middle: what it used must not be used
// again, and the code within a guarded call owns nothing that a destructor
// would release. Faults anywhere but in the map stay what they are: SIGSEGV is
// caught only for addresses in the stated range, SIGBUS (mapped files alone
// raise it here) for any address, both only on the thread of the call.
#pragma once

#include <csetjmp>
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
struct GuardFrame {
  sigjmp_buf jump;
  AddressRange range;
  GuardFrame* outer;
};
// Returns the frame that stood before.
GuardFrame* ExchangeFrame(GuardFrame* frame);
}  // namespace internal

// Ends the innermost guarded call of this thread with kMapFault, if there is
// one.
void FaultNow();

// Returns what `call` returns, or kMapFault.
template <typename Call>
[[gnu::noinline]] int Guarded(AddressRange range, const Call& call) {
  internal::GuardFrame frame;
  frame.range = range;
  frame.outer = internal::ExchangeFrame(&frame);
  int result = kMapFault;
  // The mask is not saved: the handlers run with none of their own.
  if (sigsetjmp(frame.jump, 0) == 0) result = call();
  internal::ExchangeFrame(frame.outer);
  return result;
}

}  // namespace coffer::store
