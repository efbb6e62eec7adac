// Starting a program with an exact table of descriptors, as an exact user, and
// learning how it ended. Run by the launcher (for the keeper), by the CLI (for
// short-lived helpers) and by tests. Refuses to leave a way back to the former
// user, or any descriptor that was not named.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>

#include "vault/os/descriptor.h"

namespace coffer::os {

// Two connected Unix sockets, both closed on exec.
struct SocketPair {
  FileDescriptor here;
  FileDescriptor there;
};
base::Result<SocketPair> MakeStreamPair();
base::Result<SocketPair> MakeSeqpacketPair();

struct Identity {
  uid_t uid;
  gid_t gid;
};

// Drops to `identity` with no supplementary groups, no capabilities and no way
// back; checks that there is none. Requires root, or the same ids already.
base::Status BecomeUser(const Identity& identity);

struct ResourceLimit {
  int resource;  // RLIMIT_...
  uint64_t value;
};

struct SpawnOptions {
  const char* path = nullptr;                   // absolute, or relative to cwd
  std::span<const char* const> arguments = {};  // argv, with argv[0]
  std::span<const char* const> environment = {};  // "NAME=value"; {} is none
  std::span<const int> descriptors = {};          // become 3, 4, ... in order
  int standard_input = -1;                        // -1: empty
  int standard_output = -1;                       // -1: ours
  std::span<const ResourceLimit> limits = {};     // RLIMIT_CORE is always 0
  std::optional<Identity> identity = {};          // unset: stays as it is
  int signal_at_parents_end = 0;                  // 0: none
};

struct ExitStatus {
  bool signaled = false;
  int code = 0;  // exit code, or the signal's number
};
// "exit code 3" or "signal 31 (SYS, Bad system call)".
std::string ExitText(const ExitStatus& status);

// Resource, move-only: a child known by its pidfd, so that no other process
// can be taken for it. Neither waits nor kills at its end.
class ChildProcess {
 public:
  ChildProcess(pid_t pid, FileDescriptor pidfd)
      : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid() const { return pid_; }
  // Readable when the child has ended; for epoll.
  int pidfd() const { return pidfd_.get(); }
  // kIo when the signal cannot be sent.
  base::Status Signal(int signal) const;
  // Blocks until the child ends, and reaps it.
  base::Result<ExitStatus> Wait();
  // As Wait, but nothing when it still runs.
  base::Result<std::optional<ExitStatus>> WaitIfEnded();

 private:
  pid_t pid_;
  FileDescriptor pidfd_;
};

// Starts a program: standard input is empty, output and error are ours unless
// given, descriptors as listed, nothing else open; umask 077, default signals,
// no_new_privs. Errors up to the exec itself are returned here, kIo with errno
// set, kNotFound when there is no such program.
base::Result<ChildProcess> Spawn(const SpawnOptions& options);

}  // namespace coffer::os
