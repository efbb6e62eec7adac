#include "crypto/base/bytes.h"

#include <gtest/gtest.h>

#include <vector>

namespace coffer::base {
namespace {

using Buffer = std::vector<uint8_t>;

Buffer Counting(size_t size) {
  Buffer bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 37);
  return bytes;
}

TEST(Base64Url, KnownAnswersOfRfc4648WithoutPadding) {
  EXPECT_EQ(EncodeBase64Url(AsBytes("")), "");
  EXPECT_EQ(EncodeBase64Url(AsBytes("f")), "Zg");
  EXPECT_EQ(EncodeBase64Url(AsBytes("fo")), "Zm8");
  EXPECT_EQ(EncodeBase64Url(AsBytes("foo")), "Zm9v");
  EXPECT_EQ(EncodeBase64Url(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(EncodeBase64Url(ByteArray<3>{0xfb, 0xff, 0xfe}), "-__-");
}

TEST(Base64Url, EveryLengthRoundTrips) {
  for (size_t size = 0; size < 200; ++size) {
    const Buffer bytes = Counting(size);
    const std::string text = EncodeBase64Url(bytes);
    EXPECT_EQ(text.size(), Base64Size(size));
    Buffer back(size);
    ASSERT_TRUE(DecodeBase64Url(back, text).ok()) << size;
    EXPECT_EQ(back, bytes);
  }
}

TEST(Base64Url, AnotherLengthIsRefused) {
  const std::string text = EncodeBase64Url(Counting(20));
  Buffer out(20);
  for (size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(DecodeBase64Url(out, text.substr(0, cut)).ok()) << cut;
  }
  EXPECT_FALSE(DecodeBase64Url(out, text + "A").ok());
  EXPECT_FALSE(DecodeBase64Url(out, text + "=").ok());
  Buffer empty;
  EXPECT_FALSE(DecodeBase64Url(empty, "A").ok());
}

TEST(Base64Url, ForeignCharactersAreRefusedAtEveryPlace) {
  const std::string text = EncodeBase64Url(Counting(9));
  Buffer out(9);
  for (size_t place = 0; place < text.size(); ++place) {
    for (char foreign : {'+', '/', '=', ' ', '\n', '.', '\0', '\x80', '@'}) {
      std::string changed = text;
      changed[place] = foreign;
      EXPECT_EQ(DecodeBase64Url(out, changed).error().code, Code::kInvalid);
    }
  }
}

TEST(Base64Url, OnlyTheCanonicalLastCharacterIsTaken) {
  // One byte has 4 spare bits in its second character, two have 2.
  const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  ByteArray<1> one;
  ByteArray<2> two;
  int ones = 0;
  int twos = 0;
  for (char last : alphabet) {
    ones += DecodeBase64Url(one, std::string("Z") + last).ok();
    twos += DecodeBase64Url(two, std::string("Zm") + last).ok();
  }
  EXPECT_EQ(ones, 4);
  EXPECT_EQ(twos, 16);
}

TEST(Hex, EveryByteRoundTripsInBothCases) {
  const Buffer bytes = Counting(256);
  std::string text = EncodeHex(bytes);
  EXPECT_EQ(text.size(), 512u);
  Buffer back(256);
  ASSERT_TRUE(DecodeHex(back, text).ok());
  EXPECT_EQ(back, bytes);
  for (char& c : text) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  Buffer upper(256);
  ASSERT_TRUE(DecodeHex(upper, text).ok());
  EXPECT_EQ(upper, bytes);
}

TEST(Hex, AnotherLengthOrCharacterIsRefused) {
  ByteArray<2> out;
  for (const char* text : {"", "0", "000", "00000", "0g00", "00 0", "/000",
                           ":000", "@000", "G000", "`000", "000-"}) {
    EXPECT_FALSE(DecodeHex(out, text).ok()) << text;
  }
}

TEST(Bytes, EqualComparesSizeAndContent) {
  EXPECT_TRUE(Equal({}, {}));
  EXPECT_TRUE(Equal(AsBytes("ab"), AsBytes("ab")));
  EXPECT_FALSE(Equal(AsBytes("ab"), AsBytes("ac")));
  EXPECT_FALSE(Equal(AsBytes("ab"), AsBytes("abc")));
  EXPECT_EQ(AsText(AsBytes("text")), "text");
}

}  // namespace
}  // namespace coffer::base
