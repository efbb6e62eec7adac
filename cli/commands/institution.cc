// institution list, suspend, resume, withdraw and admit.
#include "cli/commands/commands.h"
#include "cli/key_rows.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

using wire::InstitutionAction;
using wire::InstitutionRow;
using wire::OperatorOp;

std::string Count(const InstitutionRow& row, uint64_t count) {
  return row.counted ? Grouped(count) : "counting";
}

Exit Change(const Invocation& invocation, OperatorClient& client,
            InstitutionAction action, const char* state,
            const std::string& words) {
  const std::string& name = invocation.arguments[0];
  auto answer = client.Ask(OperatorOp::kInstitutionChange,
                           wire::InstitutionQuestion{name, action});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Text("institution", name)
        .Text("state", state)
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << Printable(name) << ": " << words << "\n";
    if (action == InstitutionAction::kWithdraw ||
        action == InstitutionAction::kAdmit) {
      SayExportDue(invocation);
    }
  }
  return Exit::kDone;
}

Outcome<OperatorClient> ConnectFor(const Invocation& invocation) {
  if (!wire::IsName(invocation.arguments[0])) {
    return Failure{Exit::kUsage,
                   "an institution's name is 1 to 32 letters, digits, _, . "
                   "or -",
                   "run coffer institution list"};
  }
  return ConnectOperator(invocation);
}

Exit Simply(const Invocation& invocation, InstitutionAction action,
            const char* state, const std::string& words) {
  auto client = ConnectFor(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  return Change(invocation, *client, action, state, words);
}

}  // namespace

Exit RunInstitutionList(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto list = AskInstitutions(*client);
  if (!list.ok()) return invocation.Fail(list.failure());
  if (!invocation.json()) {
    Table table({"institution", "state", "key", "links", "to rewrap", "dead"});
    for (const InstitutionRow& row : list->rows) {
      std::string state(wire::InstitutionStateText(row.state));
      if (!row.in_policy) state += ", not in policy";
      table.Add(
          {Printable(row.name), state,
           row.version == 0 ? "none" : "version " + std::to_string(row.version),
           Count(row, row.links), Count(row, row.to_rewrap),
           Count(row, row.dead)});
    }
    invocation.context.out << (table.empty() ? "No institutions\n"
                                             : table.Text())
                           << std::flush;
    return Exit::kDone;
  }
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject().Key("institutions").BeginArray();
  for (const InstitutionRow& row : list->rows) {
    json.BeginObject()
        .Text("institution", row.name)
        .Text("state", wire::InstitutionStateText(row.state))
        .Bool("in_policy", row.in_policy);
    if (row.version != 0) {
      json.Text("key", base::EncodeHex(row.active))
          .Number("version", row.version);
    }
    if (row.counted) {
      json.Number("links", row.links)
          .Number("to_rewrap", row.to_rewrap)
          .Number("dead", row.dead);
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
  PrintBody(invocation, text.view());
  return Exit::kDone;
}

Exit RunInstitutionSuspend(const Invocation& invocation) {
  return Simply(invocation, InstitutionAction::kSuspend, "suspended",
                "suspended; nothing is issued, redeemed or stored until "
                "coffer institution resume");
}

Exit RunInstitutionResume(const Invocation& invocation) {
  return Simply(invocation, InstitutionAction::kResume, "active",
                "active again");
}

Exit RunInstitutionAdmit(const Invocation& invocation) {
  return Simply(invocation, InstitutionAction::kAdmit, "active",
                "admitted under a new key; earlier links stay dead");
}

Exit RunInstitutionWithdraw(const Invocation& invocation) {
  auto client = ConnectFor(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto list = AskInstitutions(*client);
  if (!list.ok()) return invocation.Fail(list.failure());
  const std::string& name = invocation.arguments[0];
  std::string links = "all its links";
  for (const InstitutionRow& row : list->rows) {
    if (row.name != name || !row.counted) continue;
    links = Grouped(row.links) + (row.links == 1 ? " link" : " links");
  }
  if (!invocation.Confirmed("Withdraw " + Printable(name) + "? Its keys are " +
                            "destroyed: " + links +
                            " never open again, from no backup either.")) {
    return invocation.Fail(Exit::kRefused, "not withdrawn", "");
  }
  // A person may have thought for longer than the keeper waits.
  client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  return Change(invocation, *client, InstitutionAction::kWithdraw, "withdrawn",
                "withdrawn; " + links + " will never open again");
}

}  // namespace coffer::cli
