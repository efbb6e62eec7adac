// Every struct that crosses a process: comes back whole, and no truncation,
// trailing byte or excess of any bound is let through.

#include <gtest/gtest.h>

#include <random>

#include "tests/wire/shapes.h"

namespace coffer::wire {
namespace {

// Writes a struct, but the `wrong`-th of its bounded fields one past its bound
// (a flag: 2). What a hostile peer could send.
class OverBoundWriter {
 public:
  explicit OverBoundWriter(size_t wrong) : wrong_(wrong) {}

  template <typename T>
  void Number(const T& number) {
    uint64_t value = static_cast<uint64_t>(number);
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    }
  }
  void Flag(const bool& flag) {
    bytes_.push_back(IsWrong() ? uint8_t{2} : uint8_t{flag});
  }
  template <size_t N>
  void Fixed(const ByteArray<N>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void Text(const std::string_view& text, size_t bytes_max) {
    ShortBytes(base::AsBytes(text), bytes_max);
  }
  void ShortBytes(const Bytes& bytes, size_t bytes_max) {
    const bool wrong = IsWrong();
    const size_t size = wrong ? bytes_max + 1 : bytes.size();
    COFFER_CHECK(size <= 0xffff);
    Number(static_cast<uint16_t>(size));
    Append(bytes, size);
  }
  void LongBytes(const Bytes& bytes, size_t bytes_max) {
    const bool wrong = IsWrong();
    const size_t size = wrong ? bytes_max + 1 : bytes.size();
    Number(static_cast<uint32_t>(size));
    Append(bytes, size);
  }
  template <size_t N>
  void Texts(const base::BoundedList<std::string_view, N>& list,
             size_t bytes_max) {
    const bool wrong = IsWrong();
    const size_t size = wrong ? N + 1 : list.size;
    Number(static_cast<uint16_t>(size));
    for (size_t i = 0; i < size; ++i) {
      Text(i < list.size ? list[i] : std::string_view("more"), bytes_max);
    }
  }
  template <typename T, size_t N>
  void Numbers(const base::BoundedList<T, N>& list) {
    const size_t size = IsWrong() ? N + 1 : list.size;
    Number(static_cast<uint16_t>(size));
    for (size_t i = 0; i < size; ++i) Number(i < list.size ? list[i] : T{});
  }
  template <size_t N, size_t M>
  void FixedList(const base::BoundedList<ByteArray<N>, M>& list) {
    const size_t size = IsWrong() ? M + 1 : list.size;
    Number(static_cast<uint16_t>(size));
    const ByteArray<N> more{};
    for (size_t i = 0; i < size; ++i) Fixed(i < list.size ? list[i] : more);
  }
  template <typename T, size_t N>
  void Structs(const base::BoundedList<T, N>& list) {
    const bool wrong = IsWrong();
    const size_t size = wrong ? N + 1 : list.size;
    Number(static_cast<uint16_t>(size));
    const T more{};
    for (size_t i = 0; i < size; ++i) {
      T::Fields(*this, i < list.size ? list[i] : more);
    }
  }
  template <typename T>
  void Struct(const T& item) {
    T::Fields(*this, item);
  }

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  size_t bounds() const { return seen_; }

 private:
  bool IsWrong() { return seen_++ == wrong_; }
  void Append(Bytes bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      bytes_.push_back(i < bytes.size() ? bytes[i] : uint8_t{'x'});
    }
  }

  const size_t wrong_;
  size_t seen_ = 0;
  std::vector<uint8_t> bytes_;
};

template <typename T>
bool Decodes(Bytes bytes) {
  // An exact copy on the heap, so that a sanitizer sees a read past its end.
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  auto item = std::make_unique<T>();
  base::Decoder decoder(copy);
  decoder.Struct(*item);
  if (!decoder.finished()) return false;
  EXPECT_TRUE(EncodesTo(*item, bytes));
  return true;
}

template <typename T>
class EveryStruct : public testing::Test {};

using Structs = testing::Types<
    StatusItem, HashItem, CreateItem, ReadItem, ReplaceBankTokenItem,
    ReplaceConsentItem, CommitItem, RevokeConsentItem, EraseLinkItem,
    EraseSubjectItem, IssueItem, LocateItem, RedeemItem, IntrospectItem,
    RevokeTokenItem, KeysItem, StatusAnswer, HashAnswer, NewRecord, ReadAnswer,
    EmptyAnswer, EraseAnswer, IssueAnswer, LocateAnswer, RedeemAnswer,
    IntrospectAnswer, KeysAnswer, Arrival, BatchHeader, AnswerHeader,
    OperatorQuestionHeader, OperatorAnswerHeader, SlotHeader, EmptyQuestion,
    OperatorStatus, OpenQuestion, InitAnswer, SelfTestAnswer, PolicyBytes,
    ExplainQuestion, ExplainAnswer, TailQuestion, TailAnswer, RecordHead, Wrap,
    Leaf, Policy, WorkItem, WorkAnswer, RewrapItem, RewrapAnswer, SettleItem,
    DrainedItem, AdoptedItem, QuorumRule, SlotQuestion, SlotIdQuestion,
    ShareQuestion, ShareAnswer, KeyListQuestion, KeyListAnswer, RotateQuestion,
    RotateAnswer, KeyQuestion, DestroyAnswer, ExportAnswer, ImportQuestion,
    InstitutionListAnswer, InstitutionQuestion>;
TYPED_TEST_SUITE(EveryStruct, Structs);

TYPED_TEST(EveryStruct, ComesBackWholeAtAnySize) {
  for (Fill fill : {Fill::kEmpty, Fill::kTypical, Fill::kLargest}) {
    const auto bytes = SampleBytes<TypeParam>(fill);
    EXPECT_TRUE(Decodes<TypeParam>(bytes)) << bytes.size();
  }
}

TYPED_TEST(EveryStruct, EveryTruncationIsRefused) {
  const auto bytes = SampleBytes<TypeParam>(Fill::kTypical);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Decodes<TypeParam>(Bytes(bytes.data(), size))) << size;
  }
}

TYPED_TEST(EveryStruct, ATrailingByteIsRefused) {
  for (Fill fill : {Fill::kEmpty, Fill::kTypical, Fill::kLargest}) {
    auto bytes = SampleBytes<TypeParam>(fill);
    bytes.push_back(0);
    EXPECT_FALSE(Decodes<TypeParam>(bytes));
  }
}

TYPED_TEST(EveryStruct, AFlippedByteIsRefusedOrAnotherValue) {
  auto bytes = SampleBytes<TypeParam>(Fill::kTypical);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (uint8_t mask : std::initializer_list<uint8_t>{1, 2, 128, 255}) {
      bytes[i] ^= mask;
      Decodes<TypeParam>(bytes);
      bytes[i] ^= mask;
    }
  }
}

TYPED_TEST(EveryStruct, RandomBytesNeverDoHarm) {
  std::mt19937 engine(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> bytes(engine() % 200);
    // Mostly small numbers, so that sizes and counts are met.
    for (auto& byte : bytes) {
      byte = static_cast<uint8_t>(engine() % 4 == 0 ? engine() : engine() % 3);
    }
    Decodes<TypeParam>(bytes);
  }
}

TYPED_TEST(EveryStruct, OnePastAnyBoundIsRefused) {
  for (Fill fill : {Fill::kEmpty, Fill::kTypical}) {
    Filler filler(fill);
    auto item = std::make_unique<TypeParam>();
    filler.Struct(*item);
    OverBoundWriter right(~size_t{0});
    right.Struct(*item);
    EXPECT_TRUE(Decodes<TypeParam>(right.bytes()));
    for (size_t i = 0; i < right.bounds(); ++i) {
      OverBoundWriter wrong(i);
      wrong.Struct(*item);
      EXPECT_FALSE(Decodes<TypeParam>(wrong.bytes())) << "bound " << i;
    }
  }
}

TYPED_TEST(EveryStruct, OnePastAnyBoundIsNotEncodedEither) {
  // Texts and byte strings; a list cannot hold more than its bound.
  const auto bytes = SampleBytes<TypeParam>(Fill::kTypical);
  if (bytes.empty()) return;
  std::vector<uint8_t> out(bytes.size() - 1);
  Filler filler(Fill::kTypical);
  auto item = std::make_unique<TypeParam>();
  filler.Struct(*item);
  auto size = base::EncodeWhole(out, *item);
  ASSERT_FALSE(size.ok());
  EXPECT_EQ(size.error().code, base::Code::kTooLarge);
}

TEST(Message, TooLongTextIsNotEncoded) {
  std::vector<uint8_t> out(100000);
  IssueItem issue;
  const std::string purpose(base::kNameBytesMax + 1, 'p');
  issue.purpose = purpose;
  EXPECT_FALSE(base::EncodeWhole(out, issue).ok());
  HashItem hash;
  const std::vector<uint8_t> body(base::kHttpBodyBytesMax + 1);
  hash.body = body;
  EXPECT_FALSE(base::EncodeWhole(out, hash).ok());
  StoredLink stored;
  const std::vector<uint8_t> box(base::kTokenBoxBytesMax + 1);
  stored.token_box = box;
  EXPECT_FALSE(base::EncodeWhole(out, stored).ok());
}

TEST(Message, HeadersHaveTheirStatedSizes) {
  EXPECT_EQ(SampleBytes<BatchHeader>(Fill::kTypical).size(), kBatchHeaderBytes);
  EXPECT_EQ(SampleBytes<AnswerHeader>(Fill::kTypical).size(),
            kAnswerHeaderBytes);
  EXPECT_EQ(SampleBytes<Arrival>(Fill::kTypical).size(), kArrivalBytes);
}

TEST(Message, EveryOpHasAnItemAndAnAnswer) {
  int items = 0;
  int answers = 0;
  for (int number = 0; number < 256; ++number) {
    const auto op = static_cast<Op>(number);
    items += WithItem(op, [](auto) {}) ? 1 : 0;
    answers += WithAnswer(op, [](auto) {}) ? 1 : 0;
  }
  EXPECT_EQ(items, kOpMax);
  EXPECT_EQ(answers, kOpMax);
}

// message.h: an answer is at most its item's size plus kAnswerExtraBytesMax, so
// that a batch of answers has room whatever the gate asks.
TEST(Message, TheLargestAnswersFitTheirBound) {
  for (uint8_t number = 1; number <= kOpMax; ++number) {
    const auto op = static_cast<Op>(number);
    if (op == Op::kLeaves) continue;  // holds as many as kLeavesBytesMax takes
    size_t answer = 0;
    WithAnswer(op, [&answer](auto shape) {
      using T = typename decltype(shape)::Type;
      answer = kAnswerHeaderBytes + SampleBytes<T>(Fill::kLargest).size();
    });
    size_t item = 0;
    WithItem(op, [&item](auto shape) {
      using T = typename decltype(shape)::Type;
      item = 1 + SampleBytes<T>(Fill::kLargest).size();
    });
    EXPECT_LE(answer, item + base::kAnswerExtraBytesMax) << int{number};
    EXPECT_LE(item, base::kBatchBytesMax) << int{number};
  }
}

TEST(OperatorMessage, EveryOpHasAQuestionAndAnAnswerWithinAFrame) {
  int questions = 0;
  int answers = 0;
  for (int number = 0; number < 256; ++number) {
    const auto op = static_cast<OperatorOp>(number);
    const auto measure = [](auto shape) {
      using T = typename decltype(shape)::Type;
      // Holds as many links as fit.
      if constexpr (std::is_same_v<T, JudgeQuestion>) return;
      const size_t size = SampleBytes<T>(Fill::kLargest).size();
      EXPECT_LE(size + 2 + 1 + 2 + kOperatorMessageBytesMax,
                base::kOperatorFrameBytesMax);
    };
    questions += WithOperatorQuestion(op, measure) ? 1 : 0;
    answers += WithOperatorAnswer(op, measure) ? 1 : 0;
  }
  EXPECT_EQ(questions, kOperatorOpMax);
  EXPECT_EQ(answers, kOperatorOpMax);
}

TEST(Message, AnIssueItemKeepsEveryField) {
  IssueItem item;
  item.connection = 77;
  item.link[3] = 9;
  item.purpose = "balance_display";
  item.scope.push_back("ACCOUNT_BASIC");
  item.scope.push_back("ACCOUNT_DETAILED");
  item.audience = "connector";
  item.expires_in = 61;
  item.format = TokenFormat::kPublic;
  item.single_use = true;
  const std::vector<uint8_t> head{1, 2, 3};
  item.stored.head = head;
  std::vector<uint8_t> bytes(1000);
  auto size = base::EncodeWhole(bytes, item);
  ASSERT_TRUE(size.ok());
  auto back = base::DecodeWhole<IssueItem>(Bytes(bytes.data(), *size));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->connection, 77u);
  EXPECT_EQ(back->link, item.link);
  EXPECT_EQ(back->purpose, "balance_display");
  ASSERT_EQ(back->scope.size, 2);
  EXPECT_EQ(back->scope[1], "ACCOUNT_DETAILED");
  EXPECT_EQ(back->audience, "connector");
  EXPECT_EQ(back->expires_in, 61u);
  EXPECT_EQ(back->format, TokenFormat::kPublic);
  EXPECT_TRUE(back->single_use);
  EXPECT_TRUE(base::Equal(back->stored.head, head));
  EXPECT_TRUE(back->stored.wrap.empty());
}

TEST(Message, KeyStatesHaveNames) {
  for (uint8_t state = 1; state <= 6; ++state) {
    EXPECT_FALSE(KeyStateText(static_cast<KeyState>(state)).empty());
  }
  EXPECT_TRUE(KeyStateText(static_cast<KeyState>(0)).empty());
  EXPECT_TRUE(KeyStateText(static_cast<KeyState>(7)).empty());
}

}  // namespace
}  // namespace coffer::wire
