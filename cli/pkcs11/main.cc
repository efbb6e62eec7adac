// coffer-pkcs11: asks a PKCS#11 device for the secret of a seal slot and ends.
// See exit_codes.h for how it is called, by coffer and by cofferd.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/pkcs11/device.h"
#include "crypto/base/secret_bytes.h"

namespace coffer::cli {
namespace {

constexpr unsigned kSecondsMax = 10;
constexpr size_t kPinBytesMax = 256;

void EndLate(int) {
  constexpr char kLine[] =
      "coffer-pkcs11: the device did not answer within 10 seconds\n";
  [[maybe_unused]] ssize_t put = write(2, kLine, sizeof kLine - 1);
  _exit(static_cast<int>(Pkcs11Exit::kTimeout));
}

// No core file, no debugger, and an end in any case.
void Harden() {
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGALRM, EndLate);
  alarm(kSecondsMax);
}

// All of standard input; false when it is too long or cannot be read.
bool ReadPin(uint8_t (&pin)[kPinBytesMax + 2], size_t& size) {
  for (;;) {
    const ssize_t got = read(0, pin + size, sizeof pin - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (size == sizeof pin) return false;
  }
  if (size > 0 && pin[size - 1] == '\n') --size;
  return size <= kPinBytesMax;
}

Pkcs11Exit Ask(Device& device, const char* const* words, bool make,
               base::MutableBytes secret) {
  Pkcs11Exit exit = device.Load(words[0]);
  if (exit == Pkcs11Exit::kDone) exit = device.FindToken(words[1]);
  if (exit != Pkcs11Exit::kDone) return exit;
  uint8_t pin[kPinBytesMax + 2];
  size_t pin_size = 0;
  if (ReadPin(pin, pin_size)) {
    exit = device.Login({pin, pin_size}, make);
  } else {
    exit = Say(Pkcs11Exit::kUsage, "the PIN cannot be read, or is too long");
  }
  base::Wipe(pin);
  if (exit == Pkcs11Exit::kDone) exit = device.FindKey(words[2], make);
  if (exit == Pkcs11Exit::kDone) exit = device.MakeSecret(secret);
  return exit;
}

Pkcs11Exit Run(int count, const char* const* words) {
  Harden();
  const bool make = count > 1 && std::strcmp(words[1], "--make") == 0;
  const int first = make ? 2 : 1;
  if (count - first != 3) {
    return Say(Pkcs11Exit::kUsage,
               "usage: coffer-pkcs11 [--make] MODULE TOKEN KEY < PIN > secret");
  }
  if (isatty(1) != 0) {
    return Say(Pkcs11Exit::kUsage, "writes a secret, and not to a terminal");
  }
  uint8_t secret[32];
  Pkcs11Exit exit;
  {
    Device device;
    exit = Ask(device, words + first, make, secret);
  }
  if (exit == Pkcs11Exit::kDone &&
      write(1, secret, sizeof secret) != ssize_t{sizeof secret}) {
    exit = Say(Pkcs11Exit::kFailed, "the secret cannot be written");
  }
  base::Wipe(secret);
  return exit;
}

}  // namespace
}  // namespace coffer::cli

int main(int argc, char** argv) {
  return static_cast<int>(coffer::cli::Run(argc, argv));
}
