// The keeper's journal: audit leaves and changes of state, appended in batches
// that are durable before a batch's answers leave. Owned and called by the
// keeper's main thread; a second thread, made at start, writes and syncs one
// batch while the next is filled. Refuses damage before the end, foreign or
// later files (Open), and any batch that the journal key did not make (Replay).
//
// Way of use: Open or OpenEmpty, StartThread, sandbox; Create at init; Replay
// at every unseal; then AddLeaf and AddChange, Submit, the event descriptor,
// Poll. All memory is made by the constructor. The bytes: journal_format.h.
//
// Checksum and MAC are made by Submit on the calling thread, in one pass over
// the batch: the journal key is never read by the second thread and may be
// destroyed as soon as Submit or SyncNow has returned.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "vault/keeper/journal_format.h"
#include "vault/keeper/journal_reader.h"
#include "vault/wire/customer.h"
#include "vault/wire/operator_message.h"

namespace coffer::keeper {

// What is reserved at a time; more is asked for when less than half is left.
inline constexpr uint64_t kJournalStepBytes = 16 << 20;
// Kept for kills: about 10,000 leaves.
inline constexpr uint64_t kJournalKillBytes = 4 << 20;
// Of that, the last is kept for operators: kills must not keep a withdrawal or
// an unseal out.
inline constexpr uint64_t kJournalOperatorBytes = 256 * 1024;

enum class JournalState : uint8_t {
  kClosed,   // not opened, or uninitialised: Create is all it can do
  kScanned,  // opened; Replay before appending
  kReady,
  kLow,     // as kReady, but the disk gave no more room
  kFailed,  // a batch could not be made durable: latched, the owner must end
};

struct JournalCompletion {
  enum class Kind : uint8_t { kNone, kSynced, kFailed } kind = Kind::kNone;
  uint64_t sequence = 0;  // kSynced: every batch up to this one is durable
};

// Resource; not movable. The descriptors stay the owner's and outlive it.
class Journal {
 public:
  // `event_fd`: an eventfd that gets 8 bytes written when a submitted batch is
  // done (the owner reads it empty, then calls Poll), or -1.
  Journal(FileOps& files, int fd_a, int fd_b, int event_fd);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // --- At start, before the sandbox, without a key
  // For an uninitialised vault: kConflict when a file holds leaves (the state
  // file is missing), kInvalid for foreign files. Remains of an unfinished
  // Create are accepted.
  base::Status OpenEmpty();
  // Scans from `from` (of the state file's clear header) to the end, checksums
  // only. A torn last batch is cut: appending resumes in its place. kDamaged,
  // kInvalid (foreign), kNewerFormat, kIo: literal messages that name the file.
  base::Status Open(const VaultId& vault_id, const JournalPosition& from);
  base::Status StartThread();
  // Ends the second thread after what is in flight. A thread's end needs more
  // system calls than the sandbox allows: there, WaitIdle and exit_group.
  void StopThread();

  // --- init: writes both headers and reserves the first step
  // After OpenEmpty only. Leaves are counted from `first_leaf`. Durable on
  // return; then Replay from durable_position(). kFull when the room cannot be
  // reserved.
  base::Status Create(const VaultId& vault_id, uint64_t first_leaf = 0);

  // --- unseal
  // Verifies every MAC from `from` (of the state's sealed body) to the end and
  // hands each entry to the visitor, in order. kDenied for a batch that is not
  // authentic; an error of the visitor is passed on. Writes the last batch once
  // more (a sync that failed before a restart may have left it in memory only),
  // then state is kReady. May be called again after a seal.
  base::Status Replay(const crypto::JournalKey& key,
                      const JournalPosition& from, JournalVisitor& visitor);

  // --- Appending
  // The index that the next AddLeaf takes.
  uint64_t next_leaf() const { return next_leaf_; }
  // Room in buffer and file for a leaf and two changes of the largest size,
  // which any one item's entries fit in (vault_changes.cc).
  // Ordinary decisions are refused while the kills' reserve is all that is
  // left.
  bool CanAppend(bool kill) const;
  // The same for an operator's leaf, down to the last byte.
  bool CanRecord() const;
  // False, and nothing is added, when buffer or file has no room. At most
  // base::kLeafBytesMax and kChangeBytesMax bytes.
  bool AddLeaf(Bytes leaf);
  bool AddChange(Bytes change);
  // Nothing to submit.
  bool empty() const { return buffers_[filling_].entries == 0; }
  bool in_flight() const { return in_flight_; }
  // Closes the filled batch and hands it to the second thread; its sequence.
  // Requires !empty() and !in_flight() (an earlier batch's Poll comes first).
  uint64_t Submit(const crypto::JournalKey& key);
  // What became of submitted batches since the last call. After kFailed no
  // answer of an unsynced batch may leave.
  JournalCompletion Poll();
  // Waits for the batch in flight, if any; Poll still reports it.
  void WaitIdle();
  // Waits for the batch in flight, then writes and syncs the filled one, if
  // any, on this thread. For operators' rare actions. kIo: state is kFailed.
  base::Status SyncNow(const crypto::JournalKey& key);
  // Asks for more room when less than half a step is left and the last attempt
  // failed; on the owner's slow tick. Cheap otherwise.
  void KeepReserve();

  // --- Reading
  // Durable leaves from index `from`, or the last `count` when from is
  // wire::kNoLeaf, copied into `space` (fewer when it is short).
  base::Status ReadTail(uint64_t from, uint32_t count, MutableBytes space,
                        wire::TailAnswer& answer);
  // Durable leaves in order, from index `from`, or from where the last call
  // ended when from is wire::kNoLeaf, or from the first there is. Calls that
  // follow one another read each batch once. The views hold until the next.
  base::Status ReadLeaves(uint64_t from, wire::LeavesAnswer& answer);
  // The end of the last durable batch. Call SyncNow before a snapshot of state
  // that changes in unsynced batches have touched.
  const JournalPosition& durable_position() const { return durable_; }
  JournalState state() const;
  uint64_t bytes() const { return durable_.offset; }
  uint64_t reserved_bytes() const { return reserved_end_.load(); }
  // Of the last call that failed; for the log.
  int last_errno() const { return last_errno_.load(); }

 private:
  struct Buffer {
    std::unique_ptr<uint8_t[]> bytes;  // kJournalBatchBytesMax
    size_t payload_bytes = 0;
    uint32_t entries = 0;
    BatchHead head;
    ByteArray<32> mac{};
  };
  // ReadLeaves: its own window, in which the batch last read lies.
  struct Walk {
    std::unique_ptr<uint8_t[]> window;  // kJournalBatchBytesMax
    std::unique_ptr<uint8_t[]> given;   // base::kLeavesBytesMax
    std::optional<JournalReader> reader;
    Bytes payload;      // of that batch, what is not read yet
    uint64_t next = 0;  // index of the next leaf in it
  };
  // Where a batch ended up.
  struct Written {
    bool ok = false;
    uint64_t offset = 0;
  };

  MutableBytes window() { return {read_buffer_.get(), kJournalBatchBytesMax}; }
  JournalReader Reader(const JournalPosition& from, uint64_t end);
  base::Status CheckUnused(int fd, base::Literal foreign, base::Literal used);
  base::Status CheckHeaders(const VaultId& vault_id);
  base::Status CheckStart(const JournalPosition& from);
  bool WriteHeader(int fd, uint8_t file, const VaultId& vault_id);
  base::Status SecureLast();
  base::Status FindLeaf(uint64_t leaf, JournalPosition& position);
  base::Status SeekWalk(uint64_t from);
  base::Result<bool> NextOfWalk(Bytes& leaf);
  base::Status CopyLeaves(JournalReader& reader, uint64_t from, uint32_t count,
                          MutableBytes space, wire::TailAnswer& answer);
  base::Error Io(base::Literal message);
  bool AddEntry(EntryKind kind, Bytes bytes);
  bool HasFileRoom(uint64_t more_payload, uint64_t reserve) const;
  bool HasRoom(uint64_t reserve) const;
  Bytes Close(Buffer& buffer, const crypto::JournalKey& key);
  Written WriteBatch(Bytes batch, uint64_t offset);
  void Settle(Buffer& buffer, const Written& written);
  void Collect(bool wait);
  // In either thread: after a batch that ended at `used`.
  void ExtendReserve(uint64_t used);
  void RunThread();
  static void* ThreadMain(void* self);

  FileOps& files_;
  const int fd_a_;
  const int fd_b_;
  const int event_fd_;

  // Of the main thread.
  std::unique_ptr<uint8_t[]> read_buffer_;  // kJournalBatchBytesMax
  Walk walk_;
  Buffer buffers_[2];
  int filling_ = 0;  // the other one is in flight or idle
  bool in_flight_ = false;
  uint64_t next_leaf_ = 0;
  uint64_t reported_ = 0;  // sequence last reported by Poll
  VaultId vault_id_{};
  JournalPosition durable_;
  JournalState stage_ = JournalState::kClosed;
  bool found_unused_ = false;  // by OpenEmpty: Create may overwrite
  bool last_secured_ = true;   // the last batch was synced by this process
  bool thread_runs_ = false;
  pthread_t thread_{};

  // Between the threads, under mutex_.
  enum class Work : uint8_t { kNone, kBatch, kReserve };
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Work work_ = Work::kNone;
  bool stop_ = false;
  bool started_ = false;
  Bytes work_batch_;
  uint64_t work_offset_ = 0;
  bool finished_ = false;
  Written work_written_;

  std::atomic<uint64_t> reserved_end_{0};
  std::atomic<bool> low_{false};
  std::atomic<int> last_errno_{0};
};

}  // namespace coffer::keeper
