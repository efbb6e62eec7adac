// SSH signatures (SSHSIG) by Ed25519 keys in the namespace "coffer", as
// `ssh-keygen -Y sign -n coffer` makes them. Keeper and CLI; never allocates.
// Refuses every other namespace, hash and kind of key by never making their
// bytes. Source: OpenSSH PROTOCOL.sshsig.
#pragma once

#include "crypto/ed25519.h"

namespace coffer::crypto {

inline constexpr std::string_view kSshNamespace = "coffer";

// What is signed, instead of the message itself:
//   "SSHSIG" | string namespace | string reserved, empty
//            | string "sha512" | string SHA-512 of the message
// where a string is its size as u32, big-endian, and its bytes.
inline constexpr size_t kSshSignedBytes =
    6 + (4 + kSshNamespace.size()) + 4 + (4 + 6) + (4 + 64);
ByteArray<kSshSignedBytes> SshSignedBlob(Bytes message);

// False, too, for a signature that has not 64 bytes.
bool SshSignatureValid(Bytes signature, const PublicKey& key, Bytes message);

// "SHA256:" and 43 characters, as `ssh-keygen -l` names the key.
inline constexpr size_t kSshFingerprintBytes = 7 + 43;
void SshFingerprint(char (&out)[kSshFingerprintBytes], const PublicKey& key);

}  // namespace coffer::crypto
