// Making a listening Unix stream socket at a path. Run by the launcher, before
// it drops its rights. Refuses a path where another program still listens, a
// path that is no socket, and a directory in which a process that is to be kept
// out could put a socket of its own.
#pragma once

#include <sys/types.h>

#include <span>

#include "vault/os/descriptor.h"
#include "vault/os/spawn.h"

namespace coffer::os {

struct ListenOptions {
  const char* path = nullptr;  // absolute, at most 107 bytes
  mode_t mode = 0600;
  uid_t owner = 0;
  gid_t group = 0;
  int backlog = 512;
  // Users that must not be able to write to any directory of the path. A
  // directory shared by sticky bit, as /tmp, is taken.
  std::span<const Identity> kept_out = {};
};

// Makes missing parents (0755, ours), replaces a dead socket, refuses a live
// one (kConflict), and returns a non-blocking listening socket. errno is set
// with kIo.
base::Result<FileDescriptor> ListenAt(const ListenOptions& options);

// Makes `path` and its missing parents as directories of mode 0755, or `mode`
// for the last. Existing ones stay as they are.
base::Status MakeDirectories(const char* path, mode_t mode);

}  // namespace coffer::os
