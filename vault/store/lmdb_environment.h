// One LMDB environment with the store's tables: made whole or not at all,
// checked before it is mapped, opened again after a failed commit. Runs in the
// gate, and in the command line for backups; on one thread. Refuses a store
// that is foreign, newer or damaged.
//
// Resource: owns the environment and, while it is open, one reader.
#pragma once

#include <lmdb.h>

#include <array>
#include <memory>
#include <string>

#include "vault/store/fault_guard.h"
#include "vault/store/rows.h"

namespace coffer::store {

enum class Table : size_t {
  kLinks,
  kWraps,
  kSubjects,
  kExpiries,
  kIdempotency,
  kIdempotencyExpiries,
  kKekCounts,
  kUses,
  kHistory,
  kHistoryEnds,
  kState,
};
inline constexpr size_t kTables = 11;

inline constexpr char kDataName[] = "data.mdb";
inline constexpr char kIncomingName[] = "incoming.mdb";
inline constexpr char kLockName[] = "lock.mdb";
// What becomes of a lock file when its data file is replaced, and of the data.
inline constexpr char kOldLockName[] = "lock.mdb.old";
inline constexpr char kOldDataName[] = "data.mdb.old";

inline MDB_val ToVal(Bytes bytes) {
  return {bytes.size(), const_cast<uint8_t*>(bytes.data())};
}
inline Bytes FromVal(const MDB_val& value) {
  return {static_cast<const uint8_t*>(value.mv_data), value.mv_size};
}

// All rows of kek_counts, guarded by the caller; `decoded`: a row is damaged.
int ReadCounts(MDB_txn* reader, MDB_dbi table,
               std::vector<wire::KekCount>& counts, Status& decoded);

// The failure that an LMDB code or errno stands for.
base::Error ErrorOf(int code);

class LmdbEnvironment {
 public:
  enum class Access : uint8_t {
    kOwner,     // reads and writes data.mdb
    kReader,    // reads data.mdb beside its owner
    kIncoming,  // reads incoming.mdb, which nobody writes any more
  };
  static Result<std::unique_ptr<LmdbEnvironment>> Open(std::string directory,
                                                       size_t map_bytes);
  // Only to read; makes nothing but LMDB's lock file.
  static Result<std::unique_ptr<LmdbEnvironment>> OpenToRead(
      std::string directory, Access access);
  ~LmdbEnvironment();
  LmdbEnvironment(const LmdbEnvironment&) = delete;
  LmdbEnvironment& operator=(const LmdbEnvironment&) = delete;

  // Call first in every operation: opens anew after a failed commit. kDamaged
  // for good once a call has faulted.
  Status Ready();

  // Runs `call` with the reader on the last commit, guarded. `call` returns an
  // LMDB code, owns nothing and must not keep pointers into the map. A wrong
  // page number leads LMDB to any address, but a reader writes nowhere.
  template <typename Call>
  int Read(const Call& call) {
    return RunIn(AddressRange{}, [this, &call] {
      int code = mdb_txn_renew(reader_);
      if (code != 0) return code;
      code = call(reader_);
      mdb_txn_reset(reader_);
      return code;
    });
  }
  // Runs an LMDB call of a write transaction, guarded within the map only: a
  // writer that strays has perhaps written where it should not.
  template <typename Call>
  int Run(const Call& call) {
    return RunIn(map_, call);
  }

  // Runs `call` guarded, for a reader that keeps its own transaction.
  template <typename Call>
  int RunReader(const Call& call) {
    return RunIn(AddressRange{}, call);
  }
  MDB_env* get() const { return environment_; }

  // The value of a row in `state`; empty when there is none.
  Result<std::vector<uint8_t>> ReadState(std::string_view name);

  // Puts incoming.mdb in the place of data.mdb and opens it, also where the old
  // one faulted. After a failure with adopting() false the old one is in force;
  // with true the new one is in place, and FinishAdopt, or Ready, is to make it
  // safe and open it.
  Status Adopt();
  Status FinishAdopt();
  bool adopting() const { return adopting_; }

  // Whether writes that add may go on: kFull once the pages in use reach the
  // limit, or `tenths` of it. Erasing may go beyond it, so that a full store
  // can be emptied.
  Status CheckRoom(uint64_t tenths = 10);

  int BeginWrite(MDB_txn** transaction);
  void Abort(MDB_txn* transaction);
  // Ends the transaction either way; kFull: nothing was written; kIo: unknown.
  Status Commit(MDB_txn* transaction);

  MDB_dbi table(Table table) const {
    return tables_[static_cast<size_t>(table)];
  }

 private:
  LmdbEnvironment(std::string directory, size_t map_bytes, Access access);

  template <typename Call>
  int RunIn(AddressRange range, const Call& call) {
    if (faulted_) return kMapFault;
    const int code = Guarded(range, call);
    if (code == kMapFault) faulted_ = true;
    return code;
  }

  std::string Path(const char* name) const { return directory_ + "/" + name; }
  Status CreateIfMissing();
  Status SyncDirectory();
  Status OpenChecked();
  Status PutInPlace();
  Status OpenWithOwnLock();
  const char* data_name() const;
  Status OpenTables();
  Status OpenAndReadFormat(MDB_txn* transaction);
  void LearnMap(const MDB_val& value);
  Result<bool> TailIsFree(uint64_t first_page, uint64_t last_page);
  void Close();

  const std::string directory_;
  const size_t map_bytes_;
  const Access access_;
  MDB_env* environment_ = nullptr;
  MDB_txn* reader_ = nullptr;
  std::array<MDB_dbi, kTables> tables_{};
  AddressRange map_;  // everywhere, until it is known
  uint32_t page_bytes_ = 0;
  uint64_t transaction_ = 0;  // the last one, as the file said when opened
  uint32_t commits_ = 0;
  bool reopen_ = false;    // after a commit of unknown outcome
  bool adopting_ = false;  // another data.mdb is in place, and not yet safe
  bool faulted_ = false;   // for good
};

}  // namespace coffer::store
