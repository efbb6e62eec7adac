// A compiled policy back to text, for people, for programs and for --dev.
#include <array>
#include <memory>

#include "vault/api/json.h"
#include "vault/api/policy_file.h"

namespace coffer::api {
namespace {

using wire::Policy;

struct RightRow {
  uint16_t right;
  std::string_view text;
};
constexpr RightRow kRights[] = {
    {wire::kRightCreate, "create"},
    {wire::kRightRead, "read"},
    {wire::kRightUpdate, "update"},
    {wire::kRightErase, "erase"},
    {wire::kRightUpdateBankToken, "update_bank_token"},
    {wire::kRightAllLinks, "all_links"},
};

using Names = std::vector<std::string_view>;

// Names of the places that a mask holds.
template <typename Mask, typename List>
Names NamesOf(Mask mask, const List& list) {
  Names names;
  for (size_t i = 0; i < list.size; ++i) {
    if (((mask >> i) & 1) == 0) continue;
    if constexpr (requires { list[i].name; }) {
      names.push_back(list[i].name.view());
    } else {
      names.push_back(list[i].view());
    }
  }
  return names;
}
Names RightNames(uint16_t rights) {
  Names names;
  for (const RightRow& row : kRights) {
    if ((rights & row.right) != 0) names.push_back(row.text);
  }
  return names;
}
Names InstitutionNames(const Policy& policy, const wire::IssueRule& rule) {
  Names names;
  for (size_t i = 0; i < policy.institutions.size; ++i) {
    if (rule.institutions.Has(i)) {
      names.push_back(policy.institutions[i].name.view());
    }
  }
  return names;
}
bool HasEveryCluster(const Policy& policy, wire::ClusterSet clusters) {
  return NamesOf(clusters, policy.clusters).size() == policy.clusters.size;
}

// A TOML basic string.
std::string TomlString(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}
std::string TomlList(const Names& names) {
  std::string out = "[";
  for (std::string_view name : names) {
    if (out.size() > 1) out += ", ";
    out += TomlString(name);
  }
  return out + "]";
}
// A dot in a name would otherwise part the table's key.
std::string TomlHeader(std::string_view kind, std::string_view name) {
  const bool bare = name.find('.') == std::string_view::npos;
  return "\n[" + std::string(kind) + "." +
         (bare ? std::string(name) : TomlString(name)) + "]\n";
}

void AppendBudget(std::string& out, std::string_view key, uint32_t budget) {
  if (budget == 0) return;
  out += ", " + std::string(key) + " = " + std::to_string(budget);
}

std::string RuleText(const Policy& policy, const wire::IssueRule& rule) {
  std::string out =
      "  { purpose = " + TomlString(policy.purposes[rule.purpose].name.view()) +
      ", audience = " + TomlString(policy.callers[rule.audience].name.view());
  const Names institutions = InstitutionNames(policy, rule);
  if (institutions.size() != policy.institutions.size) {
    out += ", institutions = " + TomlList(institutions);
  }
  if (!HasEveryCluster(policy, rule.clusters)) {
    out += ", data_clusters = " +
           TomlList(NamesOf(rule.clusters, policy.clusters));
  }
  AppendBudget(out, "distinct_links_per_hour", rule.distinct_links_per_hour);
  AppendBudget(out, "distinct_links_per_day", rule.distinct_links_per_day);
  AppendBudget(out, "tokens_per_second", rule.tokens_per_second);
  return out + " },\n";
}

struct KeyRow {
  std::string_view name;
  std::string text;  // empty: none
};
std::array<KeyRow, 2> KeysOf(const wire::PolicyCaller& caller) {
  const auto text = [](const wire::ByteArray<32>& key) {
    return key == wire::ByteArray<32>{}
               ? std::string()
               : "k4.public." + base::EncodeBase64Url(key);
  };
  return {KeyRow{"consent_key", text(caller.consent_key)},
          KeyRow{"seal_to", text(caller.seal_to)}};
}

std::string CallerText(const Policy& policy, size_t place) {
  const wire::PolicyCaller& caller = policy.callers[place];
  std::string out = TomlHeader("callers", caller.name.view());
  out += caller.identity_kind == wire::IdentityKind::kUid ? "uid = " : "gid = ";
  out += std::to_string(caller.identity) + "\n";
  if (caller.foreign_namespaces) out += "foreign_namespaces = true\n";
  if (caller.link_rights != 0) {
    out += "links = " + TomlList(RightNames(caller.link_rights)) + "\n";
  }
  if (caller.redeem != 0) {
    out +=
        "redeem = " + TomlList(NamesOf(caller.redeem, policy.purposes)) + "\n";
  }
  for (const KeyRow& row : KeysOf(caller)) {
    if (!row.text.empty()) {
      out += std::string(row.name) + " = \"" + row.text + "\"\n";
    }
  }
  std::string rules;
  for (const wire::IssueRule& rule : policy.rules) {
    if (rule.caller == place) rules += RuleText(policy, rule);
  }
  if (!rules.empty()) out += "issue = [\n" + rules + "]\n";
  return out;
}

void WriteList(JsonWriter& json, std::string_view key, const Names& names) {
  json.Key(key).BeginArray();
  for (std::string_view name : names) json.Text(name);
  json.EndArray();
}

void WriteRule(JsonWriter& json, const Policy& policy,
               const wire::IssueRule& rule) {
  json.BeginObject()
      .Text("purpose", policy.purposes[rule.purpose].name.view())
      .Text("audience", policy.callers[rule.audience].name.view());
  WriteList(json, "institutions", InstitutionNames(policy, rule));
  WriteList(json, "data_clusters", NamesOf(rule.clusters, policy.clusters));
  if (rule.distinct_links_per_hour != 0) {
    json.Number("distinct_links_per_hour", rule.distinct_links_per_hour);
  }
  if (rule.distinct_links_per_day != 0) {
    json.Number("distinct_links_per_day", rule.distinct_links_per_day);
  }
  if (rule.tokens_per_second != 0) {
    json.Number("tokens_per_second", rule.tokens_per_second);
  }
  json.EndObject();
}

void WriteCaller(JsonWriter& json, const Policy& policy, size_t place) {
  const wire::PolicyCaller& caller = policy.callers[place];
  const bool uid = caller.identity_kind == wire::IdentityKind::kUid;
  json.BeginObject()
      .Text("name", caller.name.view())
      .Number(uid ? "uid" : "gid", caller.identity);
  if (caller.foreign_namespaces) json.Bool("foreign_namespaces", true);
  WriteList(json, "links", RightNames(caller.link_rights));
  WriteList(json, "redeem", NamesOf(caller.redeem, policy.purposes));
  for (const KeyRow& row : KeysOf(caller)) {
    if (!row.text.empty()) json.Text(row.name, row.text);
  }
  json.Key("issue").BeginArray();
  for (const wire::IssueRule& rule : policy.rules) {
    if (rule.caller == place) WriteRule(json, policy, rule);
  }
  json.EndArray().EndObject();
}

void AppendPeriod(std::string& out, std::string_view key, uint32_t number,
                  uint32_t usual, char unit) {
  if (number == usual) return;
  // Of no days at all there is one spelling.
  out += std::string(key) + " = \"" + std::to_string(number) +
         (number == 0 ? 's' : unit) + "\"\n";
}

std::string PeriodsText(const Policy& policy) {
  std::string keys;
  AppendPeriod(keys, "destroy_wait", policy.destroy_wait_seconds,
               base::kDestroyWaitSecondsDefault, 's');
  AppendPeriod(keys, "erasure_horizon", policy.erasure_horizon_seconds,
               base::kErasureHorizonSecondsDefault, 's');
  std::string consents;
  AppendPeriod(consents, "persistent_max", policy.persistent_days_max,
               base::kPersistentDaysMax, 'd');
  AppendPeriod(consents, "keep_expired", policy.keep_expired_seconds, 0, 's');
  AppendPeriod(consents, "history", policy.history_days,
               base::kHistoryDaysDefault, 'd');
  return (keys.empty() ? "" : "\n[keys]\n" + keys) +
         (consents.empty() ? "" : "\n[consents]\n" + consents);
}

}  // namespace

std::string DecompilePolicy(const Policy& policy) {
  std::string out = "# The policy in force.\n" + PeriodsText(policy);
  for (const wire::PolicyPurpose& purpose : policy.purposes) {
    out += TomlHeader("purposes", purpose.name.view());
    if (purpose.prohibited) out += "prohibited = true\n";
    if (purpose.clusters != 0) {
      out += "data_clusters = " +
             TomlList(NamesOf(purpose.clusters, policy.clusters)) + "\n";
    }
    if (purpose.ttl_seconds_max != 0) {
      out += "max_ttl = \"" + std::to_string(purpose.ttl_seconds_max) + "s\"\n";
    }
  }
  for (const wire::PolicyInstitution& institution : policy.institutions) {
    out += TomlHeader("institutions", institution.name.view()) +
           "name = " + TomlString(institution.display_name.view()) +
           "\npurposes = " +
           TomlList(NamesOf(institution.purposes, policy.purposes)) +
           "\ndata_clusters = " +
           TomlList(NamesOf(institution.clusters, policy.clusters)) + "\n";
    if (institution.rotate_seconds != 0) {
      out += "rotate_after = \"" + std::to_string(institution.rotate_seconds) +
             "s\"\n";
    }
  }
  for (size_t i = 0; i < policy.callers.size; ++i) {
    out += CallerText(policy, i);
  }
  return out;
}

std::string PolicyJson(const Policy& policy) {
  TextBuilder out;
  JsonWriter json(out);
  json.BeginObject()
      .Number("destroy_wait", policy.destroy_wait_seconds)
      .Number("erasure_horizon", policy.erasure_horizon_seconds)
      .Number("persistent_max", policy.persistent_days_max * base::kDaySeconds)
      .Number("keep_expired", policy.keep_expired_seconds)
      .Number("history", policy.history_days * base::kDaySeconds);
  WriteList(json, "data_clusters",
            NamesOf(~wire::ClusterSet{0}, policy.clusters));
  json.Key("purposes").BeginArray();
  for (const wire::PolicyPurpose& purpose : policy.purposes) {
    json.BeginObject()
        .Text("name", purpose.name.view())
        .Bool("prohibited", purpose.prohibited);
    WriteList(json, "data_clusters",
              NamesOf(purpose.clusters, policy.clusters));
    json.Number("max_ttl", purpose.ttl_seconds_max).EndObject();
  }
  json.EndArray().Key("institutions").BeginArray();
  for (const wire::PolicyInstitution& institution : policy.institutions) {
    json.BeginObject()
        .Text("id", institution.name.view())
        .Text("name", institution.display_name.view());
    WriteList(json, "purposes", NamesOf(institution.purposes, policy.purposes));
    WriteList(json, "data_clusters",
              NamesOf(institution.clusters, policy.clusters));
    if (institution.rotate_seconds != 0) {
      json.Number("rotate_after", institution.rotate_seconds);
    }
    json.EndObject();
  }
  json.EndArray().Key("callers").BeginArray();
  for (size_t i = 0; i < policy.callers.size; ++i) {
    WriteCaller(json, policy, i);
  }
  json.EndArray().EndObject();
  return std::string(out.view());
}

std::string DevPolicyText(uint32_t uid) {
  const std::string_view sample = SamplePolicyText();
  // The sample's own callers go: one stands for all of them.
  std::string text(sample.substr(0, sample.find("# --- Callers")));
  auto policy = std::make_unique<Policy>();
  Findings findings;
  CompilePolicy(*policy, text, IdentityLookup{}, findings);
  std::string redeem;
  std::string rules;
  for (const wire::PolicyPurpose& purpose : policy->purposes) {
    if (purpose.prohibited) continue;
    const std::string name = TomlString(purpose.name.view());
    redeem += name + ", ";
    rules += "  { purpose = " + name + ", audience = \"dev\" },\n";
  }
  text += "[callers.dev]\nuid = " + std::to_string(uid) +
          "\nlinks = " + TomlList(RightNames(wire::kLinkRightsAll)) +
          "\nredeem = [" + redeem + "]\nissue = [\n" + rules + "]\n";
  return text;
}

}  // namespace coffer::api
