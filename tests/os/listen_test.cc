#include "vault/os/listen.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

class Listen : public testing::Test {
 protected:
  base::Result<FileDescriptor> At(const std::string& path,
                                  std::span<const Identity> kept_out = {}) {
    return ListenAt({.path = path.c_str(),
                     .mode = 0640,
                     .owner = geteuid(),
                     .group = getegid(),
                     .kept_out = kept_out});
  }
  base::Code RefusalAt(const std::string& path,
                       std::span<const Identity> kept_out = {}) {
    auto listener = At(path, kept_out);
    EXPECT_FALSE(listener.ok()) << path;
    return listener.ok() ? base::Code{} : listener.error().code;
  }
  bool Dial(const std::string& path) {
    FileDescriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    return connect(client.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof address) == 0;
  }
  mode_t ModeOf(const std::string& path) {
    struct stat found = {};
    EXPECT_EQ(lstat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }

  TemporaryFolder folder_;
};

TEST_F(Listen, MakesTheSocketWithItsModeAndItsParents) {
  mode_t before = umask(077);
  std::string path = folder_.Path("a/b/caller.sock");
  auto listener = At(path);
  umask(before);
  ASSERT_TRUE(listener.ok());
  EXPECT_EQ(ModeOf(path), 0640u);
  EXPECT_EQ(ModeOf(folder_.Path("a")), 0755u);
  EXPECT_EQ(ModeOf(folder_.Path("a/b")), 0755u);
  EXPECT_EQ(fcntl(listener->get(), F_GETFD), FD_CLOEXEC);
  EXPECT_NE(fcntl(listener->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_TRUE(Dial(path));
}

TEST_F(Listen, ADeadSocketIsReplacedAndALiveOneRefused) {
  std::string path = folder_.Path("s");
  {
    auto first = At(path);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(RefusalAt(path), base::Code::kConflict);
    EXPECT_TRUE(Dial(path));  // it was left in peace
  }
  EXPECT_FALSE(Dial(path));
  EXPECT_EQ(ModeOf(path), 0640u);  // a stop leaves the file
  auto second = At(path);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(Dial(path));
}

TEST_F(Listen, AnotherKindOfFileIsNeverRemoved) {
  std::string path = folder_.Path("file");
  FileDescriptor(open(path.c_str(), O_CREAT | O_RDWR, 0600)).Reset();
  EXPECT_EQ(RefusalAt(path), base::Code::kConflict);
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  std::string link = folder_.Path("link");
  ASSERT_EQ(symlink("nowhere", link.c_str()), 0);
  EXPECT_EQ(RefusalAt(link), base::Code::kConflict);
}

TEST_F(Listen, OddPathsAreRefused) {
  EXPECT_EQ(RefusalAt("relative"), base::Code::kInvalid);
  EXPECT_EQ(RefusalAt(""), base::Code::kInvalid);
  EXPECT_EQ(RefusalAt(folder_.Path(std::string(108, 'x'))),
            base::Code::kTooLarge);
  FileDescriptor(open(folder_.Path("f").c_str(), O_CREAT | O_RDWR, 0600))
      .Reset();
  EXPECT_EQ(RefusalAt(folder_.Path("f/s")), base::Code::kIo);
}

TEST_F(Listen, ADirectoryThatAKeptOutUserCanWriteIsRefused) {
  std::string directory = folder_.Path("d");
  ASSERT_EQ(mkdir(directory.c_str(), 0755), 0);
  const Identity owner[] = {{geteuid(), 54321}};
  const Identity member[] = {{54321, getegid()}};
  const Identity stranger[] = {{54321, 54321}};
  EXPECT_EQ(RefusalAt(directory + "/s", owner), base::Code::kDenied);
  EXPECT_TRUE(At(directory + "/s", member).ok());
  EXPECT_TRUE(At(directory + "/s", stranger).ok());
  ASSERT_EQ(chmod(directory.c_str(), 0775), 0);
  EXPECT_EQ(RefusalAt(directory + "/s", member), base::Code::kDenied);
  EXPECT_TRUE(At(directory + "/s", stranger).ok());
  ASSERT_EQ(chmod(directory.c_str(), 0777), 0);
  EXPECT_EQ(RefusalAt(directory + "/s", stranger), base::Code::kDenied);
  // A directory further up counts as well.
  EXPECT_EQ(RefusalAt(directory + "/deeper/s", stranger), base::Code::kDenied);
  // As in /tmp, where nobody can replace what is another's.
  ASSERT_EQ(chmod(directory.c_str(), 01777), 0);
  EXPECT_TRUE(At(directory + "/s", stranger).ok());
}

TEST_F(Listen, RootGivesTheSocketToAGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  std::string path = folder_.Path("s");
  auto listener =
      ListenAt({.path = path.c_str(), .mode = 0660, .owner = 0, .group = 4321});
  ASSERT_TRUE(listener.ok());
  struct stat found = {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_gid, 4321u);
  EXPECT_EQ(found.st_mode & 07777, 0660u);
  auto dial_as = [&](uid_t uid, gid_t gid) {
    return RunInChild([&] {
             if (!BecomeUser({uid, gid}).ok()) return 2;
             return Dial(path) ? 0 : 1;
           })
        .code;
  };
  EXPECT_EQ(dial_as(4000, 4321), 0);
  EXPECT_EQ(dial_as(4000, 4000), 1);
}

}  // namespace
}  // namespace coffer::os
