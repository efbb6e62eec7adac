#include "tests/hostile/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include "crypto/base/result.h"
#include "tests/hostile/caller_client.h"

namespace coffer::hostile {
namespace {

constexpr int kStartTries = 1500;  // of 10 ms

std::string MakeFolder() {
  char in_memory[] = "/dev/shm/coffer-hostile-XXXXXX";
  if (mkdtemp(in_memory) != nullptr) return in_memory;
  char path[] = "/tmp/coffer-hostile-XXXXXX";
  COFFER_CHECK(mkdtemp(path) != nullptr);
  return path;
}

std::string Policy() {
  return R"([purposes.balance_display]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
max_ttl = "5m"
[institutions.citi]
name = "Citi"
purposes = ["balance_display"]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
[callers.platform]
uid = )" +
         std::to_string(geteuid()) +
         R"(
links = ["create", "read", "update", "erase", "update_bank_token"]
issue = [{ purpose = "balance_display", audience = "platform" }]
redeem = ["balance_display"]
)";
}

// Output goes to the log.
pid_t Launch(const std::string& log, std::vector<std::string> arguments) {
  const pid_t pid = fork();
  COFFER_CHECK(pid >= 0);
  if (pid != 0) return pid;
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

DaemonProcess::DaemonProcess(std::string bin)
    : bin_(std::move(bin)), folder_(MakeFolder()) {
  COFFER_CHECK(chmod(folder_.c_str(), 0755) == 0);
  Write("policy.toml", Policy());
  auto socket = [&](const char* name, const char* file) {
    return std::string(name) + " = { path = \"" + folder_ + "/run/" + file +
           "\", mode = \"0600\" }\n";
  };
  Write("coffer.toml", "data_dir = \"" + folder_ + "/data\"\npolicy = \"" +
                           folder_ + "/policy.toml\"\n[sockets]\n" +
                           socket("caller", "coffer.sock") +
                           socket("operator", "operator.sock") +
                           socket("monitor", "monitor.sock"));
}

DaemonProcess::~DaemonProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void DaemonProcess::Write(const std::string& name, const std::string& text) {
  std::ofstream(folder_ + "/" + name) << text;
}

bool DaemonProcess::Start() {
  const std::string config = folder_ + "/coffer.toml";
  const std::string log = folder_ + "/cofferd.log";
  const std::string key = folder_ + "/key";
  pid_ = Launch(log, {bin_ + "/cofferd", "--config", config});
  for (int i = 0; i < kStartTries && !CanConnect(caller_socket()); ++i) {
    usleep(10000);
  }
  const pid_t init = Launch(log, {bin_ + "/coffer", "--config", config, "init",
                                  "--seal", "keyfile", "--key-file", key});
  int status = 1;
  if (waitpid(init, &status, 0) == init && status == 0) return true;
  std::cerr << "cofferd does not begin; the log:\n"
            << std::ifstream(log).rdbuf();
  return false;
}

}  // namespace coffer::hostile
