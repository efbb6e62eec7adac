#include "crypto/base64.h"

#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

std::string Encode(Bytes bytes) {
  Buffer out(base::Base64Size(bytes.size()) + 1, 0x7e);
  EncodeBase64(out.data(), bytes);
  EXPECT_EQ(out.back(), 0x7e) << "wrote past its end";
  return std::string(out.begin(), out.end() - 1);
}

TEST(ConstantTimeBase64, AgreesWithThePlainOneAtEveryLength) {
  for (size_t size = 0; size < 1300; ++size) {
    const Buffer bytes = Pattern(size);
    const std::string text = Encode(bytes);
    ASSERT_EQ(text, base::EncodeBase64Url(bytes)) << size;
    EXPECT_TRUE(MatchesBase64(text, bytes));
    Buffer back(size);
    ASSERT_TRUE(DecodeBase64({back}, text).ok()) << size;
    ASSERT_EQ(back, bytes);
  }
}

TEST(ConstantTimeBase64, EncodesInPlaceFromTheEndOfItsOwnRoom) {
  for (size_t size = 0; size < 2000; ++size) {
    const Buffer bytes = Pattern(size);
    Buffer room(base::Base64Size(size));
    const size_t start = room.size() - size;
    if (size != 0) std::memcpy(room.data() + start, bytes.data(), size);
    EncodeBase64(room.data(), Bytes(room).subspan(start));
    ASSERT_EQ(base::AsText(room), base::EncodeBase64Url(bytes)) << size;
  }
}

TEST(ConstantTimeBase64, FillsSeveralPartsInOrder) {
  const Buffer bytes = Pattern(1000);
  const std::string text = base::EncodeBase64Url(bytes);
  for (size_t first : {0, 1, 32, 383, 384, 385, 1000}) {
    Buffer a(first), b, c(1000 - first);
    ASSERT_TRUE(DecodeBase64({a, b, c}, text).ok());
    a.insert(a.end(), c.begin(), c.end());
    EXPECT_EQ(a, bytes) << first;
  }
}

TEST(ConstantTimeBase64, RefusesOtherLengthsPaddingAndForeignCharacters) {
  const std::string text = base::EncodeBase64Url(Pattern(500));
  Buffer out(500);
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeBase64({out}, text.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeBase64({out}, text + "A").ok());
  EXPECT_FALSE(DecodeBase64({out}, text + "=").ok());
  for (size_t place = 0; place < text.size(); ++place) {
    for (char foreign : {'+', '/', '=', ' ', '\n', '.', '\0', '\x80'}) {
      std::string changed = text;
      changed[place] = foreign;
      EXPECT_EQ(CodeOf(DecodeBase64({out}, changed)), base::Code::kInvalid);
    }
  }
}

TEST(ConstantTimeBase64, TakesTheCanonicalLastCharacterOnly) {
  const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t size : {1, 2, 382, 385, 386}) {
    const std::string text = base::EncodeBase64Url(Pattern(size));
    Buffer out(size);
    int taken = 0;
    for (char last : alphabet) {
      std::string changed = text;
      changed.back() = last;
      taken += DecodeBase64({out}, changed).ok();
    }
    EXPECT_EQ(taken, size % 3 == 1 ? 4 : 16) << size;
  }
}

TEST(ConstantTimeBase64, LeavesNothingBehindARefusal) {
  std::string text = base::EncodeBase64Url(Pattern(900));
  text.back() = '*';
  Buffer a(400, 1), b(500, 1);
  EXPECT_FALSE(DecodeBase64({a, b}, text).ok());
  EXPECT_TRUE(AllZero(a));
  EXPECT_TRUE(AllZero(b));
}

TEST(ConstantTimeBase64, MatchingSeesEveryChangedCharacterAndLength) {
  const Buffer bytes = Pattern(500);
  const std::string text = base::EncodeBase64Url(bytes);
  for (size_t place = 0; place < text.size(); ++place) {
    std::string changed = text;
    changed[place] = changed[place] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(MatchesBase64(changed, bytes)) << place;
  }
  EXPECT_FALSE(MatchesBase64(text.substr(1), bytes));
  EXPECT_FALSE(MatchesBase64(text + "A", bytes));
  EXPECT_TRUE(MatchesBase64("", {}));
}

}  // namespace
}  // namespace coffer::crypto
