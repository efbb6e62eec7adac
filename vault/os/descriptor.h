// Owned file descriptors and the few calls on them that every process needs.
// Runs in every process. Refuses nothing by itself: a descriptor's rights were
// settled when it was opened.
#pragma once

#include "crypto/base/bytes.h"
#include "crypto/base/result.h"

namespace coffer::os {

// Resource, move-only: closes its descriptor, leaving errno as it was.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor up without closing it.
  int Release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Reads exactly out.size() bytes of a blocking descriptor. kUnreachable at an
// early end, kIo with errno set otherwise.
base::Status ReadFull(int fd, base::MutableBytes out);
// Writes every byte to a blocking descriptor; never raises SIGPIPE on a socket
// (kUnreachable when the other end is gone, kIo with errno set otherwise).
base::Status WriteFull(int fd, base::Bytes bytes);

base::Status SetNonBlocking(int fd, bool on);
base::Status SetCloseOnExec(int fd, bool on);
// A second descriptor of the same file, closed on exec.
base::Result<FileDescriptor> Duplicate(int fd);

}  // namespace coffer::os
