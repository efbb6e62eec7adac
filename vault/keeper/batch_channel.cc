#include "vault/keeper/batch_channel.h"

#include <errno.h>
#include <unistd.h>

namespace coffer::keeper {

static_assert(base::kBatchesInFlightMax == 2);

BatchChannel::BatchChannel(int fd, Journal& journal, Operation::Shared& shared)
    : fd_(fd),
      journal_(journal),
      shared_(shared),
      input_(new uint8_t[kInputBytes]) {
  for (Slot& slot : slots_) {
    slot.answers.reset(new uint8_t[base::kAnswerBatchBytesMax]);
  }
}

BatchChannel::Outcome BatchChannel::Pump(bool hold) {
  more_ = false;
  for (size_t carried_out = 0;;) {
    bool moved = false;
    if (!CollectSynced()) return Outcome::kJournalFailed;
    SubmitNext();
    bool write_closed = false;
    moved |= WriteAnswers(write_closed);
    if (write_closed) return Outcome::kClosed;
    SubmitNext();

    bool broken = false;
    const bool has_room =
        slots_[0].stage == Stage::kFree || slots_[1].stage == Stage::kFree;
    if (has_room && !hold && carried_out == base::kBatchesInFlightMax) {
      more_ = true;
      return Outcome::kOk;
    }
    if (has_room && !hold) {
      if (!FrameReady(broken)) moved |= ReadInput(closed_);
      if (FrameReady(broken)) {
        Outcome outcome = CarryOutFrame();
        if (outcome != Outcome::kOk) return outcome;
        ++carried_out;
        moved = true;
      }
    }
    if (broken) {
      message_ = "the gate sent a frame of an impossible size";
      return Outcome::kBroken;
    }
    if (closed_ && idle()) return Outcome::kClosed;
    if (!moved) return Outcome::kOk;
  }
}

bool BatchChannel::ReadInput(bool& closed) {
  const ssize_t got =
      read(fd_, input_.get() + input_used_, kInputBytes - input_used_);
  if (got > 0) {
    input_used_ += static_cast<size_t>(got);
    return true;
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) closed = true;
  return false;
}

size_t BatchChannel::FrameBytes() const {
  base::Decoder decoder(Bytes(input_.get(), 4));
  uint32_t bytes = 0;
  decoder.Number(bytes);
  return bytes;
}

bool BatchChannel::FrameReady(bool& broken) const {
  if (input_used_ < 4) return false;
  const size_t bytes = FrameBytes();
  if (bytes > base::kBatchBytesMax) broken = true;
  return !broken && input_used_ >= 4 + bytes;
}

BatchChannel::Slot& BatchChannel::FreeSlot() {
  return slots_[head_].stage == Stage::kFree ? slots_[head_]
                                             : slots_[1 - head_];
}

BatchChannel::Outcome BatchChannel::CarryOutFrame() {
  Slot& slot = FreeSlot();
  const size_t bytes = FrameBytes();
  auto used = DispatchBatch(
      shared_, next_sequence_, Bytes(input_.get() + 4, bytes),
      base::MutableBytes(slot.answers.get(), base::kAnswerBatchBytesMax));
  // The frame may have carried a bank token.
  base::Wipe({input_.get(), 4 + bytes});
  if (!used.ok()) {
    message_ = used.error().message;
    return Outcome::kBroken;
  }
  const size_t rest = input_used_ - 4 - bytes;
  if (rest > 0) {
    std::memmove(input_.get(), input_.get() + 4 + bytes, rest);
    base::Wipe({input_.get() + rest, input_used_ - rest});
  }
  input_used_ = rest;
  ++next_sequence_;
  slot.used = *used;
  slot.stage = Stage::kReady;
  return Outcome::kOk;
}

// Hands the older waiting batch to the journal, once the one before is synced.
void BatchChannel::SubmitNext() {
  for (size_t i : {head_, 1 - head_}) {
    Slot& slot = slots_[i];
    if (slot.stage == Stage::kSyncing) return;
    if (slot.stage != Stage::kReady) continue;
    if (journal_.empty()) {
      slot.stage = Stage::kDone;  // no decision was made in it
      continue;
    }
    if (journal_.in_flight()) return;
    journal_.Submit(shared_.vault.keyring().journal_key());
    slot.stage = Stage::kSyncing;
    return;
  }
}

bool BatchChannel::CollectSynced() {
  const JournalCompletion completion = journal_.Poll();
  if (completion.kind == JournalCompletion::Kind::kFailed) return false;
  if (completion.kind == JournalCompletion::Kind::kSynced) {
    for (Slot& slot : slots_) {
      if (slot.stage == Stage::kSyncing) slot.stage = Stage::kDone;
    }
  }
  return true;
}

bool BatchChannel::WriteAnswers(bool& closed) {
  bool moved = false;
  while (head_done()) {
    Slot& slot = slots_[head_];
    const ssize_t put =
        write(fd_, slot.answers.get() + sent_, slot.used - sent_);
    if (put < 0) {
      if (errno != EAGAIN && errno != EINTR) closed = true;
      return moved;
    }
    sent_ += static_cast<size_t>(put);
    if (sent_ < slot.used) return moved;
    base::Wipe({slot.answers.get(), slot.used});
    slot.stage = Stage::kFree;
    slot.used = sent_ = 0;
    head_ = 1 - head_;
    moved = true;
  }
  return moved;
}

}  // namespace coffer::keeper
