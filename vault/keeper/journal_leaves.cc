// Reading leaves in order, for what is derived of them.
#include <algorithm>

#include "vault/keeper/journal.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::Status;

namespace {

// Further ahead, a seek is cheaper than reading on.
constexpr uint64_t kReadOnLeavesMax = 4096;

}  // namespace

Status Journal::SeekWalk(uint64_t from) {
  walk_.reader.reset();
  walk_.payload = {};
  JournalPosition position;
  COFFER_TRY(FindLeaf(from, position));
  walk_.reader.emplace(files_, fd_a_, vault_id_,
                       MutableBytes(walk_.window.get(), kJournalBatchBytesMax),
                       position, durable_.offset);
  walk_.next = position.leaf;
  return {};
}

// The leaf at the walk's place, which stays there; false at the end of what is
// durable.
base::Result<bool> Journal::NextOfWalk(Bytes& leaf) {
  JournalReader& reader = *walk_.reader;
  for (;;) {
    base::Decoder payload(walk_.payload);
    JournalEntry entry;
    bool bad = false;
    if (NextEntry(payload, entry, bad)) {
      if (entry.kind == EntryKind::kLeaf) {
        leaf = entry.bytes;
        return true;
      }
      walk_.payload = payload.rest();
      continue;
    }
    if (reader.position().leaf >= durable_.leaf) return false;
    ReadBatch batch;
    auto step = reader.Next(batch);
    if (!step.ok()) return step.error();
    if (*step == JournalReader::Step::kEnd) {
      return Fail(Code::kDamaged, "journal-0: changed since it was opened");
    }
    walk_.payload = batch.payload;
  }
}

Status Journal::ReadLeaves(uint64_t from, wire::LeavesAnswer& answer) {
  answer.next = durable_.leaf;
  answer.leaves.size = 0;
  if (from == wire::kNoLeaf) from = walk_.next;
  if (from >= durable_.leaf || durable_.sequence == 0) return {};
  if (!walk_.reader || from < walk_.next ||
      from - walk_.next > kReadOnLeavesMax) {
    COFFER_TRY(SeekWalk(from));
  }
  walk_.reader->Extend(durable_.offset);
  MutableBytes space(walk_.given.get(), base::kLeavesBytesMax);
  while (answer.leaves.size < base::kLeavesMax) {
    Bytes leaf;
    auto more = NextOfWalk(leaf);
    if (!more.ok()) {
      walk_.reader.reset();
      return more.error();
    }
    if (!*more || (walk_.next >= from && leaf.size() > space.size())) break;
    if (walk_.next >= from) {
      std::copy(leaf.begin(), leaf.end(), space.begin());
      answer.leaves.push_back({space.first(leaf.size())});
      space = space.subspan(leaf.size());
    }
    walk_.payload = walk_.payload.subspan(kEntryHeadBytes + leaf.size());
    ++walk_.next;
  }
  return {};
}

}  // namespace coffer::keeper
