#include "crypto/paserk.h"

#include <sodium.h>

#include "crypto/base64.h"
#include "crypto/blake2b.h"
#include "crypto/random.h"
#include "crypto/stack_secret.h"
#include "crypto/x25519.h"

namespace coffer::crypto {
namespace {

using base::AsBytes;
using base::Base64Size;
using base::Code;
using base::Fail;
using base::Status;

constexpr std::string_view kLocalId = "k4.lid.";
constexpr std::string_view kPublicId = "k4.pid.";
constexpr std::string_view kLocal = "k4.local.";
constexpr std::string_view kPublic = "k4.public.";
constexpr std::string_view kSecret = "k4.secret.";
constexpr std::string_view kSeal = "k4.seal.";

// id = BLAKE2b-264(id header || key header || base64url of the key)
PaserkIdHash IdOf(std::string_view id_header, std::string_view key_header,
                  Bytes key) {
  COFFER_CHECK(key.size() == 32);
  StackSecret<Base64Size(32)> text;
  EncodeBase64(text.data(), key);
  PaserkIdHash id;
  Blake2b hash({}, id.size());
  hash.Add(AsBytes(id_header));
  hash.Add(AsBytes(key_header));
  hash.Add(text.view());
  hash.Finish(id);
  return id;
}

void Format(char* out, std::string_view header, Bytes bytes) {
  std::memcpy(out, header.data(), header.size());
  EncodeBase64(reinterpret_cast<uint8_t*>(out) + header.size(), bytes);
}

// What both sides of a seal derive from the shared secret.
struct SealKeys {
  StackSecret<32> encryption;
  StackSecret<32> authentication;
  ByteArray<24> nonce;

  SealKeys(Bytes shared, Bytes ephemeral, Bytes receiver) {
    Derive(encryption.whole(), 1, shared, ephemeral, receiver);
    Derive(authentication.whole(), 2, shared, ephemeral, receiver);
    Blake2b hash({}, nonce.size());
    hash.Add(ephemeral);
    hash.Add(receiver);
    hash.Finish(nonce);
  }

  void Tag(MutableBytes tag, Bytes ephemeral, Bytes sealed) const {
    Blake2b hash(authentication.view(), tag.size());
    hash.Add(AsBytes(kSeal));
    hash.Add(ephemeral);
    hash.Add(sealed);
    hash.Finish(tag);
  }

 private:
  static void Derive(MutableBytes out, uint8_t which, Bytes shared,
                     Bytes ephemeral, Bytes receiver) {
    Blake2b hash({}, out.size());
    hash.Add({&which, 1});
    hash.Add(AsBytes(kSeal));
    hash.Add(shared);
    hash.Add(ephemeral);
    hash.Add(receiver);
    hash.Finish(out);
  }
};

// Checks that the key is a point of the curve's main subgroup.
bool ToX25519(ByteArray<32>& out, const PublicKey& key) {
  return crypto_sign_ed25519_pk_to_curve25519(out.data(), key.data()) == 0;
}

}  // namespace

Status X25519(MutableBytes shared, Bytes scalar, Bytes point) {
  COFFER_CHECK(shared.size() == 32 && scalar.size() == 32 &&
               point.size() == 32);
  if (crypto_scalarmult_curve25519(shared.data(), scalar.data(),
                                   point.data()) != 0) {
    base::Wipe(shared);
    return Fail(Code::kDenied, "a public key of low order");
  }
  return {};
}

PaserkIdHash LocalIdRaw(Bytes key) { return IdOf(kLocalId, kLocal, key); }

PaserkIdHash PublicId(const PublicKey& key) {
  return IdOf(kPublicId, kPublic, key);
}

void FormatLocalId(char* out, const PaserkIdHash& id) {
  Format(out, kLocalId, id);
}

void FormatPublicId(char* out, const PaserkIdHash& id) {
  Format(out, kPublicId, id);
}

void FormatPublicKey(char* out, const PublicKey& key) {
  Format(out, kPublic, key);
}

base::Result<PublicKey> ParsePublicKey(std::string_view text) {
  if (text.substr(0, kPublic.size()) != kPublic) {
    return Fail(Code::kInvalid, "not a k4.public key");
  }
  PublicKey key;
  COFFER_TRY(DecodeBase64({key}, text.substr(kPublic.size())));
  return key;
}

void FormatSecretKey(MutableBytes out, const SigningKey& key) {
  COFFER_CHECK(out.size() == kPaserkSecretTextBytes);
  Format(reinterpret_cast<char*>(out.data()), kSecret,
         SecretKeyBytes::View(key));
}

Status ParseSecretKey(SigningKey& key, std::string_view text) {
  const base::Error malformed = Fail(Code::kInvalid, "not a k4.secret key");
  if (text.size() != kPaserkSecretTextBytes ||
      text.substr(0, kSecret.size()) != kSecret) {
    return malformed;
  }
  ByteArray<32> public_half;
  MutableBytes bytes = SecretKeyBytes::Mutable(key);
  COFFER_TRY(DecodeBase64({bytes.first(32), public_half},
                          text.substr(kSecret.size())));
  SigningKeyFromSeedRaw(bytes, bytes.first(32));
  if (PublicKeyOf(key) == public_half) return {};
  key.Wipe();
  return malformed;
}

bool PublicKeyUsable(const PublicKey& key) {
  ByteArray<32> converted;
  return ToX25519(converted, key);
}

Status SealKeyRaw(SealedKey& out, Bytes key, const PublicKey& to) {
  COFFER_CHECK(key.size() == 32);
  ByteArray<32> receiver;
  if (!ToX25519(receiver, to)) {
    return Fail(Code::kDenied, "a public key that cannot be sealed to");
  }
  StackSecret<32> ephemeral_secret;
  StackSecret<32> shared;
  Random(ephemeral_secret.whole());
  MutableBytes all(out);
  MutableBytes tag = all.first(32);
  MutableBytes ephemeral = all.subspan(32, 32);
  MutableBytes sealed = all.subspan(64, 32);
  crypto_scalarmult_curve25519_base(ephemeral.data(), ephemeral_secret.data());
  COFFER_TRY(X25519(shared.whole(), ephemeral_secret.view(), receiver));

  const SealKeys keys(shared.view(), ephemeral, receiver);
  crypto_stream_xchacha20_xor(sealed.data(), key.data(), key.size(),
                              keys.nonce.data(), keys.encryption.data());
  keys.Tag(tag, ephemeral, sealed);
  return {};
}

Status UnsealKeyRaw(MutableBytes key, const SealedKey& sealed_key,
                    const SigningKey& to) {
  COFFER_CHECK(key.size() == 32);
  const Bytes all(sealed_key);
  const Bytes tag = all.first(32);
  const Bytes ephemeral = all.subspan(32, 32);
  const Bytes sealed = all.subspan(64, 32);

  StackSecret<32> receiver_secret;
  StackSecret<32> shared;
  ByteArray<32> receiver;
  crypto_sign_ed25519_sk_to_curve25519(receiver_secret.data(),
                                       SecretKeyBytes::View(to).data());
  crypto_scalarmult_curve25519_base(receiver.data(), receiver_secret.data());
  COFFER_TRY(X25519(shared.whole(), receiver_secret.view(), ephemeral));

  const SealKeys keys(shared.view(), ephemeral, receiver);
  StackSecret<32> expected;
  keys.Tag(expected.whole(), ephemeral, sealed);
  if (!EqualConstantTime(expected.view(), tag)) {
    return Fail(Code::kDenied, "a sealed key that does not authenticate");
  }
  crypto_stream_xchacha20_xor(key.data(), sealed.data(), sealed.size(),
                              keys.nonce.data(), keys.encryption.data());
  return {};
}

}  // namespace coffer::crypto
