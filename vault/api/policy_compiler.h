// The steps from policy.toml to wire::Policy. Private to vault/api; see
// policy_file.h for what is refused.
#pragma once

#include "vault/api/policy_file.h"
#include "vault/api/toml_reader.h"

namespace coffer::api {

class PolicyCompiler {
 public:
  PolicyCompiler(wire::Policy& out, const IdentityLookup& identities,
                 Findings& findings)
      : policy_(out), identities_(identities), findings_(findings) {}

  void Compile(const toml::table& root);

 private:
  // A caller of the file; `place` is -1 while it is not in the policy.
  struct Draft {
    std::string name;
    const toml::table* table = nullptr;
    int place = -1;
  };

  // A time of the file, in seconds; kept in units of `unit` seconds.
  struct Period {
    uint32_t least;
    uint32_t most;
    uint32_t unit;
    std::string_view range;  // the fault that another one is
  };
  void ReadPeriod(TomlReader& reader, std::string_view key,
                  const Period& period, uint32_t& out);
  void CompileKeys(TomlReader& root);
  void CompileConsents(TomlReader& root);
  void CompilePurpose(std::string_view name, const toml::table& table);
  void CompileInstitution(std::string_view name, const toml::table& table);
  void CompileIdentity(Draft& draft);
  bool ReadIdentity(TomlReader& reader, wire::PolicyCaller& caller);
  bool LookUp(TomlReader& reader, std::string_view key,
              wire::PolicyCaller& caller);
  void CompileRights(TomlReader& reader, wire::PolicyCaller& caller);
  void CompileRules(TomlReader& reader, const Draft& draft);
  bool CompileRule(TomlReader& reader, const Draft& draft,
                   wire::IssueRule& rule);
  bool CompileAudience(TomlReader& reader, wire::IssueRule& rule);
  bool CompileReach(TomlReader& reader, wire::IssueRule& rule);
  void CompileBudgets(TomlReader& reader, wire::IssueRule& rule);
  void WarnOfIdleAudiences();
  void CheckBudget(const wire::IssueRule& rule, const TomlReader& reader);
  void AddRule(const wire::IssueRule& rule, const TomlReader& reader);
  void AddCaller(const wire::PolicyCaller& caller, Draft& draft, uint32_t line);

  // Names that must be well-formed, then `handle` for each table of `key`.
  template <typename Handle>
  void ForEachTable(TomlReader& root, std::string_view key, Handle handle);

  // Clusters and purposes by name; a fault or warning for each that is none.
  bool ReadClusters(TomlReader& reader, std::string_view key,
                    wire::ClusterSet& out, bool define);
  bool ReadPurposes(TomlReader& reader, std::string_view key,
                    wire::PurposeSet& out);
  int ReadPurpose(const TomlText& name, const std::string& place);
  wire::ClusterSet AllClusters() const;

  wire::Policy& policy_;
  const IdentityLookup& identities_;
  Findings& findings_;
  std::vector<Draft> drafts_;
  std::vector<uint32_t> rule_lines_;  // beside policy_.rules
  uint32_t budget_line_ = 0;          // of the first budget
};

}  // namespace coffer::api
