#include "crypto/ssh_signature.h"

#include <sodium.h>

namespace coffer::crypto {
namespace {

uint8_t* PutString(uint8_t* out, Bytes bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    *out++ = static_cast<uint8_t>(bytes.size() >> shift);
  }
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

}  // namespace

ByteArray<kSshSignedBytes> SshSignedBlob(Bytes message) {
  constexpr std::string_view kMagic = "SSHSIG";
  ByteArray<crypto_hash_sha512_BYTES> hash;
  crypto_hash_sha512(hash.data(), message.data(), message.size());
  ByteArray<kSshSignedBytes> blob;
  std::memcpy(blob.data(), kMagic.data(), kMagic.size());
  uint8_t* at = blob.data() + kMagic.size();
  at = PutString(at, base::AsBytes(kSshNamespace));
  at = PutString(at, {});
  at = PutString(at, base::AsBytes("sha512"));
  at = PutString(at, hash);
  COFFER_CHECK(at == blob.data() + blob.size());
  return blob;
}

bool SshSignatureValid(Bytes signature, const PublicKey& key, Bytes message) {
  return SignatureValid(signature, key, SshSignedBlob(message));
}

void SshFingerprint(char (&out)[kSshFingerprintBytes], const PublicKey& key) {
  constexpr std::string_view kType = "ssh-ed25519";
  constexpr std::string_view kHash = "SHA256:";
  uint8_t blob[4 + kType.size() + 4 + sizeof(PublicKey)];
  uint8_t* const end =
      PutString(PutString(blob, base::AsBytes(kType)), Bytes(key));
  COFFER_CHECK(end == blob + sizeof blob);
  uint8_t hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, blob, sizeof blob);
  std::memcpy(out, kHash.data(), kHash.size());
  char text[44];  // with the zero at its end
  sodium_bin2base64(text, sizeof text, hash, sizeof hash,
                    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  std::memcpy(out + kHash.size(), text, kSshFingerprintBytes - kHash.size());
}

}  // namespace coffer::crypto
