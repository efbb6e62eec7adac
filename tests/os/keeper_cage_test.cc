// A child enters the keeper's cage and tries each forbidden thing; another does
// all that the keeper lives on.
#include "vault/os/keeper_cage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>

#include "tests/os/cage_attempts.h"
#include "tests/os/test_support.h"
#include "vault/os/fd_channel.h"
#include "vault/os/listen.h"
#include "vault/os/peer.h"

namespace coffer::os {
namespace {

#define SKIP_WITHOUT_SECCOMP()                                         \
  if (SeccompIsLeftOut()) {                                            \
    GTEST_SKIP() << "skipped: sanitizers need calls the cage denies, " \
                    "so this build has no seccomp";                    \
  }

bool EnterKeeper() {
  return EnterKeeperFiles().ok() && EnterKeeperSyscalls().ok();
}

std::vector<Attempt> ForbiddenToKeeper() {
  std::vector<Attempt> all = ForbiddenToBoth();
  all.push_back({"ftruncate", [] { return syscall(SYS_ftruncate, -1, 0); }});
  all.push_back({"openat", [] {
                   return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", 0);
                 }});
  all.push_back({"mmap", [] {
                   return syscall(SYS_mmap, nullptr, 4096, PROT_READ,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                 }});
  all.push_back({"munmap", [] { return syscall(SYS_munmap, nullptr, 0); }});
  all.push_back({"mremap", [] { return syscall(SYS_mremap, 0, 0, 0, 0, 0); }});
  all.push_back({"mprotect", [] { return syscall(SYS_mprotect, 0, 0, 0); }});
  all.push_back({"madvise", [] { return syscall(SYS_madvise, 0, 0, 0); }});
  all.push_back({"brk", [] { return syscall(SYS_brk, 0); }});
  all.push_back({"newfstatat", [] {
                   char buffer[256];
                   return syscall(SYS_newfstatat, AT_FDCWD, "/", buffer, 0);
                 }});
  all.push_back({"unlinkat",
                 [] { return syscall(SYS_unlinkat, AT_FDCWD, "/no/way", 0); }});
  all.push_back({"recvmsg (a descriptor comes in)",
                 [] { return syscall(SYS_recvmsg, -1, nullptr, 0); }});
  all.push_back({"dup", [] { return syscall(SYS_dup, 0); }});
  all.push_back({"fcntl", [] { return syscall(SYS_fcntl, 0, F_GETFL); }});
  all.push_back({"getsockopt of another level", [] {
                   return syscall(SYS_getsockopt, -1, 6, 1, nullptr, nullptr);
                 }});
  return all;
}

TEST(KeeperCage, EveryForbiddenThingEndsTheProcess) {
  SKIP_WITHOUT_SECCOMP();
  auto attempts = ForbiddenToKeeper();
  EXPECT_EQ(NotKilled("keeper cage", EnterKeeper, attempts),
            std::vector<std::string>{});
}

TEST(KeeperCage, AnEmptyCageIsNoticed) {
  auto attempts = ForbiddenToKeeper();
  auto names = NotKilled(
      "no cage", [] { return true; }, attempts);
  EXPECT_EQ(names.size(), attempts.size());
}

TEST(KeeperCage, EveryOtherCallEndsTheProcess) {
  SKIP_WITHOUT_SECCOMP();
  // All numbers in use today and some more; those of the list come back.
  for (long number = 0; number < 480; ++number) {
    bool listed = false;
    for (const SyscallRule& rule : KeeperSyscalls()) {
      listed = listed || rule.number == static_cast<uint32_t>(number);
    }
    // uretprobe and uprobe: the kernel's own breakpoints on x86-64, which no
    // filter sees and which a process cannot use itself.
    if (listed || number == 335 || number == 336) continue;
    Attempt attempt = {"by number", [number] {
                         return syscall(number, -1, -1, -1, -1, -1, -1);
                       }};
    EXPECT_EQ(Try(EnterKeeper, attempt), Verdict::kKilled) << number;
  }
}

TEST(KeeperCage, TheThreadMadeBeforeIsInItToo) {
  SKIP_WITHOUT_SECCOMP();
  ExitStatus status = RunInChild([] {
    if (!EnterKeeperFiles().ok()) return 1;
    std::atomic<bool> running = false;
    std::atomic<bool> caged = false;
    std::thread other([&] {
      running = true;
      while (!caged) std::this_thread::yield();
      syscall(SYS_openat, AT_FDCWD, "/etc/passwd", 0);
    });
    while (!running) std::this_thread::yield();
    if (!EnterKeeperSyscalls().ok()) return 2;
    caged = true;
    for (;;) syscall(SYS_epoll_pwait, -1, nullptr, 1, 100, nullptr, 0);
  });
  EXPECT_TRUE(status.signaled) << ExitText(status);
  EXPECT_EQ(status.code, SIGSYS);
}

// The keeper's start and one turn of its work, in small; a number names the
// step that failed.
int LiveInTheCage(const TemporaryFolder& folder) {
  FileDescriptor file(
      open(folder.Path("journal").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  std::string path = folder.Path("caller.sock");
  const uid_t me = getuid();
  auto listener =
      ListenAt({.path = path.c_str(), .owner = getuid(), .group = getgid()});
  auto channel = MakeSeqpacketPair();
  FileDescriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  FileDescriptor loop(epoll_create1(EPOLL_CLOEXEC));
  if (!listener.ok() || !channel.ok() || !client.valid()) return 1;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  if (connect(client.get(), reinterpret_cast<sockaddr*>(&address),
              sizeof address) < 0) {
    return 2;
  }
  if (!PrepareKeeperHeap(1 << 20).ok() || !EnterKeeperFiles().ok()) return 3;

  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<bool> running = false;
  bool asked = false;
  bool synced = false;
  std::thread syncer([&] {
    running = true;
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return asked; });
    synced = fdatasync(file.get()) == 0;
    wake.notify_all();
    wake.wait(lock, [] { return false; });
  });
  while (!running) std::this_thread::yield();
  if (!EnterKeeperSyscalls().ok()) return 4;

  if (fallocate(file.get(), 0, 0, 65536) < 0) return 5;
  if (pwrite(file.get(), "batch", 5, 4096) != 5) return 6;
  char back[5];
  if (pread(file.get(), back, 5, 4096) != 5) return 7;
  {
    std::unique_lock lock(mutex);
    asked = true;
    wake.notify_all();
    if (!wake.wait_for(lock, std::chrono::seconds(20),
                       [&] { return synced; })) {
      return 9;
    }
  }
  epoll_event event = {};
  event.events = EPOLLIN;
  if (epoll_ctl(loop.get(), EPOLL_CTL_ADD, listener->get(), &event) < 0 ||
      epoll_wait(loop.get(), &event, 1, 1000) != 1) {
    return 10;
  }
  FileDescriptor connection(
      accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  auto peer = ReadPeerCredentials(connection.get());
  if (!peer.ok() || peer->uid != me) return 11;
  auto sent = SendDescriptor(channel->here.get(), connection.get(),
                             base::AsBytes("12345678"));
  if (!sent.ok() || *sent != SendOutcome::kSent) return 12;
  uint8_t random[16];
  if (syscall(SYS_getrandom, random, sizeof random, 0) != sizeof random) {
    return 13;
  }
  timespec now;
  if (syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now) < 0) return 14;
  if (write(connection.get(), "x", 1) != 1 ||
      read(client.get(), back, 1) != 1) {
    return 15;
  }
  // The reserve serves allocations large and small, and their end.
  for (size_t size : {16, 4096, 200000, 500000}) {
    delete[] new (std::nothrow) char[size];
  }
  if (shutdown(connection.get(), SHUT_RDWR) < 0) return 16;
  connection.Reset();
  _exit(100);
}

TEST(KeeperCage, EverythingTheKeeperLivesOnWorks) {
  TemporaryFolder folder;
  ExitStatus status = RunInChild([&] { return LiveInTheCage(folder); });
  EXPECT_FALSE(status.signaled) << ExitText(status);
  EXPECT_EQ(status.code, 100);
}

TEST(KeeperCage, EveryCallHasItsReasonAndStandsOnce) {
  auto rules = KeeperSyscalls();
  for (size_t i = 0; i < rules.size(); ++i) {
    EXPECT_GT(std::string_view(rules[i].reason).size(), 4u) << i;
    for (size_t j = 0; j < i; ++j) EXPECT_NE(rules[i].number, rules[j].number);
  }
}

}  // namespace
}  // namespace coffer::os
