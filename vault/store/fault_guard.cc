#include "vault/store/fault_guard.h"

#include <csetjmp>
#include <csignal>
#include <mutex>

#include "crypto/base/check.h"

namespace coffer::store {
namespace {

struct Frame {
  sigjmp_buf jump;
  AddressRange range;
  Frame* outer;
};

// A wrong flag in a page makes LMDB use a pointer it did not set.
constexpr uintptr_t kNullBytes = 64 * 1024;

// A handler has no other way to know the thread's call.
thread_local Frame* current_frame = nullptr;

struct Previous {
  struct sigaction bus;
  struct sigaction segv;
};
Previous previous{};

// The fault is none of ours: what would have happened without this guard.
void Forward(int signal, siginfo_t* info, void* context) {
  const struct sigaction& before =
      signal == SIGBUS ? previous.bus : previous.segv;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    // Returning runs the faulting instruction again, now without a handler.
    std::signal(signal, SIG_DFL);
  }
}

void OnFault(int signal, siginfo_t* info, void* context) {
  Frame* frame = current_frame;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  // si_code above 0: the kernel's own, and not a signal that was sent.
  const bool ours =
      frame != nullptr && info->si_code > 0 &&
      (signal == SIGBUS || address < kNullBytes ||
       (address >= frame->range.begin && address < frame->range.end));
  if (ours) siglongjmp(frame->jump, 1);
  Forward(signal, info, context);
}

}  // namespace

void InstallFaultGuard() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = OnFault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    COFFER_CHECK(sigaction(SIGBUS, &action, &previous.bus) == 0);
    COFFER_CHECK(sigaction(SIGSEGV, &action, &previous.segv) == 0);
  });
}

void FaultNow() {
  if (current_frame != nullptr) siglongjmp(current_frame->jump, 1);
}

// One function with a sigsetjmp, and the call in another: nothing here changes
// between the two returns of sigsetjmp.
int internal::RunGuarded(AddressRange range, int (*call)(const void*),
                         const void* argument) {
  Frame frame;
  frame.range = range;
  frame.outer = current_frame;
  // The mask is not saved: the handlers run with none of their own.
  if (sigsetjmp(frame.jump, 0) != 0) {
    current_frame = current_frame->outer;
    return kMapFault;
  }
  current_frame = &frame;
  const int result = call(argument);
  current_frame = frame.outer;
  return result;
}

}  // namespace coffer::store
