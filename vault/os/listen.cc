#include "vault/os/listen.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace coffer::os {

using base::Code;
using base::Fail;

namespace {

constexpr mode_t kParentMode = 0755;

base::Status MakeDirectory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0) {
    // The umask does not decide here.
    if (chmod(path.c_str(), mode) < 0) {
      return Fail(Code::kIo, "cannot set a directory's mode");
    }
    return {};
  }
  struct stat found = {};
  if (errno == EEXIST && stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    errno = ENOTDIR;
  }
  return Fail(Code::kIo, "cannot make a directory");
}

bool MayWrite(const struct stat& directory, const Identity& who) {
  if (directory.st_uid == who.uid) return true;   // it could chmod
  if (directory.st_mode & S_ISVTX) return false;  // not what is another's
  mode_t bit = directory.st_gid == who.gid ? S_IWGRP : S_IWOTH;
  return (directory.st_mode & bit) != 0;
}

// Every directory on the way, since a writer of any could replace the rest.
base::Status RefuseWriters(const std::string& path,
                           std::span<const Identity> kept_out) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    struct stat found = {};
    if (stat(path.substr(0, slash).c_str(), &found) < 0) {
      return Fail(Code::kIo, "cannot look at a socket's directory");
    }
    for (const Identity& who : kept_out) {
      if (MayWrite(found, who)) {
        return Fail(Code::kDenied,
                    "a socket's directory is writable to the gate's or the "
                    "keeper's user; put it in one of root's");
      }
    }
  }
  return {};
}

// Removes a socket at which nobody listens any more.
base::Status RemoveDeadSocket(const sockaddr_un& address) {
  struct stat found = {};
  if (lstat(address.sun_path, &found) < 0) {
    if (errno == ENOENT) return {};
    return Fail(Code::kIo, "cannot look at a socket's path");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Fail(Code::kConflict, "a socket's path holds another kind of file");
  }
  FileDescriptor probe(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return Fail(Code::kIo, "cannot make a socket");
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return Fail(Code::kConflict,
                "another program listens on a socket's path; stop it first");
  }
  if (unlink(address.sun_path) < 0) {
    return Fail(Code::kIo, "cannot remove a dead socket");
  }
  return {};
}

}  // namespace

base::Status MakeDirectories(const char* path, mode_t mode) {
  std::string whole(path);
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  for (size_t slash = whole.find('/', 1); slash != std::string::npos;
       slash = whole.find('/', slash + 1)) {
    COFFER_TRY(MakeDirectory(whole.substr(0, slash), kParentMode));
  }
  return MakeDirectory(whole, mode);
}

base::Result<FileDescriptor> ListenAt(const ListenOptions& options) {
  std::string path(options.path);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path[0] != '/') {
    return Fail(Code::kInvalid, "a socket's path must be absolute");
  }
  if (path.size() >= sizeof address.sun_path) {
    return Fail(Code::kTooLarge, "a socket's path is over 107 bytes");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);

  size_t slash = path.rfind('/');
  if (slash > 0) {
    COFFER_TRY(MakeDirectories(path.substr(0, slash).c_str(), kParentMode));
  }
  COFFER_TRY(RefuseWriters(path, options.kept_out));
  COFFER_TRY(RemoveDeadSocket(address));

  FileDescriptor listener(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid()) return Fail(Code::kIo, "cannot make a socket");
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof address) < 0) {
    return Fail(Code::kIo, "cannot bind a socket");
  }
  // Owner and mode are settled before anyone can connect.
  if ((options.owner != geteuid() || options.group != getegid()) &&
      lchown(path.c_str(), options.owner, options.group) < 0) {
    return Fail(Code::kIo, "cannot give a socket to its owner and group");
  }
  if (chmod(path.c_str(), options.mode) < 0) {
    return Fail(Code::kIo, "cannot set a socket's mode");
  }
  if (listen(listener.get(), options.backlog) < 0) {
    return Fail(Code::kIo, "cannot listen on a socket");
  }
  return listener;
}

}  // namespace coffer::os
