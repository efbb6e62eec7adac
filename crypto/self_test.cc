// Each row computes what is known beforehand and compares, both ways where
// there are two, and sees one damaged input refused.
#include "crypto/self_test.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/paserk.h"
#include "crypto/paseto.h"
#include "crypto/random.h"
#include "crypto/self_test_answers.h"
#include "crypto/self_test_fault.h"
#include "crypto/shamir.h"
#include "crypto/ssh_signature.h"
#include "crypto/x25519.h"

namespace coffer::crypto {
namespace {

constexpr std::string_view kLabel = "coffer self test";

// Bytes from hexadecimal, at most as long as the longest answer.
class Answer {
 public:
  explicit Answer(std::string_view hex) : size_(hex.size() / 2) {
    COFFER_CHECK(size_ <= sizeof bytes_);
    COFFER_CHECK(base::DecodeHex({bytes_, size_}, hex).ok());
  }
  operator Bytes() const { return {bytes_, size_}; }
  Bytes view() const { return {bytes_, size_}; }
  std::string_view text() const { return base::AsText(view()); }
  // The same with one bit changed.
  Answer Damaged() const {
    Answer other(*this);
    other.bytes_[size_ - 1] ^= 1;
    return other;
  }

 private:
  uint8_t bytes_[288];
  size_t size_;
};

template <size_t N>
ByteArray<N> ToArray(const Answer& answer) {
  COFFER_CHECK(answer.view().size() == N);
  ByteArray<N> array;
  std::memcpy(array.data(), answer.view().data(), N);
  return array;
}

// What a row computes in, and how it judges. A faulty one finds its own
// results changed by a bit, as a broken algorithm would leave them.
class Trial {
 public:
  Trial(base::SecretArena& arena, bool faulty)
      : arena_(arena), faulty_(faulty) {}
  ~Trial() { base::Wipe(buffer_); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  base::SecretArena& arena() { return arena_; }
  MutableBytes buffer(size_t size) { return MutableBytes(buffer_).first(size); }
  // `actual` lies in the trial's buffer or in the row's own variables.
  bool Is(Bytes actual, const Answer& expected) const {
    return EqualConstantTime(
        actual, faulty_ ? expected.Damaged().view() : expected.view());
  }
  bool Is(const base::Result<size_t>& size, const Answer& expected) {
    return size.ok() && Is(buffer(*size), expected);
  }
  bool faulty() const { return faulty_; }

 private:
  base::SecretArena& arena_;
  bool faulty_;
  ByteArray<512> buffer_;
};

bool XChaCha20Poly1305(Trial& trial) {
  const Answer key(answers::kKey), text(answers::kText), data(answers::kData);
  const Answer box(answers::kBox);
  if (!trial.Is(OpenBoxRaw(trial.buffer(512), key, box, data), text)) {
    return false;
  }
  if (OpenBoxRaw(trial.buffer(512), key, box.Damaged(), data).ok()) {
    return false;
  }
  // Sealing draws a nonce, so it is judged by opening.
  ByteArray<128> sealed;
  const auto size = SealBoxRaw(sealed, key, text, data);
  return size.ok() && trial.Is(OpenBoxRaw(trial.buffer(512), key,
                                          Bytes(sealed).first(*size), data),
                               text);
}

// Plain and keyed.
bool Blake2b(Trial& trial) {
  Hash(trial.buffer(32), kLabel,
       {Answer(answers::kText), Answer(answers::kData)});
  if (!trial.Is(trial.buffer(32), Answer(answers::kHash))) return false;
  KeyedHashRaw(trial.buffer(32), Answer(answers::kKey), kLabel,
               {Answer(answers::kText), Answer(answers::kData)});
  return trial.Is(trial.buffer(32), Answer(answers::kKeyedHash));
}

bool Ed25519(Trial& trial) {
  SigningKey key(trial.arena());
  SigningKeyFromSeedRaw(SecretKeyBytes::Mutable(key), Answer(answers::kSeed));
  return trial.Is(PublicKeyOf(key), Answer(answers::kPublicKey)) &&
         PublicKeyUsable(PublicKeyOf(key));
}

bool CurveX25519(Trial& trial) {
  ByteArray<32> shared;
  if (!X25519(shared, Answer(answers::kScalar), Answer(answers::kPoint)).ok() ||
      !trial.Is(shared, Answer(answers::kShared))) {
    return false;
  }
  constexpr ByteArray<32> kLowOrder{};
  return !X25519(shared, Answer(answers::kScalar), kLowOrder).ok();
}

bool PasetoLocal(Trial& trial) {
  const Answer key(answers::kKey), nonce(answers::kTokenNonce);
  const Answer text(answers::kText), footer(answers::kFooter);
  const Answer implicit(answers::kImplicit), token(answers::kLocalToken);
  return trial.Is(EncodeLocalRaw(trial.buffer(512), key, nonce, text, footer,
                                 implicit),
                  token) &&
         trial.Is(DecodeLocalRaw(trial.buffer(512), key, token.text(), footer,
                                 implicit),
                  text) &&
         !DecodeLocalRaw(trial.buffer(512), key, token.text(), footer,
                         implicit.Damaged())
              .ok();
}

bool PasetoPublic(Trial& trial) {
  SigningKey key(trial.arena());
  SigningKeyFromSeedRaw(SecretKeyBytes::Mutable(key), Answer(answers::kSeed));
  const PublicKey public_key = PublicKeyOf(key);
  const Answer text(answers::kText), footer(answers::kFooter);
  const Answer implicit(answers::kImplicit), token(answers::kPublicToken);
  return trial.Is(SignPublic(trial.buffer(512), key, text, footer, implicit),
                  token) &&
         trial.Is(VerifyPublic(trial.buffer(512), public_key, token.text(),
                               footer, implicit),
                  text) &&
         !VerifyPublic(trial.buffer(512), public_key, token.text(), footer,
                       implicit.Damaged())
              .ok();
}

// SHA-512 is met here only.
bool SshSignature(Trial& trial) {
  const Answer text(answers::kText), key(answers::kPublicKey);
  const Answer signature(answers::kSshSignature);
  const ByteArray<kSshSignedBytes> blob = SshSignedBlob(text);
  return trial.Is(blob, Answer(answers::kSshBlob)) &&
         SshSignatureValid(signature, ToArray<32>(key), text) &&
         !SshSignatureValid(signature.Damaged(), ToArray<32>(key), text);
}

bool Shamir(Trial& trial) {
  const Answer key(answers::kKey), slope(answers::kSlope);
  const Answer expected(answers::kShares);
  const MutableBytes shares = trial.buffer(3 * kShareBytes);
  SplitSecretWith(shares, key, slope, ToArray<8>(Answer(answers::kShareSet)),
                  2);
  if (!trial.Is(shares, expected)) return false;
  const Bytes two[] = {expected.view().first(kShareBytes),
                       expected.view().last(kShareBytes)};
  const Answer damaged = expected.Damaged();
  return CombineShares(trial.buffer(32), two).ok() &&
         trial.Is(trial.buffer(32), key) &&
         !ReadShare(damaged.view().last(kShareBytes)).ok();
}

bool PaserkIds(Trial& trial) {
  char text[kPaserkIdTextBytes];
  FormatLocalId(text, LocalIdRaw(Answer(answers::kKey)));
  if (!trial.Is(base::AsBytes({text, sizeof text}),
                Answer(answers::kLocalId))) {
    return false;
  }
  FormatPublicId(text, PublicId(ToArray<32>(Answer(answers::kPublicKey))));
  return trial.Is(base::AsBytes({text, sizeof text}),
                  Answer(answers::kPublicId));
}

bool PaserkPublic(Trial& trial) {
  char text[kPaserkPublicTextBytes];
  FormatPublicKey(text, ToArray<32>(Answer(answers::kPublicKey)));
  const auto parsed = ParsePublicKey({text, sizeof text});
  return trial.Is(base::AsBytes({text, sizeof text}),
                  Answer(answers::kPublicText)) &&
         parsed.ok() && trial.Is(*parsed, Answer(answers::kPublicKey));
}

bool PaserkSeal(Trial& trial) {
  SigningKey to(trial.arena());
  SigningKeyFromSeedRaw(SecretKeyBytes::Mutable(to),
                        Answer(answers::kSealSeed));
  const Answer sealed(answers::kSealed), unsealed(answers::kUnsealed);
  const MutableBytes key = trial.buffer(32);
  if (!UnsealKeyRaw(key, ToArray<96>(sealed), to).ok() ||
      !trial.Is(key, unsealed) ||
      UnsealKeyRaw(key, ToArray<96>(sealed.Damaged()), to).ok()) {
    return false;
  }
  // Sealing draws a key pair, so it is judged by unsealing.
  SealedKey fresh;
  return SealKeyRaw(fresh, unsealed, PublicKeyOf(to)).ok() &&
         UnsealKeyRaw(key, fresh, to).ok() && trial.Is(key, unsealed);
}

bool RandomDiffers(Trial& trial) {
  ByteArray<32> first;
  Random(first);
  Random(trial.buffer(32));
  if (trial.faulty()) std::memcpy(trial.buffer(32).data(), first.data(), 32);
  return !EqualConstantTime(first, trial.buffer(32));
}

struct Row {
  std::string_view algorithm;
  bool (*run)(Trial& trial);
};
constexpr Row kRows[] = {
    {"XChaCha20-Poly1305", XChaCha20Poly1305},
    {"BLAKE2b", Blake2b},
    {"Ed25519", Ed25519},
    {"X25519", CurveX25519},
    {"PASETO v4.local", PasetoLocal},
    {"PASETO v4.public", PasetoPublic},
    {"PASERK k4.lid, k4.pid", PaserkIds},
    {"PASERK k4.public", PaserkPublic},
    {"PASERK k4.seal", PaserkSeal},
    {"SSH signature, SHA-512", SshSignature},
    {"Shamir's shares", Shamir},
    {"random numbers", RandomDiffers},
};
static_assert(std::size(kRows) <= kSelfTestRowsMax);

// The programs' tests build a keeper with a fault.
#ifdef COFFER_SELF_TEST_FAULT
constexpr size_t kNoFault = COFFER_SELF_TEST_FAULT;
#else
constexpr size_t kNoFault = std::size(kRows);
#endif

}  // namespace

bool SelfTestReport::passed() const {
  for (size_t i = 0; i < size; ++i) {
    if (!rows[i].passed) return false;
  }
  return size != 0;
}

SelfTestReport RunSelfTestsWithFault(base::SecretArena& arena,
                                     size_t faulty_row) {
  SelfTestReport report;
  for (const Row& row : kRows) {
    Trial trial(arena, report.size == faulty_row);
    report.rows[report.size] = {row.algorithm, row.run(trial)};
    ++report.size;
  }
  return report;
}

SelfTestReport RunSelfTests(base::SecretArena& arena) {
  return RunSelfTestsWithFault(arena, kNoFault);
}

}  // namespace coffer::crypto
