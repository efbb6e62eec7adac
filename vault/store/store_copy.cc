#include "vault/store/store_copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/store/lmdb_batch.h"
#include "vault/store/lmdb_environment.h"

namespace coffer::store {

using base::Code;
using base::Fail;

namespace {

constexpr char kPlaceName[] = "/incoming.new";
constexpr size_t kLinksPerCommit = 8192;

// A file that root made would lock its owner out.
bool GiveToOwner(const std::string& directory, const std::string& path) {
  struct stat owner {};
  if (stat(directory.c_str(), &owner) != 0) return false;
  if (owner.st_uid == geteuid()) return true;
  return lchown(path.c_str(), owner.st_uid, owner.st_gid) == 0;
}

bool SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = fsync(fd) == 0;
  close(fd);
  return synced;
}

}  // namespace

// Resource: the environment with one transaction that is kept.
class Snapshot {
 public:
  explicit Snapshot(std::unique_ptr<LmdbEnvironment> environment)
      : environment_(std::move(environment)) {}
  ~Snapshot() {
    environment_->RunReader([this] {
      if (cursor_ != nullptr) mdb_cursor_close(cursor_);
      if (history_ != nullptr) mdb_cursor_close(history_);
      if (transaction_ != nullptr) mdb_txn_abort(transaction_);
      return 0;
    });
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  int Begin() {
    return environment_->RunReader([this] {
      int code = mdb_txn_begin(environment_->get(), nullptr, MDB_RDONLY,
                               &transaction_);
      if (code == 0) {
        code = mdb_cursor_open(transaction_, environment_->table(Table::kLinks),
                               &cursor_);
      }
      if (code == 0) {
        code = mdb_cursor_open(transaction_,
                               environment_->table(Table::kHistory), &history_);
      }
      return code;
    });
  }

  Result<bool> Next(LinkCopy& out) {
    row_.resize(kLinkRowBytesMax);
    wrap_.resize(base::kWrapBytesMax);
    Status found;
    const int code = environment_->RunReader([&] { return Step(out, found); });
    if (code == MDB_NOTFOUND) return false;
    if (code != 0) return ErrorOf(code);
    COFFER_TRY(found);
    auto decoded = DecodeLinkRow(out.link, Bytes(row_).first(row_bytes_));
    if (!decoded.ok()) return decoded.error();
    out.head = decoded->head;
    out.token_box = decoded->token_box;
    out.wrap = Bytes(wrap_).first(wrap_bytes_);
    auto wrap = wire::DecodeWrap(out.wrap);
    if (!wrap.ok() || !Belongs(*wrap, decoded->fields)) return DamagedError();
    return true;
  }

  // Copies the row and its wrap out of the map. `found`: this row is damaged.
  int Step(LinkCopy& out, Status& found) {
    MDB_val key{};
    MDB_val value{};
    int code = mdb_cursor_get(cursor_, &key, &value, MDB_NEXT);
    if (code != 0) return code;
    LinkId link;
    if (key.mv_size != link.size() || value.mv_size > row_.size()) {
      found = DamagedError();
      return 0;
    }
    std::memcpy(link.data(), key.mv_data, link.size());
    if (link <= out_last_) return MDB_CORRUPTED;  // perhaps without an end
    out.link = out_last_ = link;
    row_bytes_ = value.mv_size;
    std::memcpy(row_.data(), value.mv_data, value.mv_size);
    auto row = DecodeLinkRow(link, Bytes(row_).first(row_bytes_));
    if (!row.ok()) {
      found = row.error();
      return 0;
    }
    const RowKey wrap_key = WrapKey(row->fields.institution, link);
    MDB_val wrap_val = ToVal(wrap_key.view());
    code = mdb_get(transaction_, environment_->table(Table::kWraps), &wrap_val,
                   &value);
    if (code == MDB_NOTFOUND || (code == 0 && value.mv_size > wrap_.size())) {
      found = DamagedError();
      return 0;
    }
    if (code != 0) return code;
    wrap_bytes_ = value.mv_size;
    std::memcpy(wrap_.data(), value.mv_data, value.mv_size);
    return 0;
  }

  Result<bool> NextHistory(Bytes& out) {
    row_.resize(kLinkRowBytesMax);
    bool damaged = false;
    const int code = environment_->RunReader([&] {
      MDB_val key{};
      MDB_val value{};
      const int found = mdb_cursor_get(history_, &key, &value, MDB_NEXT);
      if (found != 0) return found;
      if (key.mv_size != kHistoryKeyBytes) return MDB_CORRUPTED;
      std::array<uint8_t, kHistoryKeyBytes> at;
      std::memcpy(at.data(), key.mv_data, at.size());
      if (at <= history_last_) return MDB_CORRUPTED;  // perhaps without an end
      history_last_ = at;
      damaged = value.mv_size > base::kHistoryBytesMax;
      row_bytes_ = damaged ? 0 : value.mv_size;
      std::memcpy(row_.data(), value.mv_data, row_bytes_);
      return 0;
    });
    if (code == MDB_NOTFOUND) return false;
    if (code != 0) return ErrorOf(code);
    out = Bytes(row_).first(row_bytes_);
    if (damaged || !CheckHistory(out).ok()) return DamagedError();
    return true;
  }

  template <typename Call>
  int Run(const Call& call) {
    return environment_->RunReader([&] { return call(transaction_); });
  }
  LmdbEnvironment& environment() { return *environment_; }

 private:
  std::unique_ptr<LmdbEnvironment> environment_;
  MDB_txn* transaction_ = nullptr;
  MDB_cursor* cursor_ = nullptr;
  MDB_cursor* history_ = nullptr;
  std::array<uint8_t, kHistoryKeyBytes> history_last_{};
  LinkId out_last_{};
  std::vector<uint8_t> row_;
  std::vector<uint8_t> wrap_;
  size_t row_bytes_ = 0;
  size_t wrap_bytes_ = 0;
};

// --- Reader ------------------------------------------------------------------

StoreReader::StoreReader(std::unique_ptr<Snapshot> snapshot)
    : snapshot_(std::move(snapshot)) {}
StoreReader::~StoreReader() = default;

Result<std::unique_ptr<StoreReader>> StoreReader::Open(
    const std::string& directory) {
  auto environment =
      LmdbEnvironment::OpenToRead(directory, LmdbEnvironment::Access::kReader);
  if (!environment.ok()) return environment.error();
  if (!GiveToOwner(directory, directory + "/" + kLockName)) {
    return Fail(Code::kIo, "store: lock.mdb cannot be given to its owner");
  }
  auto snapshot = std::make_unique<Snapshot>(std::move(*environment));
  const int code = snapshot->Begin();
  if (code != 0) return ErrorOf(code);
  return std::unique_ptr<StoreReader>(new StoreReader(std::move(snapshot)));
}

Result<bool> StoreReader::Next(LinkCopy& out) { return snapshot_->Next(out); }

Result<bool> StoreReader::NextHistory(Bytes& row) {
  return snapshot_->NextHistory(row);
}

Result<std::vector<uint8_t>> StoreReader::GetState(std::string_view name) {
  return snapshot_->environment().ReadState(name);
}

Result<uint64_t> StoreReader::CountLinks() {
  MDB_stat table{};
  const int code = snapshot_->Run([&](MDB_txn* reader) {
    return mdb_stat(reader, snapshot_->environment().table(Table::kLinks),
                    &table);
  });
  if (code != 0) return ErrorOf(code);
  return static_cast<uint64_t>(table.ms_entries);
}

Result<std::vector<wire::KekCount>> StoreReader::CountWraps() {
  std::vector<wire::KekCount> counts;
  Status decoded;
  const int code = snapshot_->Run([&](MDB_txn* reader) {
    return ReadCounts(reader, snapshot_->environment().table(Table::kKekCounts),
                      counts, decoded);
  });
  COFFER_TRY(decoded);
  if (code != 0) return ErrorOf(code);
  return counts;
}

// --- Builder -----------------------------------------------------------------

StoreBuilder::StoreBuilder(std::string directory,
                           std::unique_ptr<LmdbEnvironment> environment)
    : directory_(std::move(directory)), environment_(std::move(environment)) {}

StoreBuilder::~StoreBuilder() {
  batch_.reset();
  environment_.reset();
  RemovePlace();
}

std::string StoreBuilder::Place(const char* name) const {
  return directory_ + kPlaceName + "/" + name;
}

void StoreBuilder::RemovePlace() {
  unlink(Place(kDataName).c_str());
  unlink(Place(kLockName).c_str());
  rmdir((directory_ + kPlaceName).c_str());
}

Result<std::unique_ptr<StoreBuilder>> StoreBuilder::Create(
    const std::string& directory, size_t map_bytes) {
  std::unique_ptr<StoreBuilder> builder(new StoreBuilder(directory, nullptr));
  builder->RemovePlace();
  auto environment = LmdbEnvironment::Open(directory + kPlaceName, map_bytes);
  if (!environment.ok()) return environment.error();
  builder->environment_ = std::move(*environment);
  return builder;
}

Status StoreBuilder::Flush() {
  if (batch_ == nullptr) return {};
  auto batch = std::move(batch_);
  added_ = 0;
  return batch->Commit();
}

Status StoreBuilder::Begin() {
  COFFER_CHECK(environment_ != nullptr);
  if (batch_ != nullptr) return {};
  batch_ = std::make_unique<LmdbBatch>(*environment_);
  return batch_->Begin();
}

Status StoreBuilder::Added() {
  if (++added_ < kLinksPerCommit) return {};
  return Flush();
}

Status StoreBuilder::Add(const LinkCopy& row) {
  COFFER_TRY(Begin());
  COFFER_TRY(batch_->PutLink(row.link, row.head, row.wrap, row.token_box));
  return Added();
}

Status StoreBuilder::AddHistory(Bytes row) {
  COFFER_TRY(Begin());
  COFFER_TRY(batch_->PutHistory(row));
  return Added();
}

Status StoreBuilder::Finish(const VaultId& vault, const StoreDigest& digest) {
  COFFER_CHECK(environment_ != nullptr);
  COFFER_TRY(Flush());
  {
    LmdbBatch batch(*environment_);
    COFFER_TRY(batch.Begin());
    COFFER_TRY(batch.PutState(kVaultIdRow, vault));
    COFFER_TRY(batch.PutState(kIncomingRow, digest));
    COFFER_TRY(batch.Commit());
  }
  environment_.reset();
  const std::string made = Place(kDataName);
  if (!GiveToOwner(directory_, made) || !SyncPath(made, O_RDWR)) {
    return Fail(Code::kIo, "store: the new store cannot be synced");
  }
  const std::string ready = directory_ + "/" + kIncomingName;
  if (rename(made.c_str(), ready.c_str()) != 0 ||
      !SyncPath(directory_, O_RDONLY | O_DIRECTORY)) {
    return Fail(Code::kIo, "store: incoming.mdb cannot be put in place");
  }
  return {};
}

void StoreBuilder::Discard(const std::string& directory) {
  unlink((directory + "/" + kIncomingName).c_str());
}

}  // namespace coffer::store
