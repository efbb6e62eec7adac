// Appending: the filled buffer, the second thread, and the reserve.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vault/keeper/journal.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::Status;

namespace {

constexpr size_t kThreadStackBytes = 256 * 1024;

}  // namespace

// --- Filling

JournalState Journal::state() const {
  return stage_ == JournalState::kReady && low_ ? JournalState::kLow : stage_;
}

// Whether the filled batch, with more, fits wherever the one in flight ends.
bool Journal::HasFileRoom(uint64_t more_payload, uint64_t reserve) const {
  uint64_t start = durable_.offset;
  if (in_flight_) {
    const uint64_t size = BatchBytes(buffers_[1 - filling_].payload_bytes);
    start = AlignUp(start + size, kJournalBlockBytes) + size;
  }
  return start + BatchBytes(buffers_[filling_].payload_bytes + more_payload) +
             reserve <=
         reserved_end_;
}

bool Journal::HasRoom(uint64_t reserve) const {
  return stage_ == JournalState::kReady &&
         buffers_[filling_].payload_bytes + kItemEntriesBytesMax <=
             kBatchPayloadBytesMax &&
         HasFileRoom(kItemEntriesBytesMax, reserve);
}

bool Journal::CanAppend(bool kill) const {
  return HasRoom(kill ? kJournalOperatorBytes : kJournalKillBytes);
}

bool Journal::CanRecord() const { return HasRoom(0); }

bool Journal::AddEntry(EntryKind kind, Bytes bytes) {
  COFFER_CHECK(stage_ == JournalState::kReady ||
               stage_ == JournalState::kFailed);
  Buffer& buffer = buffers_[filling_];
  const size_t size = kEntryHeadBytes + bytes.size();
  if (stage_ == JournalState::kFailed ||
      size > kBatchPayloadBytesMax - buffer.payload_bytes ||
      !HasFileRoom(size, 0)) {
    return false;
  }
  base::Encoder encoder(
      {buffer.bytes.get() + kBatchPayloadOffset + buffer.payload_bytes, size});
  encoder.Number(kind);
  encoder.ShortBytes(bytes, bytes.size());
  COFFER_CHECK(!encoder.failed());
  buffer.payload_bytes += size;
  ++buffer.entries;
  return true;
}

bool Journal::AddLeaf(Bytes leaf) {
  COFFER_CHECK(leaf.size() <= base::kLeafBytesMax);
  if (!AddEntry(EntryKind::kLeaf, leaf)) return false;
  ++buffers_[filling_].head.leaves;
  ++next_leaf_;
  return true;
}

bool Journal::AddChange(Bytes change) {
  COFFER_CHECK(change.size() <= kChangeBytesMax);
  if (!AddEntry(EntryKind::kChange, change)) return false;
  ++buffers_[filling_].head.changes;
  return true;
}

// Makes the batch's bytes whole: head, checksum, MAC, padding.
Bytes Journal::Close(Buffer& buffer, const crypto::JournalKey& key) {
  BatchHead& head = buffer.head;
  head.payload_bytes = static_cast<uint32_t>(buffer.payload_bytes);
  head.previous = durable_.last_offset;
  head.sequence = durable_.sequence + 1;
  head.first_leaf = durable_.leaf;
  head.tree_size = durable_.leaf + head.leaves;
  MutableBytes whole(buffer.bytes.get(), BatchBytes(buffer.payload_bytes));
  base::Encoder encoder(whole);
  encoder.Struct(head);
  const ByteArray<32> digest =
      BatchDigest(vault_id_, whole.first(kBatchHeadBytes),
                  whole.subspan(kBatchPayloadOffset, buffer.payload_bytes));
  buffer.mac = BatchMac(key, durable_.mac, digest);
  encoder.Fixed(BatchChecksum(digest, buffer.mac));
  encoder.Fixed(buffer.mac);
  COFFER_CHECK(!encoder.failed() && encoder.used() == kBatchPayloadOffset);
  std::fill(whole.begin() + kBatchPayloadOffset + buffer.payload_bytes,
            whole.end(), uint8_t{0});
  return whole;
}

// --- Writing

// A sync that failed is never just repeated: the pages may be marked clean
// without being on the disk. The bytes go to pages of their own instead.
Journal::Written Journal::WriteBatch(Bytes batch, uint64_t offset) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (offset + batch.size() > reserved_end_) break;
    if (WriteAll(files_, fd_a_, batch, offset) && files_.DataSync(fd_a_) == 0) {
      return {true, offset};
    }
    last_errno_ = errno;
    offset = AlignUp(offset + batch.size(), kJournalBlockBytes);
  }
  return {};
}

void Journal::ExtendReserve(uint64_t used) {
  const uint64_t end = reserved_end_;
  if (end >= used && end - used >= kJournalStepBytes / 2) return;
  if (files_.Reserve(fd_a_, end, kJournalStepBytes) != 0) {
    last_errno_ = errno;
    low_ = true;
    return;
  }
  reserved_end_ = end + kJournalStepBytes;
  low_ = false;
}

void Journal::Settle(Buffer& buffer, const Written& written) {
  if (written.ok) {
    durable_.offset = written.offset + BatchBytes(buffer.payload_bytes);
    durable_.sequence = buffer.head.sequence;
    durable_.leaf = buffer.head.tree_size;
    durable_.last_offset = written.offset;
    durable_.mac = buffer.mac;
  } else {
    stage_ = JournalState::kFailed;
  }
  buffer.payload_bytes = 0;
  buffer.entries = 0;
  buffer.head = BatchHead{};
}

uint64_t Journal::Submit(const crypto::JournalKey& key) {
  COFFER_CHECK(thread_runs_ && !in_flight_ && !empty() &&
               stage_ == JournalState::kReady);
  Buffer& buffer = buffers_[filling_];
  Bytes batch = Close(buffer, key);
  filling_ = 1 - filling_;
  in_flight_ = true;
  {
    std::lock_guard lock(mutex_);
    work_ = Work::kBatch;
    work_batch_ = batch;
    work_offset_ = durable_.offset;
    finished_ = false;
  }
  wake_.notify_one();
  return buffer.head.sequence;
}

void Journal::Collect(bool wait) {
  if (!in_flight_) return;
  Written written;
  {
    std::unique_lock lock(mutex_);
    if (wait) done_.wait(lock, [&] { return finished_; });
    if (!finished_) return;
    written = work_written_;
  }
  in_flight_ = false;
  Settle(buffers_[1 - filling_], written);
}

JournalCompletion Journal::Poll() {
  Collect(false);
  if (stage_ == JournalState::kFailed) {
    return {JournalCompletion::Kind::kFailed, 0};
  }
  if (durable_.sequence == reported_) return {};
  reported_ = durable_.sequence;
  return {JournalCompletion::Kind::kSynced, reported_};
}

void Journal::WaitIdle() { Collect(true); }

Status Journal::SyncNow(const crypto::JournalKey& key) {
  WaitIdle();
  if (stage_ == JournalState::kFailed) {
    return Fail(Code::kIo, "journal-0: cannot be written");
  }
  if (empty()) return {};
  Buffer& buffer = buffers_[filling_];
  Bytes batch = Close(buffer, key);
  Settle(buffer, WriteBatch(batch, durable_.offset));
  if (stage_ == JournalState::kFailed) {
    return Fail(Code::kIo, "journal-0: cannot be written");
  }
  KeepReserve();
  return {};
}

// --- The second thread

// The thread extends the reserve, when there is one: it alone then changes it.
void Journal::KeepReserve() {
  const uint64_t end = reserved_end_;
  if (in_flight_ || stage_ != JournalState::kReady ||
      end - durable_.offset >= kJournalStepBytes / 2) {
    return;  // in flight: done after the batch
  }
  if (!thread_runs_) return ExtendReserve(durable_.offset);
  {
    std::lock_guard lock(mutex_);
    work_ = Work::kReserve;
    work_offset_ = durable_.offset;
  }
  wake_.notify_one();
}

Status Journal::StartThread() {
  COFFER_CHECK(!thread_runs_);
  stop_ = started_ = false;
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kThreadStackBytes);
  const int failed = pthread_create(&thread_, &attributes, ThreadMain, this);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) {
    return Fail(Code::kIo, "the journal's thread cannot be started");
  }
  thread_runs_ = true;
  // A new thread's first steps need system calls that the sandbox, which comes
  // next, allows to nobody.
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return started_; });
  return {};
}

void Journal::StopThread() {
  if (!thread_runs_) return;
  WaitIdle();
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  pthread_join(thread_, nullptr);
  thread_runs_ = false;
}

void* Journal::ThreadMain(void* self) {
  static_cast<Journal*>(self)->RunThread();
  return nullptr;
}

void Journal::RunThread() {
  std::unique_lock lock(mutex_);
  started_ = true;
  done_.notify_one();
  for (;;) {
    wake_.wait(lock, [&] { return work_ != Work::kNone || stop_; });
    if (work_ == Work::kNone) return;
    const Work work = work_;
    work_ = Work::kNone;
    const Bytes batch = work_batch_;
    uint64_t used = work_offset_;
    lock.unlock();
    if (work == Work::kBatch) {
      const Written written = WriteBatch(batch, used);
      used = written.offset + batch.size();
      lock.lock();
      work_written_ = written;
      finished_ = true;
      lock.unlock();
      done_.notify_one();
      const uint64_t one = 1;
      while (event_fd_ >= 0 && write(event_fd_, &one, sizeof one) < 0 &&
             errno == EINTR) {
      }
    }
    ExtendReserve(used);
    lock.lock();
  }
}

}  // namespace coffer::keeper
