#include "cli/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "cli/text.h"
#include "crypto/kdf.h"
#include "vault/os/descriptor.h"

namespace coffer::cli {
namespace {

std::string SocketPath(const Invocation& invocation, std::string_view flag,
                       const char* variable, const std::string& configured) {
  if (invocation.Has(flag)) return invocation.Get(flag);
  const char* value = invocation.context.environment(variable);
  if (value != nullptr && *value != '\0') return value;
  return configured;
}

}  // namespace

Outcome<std::string> ReadTextFile(const std::string& path, size_t bytes_max,
                                  std::string_view what) {
  std::string name = std::string(what) + " " + Printable(path);
  os::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return Failure{Exit::kRefused,
                   "cannot read " + name + ": " + std::strerror(errno), ""};
  }
  std::string text;
  char chunk[16384];
  for (;;) {
    ssize_t got = read(file.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Failure{Exit::kRefused,
                     "cannot read " + name + ": " + std::strerror(errno), ""};
    }
    if (got == 0) return text;
    text.append(chunk, static_cast<size_t>(got));
    if (text.size() > bytes_max) {
      return Failure{Exit::kRefused,
                     name + " is above " + std::to_string(bytes_max) + " bytes",
                     ""};
    }
  }
}

Outcome<Settings> LoadSettings(const Invocation& invocation) {
  Settings settings;
  const Context& context = invocation.context;
  bool named = invocation.Has("config");
  std::string path = named ? invocation.Get("config") : context.default_config;
  if (named || (!path.empty() && access(path.c_str(), R_OK) == 0)) {
    auto text = ReadTextFile(path, api::kConfigTextBytesMax, "configuration");
    if (!text.ok()) return text.failure();
    api::Findings findings;
    if (!api::ParseConfig(settings.config, *text, findings)) {
      PrintFindings(context.err, path, findings);
      return Failure{Exit::kRefused,
                     "configuration " + Printable(path) + " is refused",
                     "mend the lines above"};
    }
    settings.config_path = path;
  }
  settings.caller_socket =
      SocketPath(invocation, "caller-socket", "COFFER_CALLER_SOCKET",
                 settings.config.caller.path);
  settings.operator_socket =
      SocketPath(invocation, "operator-socket", "COFFER_OPERATOR_SOCKET",
                 settings.config.operators.path);
  settings.monitor_socket =
      SocketPath(invocation, "monitor-socket", "COFFER_MONITOR_SOCKET",
                 settings.config.monitor.path);
  return settings;
}

void PrintFindings(std::ostream& out, const std::string& path,
                   const api::Findings& findings) {
  for (const api::Finding& finding : findings.items) {
    out << api::FindingText(Printable(path), finding) << "\n";
  }
  out << std::flush;
}

Outcome<CompiledPolicy> CompilePolicyFile(const Invocation& invocation,
                                          const std::string& path) {
  auto text = ReadTextFile(path, api::kPolicyTextBytesMax, "policy");
  if (!text.ok()) return text.failure();
  CompiledPolicy compiled;
  compiled.policy = std::make_unique<wire::Policy>();
  if (!api::CompilePolicy(*compiled.policy, *text, api::SystemIdentities(),
                          compiled.findings)) {
    PrintFindings(invocation.context.err, path, compiled.findings);
    return Failure{Exit::kRefused, "policy " + Printable(path) + " is refused",
                   "mend the lines above; nothing was changed"};
  }
  auto bytes = api::EncodePolicy(*compiled.policy);
  if (!bytes.ok()) {
    return Failure{
        Exit::kRefused,
        "policy " + Printable(path) + " is too large for the keeper's tables",
        ""};
  }
  compiled.bytes = std::move(*bytes);
  return compiled;
}

base::ByteArray<32> PolicyDigest(base::Bytes bytes) {
  base::ByteArray<32> digest{};
  crypto::Hash(digest, "coffer policy", {bytes});
  return digest;
}

}  // namespace coffer::cli
