#include "tests/os/cage_attempts.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>

#include "tests/os/test_support.h"

namespace coffer::os {

namespace {

constexpr int kLetThrough = 42;
constexpr int kRefused = 43;
constexpr int kNotEntered = 44;

long Connect() {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  return syscall(SYS_connect, 0, &address, sizeof address);
}

long ReadParentsMemory() {
  char here = 0;
  iovec local = {&here, 1};
  iovec remote = {&here, 1};
  return syscall(SYS_process_vm_readv, getppid(), &local, 1, &remote, 1, 0);
}

long WriteParentsMemory() {
  char here = 0;
  iovec local = {&here, 1};
  iovec remote = {&here, 1};
  return syscall(SYS_process_vm_writev, getppid(), &local, 1, &remote, 1, 0);
}

long MapExecutable() {
  return syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

long ProtectExecutable() {
  static char page[8192];
  auto start = (reinterpret_cast<uintptr_t>(page) + 4095) & ~uintptr_t{4095};
  return syscall(SYS_mprotect, start, 4096, PROT_READ | PROT_EXEC);
}

// A new process by a raw call; the child must not come back into the test.
long NewProcess(long number, long first) {
  long made = syscall(number, first, 0, 0, 0, 0);
  if (made == 0) _exit(0);
  return made;
}

long NewProcessByClone3() {
  struct {
    uint64_t fields[8] = {};
  } arguments;
  arguments.fields[4] = SIGCHLD;  // exit_signal
  return NewProcess(SYS_clone3, reinterpret_cast<long>(&arguments));
}

long Exec() {
  const char* nothing[] = {nullptr};
  return syscall(SYS_execve, "/bin/true", nothing, nothing);
}

long ExecAt() {
  const char* nothing[] = {nullptr};
  return syscall(SYS_execveat, AT_FDCWD, "/bin/true", nothing, nothing, 0);
}

void AddFiles(std::vector<Attempt>& all) {
#ifdef SYS_open
  all.push_back({"open", [] { return syscall(SYS_open, "/etc/passwd", 0); }});
  all.push_back({"creat", [] { return syscall(SYS_creat, "/no/way", 0); }});
  all.push_back({"unlink", [] { return syscall(SYS_unlink, "/no/way"); }});
  all.push_back({"rename", [] { return syscall(SYS_rename, "/no", "/way"); }});
#endif
  all.push_back({"openat2", [] {
                   uint64_t how[3] = {};
                   return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how,
                                  sizeof how);
                 }});
  all.push_back({"open_by_handle_at", [] {
                   return syscall(SYS_open_by_handle_at, AT_FDCWD, nullptr, 0);
                 }});
  all.push_back({"linkat", [] {
                   return syscall(SYS_linkat, AT_FDCWD, "/no", AT_FDCWD, "/way",
                                  0);
                 }});
  all.push_back({"symlinkat", [] {
                   return syscall(SYS_symlinkat, "/no", AT_FDCWD, "/no/way");
                 }});
  all.push_back({"fchmod", [] { return syscall(SYS_fchmod, 0, 0600); }});
  all.push_back({"fchown", [] { return syscall(SYS_fchown, 0, -1, -1); }});
  all.push_back({"chdir", [] { return syscall(SYS_chdir, "/"); }});
  all.push_back({"chroot", [] { return syscall(SYS_chroot, "/"); }});
  all.push_back(
      {"mount",
       [] { return syscall(SYS_mount, "", "/no/way", "tmpfs", 0, nullptr); }});
  all.push_back({"umount2", [] { return syscall(SYS_umount2, "/no/way", 0); }});
  all.push_back({"fsopen", [] { return syscall(SYS_fsopen, "tmpfs", 0); }});
  all.push_back(
      {"memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }});
  all.push_back({"ioctl (terminal input)", [] {
                   char typed = 'x';
                   constexpr unsigned long kTypeIntoTerminal = 0x5412;
                   return syscall(SYS_ioctl, -1, kTypeIntoTerminal, &typed);
                 }});
}

void AddSockets(std::vector<Attempt>& all) {
  all.push_back(
      {"socket", [] { return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }});
  all.push_back({"socket (internet)",
                 [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }});
  all.push_back({"socketpair", [] {
                   int pair[2];
                   return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0,
                                  pair);
                 }});
  all.push_back({"connect", Connect});
  all.push_back({"bind", [] { return syscall(SYS_bind, 0, nullptr, 0); }});
  all.push_back({"listen", [] { return syscall(SYS_listen, 0, 1); }});
  all.push_back({"setsockopt", [] {
                   int on = 1;
                   return syscall(SYS_setsockopt, 0, SOL_SOCKET, SO_DEBUG, &on,
                                  sizeof on);
                 }});
}

void AddProcesses(std::vector<Attempt>& all) {
  all.push_back({"execve", Exec});
  all.push_back({"execveat", ExecAt});
#ifdef SYS_fork
  all.push_back({"fork", [] { return NewProcess(SYS_fork, 0); }});
#endif
  all.push_back({"clone", [] { return NewProcess(SYS_clone, SIGCHLD); }});
  all.push_back({"clone3", NewProcessByClone3});
  all.push_back({"unshare", [] { return syscall(SYS_unshare, CLONE_FS); }});
  all.push_back({"setns", [] { return syscall(SYS_setns, 0, 0); }});
  all.push_back(
      {"ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }});
  all.push_back({"process_vm_readv", ReadParentsMemory});
  all.push_back({"process_vm_writev", WriteParentsMemory});
  all.push_back(
      {"pidfd_open", [] { return syscall(SYS_pidfd_open, getppid(), 0); }});
  all.push_back(
      {"pidfd_getfd", [] { return syscall(SYS_pidfd_getfd, 0, 0, 0); }});
  all.push_back({"kill", [] { return syscall(SYS_kill, getppid(), 0); }});
  all.push_back({"tgkill (another)",
                 [] { return syscall(SYS_tgkill, getppid(), getppid(), 0); }});
  all.push_back({"setuid", [] { return syscall(SYS_setuid, getuid()); }});
  all.push_back(
      {"setresuid", [] { return syscall(SYS_setresuid, -1, -1, -1); }});
  all.push_back(
      {"setgroups", [] { return syscall(SYS_setgroups, 0, nullptr); }});
  all.push_back({"capset", [] { return syscall(SYS_capset, 0, nullptr); }});
  all.push_back({"prlimit64", [] {
                   return syscall(SYS_prlimit64, 0, 0, nullptr, nullptr);
                 }});
  all.push_back({"prctl (dumpable)", [] {
                   return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
                 }});
  all.push_back({"seccomp", [] {
                   return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0,
                                  nullptr);
                 }});
}

void AddKernel(std::vector<Attempt>& all) {
  all.push_back({"mmap (executable)", MapExecutable});
  all.push_back({"mprotect (executable)", ProtectExecutable});
  all.push_back({"pkey_mprotect", [] {
                   return syscall(SYS_pkey_mprotect, nullptr, 0, PROT_EXEC, -1);
                 }});
  all.push_back({"remap_file_pages", [] {
                   return syscall(SYS_remap_file_pages, nullptr, 0, 0, 0, 0);
                 }});
  all.push_back({"io_uring_setup", [] {
                   io_uring_params parameters = {};
                   return syscall(SYS_io_uring_setup, 1, &parameters);
                 }});
  all.push_back({"bpf", [] { return syscall(SYS_bpf, 0, nullptr, 0); }});
  all.push_back({"userfaultfd", [] { return syscall(SYS_userfaultfd, 1); }});
  all.push_back({"perf_event_open", [] {
                   return syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0);
                 }});
  all.push_back({"keyctl", [] { return syscall(SYS_keyctl, 0, -3, 0); }});
  all.push_back({"add_key", [] {
                   return syscall(SYS_add_key, "user", "x", nullptr, 0, -1);
                 }});
  all.push_back(
      {"init_module", [] { return syscall(SYS_init_module, nullptr, 0, ""); }});
  all.push_back({"kexec_load",
                 [] { return syscall(SYS_kexec_load, 0, -1, nullptr, 0); }});
  all.push_back({"reboot", [] { return syscall(SYS_reboot, 1, 2, 3, 0); }});
  all.push_back(
      {"sethostname", [] { return syscall(SYS_sethostname, nullptr, 65535); }});
  all.push_back({"clock_settime",
                 [] { return syscall(SYS_clock_settime, 99, nullptr); }});
  all.push_back({"quotactl",
                 [] { return syscall(SYS_quotactl, 0, nullptr, 0, nullptr); }});
  all.push_back({"syslog", [] { return syscall(SYS_syslog, 10, nullptr, 0); }});
#if defined(__x86_64__)
  constexpr long kX32 = 0x40000000;
  all.push_back({"read as an x32 call",
                 [] { return syscall(kX32 + SYS_read, -1, nullptr, 0); }});
  all.push_back({"arch_prctl", [] { return syscall(SYS_arch_prctl, 0, 0); }});
  all.push_back({"iopl", [] { return syscall(SYS_iopl, 0); }});
#endif
}

}  // namespace

std::vector<Attempt> ForbiddenToBoth() {
  std::vector<Attempt> all;
  AddFiles(all);
  AddSockets(all);
  AddProcesses(all);
  AddKernel(all);
  return all;
}

Verdict Try(const std::function<bool()>& enter, const Attempt& attempt) {
  ExitStatus status = RunInChild([&] {
    if (!enter()) return kNotEntered;
    return attempt.call() < 0 ? kRefused : kLetThrough;
  });
  if (status.signaled) {
    return status.code == SIGSYS ? Verdict::kKilled : Verdict::kBroken;
  }
  if (status.code == kRefused) return Verdict::kRefused;
  // A successful execve ends as the program does.
  if (status.code == kLetThrough || status.code == 0) {
    return Verdict::kLetThrough;
  }
  return Verdict::kBroken;
}

std::vector<std::string> NotKilled(const char* title,
                                   const std::function<bool()>& enter,
                                   std::span<const Attempt> attempts) {
  std::vector<std::string> names;
  for (const Attempt& attempt : attempts) {
    if (Try(enter, attempt) != Verdict::kKilled) {
      names.emplace_back(attempt.name);
    }
  }
  std::printf("%s: %zu of %zu denied\n", title, attempts.size() - names.size(),
              attempts.size());
  return names;
}

}  // namespace coffer::os
