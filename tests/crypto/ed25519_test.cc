#include "crypto/ed25519.h"

#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

class Ed25519 : public testing::Test {
 protected:
  void SetUp() override {
    GenerateSigningKey(key_);
    SignMessage(signature_, key_, message_);
  }
  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
  SigningKey key_{*arena_};
  Buffer message_ = Pattern(70);
  Signature signature_;
};

TEST_F(Ed25519, ASignatureIsValidForItsMessageAndKey) {
  EXPECT_TRUE(SignatureValid(signature_, PublicKeyOf(key_), message_));
  SigningKey other(*arena_);
  GenerateSigningKey(other);
  EXPECT_FALSE(SignatureValid(signature_, PublicKeyOf(other), message_));
}

TEST_F(Ed25519, EveryFlippedByteIsSeen) {
  for (size_t place = 0; place < signature_.size(); ++place) {
    Signature flipped = signature_;
    flipped[place] ^= 1;
    EXPECT_FALSE(SignatureValid(flipped, PublicKeyOf(key_), message_));
  }
  for (size_t place = 0; place < message_.size(); ++place) {
    Buffer flipped = message_;
    flipped[place] ^= 1;
    EXPECT_FALSE(SignatureValid(signature_, PublicKeyOf(key_), flipped));
  }
}

TEST_F(Ed25519, ASignatureOfAnotherLengthIsNotValid) {
  Buffer longer(signature_.begin(), signature_.end());
  for (size_t size = 0; size < 64; ++size) {
    EXPECT_FALSE(
        SignatureValid(Bytes(longer).first(size), PublicKeyOf(key_), message_));
  }
  longer.push_back(0);
  EXPECT_FALSE(SignatureValid(longer, PublicKeyOf(key_), message_));
}

TEST_F(Ed25519, TheEmptyMessageIsSignedToo) {
  SignMessage(signature_, key_, {});
  EXPECT_TRUE(SignatureValid(signature_, PublicKeyOf(key_), {}));
}

TEST_F(Ed25519, AKeyOfLowOrderSignsNothing) {
  // With R and S zero the equation would hold for the neutral element.
  PublicKey neutral{1};
  Signature forged{1};
  EXPECT_FALSE(SignatureValid(forged, neutral, message_));
}

TEST_F(Ed25519, ASeedGivesOneKeyWhereverItLies) {
  Buffer apart(64), within(64);
  const Buffer seed = Pattern(32, 7);
  SigningKeyFromSeedRaw(apart, seed);
  std::memcpy(within.data(), seed.data(), 32);
  SigningKeyFromSeedRaw(within, Bytes(within).first(32));
  EXPECT_EQ(apart, within);
  EXPECT_TRUE(base::Equal(Bytes(apart).first(32), seed));
}

TEST_F(Ed25519, DerivedKeysAreTheSameForTheSameSecretAndLabel) {
  const SlotSecret secret = KeyOf<SlotSecret>(*arena_, Pattern(32));
  SigningKey one(*arena_), same(*arena_), other(*arena_);
  DeriveSigningKey(one, secret, "slot", {base::AsBytes("header")});
  DeriveSigningKey(same, secret, "slot", {base::AsBytes("header")});
  DeriveSigningKey(other, secret, "slot", {base::AsBytes("Header")});
  EXPECT_EQ(PublicKeyOf(one), PublicKeyOf(same));
  EXPECT_NE(PublicKeyOf(one), PublicKeyOf(other));
  SignMessage(signature_, one, message_);
  EXPECT_TRUE(SignatureValid(signature_, PublicKeyOf(same), message_));
}

}  // namespace
}  // namespace coffer::crypto
