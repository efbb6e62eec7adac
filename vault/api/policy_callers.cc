// The callers of policy.toml: who they are, their rights and issue rules.
#include <grp.h>
#include <pwd.h>

#include "vault/api/policy_compiler.h"

namespace coffer::api {
namespace {

using wire::IdentityKind;
using wire::kOverflowId;

constexpr int64_t kIdMax = 0xfffffffe;  // the last one means "no id"

struct BudgetKey {
  std::string_view key;
  uint32_t wire::IssueRule::*budget;
};
constexpr BudgetKey kBudgets[] = {
    {"distinct_links_per_hour", &wire::IssueRule::distinct_links_per_hour},
    {"distinct_links_per_day", &wire::IssueRule::distinct_links_per_day},
    {"tokens_per_second", &wire::IssueRule::tokens_per_second},
};

struct RightRow {
  std::string_view text;
  wire::LinkRight right;
};
constexpr RightRow kRights[] = {
    {"create", wire::kRightCreate},
    {"read", wire::kRightRead},
    {"update", wire::kRightUpdate},
    {"erase", wire::kRightErase},
    {"update_bank_token", wire::kRightUpdateBankToken},
    {"all_links", wire::kRightAllLinks},
};

// Whether it is a point that can be used, the keeper says when it takes the
// policy.
void ReadPublicKey(TomlReader& reader, std::string_view key,
                   wire::ByteArray<32>& out) {
  constexpr std::string_view kHeader = "k4.public.";
  const auto text = reader.Text(key);
  if (!text) return;
  if (text->text.substr(0, kHeader.size()) != kHeader ||
      !base::DecodeBase64Url(out, text->text.substr(kHeader.size())).ok() ||
      out == wire::ByteArray<32>{}) {
    reader.Fault(key,
                 "must be an Ed25519 public key: k4.public. and 43 characters");
  }
}

}  // namespace

IdentityLookup SystemIdentities() {
  IdentityLookup lookup;
  lookup.uid_of_user = [](const std::string& name) -> std::optional<uint32_t> {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> room(16384);
    if (getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found) !=
            0 ||
        found == nullptr) {
      return std::nullopt;
    }
    return found->pw_uid;
  };
  lookup.gid_of_group = [](const std::string& name) -> std::optional<uint32_t> {
    group entry{};
    group* found = nullptr;
    std::vector<char> room(65536);
    if (getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) !=
            0 ||
        found == nullptr) {
      return std::nullopt;
    }
    return found->gr_gid;
  };
  return lookup;
}

bool PolicyCompiler::LookUp(TomlReader& reader, std::string_view key,
                            wire::PolicyCaller& caller) {
  const bool user = key == "user";
  const auto name = reader.Text(key);
  if (!name) return false;
  if (name->text.empty() || name->text.find('\0') != std::string_view::npos) {
    reader.Fault(key, "must be a name");
    return false;
  }
  const auto& find = user ? identities_.uid_of_user : identities_.gid_of_group;
  const std::optional<uint32_t> id = find(std::string(name->text));
  if (!id) {
    findings_.Warning(name->line, std::string("no ") +
                                      (user ? "user " : "group ") +
                                      Quoted(name->text) + " here; " +
                                      reader.place() + " is left out");
    return false;
  }
  caller.identity = *id;
  caller.identity_kind = user ? IdentityKind::kUid : IdentityKind::kGid;
  return true;
}

bool PolicyCompiler::ReadIdentity(TomlReader& reader,
                                  wire::PolicyCaller& caller) {
  int given = 0;
  for (std::string_view key : {"user", "uid", "group", "gid"}) {
    if (reader.Has(key)) ++given;
  }
  if (given != 1) {
    findings_.Fault(
        reader.line(),
        reader.place() + " needs exactly one of user, uid, group and gid");
    return false;
  }
  if (reader.Has("user")) return LookUp(reader, "user", caller);
  if (reader.Has("group")) return LookUp(reader, "group", caller);
  const bool uid = reader.Has("uid");
  const auto number = reader.Integer(uid ? "uid" : "gid", 0, kIdMax);
  if (!number) return false;
  caller.identity = static_cast<uint32_t>(*number);
  caller.identity_kind = uid ? IdentityKind::kUid : IdentityKind::kGid;
  return true;
}

void PolicyCompiler::CompileIdentity(Draft& draft) {
  TomlReader reader(*draft.table, TomlPlace("callers", draft.name), findings_);
  wire::PolicyCaller caller;
  caller.name = wire::Name(draft.name);
  if (ReadIdentity(reader, caller)) AddCaller(caller, draft, reader.line());
}

void PolicyCompiler::AddCaller(const wire::PolicyCaller& caller, Draft& draft,
                               uint32_t line) {
  for (const wire::PolicyCaller& other : policy_.callers) {
    if (other.identity_kind != caller.identity_kind ||
        other.identity != caller.identity) {
      continue;
    }
    const char* kind =
        caller.identity_kind == IdentityKind::kUid ? "uid " : "gid ";
    findings_.Fault(line, "callers " + std::string(other.name.view()) +
                              " and " + draft.name + " are both " + kind +
                              std::to_string(caller.identity) +
                              "; one uid or gid is one caller");
  }
  const int place = policy_.callers.size;
  if (policy_.callers.push_back(caller)) {
    draft.place = place;
  } else {
    findings_.Fault(line, "more than 128 callers");
  }
}

void PolicyCompiler::CompileRights(TomlReader& reader,
                                   wire::PolicyCaller& caller) {
  ReadPublicKey(reader, "consent_key", caller.consent_key);
  ReadPublicKey(reader, "seal_to", caller.seal_to);
  if (const auto names = reader.Texts("links")) {
    for (const TomlText& name : *names) {
      uint16_t right = 0;
      for (const RightRow& row : kRights) {
        if (row.text == name.text) right = row.right;
      }
      if (right == 0) {
        findings_.Fault(name.line,
                        "unknown right " + Quoted(name.text) + " in " +
                            reader.place() +
                            ".links; there are create, read, update, erase, "
                            "update_bank_token and all_links");
      }
      caller.link_rights |= right;
    }
    if ((caller.link_rights & wire::kRightAllLinks) != 0 &&
        (caller.link_rights & (wire::kRightRead | wire::kRightErase)) == 0) {
      findings_.Warning(reader.LineOfKey("links"),
                        reader.place() +
                            ".links: all_links widens read and erase, and "
                            "neither stands beside it");
    }
  }
  ReadPurposes(reader, "redeem", caller.redeem);
  caller.foreign_namespaces = reader.Flag("foreign_namespaces").value_or(false);
  if (caller.identity == kOverflowId && !caller.foreign_namespaces) {
    findings_.Warning(
        reader.line(),
        reader.place() +
            " is never served: 65534 is what the kernel shows for ids of "
            "another user namespace; foreign_namespaces = true takes them");
  }
}

void PolicyCompiler::CompileRules(TomlReader& reader, const Draft& draft) {
  const toml::array* rules = reader.Array("issue");
  if (rules == nullptr) return;
  size_t number = 0;
  for (const toml::node& item : *rules) {
    ++number;
    const std::string place =
        reader.place() + ".issue[" + std::to_string(number) + "]";
    if (!item.is_table()) {
      findings_.Fault(LineOf(item), place + " must be a table");
      continue;
    }
    TomlReader rule_reader(*item.as_table(), place, findings_);
    wire::IssueRule rule;
    if (CompileRule(rule_reader, draft, rule)) AddRule(rule, rule_reader);
  }
}

bool PolicyCompiler::CompileRule(TomlReader& reader, const Draft& draft,
                                 wire::IssueRule& rule) {
  bool good = false;
  if (const auto purpose = reader.Text("purpose")) {
    const int place = ReadPurpose(*purpose, reader.place());
    good = place >= 0;
    if (good) rule.purpose = static_cast<uint16_t>(place);
  } else if (!reader.Has("purpose")) {
    reader.Fault("purpose", "is needed");
  }
  // Each of these runs, so that every fault is found.
  good = CompileAudience(reader, rule) && good;
  good = CompileReach(reader, rule) && good;
  CompileBudgets(reader, rule);
  reader.RefuseUnknown();
  if (!good || draft.place < 0) return false;
  rule.caller = static_cast<uint16_t>(draft.place);
  const wire::PolicyPurpose& purpose = policy_.purposes[rule.purpose];
  if ((rule.clusters & purpose.clusters) == 0) {
    findings_.Fault(reader.line(), reader.place() +
                                       " grants nothing: none of its "
                                       "data_clusters is of the purpose");
    return false;
  }
  if (reader.Has("data_clusters") && (rule.clusters & ~purpose.clusters) != 0) {
    findings_.Warning(reader.LineOfKey("data_clusters"),
                      reader.place() +
                          " names data_clusters that are not of the purpose; "
                          "they have no effect");
  }
  return true;
}

bool PolicyCompiler::CompileAudience(TomlReader& reader,
                                     wire::IssueRule& rule) {
  const auto audience = reader.Text("audience");
  if (!audience) {
    if (!reader.Has("audience")) reader.Fault("audience", "is needed");
    return false;
  }
  const int place = wire::FindCaller(policy_, audience->text);
  if (place >= 0) {
    rule.audience = static_cast<uint16_t>(place);
    return true;
  }
  for (const Draft& draft : drafts_) {
    if (draft.name != audience->text) continue;
    findings_.Warning(audience->line, reader.place() +
                                          " is left out with its audience " +
                                          Quoted(audience->text));
    return false;
  }
  findings_.Fault(audience->line, "unknown audience " + Quoted(audience->text) +
                                      " in " + reader.place() +
                                      "; it is a caller");
  return false;
}

bool PolicyCompiler::CompileReach(TomlReader& reader, wire::IssueRule& rule) {
  bool good = true;
  if (!reader.Has("institutions")) {
    for (size_t i = 0; i < policy_.institutions.size; ++i) {
      rule.institutions.Add(i);
    }
  } else if (const auto names = reader.Texts("institutions")) {
    for (const TomlText& name : *names) {
      const int place = wire::FindInstitution(policy_, name.text);
      if (place < 0) {
        findings_.Fault(name.line, "unknown institution " + Quoted(name.text) +
                                       " in " + reader.place());
        good = false;
      } else {
        rule.institutions.Add(static_cast<size_t>(place));
      }
    }
    if (names->empty()) {
      reader.Fault("institutions", "is empty: leave it out to mean all");
      good = false;
    }
  } else {
    good = false;
  }
  if (!reader.Has("data_clusters")) {
    rule.clusters = AllClusters();
  } else if (!ReadClusters(reader, "data_clusters", rule.clusters, false)) {
    good = false;
  }
  return good;
}

void PolicyCompiler::CompileBudgets(TomlReader& reader, wire::IssueRule& rule) {
  for (const BudgetKey& row : kBudgets) {
    const auto number = reader.Integer(row.key, 1, 0xffffffff);
    if (!number) continue;
    rule.*row.budget = static_cast<uint32_t>(*number);
    if (budget_line_ == 0) budget_line_ = reader.LineOfKey(row.key);
  }
}

// A budget is the caller's for the purpose, whatever the audience: rules that
// give a figure give the same one.
void PolicyCompiler::CheckBudget(const wire::IssueRule& rule,
                                 const TomlReader& reader) {
  for (const BudgetKey& row : kBudgets) {
    for (size_t i = 0; i < policy_.rules.size; ++i) {
      const wire::IssueRule& other = policy_.rules[i];
      const uint32_t said = other.*row.budget;
      if (other.caller != rule.caller || other.purpose != rule.purpose ||
          said == 0 || rule.*row.budget == 0 || said == rule.*row.budget) {
        continue;
      }
      findings_.Fault(reader.LineOfKey(row.key),
                      reader.place() + "." + std::string(row.key) + " is " +
                          std::to_string(rule.*row.budget) + ", and " +
                          std::to_string(said) + " in the rule of line " +
                          std::to_string(rule_lines_[i]) +
                          ": rules of one caller and purpose share one budget");
      break;
    }
  }
  const wire::BudgetLimits before =
      wire::BudgetOf(policy_, rule.caller, rule.purpose);
  const uint32_t of_hour = rule.distinct_links_per_hour;
  const uint32_t of_day = rule.distinct_links_per_day;
  const uint32_t hour = of_hour != 0 ? of_hour : before.links_per_hour;
  const uint32_t day = of_day != 0 ? of_day : before.links_per_day;
  if ((of_hour == 0 && of_day == 0) || day == 0 || hour <= day) return;
  findings_.Fault(
      reader.LineOfKey(of_hour != 0 ? kBudgets[0].key : kBudgets[1].key),
      reader.place() + ".distinct_links_per_hour is " + std::to_string(hour) +
          ", more than distinct_links_per_day, " + std::to_string(day) +
          ": no hour could reach it; lower it or leave it out");
}

void PolicyCompiler::AddRule(const wire::IssueRule& rule,
                             const TomlReader& reader) {
  CheckBudget(rule, reader);
  for (size_t i = 0; i < policy_.rules.size; ++i) {
    const wire::IssueRule& other = policy_.rules[i];
    if (other.caller == rule.caller && other.purpose == rule.purpose &&
        other.audience == rule.audience &&
        other.institutions.Intersects(rule.institutions)) {
      findings_.Fault(reader.line(),
                      reader.place() + " overlaps the rule of line " +
                          std::to_string(rule_lines_[i]) +
                          ": same purpose and audience, and an institution "
                          "in common");
      return;
    }
  }
  if (policy_.rules.push_back(rule)) {
    rule_lines_.push_back(reader.line());
  } else if (rule_lines_.size() == policy_.rules.size) {
    rule_lines_.push_back(0);  // said once
    findings_.Fault(reader.line(), "more than 1024 issue rules in all");
  }
}

}  // namespace coffer::api
