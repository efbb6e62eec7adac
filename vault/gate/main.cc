// cofferd: the gate, and before that the launcher of the keeper.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "vault/gate/daemon.h"
#include "vault/gate/dev.h"
#include "vault/gate/launch.h"

namespace {

constexpr char kUsage[] =
    "usage: cofferd --config FILE [--check-config]\n"
    "       cofferd --dev [--data-dir DIR]\n"
    "       cofferd --version | --help\n"
    "\n"
    "Runs the vault in the foreground and logs to standard error; SIGTERM "
    "ends\n"
    "it. --check-config reads FILE, says what is wrong and ends. --dev runs a\n"
    "throw-away vault for the present user, kept only in a given DIR.\n"
    "`coffer init` and `coffer unseal` open the vault; see "
    "docs/operating.md.\n";

struct Options {
  std::string config;
  std::string data_dir;
  bool check_config = false;
  bool dev = false;
};

int Usage(const char* text, const char* word) {
  std::fprintf(stderr, "cofferd: %s: %s\n%s", word, text, kUsage);
  return 2;
}

// "--name VALUE" or "--name=VALUE"; moves `at` past what it took.
bool TakeValue(int argc, char** argv, int& at, const char* name,
               std::string& out) {
  size_t size = std::strlen(name);
  if (std::strncmp(argv[at], name, size) != 0) return false;
  if (argv[at][size] == '=') {
    out = argv[at] + size + 1;
    return true;
  }
  if (argv[at][size] != '\0' || at + 1 >= argc) return false;
  out = argv[++at];
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (word == "--version") {
      std::puts("cofferd " COFFER_VERSION);
      return 0;
    }
    if (word == "--check-config") {
      options.check_config = true;
    } else if (word == "--dev") {
      options.dev = true;
    } else if (!TakeValue(argc, argv, i, "--config", options.config) &&
               !TakeValue(argc, argv, i, "--data-dir", options.data_dir)) {
      return Usage("unknown, or without its value", argv[i]);
    }
  }
  // What a careless parent left open is none of ours, nor of the keeper's.
  close_range(3, ~0u, 0);
  if (options.dev) {
    if (!options.config.empty() || options.check_config) {
      return Usage("takes no configuration", "--dev");
    }
    return coffer::gate::RunDev(options.data_dir);
  }
  if (!options.data_dir.empty()) return Usage("goes with --dev", "--data-dir");
  if (options.config.empty()) return Usage("is missing", "--config FILE");
  coffer::api::Config config;
  if (!coffer::gate::ReadConfig(options.config, config)) return 1;
  if (options.check_config) {
    std::printf("%s: ok\n", options.config.c_str());
    return 0;
  }
  return coffer::gate::RunDaemon(config, false, -1);
}
