#include "vault/store/rows.h"

#include "store_test_support.h"

namespace coffer::store {
namespace {

using base::Code;

Buffer MakeLinkRow(const Sample& sample) {
  const Buffer head = sample.Head();
  const Buffer box = sample.TokenBox();
  Buffer row(kLinkRowHeaderBytes);
  WriteLinkRowHeader(row.data(), head.size());
  row.insert(row.end(), head.begin(), head.end());
  row.insert(row.end(), box.begin(), box.end());
  return row;
}

TEST(Rows, ALinkRowComesBack) {
  const Sample sample = MakeSample(3);
  const Buffer row = MakeLinkRow(sample);
  auto decoded = DecodeLinkRow(sample.link, row);
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(base::Equal(decoded->head, sample.Head()));
  EXPECT_TRUE(base::Equal(decoded->token_box, sample.TokenBox()));
  EXPECT_EQ(decoded->fields.institution, sample.institution);
  EXPECT_EQ(CodeOf(DecodeLinkRow(MakeLink(4), row)), Code::kDamaged);
}

TEST(Rows, ALinkRowCutInItsHeadIsDamage) {
  const Sample sample = MakeSample(3);
  const Buffer row = MakeLinkRow(sample);
  for (size_t size = 0; size < kLinkRowHeaderBytes + sample.Head().size();
       ++size) {
    EXPECT_EQ(CodeOf(DecodeLinkRow(sample.link, Bytes(row.data(), size))),
              Code::kDamaged)
        << size;
  }
}

TEST(Rows, ALinkRowOfALaterFormatIsRefusedByName) {
  const Sample sample = MakeSample(3);
  Buffer row = MakeLinkRow(sample);
  row[0] = kRowFormat + 1;
  EXPECT_EQ(CodeOf(DecodeLinkRow(sample.link, row)), Code::kNewerFormat);
  row = MakeLinkRow(sample);
  row[kLinkRowHeaderBytes] = wire::kRecordFormat + 1;
  EXPECT_EQ(CodeOf(DecodeLinkRow(sample.link, row)), Code::kNewerFormat);
  row[kLinkRowHeaderBytes] = 0;
  EXPECT_EQ(CodeOf(DecodeLinkRow(sample.link, row)), Code::kDamaged);
}

TEST(Rows, AnyFlippedBitOfAnIdempotencyRowIsRefused) {
  IdempotencyEntry entry;
  entry.body = MakeSubject(1);
  entry.expires_at = 77;
  entry.link = MakeLink(2);
  entry.revision = 3;
  const IdempotencyHash key = MakeSubject(4);
  const auto row = EncodeIdempotency(key, entry);
  auto decoded = DecodeIdempotency(key, row);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->body, entry.body);
  EXPECT_EQ(decoded->expires_at, entry.expires_at);
  EXPECT_EQ(decoded->link, entry.link);
  EXPECT_EQ(decoded->revision, entry.revision);
  EXPECT_FALSE(DecodeIdempotency(MakeSubject(5), row).ok());
  for (size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(DecodeIdempotency(key, Bytes(row.data(), size)).ok());
  }
  Buffer longer(row.begin(), row.end());
  longer.push_back(0);
  EXPECT_FALSE(DecodeIdempotency(key, longer).ok());
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    auto flipped = row;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(DecodeIdempotency(key, flipped).ok()) << bit;
  }
  auto newer = row;
  newer[0] = kRowFormat + 1;
  EXPECT_EQ(CodeOf(DecodeIdempotency(key, newer)), Code::kNewerFormat);
}

TEST(Rows, AnyFlippedBitOfAStateRowIsRefused) {
  const Buffer value = Pattern(40, 1);
  const Buffer row = EncodeState("tiles", value);
  auto decoded = DecodeState("tiles", row);
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(base::Equal(*decoded, value));
  EXPECT_FALSE(DecodeState("tile", row).ok());
  for (size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(DecodeState("tiles", Bytes(row.data(), size)).ok());
  }
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    Buffer flipped = row;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(DecodeState("tiles", flipped).ok()) << bit;
  }
}

TEST(Rows, KeysSortByTimeAndByBank) {
  const auto less = [](const RowKey& a, const RowKey& b) {
    const Bytes left = a.view();
    const Bytes right = b.view();
    return std::lexicographical_compare(left.begin(), left.end(), right.begin(),
                                        right.end());
  };
  EXPECT_TRUE(less(ExpiryKey(255, MakeLink(9)), ExpiryKey(256, MakeLink(1))));
  EXPECT_TRUE(less(ExpiryKey(7, MakeLink(1)), ExpiryKey(7, MakeLink(2))));
  // No bank's keys stand among another's, though one name begins the other.
  LinkId last;
  last.fill(0xff);
  EXPECT_TRUE(less(WrapKey("citi", last), WrapKey("citib", LinkId{})));
}

}  // namespace
}  // namespace coffer::store
