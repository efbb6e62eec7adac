// PASERK k4: ids, public keys in text, and seal; and the Ed25519 key pairs they
// name. Keeper and CLI only; never allocates. Refuses public keys that are not
// points of the curve's main subgroup and sealed keys that do not authenticate.
// Source: the PASERK specification, version 4 types; where its prose and
// vectors differ, the vectors are right (seal's derivations use "k4.seal.").
#pragma once

#include <initializer_list>
#include <string_view>

#include "crypto/secret_key.h"

namespace coffer::crypto {

using PublicKey = ByteArray<32>;     // Ed25519
using PaserkIdHash = ByteArray<33>;  // of lid and pid

// --- Ids --------------------------------------------------------------------
// "k4.lid." or "k4.pid." and 44 characters.
inline constexpr size_t kPaserkIdTextBytes = 7 + 44;
PaserkIdHash LocalIdRaw(Bytes key);  // 32 bytes
PaserkIdHash PublicId(const PublicKey& key);
template <typename Tag>
PaserkIdHash LocalId(const SecretKey<Tag>& key);
// Write exactly kPaserkIdTextBytes characters.
void FormatLocalId(char* out, const PaserkIdHash& id);
void FormatPublicId(char* out, const PaserkIdHash& id);

// --- Public keys ------------------------------------------------------------
// "k4.public." and 43 characters.
inline constexpr size_t kPaserkPublicTextBytes = 10 + 43;
void FormatPublicKey(char* out, const PublicKey& key);
// kInvalid when the text is not of the form. Any 32 bytes have a text; whether
// they are a key that can be used is PublicKeyUsable.
base::Result<PublicKey> ParsePublicKey(std::string_view text);
// False for what is not on the curve, of low order, or off the main subgroup.
bool PublicKeyUsable(const PublicKey& key);

// --- Secret keys, of the CLI's files only ------------------------------------
// "k4.secret." and 86 characters.
inline constexpr size_t kPaserkSecretTextBytes = 10 + 86;
// Writes exactly that many bytes.
void FormatSecretKey(MutableBytes out, const SigningKey& key);
// `key` must own a slot. kInvalid when the text is not of the form, or its
// public half is not that of its seed; the key is wiped then.
base::Status ParseSecretKey(SigningKey& key, std::string_view text);

// --- Ed25519 key pairs ------------------------------------------------------
// `key` must own a slot.
void GenerateSigningKey(SigningKey& key);
// From the 32 bytes that KeyedHash derives; used for slots' key pairs.
template <typename From>
void DeriveSigningKey(SigningKey& key, const SecretKey<From>& from,
                      std::string_view label,
                      std::initializer_list<Bytes> parts);
PublicKey PublicKeyOf(const SigningKey& key);

// --- k4.seal ----------------------------------------------------------------
// As raw bytes: tag (32) || ephemeral key (32) || sealed key (32). The text
// form is "k4.seal." and base64url of these 96 bytes.
inline constexpr size_t kSealBytes = 96;
using SealedKey = ByteArray<kSealBytes>;
// kDenied when `to` is not PublicKeyUsable.
base::Status SealKeyRaw(SealedKey& out, Bytes key, const PublicKey& to);
// Writes 32 bytes; kDenied, and nothing is written, when it does not
// authenticate.
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
