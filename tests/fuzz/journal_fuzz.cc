// The journal's reader, at start and at unseal. The first byte chooses what is
// made right again, so that checksums do not keep the fuzzer out; the rest is
// journal-0 after its header, or, with the first bit, from its beginning.
// Whatever opens and replays must take another leaf and give all back.
// links: coffer_keeper_files
#include <algorithm>

#include "crypto/kdf.h"
#include "tests/keeper_files/fake_files.h"
#include "vault/keeper/journal.h"

namespace {

using namespace coffer::keeper;
using coffer::base::Status;

constexpr VaultId kVault = {1, 2, 3, 4};
constexpr uint8_t kRawHeader = 1;
constexpr uint8_t kKeepChecksums = 2;
constexpr uint8_t kKeepMacs = 4;

struct Keys {
  Keys() {
    COFFER_CHECK(coffer::crypto::Initialise().ok());
    auto made = coffer::base::SecretArena::Create(1);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    key = coffer::crypto::JournalKey(*arena);
    coffer::crypto::RandomKey(key);
  }
  std::unique_ptr<coffer::base::SecretArena> arena;
  coffer::crypto::JournalKey key;
};

class Counting final : public JournalVisitor {
 public:
  Status OnLeaf(uint64_t index, Bytes leaf) override {
    COFFER_CHECK(index == leaves++);
    COFFER_CHECK(leaf.size() <= coffer::base::kLeafBytesMax);
    return {};
  }
  Status OnChange(Bytes change) override {
    COFFER_CHECK(change.size() <= kChangeBytesMax);
    ++changes;
    return {};
  }
  uint64_t leaves = 0;
  uint64_t changes = 0;
};

// As someone who knows the journal key would make them.
void MakeRight(std::vector<uint8_t>& file, const Keys& keys, uint8_t mode) {
  ByteArray<32> previous{};
  uint64_t offset = kJournalHeaderBytes;
  while (offset + kBatchPayloadOffset <= file.size()) {
    MutableBytes rest = MutableBytes(file).subspan(offset);
    BatchHead head;
    coffer::base::Decoder decoder(rest);
    BatchHead::Fields(decoder, head);
    if (head.magic != kBatchMagic ||
        head.payload_bytes > rest.size() - kBatchPayloadOffset) {
      offset += 8;
      continue;
    }
    const ByteArray<32> digest =
        BatchDigest(kVault, rest.first(kBatchHeadBytes),
                    rest.subspan(kBatchPayloadOffset, head.payload_bytes));
    uint8_t* mac = rest.data() + kBatchHeadBytes + 32;
    if ((mode & kKeepMacs) == 0) {
      const ByteArray<32> made = BatchMac(keys.key, previous, digest);
      std::copy(made.begin(), made.end(), mac);
    }
    std::copy_n(mac, 32, previous.begin());
    const ByteArray<32> checksum = BatchChecksum(digest, previous);
    std::copy(checksum.begin(), checksum.end(), rest.data() + kBatchHeadBytes);
    offset += BatchBytes(head.payload_bytes);
  }
}

void PutHeader(FakeFiles& files, int fd) {
  JournalFileHeader header;
  EncodeJournalHeader(header, static_cast<uint8_t>(fd), kVault);
  COFFER_CHECK(WriteAll(files, fd, header, 0));
}

// Opens, replays, and appends one leaf; false when it was refused.
bool AppendOne(FakeFiles& files, const Keys& keys, Counting& seen) {
  Journal journal(files, 0, 1, -1);
  if (!journal.Open(kVault, {}).ok()) return false;
  if (!journal.Replay(keys.key, {}, seen).ok()) return false;
  COFFER_CHECK(journal.next_leaf() == seen.leaves);
  std::vector<uint8_t> space(4096);
  coffer::wire::TailAnswer answer;
  // Only a batch that points to a wrong one before it may be an error.
  if (journal.ReadTail(coffer::wire::kNoLeaf, 2, space, answer).ok()) {
    COFFER_CHECK(answer.next == seen.leaves);
    COFFER_CHECK(answer.leaves.size <= 2);
  }
  const uint8_t leaf[] = {1, 2, 3};
  COFFER_CHECK(journal.AddLeaf(leaf));
  COFFER_CHECK(journal.SyncNow(keys.key).ok());
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Keys keys;
  if (size < 1 || size > 65536) return 0;
  const uint8_t mode = data[0];
  FakeFiles files;
  PutHeader(files, 0);
  PutHeader(files, 1);
  auto& file = files.file(0);
  const bool raw = (mode & kRawHeader) != 0;
  file.cache.resize(raw ? 0 : kJournalHeaderBytes);
  file.cache.insert(file.cache.end(), data + 1, data + size);
  if ((mode & kKeepChecksums) == 0 && file.cache.size() > kJournalHeaderBytes) {
    MakeRight(file.cache, keys, mode);
  }
  file.size = file.cache.size() + 4096;

  {
    Journal journal(files, 0, 1, -1);
    (void)journal.OpenEmpty();
  }
  Counting first;
  if (!AppendOne(files, keys, first)) return 0;
  files.Shrink(0);
  Counting second;
  COFFER_CHECK(AppendOne(files, keys, second));
  COFFER_CHECK(second.leaves == first.leaves + 1);
  COFFER_CHECK(second.changes == first.changes);
  return 0;
}
