#include "cli/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

// A terminal of our own: what is written to `outside` is typed at `inside`.
struct Pty {
  Pty() {
    outside.Reset(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_EQ(grantpt(outside.get()), 0);
    EXPECT_EQ(unlockpt(outside.get()), 0);
    inside.Reset(open(ptsname(outside.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_TRUE(inside.valid());
  }
  bool Echoes() const {
    termios state{};
    tcgetattr(inside.get(), &state);
    return (state.c_lflag & ECHO) != 0;
  }
  std::string Shown() {
    std::string shown;
    char chunk[256];
    fcntl(outside.get(), F_SETFL, O_NONBLOCK);
    for (ssize_t got; (got = read(outside.get(), chunk, sizeof chunk)) > 0;) {
      shown.append(chunk, static_cast<size_t>(got));
    }
    return shown;
  }
  void AwaitEcho(bool on) const {
    for (int i = 0; i < 500 && Echoes() != on; ++i) usleep(10000);
  }
  os::FileDescriptor outside;
  os::FileDescriptor inside;
};

TEST(UnixTerminal, ASecretIsReadWithoutEcho) {
  Pty pty;
  UnixTerminal terminal(pty.inside.get(), pty.inside.get());
  EXPECT_TRUE(terminal.InputIsTerminal());
  base::SecretBuffer line(64);
  std::thread typing([&] {
    pty.AwaitEcho(false);
    (void)os::WriteFull(pty.outside.get(), base::AsBytes("hush hush\n")).ok();
  });
  Done read = terminal.ReadSecret("Passphrase: ", line);
  typing.join();
  ASSERT_TRUE(read.ok()) << read.failure().what;
  EXPECT_EQ(base::AsText(line.view()), "hush hush");
  EXPECT_TRUE(pty.Echoes());
  std::string shown = pty.Shown();
  EXPECT_NE(shown.find("Passphrase: "), std::string::npos);
  EXPECT_EQ(shown.find("hush"), std::string::npos);
}

TEST(UnixTerminal, ASignalInThePromptEndsTheProgramWithEchoRestored) {
  Pty pty;
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    UnixTerminal terminal(pty.inside.get(), pty.inside.get());
    base::SecretBuffer line(64);
    (void)terminal.ReadSecret("Passphrase: ", line).ok();
    _exit(0);
  }
  pty.AwaitEcho(false);
  EXPECT_FALSE(pty.Echoes());
  kill(child, SIGINT);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  EXPECT_TRUE(pty.Echoes());
}

TEST(UnixTerminal, ASecretThatIsTooLongIsRefused) {
  Pty pty;
  UnixTerminal terminal(pty.inside.get(), pty.inside.get());
  base::SecretBuffer line(4);
  std::thread typing([&] {
    pty.AwaitEcho(false);
    (void)os::WriteFull(pty.outside.get(), base::AsBytes("12345\n")).ok();
  });
  EXPECT_FALSE(terminal.ReadSecret("?", line).ok());
  typing.join();
}

TEST(UnixTerminal, OnlyYesIsYes) {
  for (auto [typed, yes] :
       std::vector<std::pair<std::string, bool>>{{"y\n", true},
                                                 {"yes\n", true},
                                                 {"YES\n", true},
                                                 {"\n", false},
                                                 {"n\n", false},
                                                 {"yesterday\n", false}}) {
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    os::FileDescriptor in(pipes[0]);
    os::FileDescriptor out(pipes[1]);
    ASSERT_TRUE(os::WriteFull(out.get(), base::AsBytes(typed)).ok());
    os::FileDescriptor null(open("/dev/null", O_WRONLY | O_CLOEXEC));
    UnixTerminal terminal(in.get(), null.get());
    EXPECT_FALSE(terminal.InputIsTerminal());
    EXPECT_EQ(terminal.Confirm("Sure?"), yes) << typed;
  }
}

}  // namespace
}  // namespace coffer::cli
