#include "crypto/paserk.h"

#include "crypto/x25519.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using base::Code;

// Points of order 1, 2, 4 and 8, and encodings that are on no curve.
constexpr std::string_view kUnusable[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0200000000000000000000000000000000000000000000000000000000000000",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

class Paserk : public testing::Test {
 protected:
  void SetUp() override { GenerateSigningKey(receiver_); }
  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
  SigningKey receiver_{*arena_};
  Dek key_ = KeyOf<Dek>(*arena_, Pattern(32));
};

TEST_F(Paserk, APublicKeyRoundTripsAsText) {
  const PublicKey key = PublicKeyOf(receiver_);
  char text[kPaserkPublicTextBytes];
  FormatPublicKey(text, key);
  const std::string_view view(text, sizeof text);
  EXPECT_EQ(view.substr(0, 10), "k4.public.");
  auto parsed = ParsePublicKey(view);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, key);
  EXPECT_TRUE(PublicKeyUsable(key));
}

TEST_F(Paserk, EveryTruncationTrailingByteAndForeignHeaderIsInvalid) {
  char text[kPaserkPublicTextBytes];
  FormatPublicKey(text, PublicKeyOf(receiver_));
  const std::string whole(text, sizeof text);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(CodeOf(ParsePublicKey(whole.substr(0, size))), Code::kInvalid);
  }
  EXPECT_FALSE(ParsePublicKey(whole + "A").ok());
  EXPECT_FALSE(ParsePublicKey(whole + "=").ok());
  for (const char* header : {"k3.public.", "k4.secret.", "K4.public.",
                             "k4.local..", " k4.public", "k4.public-"}) {
    EXPECT_FALSE(ParsePublicKey(header + whole.substr(10)).ok()) << header;
  }
}

TEST_F(Paserk, EveryFlippedBitOfTheTextIsInvalidOrAnotherKey) {
  char text[kPaserkPublicTextBytes];
  FormatPublicKey(text, PublicKeyOf(receiver_));
  for (size_t bit = 0; bit < sizeof text * 8; ++bit) {
    std::string changed(text, sizeof text);
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    auto parsed = ParsePublicKey(changed);
    if (!parsed.ok()) continue;
    char again[kPaserkPublicTextBytes];
    FormatPublicKey(again, *parsed);
    EXPECT_EQ(changed, std::string_view(again, sizeof again));
    EXPECT_NE(*parsed, PublicKeyOf(receiver_));
  }
}

TEST_F(Paserk, ASecretKeyRoundTripsAsTextAndInNoOtherForm) {
  Buffer text(kPaserkSecretTextBytes);
  FormatSecretKey(text, receiver_);
  const std::string good(base::AsText(text));
  EXPECT_EQ(good.substr(0, 10), "k4.secret.");
  SigningKey parsed(*arena_);
  ASSERT_TRUE(ParseSecretKey(parsed, good).ok());
  EXPECT_EQ(PublicKeyOf(parsed), PublicKeyOf(receiver_));
  Buffer again(kPaserkSecretTextBytes);
  FormatSecretKey(again, parsed);
  EXPECT_EQ(again, text);
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(ParseSecretKey(parsed, good.substr(0, i)).ok()) << i;
    // Also a bit of the seed alone, or of its public half.
    std::string other = good;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(ParseSecretKey(parsed, other).ok()) << i;
  }
  EXPECT_FALSE(ParseSecretKey(parsed, good + "A").ok());
  EXPECT_FALSE(ParseSecretKey(parsed, "k4.public." + good.substr(10)).ok());
}

TEST_F(Paserk, IdsDifferByKeyAndByKind) {
  const Dek other = KeyOf<Dek>(*arena_, Pattern(32, 2));
  EXPECT_EQ(LocalId(key_), LocalIdRaw(Pattern(32)));
  EXPECT_NE(LocalId(key_), LocalId(other));
  EXPECT_NE(LocalIdRaw(PublicKeyOf(receiver_)),
            PublicId(PublicKeyOf(receiver_)));
  char local[kPaserkIdTextBytes], named[kPaserkIdTextBytes];
  FormatLocalId(local, LocalId(key_));
  FormatPublicId(named, PublicId(PublicKeyOf(receiver_)));
  EXPECT_EQ(std::string_view(local, 7), "k4.lid.");
  EXPECT_EQ(std::string_view(named, 7), "k4.pid.");
}

TEST_F(Paserk, ASealedKeyOpensForItsReceiverOnly) {
  SealedKey sealed;
  ASSERT_TRUE(SealKey(sealed, key_, PublicKeyOf(receiver_)).ok());
  Dek back(*arena_);
  ASSERT_TRUE(UnsealKey(back, sealed, receiver_).ok());
  EXPECT_TRUE(base::Equal(SecretKeyBytes::View(back), Pattern(32)));
  SigningKey other(*arena_);
  GenerateSigningKey(other);
  EXPECT_EQ(CodeOf(UnsealKey(back, sealed, other)), Code::kDenied);
}

TEST_F(Paserk, SealingTwiceGivesNothingInCommon) {
  SealedKey one, two;
  ASSERT_TRUE(SealKey(one, key_, PublicKeyOf(receiver_)).ok());
  ASSERT_TRUE(SealKey(two, key_, PublicKeyOf(receiver_)).ok());
  for (size_t part = 0; part < 3; ++part) {
    EXPECT_FALSE(base::Equal(Bytes(one).subspan(part * 32, 32),
                             Bytes(two).subspan(part * 32, 32)));
  }
}

TEST_F(Paserk, EveryFlippedBitOfASealedKeyIsDeniedAndNothingIsWritten) {
  SealedKey sealed;
  ASSERT_TRUE(SealKey(sealed, key_, PublicKeyOf(receiver_)).ok());
  for (size_t bit = 0; bit < kSealBytes * 8; ++bit) {
    SealedKey flipped = sealed;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1 << bit % 8));
    Dek back(*arena_);
    EXPECT_EQ(CodeOf(UnsealKey(back, flipped, receiver_)), Code::kDenied);
    EXPECT_TRUE(AllZero(SecretKeyBytes::View(back))) << bit;
  }
}

TEST_F(Paserk, NothingIsSealedToAKeyThatIsNoPointOfTheMainSubgroup) {
  for (std::string_view hex : kUnusable) {
    const PublicKey to = ToArray<32>(Unhex(hex));
    SealedKey sealed;
    EXPECT_FALSE(PublicKeyUsable(to)) << hex;
    EXPECT_EQ(CodeOf(SealKey(sealed, key_, to)), Code::kDenied) << hex;
  }
}

TEST_F(Paserk, ASealWithAnEphemeralKeyOfLowOrderIsDenied) {
  SealedKey sealed;
  ASSERT_TRUE(SealKey(sealed, key_, PublicKeyOf(receiver_)).ok());
  Dek back(*arena_);
  for (uint8_t first : {uint8_t{0}, uint8_t{1}}) {
    std::fill(sealed.begin() + 32, sealed.begin() + 64, uint8_t{0});
    sealed[32] = first;
    EXPECT_EQ(CodeOf(UnsealKey(back, sealed, receiver_)), Code::kDenied);
  }
}

TEST_F(Paserk, AnAllZeroSharedSecretIsRefused) {
  ByteArray<32> shared;
  shared.fill(0xcc);
  EXPECT_EQ(CodeOf(X25519(shared, Pattern(32), ByteArray<32>{1})),
            Code::kDenied);
  EXPECT_TRUE(AllZero(shared));
}

}  // namespace
}  // namespace coffer::crypto
