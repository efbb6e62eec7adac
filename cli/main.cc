// `coffer`, the operators' program. It talks to a running cofferd over its
// sockets and holds a secret only for the moment it takes to pass it on: no
// core dump, and no reading by other processes of the user.
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <iostream>

#include "cli/run.h"
#include "crypto/random.h"

int main(int argc, char** argv) {
  using coffer::cli::Exit;
  prctl(PR_SET_DUMPABLE, 0);
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (!coffer::crypto::Initialise().ok()) {
    fputs("coffer: no random numbers are to be had from this system\n", stderr);
    return static_cast<int>(Exit::kRefused);
  }
  coffer::cli::UnixTerminal terminal;
  coffer::base::SystemClock clock;
  coffer::cli::Context context{std::cout,
                               std::cerr,
                               terminal,
                               clock,
                               [](const char* name) { return getenv(name); },
                               0,
                               "/etc/coffer/coffer.toml",
                               ""};
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  return static_cast<int>(coffer::cli::Run(words, context));
}
