// policy check, load, show and explain.
#include "cli/commands/commands.h"
#include "cli/ssh_key.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;
using wire::Policy;

std::string_view KindText(api::FindingKind kind) {
  switch (kind) {
    case api::FindingKind::kFault:
      return "fault";
    case api::FindingKind::kWarning:
      return "warning";
    case api::FindingKind::kNote:
      return "note";
  }
  return "fault";
}

std::string Summary(const Policy& policy) {
  auto count = [](size_t number, const char* one, const char* many) {
    return std::to_string(number) + " " + (number == 1 ? one : many);
  };
  return count(policy.purposes.size, "purpose", "purposes") + ", " +
         count(policy.institutions.size, "institution", "institutions") + ", " +
         count(policy.callers.size, "caller", "callers") + ", " +
         count(policy.rules.size, "issue rule", "issue rules");
}

std::string DurationOf(uint32_t seconds) {
  return seconds == 0 ? "" : DurationText(seconds);
}

std::string PurposeNames(const Policy& policy, wire::PurposeSet set) {
  std::string names;
  for (size_t i = 0; i < policy.purposes.size; ++i) {
    if (((set >> i) & 1) == 0) continue;
    if (!names.empty()) names += " ";
    names += policy.purposes[i].name.view();
  }
  return names.empty() ? "none" : names;
}

std::string ClusterNames(const Policy& policy, wire::ClusterSet set) {
  std::string names;
  for (size_t i = 0; i < policy.clusters.size; ++i) {
    if (((set >> i) & 1) == 0) continue;
    if (!names.empty()) names += " ";
    names += policy.clusters[i].view();
  }
  return names.empty() ? "none" : names;
}

std::string RightNames(uint16_t rights) {
  static constexpr std::pair<uint16_t, const char*> kRights[] = {
      {wire::kRightCreate, "create"},
      {wire::kRightRead, "read"},
      {wire::kRightUpdate, "update"},
      {wire::kRightErase, "erase"},
      {wire::kRightUpdateBankToken, "update_bank_token"},
      {wire::kRightAllLinks, "all_links"}};
  std::string names;
  for (const auto& [right, name] : kRights) {
    if ((rights & right) == 0) continue;
    if (!names.empty()) names += " ";
    names += name;
  }
  return names;
}

// Empty without one.
std::string BudgetText(const wire::BudgetLimits& limits) {
  const std::pair<uint32_t, const char*> rows[] = {
      {limits.links_per_hour, " links/h"},
      {limits.links_per_day, " links/d"},
      {limits.tokens_per_second, " tokens/s"}};
  std::string text;
  for (const auto& [limit, unit] : rows) {
    if (limit == 0) continue;
    text += (text.empty() ? "" : ", ") + Grouped(limit) + unit;
  }
  return text;
}

std::string RuleLine(const Policy& policy, const wire::IssueRule& rule) {
  std::string text = std::string(policy.purposes[rule.purpose].name.view()) +
                     " for " +
                     std::string(policy.callers[rule.audience].name.view());
  size_t allowed = 0;
  std::string names;
  for (size_t i = 0; i < policy.institutions.size; ++i) {
    if (!rule.institutions.Has(i)) continue;
    ++allowed;
    names += (names.empty() ? "" : " ") +
             std::string(policy.institutions[i].name.view());
  }
  text += allowed == policy.institutions.size ? ", every institution"
                                              : ", " + names;
  const std::string budget =
      BudgetText({rule.distinct_links_per_hour, rule.distinct_links_per_day,
                  rule.tokens_per_second});
  return budget.empty() ? text : text + ", " + budget;
}

void PrintPolicy(std::ostream& out, const Policy& policy) {
  out << "Purposes\n";
  FieldList purposes;
  for (const wire::PolicyPurpose& purpose : policy.purposes) {
    purposes.Add("  " + std::string(purpose.name.view()),
                 purpose.prohibited
                     ? "PROHIBITED"
                     : ClusterNames(policy, purpose.clusters) + ", at most " +
                           DurationOf(purpose.ttl_seconds_max));
  }
  out << purposes.Text() << "\nInstitutions\n";
  FieldList institutions;
  for (const wire::PolicyInstitution& institution : policy.institutions) {
    std::string name = "  " + std::string(institution.name.view());
    institutions.Add(name, Printable(institution.display_name.view()));
    institutions.Add("",
                     "purposes: " + PurposeNames(policy, institution.purposes));
    institutions.Add("",
                     "clusters: " + ClusterNames(policy, institution.clusters));
    if (institution.rotate_seconds != 0) {
      institutions.Add(
          "", "key rotates after " + DurationText(institution.rotate_seconds));
    }
  }
  out << institutions.Text() << "\nCallers\n";
  FieldList callers;
  for (size_t i = 0; i < policy.callers.size; ++i) {
    const wire::PolicyCaller& caller = policy.callers[i];
    bool uid = caller.identity_kind == wire::IdentityKind::kUid;
    callers.Add("  " + std::string(caller.name.view()),
                (uid ? "uid " : "gid ") + std::to_string(caller.identity));
    if (caller.foreign_namespaces) {
      callers.Add("", "also from another namespace");
    }
    if (caller.link_rights != 0) {
      callers.Add("", "links: " + RightNames(caller.link_rights));
    }
    if (caller.redeem != 0) {
      callers.Add("", "redeem: " + PurposeNames(policy, caller.redeem));
    }
    if (caller.consent_key != wire::ByteArray<32>{}) {
      callers.Add("", "signs what it creates, consents and erases");
    }
    if (caller.seal_to != wire::ByteArray<32>{}) {
      callers.Add("", "bank tokens: sealed to its key only");
    }
    for (const wire::IssueRule& rule : policy.rules) {
      if (rule.caller != i) continue;
      callers.Add("", "issue: " + RuleLine(policy, rule));
    }
  }
  out << callers.Text() << "\nKeys are destroyed "
      << (policy.destroy_wait_seconds == 0
              ? "at once"
              : DurationText(policy.destroy_wait_seconds) + " after")
      << " coffer key destroy,\nand within "
      << DurationText(policy.erasure_horizon_seconds)
      << " of an erasure. Consents last at most " << policy.persistent_days_max
      << " days.\n"
      << std::flush;
}

void PrintFindingsJson(const Invocation& invocation,
                       const api::Findings& findings) {
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject().Bool("ok", findings.ok()).Key("findings").BeginArray();
  for (const api::Finding& finding : findings.items) {
    json.BeginObject()
        .Text("kind", KindText(finding.kind))
        .Number("line", finding.line)
        .Text("text", finding.text)
        .EndObject();
  }
  json.EndArray().EndObject();
  PrintBody(invocation, text.view());
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

template <typename List>
std::string Joined(const List& list) {
  std::string text;
  for (std::string_view item : list) {
    text += (text.empty() ? "" : " ") + Printable(item);
  }
  return text;
}

void WriteBudget(api::JsonWriter& json, const wire::BudgetLimits& budget) {
  json.Key("budget").BeginObject();
  if (budget.links_per_hour != 0) {
    json.Number("distinct_links_per_hour", budget.links_per_hour);
  }
  if (budget.links_per_day != 0) {
    json.Number("distinct_links_per_day", budget.links_per_day);
  }
  if (budget.tokens_per_second != 0) {
    json.Number("tokens_per_second", budget.tokens_per_second);
  }
  json.EndObject();
}

void PrintExplained(const Invocation& invocation,
                    const wire::ExplainAnswer& explained,
                    const wire::BudgetLimits& budget) {
  bool allowed = explained.rule == wire::Rule::kAllowed;
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject()
        .Bool("allowed", allowed)
        .Text("rule", wire::RuleText(explained.rule));
    if (allowed) {
      json.Text("scope", Joined(explained.scope))
          .Number("ttl_seconds_max", explained.ttl_seconds_max)
          .Key("audiences")
          .BeginArray();
      for (std::string_view audience : explained.audiences) {
        json.Text(audience);
      }
      json.EndArray();
      WriteBudget(json, budget);
    }
    json.EndObject();
    return PrintBody(invocation, text.view());
  }
  FieldList fields;
  fields.Add("answer",
             allowed ? "allowed, as far as the consent allows it" : "refused");
  fields.Add("rule", std::string(wire::RuleText(explained.rule)));
  if (allowed) {
    fields.Add("scope", Joined(explained.scope));
    fields.Add("lifetime",
               "at most " + DurationText(explained.ttl_seconds_max));
    fields.Add("audiences", Joined(explained.audiences));
    fields.Add("budget", budget.any() ? BudgetText(budget) : "none");
  }
  invocation.context.out << fields.Text() << std::flush;
}

}  // namespace

Outcome<std::unique_ptr<Policy>> AskPolicy(OperatorClient& client) {
  auto answer = client.Ask(OperatorOp::kPolicyShow, wire::EmptyQuestion{});
  if (!answer.ok()) return answer.failure();
  auto shown = answer->As<wire::PolicyBytes>();
  if (!shown.ok()) return shown.failure();
  auto policy = std::make_unique<Policy>();
  auto decoded = wire::DecodePolicy(*policy, shown->policy);
  if (decoded.ok()) return policy;
  return Failure{Exit::kRefused,
                 std::string("the keeper's policy cannot be read: ") +
                     decoded.error().message,
                 "use the coffer of the same version as cofferd"};
}

Exit RunPolicyCheck(const Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  auto text = ReadTextFile(path, api::kPolicyTextBytesMax, "policy");
  if (!text.ok()) return invocation.Fail(text.failure());
  auto policy = std::make_unique<Policy>();
  api::Findings findings;
  bool good =
      api::CompilePolicy(*policy, *text, api::SystemIdentities(), findings);
  auto bytes = api::EncodePolicy(*policy);
  if (good && !bytes.ok()) {
    findings.Fault(0, "larger than the keeper's tables");
    good = false;
  }
  if (invocation.json()) {
    PrintFindingsJson(invocation, findings);
  } else {
    PrintFindings(invocation.context.err, path, findings);
  }
  if (!good) {
    return invocation.Fail(Exit::kRefused,
                           "policy " + Printable(path) + " is refused",
                           "mend the faults with their lines");
  }
  if (!invocation.json()) {
    invocation.context.out << Printable(path) << ": good\n"
                           << Summary(*policy) << "\n";
  }
  return Exit::kDone;
}

Exit RunPolicyLoad(const Invocation& invocation) {
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  const std::string& path = invocation.arguments.empty()
                                ? settings->config.policy
                                : invocation.arguments[0];
  auto policy = CompilePolicyFile(invocation, path);
  if (!policy.ok()) return invocation.Fail(policy.failure());
  PrintFindings(invocation.context.err, path, policy->findings);
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto asked = AskStatus(*client);
  if (!asked.ok()) return invocation.Fail(asked.failure());
  // Without a configuration nothing says that the rule is to change.
  wire::QuorumRule before = asked->status.quorum;
  wire::QuorumRule quorum = before;
  if (!settings->config_path.empty()) {
    auto read = ReadQuorumRule(*settings);
    if (!read.ok()) return invocation.Fail(read.failure());
    quorum = *read;
  }
  if (!(quorum == before)) {
    invocation.Warn("the quorum's rule changes from " + QuorumText(before) +
                    " to " + QuorumText(quorum));
  }
  auto answer = client->Ask(OperatorOp::kPolicyLoad,
                            wire::PolicyBytes{policy->bytes, quorum});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  std::string digest = base::EncodeHex(PolicyDigest(policy->bytes));
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Text("policy_digest", digest)
        .Bool("quorum_changed", !(quorum == before))
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << "Loaded " << Printable(path) << "\n"
                           << Summary(*policy->policy) << "; digest "
                           << digest.substr(0, 16) << "\n";
    if (quorum.threshold != 0) {
      invocation.context.out << Wrap("Quorum: " + QuorumText(quorum), 0)
                             << "\n";
    }
  }
  return Exit::kDone;
}

Exit RunPolicyShow(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto policy = AskPolicy(*client);
  if (!policy.ok()) return invocation.Fail(policy.failure());
  if (invocation.json()) {
    PrintBody(invocation, api::PolicyJson(**policy));
  } else if (invocation.Has("toml")) {
    PrintBody(invocation, api::DecompilePolicy(**policy));
  } else {
    PrintPolicy(invocation.context.out, **policy);
  }
  return Exit::kDone;
}

Exit RunPolicyExplain(const Invocation& invocation) {
  wire::ExplainQuestion question;
  question.caller = invocation.Get("caller");
  question.purpose = invocation.Get("purpose");
  question.institution = invocation.Get("institution");
  for (std::string_view word : Words(invocation.Get("scope"))) {
    if (!question.scope.push_back(word)) {
      return invocation.Usage("--scope names more than 32 clusters");
    }
  }
  for (std::string_view name :
       {question.caller, question.purpose, question.institution}) {
    if (!wire::IsName(name)) {
      return invocation.Usage("a name is 1 to 32 letters, digits, _, . or -");
    }
  }
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(OperatorOp::kPolicyExplain, question);
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto explained = answer->As<wire::ExplainAnswer>();
  if (!explained.ok()) return invocation.Fail(explained.failure());
  auto policy = AskPolicy(*client);
  if (!policy.ok()) return invocation.Fail(policy.failure());
  wire::BudgetLimits budget;
  const int caller = FindCaller(**policy, question.caller);
  const int purpose = FindPurpose(**policy, question.purpose);
  if (caller >= 0 && purpose >= 0) {
    budget = BudgetOf(**policy, static_cast<size_t>(caller),
                      static_cast<size_t>(purpose));
  }
  PrintExplained(invocation, *explained, budget);
  return Exit::kDone;
}

}  // namespace coffer::cli
