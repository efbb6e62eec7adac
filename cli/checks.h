// What `coffer doctor` looks at, one line each. Runs in the CLI only, as
// whoever calls it; what it may not see it says so, and changes nothing.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/settings.h"
#include "vault/wire/operator_message.h"

namespace coffer::cli {

enum class Health : uint8_t { kOk, kWarn, kFail };

struct Check {
  Health health = Health::kOk;
  std::string name;    // "landlock"
  std::string found;   // "ABI 2"
  std::string advice;  // empty when ok
};

using Checks = std::vector<Check>;

// The kernel, limits, swap and core dumps. `root` stands before /proc.
void CheckMachine(const std::string& root, Checks& checks);
// Configuration, policy, the data directory and its disk.
void CheckFiles(const Settings& settings, Checks& checks);
// The three sockets: there, answering, and their modes.
void CheckSockets(const Settings& settings, Checks& checks);
// What a running keeper says: state, version, clock, sandbox, floors.
void CheckKeeper(const wire::OperatorStatus& status, Checks& checks);

// For the tests: the parts that depend on numbers of the machine.
Check JudgeKernel(const std::string& release);
Check JudgeMode(const std::string& name, const std::string& path, unsigned mode,
                unsigned wanted);
Check JudgeExport(const wire::OperatorStatus& status);
Check JudgeDisk(const std::string& path, uint64_t free_bytes);

}  // namespace coffer::cli
