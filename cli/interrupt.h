// Long work that can be left: while one of these lives, SIGINT and SIGTERM do
// not end the program but are seen by Wait. Runs in the CLI only.
#pragma once

#include <signal.h>

#include "vault/os/descriptor.h"

namespace coffer::cli {

// Resource: holds both signals back from this thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // True once one of the signals has come; else after the time.
  bool Wait(int milliseconds);

 private:
  sigset_t before_{};
  os::FileDescriptor fd_;
};

}  // namespace coffer::cli
