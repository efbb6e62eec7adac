#include "vault/gate/launch.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>

#include "vault/gate/data_directory.h"
#include "vault/gate/log.h"
#include "vault/gate/unseal_source.h"
#include "vault/os/gate_cage.h"
#include "vault/os/listen.h"
#include "vault/store/lmdb_store.h"

namespace coffer::gate {
namespace {

constexpr rlim_t kOpenFilesWanted = 4096;

struct Listeners {
  os::FileDescriptor caller;
  os::FileDescriptor operators;
  os::FileDescriptor monitor;
};

bool ListenOn(const api::SocketSetting& setting, gid_t group,
              std::span<const os::Identity> kept_out, os::FileDescriptor& out) {
  os::ListenOptions options;
  options.path = setting.path.c_str();
  options.mode = setting.mode;
  options.owner = geteuid();
  options.group = group;
  options.kept_out = kept_out;
  auto listener = os::ListenAt(options);
  if (!listener.ok()) {
    LogError(setting.path, listener.error());
    return false;
  }
  out = std::move(*listener);
  return true;
}

bool Listen(const api::Config& config, const Users& users, Listeners& out) {
  std::vector<os::Identity> kept_out = users.KeptOut();
  return ListenOn(config.caller, users.caller_group, kept_out, out.caller) &&
         ListenOn(config.operators, users.operator_group, kept_out,
                  out.operators) &&
         ListenOn(config.monitor, users.monitor_group, kept_out, out.monitor);
}

bool TakeSignals(os::FileDescriptor& out) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) {
    LogErrno("cannot block signals");
    return false;
  }
  out.Reset(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!out.valid()) LogErrno("cannot take signals");
  return out.valid();
}

void RaiseOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlim_t wanted = std::min(kOpenFilesWanted, limit.rlim_max);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The order of the descriptors is the keeper's InheritedFd.
bool StartKeeper(const Users& users, const DataDirectory& data,
                 const Listeners& listeners, int unseal_fd, Launched& out) {
  auto batches = os::MakeStreamPair();
  auto connections = os::MakeSeqpacketPair();
  if (!batches.ok() || !connections.ok()) {
    LogErrno("cannot make the keeper's channels");
    return false;
  }
  // Neither process ever waits for the other; a flag of the open file, which
  // the keeper inherits.
  for (int fd : {batches->here.get(), batches->there.get(),
                 connections->here.get(), connections->there.get()}) {
    if (!os::SetNonBlocking(fd, true).ok()) {
      LogErrno("cannot set up the keeper's channels");
      return false;
    }
  }
  std::string program = SiblingProgram("coffer-keeper");
  if (program.empty()) {
    Log("coffer-keeper is neither beside cofferd nor in ../libexec/coffer; "
        "install both");
    return false;
  }
  const int descriptors[] = {
      batches->there.get(),
      connections->there.get(),
      listeners.caller.get(),
      listeners.operators.get(),
      listeners.monitor.get(),
      data.state.get(),
      data.journals[0].get(),
      data.journals[1].get(),
      unseal_fd,
  };
  const char* const arguments[] = {"coffer-keeper"};
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  options.descriptors = descriptors;
  options.identity = users.keeper;
  auto keeper = os::Spawn(options);
  if (!keeper.ok()) {
    LogError(program, keeper.error());
    return false;
  }
  out.keeper.emplace(std::move(*keeper));
  out.keeper_channel = std::move(batches->here);
  out.descriptors = std::move(connections->here);
  return true;
}

// The cage takes in no new ones.
bool MakeLoops(Launched& out) {
  out.loop.Reset(epoll_create1(EPOLL_CLOEXEC));
  out.end_of_keeper.Reset(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  if (!out.loop.valid() || !out.end_of_keeper.valid() ||
      epoll_ctl(out.end_of_keeper.get(), EPOLL_CTL_ADD, out.keeper->pidfd(),
                &event) != 0) {
    LogErrno("cannot make the event loop");
    return false;
  }
  return true;
}

bool OpenStore(const api::Config& config, const std::string& directory,
               Launched& out) {
  auto store = store::LmdbStore::Open(
      directory, static_cast<size_t>(config.limits.store_bytes_max));
  if (!store.ok()) {
    LogError(directory, store.error());
    return false;
  }
  out.store = std::move(*store);
  return true;
}

bool EnterCage(const DataDirectory& data, bool dev) {
  base::Status files =
      os::EnterGateFiles(data.store.c_str(), data.audit.c_str());
  base::Status calls = files;
  if (files.ok()) calls = os::EnterGateSyscalls();
  if (calls.ok()) {
    if (os::SeccompIsLeftOut()) {
      Log("built with sanitizers: runs without its seccomp cage");
    }
    return true;
  }
  LogError(dev ? "the gate runs without its cage" : "cannot enter the cage",
           calls.error());
  return dev;
}

}  // namespace

std::string SiblingProgram(const std::string& name) {
  char path[PATH_MAX];
  ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size <= 0) return "";
  std::string folder(path, static_cast<size_t>(size));
  folder.resize(folder.rfind('/'));
  std::string prefix = folder.substr(0, folder.rfind('/'));
  for (const std::string& place :
       {folder + "/" + name, prefix + "/libexec/coffer/" + name}) {
    if (access(place.c_str(), X_OK) == 0) return place;
  }
  return "";
}

std::string MissingRequirements() {
  std::string missing;
  utsname system{};
  int major = 0;
  int minor = 0;
  if (uname(&system) != 0 ||
      std::sscanf(system.release, "%d.%d", &major, &minor) != 2 || major < 6 ||
      (major == 6 && minor < 1)) {
    missing += "Linux 6.1 or later (this is ";
    missing.append(system.release).append("); ");
  }
  if (os::LandlockVersion() == 0) {
    missing +=
        "Landlock (CONFIG_SECURITY_LANDLOCK, and \"landlock\" in lsm=); ";
  }
  uint32_t action = SECCOMP_RET_KILL_PROCESS;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) {
    missing += "seccomp filters (CONFIG_SECCOMP_FILTER); ";
  }
  if (!missing.empty()) missing.resize(missing.size() - 2);
  return missing;
}

bool ReadConfig(const std::string& path, api::Config& out) {
  os::FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    LogErrno(path + ": cannot open the configuration");
    return false;
  }
  std::string text;
  char piece[4096];
  ssize_t got;
  while ((got = read(fd.get(), piece, sizeof piece)) > 0 &&
         text.size() <= api::kConfigTextBytesMax) {
    text.append(piece, static_cast<size_t>(got));
  }
  if (got < 0) {
    LogErrno(path + ": cannot read the configuration");
    return false;
  }
  api::Findings findings;
  bool good = api::ParseConfig(out, text, findings);
  for (const api::Finding& finding : findings.items) {
    Log(api::FindingText(path, finding));
  }
  return good;
}

bool Launch(const api::Config& config, bool dev, Launched& out) {
  std::string missing = MissingRequirements();
  if (!missing.empty()) {
    Log("this system lacks: " + missing);
    if (!dev) return false;
  }
  umask(077);
  Users users;
  DataDirectory data;
  Listeners listeners;
  if (!ResolveUsers(config, dev, users)) return false;
  if (!OpenDataDirectory(config.data_dir, users, data)) return false;
  if (!Listen(config, users, listeners)) return false;
  auto notifier = os::Notifier::FromEnvironment();
  if (notifier.ok()) {
    out.notifier = std::move(*notifier);
  } else {
    LogError("NOTIFY_SOCKET", notifier.error());
  }
  RaiseOpenFiles();
  if (!TakeSignals(out.signals)) return false;
  os::FileDescriptor unseal = OpenUnsealSource(config, users);
  if (!unseal.valid()) {
    LogErrno("/dev/null: cannot open it");
    return false;
  }
  if (!StartKeeper(users, data, listeners, unseal.get(), out)) return false;
  unseal.Reset();
  // From here on the keeper alone accepts, and alone has its files.
  listeners = {};
  data.state.Reset();
  for (os::FileDescriptor& journal : data.journals) journal.Reset();
  if (users.gate) {
    base::Status became = os::BecomeUser(*users.gate);
    if (!became.ok()) {
      LogError("users.gate", became.error());
      return false;
    }
  }
  return MakeLoops(out) && OpenStore(config, data.store, out) &&
         EnterCage(data, dev);
}

}  // namespace coffer::gate
