#include "cli/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace coffer::cli {

Interrupt::Interrupt() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  fd_.Reset(signalfd(-1, &set, SFD_CLOEXEC));
}

Interrupt::~Interrupt() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool Interrupt::Wait(int milliseconds) {
  pollfd wait{fd_.get(), POLLIN, 0};
  if (poll(&wait, 1, milliseconds) <= 0) return false;
  // Taken, so that it does not act when this ends.
  signalfd_siginfo info{};
  return read(fd_.get(), &info, sizeof info) == sizeof info;
}

}  // namespace coffer::cli
