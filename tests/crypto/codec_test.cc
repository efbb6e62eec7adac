#include "crypto/base/codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coffer::base {
namespace {

using Buffer = std::vector<uint8_t>;

enum class Colour : uint8_t { kRed = 1, kGreen = 2 };

struct Point {
  uint16_t x = 0;
  bool set = false;
  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.x);
    coder.Flag(self.set);
  }
};

// Every kind of field once.
struct Sample {
  uint8_t small = 0;
  uint64_t large = 0;
  Colour colour{};
  bool flag = false;
  ByteArray<4> fixed{};
  std::string_view text;
  Bytes short_bytes;
  Bytes long_bytes;
  BoundedList<std::string_view, 3> texts;
  BoundedList<Point, 2> points;
  Point point;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.small);
    coder.Number(self.large);
    coder.Number(self.colour);
    coder.Flag(self.flag);
    coder.Fixed(self.fixed);
    coder.Text(self.text, 8);
    coder.ShortBytes(self.short_bytes, 8);
    coder.LongBytes(self.long_bytes, 8);
    coder.Texts(self.texts, 4);
    coder.Structs(self.points);
    coder.Struct(self.point);
  }
};

constexpr ByteArray<3> kThree{9, 8, 7};

Sample MakeSample() {
  Sample sample;
  sample.small = 0xab;
  sample.large = 0x0102030405060708;
  sample.colour = Colour::kGreen;
  sample.flag = true;
  sample.fixed = {1, 2, 3, 4};
  sample.text = "hello";
  sample.short_bytes = kThree;
  sample.long_bytes = kThree;
  sample.texts.push_back("ab");
  sample.texts.push_back("");
  sample.points.push_back({513, true});
  sample.point = {7, false};
  return sample;
}

template <typename T>
Buffer Encoded(const T& item) {
  Buffer out(256);
  auto size = EncodeWhole(out, item);
  EXPECT_TRUE(size.ok());
  out.resize(*size);
  return out;
}

TEST(Codec, EveryKindOfFieldRoundTrips) {
  const Buffer bytes = Encoded(MakeSample());
  auto back = DecodeWhole<Sample>(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->small, 0xab);
  EXPECT_EQ(back->large, 0x0102030405060708u);
  EXPECT_EQ(back->colour, Colour::kGreen);
  EXPECT_TRUE(back->flag);
  EXPECT_EQ(back->fixed, (ByteArray<4>{1, 2, 3, 4}));
  EXPECT_EQ(back->text, "hello");
  EXPECT_TRUE(Equal(back->short_bytes, kThree));
  EXPECT_TRUE(Equal(back->long_bytes, kThree));
  ASSERT_EQ(back->texts.size, 2);
  EXPECT_EQ(back->texts[0], "ab");
  EXPECT_EQ(back->texts[1], "");
  ASSERT_EQ(back->points.size, 1);
  EXPECT_EQ(back->points[0].x, 513);
  EXPECT_TRUE(back->points[0].set);
  EXPECT_EQ(back->point.x, 7);
}

TEST(Codec, NumbersAreLittleEndianAndLengthsStandBeforeBytes) {
  const Buffer bytes = Encoded(MakeSample());
  const Buffer start = {0xab, 8, 7, 6, 5, 4, 3,   2,   1,   2,   1,
                        1,    2, 3, 4, 5, 0, 'h', 'e', 'l', 'l', 'o',
                        3,    0, 9, 8, 7, 3, 0,   0,   0,   9};
  ASSERT_GT(bytes.size(), start.size());
  EXPECT_TRUE(std::equal(start.begin(), start.end(), bytes.begin()));
}

TEST(Codec, EveryTruncationIsMalformed) {
  const Buffer bytes = Encoded(MakeSample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Buffer cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
    auto back = DecodeWhole<Sample>(cut);
    ASSERT_FALSE(back.ok()) << size;
    EXPECT_EQ(back.error().code, Code::kInvalid);
  }
}

TEST(Codec, ATrailingByteIsMalformed) {
  Buffer bytes = Encoded(MakeSample());
  bytes.push_back(0);
  EXPECT_FALSE(DecodeWhole<Sample>(bytes).ok());
}

TEST(Codec, AFlippedBitIsRefusedOrIsAnotherValueWithThoseVeryBytes) {
  const Buffer bytes = Encoded(MakeSample());
  int refused = 0;
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    Buffer flipped = bytes;
    flipped[i / 8] = static_cast<uint8_t>(flipped[i / 8] ^ (1 << i % 8));
    auto back = DecodeWhole<Sample>(flipped);
    if (back.ok()) {
      EXPECT_EQ(Encoded(back.value()), flipped) << i;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Codec, AFlagIsZeroOrOne) {
  for (int value = 0; value < 256; ++value) {
    const ByteArray<3> bytes{0, 0, static_cast<uint8_t>(value)};
    EXPECT_EQ(DecodeWhole<Point>(bytes).ok(), value < 2) << value;
  }
}

TEST(Codec, EncodingIntoTooLittleRoomFailsAtEverySize) {
  const size_t size = Encoded(MakeSample()).size();
  for (size_t room = 0; room < size; ++room) {
    Buffer out(room);
    auto result = EncodeWhole(out, MakeSample());
    ASSERT_FALSE(result.ok()) << room;
    EXPECT_EQ(result.error().code, Code::kTooLarge);
  }
  Buffer out(size);
  EXPECT_TRUE(EncodeWhole(out, MakeSample()).ok());
}

TEST(Codec, ATextAboveItsBoundIsRefusedBothWays) {
  Sample sample = MakeSample();
  sample.text = "ninechars";
  Buffer out(256);
  EXPECT_FALSE(EncodeWhole(out, sample).ok());
  ByteArray<16> bytes{9, 0};
  Decoder decoder(bytes);
  std::string_view text;
  decoder.Text(text, 8);
  EXPECT_TRUE(decoder.failed());
  EXPECT_TRUE(text.empty());
}

TEST(Codec, AListAboveItsCapacityIsRefused) {
  const ByteArray<10> bytes{4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  Decoder texts(bytes);
  BoundedList<std::string_view, 3> text_list;
  texts.Texts(text_list, 4);
  EXPECT_TRUE(texts.failed());
  Decoder structs(bytes);
  BoundedList<Point, 2> point_list;
  structs.Structs(point_list);
  EXPECT_TRUE(structs.failed());
}

TEST(Codec, AfterAFaultEverythingReadsEmpty) {
  const ByteArray<6> bytes{1, 2, 3, 4, 5, 6};
  Decoder decoder(bytes);
  uint64_t large = 5;
  decoder.Number(large);
  EXPECT_TRUE(decoder.failed());
  EXPECT_EQ(large, 0u);
  uint8_t small = 5;
  decoder.Number(small);
  EXPECT_EQ(small, 0);
  EXPECT_TRUE(decoder.Take(1).empty());
  EXPECT_FALSE(decoder.finished());
}

TEST(BoundedList, RefusesWhatDoesNotFit) {
  BoundedList<int, 2> list;
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.push_back(1));
  EXPECT_TRUE(list.push_back(2));
  EXPECT_FALSE(list.push_back(3));
  int sum = 0;
  for (int item : list) sum += item;
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace coffer::base
