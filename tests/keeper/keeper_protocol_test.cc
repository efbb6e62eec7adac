// What the keeper makes of bytes that are no batch and no operator's frame, of
// batches in flight, seals, and a journal that cannot be written.
#include <sys/resource.h>
#include <sys/socket.h>

#include <functional>

#include "tests/keeper/keeper_fixture.h"

namespace coffer::keeper_test {
namespace {

using wire::OperatorCode;
using wire::OperatorOp;

class ProtocolTest : public KeeperFixture {
 protected:
  static std::vector<uint8_t> Frame(uint32_t bytes, uint8_t format,
                                    uint64_t sequence, uint16_t count,
                                    Bytes items) {
    std::vector<uint8_t> frame(wire::kBatchHeaderBytes);
    base::Encoder encoder{MutableBytes(frame)};
    encoder.Number(bytes);
    encoder.Number(format);
    encoder.Number(sequence);
    encoder.Number(count);
    frame.insert(frame.end(), items.begin(), items.end());
    return frame;
  }
  static std::vector<uint8_t> Frame(uint8_t format, uint64_t sequence,
                                    uint16_t count, Bytes items) {
    return Frame(static_cast<uint32_t>(11 + items.size()), format, sequence,
                 count, items);
  }
  // A keeper of its own, as each of these ends it.
  void ExpectTheEnd(const std::function<void(KeeperProcess&)>& say,
                    const char* what) {
    KeeperProcess keeper(MakeFolder());
    keeper.Start();
    say(keeper);
    os::ExitStatus end = keeper.WaitEnd();
    EXPECT_FALSE(end.signaled) << what;
    EXPECT_EQ(end.code, 1) << what;
  }
};

TEST_F(ProtocolTest, WhateverIsNoBatchEndsTheKeeper) {
  std::vector<uint8_t> status = {1};
  const struct {
    const char* what;
    std::vector<uint8_t> bytes;
  } cases[] = {
      {"no items", Frame(1, 1, 0, {})},
      {"a later format", Frame(2, 1, 1, status)},
      {"format 0", Frame(0, 1, 1, status)},
      {"sequence 0", Frame(1, 0, 1, status)},
      {"a sequence ahead", Frame(1, 2, 1, status)},
      {"too many items", Frame(1, 1, base::kBatchItemsMax + 1, status)},
      {"fewer items than counted", Frame(1, 1, 2, status)},
      {"more items than counted", Frame(1, 1, 1, std::vector<uint8_t>{1, 1})},
      {"op 0", Frame(1, 1, 1, std::vector<uint8_t>{0})},
      {"an unknown op", Frame(1, 1, 1, std::vector<uint8_t>{18})},
      {"op 255", Frame(1, 1, 1, std::vector<uint8_t>{255})},
      {"a frame without a header", Frame(3, 1, 1, 1, {})},
      {"an impossible size", Frame(base::kBatchBytesMax + 1, 1, 1, 1, {})},
      {"4 GiB", Frame(~0u, 1, 1, 1, {})},
  };
  for (const auto& each : cases) {
    ExpectTheEnd([&](KeeperProcess& k) { k.SendRaw(each.bytes); }, each.what);
  }
}

TEST_F(ProtocolTest, ItemThatIsCutAltersTheRestOrIsTooLongEndsTheKeeper) {
  const wire::CreateItem create = TestCreate(1);
  Batch whole;
  whole.Add(Op::kCreate, create);
  const std::vector<uint8_t>& item = whole.items();
  for (size_t size = 1; size < item.size(); size += 23) {
    ExpectTheEnd(
        [&](KeeperProcess& k) {
          k.SendRaw(Frame(1, 1, 1, Bytes(item).first(size)));
        },
        "a cut item");
  }
  std::vector<uint8_t> longer = item;
  longer.push_back(0);
  ExpectTheEnd([&](KeeperProcess& k) { k.SendRaw(Frame(1, 1, 1, longer)); },
               "a trailing byte");
  // A text one byte above its bound: op, connection, then the institution.
  std::vector<uint8_t> above = {static_cast<uint8_t>(Op::kCreate)};
  above.resize(1 + 8);
  above.push_back(base::kNameBytesMax + 1);
  above.resize(1024);
  ExpectTheEnd([&](KeeperProcess& k) { k.SendRaw(Frame(1, 1, 1, above)); },
               "a name above its bound");
}

TEST_F(ProtocolTest, MalformedItemsAnswersNeverLeave) {
  Batch batch;
  batch.Add(Op::kCreate, CreateItem());
  const uint8_t unknown[] = {99};
  batch.AddRaw(unknown);
  keeper_.Send(batch);
  EXPECT_EQ(keeper_.Receive(), nullptr);
  EXPECT_EQ(keeper_.WaitEnd().code, 1);
}

TEST_F(ProtocolTest, HalfAFrameThenTheEndIsACleanEnd) {
  std::vector<uint8_t> status = {1};
  auto frame = Frame(1, 1, 1, status);
  frame.pop_back();
  keeper_.SendRaw(frame);
  EXPECT_EQ(keeper_.Stop().code, 0);
}

TEST_F(ProtocolTest, BatchesInFlightAreAnsweredInOrder) {
  // Several at once, with and without leaves.
  std::vector<Batch> batches(20);
  for (size_t i = 0; i < batches.size(); ++i) {
    for (size_t j = 0; j <= i % 3; ++j) {
      if (i % 2 == 0) {
        batches[i].Add(Op::kCreate, CreateItem());
      } else {
        batches[i].Add(Op::kStatus, wire::StatusItem{});
      }
    }
    keeper_.Send(batches[i]);
  }
  uint64_t last_leaf = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    auto frame = keeper_.Receive();
    ASSERT_NE(frame, nullptr);
    base::Decoder decoder{Bytes(*frame)};
    for (uint16_t j = 0; j < batches[i].count(); ++j) {
      wire::AnswerHeader header;
      decoder.Struct(header);
      ASSERT_EQ(header.rule, Rule::kAllowed);
      if (i % 2 == 0) {
        wire::NewRecord record;
        decoder.Struct(record);
        EXPECT_EQ(header.op, Op::kCreate);
        EXPECT_GT(header.leaf, last_leaf);
        last_leaf = header.leaf;
      } else {
        wire::StatusAnswer status;
        decoder.Struct(status);
        EXPECT_EQ(header.op, Op::kStatus);
      }
    }
    EXPECT_TRUE(decoder.finished());
  }
}

TEST_F(ProtocolTest, LargestBatchIsAnswered) {
  const KeptLink link = Create();
  As("messenger");
  Batch batch;
  for (size_t i = 0; i < base::kBatchItemsMax; ++i) {
    batch.Add(Op::kIssue, IssueItem(link));
  }
  auto frame = keeper_.Exchange(batch);
  ASSERT_NE(frame, nullptr);
  base::Decoder decoder{Bytes(*frame)};
  size_t issued = 0;
  while (!decoder.finished() && !decoder.failed()) {
    wire::AnswerHeader header;
    wire::IssueAnswer answer;
    decoder.Struct(header);
    decoder.Struct(answer);
    issued += header.rule == Rule::kAllowed;
  }
  EXPECT_EQ(issued, base::kBatchItemsMax);
}

TEST_F(ProtocolTest, WhatCrossesASealOrAHangUpIsAnsweredAsSuch) {
  const KeptLink link = Create();
  const KeptLink pending(ReplaceToken(link, "next", 1).fields);
  ASSERT_TRUE(keeper_.Ask(OperatorOp::kSeal, wire::EmptyQuestion{}).done());
  EXPECT_EQ(Read(link).rule(), Rule::kSealed);
  EXPECT_EQ(keeper_.last_state(), wire::VaultState::kSealed);
  EXPECT_EQ(Commit(pending), Rule::kSealed);
  EXPECT_EQ(NotCommit(pending), Rule::kSealed);
  EXPECT_EQ(TryIssue(IssueItem(link)).rule(), Rule::kSealed);
  ASSERT_TRUE(keeper_.Unseal().done());
  EXPECT_TRUE(Read(link).allowed());
  const wire::ConnectionId gone = caller_.id;
  caller_ = keeper_.Connect();
  EXPECT_NE(caller_.id, gone);
}

// --- Operators --------------------------------------------------------------

TEST_F(ProtocolTest, MalformedOperatorFramesAreAnsweredAndTheKeeperLives) {
  std::vector<uint8_t> zeros(100);
  for (uint8_t op : std::vector<uint8_t>{0, 2, 3, 6, 8, 9, 11, 77, 255}) {
    OperatorReply reply =
        keeper_.Ask(static_cast<OperatorOp>(op), Bytes(zeros).first(3));
    EXPECT_EQ(reply.code, OperatorCode::kMalformed) << int{op};
  }
  // Trailing bytes behind a whole question.
  wire::TailQuestion tail;
  std::vector<uint8_t> bytes(64);
  bytes.resize(*base::EncodeWhole(MutableBytes(bytes), tail) + 1);
  EXPECT_EQ(keeper_.Ask(OperatorOp::kAuditTail, Bytes(bytes)).code,
            OperatorCode::kMalformed);
  tail.count = wire::kTailLeavesMax + 1;
  EXPECT_EQ(keeper_.Ask(OperatorOp::kAuditTail, tail).code,
            OperatorCode::kMalformed);
  tail.count = 0;
  EXPECT_EQ(keeper_.Ask(OperatorOp::kAuditTail, tail).code,
            OperatorCode::kMalformed);
  tail.count = 5;
  tail.from = ~uint64_t{0} - 1;
  EXPECT_TRUE(keeper_.Ask(OperatorOp::kAuditTail, tail).done());
  EXPECT_EQ(keeper_.Status().state, wire::VaultState::kOperational);
}

TEST_F(ProtocolTest, RawOperatorFramesOfImpossibleSizesAreAnsweredAndClosed) {
  const std::vector<uint8_t> frames[] = {
      {0, 0, 0, 0},              // nothing in it
      {1, 0, 0, 0, 1},           // a format and no op
      {0xff, 0xff, 0xff, 0xff},  // 4 GiB
      {1, 0, 8, 0},              // one above the limit
      {2, 0, 0, 0, 0, 1},        // format 0
      {2, 0, 0, 0, 9, 1},        // a later format
  };
  for (const auto& frame : frames) {
    os::FileDescriptor fd =
        keeper_.ConnectTo(keeper_.folder() + "/operator.sock");
    ASSERT_TRUE(os::WriteFull(fd.get(), frame).ok());
    uint8_t head[4 + 3];
    ASSERT_TRUE(os::ReadFull(fd.get(), head).ok());
    EXPECT_EQ(head[6], frame.size() > 4 && frame[4] == 9
                           ? static_cast<uint8_t>(OperatorCode::kNewerFormat)
                           : static_cast<uint8_t>(OperatorCode::kMalformed));
    uint8_t rest[512];
    while (read(fd.get(), rest, sizeof rest) > 0) {
    }  // closed, or this would wait for ever
  }
  EXPECT_EQ(keeper_.Status().state, wire::VaultState::kOperational);
}

TEST_F(ProtocolTest, SecondInitSealTwiceAndUnsealTwiceAreRefused) {
  EXPECT_EQ(keeper_.Init(TestPolicy()).code, OperatorCode::kRefused);
  EXPECT_EQ(keeper_.Unseal().code, OperatorCode::kRefused);
  ASSERT_TRUE(keeper_.Ask(OperatorOp::kSeal, wire::EmptyQuestion{}).done());
  for (OperatorOp op :
       {OperatorOp::kSeal, OperatorOp::kPolicyShow, OperatorOp::kClockAccept}) {
    EXPECT_EQ(keeper_.Ask(op, wire::EmptyQuestion{}).code,
              OperatorCode::kSealed);
  }
  EXPECT_EQ(keeper_.Ask(OperatorOp::kAuditTail, wire::TailQuestion{}).code,
            OperatorCode::kSealed);
  EXPECT_EQ(
      keeper_.Ask(OperatorOp::kPolicyExplain, wire::ExplainQuestion{}).code,
      OperatorCode::kSealed);
  EXPECT_TRUE(keeper_.Ask(OperatorOp::kSelfTest, wire::EmptyQuestion{}).done());
  EXPECT_TRUE(keeper_.Unseal().done());
}

TEST_F(ProtocolTest, UnknownKindOfSlotIsRefusedAndTheKeeperLives) {
  KeeperProcess fresh(MakeFolder());
  fresh.Start();
  const std::vector<uint8_t> policy = Encode(TestPolicy());
  wire::OpenQuestion question;
  question.slot.kind = static_cast<wire::SlotKind>(77);
  question.policy = policy;
  EXPECT_EQ(fresh.Ask(OperatorOp::kInit, question).code,
            OperatorCode::kRefused);
  EXPECT_EQ(fresh.Status().state, wire::VaultState::kUninitialised);
  EXPECT_TRUE(fresh.Init(TestPolicy()).done());
}

TEST_F(ProtocolTest, PolicyIsShownAndExplainedAsItIsInForce) {
  auto shown = keeper_.Ask(OperatorOp::kPolicyShow, wire::EmptyQuestion{});
  auto policy = base::DecodeWhole<wire::PolicyBytes>(shown.fields);
  ASSERT_TRUE(policy.ok());
  EXPECT_TRUE(base::Equal(policy->policy, Encode(*FiveCallers("linker"))));
  auto explain = [&](const char* caller, const char* purpose,
                     const char* institution, const char* cluster) {
    wire::ExplainQuestion question{caller, purpose, institution, {}};
    if (*cluster != '\0') question.scope.push_back(cluster);
    OperatorReply reply = keeper_.Ask(OperatorOp::kPolicyExplain, question);
    auto answer = base::DecodeWhole<wire::ExplainAnswer>(reply.fields);
    COFFER_CHECK(answer.ok());
    return answer->rule;
  };
  EXPECT_EQ(explain("messenger", "balance_display", "citi", ""),
            Rule::kAllowed);
  EXPECT_EQ(
      explain("messenger", "purchase_tracking", "jpmorgan", "TRANSACTIONS"),
      Rule::kCeilingCluster);
  EXPECT_EQ(explain("messenger", "advertising", "citi", ""),
            Rule::kPurposeProhibited);
  EXPECT_EQ(explain("linker", "balance_display", "citi", ""),
            Rule::kNoIssueRule);
  EXPECT_EQ(explain("nobody", "balance_display", "citi", ""),
            Rule::kUnknownCaller);
}

// --- A journal that cannot be written ---------------------------------------

TEST_F(ProtocolTest, NothingIsAnsweredOnceTheJournalCannotBeWritten) {
  const KeptLink link = Create();
  As("messenger");
  const rlimit none{0, 0};
  ASSERT_EQ(prlimit(keeper_.pid(), RLIMIT_FSIZE, &none, nullptr), 0);
  // What makes no leaf is still answered.
  EXPECT_TRUE(keeper_.One<wire::StatusAnswer>(Op::kStatus, wire::StatusItem{})
                  .allowed());
  Batch batch;
  batch.Add(Op::kIssue, IssueItem(link));
  keeper_.Send(batch);
  EXPECT_EQ(keeper_.Receive(), nullptr);
  os::ExitStatus end = keeper_.WaitEnd();
  EXPECT_FALSE(end.signaled) << os::ExitText(end);
  EXPECT_EQ(end.code, 1);
}

}  // namespace
}  // namespace coffer::keeper_test
