// A child enters the store's cage and tries each forbidden thing; what it lives
// on works in the tests of cli/store_child.h.
#include "vault/os/store_cage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/os/cage_attempts.h"
#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

class StoreCage : public testing::TestWithParam<StoreUse> {
 protected:
  StoreCage() {
    EXPECT_EQ(mkdir(folder_.Path("store").c_str(), 0700), 0);
    for (const char* name : {"store/data.mdb", "store/lock.mdb", "other"}) {
      FileDescriptor made(
          open(folder_.Path(name).c_str(), O_CREAT | O_RDWR, 0600));
      EXPECT_TRUE(made.valid());
    }
  }
  bool Enter() {
    return EnterStoreCage(GetParam(), folder_.Path("store").c_str()).ok();
  }
  bool builds() const { return GetParam() == StoreUse::kBuilds; }

  std::vector<Attempt> Forbidden() {
    std::vector<Attempt> all = ForbiddenToBoth();
    if (builds()) {
      std::erase_if(all, [](const Attempt& attempt) {
        const std::string_view name = attempt.name;
        return name == "unlink" || name == "rename";
      });
    }
    all.push_back(
        {"fcntl (dup)", [] { return syscall(SYS_fcntl, 0, F_DUPFD, 100); }});
    all.push_back({"accept4", [] {
                     return syscall(SYS_accept4, -1, nullptr, nullptr, 0);
                   }});
    all.push_back(
        {"sendmsg", [] { return syscall(SYS_sendmsg, -1, nullptr, 0); }});
    all.push_back(
        {"recvmsg", [] { return syscall(SYS_recvmsg, -1, nullptr, 0); }});
    all.push_back(
        {"getdents64", [] { return syscall(SYS_getdents64, -1, nullptr, 0); }});
    return all;
  }

  TemporaryFolder folder_;
};

TEST_P(StoreCage, EveryForbiddenThingEndsTheProcess) {
  if (SeccompIsLeftOut()) GTEST_SKIP() << "sanitizers need more calls";
  auto attempts = Forbidden();
  EXPECT_EQ(NotKilled(
                "store cage", [this] { return Enter(); }, attempts),
            std::vector<std::string>{});
}

TEST_P(StoreCage, OnlyTheStoresOwnFilesAreThere) {
  auto opens = [this](const char* name, int flags) {
    const std::string path = name[0] == '/' ? name : folder_.Path(name);
    return Try([this] { return Enter(); },
               {name, [path, flags] {
                  return openat(AT_FDCWD, path.c_str(), flags, 0600);
                }});
  };
  const Verdict change = builds() ? Verdict::kLetThrough : Verdict::kRefused;
  EXPECT_EQ(opens("store/data.mdb", O_RDONLY), Verdict::kLetThrough);
  EXPECT_EQ(opens("store/lock.mdb", O_RDWR), Verdict::kLetThrough);
  EXPECT_EQ(opens("store/data.mdb", O_RDWR), change);
  EXPECT_EQ(opens("store/made", O_RDWR | O_CREAT), change);
  for (const char* name : {"other", "made", "/etc/passwd", "/proc/self/maps"}) {
    EXPECT_EQ(opens(name, O_RDONLY | O_CREAT), Verdict::kRefused) << name;
    EXPECT_EQ(opens(name, O_RDONLY), Verdict::kRefused) << name;
  }
}

TEST_P(StoreCage, EveryCallHasItsReason) {
  for (const SyscallRule& rule : StoreSyscalls(GetParam())) {
    EXPECT_GT(std::string_view(rule.reason).size(), 4u) << rule.number;
  }
}

INSTANTIATE_TEST_SUITE_P(Uses, StoreCage,
                         testing::Values(StoreUse::kReads, StoreUse::kBuilds));

}  // namespace
}  // namespace coffer::os
