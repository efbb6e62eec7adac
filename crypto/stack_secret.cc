#include "crypto/stack_secret.h"

namespace coffer::crypto {

// Deeper than the frames of libsodium's BLAKE2b, which keep the last block and
// the output (measured by tests/crypto/stack_residue_test.cc).
[[gnu::noinline]] void ScrubStackBelow() {
  uint8_t below[1536];
  base::Wipe(below);
}

}  // namespace coffer::crypto
