#include "crypto/kdf.h"

#include <set>

#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

// In hexadecimal, which compares and prints.
std::string HashOf(std::string_view label, std::initializer_list<Bytes> parts,
                   size_t size = 32) {
  Buffer out(size);
  Hash(out, label, parts);
  return base::EncodeHex(out);
}

TEST(Hash, PartsThatJoinAlikeHashApart) {
  const Bytes ab = base::AsBytes("ab"), a = base::AsBytes("a");
  const Bytes b = base::AsBytes("b"), none;
  const std::set<std::string> all = {
      HashOf("l", {}),           HashOf("l", {none}),
      HashOf("l", {none, none}), HashOf("l", {ab}),
      HashOf("l", {a, b}),       HashOf("l", {b, a}),
      HashOf("l", {ab, none}),   HashOf("l", {none, ab}),
      HashOf("la", {b}),         HashOf("", {base::AsBytes("l"), ab}),
      HashOf("lab", {}),         HashOf("", {}),
  };
  EXPECT_EQ(all.size(), 12u);
}

TEST(Hash, TheLabelSeparatesUses) {
  EXPECT_NE(HashOf("one use", {base::AsBytes("x")}),
            HashOf("another use", {base::AsBytes("x")}));
  EXPECT_EQ(HashOf("one use", {base::AsBytes("x")}),
            HashOf("one use", {base::AsBytes("x")}));
}

TEST(Hash, AShorterOutputIsNoPrefixOfALonger) {
  const std::string longer = HashOf("l", {}, 64);
  for (size_t size = 16; size < 64; ++size) {
    EXPECT_NE(HashOf("l", {}, size), longer.substr(0, size * 2));
  }
}

TEST(HashDeathTest, OutputsOfOtherSizesEndTheProcess) {
  Buffer out(65);
  EXPECT_DEATH(Hash(MutableBytes(out), "l", {}), "check failed");
  EXPECT_DEATH(Hash(MutableBytes(out).first(15), "l", {}), "check failed");
}

TEST(KeyedHash, DependsOnKeyLabelAndParts) {
  auto arena = MakeArena();
  const IndexKey one = KeyOf<IndexKey>(*arena, Pattern(32, 1));
  const IndexKey two = KeyOf<IndexKey>(*arena, Pattern(32, 2));
  ByteArray<32> a, b, c, d, plain;
  KeyedHash(a, one, "label", {base::AsBytes("x")});
  KeyedHash(b, two, "label", {base::AsBytes("x")});
  KeyedHash(c, one, "Label", {base::AsBytes("x")});
  KeyedHash(d, one, "label", {base::AsBytes("y")});
  Hash(plain, "label", {base::AsBytes("x")});
  std::set<std::string> all;
  for (const auto& hash : {a, b, c, d, plain})
    all.insert(base::EncodeHex(hash));
  EXPECT_EQ(all.size(), 5u);
}

TEST(KeyedHashDeathTest, AKeyOfAnotherSizeEndsTheProcess) {
  ByteArray<32> out;
  EXPECT_DEATH(KeyedHashRaw(out, {}, "l", {}), "check failed");
  EXPECT_DEATH(KeyedHashRaw(out, Pattern(31), "l", {}), "check failed");
  EXPECT_DEATH(KeyedHashRaw(out, Pattern(64), "l", {}), "check failed");
}

TEST(DeriveKey, GivesWhatKeyedHashGivesAndDiffersByLabel) {
  auto arena = MakeArena();
  const RootKey root = KeyOf<RootKey>(*arena, Pattern(32));
  Kek one(*arena), two(*arena);
  DeriveKey(one, root, "one", {base::AsBytes("citi")});
  DeriveKey(two, root, "two", {base::AsBytes("citi")});
  ByteArray<32> expected;
  KeyedHash(expected, root, "one", {base::AsBytes("citi")});
  EXPECT_TRUE(EqualConstantTime(SecretKeyBytes::View(one), expected));
  EXPECT_FALSE(EqualConstantTime(SecretKeyBytes::View(two), expected));
}

TEST(EqualConstantTime, ComparesSizeAndEveryByte) {
  const Buffer bytes = Pattern(40);
  EXPECT_TRUE(EqualConstantTime(bytes, Pattern(40)));
  EXPECT_TRUE(EqualConstantTime({}, {}));
  EXPECT_FALSE(EqualConstantTime(bytes, Bytes(bytes).first(39)));
  for (size_t place = 0; place < bytes.size(); ++place) {
    Buffer other = bytes;
    other[place] ^= 0x80;
    EXPECT_FALSE(EqualConstantTime(bytes, other));
  }
}

TEST(RandomKey, FillsTheWholeKeyAndNeverTheSame) {
  auto arena = MakeArena(64);
  std::set<std::string> seen;
  for (int i = 0; i < 32; ++i) {
    Dek key(*arena);
    RandomKey(key);
    seen.insert(base::EncodeHex(SecretKeyBytes::View(key)));
  }
  EXPECT_EQ(seen.size(), 32u);
}

}  // namespace
}  // namespace coffer::crypto
