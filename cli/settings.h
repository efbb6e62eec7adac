// Where the vault's sockets and files are, as flags, environment, coffer.toml
// and defaults say, in this order. Runs in the CLI only. Refuses a
// configuration with a fault, each with its line.
#pragma once

#include <memory>
#include <optional>

#include "cli/context.h"
#include "vault/api/config_file.h"
#include "vault/api/policy_file.h"

namespace coffer::cli {

struct Settings {
  std::string caller_socket;
  std::string operator_socket;
  std::string monitor_socket;
  std::string config_path;  // empty: none was read
  api::Config config;       // defaults when none was read
};

// Faults go to standard error.
Outcome<Settings> LoadSettings(const Invocation& invocation);

// The whole file as text, which is no secret. `what` names it in a failure.
Outcome<std::string> ReadTextFile(const std::string& path, size_t bytes_max,
                                  std::string_view what);

struct CompiledPolicy {
  std::unique_ptr<wire::Policy> policy;
  std::vector<uint8_t> bytes;  // as the keeper takes them
  api::Findings findings;      // warnings and notes
};
// Faults go to standard error.
Outcome<CompiledPolicy> CompilePolicyFile(const Invocation& invocation,
                                          const std::string& path);
void PrintFindings(std::ostream& out, const std::string& path,
                   const api::Findings& findings);

// What OperatorStatus::policy_digest is of the compiled bytes.
base::ByteArray<32> PolicyDigest(base::Bytes bytes);

}  // namespace coffer::cli
