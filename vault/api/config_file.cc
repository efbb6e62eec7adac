#include "vault/api/config_file.h"

#include <exception>

#include "crypto/base/limits.h"
#include "vault/api/toml_reader.h"

namespace coffer::api {
namespace {

constexpr int64_t kBytesMost = int64_t{1} << 44;

bool HasControl(std::string_view text) {
  for (char c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

// An absolute path without "." and ".." steps, empty steps or a slash at its
// end, so that one file has one spelling.
bool IsPlainPath(std::string_view path) {
  if (path.size() < 2 || path.front() != '/' || HasControl(path)) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t slash = path.find('/');
    const std::string_view step = path.substr(0, slash);
    if (step.empty() || step == "." || step == "..") return false;
    path = slash == std::string_view::npos ? "" : path.substr(slash);
  }
  return true;
}

void ReadPath(TomlReader& reader, std::string_view key, size_t bytes_max,
              std::string& out) {
  const auto text = reader.Text(key);
  if (!text) return;
  if (!IsPlainPath(text->text)) {
    reader.Fault(key, "must be an absolute path without . and .. steps");
  } else if (text->text.size() > bytes_max) {
    reader.Fault(
        key, "must be at most " + std::to_string(bytes_max) + " bytes long");
  } else {
    out = text->text;
  }
}

constexpr size_t kPathBytesMax = 4000;

void ReadAccount(TomlReader& reader, std::string_view key, NameSetting& out) {
  const auto text = reader.Text(key);
  if (!text) return;
  if (text->text.empty() || text->text.size() > 255 || HasControl(text->text) ||
      text->text.find_first_of(" :/") != std::string_view::npos) {
    reader.Fault(key, "must be the name of a user or group");
    return;
  }
  out.name = text->text;
  out.set = true;
}

constexpr size_t kWordBytesMax = 128;

void ReadWord(TomlReader& reader, std::string_view key, size_t bytes_max,
              std::string& out) {
  const auto text = reader.Text(key);
  if (!text) return;
  if (text->text.empty() || text->text.size() > bytes_max ||
      HasControl(text->text)) {
    reader.Fault(key, "must be 1 to " + std::to_string(bytes_max) +
                          " bytes without control characters");
    return;
  }
  out = text->text;
}

template <typename Number>
void ReadNumber(TomlReader& reader, std::string_view key, int64_t least,
                int64_t most, Number& out) {
  if (const auto number = reader.Integer(key, least, most)) {
    out = static_cast<Number>(*number);
  }
}

struct Unit {
  std::string_view text;
  int64_t factor;
};
constexpr Unit kDayUnits[] = {{"d", 1}};
constexpr Unit kByteUnits[] = {
    {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

// -1 unless the text is a number without leading zero and one of the units.
template <size_t N>
int64_t ParseAmount(std::string_view text, const Unit (&units)[N]) {
  const size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits > 9 || text.front() == '0') return -1;
  int64_t number = 0;
  for (char c : text.substr(0, digits)) number = number * 10 + (c - '0');
  for (const Unit& unit : units) {
    if (text.substr(digits) == unit.text) return number * unit.factor;
  }
  return -1;
}

// "90d", "64MiB", or a plain number of days or bytes.
template <size_t N, typename Number>
void ReadAmount(TomlReader& reader, std::string_view key,
                const Unit (&units)[N], int64_t least, int64_t most,
                std::string_view what, Number& out) {
  const toml::node* node = reader.Node(key);
  if (node == nullptr) return;
  int64_t amount = -1;
  if (node->is_integer()) amount = node->as_integer()->get();
  if (node->is_string() && !node->as_string()->get().empty()) {
    amount = ParseAmount(node->as_string()->get(), units);
  }
  if (amount < least || amount > most) {
    reader.Fault(key, what);
  } else {
    out = static_cast<Number>(amount);
  }
}

// "0660": permission bits only.
void ReadMode(TomlReader& reader, bool open_to_all, SocketSetting& out) {
  const auto text = reader.Text("mode");
  if (!text) return;
  uint32_t mode = 0;
  bool good = text->text.size() == 4 && text->text.front() == '0';
  for (char c : text->text) {
    good = good && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<uint32_t>(c - '0');
  }
  if (!good) {
    reader.Fault("mode", "must be four octal digits, e.g. \"0660\"");
  } else if ((mode & 0200) == 0) {
    reader.Fault("mode", "must let the owner write");
  } else if (!open_to_all && (mode & 0007) != 0) {
    reader.Fault("mode", "must give nothing to others: trust changes here");
  } else {
    out.mode = mode;
  }
}

class ConfigReader {
 public:
  ConfigReader(Config& out, Findings& findings)
      : config_(out), findings_(findings) {}

  void Read(const toml::table& table) {
    TomlReader root(table, "", findings_);
    ReadPath(root, "data_dir", kPathBytesMax, config_.data_dir);
    ReadPath(root, "policy", kPathBytesMax, config_.policy);
    ReadSockets(root);
    ReadTable(root, "users", [&](TomlReader& users) {
      ReadAccount(users, "gate", config_.gate_user);
      ReadAccount(users, "keeper", config_.keeper_user);
    });
    ReadTrust(root);
    ReadAudit(root);
    ReadTable(root, "limits", [&](TomlReader& limits) {
      constexpr std::string_view kWhat =
          "must be \"1MiB\" to \"16384GiB\", or that many bytes";
      ReadAmount(limits, "store", kByteUnits, 1 << 20, kBytesMost, kWhat,
                 config_.limits.store_bytes_max);
      ReadAmount(limits, "journal", kByteUnits, 1 << 20, kBytesMost, kWhat,
                 config_.limits.journal_bytes_max);
      NotUsedYet(limits, {"journal"});
    });
    root.RefuseUnknown();
  }

 private:
  template <typename Fields>
  void ReadTable(TomlReader& parent, std::string_view key, Fields fields) {
    const toml::table* table = parent.Table(key);
    if (table == nullptr) return;
    TomlReader reader(*table, TomlPlace(parent.place(), key), findings_);
    fields(reader);
    reader.RefuseUnknown();
  }

  void NotUsedYet(TomlReader& reader,
                  std::initializer_list<std::string_view> keys) {
    for (std::string_view key : keys) {
      if (!reader.Has(key)) continue;
      findings_.Note(reader.LineOfKey(key),
                     TomlPlace(reader.place(), key) +
                         " is read and not used yet by this version");
    }
  }

  void ReadSocket(TomlReader& sockets, std::string_view key, bool open_to_all,
                  SocketSetting& out) {
    ReadTable(sockets, key, [&](TomlReader& socket) {
      ReadPath(socket, "path", kSocketPathBytesMax, out.path);
      ReadMode(socket, open_to_all, out);
      ReadAccount(socket, "group", out.group);
    });
  }

  void ReadSockets(TomlReader& root) {
    ReadTable(root, "sockets", [&](TomlReader& sockets) {
      ReadSocket(sockets, "caller", true, config_.caller);
      ReadSocket(sockets, "operator", false, config_.operators);
      ReadSocket(sockets, "monitor", true, config_.monitor);
      if (config_.caller.path == config_.operators.path ||
          config_.caller.path == config_.monitor.path ||
          config_.operators.path == config_.monitor.path) {
        findings_.Fault(sockets.line(), "two sockets have one path");
      }
    });
  }

  // What opens and governs the vault.
  void ReadTrust(TomlReader& root) {
    ReadTable(root, "unseal", [&](TomlReader& unseal) {
      ReadWord(unseal, "credential", kWordBytesMax, config_.unseal.credential);
      if (config_.unseal.credential.find('/') != std::string::npos ||
          config_.unseal.credential.starts_with('.')) {
        unseal.Fault("credential", "must be a credential's name, not a path");
      }
      ReadPath(unseal, "key_file", kPathBytesMax, config_.unseal.key_file);
      ReadDevice(unseal);
    });
    ReadTable(root, "quorum", [&](TomlReader& quorum) {
      ReadNumber(quorum, "threshold", 0, base::kApproversMax,
                 config_.quorum.threshold);
      if (const auto files = quorum.Texts("approvers")) {
        for (const TomlText& file : *files) {
          if (!IsPlainPath(file.text)) {
            findings_.Fault(file.line,
                            "quorum.approvers must be absolute paths");
          }
          config_.quorum.approvers.emplace_back(file.text);
        }
      }
      const size_t approvers = config_.quorum.approvers.size();
      const uint32_t threshold = config_.quorum.threshold;
      if (approvers > base::kApproversMax) {
        quorum.Fault("approvers", "names more than 16 files");
      } else if (threshold == 1 || threshold > approvers) {
        quorum.Fault("threshold", "must be 0, or 2 to the number of approvers");
      }
    });
  }

  void ReadDevice(TomlReader& unseal) {
    ReadPath(unseal, "pkcs11_module", kPathBytesMax,
             config_.unseal.pkcs11_module);
    ReadWord(unseal, "pkcs11_token", kDeviceLabelBytesMax,
             config_.unseal.pkcs11_token);
    ReadWord(unseal, "pkcs11_key", kDeviceLabelBytesMax,
             config_.unseal.pkcs11_key);
    ReadPath(unseal, "pkcs11_pin_file", kPathBytesMax,
             config_.unseal.pkcs11_pin_file);
    const bool module = unseal.Has("pkcs11_module");
    if (module != unseal.Has("pkcs11_token") ||
        module != unseal.Has("pkcs11_key") ||
        (!module && unseal.Has("pkcs11_pin_file"))) {
      findings_.Fault(unseal.line(),
                      "unseal.pkcs11_module, pkcs11_token and pkcs11_key go "
                      "together");
    }
  }

  void ReadAudit(TomlReader& root) {
    ReadTable(root, "audit", [&](TomlReader& audit) {
      ReadWord(audit, "origin", kWordBytesMax, config_.audit.origin);
      ReadAmount(audit, "retention", kDayUnits, 1, 36600,
                 "must be \"1d\" to \"36600d\", or that many days",
                 config_.audit.retention_days);
      ReadAmount(audit, "reserve", kByteUnits, 1 << 16, kBytesMost,
                 "must be \"64KiB\" to \"16384GiB\", or that many bytes",
                 config_.audit.reserve_bytes);
      NotUsedYet(audit, {"origin", "retention", "reserve"});
    });
    ReadTable(root, "anchor", [&](TomlReader& anchor) {
      ReadPath(anchor, "path", kPathBytesMax, config_.anchor.path);
      ReadNumber(anchor, "every_seconds", 1, 31 * base::kDaySeconds,
                 config_.anchor.every_seconds);
      NotUsedYet(anchor, {"path", "every_seconds"});
    });
  }

  Config& config_;
  Findings& findings_;
};

}  // namespace

bool ParseConfig(Config& out, std::string_view text, Findings& findings) {
  out = Config{};
  try {
    toml::table root;
    if (!ParseToml(root, text, kConfigTextBytesMax, findings)) return false;
    ConfigReader(out, findings).Read(root);
  } catch (const std::exception&) {
    findings.Fault(0, "not enough memory to read the file");
  }
  findings.SortByLine();
  return findings.ok();
}

}  // namespace coffer::api
