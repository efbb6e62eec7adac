#include "vault/keeper/journal_reader.h"

#include <algorithm>

namespace coffer::keeper {
namespace {

using base::Code;
using base::Fail;
using base::Status;

base::Error NoBatch() { return Fail(Code::kNotFound, "no batch here"); }

// The entries fill the payload and are as many as the head says.
bool EntriesMatch(const ReadBatch& batch) {
  base::Decoder payload(batch.payload);
  JournalEntry entry;
  uint32_t leaves = 0;
  uint32_t changes = 0;
  bool bad = false;
  while (NextEntry(payload, entry, bad)) {
    ++(entry.kind == EntryKind::kLeaf ? leaves : changes);
  }
  return !bad && leaves + changes > 0 && leaves == batch.head.leaves &&
         changes == batch.head.changes;
}

bool HeadHolds(const ReadBatch& batch) {
  const BatchHead& head = batch.head;
  return head.sequence > 0 && head.tree_size >= head.first_leaf &&
         head.tree_size - head.first_leaf == head.leaves;
}

}  // namespace

JournalReader::JournalReader(FileOps& files, int fd, const VaultId& vault_id,
                             MutableBytes window, const JournalPosition& from,
                             uint64_t end)
    : files_(files),
      fd_(fd),
      vault_id_(vault_id),
      window_(window),
      end_(end),
      position_(from) {
  COFFER_CHECK(window.size() >= kJournalBatchBytesMax);
}

base::Result<Bytes> JournalReader::View(uint64_t offset, uint64_t bytes) {
  if (offset >= end_) return Bytes{};
  bytes = std::min(bytes, end_ - offset);
  const bool held = offset >= window_offset_ &&
                    offset - window_offset_ <= window_bytes_ &&
                    window_bytes_ - (offset - window_offset_) >= bytes;
  if (!held) {
    window_offset_ = offset;
    window_bytes_ = 0;
    ssize_t count = ReadUpTo(
        files_, fd_,
        window_.first(std::min<uint64_t>(window_.size(), end_ - offset)),
        offset);
    if (count < 0) return Fail(Code::kIo, "journal-0: cannot be read");
    window_bytes_ = static_cast<uint64_t>(count);
    bytes = std::min(bytes, window_bytes_);
  }
  return Bytes(window_.data() + (offset - window_offset_), bytes);
}

Status JournalReader::ReadAt(uint64_t offset, ReadBatch& batch) {
  auto start = View(offset, kBatchPayloadOffset);
  if (!start.ok()) return start.error();
  if (start->size() < kBatchPayloadOffset) return NoBatch();
  base::Decoder decoder(*start);
  BatchHead::Fields(decoder, batch.head);
  ByteArray<32> checksum;
  decoder.Fixed(checksum);
  decoder.Fixed(batch.mac);
  if (batch.head.magic != kBatchMagic || offset % 8 != 0 ||
      batch.head.payload_bytes > kBatchPayloadBytesMax) {
    return NoBatch();
  }
  const uint64_t size = BatchBytes(batch.head.payload_bytes);
  auto whole = View(offset, size);
  if (!whole.ok()) return whole.error();
  if (whole->size() < size) return NoBatch();
  batch.offset = offset;
  batch.whole = *whole;
  batch.payload = whole->subspan(kBatchPayloadOffset, batch.head.payload_bytes);
  const size_t used = kBatchPayloadOffset + batch.payload.size();
  batch.digest =
      BatchDigest(vault_id_, whole->first(kBatchHeadBytes), batch.payload);
  if (BatchChecksum(batch.digest, batch.mac) != checksum ||
      !IsZero(whole->subspan(used))) {
    return NoBatch();
  }
  if (batch.head.format > kJournalFormat) {
    return Fail(Code::kNewerFormat,
                "journal-0: written by a newer coffer; use that version");
  }
  if (batch.head.format != kJournalFormat ||
      batch.head.file != position_.file || !HeadHolds(batch) ||
      !EntriesMatch(batch)) {
    return NoBatch();
  }
  return {};
}

bool JournalReader::Continues(const ReadBatch& batch) const {
  return batch.head.sequence == position_.sequence + 1 &&
         batch.head.first_leaf == position_.leaf;
}

bool JournalReader::Repeats(const ReadBatch& batch) const {
  return batch.head.sequence == position_.sequence &&
         batch.mac == position_.mac;
}

void JournalReader::Advance(const ReadBatch& batch) {
  position_.offset = batch.offset + batch.whole.size();
  position_.sequence = batch.head.sequence;
  position_.leaf = batch.head.tree_size;
  position_.last_offset = batch.offset;
  position_.mac = batch.mac;
}

base::Result<JournalReader::Step> JournalReader::Next(ReadBatch& batch) {
  uint64_t place = position_.offset;
  uint64_t limit = place + kJournalBatchBytesMax + kJournalBlockBytes;
  while (place < std::min(limit, end_)) {
    Status read = ReadAt(place, batch);
    if (!read.ok() && read.error().code != Code::kNotFound) {
      return read.error();
    }
    if (read.ok() && Continues(batch)) {
      Advance(batch);
      return Step::kBatch;
    }
    // The last batch may have been written again at the first boundary after
    // it, and nowhere else.
    if (read.ok() && Repeats(batch) &&
        place == AlignUp(position_.offset, kJournalBlockBytes)) {
      position_.offset = place + batch.whole.size();
      place = position_.offset;
      limit = place + kJournalBatchBytesMax + kJournalBlockBytes;
      continue;
    }
    place = AlignUp(place + 1, kJournalBlockBytes);
  }
  return Step::kEnd;
}

Status JournalReader::FindAfter(uint64_t offset, uint64_t limit,
                                ReadBatch& batch) {
  ByteArray<4> magic;
  base::Encoder encoder(magic);
  encoder.Number(kBatchMagic);
  auto starts_here = [&magic](const uint8_t* at) {
    return at[0] == magic[0] && at[1] == magic[1] && at[2] == magic[2] &&
           at[3] == magic[3];
  };
  limit = std::min(limit, end_);
  for (offset = AlignUp(offset, 8); offset < limit;) {
    auto view = View(offset, std::min<uint64_t>(65536, limit - offset));
    if (!view.ok()) return view.error();
    size_t i = 0;
    while (i + 4 <= view->size() && !starts_here(view->data() + i)) {
      i += 8;
    }
    if (i + 4 > view->size()) {
      if (view->size() < 8) break;
      offset += i;
      continue;
    }
    Status read = ReadAt(offset + i, batch);
    if (read.ok() || read.error().code != Code::kNotFound) return read;
    offset += i + 8;
  }
  return NoBatch();
}

Status JournalReader::CheckNothingLater() {
  ReadBatch batch;
  for (uint64_t offset = position_.offset;;) {
    Status found = FindAfter(offset, end_, batch);
    if (!found.ok()) {
      if (found.error().code == Code::kNotFound) return {};
      return found;
    }
    if (batch.head.sequence > position_.sequence) {
      return Fail(Code::kDamaged,
                  "journal-0: damaged before its end; restore it from a copy");
    }
    offset = batch.offset + 8;
  }
}

}  // namespace coffer::keeper
