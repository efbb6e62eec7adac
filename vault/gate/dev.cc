#include "vault/gate/dev.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "vault/api/policy_file.h"
#include "vault/gate/daemon.h"
#include "vault/gate/launch.h"
#include "vault/gate/log.h"
#include "vault/os/listen.h"

namespace coffer::gate {
namespace {

struct DevVault {
  std::string directory;
  bool throw_away = false;

  std::string Path(const char* name) const { return directory + "/" + name; }
};

bool MakeDirectory(const std::string& wanted, DevVault& out) {
  if (wanted.empty()) {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    bool usable = runtime != nullptr && runtime[0] == '/' &&
                  access(runtime, W_OK | X_OK) == 0;
    std::string path = usable ? runtime : "/tmp";
    path += "/coffer-dev-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      LogErrno(path + ": cannot make a directory");
      return false;
    }
    out.directory = path;
    out.throw_away = true;
    return true;
  }
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(wanted, error);
  out.directory = path.lexically_normal().string();
  while (out.directory.size() > 1 && out.directory.back() == '/') {
    out.directory.pop_back();
  }
  struct stat found = {};
  if (stat(out.directory.c_str(), &found) == 0) return true;
  base::Status made = os::MakeDirectories(out.directory.c_str(), 0700);
  if (!made.ok()) LogError(out.directory, made.error());
  return made.ok();
}

// An existing policy stays, so that it can be edited and loaded again.
bool WritePolicy(const DevVault& vault) {
  std::string path = vault.Path("policy.toml");
  os::FileDescriptor fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid() && errno == EEXIST) return true;
  std::string text = api::DevPolicyText(getuid());
  if (!fd.valid() || !os::WriteFull(fd.get(), base::AsBytes(text)).ok()) {
    LogErrno(path + ": cannot write the policy");
    return false;
  }
  return true;
}

api::Config ConfigOf(const DevVault& vault) {
  api::Config config;
  config.data_dir = vault.directory;
  config.policy = vault.Path("policy.toml");
  config.caller = {vault.Path("coffer.sock"), 0600, {}};
  config.operators = {vault.Path("operator.sock"), 0600, {}};
  config.monitor = {vault.Path("monitor.sock"), 0600, {}};
  return config;
}

// The daemon's process id, or -1.
pid_t StartDaemon(const DevVault& vault, int& ready) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return -1;
  pid_t parent = getpid();
  pid_t daemon = fork();
  if (daemon == 0) {
    close(pipe_ends[0]);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    _exit(RunDaemon(ConfigOf(vault), true, pipe_ends[1]));
  }
  close(pipe_ends[1]);
  ready = pipe_ends[0];
  return daemon;
}

// Runs `coffer` with the vault's operator socket in front; true on exit 0.
bool RunCoffer(const DevVault& vault, std::vector<std::string> words) {
  std::string program = SiblingProgram("coffer");
  if (program.empty()) {
    Log("coffer is not beside cofferd; install both");
    return false;
  }
  std::vector<std::string> all = {"coffer", "--operator-socket",
                                  vault.Path("operator.sock")};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<const char*> arguments;
  for (const std::string& word : all) arguments.push_back(word.c_str());
  os::SpawnOptions options;
  options.path = program.c_str();
  options.arguments = arguments;
  auto child = os::Spawn(options);
  if (!child.ok()) {
    LogError(program, child.error());
    return false;
  }
  auto status = child->Wait();
  return status.ok() && !status->signaled && status->code == 0;
}

bool Open(const DevVault& vault, wire::VaultState state) {
  std::string key = vault.Path("dev.key");
  switch (state) {
    case wire::VaultState::kUninitialised:
      return RunCoffer(vault, {"init", "--seal", "keyfile", "--key-file", key,
                               "--policy", vault.Path("policy.toml")});
    case wire::VaultState::kSealed:
      return RunCoffer(vault, {"unseal", "--key-file", key});
    default:
      return true;
  }
}

void SayHow(const DevVault& vault) {
  std::printf(
      "\n"
      "  *** DEVELOPMENT ONLY: the unseal key lies beside the data, and every\n"
      "  *** process of this user has every right. Never use it for real "
      "data.\n"
      "\n"
      "  callers    %s\n"
      "  operators  %s\n"
      "  monitor    %s\n"
      "  policy     %s\n"
      "\n"
      "  Try: curl --unix-socket %s \\\n"
      "         http://coffer/v1/links -H 'Content-Type: application/json' \\\n"
      "         -d '{\"institution\":\"citi\",\"subject\":\"cust-1\","
      "\"bank_token\":\"secret\",\"consent\":{\"consentId\":\"c-1\","
      "\"purposes\":[\"balance_display\"],\"dataClusters\":"
      "[\"ACCOUNT_DETAILED\"],\"durationType\":\"TIME_BOUND\","
      "\"durationPeriod\":90}}'\n"
      "\n"
      "  Ctrl-C ends it%s.\n\n",
      vault.Path("coffer.sock").c_str(), vault.Path("operator.sock").c_str(),
      vault.Path("monitor.sock").c_str(), vault.Path("policy.toml").c_str(),
      vault.Path("coffer.sock").c_str(),
      vault.throw_away ? " and removes everything" : "");
  std::fflush(stdout);
}

int ExitCode(int wait_status) {
  if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
  Log("the daemon was ended by signal " +
      std::to_string(WTERMSIG(wait_status)));
  return 1;
}

// Passes an end signal on to the daemon and returns its exit code.
int AwaitDaemon(pid_t daemon, const sigset_t& signals) {
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) number = SIGTERM;
    if (number != SIGCHLD) kill(daemon, SIGTERM);
    int status = 0;
    if (waitpid(daemon, &status, number == SIGCHLD ? WNOHANG : 0) == daemon) {
      return ExitCode(status);
    }
  }
}

int RunVault(const DevVault& vault) {
  if (!WritePolicy(vault)) return 1;
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) {
    sigaddset(&signals, number);
  }
  sigprocmask(SIG_BLOCK, &signals, &before);
  int ready = -1;
  pid_t daemon = StartDaemon(vault, ready);
  if (daemon < 0) {
    LogErrno("cannot start the daemon");
    return 1;
  }
  os::FileDescriptor ready_end(ready);
  uint8_t state = 0;
  if (!os::ReadFull(ready, {&state, 1}).ok()) {
    int status = 0;
    waitpid(daemon, &status, 0);
    return ExitCode(status);
  }
  if (!Open(vault, static_cast<wire::VaultState>(state - '0'))) {
    Log("the vault could not be opened");
    kill(daemon, SIGTERM);
    int status = 0;
    waitpid(daemon, &status, 0);
    return 1;
  }
  SayHow(vault);
  return AwaitDaemon(daemon, signals);
}

}  // namespace

int RunDev(const std::string& directory) {
  DevVault vault;
  if (!MakeDirectory(directory, vault)) return 1;
  Log("DEVELOPMENT ONLY: a vault in " + vault.directory);
  int code = RunVault(vault);
  if (vault.throw_away) {
    std::error_code error;
    std::filesystem::remove_all(vault.directory, error);
    if (error) Log(vault.directory + ": could not be removed");
  }
  return code;
}

}  // namespace coffer::gate
