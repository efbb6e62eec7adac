#include "vault/store/data_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstring>

#include "vault/store/rows.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;

constexpr uint32_t kMagic = 0xbeefc0de;
constexpr uint32_t kVersion = 1;
constexpr uint16_t kMetaFlag = 0x08;
constexpr uint32_t kPageBytesMin = 4096;
constexpr uint32_t kPageBytesMax = 65536;
// Flags of the two tables that LMDB keeps: integer keys, and what it copies
// there of the flags of its environment.
constexpr uint16_t kFreeTableFlags = 0x08;
constexpr uint16_t kEnvironmentFlags = 0x4000;  // MDB_NOSUBDIR

constexpr size_t kFlagsAt = 10;
constexpr size_t kMagicAt = 16;
constexpr size_t kVersionAt = 20;
constexpr size_t kFreeTableAt = 40;
constexpr size_t kMainTableAt = 88;
constexpr size_t kTableFlagsAt = 4;
constexpr size_t kTableDepthAt = 6;
constexpr size_t kTableRootAt = 40;
constexpr size_t kLastPageAt = 136;
constexpr size_t kTransactionAt = 144;
constexpr size_t kMetaBytes = 152;
constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr uint16_t kDepthMax = 32;

template <typename T>
T Load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

struct Meta {
  uint8_t bytes[kMetaBytes]{};
  uint32_t magic() const { return Load<uint32_t>(bytes + kMagicAt); }
  uint32_t version() const { return Load<uint32_t>(bytes + kVersionAt); }
  uint32_t page_bytes() const { return Load<uint32_t>(bytes + kFreeTableAt); }
  uint64_t last_page() const { return Load<uint64_t>(bytes + kLastPageAt); }
  uint64_t transaction() const {
    return Load<uint64_t>(bytes + kTransactionAt);
  }
  bool flags_sound() const {
    const auto page = Load<uint16_t>(bytes + kFlagsAt);
    const auto free = Load<uint16_t>(bytes + kFreeTableAt + kTableFlagsAt);
    const auto main = Load<uint16_t>(bytes + kMainTableAt + kTableFlagsAt);
    return page == kMetaFlag &&
           (free & ~kEnvironmentFlags) == kFreeTableFlags && main == 0;
  }
  bool table_sound(size_t at) const {
    const auto root = Load<uint64_t>(bytes + at + kTableRootAt);
    const auto depth = Load<uint16_t>(bytes + at + kTableDepthAt);
    if (root == kNoPage) return depth == 0;
    return root >= 2 && root <= last_page() && depth >= 1 && depth <= kDepthMax;
  }
  // What must hold of the one in use. The other may be from a commit that
  // failed, with tables that are not on the disk.
  bool usable() const {
    return last_page() >= 1 && last_page() < kNoPage / kPageBytesMax &&
           table_sound(kFreeTableAt) && table_sound(kMainTableAt);
  }
};

base::Status ReadMeta(int fd, uint64_t at, Meta& meta) {
  const ssize_t got =
      pread(fd, meta.bytes, sizeof meta.bytes, static_cast<off_t>(at));
  if (got < 0) return Fail(Code::kIo, "store: data.mdb cannot be read");
  if (static_cast<size_t>(got) != sizeof meta.bytes) return DamagedError();
  return {};
}

}  // namespace

base::Result<DataFile> InspectDataFile(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
    return Fail(Code::kIo, "store: data.mdb is no file that can be read");
  }
  Meta first;
  COFFER_TRY(ReadMeta(fd, 0, first));
  Meta second;
  // Each is found without the other, so that damage to one is no foreign file.
  const bool first_known = first.magic() == kMagic;
  const uint32_t page_bytes = first_known ? first.page_bytes() : kPageBytesMin;
  const bool plausible = std::has_single_bit(page_bytes) &&
                         page_bytes >= kPageBytesMin &&
                         page_bytes <= kPageBytesMax;
  // One that cannot be read has no magic number either.
  if (plausible) (void)ReadMeta(fd, page_bytes, second);
  if (!first_known && second.magic() != kMagic) {
    return Fail(Code::kInvalid,
                "store: data.mdb is not a store of coffer's; set data_dir to "
                "another directory, or restore a backup");
  }
  if (!first_known || second.magic() != kMagic) {
    return DamagedError();
  }
  if (first.version() != kVersion && second.version() == first.version()) {
    return Fail(Code::kNewerFormat,
                "store: data.mdb was written by another version of LMDB; use "
                "the coffer that made it");
  }
  if (first.version() != kVersion || second.version() != kVersion ||
      !first.flags_sound() || !second.flags_sound() ||
      first.page_bytes() != second.page_bytes()) {
    return DamagedError();
  }
  const Meta& last =
      second.transaction() > first.transaction() ? second : first;
  if (!last.usable()) return DamagedError();
  DataFile out;
  out.page_bytes = page_bytes;
  out.last_page = last.last_page();
  out.transaction = last.transaction();
  out.file_bytes = static_cast<uint64_t>(file.st_size);
  out.first_missing_page = out.file_bytes / page_bytes;
  if (out.first_missing_page < 2) return DamagedError();
  return out;
}

}  // namespace coffer::store
