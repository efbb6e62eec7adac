#include "cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "vault/os/descriptor.h"

namespace coffer::cli {
namespace {

// Resource: the signals that end or stop a program arrive as a descriptor
// instead, so that the terminal is put right before they act.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) {
      sigaddset(&set, signal);
    }
    sigprocmask(SIG_BLOCK, &set, &before_);
    fd_.Reset(signalfd(-1, &set, SFD_CLOEXEC));
  }
  ~HeldSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  int fd() const { return fd_.get(); }
  // Lets the signal that has come act now.
  void Deliver() {
    signalfd_siginfo info{};
    if (read(fd_.get(), &info, sizeof info) != sizeof info) return;
    raise(static_cast<int>(info.ssi_signo));
    sigset_t mine;
    sigprocmask(SIG_SETMASK, &before_, &mine);
    sigprocmask(SIG_SETMASK, &mine, nullptr);  // after a stop: go on
  }

 private:
  sigset_t before_{};
  os::FileDescriptor fd_;
};

// Resource: no echo while it lives.
class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_(fd) {
    active_ = tcgetattr(fd_, &before_) == 0;
    Off();
  }
  ~EchoOff() { On(); }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

  bool active() const { return active_; }
  void Off() {
    if (!active_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    if (tcsetattr(fd_, TCSAFLUSH, &quiet) != 0) active_ = false;
  }
  void On() {
    if (active_) tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool active_ = false;
};

void Write(int fd, std::string_view text) {
  // Nobody can be told when the terminal is gone.
  (void)os::WriteFull(fd, base::AsBytes(text)).ok();
}

}  // namespace

bool UnixTerminal::InputIsTerminal() { return isatty(input_) == 1; }
bool UnixTerminal::OutputIsTerminal() { return isatty(STDOUT_FILENO) == 1; }
bool UnixTerminal::ErrorIsTerminal() { return isatty(error_) == 1; }

Done UnixTerminal::ReadSecret(std::string_view prompt,
                              base::SecretBuffer& line) {
  HeldSignals signals;
  EchoOff echo(input_);
  if (!echo.active()) {
    return Failure{Exit::kRefused, "the terminal's echo cannot be turned off",
                   "give the secret in a file"};
  }
  Write(error_, prompt);
  line.Clear();
  for (;;) {
    pollfd waits[2] = {{input_, POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (poll(waits, 2, -1) < 0 && errno != EINTR) break;
    if (waits[1].revents != 0) {
      echo.On();
      Write(error_, "\n");
      signals.Deliver();
      echo.Off();
      Write(error_, prompt);
      continue;
    }
    if (waits[0].revents == 0) continue;
    uint8_t byte = 0;
    ssize_t got = read(input_, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (byte == '\n') return base::Nothing{};
    bool fits = line.Append({&byte, 1});
    base::Wipe({&byte, 1});
    if (!fits) return Failure{Exit::kRefused, "the secret is too long", ""};
  }
  return Failure{Exit::kRefused, "no secret was entered", ""};
}

bool UnixTerminal::Confirm(std::string_view question) {
  Write(error_, std::string(question) + " [y/N] ");
  std::string answer;
  for (char byte = 0; read(input_, &byte, 1) == 1 && byte != '\n';) {
    if (answer.size() < 8) answer += byte;
  }
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "YES";
}

}  // namespace coffer::cli
