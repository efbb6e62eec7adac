#include "vault/gate/keeper_client.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "crypto/base/secret_bytes.h"

namespace coffer::gate {
namespace {

using base::Code;
using base::Fail;

constexpr size_t kLengthBytes = 4;
constexpr size_t kIncomingBytes = base::kAnswerBatchBytesMax;
constexpr size_t kFreeFramesMax = 4;

}  // namespace

KeeperClient::KeeperClient(int channel)
    : channel_(channel),
      incoming_(std::make_unique_for_overwrite<uint8_t[]>(kIncomingBytes)) {}

void KeeperClient::OpenFrame() {
  std::unique_ptr<Frame> frame;
  if (free_.empty()) {
    frame = std::make_unique<Frame>();
    frame->bytes =
        std::make_unique_for_overwrite<uint8_t[]>(base::kBatchBytesMax);
  } else {
    frame = std::move(free_.back());
    free_.pop_back();
  }
  building_ = frame.get();
  waiting_.push_back(std::move(frame));
}

// Writes the header of a batch that takes no more items.
void KeeperClient::Seal(Frame& frame) {
  frame.sequence = next_sequence_++;
  items_ += frame.count;
  base::Encoder encoder({frame.bytes.get(), wire::kBatchHeaderBytes});
  wire::BatchHeader header;
  header.bytes = static_cast<uint32_t>(frame.used - kLengthBytes);
  header.sequence = frame.sequence;
  header.count = frame.count;
  encoder.Struct(header);
  COFFER_CHECK(!encoder.failed());
}

base::Status KeeperClient::Send() {
  wants_write_ = false;
  while (true) {
    bool sending = !in_flight_.empty() &&
                   in_flight_.back()->sent < in_flight_.back()->used;
    if (!sending) {
      if (waiting_.empty() || in_flight_.size() == base::kBatchesInFlightMax) {
        return {};
      }
      if (waiting_.front().get() == building_) building_ = nullptr;
      Seal(*waiting_.front());
      in_flight_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    Frame& frame = *in_flight_.back();
    ssize_t sent = send(channel_, frame.bytes.get() + frame.sent,
                        frame.used - frame.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wants_write_ = true;
        return {};
      }
      return Fail(Code::kUnreachable, "the keeper does not listen any more");
    }
    frame.sent += static_cast<size_t>(sent);
    if (frame.sent == frame.used) {
      // It may have held a bank token.
      base::Wipe({frame.bytes.get(), frame.used});
    }
  }
}

void KeeperClient::ReleaseAnswers() {
  if (incoming_begin_ == 0) return;
  COFFER_CHECK(frame_end_ == 0);
  base::Wipe({incoming_.get(), incoming_begin_});
  size_t left = incoming_end_ - incoming_begin_;
  std::memmove(incoming_.get(), incoming_.get() + incoming_begin_, left);
  incoming_begin_ = 0;
  incoming_end_ = left;
}

base::Status KeeperClient::Receive() {
  ReleaseAnswers();
  while (incoming_end_ < kIncomingBytes) {
    size_t room = kIncomingBytes - incoming_end_;
    ssize_t got =
        recv(channel_, incoming_.get() + incoming_end_, room, MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      return Fail(Code::kUnreachable, "the keeper's channel failed");
    }
    if (got == 0) return Fail(Code::kUnreachable, "the keeper hung up");
    incoming_end_ += static_cast<size_t>(got);
    if (static_cast<size_t>(got) < room) return {};
  }
  return {};
}

// Opens the next frame of answers when it is there as a whole.
base::Result<bool> KeeperClient::OpenAnswers() {
  size_t there = incoming_end_ - incoming_begin_;
  if (there < kLengthBytes) return false;
  base::Bytes bytes(incoming_.get() + incoming_begin_, there);
  wire::BatchHeader header;
  base::Decoder length(bytes);
  length.Number(header.bytes);
  if (header.bytes > kIncomingBytes - kLengthBytes ||
      header.bytes < wire::kAnswersHeaderBytes - kLengthBytes) {
    return Fail(Code::kInvalid, "answers of an impossible size");
  }
  if (there < kLengthBytes + header.bytes) return false;
  answers_ = base::Decoder(bytes.subspan(0, kLengthBytes + header.bytes));
  answers_.Struct(header);
  wire::VaultState state{};
  answers_.Number(state);
  if (header.format != wire::kMessageFormat) {
    return Fail(Code::kInvalid, "answers of another format");
  }
  if (in_flight_.empty() || header.sequence != in_flight_.front()->sequence ||
      header.count != in_flight_.front()->count ||
      in_flight_.front()->sent < in_flight_.front()->used) {
    return Fail(Code::kInvalid, "answers to what was not asked");
  }
  if (state > wire::VaultState::kSelfTest) {
    return Fail(Code::kInvalid, "an unknown state of the vault");
  }
  state_ = state;
  frame_end_ = incoming_begin_ + kLengthBytes + header.bytes;
  return true;
}

base::Status KeeperClient::CloseAnswers() {
  if (!answers_.finished()) {
    return Fail(Code::kInvalid, "answers with malformed or trailing bytes");
  }
  incoming_begin_ = frame_end_;
  frame_end_ = 0;
  std::unique_ptr<Frame> frame = std::move(in_flight_.front());
  in_flight_.pop_front();
  if (free_.size() < kFreeFramesMax) {
    frame->used = wire::kBatchHeaderBytes;
    frame->sent = frame->answered = 0;
    frame->count = 0;
    frame->asked.clear();
    free_.push_back(std::move(frame));
  }
  return {};
}

base::Result<bool> KeeperClient::NextAnswer(KeeperAnswer& answer) {
  if (frame_end_ == 0) {
    base::Result<bool> opened = OpenAnswers();
    if (!opened.ok() || !*opened) return opened;
  }
  while (in_flight_.front()->answered == in_flight_.front()->count) {
    COFFER_TRY(CloseAnswers());
    base::Result<bool> opened = OpenAnswers();
    if (!opened.ok() || !*opened) return opened;
  }
  Frame& frame = *in_flight_.front();
  const Asked& asked = frame.asked[frame.answered];
  answer.header = {};
  answers_.Struct(answer.header);
  if (answers_.failed()) return Fail(Code::kInvalid, "answers cut short");
  if (answer.header.op != asked.op ||
      !wire::IsRule(static_cast<uint8_t>(answer.header.rule))) {
    return Fail(Code::kInvalid, "an answer to another question");
  }
  ++frame.answered;
  answer.to = asked.to;
  answer.fields = &answers_;
  return true;
}

}  // namespace coffer::gate
