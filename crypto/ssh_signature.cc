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

}  // namespace coffer::crypto
