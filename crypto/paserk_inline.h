// The typed forms of crypto/paserk.h; include that header, not this one.
#pragma once

#include "crypto/kdf.h"
#include "crypto/paserk.h"
#include "crypto/secret_key_bytes.h"

namespace coffer::crypto {

// Fills a 64-byte signing key from a 32-byte seed.
void SigningKeyFromSeedRaw(MutableBytes key, Bytes seed);

template <typename Tag>
PaserkIdHash LocalId(const SecretKey<Tag>& key) {
  return LocalIdRaw(SecretKeyBytes::View(key));
}

template <typename From>
void DeriveSigningKey(SigningKey& key, const SecretKey<From>& from,
                      std::string_view label,
                      std::initializer_list<Bytes> parts) {
  // The seed is derived into the key's own first half, never elsewhere.
  MutableBytes bytes = SecretKeyBytes::Mutable(key);
  KeyedHashRaw(bytes.first(32), SecretKeyBytes::View(from), label, parts);
  SigningKeyFromSeedRaw(bytes, bytes.first(32));
}

template <typename Tag>
base::Status SealKey(SealedKey& out, const SecretKey<Tag>& key,
                     const PublicKey& to) {
  return SealKeyRaw(out, SecretKeyBytes::View(key), to);
}

template <typename Tag>
base::Status UnsealKey(SecretKey<Tag>& key, const SealedKey& sealed,
                       const SigningKey& to) {
  return UnsealKeyRaw(SecretKeyBytes::Mutable(key), sealed, to);
}

}  // namespace coffer::crypto
