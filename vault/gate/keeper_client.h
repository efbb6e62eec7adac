// The gate's end of the channel to the keeper: items collected into batches,
// sent without ever blocking, and the answers in the same order. Runs in the
// gate. Refuses (with kInvalid, which ends the gate) every answer that is not
// exactly what message.h says for what was asked.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "crypto/base/codec.h"
#include "vault/wire/message.h"

namespace coffer::gate {

// What an answer is for; carried beside the item, never sent.
struct AnswerFor {
  uint32_t exchange = 0;
  uint16_t step = 0;
  uint16_t index = 0;
};

struct KeeperAnswer {
  AnswerFor to;
  wire::AnswerHeader header;
  // At the answer's fields. The taker reads exactly these, or none when the
  // rule is not kAllowed.
  base::Decoder* fields = nullptr;
};

// Resource; borrows the channel's descriptor.
class KeeperClient {
 public:
  explicit KeeperClient(int channel);

  // Adds an item to the batch that is collected. The item is copied.
  template <typename Item>
  void Ask(wire::Op op, const Item& item, const AnswerFor& to) {
    if (building_ == nullptr || building_->count == base::kBatchItemsMax) {
      OpenFrame();
    }
    if (!Encode(op, item)) {
      OpenFrame();
      COFFER_CHECK(Encode(op, item));
    }
    building_->asked.push_back({op, to});
    ++building_->count;
  }

  // Sends what may be sent now. kUnreachable when the keeper is gone.
  base::Status Send();
  // True when Send stopped because the channel was full.
  bool wants_write() const { return wants_write_; }

  // Reads what is there, without blocking. kUnreachable at the end.
  base::Status Receive();
  // The next whole answer. False when there is none; views in it are good until
  // ReleaseAnswers or the next Receive.
  base::Result<bool> NextAnswer(KeeperAnswer& answer);
  // Wipes the answers that were read: some held a bank token. Call it when
  // NextAnswer has none left.
  void ReleaseAnswers();

  // As the last frame of answers said.
  wire::VaultState state() const { return state_; }
  // Batches that wait to be sent, beyond those in flight.
  size_t backlog() const { return waiting_.size(); }
  bool idle() const { return in_flight_.empty() && waiting_.empty(); }
  uint64_t batches() const { return next_sequence_ - 1; }
  uint64_t items() const { return items_; }

 private:
  struct Asked {
    wire::Op op;
    AnswerFor to;
  };
  struct Frame {
    std::unique_ptr<uint8_t[]> bytes;
    size_t used = wire::kBatchHeaderBytes;
    size_t sent = 0;
    size_t answered = 0;
    uint64_t sequence = 0;
    uint16_t count = 0;
    std::vector<Asked> asked;
  };

  template <typename Item>
  bool Encode(wire::Op op, const Item& item) {
    base::Encoder encoder({building_->bytes.get() + building_->used,
                           base::kBatchBytesMax - building_->used});
    encoder.Number(op);
    encoder.Struct(item);
    if (encoder.failed()) return false;
    building_->used += encoder.used();
    return true;
  }
  void OpenFrame();
  void Seal(Frame& frame);
  base::Result<bool> OpenAnswers();
  base::Status CloseAnswers();

  int channel_;
  uint64_t next_sequence_ = 1;
  uint64_t items_ = 0;
  bool wants_write_ = false;
  wire::VaultState state_ = wire::VaultState::kStarting;

  std::vector<std::unique_ptr<Frame>> free_;
  std::deque<std::unique_ptr<Frame>> waiting_;    // the last may be building_
  std::deque<std::unique_ptr<Frame>> in_flight_;  // sent, or being sent
  Frame* building_ = nullptr;

  std::unique_ptr<uint8_t[]> incoming_;
  size_t incoming_begin_ = 0;
  size_t incoming_end_ = 0;
  size_t frame_end_ = 0;  // of the answers being read; 0: none
  base::Decoder answers_{base::Bytes()};
};

}  // namespace coffer::gate
