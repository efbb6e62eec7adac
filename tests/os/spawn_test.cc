#include "vault/os/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>

#include "tests/os/test_support.h"

namespace coffer::os {
namespace {

constexpr uid_t kNobody = 65534;

// Runs a shell script that writes to descriptor 3; what it wrote.
std::string Script(const char* script, SpawnOptions options = {},
                   ExitStatus* ended = nullptr) {
  int ends[2];
  COFFER_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  const char* arguments[] = {"sh", "-c", script};
  const int table[] = {writer.get()};
  options.path = "/bin/sh";
  options.arguments = arguments;
  if (options.descriptors.empty()) options.descriptors = table;
  auto child = Spawn(options);
  EXPECT_TRUE(child.ok());
  if (!child.ok()) return "";
  writer.Reset();
  std::string text = ReadAll(reader.get());
  auto status = child->Wait();
  EXPECT_TRUE(status.ok());
  if (ended != nullptr) *ended = *status;
  return text;
}

TEST(Spawn, AChildHasTheListedDescriptorsAndNoOther) {
  FileDescriptor inherited(open("/dev/null", O_RDONLY));  // not close-on-exec
  // The listing itself opens one more, which is 4.
  EXPECT_EQ(Script("exec 1>&3; ls -x /proc/self/fd"), "0  1  2  3  4\n");
  EXPECT_EQ(Script("cat >&3; echo empty >&3"), "empty\n");
}

TEST(Spawn, DescriptorsTakeTheirPlacesWhateverTheirNumbers) {
  // Sources that are each other's targets, in every order.
  int ends[2][2];
  for (auto& pair : ends) {
    ASSERT_EQ(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
  }
  for (int swap : {0, 1}) {
    const int table[] = {ends[swap][1], ends[1 - swap][1], ends[swap][1]};
    Script("printf a >&3; printf b >&4; printf c >&5", {.descriptors = table});
    char text[3] = {};
    ASSERT_EQ(read(ends[swap][0], text, 2), 2);
    EXPECT_EQ(std::string(text), "ac");
    ASSERT_EQ(read(ends[1 - swap][0], text, 1), 1);
    EXPECT_EQ(text[0], 'b');
  }
  for (auto& pair : ends) {
    close(pair[0]);
    close(pair[1]);
  }
}

TEST(Spawn, InputAndOutputAreTheGivenOnes) {
  int in[2];
  int out[2];
  ASSERT_EQ(pipe2(in, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  ASSERT_EQ(write(in[1], "pin\n", 4), 4);
  close(in[1]);
  // Nothing but the three and the script's own.
  EXPECT_EQ(Script("cat; ls -x /proc/self/fd; echo third >&3",
                   {.standard_input = in[0], .standard_output = out[1]}),
            "third\n");
  close(in[0]);
  close(out[1]);
  EXPECT_EQ(ReadAll(out[0]), "pin\n0  1  2  3  4\n");
  close(out[0]);
}

TEST(Spawn, AChildStartsWithNothingInherited) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  setenv("COFFER_SHOULD_NOT_PASS", "1", 1);
  const char* environment[] = {"ONLY=this"};
  std::string text = Script(
      "exec >&3; umask; ulimit -c; echo \"$ONLY/$COFFER_SHOULD_NOT_PASS\";"
      "while read -r name value; do case $name in"
      " SigIgn:|SigBlk:|NoNewPrivs:) echo $value;; esac; done"
      " </proc/self/status",
      {.environment = environment});
  sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
  signal(SIGPIPE, SIG_DFL);
  unsetenv("COFFER_SHOULD_NOT_PASS");
  EXPECT_EQ(text, "0077\n0\nthis/\n0000000000000000\n0000000000000000\n1\n");
}

TEST(Spawn, LimitsAreSetBeforeTheProgramStarts) {
  const ResourceLimit limits[] = {{RLIMIT_NOFILE, 77}};
  EXPECT_EQ(Script("ulimit -n >&3", {.limits = limits}), "77\n");
}

TEST(Spawn, AProgramThatIsNotThereIsNotFound) {
  size_t before = OpenDescriptors();
  auto child = Spawn({.path = "/no/such/program"});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error().code, base::Code::kNotFound);
  const int closed[] = {999};
  child = Spawn({.path = "/bin/true", .descriptors = closed});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error().code, base::Code::kIo);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(Spawn, TheEndIsToldByCodeAndBySignal) {
  ExitStatus status;
  Script("exit 3", {}, &status);
  EXPECT_EQ(ExitText(status), "exit code 3");
  Script("kill -SYS $$", {}, &status);
  EXPECT_EQ(ExitText(status), "signal 31 (SYS, Bad system call)");
}

TEST(Spawn, ARunningChildIsSignalledAndAwaitedByItsPidfd) {
  const char* arguments[] = {"sleep", "60"};
  auto child = Spawn({.path = "/bin/sleep", .arguments = arguments});
  ASSERT_TRUE(child.ok());
  auto early = child->WaitIfEnded();
  ASSERT_TRUE(early.ok());
  EXPECT_FALSE(early->has_value());
  ASSERT_TRUE(child->Signal(SIGTERM).ok());
  pollfd watch = {child->pidfd(), POLLIN, 0};
  EXPECT_EQ(poll(&watch, 1, 20000), 1);
  auto late = child->WaitIfEnded();
  ASSERT_TRUE(late.ok() && late->has_value());
  EXPECT_TRUE((*late)->signaled);
  EXPECT_EQ((*late)->code, SIGTERM);
  EXPECT_FALSE(child->Signal(SIGTERM).ok());
  EXPECT_FALSE(child->Wait().ok());
}

TEST(Spawn, AChildEndsWithItsParentWhenAsked) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ExitStatus parent = RunInChild([&] {
    const char* arguments[] = {"sleep", "60"};
    const int table[] = {ends[1]};
    auto child = Spawn({.path = "/bin/sleep",
                        .arguments = arguments,
                        .descriptors = table,
                        .signal_at_parents_end = SIGKILL});
    return child.ok() ? 0 : 1;
  });
  EXPECT_EQ(parent.code, 0);
  close(ends[1]);
  // The sleeper holds the other end; its death is the end of file.
  pollfd watch = {ends[0], POLLIN, 0};
  EXPECT_EQ(poll(&watch, 1, 20000), 1);
  close(ends[0]);
}

TEST(Spawn, AnotherUserHasNoGroupsNoRightsAndNoWayBack) {
  if (geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  std::string text = Script(
      "exec >&3; id -u; id -g; id -G;"
      "while read -r name value; do case $name in"
      " Cap*) echo $name $value;; Uid:|Gid:) echo $value;; esac; done"
      " </proc/self/status",
      {.identity = Identity{kNobody, kNobody}});
  std::istringstream lines(text);
  std::string line;
  for (int i = 0; i < 3; ++i) {
    std::getline(lines, line);
    EXPECT_EQ(line, "65534");
  }
  while (std::getline(lines, line)) {
    if (line.starts_with("Cap") && !line.starts_with("CapBnd")) {
      EXPECT_NE(line.find("0000000000000000"), std::string::npos) << line;
    } else if (!line.starts_with("Cap")) {
      EXPECT_EQ(line.find('0'), std::string::npos) << line;  // no uid 0
    }
  }
}

TEST(BecomeUser, GoesOneWayOnly) {
  if (geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
  ExitStatus status = RunInChild([] {
    if (!BecomeUser({kNobody, kNobody}).ok()) return 1;
    if (setresuid(0, 0, 0) == 0 || seteuid(0) == 0) return 2;
    if (setresgid(0, 0, 0) == 0 || setegid(0) == 0) return 3;
    gid_t groups[8];
    if (getgroups(8, groups) != 0) return 4;
    if (BecomeUser({kNobody - 1, kNobody}).ok()) return 5;
    return BecomeUser({kNobody, kNobody}).ok() ? 0 : 6;
  });
  EXPECT_EQ(status.code, 0);
}

}  // namespace
}  // namespace coffer::os
