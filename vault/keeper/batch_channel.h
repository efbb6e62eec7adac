// The stream to the gate: batches in, answers out, two in flight. While the
// journal syncs one batch the next is carried out; no answer leaves before its
// leaves are durable, and answers leave in order. Never blocks. Runs in the
// keeper's main thread.
#pragma once

#include <memory>

#include "vault/keeper/dispatch.h"

namespace coffer::keeper {

class BatchChannel {
 public:
  // `fd`: non-blocking stream socket, the owner's; to be watched
  // edge-triggered, since input is left where it is while there is no room for
  // it.
  BatchChannel(int fd, Journal& journal, Operation::Shared& shared);

  enum class Outcome : uint8_t { kOk, kClosed, kBroken, kJournalFailed };
  // Reads, carries out, submits and writes as far as it goes without waiting,
  // but at most two batches: hang-ups and operators come in between.
  // `hold`: start no further batch (an operator waits for quiet). kClosed: the
  // gate ended; kBroken: it broke the protocol; message() says how.
  Outcome Pump(bool hold);
  // No batch is between being carried out and being durable. Answers may still
  // wait for a gate that does not read: it must not keep operators waiting.
  bool settled() const {
    for (const Slot& slot : slots_) {
      if (slot.stage == Stage::kReady || slot.stage == Stage::kSyncing) {
        return false;
      }
    }
    return true;
  }
  // Nothing is carried out that was not answered.
  bool idle() const {
    return slots_[0].stage == Stage::kFree && slots_[1].stage == Stage::kFree;
  }
  // The last Pump stopped at its share: call again without waiting.
  bool more() const { return more_; }
  const char* message() const { return message_; }

 private:
  enum class Stage : uint8_t { kFree, kReady, kSyncing, kDone };
  struct Slot {
    Stage stage = Stage::kFree;
    std::unique_ptr<uint8_t[]> answers;  // kAnswerBatchBytesMax
    size_t used = 0;
  };
  static constexpr size_t kInputBytes = 4 + base::kBatchBytesMax;

  const Slot& Head() const { return slots_[head_]; }
  bool head_done() const { return Head().stage == Stage::kDone; }
  Slot& FreeSlot();
  bool ReadInput(bool& closed);
  bool FrameReady(bool& broken) const;
  size_t FrameBytes() const;
  Outcome CarryOutFrame();
  void SubmitNext();
  bool CollectSynced();
  bool WriteAnswers(bool& closed);

  const int fd_;
  Journal& journal_;
  Operation::Shared& shared_;
  std::unique_ptr<uint8_t[]> input_;
  size_t input_used_ = 0;
  bool closed_ = false;
  bool more_ = false;
  uint64_t next_sequence_ = 1;
  Slot slots_[base::kBatchesInFlightMax];
  size_t head_ = 0;  // the older of the two
  size_t sent_ = 0;  // of the head's answers
  const char* message_ = "";
};

}  // namespace coffer::keeper
