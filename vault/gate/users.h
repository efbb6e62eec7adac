// Whose rights gate and keeper get, and who owns the sockets. Run by the
// launcher. Refuses a user or group that the configuration sets and the system
// does not know.
#pragma once

#include <optional>
#include <vector>

#include "vault/api/config_file.h"
#include "vault/os/spawn.h"

namespace coffer::gate {

struct Users {
  // Unset: runs as started.
  std::optional<os::Identity> gate;
  std::optional<os::Identity> keeper;
  gid_t caller_group = 0;
  gid_t operator_group = 0;
  gid_t monitor_group = 0;

  uid_t gate_uid() const;
  uid_t keeper_uid() const;
  // The users that may not write where the sockets are.
  std::vector<os::Identity> KeptOut() const;
};

// Says what is wrong, or what runs with less separation than it could. With
// `dev` everything runs as started, without a word.
bool ResolveUsers(const api::Config& config, bool dev, Users& out);

}  // namespace coffer::gate
