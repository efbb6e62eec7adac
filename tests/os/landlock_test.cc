// What Landlock and the hardening do by themselves, without seccomp.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "tests/os/test_support.h"
#include "vault/os/sandbox.h"

namespace coffer::os {
namespace {

bool Enter(std::span<const PathRule> rules) {
  return HardenProcess().ok() && ApplyLandlock(rules).ok();
}

// Runs `call` inside a domain of `rules`: 0 when it succeeded, else its errno.
int ErrnoInside(const std::vector<PathRule>& rules,
                const std::function<long()>& call) {
  ExitStatus status = RunInChild([&] {
    if (!Enter(rules)) return 255;
    return call() < 0 ? errno : 0;
  });
  EXPECT_FALSE(status.signaled);
  return status.code;
}

long ConnectTcp() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

TEST(Landlock, IsInThisKernel) {
  ASSERT_GE(LandlockVersion(), 1) << "the daemon will not start here";
  std::printf("Landlock version %d\n", LandlockVersion());
}

TEST(Landlock, AnEmptyListDeniesEveryFile) {
  TemporaryFolder folder;
  std::string file = folder.Path("file");
  for (const char* path : {"/", "/etc/passwd", folder.path().c_str()}) {
    EXPECT_EQ(ErrnoInside({}, [&] { return open(path, O_RDONLY); }), EACCES);
  }
  EXPECT_EQ(ErrnoInside(
                {}, [&] { return open(file.c_str(), O_CREAT | O_RDWR, 0600); }),
            EACCES);
}

TEST(Landlock, ReadingDoesNotBringWriting) {
  TemporaryFolder folder;
  std::string file = folder.Path("file");
  FileDescriptor(open(file.c_str(), O_CREAT | O_RDWR, 0600)).Reset();
  std::vector<PathRule> rules = {{folder.path().c_str(), kPathRead}};
  auto open_with = [&](int flags) {
    return [&, flags] { return open(file.c_str(), flags, 0600); };
  };
  EXPECT_EQ(ErrnoInside(rules, open_with(O_RDONLY)), 0);
  EXPECT_EQ(ErrnoInside(rules, open_with(O_WRONLY)), EACCES);
  EXPECT_EQ(ErrnoInside(rules, [&] { return unlink(file.c_str()); }), EACCES);
  rules[0].access = kPathRead | kPathWrite;
  EXPECT_EQ(ErrnoInside(rules, open_with(O_WRONLY | O_TRUNC)), 0);
  EXPECT_EQ(ErrnoInside(rules, [&] { return unlink(file.c_str()); }), EACCES);
  rules[0].access = kPathRead | kPathWrite | kPathChange;
  EXPECT_EQ(ErrnoInside(rules, [&] { return unlink(file.c_str()); }), 0);
}

TEST(Landlock, ARuleMayNameOneFile) {
  TemporaryFolder folder;
  std::string one = folder.Path("one");
  std::string two = folder.Path("two");
  for (const std::string& path : {one, two}) {
    FileDescriptor(open(path.c_str(), O_CREAT | O_RDWR, 0600)).Reset();
  }
  std::vector<PathRule> rules = {{one.c_str(), kPathRead | kPathChange}};
  EXPECT_EQ(ErrnoInside(rules, [&] { return open(one.c_str(), O_RDONLY); }), 0);
  EXPECT_EQ(ErrnoInside(rules, [&] { return open(two.c_str(), O_RDONLY); }),
            EACCES);
}

TEST(Landlock, AMissingPathIsAnError) {
  ExitStatus status = RunInChild([] {
    const PathRule rules[] = {{"/no/such/directory", kPathRead}};
    if (!HardenProcess().ok()) return 1;
    return ApplyLandlock(rules).ok() ? 2 : 0;
  });
  EXPECT_EQ(status.code, 0);
}

TEST(Landlock, DeniesTcp) {
  if (LandlockVersion() < 4) GTEST_SKIP() << "skipped: Landlock before 4";
  EXPECT_EQ(ErrnoInside({}, ConnectTcp), EACCES);
}

TEST(Landlock, DeniesAbstractSocketsAndSignalsOutside) {
  if (LandlockVersion() < 6) GTEST_SKIP() << "skipped: Landlock before 6";
  EXPECT_EQ(ErrnoInside({}, [] { return kill(getppid(), 0); }), EPERM);

  std::string name = "coffer-test-" + std::to_string(getpid());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size),
            0);
  ASSERT_EQ(listen(listener.get(), 4), 0);
  auto dial = [&] {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, reinterpret_cast<sockaddr*>(&address), size);
  };
  EXPECT_EQ(dial(), 0);  // open from outside
  EXPECT_EQ(ErrnoInside({}, dial), EPERM);
}

TEST(Hardening, LeavesNoCoreNoDebuggerAndNothingToGain) {
  ExitStatus status = RunInChild([] {
    if (!HardenProcess().ok()) return 1;
    rlimit core = {};
    getrlimit(RLIMIT_CORE, &core);
    if (core.rlim_max != 0) return 2;
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) return 3;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 4;
    return 0;
  });
  EXPECT_EQ(status.code, 0);
}

}  // namespace
}  // namespace coffer::os
