#include "vault/os/descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace coffer::os {

using base::Code;
using base::Fail;

void FileDescriptor::Reset(int fd) {
  if (fd_ >= 0 && fd_ != fd) {
    int saved = errno;
    close(fd_);
    errno = saved;
  }
  fd_ = fd;
}

base::Status ReadFull(int fd, base::MutableBytes out) {
  while (!out.empty()) {
    ssize_t got = read(fd, out.data(), out.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return Fail(Code::kIo, "cannot read");
    }
    if (got == 0) return Fail(Code::kUnreachable, "the other end closed");
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

base::Status WriteFull(int fd, base::Bytes bytes) {
  bool is_socket = true;
  while (!bytes.empty()) {
    ssize_t put = is_socket ? send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                            : write(fd, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      if (is_socket && errno == ENOTSOCK) {
        is_socket = false;
        continue;
      }
      if (errno == EPIPE || errno == ECONNRESET) {
        return Fail(Code::kUnreachable, "the other end closed");
      }
      return Fail(Code::kIo, "cannot write");
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

base::Status SetNonBlocking(int fd, bool on) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return Fail(Code::kIo, "cannot read descriptor flags");
  flags = on ? (flags | O_NONBLOCK) : (flags & ~O_NONBLOCK);
  if (fcntl(fd, F_SETFL, flags) < 0) {
    return Fail(Code::kIo, "cannot set descriptor flags");
  }
  return {};
}

base::Status SetCloseOnExec(int fd, bool on) {
  if (fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0) {
    return Fail(Code::kIo, "cannot set close-on-exec");
  }
  return {};
}

base::Result<FileDescriptor> Duplicate(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return Fail(Code::kIo, "cannot duplicate a descriptor");
  return FileDescriptor(copy);
}

}  // namespace coffer::os
