#include "vault/api/policy_file.h"

#include <algorithm>
#include <exception>

#include "vault/api/policy_compiler.h"

namespace coffer::api {
namespace {

constexpr uint32_t kDaySeconds{base::kDaySeconds};
constexpr uint32_t kRotateSecondsMax = 3660 * kDaySeconds;

constexpr std::string_view kFdxClusters[] = {
    "ACCOUNT_BASIC",
    "ACCOUNT_DETAILED",
    "ACCOUNT_PAYMENTS",
    "BILLS",
    "CUSTOMER_CONTACT",
    "CUSTOMER_PERSONAL",
    "IMAGES",
    "INVESTMENTS",
    "NOTIFICATIONS",
    "PAYMENT_SUPPORT",
    "REWARDS",
    "STATEMENTS",
    "TAX",
    "TRANSACTIONS",
};

bool IsCluster(std::string_view name) {
  if (!wire::IsName(name)) return false;
  if (name.size() > 2 && name.substr(0, 2) == "x_") return true;
  return std::find(std::begin(kFdxClusters), std::end(kFdxClusters), name) !=
         std::end(kFdxClusters);
}

// "90s", "5m", "12h", "7d" or, as a number, seconds; nothing when it is none
// of them or above `most`.
std::optional<uint32_t> ParseSeconds(const toml::node& node, uint32_t most) {
  uint64_t seconds = 0;
  if (node.is_integer()) {
    const int64_t number = node.as_integer()->get();
    if (number < 0) return std::nullopt;
    seconds = static_cast<uint64_t>(number);
  } else if (node.is_string()) {
    std::string_view text = node.as_string()->get();
    if (text.size() < 2 || text.size() > 10) return std::nullopt;
    if (text.front() == '0' && text != "0s") return std::nullopt;
    const char unit = text.back();
    text.remove_suffix(1);
    for (char c : text) {
      if (c < '0' || c > '9') return std::nullopt;
      seconds = seconds * 10 + static_cast<uint64_t>(c - '0');
    }
    constexpr std::pair<char, uint64_t> kUnits[] = {
        {'s', 1}, {'m', 60}, {'h', 3600}, {'d', base::kDaySeconds}};
    const auto* found =
        std::find_if(std::begin(kUnits), std::end(kUnits),
                     [unit](const auto& each) { return each.first == unit; });
    if (found == std::end(kUnits)) return std::nullopt;
    seconds *= found->second;
  } else {
    return std::nullopt;
  }
  if (seconds > most) return std::nullopt;
  return static_cast<uint32_t>(seconds);
}

}  // namespace

template <typename Handle>
void PolicyCompiler::ForEachTable(TomlReader& root, std::string_view key,
                                  Handle handle) {
  const toml::table* tables = root.Table(key);
  if (tables == nullptr) return;
  for (auto&& [name, value] : *tables) {
    const uint32_t line = LineOf(value);
    if (!wire::IsName(name.str())) {
      findings_.Fault(line, TomlPlace(key, name.str()) +
                                ": a name is 1 to 32 of A-Z a-z 0-9 _ . -");
    } else if (!value.is_table()) {
      findings_.Fault(line, TomlPlace(key, name.str()) + " must be a table");
    } else {
      handle(name.str(), *value.as_table());
    }
  }
}

bool PolicyCompiler::ReadClusters(TomlReader& reader, std::string_view key,
                                  wire::ClusterSet& out, bool define) {
  const auto names = reader.Texts(key);
  if (!names) return false;
  bool good = true;
  for (const TomlText& name : *names) {
    const std::string where = Quoted(name.text) + " in " + reader.place();
    if (!IsCluster(name.text)) {
      findings_.Fault(name.line, "unknown data cluster " + where +
                                     "; one of your own begins with x_");
      good = false;
      continue;
    }
    int place = wire::FindCluster(policy_, name.text);
    if (place < 0 && define) {
      place = policy_.clusters.size;
      if (!policy_.clusters.push_back(wire::Name(name.text))) {
        findings_.Fault(name.line, "more than 32 data clusters in all");
        return false;
      }
    }
    if (place < 0) {
      findings_.Warning(name.line, "no purpose has data cluster " + where +
                                       "; it has no effect");
      continue;
    }
    out |= wire::ClusterSet{1} << place;
  }
  return good;
}

int PolicyCompiler::ReadPurpose(const TomlText& name,
                                const std::string& place) {
  const std::string where = Quoted(name.text) + " in " + place;
  const int found = wire::FindPurpose(policy_, name.text);
  if (found < 0) {
    findings_.Fault(name.line, "unknown purpose " + where);
  } else if (policy_.purposes[static_cast<size_t>(found)].prohibited) {
    findings_.Fault(name.line, "prohibited purpose " + where);
    return -1;
  }
  return found;
}

bool PolicyCompiler::ReadPurposes(TomlReader& reader, std::string_view key,
                                  wire::PurposeSet& out) {
  const auto names = reader.Texts(key);
  if (!names) return false;
  bool good = true;
  for (const TomlText& name : *names) {
    const int place = ReadPurpose(name, reader.place());
    if (place < 0) {
      good = false;
    } else {
      out |= wire::PurposeSet{1} << place;
    }
  }
  return good;
}

wire::ClusterSet PolicyCompiler::AllClusters() const {
  const size_t size = policy_.clusters.size;
  return size >= 32 ? ~wire::ClusterSet{0} : (wire::ClusterSet{1} << size) - 1;
}

void PolicyCompiler::CompilePurpose(std::string_view name,
                                    const toml::table& table) {
  TomlReader reader(table, TomlPlace("purposes", name), findings_);
  wire::PolicyPurpose purpose;
  purpose.name = wire::Name(name);
  purpose.prohibited = reader.Flag("prohibited").value_or(false);
  const bool has_clusters = reader.Has("data_clusters");
  const bool read_clusters =
      ReadClusters(reader, "data_clusters", purpose.clusters, true);
  if (!purpose.prohibited &&
      (!has_clusters || (read_clusters && purpose.clusters == 0))) {
    reader.Fault("data_clusters",
                 "is needed: name at least one, or prohibit the purpose");
  }
  purpose.ttl_seconds_max = base::kTokenSecondsMax;
  if (const toml::node* ttl = reader.Node("max_ttl")) {
    purpose.ttl_seconds_max =
        ParseSeconds(*ttl, base::kTokenSecondsMax).value_or(0);
    if (purpose.ttl_seconds_max == 0) {
      reader.Fault("max_ttl",
                   "is \"1s\" to \"900s\", \"1m\" to \"15m\", or 1 "
                   "to 900 (seconds)");
    }
  }
  reader.RefuseUnknown();
  if (!policy_.purposes.push_back(purpose)) {
    findings_.Fault(reader.line(), "more than 64 purposes");
  }
}

void PolicyCompiler::CompileInstitution(std::string_view name,
                                        const toml::table& table) {
  TomlReader reader(table, TomlPlace("institutions", name), findings_);
  wire::PolicyInstitution institution;
  institution.name = wire::Name(name);
  institution.display_name.Assign(name);
  if (const auto shown = reader.Text("name")) {
    const bool plain = std::all_of(
        shown->text.begin(), shown->text.end(),
        [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7f; });
    if (shown->text.empty() || !plain ||
        shown->text.size() > base::kDisplayNameBytesMax) {
      reader.Fault("name", "is 1 to 64 bytes without control characters");
    } else {
      institution.display_name.Assign(shown->text);
    }
  }
  if (!reader.Has("purposes")) {
    reader.Fault("purposes", "is needed; [] shares nothing");
  }
  ReadPurposes(reader, "purposes", institution.purposes);
  if (reader.Has("data_clusters")) {
    ReadClusters(reader, "data_clusters", institution.clusters, false);
  } else if (institution.purposes != 0) {
    institution.clusters = AllClusters();
    findings_.Warning(reader.line(),
                      reader.place() +
                          " names no data_clusters: all are within its "
                          "ceiling");
  }
  if (const toml::node* age = reader.Node("rotate_after")) {
    institution.rotate_seconds =
        ParseSeconds(*age, kRotateSecondsMax).value_or(0);
    if (institution.rotate_seconds == 0) {
      reader.Fault("rotate_after", "is \"1s\" to \"3660d\", or seconds");
    }
  }
  reader.RefuseUnknown();
  if (!policy_.institutions.push_back(institution)) {
    findings_.Fault(reader.line(), "more than 256 institutions");
  }
}

void PolicyCompiler::ReadPeriod(TomlReader& reader, std::string_view key,
                                const Period& period, uint32_t& out) {
  const toml::node* node = reader.Node(key);
  if (node == nullptr) return;
  const auto seconds = ParseSeconds(*node, period.most);
  if (seconds && *seconds >= period.least && *seconds % period.unit == 0) {
    out = *seconds / period.unit;
  } else {
    reader.Fault(key, std::string(period.range));
  }
}

void PolicyCompiler::CompileKeys(TomlReader& root) {
  const toml::table* table = root.Table("keys");
  if (table == nullptr) return;
  TomlReader reader(*table, "keys", findings_);
  ReadPeriod(
      reader, "destroy_wait",
      {0, base::kDestroyWaitSecondsMax, 1, "is \"0s\" to \"30d\", or seconds"},
      policy_.destroy_wait_seconds);
  ReadPeriod(reader, "erasure_horizon",
             {base::kErasureHorizonSecondsMin, base::kErasureHorizonSecondsMax,
              1, "is \"10m\" to \"30d\", or seconds"},
             policy_.erasure_horizon_seconds);
  reader.RefuseUnknown();
}

void PolicyCompiler::CompileConsents(TomlReader& root) {
  const toml::table* table = root.Table("consents");
  if (table == nullptr) return;
  TomlReader reader(*table, "consents", findings_);
  ReadPeriod(reader, "persistent_max",
             {kDaySeconds, base::kPersistentDaysMax * kDaySeconds, kDaySeconds,
              "is \"1d\" to \"365d\", in whole days"},
             policy_.persistent_days_max);
  ReadPeriod(
      reader, "keep_expired",
      {0, base::kKeepExpiredSecondsMax, 1, "is \"0s\" to \"90d\", or seconds"},
      policy_.keep_expired_seconds);
  ReadPeriod(reader, "history",
             {0, base::kHistoryDaysMax * kDaySeconds, kDaySeconds,
              "is \"0s\" (none is kept) to \"3660d\", in whole days"},
             policy_.history_days);
  reader.RefuseUnknown();
}

void PolicyCompiler::WarnOfIdleAudiences() {
  for (size_t i = 0; i < policy_.rules.size; ++i) {
    const wire::IssueRule& rule = policy_.rules[i];
    const wire::PolicyCaller& audience = policy_.callers[rule.audience];
    if (((audience.redeem >> rule.purpose) & 1) != 0) continue;
    findings_.Warning(
        rule_lines_[i],
        "audience " + std::string(audience.name.view()) + " may not redeem " +
            std::string(policy_.purposes[rule.purpose].name.view()) +
            ": it can introspect, or verify public tokens, only");
  }
}

void PolicyCompiler::Compile(const toml::table& root_table) {
  TomlReader root(root_table, "", findings_);
  CompileKeys(root);
  CompileConsents(root);
  ForEachTable(root, "purposes", [&](auto name, const toml::table& table) {
    CompilePurpose(name, table);
  });
  ForEachTable(root, "institutions", [&](auto name, const toml::table& table) {
    CompileInstitution(name, table);
  });
  ForEachTable(root, "callers", [&](auto name, const toml::table& table) {
    drafts_.push_back({std::string(name), &table, -1});
  });
  // Every caller's place first: rules name callers as audiences.
  for (Draft& draft : drafts_) CompileIdentity(draft);
  for (const Draft& draft : drafts_) {
    TomlReader reader(*draft.table, TomlPlace("callers", draft.name),
                      findings_);
    for (std::string_view key : {"user", "uid", "group", "gid"}) {
      reader.Has(key);
    }
    wire::PolicyCaller left_out;
    CompileRights(reader,
                  draft.place < 0
                      ? left_out
                      : policy_.callers[static_cast<size_t>(draft.place)]);
    CompileRules(reader, draft);
    reader.RefuseUnknown();
  }
  root.RefuseUnknown();
  WarnOfIdleAudiences();
  if (policy_.purposes.empty()) {
    findings_.Warning(0, "no purposes: nothing can be issued");
  }
  if (const uint64_t links = wire::BudgetLinks(policy_);
      links > base::kBudgetLinksMax) {
    findings_.Fault(budget_line_,
                    "the budgets count " + std::to_string(links) +
                        " links in all (the larger of hour and day each); the "
                        "keeper has room for 1048576");
  }
}

bool CompilePolicy(wire::Policy& out, std::string_view text,
                   const IdentityLookup& identities, Findings& findings) {
  out = wire::Policy{};
  try {
    toml::table root;
    if (!ParseToml(root, text, kPolicyTextBytesMax, findings)) return false;
    PolicyCompiler(out, identities, findings).Compile(root);
  } catch (const std::exception&) {
    findings.Fault(0, "not enough memory to compile the policy");
  }
  findings.SortByLine();
  if (!findings.ok()) return false;
  // What the keeper will check again; a fault here is one we have no line for.
  if (const base::Status sound = wire::CheckPolicy(out); !sound.ok()) {
    findings.Fault(0, sound.error().message);
  } else if (const auto bytes = EncodePolicy(out); !bytes.ok()) {
    findings.Fault(0, bytes.error().message);
  }
  return findings.ok();
}

base::Result<std::vector<uint8_t>> EncodePolicy(const wire::Policy& policy) {
  std::vector<uint8_t> bytes(base::kPolicyBytesMax);
  base::Result<size_t> size = base::EncodeWhole(bytes, policy);
  if (!size.ok()) {
    return base::Fail(base::Code::kTooLarge,
                      "the compiled policy is over 256 KiB");
  }
  bytes.resize(*size);
  return bytes;
}

}  // namespace coffer::api
