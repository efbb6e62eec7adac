// Argon2id (libsodium), for the CLI only: the keeper never sees a passphrase.
#pragma once

#include "crypto/secret_key.h"

namespace coffer::crypto {

struct PassphraseParameters {
  uint64_t memory_bytes = 256ull << 20;
  uint32_t passes = 3;
  ByteArray<16> salt{};
};
// Floor and ceiling, so that a hostile header can neither weaken nor exhaust.
inline constexpr uint64_t kPassphraseMemoryMin = 64ull << 20;
inline constexpr uint64_t kPassphraseMemoryMax = 4ull << 30;
inline constexpr uint32_t kPassphrasePassesMin = 2;
inline constexpr uint32_t kPassphrasePassesMax = 16;
inline constexpr size_t kPassphraseBytesMin = 8;
inline constexpr size_t kPassphraseBytesMax = 1024;

// Fills 32 bytes. kInvalid: parameters or passphrase out of bounds; kFull: the
// memory is not to be had.
base::Status SecretFromPassphrase(MutableBytes secret, Bytes passphrase,
                                  const PassphraseParameters& parameters);

}  // namespace coffer::crypto
