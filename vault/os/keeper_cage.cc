#include "vault/os/keeper_cage.h"

#include <malloc.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <cstring>

namespace coffer::os {

namespace {

constexpr SyscallRule kSyscalls[] = {
    {SYS_read, "frames from the gate and operators; the sync thread's wake-up"},
    {SYS_write, "answers, operator frames, the wake-up, standard error"},
    {SYS_pread64, "keeper.state and the journal"},
    {SYS_pwrite64, "keeper.state and the journal"},
    {SYS_fdatasync, "a batch is on disk before its answers leave"},
    {SYS_fallocate, "space for the journal is taken ahead"},
    {SYS_accept4, "callers, operators and monitors connect here"},
    {SYS_sendmsg, "passes a connection's duplicate to the gate"},
    {SYS_getsockopt,
     "the peer's credentials, and nothing of other levels",
     {Equal(1, SOL_SOCKET)}},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "the loop"},
#endif
    {SYS_epoll_pwait, "the loop, as some C libraries and machines call it"},
    {SYS_epoll_ctl, "connections come and go"},
    {SYS_close, "a connection that ended"},
    {SYS_shutdown, "ends an operator's connection"},
    {SYS_futex, "mutex and condition between the loop and the sync thread"},
    {SYS_clock_gettime, "time, where the vDSO has no clock to offer"},
    {SYS_getrandom, "keys, nonces and token ids"},
    {SYS_rt_sigreturn, "returning from a signal"},
    {SYS_restart_syscall, "a wait goes on after a stop"},
    {SYS_exit, "a thread's end when the process ends"},
    {SYS_exit_group, "the process's end"},
};

}  // namespace

std::span<const SyscallRule> KeeperSyscalls() { return kSyscalls; }

base::Status PrepareKeeperHeap(size_t reserve_bytes) {
  if (SeccompIsLeftOut()) return {};  // a sanitizer's malloc knows no mallopt
  constexpr int kNoTrim = -1;
  bool set = mallopt(M_TRIM_THRESHOLD, kNoTrim) == 1 &&
             mallopt(M_MMAP_MAX, 0) == 1 && mallopt(M_ARENA_MAX, 1) == 1;
  void* reserve = std::malloc(reserve_bytes);
  if (!set || (reserve == nullptr && reserve_bytes != 0)) {
    return base::Fail(base::Code::kFull, "cannot reserve memory");
  }
  if (reserve_bytes != 0) {
    // Touched, so that the pages are there; the wipe may not be optimised out.
    std::memset(reserve, 0, reserve_bytes);
    asm volatile("" : : "r"(reserve) : "memory");
  }
  std::free(reserve);
  return {};
}

base::Status EnterKeeperFiles() {
  COFFER_TRY(HardenProcess());
  return ApplyLandlock({});
}

base::Status EnterKeeperSyscalls() {
  return ApplySeccomp(KeeperSyscalls(), true);
}

}  // namespace coffer::os
