// The store that a restore left beside this one, put in force.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "vault/store/lmdb_environment.h"

namespace coffer::store {

using base::Code;
using base::Fail;

// A reader of another process may hold the old lock file, whose count of
// transactions is the old store's: the new one gets a lock file of its own.
Status LmdbEnvironment::Adopt() {
  if (faulted_) {
    // What was left in its middle stays so, beside the new one.
    reader_ = nullptr;
    environment_ = nullptr;
    faulted_ = false;
  }
  Close();
  reopen_ = true;  // until all of it succeeded
  if (renameat(AT_FDCWD, Path(kLockName).c_str(), AT_FDCWD,
               Path(kOldLockName).c_str()) != 0 &&
      errno != ENOENT) {
    return Fail(Code::kIo, "store: lock.mdb cannot be moved away");
  }
  COFFER_TRY(PutInPlace());
  adopting_ = true;
  return FinishAdopt();
}

// In one step, so that a kill leaves one whole data.mdb. The one before stays
// beside it until the next start, where the file system can exchange two files.
Status LmdbEnvironment::PutInPlace() {
  const std::string incoming = Path(kIncomingName);
  const std::string data = Path(kDataName);
  if (renameat2(AT_FDCWD, incoming.c_str(), AT_FDCWD, data.c_str(),
                RENAME_EXCHANGE) == 0) {
    // Under the other name it would do as well.
    renameat(AT_FDCWD, incoming.c_str(), AT_FDCWD, Path(kOldDataName).c_str());
    return {};
  }
  if (renameat(AT_FDCWD, incoming.c_str(), AT_FDCWD, data.c_str()) != 0) {
    return Fail(Code::kIo, "store: incoming.mdb cannot be put in place");
  }
  return {};
}

Status LmdbEnvironment::FinishAdopt() {
  if (faulted_) return DamagedError();
  Close();
  COFFER_TRY(SyncDirectory());
  COFFER_TRY(OpenWithOwnLock());
  reopen_ = false;
  adopting_ = false;
  return {};
}

// Again where a reader came in between and made the lock file for the old one.
Status LmdbEnvironment::OpenWithOwnLock() {
  for (int i = 0; i < 3; ++i) {
    COFFER_TRY(OpenChecked());
    MDB_envinfo info{};
    const int code =
        RunReader([&] { return mdb_env_info(environment_, &info); });
    if (code != 0) return ErrorOf(code);
    if (info.me_last_txnid == transaction_) return {};
    Close();
    renameat(AT_FDCWD, Path(kLockName).c_str(), AT_FDCWD,
             Path(kOldLockName).c_str());
  }
  return Fail(Code::kIo, "store: its lock file is in use; try again");
}

}  // namespace coffer::store
