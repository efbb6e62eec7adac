#include "vault/store/lmdb_environment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "vault/store/data_file.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;

// Made under this name and renamed when whole and synced.
constexpr char kNewName[] = "data.mdb.new";
constexpr char kNewLockName[] = "data.mdb.new-lock";
constexpr mdb_mode_t kFileMode = 0600;
constexpr size_t kMapBytesMin = 128 * 1024;
constexpr size_t kMapBytesStep = 64 * 1024;
// Above the limit, for erasing and for the last batch that added: a whole turn
// of the longest links is less.
constexpr size_t kReserveBytes = size_t{32} << 20;
// A reader of another process (a backup) that died would keep pages for ever.
constexpr uint32_t kCommitsPerReaderCheck = 1024;
// How far past its end a wrong 16-bit offset or size can reach.
constexpr uintptr_t kMapSlackBytes = 128 * 1024;

// Never MDB_NOSYNC, MDB_NOMETASYNC or MDB_WRITEMAP: the first two lose
// acknowledged commits, the last turns a full disk into SIGBUS.
constexpr unsigned kFlags = MDB_NOTLS | MDB_NORDAHEAD;

constexpr const char* kTableNames[kTables] = {
    "links",        "wraps",       "subjects",
    "expiries",     "idempotency", "idempotency_expiries",
    "kek_counts",   "uses",        "history",
    "history_ends", "state"};

class File {
 public:
  File(const std::string& path, int flags)
      : fd_(open(path.c_str(), flags | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

void OnLmdbAssertion(MDB_env*, const char*) { FaultNow(); }

Status CloseOnExec(MDB_env* environment) {
  // LMDB sets it on its lock file only.
  mdb_filehandle_t fd = -1;
  if (mdb_env_get_fd(environment, &fd) != 0 || fd < 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return Fail(Code::kIo, "store: data.mdb cannot be closed on exec");
  }
  return {};
}

int OpenEnvironment(MDB_env** environment, const std::string& path,
                    unsigned flags, size_t map_bytes) {
  int code = mdb_env_create(environment);
  if (code != 0) return code;
  code = mdb_env_set_mapsize(*environment, map_bytes);
  if (code == 0) code = mdb_env_set_maxdbs(*environment, kTables + 1);
  if (code == 0) code = mdb_env_set_assert(*environment, OnLmdbAssertion);
  if (code == 0) {
    code = mdb_env_open(*environment, path.c_str(), flags, kFileMode);
  }
  return code;
}

int FillNew(MDB_env* environment) {
  MDB_txn* transaction = nullptr;
  int code = mdb_txn_begin(environment, nullptr, 0, &transaction);
  if (code != 0) return code;
  MDB_dbi table = 0;
  for (size_t i = 0; i < kTables && code == 0; ++i) {
    code = mdb_dbi_open(transaction, kTableNames[i], MDB_CREATE, &table);
  }
  // The last one opened is `state`.
  MDB_val name = ToVal(base::AsBytes(kFormatName));
  MDB_val format = ToVal({&kStoreFormat, 1});
  if (code == 0) code = mdb_put(transaction, table, &name, &format, 0);
  if (code == 0) return mdb_txn_commit(transaction);
  mdb_txn_abort(transaction);
  return code;
}

// Calls `take` with the page numbers of each row of LMDB's own table of freed
// pages, which is table 0: a count and that many numbers.
template <typename Take>
int ForFreePages(MDB_txn* transaction, const Take& take) {
  MDB_cursor* cursor = nullptr;
  int code = mdb_cursor_open(transaction, 0, &cursor);
  if (code != 0) return code;
  MDB_val key{};
  MDB_val value{};
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
    if (value.mv_size >= 8) take(FromVal(value).subspan(8));
  }
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

}  // namespace

int ReadCounts(MDB_txn* reader, MDB_dbi table,
               std::vector<wire::KekCount>& counts, Status& decoded) {
  MDB_cursor* cursor = nullptr;
  int code = mdb_cursor_open(reader, table, &cursor);
  if (code != 0) return code;
  MDB_val key{};
  MDB_val value{};
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
    auto count = DecodeCount(FromVal(key), FromVal(value));
    const bool ordered =
        count.ok() && (counts.empty() || count->kek > counts.back().kek);
    if (!ordered) {
      decoded = DamagedError();
      break;
    }
    counts.push_back(*count);
  }
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

base::Error ErrorOf(int code) {
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_DBS_FULL:
      return Fail(Code::kFull, "store: its size limit is reached");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Fail(Code::kFull, "store: the disk is full");
    case MDB_TXN_FULL:
      return Fail(Code::kTooLarge, "store: too many writes in one commit");
    case MDB_VERSION_MISMATCH:
      return Fail(Code::kNewerFormat,
                  "store: data.mdb was written by another version of LMDB; use "
                  "the coffer that made it");
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
    case MDB_BAD_TXN:
    case kMapFault:
      return DamagedError();
    default:
      return Fail(Code::kIo, "store: the system refused; try again");
  }
}

LmdbEnvironment::LmdbEnvironment(std::string directory, size_t map_bytes,
                                 Access access)
    : directory_(std::move(directory)),
      map_bytes_(map_bytes),
      access_(access) {}

LmdbEnvironment::~LmdbEnvironment() { Close(); }

Result<std::unique_ptr<LmdbEnvironment>> LmdbEnvironment::Open(
    std::string directory, size_t map_bytes) {
  InstallFaultGuard();
  if (map_bytes < kMapBytesMin) map_bytes = kMapBytesMin;
  map_bytes = (map_bytes + kMapBytesStep - 1) / kMapBytesStep * kMapBytesStep;
  std::unique_ptr<LmdbEnvironment> environment(
      new LmdbEnvironment(std::move(directory), map_bytes, Access::kOwner));
  COFFER_TRY(environment->CreateIfMissing());
  COFFER_TRY(environment->OpenChecked());
  return environment;
}

Result<std::unique_ptr<LmdbEnvironment>> LmdbEnvironment::OpenToRead(
    std::string directory, Access access) {
  InstallFaultGuard();
  std::unique_ptr<LmdbEnvironment> environment(
      new LmdbEnvironment(std::move(directory), 0, access));
  COFFER_TRY(environment->OpenChecked());
  return environment;
}

const char* LmdbEnvironment::data_name() const {
  return access_ == Access::kIncoming ? kIncomingName : kDataName;
}

Status LmdbEnvironment::SyncDirectory() {
  File directory(directory_, O_RDONLY | O_DIRECTORY);
  if (!directory.valid() || fsync(directory.fd()) != 0) {
    return Fail(Code::kIo, "store: its directory cannot be synced");
  }
  return {};
}

// A kill at any step leaves either no data.mdb and a leftover that the next
// start removes, or a whole and synced one.
Status LmdbEnvironment::CreateIfMissing() {
  if (mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    return Fail(Code::kIo, "store: its directory cannot be made");
  }
  const std::string made = Path(kNewName);
  unlink(made.c_str());
  unlink(Path(kNewLockName).c_str());
  unlink(Path(kOldLockName).c_str());
  unlink(Path(kOldDataName).c_str());
  struct stat ignored {};
  if (lstat(Path(kDataName).c_str(), &ignored) == 0) {
    // Again, for a kill between the rename and its sync.
    return SyncDirectory();
  }
  if (errno != ENOENT) {
    return Fail(Code::kIo, "store: its directory cannot be read");
  }
  MDB_env* environment = nullptr;
  const int code = Guarded({}, [&] {
    int result = OpenEnvironment(&environment, made, MDB_NOSUBDIR | MDB_NOTLS,
                                 map_bytes_);
    if (result == 0) result = FillNew(environment);
    if (environment != nullptr) mdb_env_close(environment);
    return result;
  });
  // A fault here: a lock file on a full disk.
  if (code == kMapFault) return ErrorOf(ENOSPC);
  if (code != 0) return ErrorOf(code);
  {
    File file(made, O_RDWR);
    if (!file.valid() || fsync(file.fd()) != 0) {
      return Fail(Code::kIo, "store: data.mdb cannot be synced");
    }
  }
  if (rename(made.c_str(), Path(kDataName).c_str()) != 0) {
    return Fail(Code::kIo, "store: data.mdb cannot be put in place");
  }
  unlink(Path(kNewLockName).c_str());
  return SyncDirectory();
}

Status LmdbEnvironment::OpenChecked() {
  const bool owner = access_ == Access::kOwner;
  File file(Path(data_name()), (owner ? O_RDWR : O_RDONLY) | O_NOFOLLOW);
  if (!file.valid()) {
    if (!owner && errno == ENOENT) {
      return Fail(Code::kNotFound, "store: its file is not there");
    }
    return Fail(Code::kIo, "store: data.mdb cannot be opened");
  }
  auto inspected = InspectDataFile(file.fd());
  if (!inspected.ok()) return inspected.error();
  const DataFile& data = *inspected;
  page_bytes_ = data.page_bytes;
  transaction_ = data.transaction;
  // Missing pages become zeros, so that looking whether they may be missing
  // cannot read past the file's end. A reader leaves the file as it is.
  const bool lengthen = owner && data.is_short();
  if (lengthen &&
      (data.full_bytes() > map_bytes_ + kReserveBytes ||
       ftruncate(file.fd(), static_cast<off_t>(data.full_bytes())) != 0)) {
    return DamagedError();
  }
  map_ = AddressRange{};
  // A map of 0 bytes is one of the size that the file states.
  const std::string path =
      access_ == Access::kIncoming ? Path(kIncomingName) : directory_;
  unsigned flags = kFlags;
  if (!owner) flags |= MDB_RDONLY;
  if (access_ == Access::kIncoming) flags |= MDB_NOSUBDIR | MDB_NOLOCK;
  const int code = Run([&] {
    return OpenEnvironment(&environment_, path, flags,
                           owner ? map_bytes_ + kReserveBytes : 0);
  });
  Status opened = code == 0 ? OpenTables() : Status(ErrorOf(code));
  if (opened.ok() && lengthen) {
    auto free = TailIsFree(data.first_missing_page, data.last_page);
    opened = free.ok() && *free ? Status() : Status(DamagedError());
  }
  if (opened.ok()) return {};
  Close();
  if (lengthen &&
      ftruncate(file.fd(), static_cast<off_t>(data.file_bytes)) != 0) {
    return Fail(Code::kIo, "store: data.mdb is damaged, and its disk fails");
  }
  return opened;
}

Status LmdbEnvironment::OpenTables() {
  COFFER_TRY(CloseOnExec(environment_));
  Status opened = DamagedError();
  const int code = Run([this, &opened] {
    int ignored = 0;
    mdb_reader_check(environment_, &ignored);
    MDB_txn* transaction = nullptr;
    int result = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction);
    if (result != 0) return result;
    opened = OpenAndReadFormat(transaction);
    if (!opened.ok()) {
      mdb_txn_abort(transaction);
      return 0;
    }
    // Ends a read and keeps the tables open.
    result = mdb_txn_commit(transaction);
    if (result != 0) return result;
    result = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader_);
    if (result == 0) mdb_txn_reset(reader_);
    return result;
  });
  if (code != 0) return ErrorOf(code);
  return opened;
}

Status LmdbEnvironment::OpenAndReadFormat(MDB_txn* transaction) {
  const auto open_table = [this, transaction](size_t i) {
    unsigned flags = 0;
    int code = mdb_dbi_open(transaction, kTableNames[i], 0, &tables_[i]);
    if (code == 0) code = mdb_dbi_flags(transaction, tables_[i], &flags);
    return code == 0 && flags != 0 ? MDB_INCOMPATIBLE : code;
  };
  MDB_val name = ToVal(base::AsBytes(kFormatName));
  MDB_val value{};
  int code = open_table(static_cast<size_t>(Table::kState));
  if (code == 0)
    code = mdb_get(transaction, table(Table::kState), &name, &value);
  if (code == MDB_NOTFOUND) {
    return Fail(Code::kInvalid,
                "store: data.mdb is not a store of coffer's; set data_dir to "
                "another directory, or restore a backup");
  }
  if (code != 0) return ErrorOf(code);
  if (value.mv_size != 1) return DamagedError();
  const uint8_t format = FromVal(value)[0];
  if (format > kStoreFormat) {
    return Fail(Code::kNewerFormat,
                "store: data.mdb was written by a newer coffer; update this "
                "program");
  }
  if (format != kStoreFormat) return DamagedError();
  LearnMap(value);
  for (size_t i = 0; i < kTables; ++i) {
    code = open_table(i);
    if (code != 0) {
      return code == MDB_NOTFOUND ? DamagedError() : ErrorOf(code);
    }
  }
  return {};
}

// LMDB does not tell where its map is; a small value's page starts with its own
// number, though.
void LmdbEnvironment::LearnMap(const MDB_val& value) {
  const auto at = reinterpret_cast<uintptr_t>(value.mv_data);
  const uintptr_t page = at & ~uintptr_t{page_bytes_ - 1};
  uint64_t number = 0;
  std::memcpy(&number, reinterpret_cast<const void*>(page), sizeof number);
  if (number > (map_bytes_ + kReserveBytes) / page_bytes_) return;
  map_.begin = page - number * page_bytes_;
  map_.end = map_.begin + map_bytes_ + kReserveBytes + kMapSlackBytes;
}

Result<bool> LmdbEnvironment::TailIsFree(uint64_t first_page,
                                         uint64_t last_page) {
  std::vector<bool> free(last_page - first_page + 1);
  const int code = Read([&](MDB_txn* transaction) {
    return ForFreePages(transaction, [&](Bytes numbers) {
      for (size_t i = 0; i + 8 <= numbers.size(); i += 8) {
        uint64_t page = 0;
        std::memcpy(&page, numbers.data() + i, sizeof page);
        if (page >= first_page && page <= last_page) {
          free[page - first_page] = true;
        }
      }
    });
  });
  if (code != 0) return ErrorOf(code);
  for (bool is_free : free) {
    if (!is_free) return false;
  }
  return true;
}

Result<std::vector<uint8_t>> LmdbEnvironment::ReadState(std::string_view name) {
  COFFER_TRY(CheckStateName(name));
  std::vector<uint8_t> out;
  Status decoded;
  const int code = Read([&](MDB_txn* reader) {
    MDB_val key = ToVal(base::AsBytes(name));
    MDB_val value{};
    const int result = mdb_get(reader, table(Table::kState), &key, &value);
    if (result != 0) return result;
    auto bytes = DecodeState(name, FromVal(value));
    if (bytes.ok()) {
      // Grown before the map is read again.
      out.resize(bytes->size());
      if (!out.empty()) std::memcpy(out.data(), bytes->data(), out.size());
    } else {
      decoded = bytes.error();
    }
    return 0;
  });
  COFFER_TRY(decoded);
  if (code != 0 && code != MDB_NOTFOUND) return ErrorOf(code);
  return out;
}

Status LmdbEnvironment::CheckRoom(uint64_t tenths) {
  MDB_envinfo info{};
  const uint64_t limit = map_bytes_ / page_bytes_ * tenths / 10;
  uint64_t used = 0;
  const int code = Read([&](MDB_txn* transaction) {
    const int result = mdb_env_info(environment_, &info);
    used = info.me_last_pgno + 1;
    if (result != 0 || used < limit) return result;
    uint64_t free = 0;
    const int counted = ForFreePages(
        transaction, [&free](Bytes numbers) { free += numbers.size() / 8; });
    used -= free < used ? free : used;
    return counted;
  });
  if (code != 0) return ErrorOf(code);
  if (used >= limit) return ErrorOf(MDB_MAP_FULL);
  return {};
}

void LmdbEnvironment::Close() {
  // What faulted was left in its middle; it stays until the process ends.
  if (faulted_) return;
  if (reader_ != nullptr) mdb_txn_abort(reader_);
  if (environment_ != nullptr) mdb_env_close(environment_);
  reader_ = nullptr;
  environment_ = nullptr;
}

Status LmdbEnvironment::Ready() {
  if (faulted_) return DamagedError();
  if (adopting_) return FinishAdopt();
  if (!reopen_ && environment_ != nullptr) return {};
  Close();
  COFFER_TRY(OpenChecked());
  reopen_ = false;
  return {};
}

int LmdbEnvironment::BeginWrite(MDB_txn** transaction) {
  if (++commits_ % kCommitsPerReaderCheck == 0) {
    int ignored = 0;
    mdb_reader_check(environment_, &ignored);
  }
  const int code = Run([this, transaction] {
    return mdb_txn_begin(environment_, nullptr, 0, transaction);
  });
  if (code == MDB_PANIC || code == MDB_MAP_RESIZED) reopen_ = true;
  return code;
}

void LmdbEnvironment::Abort(MDB_txn* transaction) {
  Run([transaction] {
    mdb_txn_abort(transaction);
    return 0;
  });
}

Status LmdbEnvironment::Commit(MDB_txn* transaction) {
  const int code = Run([transaction] { return mdb_txn_commit(transaction); });
  if (code == 0) return {};
  const base::Error error = ErrorOf(code);
  if (code == MDB_MAP_FULL || error.code == Code::kTooLarge) return error;
  if (error.code == Code::kFull) {
    // Full before the meta page was written: nothing happened. A failed write
    // of the meta page itself poisons the environment.
    MDB_txn* probe = nullptr;
    if (BeginWrite(&probe) == 0) {
      Abort(probe);
      return error;
    }
  }
  reopen_ = true;
  return Fail(Code::kIo,
              "store: a commit failed; whether it was written is unknown");
}

}  // namespace coffer::store
