#include "vault/os/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace coffer::os {

using base::Code;
using base::Fail;

namespace {

constexpr int kFirstTarget = 3;
constexpr int kIdTypePidfd = 3;  // P_PIDFD
constexpr size_t kDescriptorsMax = 32;

base::Result<SocketPair> MakePair(int type) {
  int pair[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0) {
    return Fail(Code::kIo, "cannot make a socket pair");
  }
  return SocketPair{FileDescriptor(pair[0]), FileDescriptor(pair[1])};
}

// What the child does between fork and exec: system calls only, since another
// thread of the parent may have held a lock. Returns on failure, with errno and
// with `report` where the pipe now is.
void RunChild(const SpawnOptions& options, const char* const* argv,
              const char* const* envp, pid_t parent, int& report) {
  int count = static_cast<int>(options.descriptors.size());
  int report_target = kFirstTarget + count;
  // Everything first moves above the targets, so that no target is overwritten
  // before it was copied.
  std::array<int, kDescriptorsMax> moved{};
  int report_moved = fcntl(report, F_DUPFD_CLOEXEC, report_target + 1);
  if (report_moved < 0) return;
  report = report_moved;
  for (int i = 0; i < count; ++i) {
    moved[i] = fcntl(options.descriptors[i], F_DUPFD, report_target + 1);
    if (moved[i] < 0) return;
  }
  const int standard[] = {options.standard_input, options.standard_output};
  int standard_moved[] = {-1, -1};
  for (int i = 0; i < 2; ++i) {
    if (standard[i] < 0) continue;
    standard_moved[i] = fcntl(standard[i], F_DUPFD, report_target + 1);
    if (standard_moved[i] < 0) return;
  }
  for (int i = 0; i < count; ++i) {
    if (dup2(moved[i], kFirstTarget + i) < 0) return;
  }
  if (dup3(report, report_target, O_CLOEXEC) < 0) return;
  report = report_target;
  int empty[2];  // its writing end goes with the rest below
  if (pipe(empty) < 0 || dup2(empty[0], STDIN_FILENO) < 0) return;
  for (int i = 0; i < 2; ++i) {
    if (standard_moved[i] >= 0 && dup2(standard_moved[i], i) < 0) return;
  }
  if (syscall(SYS_close_range, static_cast<unsigned>(report_target + 1), ~0U,
              0U) < 0) {
    return;
  }

  for (int signal_number = 1; signal_number < NSIG; ++signal_number) {
    struct sigaction defaults = {};
    defaults.sa_handler = SIG_DFL;
    sigaction(signal_number, &defaults, nullptr);  // KILL and STOP refuse
  }
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) < 0) return;

  umask(077);
  rlimit no_core = {0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) < 0) return;
  for (const ResourceLimit& limit : options.limits) {
    rlimit wanted = {limit.value, limit.value};
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &wanted) <
        0) {
      return;
    }
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return;
  if (options.identity && !BecomeUser(*options.identity).ok()) return;
  if (options.signal_at_parents_end != 0) {
    // After the change of user, which clears it; the parent may be gone.
    if (prctl(PR_SET_PDEATHSIG, options.signal_at_parents_end, 0, 0, 0) < 0) {
      return;
    }
    if (getppid() != parent) _exit(127);
  }
  execve(options.path, const_cast<char* const*>(argv),
         const_cast<char* const*>(envp));
}

base::Result<std::optional<ExitStatus>> WaitFor(int pidfd, int extra_flags) {
  siginfo_t info = {};
  int done;
  do {
    done = waitid(static_cast<idtype_t>(kIdTypePidfd), static_cast<id_t>(pidfd),
                  &info, WEXITED | extra_flags);
  } while (done < 0 && errno == EINTR);
  if (done < 0) return Fail(Code::kIo, "cannot wait for a child");
  if (info.si_pid == 0) return std::optional<ExitStatus>();
  return std::optional<ExitStatus>(
      ExitStatus{info.si_code != CLD_EXITED, info.si_status});
}

}  // namespace

base::Result<SocketPair> MakeStreamPair() { return MakePair(SOCK_STREAM); }
base::Result<SocketPair> MakeSeqpacketPair() {
  return MakePair(SOCK_SEQPACKET);
}

base::Status BecomeUser(const Identity& identity) {
  if (geteuid() == 0 && setgroups(0, nullptr) < 0) {
    return Fail(Code::kIo, "cannot drop the supplementary groups");
  }
  if (setresgid(identity.gid, identity.gid, identity.gid) < 0) {
    return Fail(Code::kIo, "cannot change the group");
  }
  if (setresuid(identity.uid, identity.uid, identity.uid) < 0) {
    return Fail(Code::kIo, "cannot change the user");
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
    return Fail(Code::kIo, "cannot drop the ambient capabilities");
  }
  // The way back must be closed; this is checked and not assumed.
  bool user_back = identity.uid != 0 && setresuid(0, 0, 0) == 0;
  bool group_back =
      identity.uid != 0 && identity.gid != 0 && setresgid(0, 0, 0) == 0;
  if (user_back || group_back) {
    errno = EPERM;
    return Fail(Code::kDenied, "the former user could be taken back");
  }
  return {};
}

std::string ExitText(const ExitStatus& status) {
  if (!status.signaled) return "exit code " + std::to_string(status.code);
  std::string text = "signal " + std::to_string(status.code);
  const char* name = sigabbrev_np(status.code);
  const char* description = sigdescr_np(status.code);
  if (name != nullptr && description != nullptr) {
    text.append(" (").append(name).append(", ");
    text.append(description).append(")");
  }
  return text;
}

base::Status ChildProcess::Signal(int signal) const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) < 0) {
    return Fail(Code::kIo, "cannot signal a child");
  }
  return {};
}

base::Result<ExitStatus> ChildProcess::Wait() {
  auto ended = WaitFor(pidfd_.get(), 0);
  if (!ended.ok()) return ended.error();
  return **ended;
}

base::Result<std::optional<ExitStatus>> ChildProcess::WaitIfEnded() {
  return WaitFor(pidfd_.get(), WNOHANG);
}

base::Result<ChildProcess> Spawn(const SpawnOptions& options) {
  COFFER_CHECK(options.path != nullptr);
  COFFER_CHECK(options.descriptors.size() <= kDescriptorsMax);
  std::vector<const char*> argv(options.arguments.begin(),
                                options.arguments.end());
  argv.push_back(nullptr);
  std::vector<const char*> envp(options.environment.begin(),
                                options.environment.end());
  envp.push_back(nullptr);

  int report_pipe[2];
  if (pipe2(report_pipe, O_CLOEXEC) < 0) {
    return Fail(Code::kIo, "cannot make a pipe");
  }
  FileDescriptor report_read(report_pipe[0]);
  FileDescriptor report_write(report_pipe[1]);

  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) return Fail(Code::kIo, "cannot fork");
  if (pid == 0) {
    int report = report_write.get();
    RunChild(options, argv.data(), envp.data(), parent, report);
    int failure = errno;
    ssize_t put = write(report, &failure, sizeof failure);
    static_cast<void>(put);
    _exit(127);
  }
  report_write.Reset();
  // Our own unreaped child: its number cannot have been given to another.
  FileDescriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
  int failure = 0;
  ssize_t got;
  do {
    got = read(report_read.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == 0 && pidfd.valid()) return ChildProcess(pid, std::move(pidfd));

  if (got == 0) kill(pid, SIGKILL);  // no pidfd
  int saved = got == 0 ? ENOSYS : failure;
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  errno = saved;
  if (saved == ENOENT) return Fail(Code::kNotFound, "no such program");
  return Fail(Code::kIo, "cannot start a program");
}

}  // namespace coffer::os
