#include "crypto/aead.h"

#include <sodium.h>

namespace coffer::crypto {
namespace {

constexpr size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t kKeyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
static_assert(kNonceBytes + kTagBytes == kBoxExtraBytes && kKeyBytes == 32);

}  // namespace

base::Result<size_t> SealBoxRaw(MutableBytes out, Bytes key, Bytes plaintext,
                                Bytes associated_data) {
  COFFER_CHECK(key.size() == kKeyBytes);
  const size_t size = plaintext.size() + kBoxExtraBytes;
  if (out.size() < size) {
    return base::Fail(base::Code::kTooLarge, "no room for a box");
  }
  uint8_t* nonce = out.data();
  randombytes_buf(nonce, kNonceBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      out.data() + kNonceBytes, nullptr, plaintext.data(), plaintext.size(),
      associated_data.data(), associated_data.size(), nullptr, nonce,
      key.data());
  return size;
}

base::Result<size_t> OpenBoxRaw(MutableBytes out, Bytes key, Bytes box,
                                Bytes associated_data) {
  COFFER_CHECK(key.size() == kKeyBytes);
  if (box.size() < kBoxExtraBytes) {
    return base::Fail(base::Code::kInvalid, "a box that is too short");
  }
  const size_t size = box.size() - kBoxExtraBytes;
  if (out.size() < size) {
    return base::Fail(base::Code::kTooLarge, "no room to open a box");
  }
  // libsodium verifies first, and zeroes `out` when that fails.
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          out.data(), nullptr, nullptr, box.data() + kNonceBytes,
          size + kTagBytes, associated_data.data(), associated_data.size(),
          box.data(), key.data()) != 0) {
    return base::Fail(base::Code::kDenied, "a box that does not authenticate");
  }
  return size;
}

}  // namespace coffer::crypto
