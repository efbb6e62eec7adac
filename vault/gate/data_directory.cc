#include "vault/gate/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vault/gate/log.h"
#include "vault/os/listen.h"

namespace coffer::gate {
namespace {

constexpr int kLockMilliseconds = 3000;
constexpr int kLockPauseMilliseconds = 20;

// Only a plain directory of the right user is taken, whoever made it.
bool OwnDirectory(const std::string& path, uid_t uid, gid_t gid) {
  bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    LogErrno(path + ": cannot make the directory");
    return false;
  }
  os::FileDescriptor fd(
      open(path.c_str(), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDONLY));
  struct stat found = {};
  if (!fd.valid() || fstat(fd.get(), &found) != 0) {
    LogErrno(path + ": cannot open the directory");
    return false;
  }
  if (made && found.st_uid != uid && fchown(fd.get(), uid, gid) != 0) {
    LogErrno(path + ": cannot give the directory to its user");
    return false;
  }
  if (!made && found.st_uid != uid) {
    Log(path + ": belongs to uid " + std::to_string(found.st_uid) +
        ", not to uid " + std::to_string(uid) +
        "; check who wrote there, then chown -R it");
    return false;
  }
  if ((found.st_mode & 0777) != 0700 && fchmod(fd.get(), 0700) != 0) {
    LogErrno(path + ": cannot set the directory's mode");
    return false;
  }
  return true;
}

bool OwnFile(const std::string& path, uid_t uid, gid_t gid,
             os::FileDescriptor& out) {
  out.Reset(open(path.c_str(),
                 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct stat found = {};
  if (!out.valid() || fstat(out.get(), &found) != 0) {
    LogErrno(path + ": cannot open the file");
    return false;
  }
  if (!S_ISREG(found.st_mode) || found.st_nlink != 1) {
    Log(path + ": not a plain file with one name; move it away");
    return false;
  }
  bool fresh = found.st_uid == geteuid() && found.st_size == 0;
  if (found.st_uid != uid && !fresh) {
    Log(path + ": belongs to uid " + std::to_string(found.st_uid) +
        ", not to uid " + std::to_string(uid) +
        "; check who wrote it, then chown it");
    return false;
  }
  if (found.st_uid != uid && fchown(out.get(), uid, gid) != 0) {
    LogErrno(path + ": cannot give the file to its user");
    return false;
  }
  if ((found.st_mode & 0777) != 0600 && fchmod(out.get(), 0600) != 0) {
    LogErrno(path + ": cannot set the file's mode");
    return false;
  }
  return true;
}

// The store is made before the first init, so a state file that has been
// written without one means that the store was lost. An empty one in its place
// would tell every caller that its links were erased.
bool StoreIsThere(const std::string& store, int state_fd) {
  struct stat state = {};
  struct stat data = {};
  std::string path = store + "/data.mdb";
  if (fstat(state_fd, &state) != 0 || state.st_size == 0 ||
      lstat(path.c_str(), &data) == 0 || errno != ENOENT) {
    return true;
  }
  Log(path +
      ": missing, but keeper.state is of a vault in use; restore "
      "data_dir as a whole");
  return false;
}

// Held by the open file, which the keeper inherits. After a killed gate its
// keeper is a moment behind it, and the next start is not refused for that.
bool LockWithin(int fd, int milliseconds) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || milliseconds <= 0) return false;
    usleep(kLockPauseMilliseconds * 1000);
    milliseconds -= kLockPauseMilliseconds;
  }
  return true;
}

}  // namespace

bool OpenDataDirectory(const std::string& path, const Users& users,
                       DataDirectory& out) {
  base::Status made = os::MakeDirectories(path.c_str(), 0755);
  if (!made.ok()) {
    LogError(path, made.error());
    return false;
  }
  gid_t gate_gid = users.gate ? users.gate->gid : getegid();
  gid_t keeper_gid = users.keeper ? users.keeper->gid : getegid();
  out.store = path + "/store";
  out.audit = path + "/audit";
  std::string keeper = path + "/keeper";
  if (!OwnDirectory(out.store, users.gate_uid(), gate_gid) ||
      !OwnDirectory(out.audit, users.gate_uid(), gate_gid) ||
      !OwnDirectory(keeper, users.keeper_uid(), keeper_gid)) {
    return false;
  }
  const std::string names[] = {"/keeper.state", "/journal-0", "/journal-1"};
  os::FileDescriptor* files[] = {&out.state, &out.journals[0],
                                 &out.journals[1]};
  for (int i = 0; i < 3; ++i) {
    if (!OwnFile(keeper + names[i], users.keeper_uid(), keeper_gid,
                 *files[i])) {
      return false;
    }
  }
  if (!LockWithin(out.state.get(), kLockMilliseconds)) {
    if (errno == EWOULDBLOCK) {
      Log(path + ": in use by another cofferd; stop it first");
    } else {
      LogErrno(path + ": cannot lock keeper.state");
    }
    return false;
  }
  return StoreIsThere(out.store, out.state.get());
}

}  // namespace coffer::gate
