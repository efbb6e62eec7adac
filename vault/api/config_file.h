// coffer.toml. Runs in cofferd before its first byte and in the CLI. Refuses,
// each fault with its line: unknown keys, relative paths, bad modes, two
// sockets at one path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vault/api/findings.h"

namespace coffer::api {

inline constexpr size_t kConfigTextBytesMax = 256 * 1024;
inline constexpr size_t kSocketPathBytesMax = 107;  // sun_path, with its end
inline constexpr size_t kDeviceLabelBytesMax = 32;  // PKCS#11's token label

// A user or group. One that is set and missing from the system is an error; a
// default that is missing means: run as started, and say so.
struct NameSetting {
  std::string name;
  bool set = false;  // stands in the file
};

struct SocketSetting {
  std::string path;
  uint32_t mode = 0600;
  NameSetting group;  // empty name: the process's own
};

// Keys with a comment "not used yet" are read and checked, and their presence
// is a note.
struct Config {
  std::string data_dir = "/var/lib/coffer";
  std::string policy = "/etc/coffer/policy.toml";
  SocketSetting caller{"/run/coffer/coffer.sock", 0660, {"coffer", false}};
  SocketSetting operators{"/run/coffer/operator.sock", 0600, {}};
  SocketSetting monitor{"/run/coffer/monitor.sock", 0660, {"coffer", false}};
  NameSetting gate_user{"coffer", false};
  NameSetting keeper_user{"coffer-keeper", false};

  // What opens the vault at start, each if set, the first that is there; key
  // file and device also for `coffer init`, `unseal` and `slot`.
  struct {
    std::string credential;  // a name in $CREDENTIALS_DIRECTORY
    std::string key_file;
    std::string pkcs11_module;
    std::string pkcs11_token;     // label; these two are set with the module
    std::string pkcs11_key;       // label
    std::string pkcs11_pin_file;  // empty: not at start, a person types it
  } unseal;
  struct {
    uint32_t threshold = 0;              // 0: off; else 2 to approvers
    std::vector<std::string> approvers;  // files of "ssh-ed25519 ..." lines
  } quorum;
  struct {
    std::string origin = "coffer";     // not used yet; of checkpoints
    uint32_t retention_days = 1096;    // not used yet; `retention`
    uint64_t reserve_bytes = 1 << 20;  // not used yet; `reserve`
  } audit;
  struct {
    std::string path;               // not used yet; copies of checkpoints
    uint32_t every_seconds = 3600;  // not used yet
  } anchor;
  struct {
    uint64_t store_bytes_max = uint64_t{64} << 30;   // `store`: LMDB's map
    uint64_t journal_bytes_max = uint64_t{1} << 30;  // not used yet; `journal`
  } limits;
};

// Reads into `out`, which is of use only when it returns true (no fault).
bool ParseConfig(Config& out, std::string_view text, Findings& findings);

}  // namespace coffer::api
