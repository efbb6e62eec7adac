// Every k of n up to 5 by every subset; every bad share told apart; one share
// too few says nothing; the field by known answers and its laws.
#include "crypto/shamir.h"

#include <algorithm>

#include "crypto/base/codec.h"
#include "crypto/gf256.h"
#include "crypto/kdf.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using base::Code;

const ShareSetId kSet{1, 2, 3, 4, 5, 6, 7, 8};

struct Set {
  Set(uint8_t threshold, uint8_t count, ShareSetId set_id = kSet)
      : id(set_id),
        needed(threshold),
        bytes(count * kShareBytes),
        secret(Pattern(32, static_cast<uint8_t>(threshold * 16 + count))) {
    SplitSecret(bytes, secret, id, threshold);
    for (size_t i = 0; i < count; ++i) checks.push_back(CheckOfShare(At(i)));
  }
  Bytes At(size_t i) const {
    return Bytes(bytes).subspan(i * kShareBytes, kShareBytes);
  }
  Buffer Copy(size_t i) const { return Buffer(At(i).begin(), At(i).end()); }
  ShareSet set() const { return {id, needed, checks}; }

  ShareSetId id;
  uint8_t needed;
  Buffer bytes;
  Buffer secret;
  std::vector<ShareCheck> checks;
};

// The secret, or nothing when they were refused.
Buffer Combined(const std::vector<Bytes>& shares) {
  Buffer secret(32, 0xee);
  if (!CombineShares(secret, shares).ok()) {
    EXPECT_EQ(secret, Buffer(32, 0xee)) << "refused, and yet written";
    return {};
  }
  return secret;
}

std::vector<Bytes> Chosen(const Set& set, uint32_t subset) {
  std::vector<Bytes> shares;
  for (size_t i = 0; i < set.checks.size(); ++i) {
    if ((subset >> i & 1) != 0) shares.push_back(set.At(i));
  }
  return shares;
}

// With a checksum that fits what the share says now.
Buffer Summed(Buffer share) {
  ByteArray<16> hash;
  Hash(hash, "coffer share checksum", {Bytes(share).first(kShareBytes - 4)});
  std::copy_n(hash.begin(), 4, share.end() - 4);
  return share;
}

// --- The field

TEST(Field, MultipliesAsInFips197) {
  EXPECT_EQ(FieldMultiply(0x57, 0x83), 0xc1);
  EXPECT_EQ(FieldMultiply(0x57, 0x13), 0xfe);
  EXPECT_EQ(FieldMultiply(0x57, 0x02), 0xae);
  EXPECT_EQ(FieldMultiply(0x57, 0x04), 0x47);
  EXPECT_EQ(FieldMultiply(0x57, 0x08), 0x8e);
  EXPECT_EQ(FieldMultiply(0x57, 0x10), 0x07);
  EXPECT_EQ(FieldInverse(0x53), 0xca);
  // A column of MixColumns: db 13 53 45 becomes 8e 4d a1 bc.
  EXPECT_EQ(FieldMultiply(2, 0xdb) ^ FieldMultiply(3, 0x13) ^ 0x53 ^ 0x45,
            0x8e);
}

TEST(Field, ObeysTheLawsOfAField) {
  std::vector<uint8_t> table(65536);
  auto times = [&](size_t a, size_t b) { return table[a << 8 | b]; };
  for (size_t a = 0; a < 256; ++a) {
    for (size_t b = 0; b < 256; ++b) {
      table[a << 8 | b] =
          FieldMultiply(static_cast<uint8_t>(a), static_cast<uint8_t>(b));
    }
  }
  size_t broken = 0;
  for (size_t a = 0; a < 256; ++a) {
    broken += times(a, 1) != a || times(a, 0) != 0;
    const uint8_t inverse = FieldInverse(static_cast<uint8_t>(a));
    broken += times(a, inverse) != (a == 0 ? 0 : 1);
    for (size_t b = 0; b < 256; ++b) {
      broken += times(a, b) != times(b, a);
      broken += a != 0 && b != 0 && times(a, b) == 0;
      for (size_t c = 0; c < 256; ++c) {
        broken += times(times(a, b), c) != times(a, times(b, c));
        broken += times(a, b ^ c) != (times(a, b) ^ times(a, c));
      }
    }
  }
  EXPECT_EQ(broken, 0u);
}

// --- Splitting and combining

TEST(Shamir, EverySubsetOfTheThresholdGivesTheSecretBack) {
  for (uint8_t count = 2; count <= 5; ++count) {
    for (uint8_t needed = 2; needed <= count; ++needed) {
      const Set set(needed, count);
      for (uint32_t subset = 1; subset < (1u << count); ++subset) {
        const std::vector<Bytes> shares = Chosen(set, subset);
        const bool enough = shares.size() == needed;
        EXPECT_EQ(Combined(shares), enough ? set.secret : Buffer())
            << int{needed} << " of " << int{count} << ", subset " << subset;
      }
    }
  }
}

TEST(Shamir, TheOrderOfSharesDoesNotMatterAndSixteenOfSixteenWork) {
  const Set set(16, 16);
  std::vector<Bytes> shares = Chosen(set, 0xffff);
  EXPECT_EQ(Combined(shares), set.secret);
  std::reverse(shares.begin(), shares.end());
  EXPECT_EQ(Combined(shares), set.secret);
}

TEST(Shamir, RefusesCountsThatAreNoSet) {
  for (size_t count = 0; count <= 18; ++count) {
    for (size_t needed = 0; needed <= 18; ++needed) {
      EXPECT_EQ(ShareCountsUsable(needed, count),
                needed >= 2 && needed <= count && count <= 16);
    }
  }
}

TEST(Shamir, EverySplitIsAnother) {
  EXPECT_NE(Set(2, 3).bytes, Set(2, 3).bytes);
}

// Of a polynomial of the bytes of one lane, the value at 1, 2, 3.
struct Lanes {
  explicit Lanes(uint8_t threshold, const Buffer& secret,
                 const Buffer& coefficients)
      : shares(3 * kShareBytes) {
    SplitSecretWith(shares, secret, coefficients, kSet, threshold);
  }
  uint8_t At(size_t index, size_t lane) const {
    return shares[(index - 1) * kShareBytes + 11 + lane];
  }
  Buffer shares;
};

// For every value that share `index` can have, how often each secret byte has
// it, over the given number of values of the random coefficient.
std::vector<int> HowOften(size_t index, int coefficients) {
  std::vector<int> counts(65536);
  for (int coefficient = 0; coefficient < coefficients; ++coefficient) {
    for (size_t first = 0; first < 256; first += 32) {
      Buffer secret(32);
      for (size_t i = 0; i < 32; ++i) {
        secret[i] = static_cast<uint8_t>(first + i);
      }
      const Lanes lanes(2, secret,
                        Buffer(32, static_cast<uint8_t>(coefficient)));
      for (size_t i = 0; i < 32; ++i) {
        ++counts[static_cast<size_t>(lanes.At(index, i)) << 8 | secret[i]];
      }
    }
  }
  return counts;
}

TEST(Shamir, OneShareOfTwoLeavesEverySecretEquallyLikely) {
  for (size_t index : {1u, 2u, 3u}) {
    EXPECT_EQ(HowOften(index, 256), std::vector<int>(65536, 1)) << index;
  }
  // The same count tells it when one value of the coefficient is left out.
  EXPECT_NE(HowOften(1, 255), std::vector<int>(65536, 1));
}

TEST(Shamir, TwoSharesOfThreeLeaveEverySecretEquallyLikely) {
  Buffer secret(32);
  for (size_t i = 0; i < 32; ++i) secret[i] = static_cast<uint8_t>(i * 8 + 5);
  // Per secret byte: every pair of shares has exactly one pair of coefficients.
  std::vector<std::vector<bool>> seen(32, std::vector<bool>(65536));
  size_t again = 0;
  for (int first = 0; first < 256; ++first) {
    Buffer coefficients(64, static_cast<uint8_t>(first));
    for (int second = 0; second < 256; ++second) {
      std::fill_n(coefficients.begin() + 32, 32, static_cast<uint8_t>(second));
      const Lanes lanes(3, secret, coefficients);
      for (size_t i = 0; i < 32; ++i) {
        auto pair =
            seen[i][static_cast<size_t>(lanes.At(1, i)) << 8 | lanes.At(3, i)];
        again += pair;
        pair = true;
      }
    }
  }
  EXPECT_EQ(again, 0u);
}

// --- Shares that are not what they should be

TEST(Share, SaysItsSetThresholdAndIndex) {
  const Set set(3, 5);
  for (size_t i = 0; i < 5; ++i) {
    auto head = ReadShareOf(set.set(), set.At(i));
    ASSERT_TRUE(head.ok());
    EXPECT_EQ(head->set, kSet);
    EXPECT_EQ(head->threshold, 3);
    EXPECT_EQ(head->index, i + 1);
  }
}

TEST(Share, EveryFlippedBitIsToldByTheChecksum) {
  const Set set(2, 3);
  for (size_t bit = 0; bit < kShareBytes * 8; ++bit) {
    Buffer share = set.Copy(1);
    share[bit / 8] = static_cast<uint8_t>(share[bit / 8] ^ 1u << bit % 8);
    const Code expected = bit == 0  ? Code::kInvalid  // format 0
                          : bit < 8 ? Code::kNewerFormat
                                    : Code::kDamaged;
    EXPECT_EQ(CodeOf(ReadShare(share)), expected) << bit;
  }
}

TEST(Share, EveryTruncationAndATrailingByteAreRefused) {
  const Set set(2, 3);
  for (size_t size = 0; size < kShareBytes; ++size) {
    EXPECT_EQ(CodeOf(ReadShare(set.At(0).first(size))), Code::kInvalid);
  }
  Buffer longer = set.Copy(0);
  longer.push_back(0);
  EXPECT_EQ(CodeOf(ReadShare(longer)), Code::kInvalid);
}

TEST(Share, OneOfAnotherSetIsForeign) {
  const Set set(2, 3);
  const Set other(2, 3, {9});
  EXPECT_EQ(CodeOf(ReadShareOf(set.set(), other.At(0))), Code::kNotFound);
}

TEST(Share, AnAlteredOneWithAFittingChecksumIsDeniedEachByItsIndex) {
  const Set set(2, 5);
  for (size_t i = 0; i < 5; ++i) {
    for (size_t at = 9; at < kShareBytes - 4; ++at) {
      Buffer share = set.Copy(i);
      share[at] = static_cast<uint8_t>(share[at] ^ 1u << at % 8);
      share = Summed(share);
      auto read = ReadShareOf(set.set(), share);
      ASSERT_FALSE(read.ok()) << at;
      // At once, without another share: a head that no share has, or a share
      // that was not made.
      EXPECT_TRUE(read.error().code == Code::kDenied ||
                  (at < 11 && read.error().code == Code::kInvalid))
          << at;
    }
    // The control: nothing altered, nothing refused.
    EXPECT_TRUE(ReadShareOf(set.set(), Summed(set.Copy(i))).ok());
  }
}

TEST(Share, AShareOfAnEarlierSplitUnderTheSameSetIsDenied) {
  const Set set(2, 3);
  const Set again(2, 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(CodeOf(ReadShareOf(set.set(), again.At(i))), Code::kDenied);
  }
}

TEST(Share, HeadsThatNoShareHasAreRefused) {
  const Set set(2, 3);
  for (auto [threshold, index] :
       {std::pair<uint8_t, uint8_t>{0, 1}, {1, 1}, {17, 1}, {2, 0}, {2, 17}}) {
    Buffer share = set.Copy(0);
    share[9] = threshold;
    share[10] = index;
    EXPECT_EQ(CodeOf(ReadShare(Summed(share))), Code::kInvalid);
  }
}

TEST(Shamir, CombineRefusesAMixTheSameTwiceAndNone) {
  const Set set(2, 3);
  const Set other(2, 3, {9});
  const Set three(3, 3);
  EXPECT_EQ(Combined({set.At(0), other.At(1)}), Buffer());
  EXPECT_EQ(Combined({set.At(0), three.At(1)}), Buffer());
  EXPECT_EQ(Combined({set.At(0), set.At(0)}), Buffer());
  EXPECT_EQ(Combined({}), Buffer());
  EXPECT_EQ(Combined({set.At(0), set.At(1)}), set.secret);
}

// --- As text

TEST(ShareText, ComesBackAndFitsALine) {
  const Set set(2, 2);
  Buffer text(kShareTextBytes);
  FormatShare(text, set.At(1));
  EXPECT_LE(text.size(), 79u);
  EXPECT_TRUE(base::AsText(text).starts_with("coffer-share-"));
  Buffer share(kShareBytes);
  ASSERT_TRUE(ParseShare(share, base::AsText(text)).ok());
  EXPECT_EQ(share, set.Copy(1));
}

TEST(ShareText, EveryCutAddedOrOtherCharacterIsToldApart) {
  const Set set(2, 2);
  Buffer text(kShareTextBytes);
  FormatShare(text, set.At(0));
  Buffer share(kShareBytes);
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ParseShare(share, base::AsText(text).substr(0, size)).ok());
  }
  EXPECT_FALSE(ParseShare(share, std::string(base::AsText(text)) + "A").ok());
  for (size_t i = 0; i < text.size(); ++i) {
    for (char other : {'A', 'z', '-', '+', '=', ' ', '\n', '\x80'}) {
      if (text[i] == static_cast<uint8_t>(other)) continue;
      Buffer bad = text;
      bad[i] = static_cast<uint8_t>(other);
      if (!ParseShare(share, base::AsText(bad)).ok()) continue;
      EXPECT_FALSE(ReadShare(share).ok()) << i << other;
    }
  }
}

}  // namespace
}  // namespace coffer::crypto
