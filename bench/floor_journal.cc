#include "bench/floor_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace coffer::bench {

namespace {

constexpr off_t kFileBytes = 64 << 20;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void Post(int fd) {
  uint64_t one = 1;
  if (write(fd, &one, sizeof one) != sizeof one) Die("eventfd");
}
void Take(int fd) {
  uint64_t count = 0;
  if (read(fd, &count, sizeof count) != sizeof count) Die("eventfd");
}

}  // namespace

FloorJournal::FloorJournal(const std::string& path) {
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file_ < 0) Die(path.c_str());
  if (posix_fallocate(file_, 0, kFileBytes) != 0) Die("posix_fallocate");
  if (fsync(file_) != 0) Die("fsync");
  start_fd_ = eventfd(0, EFD_CLOEXEC);
  done_fd_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Loop(); });
}

FloorJournal::~FloorJournal() {
  stopping_ = true;
  Post(start_fd_);
  thread_.join();
  close(start_fd_);
  close(done_fd_);
  close(file_);
}

void FloorJournal::WriteAndSync(std::string_view bytes) {
  if (offset_ + bytes.size() > static_cast<size_t>(kFileBytes)) offset_ = 0;
  ssize_t n =
      pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset_));
  if (n != static_cast<ssize_t>(bytes.size())) Die("pwrite");
  if (fdatasync(file_) != 0) Die("fdatasync");
  offset_ += bytes.size();
}

void FloorJournal::Start(std::string_view bytes) {
  bytes_ = bytes;
  Post(start_fd_);
}

void FloorJournal::Finish() { Take(done_fd_); }

void FloorJournal::Loop() {
  pthread_setname_np(pthread_self(), "sync");  // the report looks for it
  for (;;) {
    Take(start_fd_);
    if (stopping_) return;
    WriteAndSync(bytes_);
    Post(done_fd_);
  }
}

}  // namespace coffer::bench
