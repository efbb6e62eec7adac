#include "vault/keeper/state_io.h"

#include <algorithm>
#include <cerrno>

namespace coffer::keeper {

ssize_t ReadUpTo(FileOps& files, int fd, MutableBytes out, uint64_t offset) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t count = files.Read(fd, out.subspan(done), offset + done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

bool WriteAll(FileOps& files, int fd, Bytes bytes, uint64_t offset) {
  while (!bytes.empty()) {
    ssize_t count = files.Write(fd, bytes, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = EIO;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return true;
}

bool WriteZeros(FileOps& files, int fd, uint64_t offset, uint64_t bytes) {
  static constexpr uint8_t kZeros[16384]{};
  while (bytes > 0) {
    uint64_t now = std::min<uint64_t>(bytes, sizeof kZeros);
    if (!WriteAll(files, fd, {kZeros, now}, offset)) return false;
    offset += now;
    bytes -= now;
  }
  return true;
}

bool IsZero(Bytes bytes) {
  // Each byte is the next one, and the first is zero: as fast as memory, for
  // whole reserved areas are looked through at start.
  return bytes.empty() ||
         (bytes[0] == 0 &&
          base::Equal(bytes.subspan(1), bytes.first(bytes.size() - 1)));
}

}  // namespace coffer::keeper
