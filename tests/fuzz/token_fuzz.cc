// Every parser of crypto: tokens of both kinds, footers, public keys, sealed
// keys, base64url, hexadecimal and times. The first byte chooses; the rest is
// the input. Whatever is taken must be the one spelling of what it says.
// links: coffer_crypto
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crypto/base/time_text.h"
#include "crypto/base64.h"
#include "crypto/kdf.h"
#include "crypto/paseto.h"
#include "crypto/random.h"

namespace {

using coffer::base::AsText;
using coffer::base::Bytes;
using namespace coffer::crypto;
using Buffer = std::vector<uint8_t>;

// The keys of tests/fuzz/make_token_corpus.py.
struct Keys {
  Keys() {
    COFFER_CHECK(Initialise().ok());
    auto made = coffer::base::SecretArena::Create(4);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    signing = SigningKey(*arena);
    for (size_t i = 0; i < 32; ++i) key[i] = static_cast<uint8_t>(i);
    SigningKeyFromSeedRaw(SecretKeyBytes::Mutable(signing), key);
  }
  std::unique_ptr<coffer::base::SecretArena> arena;
  SigningKey signing;
  coffer::base::ByteArray<32> key{};
};

const Bytes kFooter = coffer::base::AsBytes("footer");
const Bytes kImplicit = coffer::base::AsBytes("connector");

// An exact heap copy, so that a sanitizer sees a write past the end.
Buffer Room(size_t size) { return Buffer(size); }

void Local(const Keys& keys, std::string_view token) {
  for (Bytes footer : {Bytes{}, kFooter}) {
    Buffer payload = Room(token.size());
    auto size = DecodeLocalRaw(payload, keys.key, token, footer, kImplicit);
    if (!size.ok()) continue;
    Buffer again = Room(LocalTokenSize(*size, footer.size()));
    Buffer nonce = Room(33);
    COFFER_CHECK(DecodeBase64({nonce}, token.substr(9, 44)).ok());
    COFFER_CHECK(EncodeLocalRaw(again, keys.key, Bytes(nonce).first(32),
                                Bytes(payload).first(*size), footer, kImplicit)
                     .ok());
    COFFER_CHECK(AsText(again) == token);
  }
}

void Public(const Keys& keys, std::string_view token) {
  for (Bytes footer : {Bytes{}, kFooter}) {
    Buffer payload = Room(token.size());
    auto size = VerifyPublic(payload, PublicKeyOf(keys.signing), token, footer,
                             kImplicit);
    if (!size.ok()) continue;
    Buffer again = Room(PublicTokenSize(*size, footer.size()));
    COFFER_CHECK(SignPublic(again, keys.signing, Bytes(payload).first(*size),
                            footer, kImplicit)
                     .ok());
    COFFER_CHECK(AsText(again) == token);
  }
}

void Footer(std::string_view token) {
  Buffer footer = Room(token.size());
  auto size = PeekFooter(footer, token);
  if (!size.ok() || *size == 0) return;
  const std::string text =
      coffer::base::EncodeBase64Url(Bytes(footer).first(*size));
  COFFER_CHECK(token.size() > text.size() &&
               token.substr(token.size() - text.size()) == text);
}

void PublicKeyText(std::string_view text) {
  auto key = ParsePublicKey(text);
  if (!key.ok()) return;
  char again[kPaserkPublicTextBytes];
  FormatPublicKey(again, *key);
  COFFER_CHECK(std::string_view(again, sizeof again) == text);
  SealedKey sealed;
  const Buffer secret(32, 7);
  COFFER_CHECK(SealKeyRaw(sealed, secret, *key).ok() == PublicKeyUsable(*key));
}

void Unseal(const Keys& keys, Bytes bytes) {
  SealedKey sealed{};
  std::memcpy(sealed.data(), bytes.data(),
              std::min(bytes.size(), sealed.size()));
  Buffer key = Room(32);
  if (UnsealKeyRaw(key, sealed, keys.signing).ok()) {
    COFFER_CHECK(bytes.size() >= sealed.size());
  }
}

void Base64(std::string_view text) {
  const size_t size = text.size() * 3 / 4;
  Buffer plain = Room(size), constant_time = Room(size);
  const bool one = coffer::base::DecodeBase64Url(plain, text).ok();
  const bool two = DecodeBase64({constant_time}, text).ok();
  COFFER_CHECK(one == two);
  if (!one) return;
  COFFER_CHECK(plain == constant_time);
  COFFER_CHECK(coffer::base::EncodeBase64Url(plain) == text);
  COFFER_CHECK(MatchesBase64(text, plain));
}

void Hex(std::string_view text) {
  Buffer bytes = Room(text.size() / 2);
  if (!coffer::base::DecodeHex(bytes, text).ok()) return;
  const std::string again = coffer::base::EncodeHex(bytes);
  COFFER_CHECK(again.size() == text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    COFFER_CHECK(again[i] == text[i] || again[i] == (text[i] | 0x20));
  }
}

void Time(std::string_view text) {
  auto seconds = coffer::base::ParseTime(text);
  if (seconds.ok()) COFFER_CHECK(coffer::base::TimeText(*seconds) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Keys* keys = new Keys;
  if (size == 0) return 0;
  const Bytes input(data + 1, size - 1);
  const std::string_view text = AsText(input);
  switch (data[0] % 8) {
    case 0:
      Local(*keys, text);
      break;
    case 1:
      Public(*keys, text);
      break;
    case 2:
      Footer(text);
      break;
    case 3:
      PublicKeyText(text);
      break;
    case 4:
      Unseal(*keys, input);
      break;
    case 5:
      Base64(text);
      break;
    case 6:
      Hex(text);
      break;
    default:
      Time(text);
  }
  return 0;
}
