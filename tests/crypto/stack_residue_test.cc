// After an operation no 8 bytes in a row of its key are left on the stack. Each
// operation runs on a thread whose stack is ours to search afterwards.
#include "crypto/aead.h"
#include "crypto/ed25519.h"
#include "crypto/kdf.h"
#include "crypto/paseto.h"
#include "crypto/shamir.h"
#include "tests/crypto/stack_search.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

class StackResidue : public testing::Test {
 protected:
  void SetUp() override {
#ifdef COFFER_SANITIZED
    GTEST_SKIP() << "skipped: a sanitizer keeps its own frames";
#endif
    RandomKey(local_);
    RandomKey(dek_);
    GenerateSigningKey(signing_);
  }
  Bytes local() const { return SecretKeyBytes::View(local_); }
  Bytes dek() const { return SecretKeyBytes::View(dek_); }
  Bytes seed() const { return SecretKeyBytes::View(signing_).first(32); }

  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
  LocalTokenKey local_{*arena_};
  Dek dek_{*arena_};
  Dek other_{*arena_};
  SigningKey signing_{*arena_};
  Buffer payload_ = Pattern(250);
  Buffer out_ = Buffer(1000);
  Buffer token_ = Buffer(1000);
};

TEST_F(StackResidue, TheSearchFindsACopyThatIsLeft) {
  EXPECT_GT(Residue(dek(),
                    [&] {
                      uint8_t copy[32];
                      std::memcpy(copy, dek().data(), 32);
                      asm volatile("" : : "r"(copy) : "memory");
                    }),
            0u);
}

TEST_F(StackResidue, BoxesLeaveNothingOfTheirKey) {
  EXPECT_EQ(Residue(dek(),
                    [&] {
                      auto size = SealBox(token_, dek_, payload_, {});
                      (void)OpenBox(out_, dek_, Bytes(token_).first(*size), {});
                    }),
            0u);
  EXPECT_EQ(Residue(local(),
                    [&] {
                      (void)WrapKey(token_, dek_, local_, {});
                      (void)UnwrapKey(other_, dek_, Bytes(token_).first(72),
                                      {});
                    }),
            0u);
}

TEST_F(StackResidue, HashesAndDerivedKeysLeaveNothing) {
  EXPECT_EQ(Residue(dek(), [&] { DeriveKey(other_, dek_, "label", {}); }), 0u);
  DeriveKey(other_, dek_, "label", {});
  EXPECT_EQ(Residue(SecretKeyBytes::View(other_),
                    [&] { DeriveKey(other_, dek_, "label", {}); }),
            0u);
}

TEST_F(StackResidue, IdsLeaveNothingOfTheKeyNorOfItsText) {
  ByteArray<33> id;
  EXPECT_EQ(Residue(dek(), [&] { id = LocalId(dek_); }), 0u);
  const std::string text = base::EncodeBase64Url(dek());
  EXPECT_EQ(Residue(base::AsBytes(text), [&] { id = LocalId(dek_); }), 0u);
}

TEST_F(StackResidue, LocalTokensLeaveNothingOfTheirKey) {
  size_t size = 0;
  EXPECT_EQ(
      Residue(local(),
              [&] { size = *EncodeLocal(token_, local_, payload_, {}, {}); }),
      0u);
  EXPECT_EQ(Residue(local(),
                    [&] {
                      (void)DecodeLocal(out_, local_,
                                        base::AsText(Bytes(token_).first(size)),
                                        {}, {});
                    }),
            0u);
}

TEST_F(StackResidue, SigningLeavesNothingOfTheSeed) {
  EXPECT_EQ(
      Residue(seed(),
              [&] { (void)SignPublic(token_, signing_, payload_, {}, {}); }),
      0u);
}

TEST_F(StackResidue, MakingAKeyPairLeavesNothingOfTheSeed) {
  SigningKey made(*arena_);
  DeriveSigningKey(made, dek_, "label", {});
  const Buffer copy(SecretKeyBytes::View(made).begin(),
                    SecretKeyBytes::View(made).begin() + 32);
  EXPECT_EQ(Residue(copy, [&] { DeriveSigningKey(made, dek_, "label", {}); }),
            0u);
}

TEST_F(StackResidue, SealsLeaveNothingOfTheSealedKeyNorOfTheReceivers) {
  SealedKey sealed;
  EXPECT_EQ(
      Residue(dek(),
              [&] { (void)SealKey(sealed, dek_, PublicKeyOf(signing_)); }),
      0u);
  EXPECT_EQ(Residue(dek(), [&] { (void)UnsealKey(other_, sealed, signing_); }),
            0u);
  EXPECT_EQ(Residue(seed(), [&] { (void)UnsealKey(other_, sealed, signing_); }),
            0u);
}

TEST_F(StackResidue, SharesLeaveNothingOfTheSecretNorOfTheirValues) {
  Buffer shares(3 * kShareBytes);
  Buffer text(kShareTextBytes);
  const Bytes two[] = {Bytes(shares).first(kShareBytes),
                       Bytes(shares).last(kShareBytes)};
  auto split_and_combine = [&] {
    SplitSecret(shares, dek(), ShareSetId{}, 2);
    for (Bytes share : two) (void)ReadShare(share);
    (void)CombineShares(MutableBytes(out_).first(32), two);
  };
  EXPECT_EQ(Residue(dek(), split_and_combine), 0u);
  const Buffer value(shares.begin() + 11, shares.begin() + 43);
  EXPECT_EQ(Residue(value,
                    [&] {
                      (void)ReadShare(two[0]);
                      (void)CombineShares(MutableBytes(out_).first(32), two);
                      FormatShare(text, two[0]);
                    }),
            0u);
}

}  // namespace
}  // namespace coffer::crypto
