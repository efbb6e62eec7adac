// The stream to the gate in process: how much one pump does, and in what order
// answers leave.
#include "vault/keeper/batch_channel.h"

#include <gtest/gtest.h>

#include "tests/keeper/vault_world.h"

namespace coffer::keeper_test {
namespace {

using keeper::BatchChannel;

class BatchChannelTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.Start().ok());
    auto pair = os::MakeStreamPair();
    ASSERT_TRUE(pair.ok());
    gate_ = std::move(pair->here);
    keeper_ = std::move(pair->there);
    ASSERT_TRUE(os::SetNonBlocking(keeper_.get(), true).ok());
    ASSERT_TRUE(os::SetNonBlocking(gate_.get(), true).ok());
    channel_ = std::make_unique<BatchChannel>(
        keeper_.get(), world_.parts->journal, world_.parts->shared);
  }
  void Send(int batches) {
    for (int i = 0; i < batches; ++i) {
      std::vector<uint8_t> frame(wire::kBatchHeaderBytes + 1);
      base::Encoder encoder{MutableBytes(frame)};
      wire::BatchHeader header;
      header.bytes = static_cast<uint32_t>(frame.size() - 4);
      header.sequence = ++sequence_;
      header.count = 1;
      encoder.Struct(header);
      encoder.Number(wire::Op::kStatus);
      ASSERT_TRUE(os::WriteFull(gate_.get(), frame).ok());
    }
  }
  // How many answers are there, in order.
  int TakeAnswers() {
    int answers = 0;
    uint8_t head[wire::kAnswersHeaderBytes];
    while (read(gate_.get(), head, sizeof head) ==
           static_cast<ssize_t>(sizeof head)) {
      base::Decoder decoder{Bytes(head)};
      wire::BatchHeader header;
      decoder.Struct(header);
      EXPECT_EQ(header.sequence, ++answered_);
      std::vector<uint8_t> rest(header.bytes + 4 - sizeof head);
      EXPECT_TRUE(os::ReadFull(gate_.get(), rest).ok());
      ++answers;
    }
    return answers;
  }

  World world_;
  os::FileDescriptor gate_;
  os::FileDescriptor keeper_;
  std::unique_ptr<BatchChannel> channel_;
  uint64_t sequence_ = 0;
  uint64_t answered_ = 0;
};

TEST_F(BatchChannelTest, OnePumpAnswersTwoBatchesAndSaysThatThereIsMore) {
  Send(100);
  EXPECT_EQ(channel_->Pump(false), BatchChannel::Outcome::kOk);
  EXPECT_TRUE(channel_->more());
  EXPECT_EQ(TakeAnswers(), 2);
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(channel_->Pump(false), BatchChannel::Outcome::kOk);
  }
  EXPECT_FALSE(channel_->more());
  EXPECT_EQ(TakeAnswers(), 98);
}

TEST_F(BatchChannelTest, HeldPumpStartsNoBatch) {
  Send(3);
  EXPECT_EQ(channel_->Pump(true), BatchChannel::Outcome::kOk);
  EXPECT_EQ(TakeAnswers(), 0);
  EXPECT_TRUE(channel_->settled());
  EXPECT_EQ(channel_->Pump(false), BatchChannel::Outcome::kOk);
  EXPECT_EQ(TakeAnswers(), 2);
}

TEST_F(BatchChannelTest, EndOfTheGateIsTold) {
  Send(1);
  ASSERT_EQ(shutdown(gate_.get(), SHUT_WR), 0);
  EXPECT_EQ(channel_->Pump(false), BatchChannel::Outcome::kClosed);
  EXPECT_EQ(TakeAnswers(), 1);
}

TEST_F(BatchChannelTest, FrameOfAnImpossibleSizeBreaksTheChannel) {
  const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff};
  ASSERT_TRUE(os::WriteFull(gate_.get(), bytes).ok());
  EXPECT_EQ(channel_->Pump(false), BatchChannel::Outcome::kBroken);
}

TEST_F(BatchChannelTest, SequenceOutOfOrderBreaksTheChannel) {
  sequence_ = 1;
  Send(1);
  EXPECT_EQ(channel_->Pump(false), BatchChannel::Outcome::kBroken);
}

}  // namespace
}  // namespace coffer::keeper_test
