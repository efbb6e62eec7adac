// A backup file, from anywhere. The first byte says how the rest is taken: as
// the file itself, or as its parts without checksums, which are made right
// here, so that what lies behind them is reached.
// links: coffer_cli coffer_crypto
//
//   parts := (kind u8 | bytes u16 | body)*; an end part's digest is made right

#include <sys/mman.h>
#include <unistd.h>

#include "cli/backup_file.h"
#include "crypto/kdf.h"

namespace {

using namespace coffer;
using base::Bytes;
using Buffer = std::vector<uint8_t>;
using cli::BackupDigest;

void Append(Buffer& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// The file of these parts, as cli/backup_file.h has it.
Buffer WithChecksums(Bytes parts) {
  Buffer file;
  Append(file, base::AsBytes("COFFERB\n"));
  BackupDigest first{};
  BackupDigest chain{};
  base::Decoder decoder(parts);
  for (uint64_t place = 0;; ++place) {
    uint8_t kind = 0;
    uint16_t bytes = 0;
    decoder.Number(kind);
    decoder.Number(bytes);
    Bytes taken = decoder.Take(bytes);
    if (decoder.failed()) return file;
    Buffer body(taken.begin(), taken.end());
    if (kind == 4 && body.size() == 40) {
      BackupDigest digest{};
      crypto::Hash(digest, "coffer backup", {first, chain});
      std::copy(digest.begin(), digest.end(), body.begin() + 8);
    }
    base::ByteArray<13> head{};
    base::Encoder encoder{base::MutableBytes(head)};
    encoder.Number(place);
    encoder.Number(kind);
    encoder.Number(static_cast<uint32_t>(body.size()));
    BackupDigest checksum{};
    crypto::Hash(checksum, "coffer backup part", {head, body});
    Append(file, Bytes(head).subspan(8));
    Append(file, body);
    Append(file, checksum);
    if (place == 0) {
      first = checksum;
    } else {
      BackupDigest next{};
      crypto::Hash(next, "coffer backup chain", {chain, checksum});
      chain = next;
    }
  }
}

void Read(Bytes file) {
  os::FileDescriptor memory(memfd_create("backup", MFD_CLOEXEC));
  COFFER_CHECK(memory.valid());
  COFFER_CHECK(os::WriteFull(memory.get(), file).ok());
  COFFER_CHECK(lseek(memory.get(), 0, SEEK_SET) == 0);
  auto reader = cli::BackupReader::Open(std::move(memory));
  if (!reader.ok()) return;
  auto links = std::make_unique<wire::JudgeQuestion>();
  uint64_t count = 0;
  wire::LinkId last{};
  for (;;) {
    auto more = reader->Next(*links);
    if (!more.ok()) return;
    if (!*more) break;
    // What a writer could not have written is not read.
    COFFER_CHECK(!links->links.empty());
    for (const wire::JudgedLink& link : links->links) {
      COFFER_CHECK(cli::CheckLink(link).ok());
      COFFER_CHECK(count == 0 || last < link.link);
      last = link.link;
      ++count;
    }
  }
  COFFER_CHECK(count == reader->header().links);
  COFFER_CHECK(count == reader->read());
  // Nothing behind the end: one byte more is a refusal.
  COFFER_CHECK(!*reader->Next(*links));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    Read(bytes);
  } else {
    Read(WithChecksums(bytes));
  }
  return 0;
}
