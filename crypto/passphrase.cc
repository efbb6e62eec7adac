#include "crypto/passphrase.h"

#include <sodium.h>

namespace coffer::crypto {

base::Status SecretFromPassphrase(MutableBytes secret, Bytes passphrase,
                                  const PassphraseParameters& parameters) {
  COFFER_CHECK(secret.size() == 32);
  static_assert(decltype(parameters.salt){}.size() == crypto_pwhash_SALTBYTES);
  if (passphrase.size() < kPassphraseBytesMin ||
      passphrase.size() > kPassphraseBytesMax) {
    return base::Fail(base::Code::kInvalid, "a passphrase has 8 to 1024 bytes");
  }
  if (parameters.memory_bytes < kPassphraseMemoryMin ||
      parameters.memory_bytes > kPassphraseMemoryMax ||
      parameters.passes < kPassphrasePassesMin ||
      parameters.passes > kPassphrasePassesMax) {
    return base::Fail(base::Code::kInvalid,
                      "Argon2id parameters out of bounds");
  }
  if (crypto_pwhash(secret.data(), secret.size(),
                    reinterpret_cast<const char*>(passphrase.data()),
                    passphrase.size(), parameters.salt.data(),
                    parameters.passes, parameters.memory_bytes,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    base::Wipe(secret);
    return base::Fail(base::Code::kFull, "not enough memory for Argon2id");
  }
  return {};
}

}  // namespace coffer::crypto
