// BLAKE2b, plain and keyed, over length-prefixed parts, and keys from keys.
// Every use has its own label, so that no two uses share an input:
//   input = u64 label size || label || (u64 part size || part)*   little-endian
#pragma once

#include <initializer_list>
#include <string_view>

#include "crypto/secret_key_bytes.h"

namespace coffer::crypto {

// out: 16 to 64 bytes.
void Hash(MutableBytes out, std::string_view label,
          std::initializer_list<Bytes> parts);
void KeyedHashRaw(MutableBytes out, Bytes key, std::string_view label,
                  std::initializer_list<Bytes> parts);
// Constant-time equality of MACs and tags.
bool EqualConstantTime(Bytes a, Bytes b);

template <typename Tag>
void KeyedHash(MutableBytes out, const SecretKey<Tag>& key,
               std::string_view label, std::initializer_list<Bytes> parts) {
  KeyedHashRaw(out, SecretKeyBytes::View(key), label, parts);
}
// `derived` must own a slot; 32 or 64 bytes are derived.
template <typename To, size_t N, typename From>
void DeriveKey(SecretKey<To, N>& derived, const SecretKey<From>& from,
               std::string_view label, std::initializer_list<Bytes> parts) {
  KeyedHashRaw(SecretKeyBytes::Mutable(derived), SecretKeyBytes::View(from),
               label, parts);
}
template <typename Tag>
void RandomKey(SecretKey<Tag>& key);

// Fills a key of any tag with random bytes.
void RandomBytesInto(MutableBytes out);
template <typename Tag>
void RandomKey(SecretKey<Tag>& key) {
  RandomBytesInto(SecretKeyBytes::Mutable(key));
}

}  // namespace coffer::crypto
