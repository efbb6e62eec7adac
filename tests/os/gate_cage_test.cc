// A child enters the gate's cage and tries each forbidden thing; another does
// what the gate lives on.
#include "vault/os/gate_cage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "tests/os/cage_attempts.h"
#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

#define SKIP_WITHOUT_SECCOMP()                                         \
  if (SeccompIsLeftOut()) {                                            \
    GTEST_SKIP() << "skipped: sanitizers need calls the cage denies, " \
                    "so this build has no seccomp";                    \
  }

class GateCage : public testing::Test {
 protected:
  GateCage() {
    for (const char* name : {"store", "audit", "keeper"}) {
      EXPECT_EQ(mkdir(folder_.Path(name).c_str(), 0700), 0);
    }
    FileDescriptor secret(
        open(folder_.Path("keeper/state").c_str(), O_CREAT | O_RDWR, 0600));
    EXPECT_TRUE(secret.valid());
  }

  bool EnterFiles() {
    return EnterGateFiles(folder_.Path("store").c_str(),
                          folder_.Path("audit").c_str())
        .ok();
  }
  bool Enter() { return EnterFiles() && EnterGateSyscalls().ok(); }

  // What the list of calls permits and Landlock denies.
  std::vector<Attempt> ForbiddenByPath() {
    auto open_at = [this](const char* name, int flags) {
      std::string path = name[0] == '/' ? name : folder_.Path(name);
      return Attempt{name, [path, flags] {
                       return openat(AT_FDCWD, path.c_str(), flags, 0600);
                     }};
    };
    auto rename_at = [this](const char* from, const char* to) {
      std::string old_path = folder_.Path(from);
      std::string new_path = folder_.Path(to);
      return Attempt{from, [old_path, new_path] {
                       int made =
                           open(old_path.c_str(), O_CREAT | O_RDWR, 0600);
                       if (made >= 0) close(made);
                       return renameat(AT_FDCWD, old_path.c_str(), AT_FDCWD,
                                       new_path.c_str());
                     }};
    };
    return {
        open_at("/etc/passwd", O_RDONLY),
        open_at("/proc/self/mem", O_RDWR),
        open_at("/proc/self/maps", O_RDONLY),
        open_at("/proc/self/comm", O_WRONLY),
        open_at("/tmp", O_RDONLY | O_DIRECTORY),
        open_at("keeper/state", O_RDONLY),
        open_at("keeper/state", O_WRONLY | O_TRUNC),
        open_at("keeper", O_RDONLY | O_DIRECTORY),
        open_at("store/../keeper/state", O_RDONLY),
        open_at("made", O_WRONLY | O_CREAT),
        rename_at("keeper/state", "store/state"),
        rename_at("store/data", "keeper/data"),
        rename_at("keeper/state", "keeper/other"),
    };
  }

  int Live();

  TemporaryFolder folder_;
};

std::vector<Attempt> ForbiddenToGate() {
  std::vector<Attempt> all = ForbiddenToBoth();
  all.push_back({"accept4",
                 [] { return syscall(SYS_accept4, -1, nullptr, nullptr, 0); }});
  all.push_back(
      {"fcntl (dup)", [] { return syscall(SYS_fcntl, 0, F_DUPFD, 100); }});
  all.push_back({"fcntl (owner gets signals)",
                 [] { return syscall(SYS_fcntl, 0, F_SETOWN, getppid()); }});
  all.push_back({"waitid on a process number", [] {
                   return syscall(SYS_waitid, P_PID, 1, nullptr, WEXITED,
                                  nullptr);
                 }});
  all.push_back(
      {"fallocate", [] { return syscall(SYS_fallocate, -1, 0, 0, 1); }});
  all.push_back({"fchmodat", [] {
                   return syscall(SYS_fchmodat, AT_FDCWD, "/no/way", 0777);
                 }});
  all.push_back({"memfd_secret", [] { return syscall(SYS_memfd_secret, 0); }});
  all.push_back({"mkdirat", [] {
                   return syscall(SYS_mkdirat, AT_FDCWD, "/no/way", 0700);
                 }});
  all.push_back({"renameat2", [] {
                   return syscall(SYS_renameat2, AT_FDCWD, "/no/way", AT_FDCWD,
                                  "/no/way2", 0);
                 }});
  all.push_back({"unlinkat",
                 [] { return syscall(SYS_unlinkat, AT_FDCWD, "/no/way", 0); }});
  all.push_back(
      {"getdents64", [] { return syscall(SYS_getdents64, -1, nullptr, 0); }});
  return all;
}

TEST_F(GateCage, EveryForbiddenThingEndsTheProcess) {
  SKIP_WITHOUT_SECCOMP();
  auto attempts = ForbiddenToGate();
  EXPECT_EQ(NotKilled(
                "gate cage", [this] { return Enter(); }, attempts),
            std::vector<std::string>{});
}

TEST_F(GateCage, AnEmptyCageIsNoticed) {
  auto attempts = ForbiddenToGate();
  auto names = NotKilled(
      "no cage", [] { return true; }, attempts);
  EXPECT_EQ(names.size(), attempts.size());
}

TEST_F(GateCage, FilesOutsideItsDirectoriesAreDenied) {
  auto attempts = ForbiddenByPath();
  size_t denied = 0;
  for (const Attempt& attempt : attempts) {
    Verdict verdict = Try([this] { return Enter(); }, attempt);
    EXPECT_EQ(verdict, Verdict::kRefused) << attempt.name;
    if (verdict == Verdict::kRefused) ++denied;
  }
  std::printf("gate's paths: %zu of %zu denied\n", denied, attempts.size());
}

TEST_F(GateCage, WithoutLandlockThosePathsAreOpen) {
  for (const Attempt& attempt : ForbiddenByPath()) {
    EXPECT_EQ(Try([] { return true; }, attempt), Verdict::kLetThrough)
        << attempt.name;
  }
}

// The gate's start and one turn of its work, in small.
int GateCage::Live() {
  pid_t keeper = fork();
  if (keeper == 0) _exit(7);
  int pidfd = static_cast<int>(syscall(SYS_pidfd_open, keeper, 0));
  int pair[2];
  if (pidfd < 0 || pipe2(pair, O_CLOEXEC) < 0 || !Enter()) return 1;

  std::string name = folder_.Path("store/data.new");
  FileDescriptor file(
      openat(AT_FDCWD, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid() || ftruncate(file.get(), 65536) < 0) return 2;
  char text[] = "page";
  iovec parts[] = {{text, 4}, {text, 4}};
  if (pwritev(file.get(), parts, 2, 4096) != 8 || fdatasync(file.get()) < 0) {
    return 3;
  }
  std::string ready = folder_.Path("store/data");
  if (renameat(AT_FDCWD, name.c_str(), AT_FDCWD, ready.c_str()) < 0) return 9;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  if (fcntl(file.get(), F_SETLK, &lock) < 0) return 4;
  struct stat found;
  if (fstat(file.get(), &found) < 0 || found.st_size != 65536) return 5;
  void* map = mmap(nullptr, 65536, PROT_READ, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED || madvise(map, 65536, MADV_RANDOM) < 0) return 6;
  munmap(map, 65536);
  for (size_t size : {100, 100000, 50000000}) {
    auto block = std::make_unique<char[]>(size);
    block[size / 2] = 1;
  }
  if (writev(pair[1], parts, 2) != 8 ||
      SetNonBlocking(pair[0], true).ok() != true) {
    return 7;
  }
  siginfo_t info = {};
  if (waitid(static_cast<idtype_t>(3), static_cast<id_t>(pidfd), &info,
             WEXITED) < 0 ||
      info.si_status != 7) {
    return 8;
  }
  return 100;
}

TEST_F(GateCage, EverythingTheGateLivesOnWorks) {
  ExitStatus status = RunInChild([this] { return Live(); });
  EXPECT_FALSE(status.signaled) << ExitText(status);
  EXPECT_EQ(status.code, 100);
}

TEST_F(GateCage, AbortEndsItAsAbort) {
  ExitStatus status = RunInChild([this]() -> int {
    if (!Enter()) return 1;
    std::abort();
  });
  EXPECT_TRUE(status.signaled) << ExitText(status);
  EXPECT_EQ(status.code, SIGABRT) << ExitText(status);
}

TEST_F(GateCage, EveryCallHasItsReason) {
  for (const SyscallRule& rule : GateSyscalls()) {
    EXPECT_GT(std::string_view(rule.reason).size(), 4u) << rule.number;
  }
}

}  // namespace
}  // namespace coffer::os
