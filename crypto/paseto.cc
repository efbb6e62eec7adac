// token = header base64url(body) [ "." base64url(footer) ]
// v4.local.:  body = nonce (32) || ciphertext || tag (32)
//   tag = BLAKE2b-256 keyed, over PAE(header, nonce, ciphertext, footer,
//         implicit assertion)
// v4.public.: body = payload || signature (64)
//   signature = Ed25519 over PAE(header, payload, footer, implicit assertion)
// PAE(parts) = u64 count || (u64 size || part)*, little-endian.
#include "crypto/paseto.h"

#include <sodium.h>

#include "crypto/base/codec.h"
#include "crypto/base64.h"
#include "crypto/blake2b.h"
#include "crypto/ed25519.h"
#include "crypto/random.h"
#include "crypto/stack_secret.h"

namespace coffer::crypto {
namespace {

using base::AsBytes;
using base::Base64Size;
using base::Code;
using base::Fail;
using base::Result;
using base::Status;

constexpr std::string_view kLocalHeader = "v4.local.";
constexpr std::string_view kPublicHeader = "v4.public.";
constexpr size_t kOverheadBytes = 64;  // of either body over its payload

struct LocalKeys {
  StackSecret<32> encryption;
  StackSecret<32> authentication;
  ByteArray<24> nonce;

  LocalKeys(Bytes key, Bytes token_nonce) {
    COFFER_CHECK(key.size() == 32 && token_nonce.size() == 32);
    StackSecret<56> both;
    Derive(both.whole(), key, "paseto-encryption-key", token_nonce);
    std::memcpy(encryption.data(), both.data(), 32);
    std::memcpy(nonce.data(), both.data() + 32, 24);
    Derive(authentication.whole(), key, "paseto-auth-key-for-aead",
           token_nonce);
  }

  void Tag(MutableBytes tag, Bytes token_nonce, Bytes ciphertext, Bytes footer,
           Bytes implicit_assertion) const {
    Blake2b hash(authentication.view(), tag.size());
    hash.AddNumber(5);
    hash.AddPart(AsBytes(kLocalHeader));
    hash.AddPart(token_nonce);
    hash.AddPart(ciphertext);
    hash.AddPart(footer);
    hash.AddPart(implicit_assertion);
    hash.Finish(tag);
  }

  // `out` may be `in`.
  void Crypt(MutableBytes out, Bytes in) const {
    if (in.empty()) return;
    crypto_stream_xchacha20_xor(out.data(), in.data(), in.size(), nonce.data(),
                                encryption.data());
  }

 private:
  static void Derive(MutableBytes out, Bytes key, std::string_view label,
                     Bytes token_nonce) {
    Blake2b hash(key, out.size());
    hash.Add(AsBytes(label));
    hash.Add(token_nonce);
    hash.Finish(out);
  }
};

// What Ed25519 signs. In one piece, as libsodium wants it.
class SignedMessage {
 public:
  static bool Fits(Bytes payload, Bytes footer, Bytes implicit_assertion) {
    return payload.size() <= kSignedBytesMax &&
           footer.size() <= kSignedBytesMax - payload.size() &&
           implicit_assertion.size() <=
               kSignedBytesMax - payload.size() - footer.size();
  }
  // Requires Fits.
  SignedMessage(Bytes payload, Bytes footer, Bytes implicit_assertion) {
    base::Encoder pae({bytes_, sizeof bytes_});
    pae.Number(uint64_t{4});
    for (Bytes part :
         {AsBytes(kPublicHeader), payload, footer, implicit_assertion}) {
      pae.Number(uint64_t{part.size()});
      pae.Append(part);
    }
    COFFER_CHECK(!pae.failed());
    size_ = pae.used();
  }
  ~SignedMessage() { base::Wipe({bytes_, size_}); }
  SignedMessage(const SignedMessage&) = delete;
  SignedMessage& operator=(const SignedMessage&) = delete;

  Bytes view() const { return {bytes_, size_}; }

 private:
  uint8_t bytes_[5 * 8 + kPublicHeader.size() + kSignedBytesMax];
  size_t size_;
};

// A token that is being written: header and footer stand, and the body is to
// be written at the end of its own place, where Finish encodes it.
struct Draft {
  uint8_t* body_text;
  MutableBytes body;
  size_t token_bytes;

  size_t Finish() const {
    EncodeBase64(body_text, body);
    return token_bytes;
  }
};

Result<Draft> StartToken(MutableBytes out, std::string_view header,
                         Bytes payload, Bytes footer) {
  if (payload.size() > kPasetoTextBytesMax ||
      footer.size() > kPasetoTextBytesMax) {
    return Fail(Code::kTooLarge, "a token above the limit");
  }
  const size_t body = payload.size() + kOverheadBytes;
  const size_t body_text = Base64Size(body);
  const size_t body_end = header.size() + body_text;
  const size_t size =
      body_end + (footer.empty() ? 0 : 1 + Base64Size(footer.size()));
  if (size > kPasetoTextBytesMax || size > out.size()) {
    return Fail(Code::kTooLarge, "no room for a token");
  }
  std::memcpy(out.data(), header.data(), header.size());
  if (!footer.empty()) {
    out[body_end] = '.';
    EncodeBase64(out.data() + body_end + 1, footer);
  }
  return Draft{out.data() + header.size(), out.subspan(body_end - body, body),
               size};
}

// A token that is being read: its form, its sizes and its footer are right.
struct Taken {
  std::string_view body_text;
  size_t payload_bytes;
};

Result<Taken> TakeToken(std::string_view token, std::string_view header,
                        Bytes footer, size_t payload_bytes_max) {
  if (token.size() > kPasetoTextBytesMax ||
      token.substr(0, header.size()) != header) {
    return Fail(Code::kInvalid, "not a token of this kind");
  }
  const std::string_view rest = token.substr(header.size());
  const size_t dot = rest.find('.');
  const std::string_view body_text = rest.substr(0, dot);
  const size_t body = body_text.size() / 4 * 3 + body_text.size() % 4 * 3 / 4;
  if (body < kOverheadBytes || Base64Size(body) != body_text.size()) {
    return Fail(Code::kInvalid, "a token of another length");
  }
  if (body - kOverheadBytes > payload_bytes_max) {
    return Fail(Code::kInvalid, "a token with too long a payload");
  }
  if (dot == std::string_view::npos) {
    if (!footer.empty()) return Fail(Code::kDenied, "a token without footer");
  } else {
    const std::string_view text = rest.substr(dot + 1);
    if (text.empty() || text.find('.') != std::string_view::npos) {
      return Fail(Code::kInvalid, "a token with a malformed footer");
    }
    if (!MatchesBase64(text, footer)) {
      return Fail(Code::kDenied, "a token with another footer");
    }
  }
  return Taken{body_text, body - kOverheadBytes};
}

}  // namespace

Result<size_t> EncodeLocalRaw(MutableBytes out, Bytes key, Bytes nonce,
                              Bytes payload, Bytes footer,
                              Bytes implicit_assertion) {
  auto draft = StartToken(out, kLocalHeader, payload, footer);
  if (!draft.ok()) return draft.error();
  const LocalKeys keys(key, nonce);
  const MutableBytes body = draft->body;
  const MutableBytes ciphertext = body.subspan(32, payload.size());
  std::memcpy(body.data(), nonce.data(), 32);
  keys.Crypt(ciphertext, payload);
  keys.Tag(body.last(32), nonce, ciphertext, footer, implicit_assertion);
  return draft->Finish();
}

Result<size_t> DecodeLocalRaw(MutableBytes payload, Bytes key,
                              std::string_view token, Bytes footer,
                              Bytes implicit_assertion) {
  auto taken = TakeToken(token, kLocalHeader, footer, payload.size());
  if (!taken.ok()) return taken.error();
  // The ciphertext is decrypted where it is decoded, once it is verified.
  const MutableBytes text = payload.first(taken->payload_bytes);
  ByteArray<32> nonce;
  ByteArray<32> tag;
  COFFER_TRY(DecodeBase64({nonce, text, tag}, taken->body_text));
  const LocalKeys keys(key, nonce);
  ByteArray<32> expected;
  keys.Tag(expected, nonce, text, footer, implicit_assertion);
  const bool authentic = EqualConstantTime(expected, tag);
  base::Wipe(expected);  // a valid tag for whatever was presented
  if (!authentic) {
    base::Wipe(text);
    return Fail(Code::kDenied, "a token that does not authenticate");
  }
  keys.Crypt(text, text);
  return text.size();
}

Result<size_t> EncodeLocal(MutableBytes out, const LocalTokenKey& key,
                           Bytes payload, Bytes footer,
                           Bytes implicit_assertion) {
  ByteArray<32> nonce;
  Random(nonce);
  return EncodeLocalRaw(out, SecretKeyBytes::View(key), nonce, payload, footer,
                        implicit_assertion);
}

Result<size_t> DecodeLocal(MutableBytes payload, const LocalTokenKey& key,
                           std::string_view token, Bytes footer,
                           Bytes implicit_assertion) {
  return DecodeLocalRaw(payload, SecretKeyBytes::View(key), token, footer,
                        implicit_assertion);
}

Result<size_t> SignPublic(MutableBytes out, const SigningKey& key,
                          Bytes payload, Bytes footer,
                          Bytes implicit_assertion) {
  if (!SignedMessage::Fits(payload, footer, implicit_assertion)) {
    return Fail(Code::kTooLarge, "too much to sign");
  }
  auto draft = StartToken(out, kPublicHeader, payload, footer);
  if (!draft.ok()) return draft.error();
  const SignedMessage message(payload, footer, implicit_assertion);
  const MutableBytes body = draft->body;
  if (!payload.empty()) {
    std::memcpy(body.data(), payload.data(), payload.size());
  }
  Signature signature;
  SignMessage(signature, key, message.view());
  std::memcpy(body.data() + payload.size(), signature.data(), 64);
  return draft->Finish();
}

Result<size_t> VerifyPublic(MutableBytes payload, const PublicKey& key,
                            std::string_view token, Bytes footer,
                            Bytes implicit_assertion) {
  auto taken = TakeToken(token, kPublicHeader, footer, payload.size());
  if (!taken.ok()) return taken.error();
  const MutableBytes text = payload.first(taken->payload_bytes);
  if (!SignedMessage::Fits(text, footer, implicit_assertion)) {
    return Fail(Code::kInvalid, "too much to verify");
  }
  Signature signature;
  COFFER_TRY(DecodeBase64({text, signature}, taken->body_text));
  const SignedMessage message(text, footer, implicit_assertion);
  if (!SignatureValid(signature, key, message.view())) {
    base::Wipe(text);
    return Fail(Code::kDenied, "a token that does not authenticate");
  }
  return text.size();
}

Result<size_t> PeekFooter(MutableBytes footer, std::string_view token) {
  std::string_view header = kLocalHeader;
  if (token.substr(0, header.size()) != header) header = kPublicHeader;
  if (token.size() > kPasetoTextBytesMax ||
      token.substr(0, header.size()) != header) {
    return Fail(Code::kInvalid, "not a version 4 token");
  }
  const std::string_view rest = token.substr(header.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return size_t{0};
  const std::string_view text = rest.substr(dot + 1);
  const size_t size = text.size() / 4 * 3 + text.size() % 4 * 3 / 4;
  if (text.empty() || size > footer.size()) {
    return Fail(Code::kInvalid, "a footer of another length");
  }
  COFFER_TRY(DecodeBase64({footer.first(size)}, text));
  return size;
}

}  // namespace coffer::crypto
