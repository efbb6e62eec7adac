#include "vault/gate/users.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "vault/gate/log.h"

namespace coffer::gate {
namespace {

std::string About(const char* key, const std::string& name) {
  return std::string(key) + " = " + api::Quoted(name);
}

bool ResolveUser(const char* key, const api::NameSetting& setting,
                 std::optional<os::Identity>& out) {
  const passwd* entry = getpwnam(setting.name.c_str());
  if (geteuid() != 0) {
    if (setting.set && (entry == nullptr || entry->pw_uid != geteuid())) {
      Log(About(key, setting.name) +
          ": not started as root, so it runs as started");
    }
    return true;
  }
  if (entry != nullptr) {
    out = os::Identity{entry->pw_uid, entry->pw_gid};
    return true;
  }
  if (setting.set) {
    Log(About(key, setting.name) +
        ": there is no such user; make it, or "
        "remove the line");
    return false;
  }
  Log(About(key, setting.name) +
      ": there is no such user, so it runs as started (root); make the user "
      "to keep the two processes apart");
  return true;
}

bool ResolveGroup(const char* key, const api::NameSetting& setting,
                  gid_t& out) {
  out = getegid();
  if (setting.name.empty()) return true;
  const group* entry = getgrnam(setting.name.c_str());
  if (entry != nullptr && (setting.set || geteuid() == 0)) {
    out = entry->gr_gid;
    return true;
  }
  if (entry != nullptr || !setting.set) return true;
  Log(About(key, setting.name) +
      ": there is no such group; make it, or "
      "remove the setting");
  return false;
}

}  // namespace

uid_t Users::gate_uid() const { return gate ? gate->uid : geteuid(); }
uid_t Users::keeper_uid() const { return keeper ? keeper->uid : geteuid(); }

std::vector<os::Identity> Users::KeptOut() const {
  std::vector<os::Identity> kept_out;
  if (gate && gate->uid != geteuid()) kept_out.push_back(*gate);
  if (keeper && keeper->uid != geteuid()) kept_out.push_back(*keeper);
  return kept_out;
}

bool ResolveUsers(const api::Config& config, bool dev, Users& out) {
  if (dev) {
    out.caller_group = out.operator_group = out.monitor_group = getegid();
    return true;
  }
  bool resolved = ResolveUser("users.gate", config.gate_user, out.gate) &&
                  ResolveUser("users.keeper", config.keeper_user, out.keeper) &&
                  ResolveGroup("sockets.caller.group", config.caller.group,
                               out.caller_group) &&
                  ResolveGroup("sockets.operator.group", config.operators.group,
                               out.operator_group) &&
                  ResolveGroup("sockets.monitor.group", config.monitor.group,
                               out.monitor_group);
  if (!resolved) return false;
  if (out.gate && out.keeper && out.gate->uid == out.keeper->uid) {
    Log("users.gate and users.keeper are one user; give each its own");
    return false;
  }
  return true;
}

}  // namespace coffer::gate
