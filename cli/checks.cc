#include "cli/checks.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "cli/http_client.h"
#include "cli/operator_client.h"
#include "cli/socket.h"
#include "cli/text.h"
#include "vault/os/descriptor.h"

namespace coffer::cli {
namespace {

constexpr uint64_t kLockedBytesWanted = 1 << 20;
constexpr uint64_t kDiskBytesFail = uint64_t{64} << 20;
constexpr uint64_t kDiskBytesWarn = uint64_t{1} << 30;

Check Ok(std::string name, std::string found) {
  return {Health::kOk, std::move(name), std::move(found), ""};
}
Check Warn(std::string name, std::string found, std::string advice) {
  return {Health::kWarn, std::move(name), std::move(found), std::move(advice)};
}
Check Fail(std::string name, std::string found, std::string advice) {
  return {Health::kFail, std::move(name), std::move(found), std::move(advice)};
}

// A small file of /proc; empty when it cannot be read.
std::string ProcText(const std::string& root, const char* path) {
  auto text = ReadTextFile(root + path, 65536, "file");
  if (!text.ok()) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

std::string ModeText(unsigned mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode & 07777);
  return text;
}

Check Landlock() {
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0,
                     LANDLOCK_CREATE_RULESET_VERSION);
  if (abi >= 1) return Ok("landlock", "ABI " + std::to_string(abi));
  return Fail("landlock", "not in force",
              "boot with lsm=landlock,... ; without it only cofferd --dev "
              "starts");
}

Check MemfdSecret() {
  os::FileDescriptor secret(static_cast<int>(syscall(SYS_memfd_secret, 0)));
  if (secret.valid()) return Ok("memfd_secret", "there");
  return Warn("memfd_secret", "not there",
              "keys lie in locked memory instead; boot with "
              "secretmem.enable=1 for more");
}

Check LockedMemory() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || geteuid() == 0) {
    return Ok("locked memory", "no limit");
  }
  std::string found = ByteText(limit.rlim_cur);
  if (limit.rlim_cur >= kLockedBytesWanted) return Ok("locked memory", found);
  return Warn("locked memory", found,
              "raise RLIMIT_MEMLOCK to 8 MiB (LimitMEMLOCK= in the unit)");
}

Check SystemClock() {
  timex state{};
  if (adjtimex(&state) == TIME_ERROR) {
    return Warn("system clock", "not synchronised",
                "run an NTP service; tokens are judged by time");
  }
  return Ok("system clock", "synchronised");
}

Check OneSocket(const std::string& name, const std::string& path,
                unsigned forbidden) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) {
    std::string why = std::strerror(errno);
    if (errno == EACCES) {
      return Warn(name, Printable(path) + ": " + why,
                  "run doctor as root to see it");
    }
    return Fail(name, Printable(path) + ": " + why, "start cofferd");
  }
  if (!S_ISSOCK(about.st_mode)) {
    return Fail(name, Printable(path) + " is no socket",
                "remove it, then start cofferd");
  }
  if ((about.st_mode & forbidden) != 0) {
    return Fail(name, Printable(path) + " has mode " + ModeText(about.st_mode),
                "chmod it, and mend [sockets] in the configuration");
  }
  auto connected = ConnectSocket(path);
  if (connected.ok()) {
    return Ok(name, Printable(path) + ", mode " + ModeText(about.st_mode));
  }
  if (access(path.c_str(), W_OK) != 0) {
    return Warn(name, connected.failure().what, "run doctor as a user who may");
  }
  return Fail(name, connected.failure().what, connected.failure().next);
}

void CheckDataDirectory(const std::string& data_dir, Checks& checks) {
  struct stat about {};
  std::string shown = Printable(data_dir);
  if (stat(data_dir.c_str(), &about) != 0) {
    bool hidden = errno == EACCES;
    checks.push_back(Warn("data directory", shown + ": " + std::strerror(errno),
                          hidden ? "run doctor as root to see it"
                                 : "cofferd makes it when it starts"));
    return;
  }
  struct statvfs disk {};
  if (statvfs(data_dir.c_str(), &disk) == 0) {
    checks.push_back(JudgeDisk(data_dir, disk.f_bavail * disk.f_frsize));
  }
  std::string owners;
  for (const char* part : {"store", "audit", "keeper"}) {
    std::string path = data_dir + "/" + part;
    if (stat(path.c_str(), &about) != 0) {
      if (errno == EACCES) {
        checks.push_back(Warn(part, Printable(path) + " is not to be seen",
                              "run doctor as root"));
      }
      continue;
    }
    Check check = JudgeMode(part, path, about.st_mode, 0700);
    check.found += ", uid " + std::to_string(about.st_uid);
    checks.push_back(std::move(check));
  }
}

}  // namespace

Check JudgeKernel(const std::string& release) {
  unsigned major = 0;
  unsigned minor = 0;
  std::sscanf(release.c_str(), "%u.%u", &major, &minor);
  if (major > 6 || (major == 6 && minor >= 1)) {
    return Ok("kernel", Printable(release));
  }
  return Fail("kernel", Printable(release), "Linux 6.1 or later is needed");
}

Check JudgeMode(const std::string& name, const std::string& path, unsigned mode,
                unsigned wanted) {
  std::string found = Printable(path) + ", mode " + ModeText(mode);
  if ((mode & 0777 & ~wanted) == 0) return Ok(name, found);
  return Fail(name, found,
              "chmod " + ModeText(wanted) + " it, and think who could enter");
}

Check JudgeDisk(const std::string& path, uint64_t free_bytes) {
  std::string found = ByteText(free_bytes) + " free at " + Printable(path);
  if (free_bytes < kDiskBytesFail) {
    return Fail("disk", found, "free space now: the journal must grow");
  }
  if (free_bytes < kDiskBytesWarn) return Warn("disk", found, "free space");
  return Ok("disk", found);
}

void CheckMachine(const std::string& root, Checks& checks) {
  utsname name{};
  uname(&name);
  checks.push_back(JudgeKernel(name.release));
  std::string actions =
      ProcText(root, "/proc/sys/kernel/seccomp/actions_avail");
  if (actions.find("kill_process") != std::string::npos) {
    checks.push_back(Ok("seccomp", "there"));
  } else {
    checks.push_back(Fail("seccomp", "not there",
                          "use a kernel with CONFIG_SECCOMP_FILTER"));
  }
  checks.push_back(Landlock());
  checks.push_back(MemfdSecret());
  checks.push_back(LockedMemory());
  // Below its heading, /proc/swaps has a line for each swap space.
  if (ProcText(root, "/proc/swaps").find('\n') == std::string::npos) {
    checks.push_back(Ok("swap", "none"));
  } else {
    checks.push_back(Warn("swap", "on",
                          "keys are never swapped, but what callers send may "
                          "be: encrypt it or turn it off"));
  }
  std::string pattern = ProcText(root, "/proc/sys/kernel/core_pattern");
  std::string suid = ProcText(root, "/proc/sys/fs/suid_dumpable");
  if (suid == "1") {
    checks.push_back(
        Warn("core dumps", "fs.suid_dumpable is 1", "set it to 0 or 2"));
  } else if (!pattern.empty() && pattern[0] == '|') {
    checks.push_back(
        Ok("core dumps", "piped to a program; cofferd makes none"));
  } else {
    checks.push_back(Ok("core dumps", "cofferd makes none"));
  }
  checks.push_back(SystemClock());
}

void CheckFiles(const Settings& settings, Checks& checks) {
  if (settings.config_path.empty()) {
    checks.push_back(Warn("configuration", "none was read",
                          "name it with --config F; defaults are checked"));
  } else {
    checks.push_back(Ok("configuration", Printable(settings.config_path)));
  }
  const std::string& path = settings.config.policy;
  auto text = ReadTextFile(path, api::kPolicyTextBytesMax, "policy");
  auto policy = std::make_unique<wire::Policy>();
  api::Findings findings;
  if (!text.ok()) {
    checks.push_back(Warn("policy file", text.failure().what,
                          "init and policy load read it"));
  } else if (!api::CompilePolicy(*policy, *text, api::SystemIdentities(),
                                 findings)) {
    checks.push_back(Fail("policy file", Printable(path) + " has faults",
                          "run coffer policy check " + Printable(path)));
  } else {
    size_t warnings = 0;
    for (const api::Finding& finding : findings.items) {
      if (finding.kind == api::FindingKind::kWarning) ++warnings;
    }
    if (warnings == 0) {
      checks.push_back(Ok("policy file", Printable(path)));
    } else {
      checks.push_back(
          Warn("policy file",
               Printable(path) + ", " + std::to_string(warnings) + " warnings",
               "run coffer policy check " + Printable(path)));
    }
  }
  CheckDataDirectory(settings.config.data_dir, checks);
}

void CheckSockets(const Settings& settings, Checks& checks) {
  checks.push_back(
      OneSocket("operator socket", settings.operator_socket, 0007));
  checks.push_back(OneSocket("caller socket", settings.caller_socket, 0));
  checks.push_back(OneSocket("monitor socket", settings.monitor_socket, 0));
}

Check JudgeExport(const wire::OperatorStatus& status) {
  std::string found = "generation " + Grouped(status.keyring_generation);
  const char* advice = "run coffer key export F and coffer backup create F";
  if (status.exported_generation == 0) {
    return Warn("keyring", found + ", never exported", advice);
  }
  if (status.exported_generation < status.keyring_generation) {
    return Warn("keyring",
                found + "; the last export is of generation " +
                    Grouped(status.exported_generation),
                advice);
  }
  return Ok("keyring", found + ", exported");
}

void CheckKeeper(const wire::OperatorStatus& status, Checks& checks) {
  std::string state(wire::VaultStateText(status.state));
  if (status.state == wire::VaultState::kOperational) {
    checks.push_back(Ok("vault", state));
  } else if (status.state == wire::VaultState::kError) {
    checks.push_back(Fail("vault", state + ": " + Printable(status.reason),
                          "see cofferd's log"));
  } else {
    checks.push_back(Warn("vault", state,
                          status.state == wire::VaultState::kUninitialised
                              ? "run coffer init"
                              : "run coffer unseal"));
  }
  if (status.version == COFFER_VERSION) {
    checks.push_back(Ok("versions", COFFER_VERSION));
  } else {
    checks.push_back(Warn(
        "versions",
        "cofferd " + Printable(status.version) + ", coffer " COFFER_VERSION,
        "install both of one version"));
  }
  checks.push_back(status.sandboxed ? Ok("sandbox", "on")
                                    : Fail("sandbox", "off",
                                           "never serve customers without it"));
  uint64_t apart = status.now > status.wall ? status.now - status.wall
                                            : status.wall - status.now;
  if (!status.clock_accepted) {
    checks.push_back(Fail("vault clock", "not accepted",
                          "compare it, then run coffer clock accept"));
  } else if (apart > base::kClockBackSecondsMax) {
    checks.push_back(Warn("vault clock",
                          DurationText(apart) + " from the wall clock",
                          "mend the system clock; it is taken at the next "
                          "unseal"));
  } else {
    checks.push_back(Ok("vault clock", "agrees with the wall clock"));
  }
  if (status.state == wire::VaultState::kOperational) {
    checks.push_back(JudgeExport(status));
    checks.push_back(status.brakes == 0
                         ? Ok("brakes", "none holds")
                         : Warn("brakes",
                                std::to_string(status.brakes) +
                                    (status.brakes == 1 ? " holds" : " hold") +
                                    " new links back",
                                "see who asks for them: coffer brake list"));
    checks.push_back(status.erasures_overdue == 0
                         ? Ok("erasures", "none is overdue")
                         : Warn("erasures",
                                Grouped(status.erasures_overdue) +
                                    " past the date of the certificate",
                                "see which key still lives: coffer key list"));
  }
  if (status.floors_max == 0) return;
  std::string floors =
      Grouped(status.floors) + " of " + Grouped(status.floors_max);
  checks.push_back(uint64_t{status.floors} * 4 >=
                           uint64_t{status.floors_max} * 3
                       ? Warn("floors", floors,
                              "the table of revoked and replaced links fills")
                       : Ok("floors", floors));
}

}  // namespace coffer::cli
