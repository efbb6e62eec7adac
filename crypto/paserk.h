// PASERK k4: ids, public keys in text, and seal. Source: the PASERK
// specification, version 4 types; where its prose and vectors differ, the
// vectors are right (seal's derivations use "k4.seal.").
#pragma once

#include <string_view>

#include "crypto/secret_key.h"

namespace coffer::crypto {

using PublicKey = ByteArray<32>;     // Ed25519
using PaserkIdHash = ByteArray<33>;  // of lid and pid

// "k4.lid." or "k4.pid." and 44 characters.
inline constexpr size_t kPaserkIdTextBytes = 7 + 44;
PaserkIdHash LocalIdRaw(Bytes key);
PaserkIdHash PublicId(const PublicKey& key);
void FormatLocalId(char* out, const PaserkIdHash& id);   // "k4.lid...."
void FormatPublicId(char* out, const PaserkIdHash& id);  // "k4.pid...."
template <typename Tag>
PaserkIdHash LocalId(const SecretKey<Tag>& key);

// "k4.public." and 43 characters.
inline constexpr size_t kPaserkPublicTextBytes = 10 + 43;
void FormatPublicKey(char* out, const PublicKey& key);
base::Result<PublicKey> ParsePublicKey(std::string_view text);

// --- Ed25519 key pairs ------------------------------------------------------
// `key` must own a slot.
void GenerateSigningKey(SigningKey& key);
// From the first 32 bytes that KeyedHash derives; used for slots' key pairs.
template <typename From>
void DeriveSigningKey(SigningKey& key, const SecretKey<From>& from,
                      std::string_view label, std::initializer_list<Bytes> parts);
PublicKey PublicKeyOf(const SigningKey& key);

// --- k4.seal, as raw bytes: tag (32) || ephemeral key (32) || sealed key (32).
// The text form is "k4.seal." and base64url of these 96 bytes.
inline constexpr size_t kSealBytes = 96;
using SealedKey = ByteArray<kSealBytes>;
// kDenied when `to` is not a usable public key (low order, not on the curve).
base::Status SealKeyRaw(SealedKey& out, Bytes key, const PublicKey& to);
// Writes 32 bytes; kDenied when it does not authenticate.
base::Status UnsealKeyRaw(MutableBytes key, const SealedKey& sealed,
                          const SigningKey& to);
template <typename Tag>
base::Status SealKey(SealedKey& out, const SecretKey<Tag>& key,
                     const PublicKey& to);
template <typename Tag>
base::Status UnsealKey(SecretKey<Tag>& key, const SealedKey& sealed,
                       const SigningKey& to);

}  // namespace coffer::crypto

#include "crypto/paserk_inline.h"
