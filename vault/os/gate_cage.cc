#include "vault/os/gate_cage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace coffer::os {

namespace {

constexpr uint32_t kIdTypePidfd = 3;  // P_PIDFD

constexpr SyscallRule kSyscalls[] = {
    // The event loop.
    {SYS_read, "requests, the keeper's answers, signals"},
    {SYS_write, "answers, batches to the keeper, standard error"},
    {SYS_writev, "an answer's head and body at once; LMDB's pages"},
    {SYS_recvfrom, "requests, without blocking"},
    {SYS_sendto, "answers, without SIGPIPE; the service manager"},
    {SYS_recvmsg, "connections from the keeper"},
    {SYS_sendmsg, "an answer's head and body, without SIGPIPE"},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "the loop"},
#endif
    {SYS_epoll_pwait, "the loop, as some C libraries and machines call it"},
    {SYS_epoll_ctl, "connections come and go"},
    {SYS_shutdown, "ends a connection in both processes"},
    {SYS_close, "a connection that ended"},
    {SYS_waitid, "how the keeper ended", {Equal(0, kIdTypePidfd)}},

    // Memory; never executable.
    {SYS_brk, "the heap"},
    {SYS_mmap, "large blocks and the store", {WithoutBits(2, PROT_EXEC)}},
    {SYS_munmap, "large blocks and the store"},
    {SYS_mremap, "large blocks that grow"},
    {SYS_madvise, "the store is read at random; free memory goes back"},

    // The store, beneath its directory (Landlock).
    {SYS_openat, "the store anew after a failed commit"},
    {SYS_newfstatat, "sizes of files"},
    {SYS_fstat, "sizes of files"},
    {SYS_lseek, "LMDB, before a write at a place"},
    {SYS_pread64, "LMDB's meta pages"},
    {SYS_pwrite64, "LMDB's pages"},
    {SYS_pwritev, "LMDB's pages"},
    {SYS_fdatasync, "a commit"},
    {SYS_fsync, "a new file's directory"},
    {SYS_ftruncate, "LMDB's files when made"},
    {SYS_renameat, "a restored store in the place of the old one"},
    {SYS_renameat2,
     "the same, in one step that keeps the old one",
     {Equal(4, RENAME_EXCHANGE)}},
    {SYS_fstatfs, "LMDB asks for the file system when it opens"},
    {SYS_uname, "LMDB asks for the kernel's version when it opens"},
    {SYS_fcntl, "LMDB's locks", {Equal(1, F_SETLK)}},
    {SYS_fcntl, "LMDB's locks", {Equal(1, F_SETLKW)}},
    {SYS_fcntl, "LMDB's locks", {Equal(1, F_GETLK)}},
    {SYS_fcntl, "close-on-exec on LMDB's files", {Equal(1, F_GETFD)}},
    {SYS_fcntl, "close-on-exec on LMDB's files", {Equal(1, F_SETFD)}},
    {SYS_fcntl, "a passed connection's flags", {Equal(1, F_GETFL)}},
    {SYS_fcntl, "a passed connection does not block", {Equal(1, F_SETFL)}},

    // The C library.
    {SYS_futex, "LMDB's mutexes; threads' own"},
    {SYS_clock_gettime, "time, where the vDSO has no clock to offer"},
    {SYS_getrandom, "the C library's hash seeds"},
    {SYS_getpid, "LMDB's reader table"},
    {SYS_gettid, "LMDB's reader table; abort"},
    {SYS_sched_yield, "a contended lock"},
    {SYS_rt_sigprocmask, "abort"},
    {SYS_rt_sigreturn, "returning from a signal"},
    {SYS_restart_syscall, "a wait goes on after a stop"},
    {SYS_exit, "a thread's end when the process ends"},
    {SYS_exit_group, "the process's end"},
};

}  // namespace

std::vector<SyscallRule> GateSyscalls() {
  std::vector<SyscallRule> rules(std::begin(kSyscalls), std::end(kSyscalls));
  rules.push_back({SYS_tgkill,
                   "abort ends this process itself",
                   {Equal(0, static_cast<uint32_t>(getpid()))}});
  return rules;
}

base::Status EnterGateFiles(const char* store_directory,
                            const char* audit_directory) {
  COFFER_TRY(HardenProcess());
  // What the gate makes, renames and removes in the store are LMDB's own files;
  // of the audit directory nothing is written yet.
  const PathRule rules[] = {
      {store_directory, kPathRead | kPathWrite | kPathChange},
      {audit_directory, kPathRead}};
  return ApplyLandlock(rules);
}

base::Status EnterGateSyscalls() { return ApplySeccomp(GateSyscalls(), true); }

}  // namespace coffer::os
