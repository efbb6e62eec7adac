// The few calls that the keeper makes on its own files, as an interface so that
// tests can fail each of them. Runs in the keeper, on inherited descriptors;
// never opens anything.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/base/bytes.h"

namespace coffer::keeper {

using base::ByteArray;
using base::Bytes;
using base::MutableBytes;

using VaultId = ByteArray<16>;

// Each call is one system call with its return value and errno.
class FileOps {
 public:
  virtual ~FileOps() = default;
  virtual ssize_t Read(int fd, MutableBytes out, uint64_t offset) = 0;
  virtual ssize_t Write(int fd, Bytes bytes, uint64_t offset) = 0;
  virtual int DataSync(int fd) = 0;
  // Reserves [offset, offset + bytes), extending the file: fallocate.
  virtual int Reserve(int fd, uint64_t offset, uint64_t bytes) = 0;
  // The file's size, or -1. Before the sandbox only.
  virtual int64_t Size(int fd) = 0;
};

// Inline, so that it can be used from rooms that build with RTTI.
class SystemFileOps final : public FileOps {
 public:
  ssize_t Read(int fd, MutableBytes out, uint64_t offset) override {
    return pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
  }
  ssize_t Write(int fd, Bytes bytes, uint64_t offset) override {
    return pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  }
  int DataSync(int fd) override { return fdatasync(fd); }
  int Reserve(int fd, uint64_t offset, uint64_t bytes) override {
    return fallocate(fd, 0, static_cast<off_t>(offset),
                     static_cast<off_t>(bytes));
  }
  int64_t Size(int fd) override {
    struct stat found {};
    return fstat(fd, &found) == 0 ? found.st_size : -1;
  }
};

// Reads until `out` is full or the file ends; the number of bytes read, or -1.
ssize_t ReadUpTo(FileOps& files, int fd, MutableBytes out, uint64_t offset);
// Writes every byte, going on after short writes and EINTR.
bool WriteAll(FileOps& files, int fd, Bytes bytes, uint64_t offset);
// Overwrites with zeros.
bool WriteZeros(FileOps& files, int fd, uint64_t offset, uint64_t bytes);
bool IsZero(Bytes bytes);

}  // namespace coffer::keeper
