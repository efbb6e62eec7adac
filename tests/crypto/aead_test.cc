#include "crypto/aead.h"

#include "crypto/kdf.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using base::Code;

class Box : public testing::Test {
 protected:
  Buffer Seal(Bytes text, Bytes data = {}) {
    Buffer box(text.size() + kBoxExtraBytes);
    auto size = SealBox(box, key_, text, data);
    EXPECT_TRUE(size.ok());
    EXPECT_EQ(*size, box.size());
    return box;
  }
  base::Result<size_t> Open(Bytes box, Bytes data = {}) {
    out_.assign(2000, 0xcc);
    return OpenBox(out_, key_, box, data);
  }

  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
  Dek key_ = KeyOf<Dek>(*arena_, Pattern(32));
  Buffer out_;
};

TEST_F(Box, EverySizeRoundTrips) {
  for (size_t size = 0; size < 300; ++size) {
    const Buffer text = Pattern(size, 2);
    const Buffer box = Seal(text, base::AsBytes("data"));
    auto opened = Open(box, base::AsBytes("data"));
    ASSERT_TRUE(opened.ok());
    ASSERT_EQ(*opened, size);
    EXPECT_TRUE(base::Equal(Bytes(out_).first(size), text));
    EXPECT_EQ(out_[size], 0xcc) << "wrote past the plaintext";
  }
}

TEST_F(Box, EveryFlippedByteIsDeniedAndLeavesNothing) {
  const Buffer box = Seal(Pattern(50), base::AsBytes("data"));
  for (size_t place = 0; place < box.size(); ++place) {
    Buffer flipped = box;
    flipped[place] ^= 0x40;
    EXPECT_EQ(CodeOf(Open(flipped, base::AsBytes("data"))), Code::kDenied);
    EXPECT_TRUE(AllZero(Bytes(out_).first(50))) << place;
  }
}

TEST_F(Box, EveryTruncationAndATrailingByteAreRefused) {
  Buffer box = Seal(Pattern(50));
  for (size_t size = 0; size < box.size(); ++size) {
    EXPECT_EQ(CodeOf(Open(Bytes(box).first(size))),
              size < kBoxExtraBytes ? Code::kInvalid : Code::kDenied);
  }
  box.push_back(0);
  EXPECT_EQ(CodeOf(Open(box)), Code::kDenied);
}

TEST_F(Box, OtherAssociatedDataIsDenied) {
  const Buffer box = Seal(Pattern(50), base::AsBytes("data"));
  for (const char* other : {"", "dat", "datA", "dataa"}) {
    EXPECT_EQ(CodeOf(Open(box, base::AsBytes(other))), Code::kDenied) << other;
  }
}

TEST_F(Box, AnotherKeyIsDenied) {
  const Buffer box = Seal(Pattern(50));
  const Dek other = KeyOf<Dek>(*arena_, Pattern(32, 9));
  Buffer out(100);
  EXPECT_EQ(CodeOf(OpenBox(out, other, box, {})), Code::kDenied);
}

TEST_F(Box, TheSameTextIsNeverSealedTheSameWay) {
  EXPECT_NE(Seal(Pattern(50)), Seal(Pattern(50)));
}

TEST_F(Box, TooLittleRoomIsTooLargeBothWays) {
  Buffer box(50 + kBoxExtraBytes - 1);
  EXPECT_EQ(CodeOf(SealBox(box, key_, Pattern(50), {})), Code::kTooLarge);
  const Buffer sealed = Seal(Pattern(50));
  Buffer out(49);
  EXPECT_EQ(CodeOf(OpenBox(out, key_, sealed, {})), Code::kTooLarge);
}

TEST_F(Box, AWrappedKeyComesBackWholeAndOnlyUnderItsKeyAndData) {
  Kek kek = KeyOf<Kek>(*arena_, Pattern(32, 3));
  Buffer wrap(32 + kBoxExtraBytes);
  ASSERT_TRUE(WrapKey(wrap, kek, key_, base::AsBytes("wrap")).ok());
  Dek back(*arena_);
  ASSERT_TRUE(UnwrapKey(back, kek, wrap, base::AsBytes("wrap")).ok());
  EXPECT_TRUE(EqualConstantTime(SecretKeyBytes::View(back), Pattern(32)));
  EXPECT_EQ(CodeOf(UnwrapKey(back, kek, wrap, base::AsBytes("Wrap"))),
            Code::kDenied);
  EXPECT_TRUE(AllZero(SecretKeyBytes::View(back)));
  Kek other = KeyOf<Kek>(*arena_, Pattern(32, 4));
  EXPECT_EQ(CodeOf(UnwrapKey(back, other, wrap, base::AsBytes("wrap"))),
            Code::kDenied);
  for (size_t place = 0; place < wrap.size(); ++place) {
    Buffer flipped = wrap;
    flipped[place] ^= 1;
    EXPECT_EQ(CodeOf(UnwrapKey(back, kek, flipped, base::AsBytes("wrap"))),
              Code::kDenied);
  }
}

TEST_F(Box, AWrapOfAnotherLengthIsInvalid) {
  Kek kek = KeyOf<Kek>(*arena_, Pattern(32, 3));
  Dek back(*arena_);
  for (size_t size : {0, 39, 40, 71, 73, 104}) {
    EXPECT_EQ(CodeOf(UnwrapKey(back, kek, Pattern(size), {})), Code::kInvalid);
  }
}

TEST_F(Box, SigningKeysWrapWithTheir64Bytes) {
  SigningKey signing = KeyOf<SigningKey>(*arena_, Pattern(64, 5));
  Buffer wrap(64 + kBoxExtraBytes);
  ASSERT_TRUE(WrapKey(wrap, key_, signing, {}).ok());
  SigningKey back(*arena_);
  ASSERT_TRUE(UnwrapKey(back, key_, wrap, {}).ok());
  EXPECT_TRUE(EqualConstantTime(SecretKeyBytes::View(back), Pattern(64, 5)));
}

}  // namespace
}  // namespace coffer::crypto
