// Files that fail on command and crash between any two calls. What a process
// reads back is `cache`; what a power cut leaves is `durable` with any part of
// the writes that no sync has covered. A sync that fails drops its writes: they
// stay readable and are never written, as Linux does it.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <random>
#include <vector>

#include "vault/keeper/state_io.h"

namespace coffer::keeper {

class FakeFiles final : public FileOps {
 public:
  struct File {
    std::vector<uint8_t> cache;  // zeros after it, up to size
    std::vector<uint8_t> durable;
    uint64_t size = 0;
    std::vector<std::pair<uint64_t, std::vector<uint8_t>>> unsynced;
  };

  ssize_t Read(int fd, MutableBytes out, uint64_t offset) override {
    std::lock_guard lock(mutex_);
    if (--reads_before_failure == 0) return Refuse(EIO);
    const File& file = files_[fd];
    if (offset >= file.size) return 0;
    size_t count = std::min<uint64_t>(out.size(), file.size - offset);
    if (short_calls) count = std::min<size_t>(count, 4001);
    std::memset(out.data(), 0, count);
    if (offset < file.cache.size()) {
      std::memcpy(out.data(), file.cache.data() + offset,
                  std::min<uint64_t>(count, file.cache.size() - offset));
    }
    return static_cast<ssize_t>(count);
  }

  ssize_t Write(int fd, Bytes bytes, uint64_t offset) override {
    std::lock_guard lock(mutex_);
    ++writes;
    if (--writes_before_failure == 0) return Refuse(write_errno);
    if (short_calls) bytes = bytes.first(std::min<size_t>(bytes.size(), 29));
    File& file = files_[fd];
    Put(file.cache, offset, bytes);
    file.size = std::max<uint64_t>(file.size, offset + bytes.size());
    file.unsynced.push_back({offset, {bytes.begin(), bytes.end()}});
    return static_cast<ssize_t>(bytes.size());
  }

  int DataSync(int fd) override {
    std::lock_guard lock(mutex_);
    ++syncs;
    File& file = files_[fd];
    const bool fails = --syncs_before_failure == 0 || all_syncs_fail;
    if (!fails) {
      for (auto& [offset, bytes] : file.unsynced) {
        Put(file.durable, offset, bytes);
      }
    }
    // A power cut during the sync (CutPower follows) leaves any part of it.
    if (!fails || !cut_at_failed_sync) file.unsynced.clear();
    return fails ? static_cast<int>(Refuse(EIO)) : 0;
  }

  int Reserve(int fd, uint64_t offset, uint64_t bytes) override {
    std::lock_guard lock(mutex_);
    if (disk_full) return static_cast<int>(Refuse(ENOSPC));
    files_[fd].size = std::max(files_[fd].size, offset + bytes);
    return 0;
  }

  int64_t Size(int fd) override {
    std::lock_guard lock(mutex_);
    return static_cast<int64_t>(files_[fd].size);
  }

  File& file(int fd) { return files_[fd]; }

  // The process dies, the machine goes on: all that was written can be read,
  // and nothing more becomes durable by itself.
  void EndProcess() {
    for (auto& [fd, file] : files_) file.unsynced.clear();
    ForgetFailures();
  }
  // The power is cut: of every write that no sync has covered any part may be
  // there, sector by sector, or as a prefix followed by garbage.
  void CutPower(std::mt19937& dice) {
    for (auto& [fd, file] : files_) {
      for (auto& [offset, bytes] : file.unsynced)
        Tear(file, offset, bytes, dice);
      file.unsynced.clear();
      file.cache = file.durable;
    }
    ForgetFailures();
  }
  // Leaves little of the zeros reserved after what is used, so that a test that
  // opens a file a thousand times reads less.
  void Shrink(int fd, uint64_t spare = 65536) {
    File& file = files_[fd];
    file.size = std::min<uint64_t>(file.size, file.cache.size() + spare);
  }
  void ForgetFailures() {
    reads_before_failure = writes_before_failure = syncs_before_failure = 0;
    all_syncs_fail = cut_at_failed_sync = disk_full = short_calls = false;
  }

  // The n-th call from now fails; 0: none.
  int reads_before_failure = 0;
  int writes_before_failure = 0;
  int syncs_before_failure = 0;
  int write_errno = EIO;
  bool all_syncs_fail = false;
  bool cut_at_failed_sync = false;
  bool disk_full = false;
  bool short_calls = false;
  int writes = 0;
  int syncs = 0;

 private:
  static ssize_t Refuse(int number) {
    errno = number;
    return -1;
  }
  static void Put(std::vector<uint8_t>& to, uint64_t offset, Bytes bytes) {
    if (offset >= to.size() && IsZero(bytes)) return;
    if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
    std::memcpy(to.data() + offset, bytes.data(), bytes.size());
  }
  static void Tear(File& file, uint64_t offset, std::vector<uint8_t> bytes,
                   std::mt19937& dice) {
    switch (dice() % 4) {
      case 0:
        return;
      case 1:
        Put(file.durable, offset, bytes);
        return;
      case 2: {  // a prefix, then garbage
        const size_t kept = dice() % (bytes.size() + 1);
        for (size_t i = kept; i < bytes.size(); ++i) {
          bytes[i] = static_cast<uint8_t>(dice());
        }
        Put(file.durable, offset, bytes);
        return;
      }
      default:  // whole sectors, in any order
        for (size_t done = 0; done < bytes.size();) {
          const size_t count = std::min<size_t>(bytes.size() - done,
                                                512 - (offset + done) % 512);
          if (dice() % 2 == 0) {
            Put(file.durable, offset + done, Bytes(bytes).subspan(done, count));
          }
          done += count;
        }
    }
  }

  std::mutex mutex_;
  std::map<int, File> files_;
};

}  // namespace coffer::keeper
