// Opening, creating, replaying and reading; appending is journal_append.cc.
#include "vault/keeper/journal.h"

#include <algorithm>
#include <cerrno>

#include "crypto/kdf.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::Status;

namespace {

// Steps back from the end before a search by halves is cheaper.
constexpr int kWalkBackBatchesMax = 4096;

}  // namespace

Journal::Journal(FileOps& files, int fd_a, int fd_b, int event_fd)
    : files_(files),
      fd_a_(fd_a),
      fd_b_(fd_b),
      event_fd_(event_fd),
      read_buffer_(new uint8_t[kJournalBatchBytesMax]) {
  walk_.window.reset(new uint8_t[kJournalBatchBytesMax]);
  walk_.given.reset(new uint8_t[base::kLeavesBytesMax]);
  for (Buffer& buffer : buffers_) {
    buffer.bytes.reset(new uint8_t[kJournalBatchBytesMax]);
  }
}

Journal::~Journal() { StopThread(); }

base::Error Journal::Io(base::Literal message) {
  last_errno_ = errno;
  return Fail(Code::kIo, message);
}

JournalReader Journal::Reader(const JournalPosition& from, uint64_t end) {
  return JournalReader(files_, fd_a_, vault_id_, window(), from, end);
}

// --- Start

Status Journal::CheckUnused(int fd, base::Literal foreign, base::Literal used) {
  JournalFileHeader block{};
  if (ReadUpTo(files_, fd, block, 0) < 0) {
    return Io("a journal file cannot be read");
  }
  const bool ours =
      std::equal(kJournalMagic.begin(), kJournalMagic.end(), block.begin());
  if (!ours && !IsZero(block)) return Fail(Code::kInvalid, foreign);
  for (uint64_t offset = kJournalHeaderBytes;;) {
    ssize_t count = ReadUpTo(files_, fd, window(), offset);
    if (count < 0) return Io("a journal file cannot be read");
    if (count == 0) return {};
    if (!IsZero(window().first(static_cast<size_t>(count)))) {
      return Fail(Code::kConflict, used);
    }
    offset += static_cast<uint64_t>(count);
  }
}

Status Journal::OpenEmpty() {
  COFFER_CHECK(stage_ == JournalState::kClosed);
  COFFER_TRY(CheckUnused(
      fd_a_, "journal-0: not a journal of coffer; move it away",
      "journal-0: holds leaves, but keeper.state is empty: zeroized, or "
      "lost; restore keeper/, or move keeper/ and store/ away and begin "
      "anew"));
  COFFER_TRY(CheckUnused(
      fd_b_, "journal-1: not a journal of coffer; move it away",
      "journal-1: holds leaves, but keeper.state is empty: zeroized, or "
      "lost; restore keeper/, or move keeper/ and store/ away and begin "
      "anew"));
  found_unused_ = true;
  return {};
}

Status Journal::CheckHeaders(const VaultId& vault_id) {
  JournalFileHeader block{};
  if (ReadUpTo(files_, fd_a_, block, 0) < 0) {
    return Io("journal-0: cannot be read");
  }
  switch (CheckJournalHeader(block, 0, vault_id)) {
    case HeaderVerdict::kForeign:
      return Fail(Code::kInvalid,
                  "journal-0: not a journal of coffer; restore it from a copy");
    case HeaderVerdict::kNewer:
      return Fail(Code::kNewerFormat,
                  "journal-0: written by a newer coffer; use that version");
    case HeaderVerdict::kDamaged:
      return Fail(Code::kDamaged,
                  "journal-0: its header is damaged; restore it from a copy");
    case HeaderVerdict::kOther:
      return Fail(Code::kInvalid,
                  "journal-0: of another vault; restore this vault's own");
    case HeaderVerdict::kOk:
      break;
  }
  block.fill(0);
  if (ReadUpTo(files_, fd_b_, block, 0) < 0) {
    return Io("journal-1: cannot be read");
  }
  switch (CheckJournalHeader(block, 1, vault_id)) {
    case HeaderVerdict::kForeign:
      return Fail(Code::kInvalid,
                  "journal-1: not a journal of coffer; restore it from a copy");
    case HeaderVerdict::kNewer:
      return Fail(Code::kNewerFormat,
                  "journal-1: written by a newer coffer; use that version");
    case HeaderVerdict::kDamaged:
      return Fail(Code::kDamaged,
                  "journal-1: its header is damaged; restore it from a copy");
    case HeaderVerdict::kOther:
      return Fail(Code::kInvalid,
                  "journal-1: of another vault; restore this vault's own");
    case HeaderVerdict::kOk:
      break;
  }
  if (files_.Size(fd_b_) != static_cast<int64_t>(kJournalHeaderBytes)) {
    return Fail(Code::kNewerFormat,
                "journal-1: in use, by a newer coffer; use that version");
  }
  return {};
}

// The journal and the state file are of one history: the batch at which the
// state's position stands is there.
Status Journal::CheckStart(const JournalPosition& from) {
  if (from.file != 0) {
    return Fail(Code::kNewerFormat,
                "keeper.state: written by a newer coffer; use that version");
  }
  if (from.sequence == 0) {
    if (from.offset == kJournalHeaderBytes) return {};
    return Fail(Code::kDamaged, "keeper.state: damaged; restore it");
  }
  ReadBatch batch;
  Status read = Reader(from, reserved_end_).ReadAt(from.last_offset, batch);
  if (!read.ok() && read.error().code != Code::kNotFound) return read;
  if (!read.ok() || batch.head.sequence != from.sequence ||
      batch.head.tree_size != from.leaf || batch.mac != from.mac ||
      from.offset < from.last_offset + batch.whole.size() ||
      from.offset % 8 != 0 || from.offset > reserved_end_) {
    return Fail(Code::kDamaged,
                "journal-0: ends before keeper.state does, or is not of its "
                "history; restore both from one copy");
  }
  return {};
}

Status Journal::Open(const VaultId& vault_id, const JournalPosition& from) {
  COFFER_CHECK(stage_ == JournalState::kClosed);
  COFFER_TRY(CheckHeaders(vault_id));
  vault_id_ = vault_id;
  const int64_t size = files_.Size(fd_a_);
  if (size < 0) return Io("journal-0: cannot be read");
  reserved_end_ = static_cast<uint64_t>(size) / 8 * 8;
  COFFER_TRY(CheckStart(from));
  JournalReader reader = Reader(from, reserved_end_);
  ReadBatch batch;
  for (;;) {
    auto step = reader.Next(batch);
    if (!step.ok()) return step.error();
    if (*step == JournalReader::Step::kEnd) break;
  }
  COFFER_TRY(reader.CheckNothingLater());
  durable_ = reader.position();
  next_leaf_ = durable_.leaf;
  reported_ = durable_.sequence;
  last_secured_ = durable_.sequence == 0;
  stage_ = JournalState::kScanned;
  return {};
}

// --- init

bool Journal::WriteHeader(int fd, uint8_t file, const VaultId& vault_id) {
  JournalFileHeader block;
  EncodeJournalHeader(block, file, vault_id);
  return WriteAll(files_, fd, block, 0) && files_.DataSync(fd) == 0;
}

Status Journal::Create(const VaultId& vault_id, uint64_t first_leaf) {
  COFFER_CHECK(found_unused_ && stage_ == JournalState::kClosed);
  if (files_.Reserve(fd_a_, 0, kJournalStepBytes) != 0) {
    last_errno_ = errno;
    return Fail(Code::kFull,
                "journal-0: no room can be reserved; free disk space");
  }
  if (!WriteHeader(fd_b_, 1, vault_id)) {
    return Io("journal-1: cannot be written");
  }
  if (!WriteHeader(fd_a_, 0, vault_id)) {
    return Io("journal-0: cannot be written");
  }
  vault_id_ = vault_id;
  reserved_end_ = kJournalStepBytes;
  durable_ = JournalPosition{};
  durable_.leaf = first_leaf;
  stage_ = JournalState::kScanned;
  return {};
}

// --- unseal

Status Journal::Replay(const crypto::JournalKey& key,
                       const JournalPosition& from, JournalVisitor& visitor) {
  COFFER_CHECK(stage_ != JournalState::kClosed && !in_flight_ && empty());
  if (stage_ == JournalState::kFailed) {
    return Fail(Code::kIo, "journal-0: failed before; restart the keeper");
  }
  JournalReader reader = Reader(from, durable_.offset);
  ByteArray<32> mac = from.mac;
  while (reader.position().sequence < durable_.sequence) {
    ReadBatch batch;
    auto step = reader.Next(batch);
    if (!step.ok()) return step.error();
    if (*step == JournalReader::Step::kEnd) {
      return Fail(Code::kDamaged, "journal-0: changed since it was opened");
    }
    if (!crypto::EqualConstantTime(BatchMac(key, mac, batch.digest),
                                   batch.mac)) {
      return Fail(Code::kDenied, "journal: a batch is not authentic");
    }
    mac = batch.mac;
    base::Decoder payload(batch.payload);
    uint64_t index = batch.head.first_leaf;
    JournalEntry entry;
    for (bool bad = false; NextEntry(payload, entry, bad);) {
      COFFER_TRY(entry.kind == EntryKind::kLeaf
                     ? visitor.OnLeaf(index++, entry.bytes)
                     : visitor.OnChange(entry.bytes));
    }
  }
  if (reader.position().sequence != durable_.sequence || mac != durable_.mac) {
    return Fail(Code::kDenied, "journal: its end is not authentic");
  }
  COFFER_TRY(SecureLast());
  next_leaf_ = durable_.leaf;
  stage_ = JournalState::kReady;
  ExtendReserve(durable_.offset);
  return {};
}

// A failed sync can leave a batch whole in the page cache, marked clean, and
// not on the disk; a restart of the process alone then reads it back. Only the
// last batch can be such: write it again, in place, and sync.
Status Journal::SecureLast() {
  if (last_secured_) return {};
  ReadBatch batch;
  Status read =
      Reader(durable_, reserved_end_).ReadAt(durable_.last_offset, batch);
  if (!read.ok() && read.error().code != Code::kNotFound) return read;
  if (!read.ok() || batch.mac != durable_.mac) {
    return Fail(Code::kDamaged, "journal-0: changed since it was opened");
  }
  Written written = WriteBatch(batch.whole, batch.offset);
  if (!written.ok) {
    stage_ = JournalState::kFailed;
    return Fail(Code::kIo, "journal-0: cannot be written");
  }
  durable_.last_offset = written.offset;
  // Not after a repeat of it: that one may not be on the disk.
  durable_.offset = written.offset + batch.whole.size();
  last_secured_ = true;
  return {};
}

// --- Reading

// The position before a durable batch that starts at or before `leaf`.
Status Journal::FindLeaf(uint64_t leaf, JournalPosition& position) {
  uint64_t offset = durable_.last_offset;
  BatchHead head;
  for (int i = 0; i < kWalkBackBatchesMax; ++i) {
    ByteArray<kBatchHeadBytes> raw;
    if (ReadUpTo(files_, fd_a_, raw, offset) != kBatchHeadBytes) {
      return Io("journal-0: cannot be read");
    }
    base::Decoder decoder(raw);
    BatchHead::Fields(decoder, head);
    if (head.magic != kBatchMagic || head.previous >= offset) {
      return Fail(Code::kDamaged, "journal-0: changed since it was opened");
    }
    if (head.first_leaf <= leaf || head.previous == 0) {
      position = {0, offset, head.sequence - 1, head.first_leaf, 0, {}};
      return {};
    }
    offset = head.previous;
  }
  uint64_t low = kJournalHeaderBytes;
  uint64_t high = offset;
  JournalReader reader = Reader(durable_, durable_.offset);
  ReadBatch batch;
  while (high - low > 2 * kJournalBatchBytesMax) {
    const uint64_t middle = low + (high - low) / 2;
    Status found = reader.FindAfter(middle, high, batch);
    if (!found.ok() && found.error().code != Code::kNotFound) return found;
    if (found.ok() && batch.head.first_leaf <= leaf) {
      low = batch.offset;
    } else {
      high = middle;
    }
  }
  COFFER_TRY(reader.FindAfter(low, high, batch));
  position = {
      0, batch.offset, batch.head.sequence - 1, batch.head.first_leaf, 0, {}};
  return {};
}

Status Journal::CopyLeaves(JournalReader& reader, uint64_t from, uint32_t count,
                           MutableBytes space, wire::TailAnswer& answer) {
  ReadBatch batch;
  while (answer.leaves.size < count && reader.position().leaf < durable_.leaf) {
    auto step = reader.Next(batch);
    if (!step.ok()) return step.error();
    if (*step == JournalReader::Step::kEnd) {
      return Fail(Code::kDamaged, "journal-0: changed since it was opened");
    }
    base::Decoder payload(batch.payload);
    uint64_t index = batch.head.first_leaf;
    JournalEntry entry;
    for (bool bad = false; NextEntry(payload, entry, bad);) {
      if (entry.kind != EntryKind::kLeaf || index++ < from) continue;
      if (answer.leaves.size == count || entry.bytes.size() > space.size()) {
        return {};
      }
      std::copy(entry.bytes.begin(), entry.bytes.end(), space.begin());
      answer.leaves.push_back({space.first(entry.bytes.size())});
      space = space.subspan(entry.bytes.size());
    }
  }
  return {};
}

Status Journal::ReadTail(uint64_t from, uint32_t count, MutableBytes space,
                         wire::TailAnswer& answer) {
  answer = {};
  answer.next = durable_.leaf;
  count = std::min<uint32_t>(count, wire::kTailLeavesMax);
  if (from == wire::kNoLeaf) {
    from = durable_.leaf - std::min<uint64_t>(durable_.leaf, count);
  }
  if (count == 0 || from >= durable_.leaf || durable_.sequence == 0) return {};
  JournalPosition position;
  COFFER_TRY(FindLeaf(from, position));
  JournalReader reader = Reader(position, durable_.offset);
  return CopyLeaves(reader, from, count, space, answer);
}

}  // namespace coffer::keeper
