// BLAKE2b, plain and keyed, over length-prefixed parts; and keys, from keys or
// from chance. Keeper and CLI only; never allocates. Every use has its own
// label, so that no two uses share an input:
//   input = u64 label size || label || (u64 part size || part)*   little-endian
// An output of another size is another function, not a prefix.
#pragma once

#include <initializer_list>
#include <string_view>

#include "crypto/random.h"
#include "crypto/secret_key_bytes.h"

namespace coffer::crypto {

// out: 16 to 64 bytes.
void Hash(MutableBytes out, std::string_view label,
          std::initializer_list<Bytes> parts);
// key: 32 bytes. Use the typed form below.
void KeyedHashRaw(MutableBytes out, Bytes key, std::string_view label,
                  std::initializer_list<Bytes> parts);
// Constant-time equality of MACs and tags.
bool EqualConstantTime(Bytes a, Bytes b);

template <typename Tag>
void KeyedHash(MutableBytes out, const SecretKey<Tag>& key,
               std::string_view label, std::initializer_list<Bytes> parts) {
  KeyedHashRaw(out, SecretKeyBytes::View(key), label, parts);
}

// `derived` must own a slot; its whole 32 or 64 bytes are derived. A signing
// key comes from DeriveSigningKey (crypto/paserk.h) instead.
template <typename To, size_t N, typename From>
void DeriveKey(SecretKey<To, N>& derived, const SecretKey<From>& from,
               std::string_view label, std::initializer_list<Bytes> parts) {
  KeyedHashRaw(SecretKeyBytes::Mutable(derived), SecretKeyBytes::View(from),
               label, parts);
}

// `key` must own a slot; fills it with random bytes.
template <typename Tag>
void RandomKey(SecretKey<Tag>& key) {
  Random(SecretKeyBytes::Mutable(key));
}

}  // namespace coffer::crypto
