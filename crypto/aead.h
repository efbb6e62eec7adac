// XChaCha20-Poly1305-IETF with a random nonce (libsodium, whole).
//   box = nonce (24) || ciphertext || tag (16)
// Not key-committing: keys are chosen by exact id, never by trial.
#pragma once

#include "crypto/secret_key_bytes.h"

namespace coffer::crypto {

inline constexpr size_t kBoxExtraBytes = 24 + 16;

// Building blocks over raw key bytes (32); use the typed forms below.
base::Result<size_t> SealBoxRaw(MutableBytes out, Bytes key, Bytes plaintext,
                                Bytes associated_data);
base::Result<size_t> OpenBoxRaw(MutableBytes out, Bytes key, Bytes box,
                                Bytes associated_data);

// Writes plaintext.size() + kBoxExtraBytes bytes, returns that size; kTooLarge
// when `out` is shorter.
template <typename Tag>
base::Result<size_t> SealBox(MutableBytes out, const SecretKey<Tag>& key,
                             Bytes plaintext, Bytes associated_data) {
  return SealBoxRaw(out, SecretKeyBytes::View(key), plaintext, associated_data);
}
// Writes box.size() - kBoxExtraBytes bytes. kDenied when it does not
// authenticate (nothing is left in `out`), kInvalid when it is too short.
template <typename Tag>
base::Result<size_t> OpenBox(MutableBytes out, const SecretKey<Tag>& key,
                             Bytes box, Bytes associated_data) {
  return OpenBoxRaw(out, SecretKeyBytes::View(key), box, associated_data);
}

// A key sealed under another key: the plaintext never leaves the arena.
template <typename Outer, typename Inner, size_t N>
base::Result<size_t> WrapKey(MutableBytes out, const SecretKey<Outer>& outer,
                             const SecretKey<Inner, N>& inner,
                             Bytes associated_data) {
  return SealBoxRaw(out, SecretKeyBytes::View(outer),
                    SecretKeyBytes::View(inner), associated_data);
}
// `inner` must own a slot. kInvalid when the box is not exactly N + extra.
template <typename Outer, typename Inner, size_t N>
base::Status UnwrapKey(SecretKey<Inner, N>& inner,
                       const SecretKey<Outer>& outer, Bytes box,
                       Bytes associated_data) {
  if (box.size() != N + kBoxExtraBytes) {
    return base::Fail(base::Code::kInvalid, "a wrapped key of another length");
  }
  auto size = OpenBoxRaw(SecretKeyBytes::Mutable(inner),
                         SecretKeyBytes::View(outer), box, associated_data);
  if (!size.ok()) return size.error();
  return {};
}

}  // namespace coffer::crypto
