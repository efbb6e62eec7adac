#include "vault/keeper/journal_format.h"

#include <algorithm>

#include "crypto/kdf.h"

namespace coffer::keeper {
namespace {

constexpr size_t kChecksummedHeaderBytes = kJournalHeaderBytes - 32;
constexpr uint64_t kFirstSequence = 1;

struct FileHead {
  ByteArray<8> magic = kJournalMagic;
  uint8_t format = kJournalFormat;
  uint8_t file = 0;
  VaultId vault_id{};
  uint64_t first_sequence = kFirstSequence;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.magic);
    coder.Number(self.format);
    coder.Number(self.file);
    coder.Fixed(self.vault_id);
    coder.Number(self.first_sequence);
  }
};

ByteArray<32> HeaderChecksum(Bytes block) {
  ByteArray<32> checksum;
  crypto::Hash(checksum, "coffer journal file",
               {block.first(kChecksummedHeaderBytes)});
  return checksum;
}

}  // namespace

void EncodeJournalHeader(JournalFileHeader& out, uint8_t file,
                         const VaultId& vault_id) {
  out.fill(0);
  FileHead head;
  head.file = file;
  head.vault_id = vault_id;
  COFFER_CHECK(base::EncodeWhole(out, head).ok());
  ByteArray<32> checksum = HeaderChecksum(out);
  std::copy(checksum.begin(), checksum.end(),
            out.begin() + kChecksummedHeaderBytes);
}

HeaderVerdict CheckJournalHeader(Bytes block, uint8_t file,
                                 const VaultId& vault_id) {
  if (block.size() < kJournalHeaderBytes) return HeaderVerdict::kDamaged;
  FileHead head;
  base::Decoder decoder(block.first(kChecksummedHeaderBytes));
  FileHead::Fields(decoder, head);
  if (head.magic != kJournalMagic) return HeaderVerdict::kForeign;
  if (!base::Equal(HeaderChecksum(block),
                   block.subspan(kChecksummedHeaderBytes, 32))) {
    return HeaderVerdict::kDamaged;
  }
  if (head.format > kJournalFormat) return HeaderVerdict::kNewer;
  if (head.format != kJournalFormat || !IsZero(decoder.rest())) {
    return HeaderVerdict::kDamaged;
  }
  if (head.file != file || head.vault_id != vault_id ||
      head.first_sequence != kFirstSequence) {
    return HeaderVerdict::kOther;
  }
  return HeaderVerdict::kOk;
}

ByteArray<32> BatchDigest(const VaultId& vault_id, Bytes head, Bytes payload) {
  ByteArray<32> digest;
  crypto::Hash(digest, "coffer journal batch", {vault_id, head, payload});
  return digest;
}

ByteArray<32> BatchMac(const crypto::JournalKey& key,
                       const ByteArray<32>& previous,
                       const ByteArray<32>& digest) {
  ByteArray<32> mac;
  crypto::KeyedHash(mac, key, "coffer journal mac", {previous, digest});
  return mac;
}

ByteArray<32> BatchChecksum(const ByteArray<32>& digest,
                            const ByteArray<32>& mac) {
  ByteArray<32> checksum;
  crypto::Hash(checksum, "coffer journal checksum", {digest, mac});
  return checksum;
}

bool NextEntry(base::Decoder& payload, JournalEntry& entry, bool& bad) {
  if (payload.rest().empty()) return false;
  payload.Number(entry.kind);
  const bool is_leaf = entry.kind == EntryKind::kLeaf;
  payload.ShortBytes(entry.bytes,
                     is_leaf ? base::kLeafBytesMax : kChangeBytesMax);
  if (payload.failed() || (!is_leaf && entry.kind != EntryKind::kChange)) {
    bad = true;
    return false;
  }
  return true;
}

}  // namespace coffer::keeper
