#include "crypto/ed25519.h"

#include <sodium.h>

#include "crypto/stack_secret.h"

namespace coffer::crypto {

void SigningKeyFromSeedRaw(MutableBytes key, Bytes seed) {
  COFFER_CHECK(key.size() == 64 && seed.size() == 32);
  // A copy: libsodium writes the key before it has read the whole seed, and
  // the seed may be the key's own first half.
  StackSecret<32> copy;
  std::memcpy(copy.data(), seed.data(), 32);
  PublicKey ignored;
  crypto_sign_ed25519_seed_keypair(ignored.data(), key.data(), copy.data());
}

void GenerateSigningKey(SigningKey& key) {
  // The seed is drawn into the key's own first half, never elsewhere.
  MutableBytes bytes = SecretKeyBytes::Mutable(key);
  Random(bytes.first(32));
  SigningKeyFromSeedRaw(bytes, bytes.first(32));
}

PublicKey PublicKeyOf(const SigningKey& key) {
  PublicKey result;
  std::memcpy(result.data(), SecretKeyBytes::View(key).data() + 32, 32);
  return result;
}

void SignMessage(Signature& out, const SigningKey& key, Bytes message) {
  crypto_sign_ed25519_detached(out.data(), nullptr, message.data(),
                               message.size(),
                               SecretKeyBytes::View(key).data());
}

bool SignatureValid(Bytes signature, const PublicKey& key, Bytes message) {
  return signature.size() == crypto_sign_ed25519_BYTES &&
         crypto_sign_ed25519_verify_detached(signature.data(), message.data(),
                                             message.size(), key.data()) == 0;
}

}  // namespace coffer::crypto
