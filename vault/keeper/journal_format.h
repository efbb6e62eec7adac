// The journal's bytes: what a file and a batch look like. Runs in the keeper;
// refuses nothing by itself, the reader does (journal_reader.h).
//
//   file    := header (4096 bytes) batch*          reserved room after it is 0
//   header  := magic "COFFERJ\n" | format u8 | file u8 | vault id 16
//              | first batch's sequence u64 | zeros | checksum 32 (the last)
//   batch   := head | checksum 32 | mac 32 | payload | zeros to 8 bytes
//   head    := magic u32 | format u8 | file u8 | payload bytes u32
//              | previous batch's offset u64 (0: none) | sequence u64
//              | first leaf's index u64 | leaves u32 | changes u32
//              | tree size u64 (first leaf + leaves) | root 32
//   payload := (kind u8 (1 leaf, 2 change) | size u16 | bytes)*
//
// Numbers are little-endian. `root` is zeros until the Merkle tree exists.
// Magic, format, sizes and the places of checksum and MAC are the same in every
// format, so that a later format is told apart from damage.
//   header checksum = BLAKE2b-32("coffer journal file", header before it)
//   digest   = BLAKE2b-32("coffer journal batch", vault id, head, payload)
//   mac      = keyed BLAKE2b-32("coffer journal mac", previous mac, digest)
//   checksum = BLAKE2b-32("coffer journal checksum", digest, mac)
// The MAC chains: it vouches for the batch, and for all before it, in order.
// The checksum covers the MAC too, so that a torn batch is never taken for a
// forged one. The payload is read once.
//
// A batch whose write or sync failed is written again, the same bytes, at the
// next 4 KiB boundary after its first place, so that no page is shared. A
// reader takes the first of the two that is whole and skips the other.
#pragma once

#include "crypto/base/codec.h"
#include "crypto/base/limits.h"
#include "crypto/secret_key.h"
#include "vault/keeper/state_io.h"

namespace coffer::keeper {

inline constexpr uint8_t kJournalFormat = 1;
inline constexpr ByteArray<8> kJournalMagic = {'C', 'O', 'F', 'F',
                                               'E', 'R', 'J', '\n'};
inline constexpr uint32_t kBatchMagic = 0x42464f43;  // "COFB"
inline constexpr uint64_t kJournalBlockBytes = 4096;
inline constexpr uint64_t kJournalHeaderBytes = kJournalBlockBytes;
inline constexpr size_t kChangeBytesMax = 256;
inline constexpr size_t kEntryHeadBytes = 3;
inline constexpr size_t kBatchHeadBytes = 82;
inline constexpr size_t kBatchPayloadOffset = kBatchHeadBytes + 32 + 32;
// A gate's batch with a leaf and two changes an item, and a few of our own.
inline constexpr size_t kBatchLeavesMax = base::kBatchItemsMax + 32;
inline constexpr size_t kItemEntriesBytesMax =
    (kEntryHeadBytes + base::kLeafBytesMax) +
    2 * (kEntryHeadBytes + kChangeBytesMax);
inline constexpr size_t kBatchPayloadBytesMax =
    kBatchLeavesMax * kItemEntriesBytesMax;
constexpr uint64_t AlignUp(uint64_t offset, uint64_t to) {
  return (offset + to - 1) / to * to;
}
inline constexpr size_t kJournalBatchBytesMax =
    AlignUp(kBatchPayloadOffset + kBatchPayloadBytesMax, 8);

// A place between two batches: all before it is known, replay goes on from it.
// Value; kept in keeper.state.
struct JournalPosition {
  uint8_t file = 0;                       // 0 for now
  uint64_t offset = kJournalHeaderBytes;  // where the next batch is expected
  uint64_t sequence = 0;                  // of the last batch; 0: none yet
  uint64_t leaf = 0;                      // index of the next leaf
  uint64_t last_offset = 0;               // of the last batch; 0: none
  ByteArray<32> mac{};                    // of the last batch

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.file);
    coder.Number(self.offset);
    coder.Number(self.sequence);
    coder.Number(self.leaf);
    coder.Number(self.last_offset);
    coder.Fixed(self.mac);
  }
};

struct BatchHead {
  uint32_t magic = kBatchMagic;
  uint8_t format = kJournalFormat;
  uint8_t file = 0;
  uint32_t payload_bytes = 0;
  uint64_t previous = 0;
  uint64_t sequence = 0;
  uint64_t first_leaf = 0;
  uint32_t leaves = 0;
  uint32_t changes = 0;
  uint64_t tree_size = 0;
  ByteArray<32> root{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.magic);
    coder.Number(self.format);
    coder.Number(self.file);
    coder.Number(self.payload_bytes);
    coder.Number(self.previous);
    coder.Number(self.sequence);
    coder.Number(self.first_leaf);
    coder.Number(self.leaves);
    coder.Number(self.changes);
    coder.Number(self.tree_size);
    coder.Fixed(self.root);
  }
};

enum class EntryKind : uint8_t { kLeaf = 1, kChange = 2 };

constexpr uint64_t BatchBytes(uint64_t payload_bytes) {
  return AlignUp(kBatchPayloadOffset + payload_bytes, 8);
}

using JournalFileHeader = ByteArray<kJournalHeaderBytes>;
void EncodeJournalHeader(JournalFileHeader& out, uint8_t file,
                         const VaultId& vault_id);
enum class HeaderVerdict : uint8_t { kOk, kForeign, kNewer, kDamaged, kOther };
// kOther: whole, but of another vault or file number.
HeaderVerdict CheckJournalHeader(Bytes block, uint8_t file,
                                 const VaultId& vault_id);

ByteArray<32> BatchDigest(const VaultId& vault_id, Bytes head, Bytes payload);
ByteArray<32> BatchMac(const crypto::JournalKey& key,
                       const ByteArray<32>& previous,
                       const ByteArray<32>& digest);
ByteArray<32> BatchChecksum(const ByteArray<32>& digest,
                            const ByteArray<32>& mac);

// The next entry of a payload; false at its end or, with `bad` set, when it is
// malformed.
struct JournalEntry {
  EntryKind kind = EntryKind::kLeaf;
  Bytes bytes;
};
bool NextEntry(base::Decoder& payload, JournalEntry& entry, bool& bad);

}  // namespace coffer::keeper
