#include "crypto/random.h"

#include <sodium.h>

namespace coffer::crypto {

base::Status Initialise() {
  // Picks the processor's fastest code and reads the first random bytes, so
  // that nothing but getrandom is asked of the system later.
  if (sodium_init() < 0) {
    return base::Fail(base::Code::kIo, "libsodium does not start");
  }
  return {};
}

void Random(MutableBytes out) {
  if (!out.empty()) randombytes_buf(out.data(), out.size());
}

}  // namespace coffer::crypto
