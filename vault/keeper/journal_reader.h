// Walks a journal file's batches in order, without a key, through one bounded
// window. Runs in the keeper. Refuses whatever is not the next batch, and tells
// a torn tail from damage before the end.
#pragma once

#include "crypto/base/result.h"
#include "vault/keeper/journal_format.h"

namespace coffer::keeper {

// Receives a journal's entries in order; an error ends the replay.
class JournalVisitor {
 public:
  virtual ~JournalVisitor() = default;
  virtual base::Status OnLeaf(uint64_t index, Bytes leaf) = 0;
  virtual base::Status OnChange(Bytes change) = 0;
};

// A whole batch as read; its views hold until the reader's next call.
struct ReadBatch {
  uint64_t offset = 0;
  BatchHead head;
  ByteArray<32> digest{};  // as computed: what the MAC is over
  ByteArray<32> mac{};
  Bytes payload;
  Bytes whole;  // as on disk, with its padding
};

// Value over borrowed things; allocates nothing.
class JournalReader {
 public:
  // `window`: kJournalBatchBytesMax bytes. Reads [from.offset, end).
  JournalReader(FileOps& files, int fd, const VaultId& vault_id,
                MutableBytes window, const JournalPosition& from, uint64_t end);

  enum class Step : uint8_t { kBatch, kEnd };
  // The next batch, found at its place or at a 4 KiB boundary where it was
  // written again; repeats of the last batch are skipped. kEnd when there is
  // none. kNewerFormat, kIo.
  base::Result<Step> Next(ReadBatch& batch);
  // After kEnd: kDamaged when a later batch is whole all the same.
  base::Status CheckNothingLater();
  // More batches have become durable.
  void Extend(uint64_t end) { end_ = end; }
  // After the last batch that Next gave.
  const JournalPosition& position() const { return position_; }

  // Reads a whole, valid batch at `offset`, whatever its sequence. kNotFound
  // when there is none.
  base::Status ReadAt(uint64_t offset, ReadBatch& batch);
  // The first valid batch in [offset, limit), on 8-byte steps. kNotFound.
  base::Status FindAfter(uint64_t offset, uint64_t limit, ReadBatch& batch);

 private:
  base::Result<Bytes> View(uint64_t offset, uint64_t bytes);
  bool Continues(const ReadBatch& batch) const;
  bool Repeats(const ReadBatch& batch) const;
  void Advance(const ReadBatch& batch);

  FileOps& files_;
  int fd_;
  VaultId vault_id_;
  MutableBytes window_;
  uint64_t window_offset_ = 0;
  uint64_t window_bytes_ = 0;
  uint64_t end_;
  JournalPosition position_;
};

}  // namespace coffer::keeper
