// op list, show, approve and cancel: what awaits the approval of others.
#include "cli/commands/commands.h"
#include "cli/ssh_sign.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::cli {
namespace {

using wire::OperationRow;
using wire::OperatorOp;

std::string Approvers(const OperationRow& row) {
  std::string names;
  for (std::string_view name : row.approvers) {
    names += (names.empty() ? "" : ", ") + Printable(name);
  }
  return names;
}

std::string Approvals(const OperationRow& row) {
  return std::to_string(row.approvers.size) + " of " +
         std::to_string(row.needed);
}

void WriteOperation(api::JsonWriter& json, const OperationRow& row) {
  json.Text("id", wire::OperationText(row.id))
      .Text("what", row.what)
      .Number("uid", row.uid)
      .Time("asked_at", row.asked_at)
      .Time("expires_at", row.expires_at)
      .Number("needed", row.needed)
      .Key("approvers")
      .BeginArray();
  for (std::string_view name : row.approvers) json.Text(name);
  json.EndArray();
}

std::string OperationFields(const OperationRow& row) {
  FieldList fields;
  fields.Add("operation", wire::OperationText(row.id));
  fields.Add("what", Printable(row.what));
  fields.Add("asked by", "uid " + std::to_string(row.uid) + ", " +
                             base::TimeText(row.asked_at));
  fields.Add("expires", base::TimeText(row.expires_at));
  std::string names = Approvers(row);
  fields.Add("approvals", Approvals(row) + (names.empty() ? "" : ": " + names));
  return fields.Text();
}

// A connection, and the operation that the first argument names.
struct Named {
  OperatorClient client;
  wire::OperationId id;
};
Outcome<Named> NameOperation(const Invocation& invocation) {
  auto id = wire::ParseOperation(invocation.arguments[0]);
  if (!id.ok()) {
    return Failure{Exit::kUsage, "an operation's ID is op_ and 16 hex digits",
                   "run coffer op list"};
  }
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return client.failure();
  return Named{std::move(*client), *id};
}

Exit PrintApproved(const Invocation& invocation, const OperationRow& row,
                   const wire::ApproveAnswer& answer) {
  bool good = answer.carried_out && answer.message.empty();
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject()
        .Text("id", wire::OperationText(row.id))
        .Number("approvals", answer.approvals)
        .Number("needed", answer.needed)
        .Bool("carried_out", good);
    if (!answer.message.empty()) json.Text("message", answer.message);
    json.EndObject();
    PrintBody(invocation, text.view());
  } else {
    std::ostream& out = invocation.context.out;
    out << "Approved: " << unsigned{answer.approvals} << " of "
        << unsigned{answer.needed};
    if (good && row.op == OperatorOp::kRestore) {
      out << "; the restore has begun;\n"
             "run backup restore again to see it through\n";
    } else {
      out << (good ? "; carried out\n" : "\n");
    }
  }
  if (!answer.carried_out || good) return Exit::kDone;
  return invocation.Fail(
      Exit::kRefused,
      "approved, and refused when carried out: " + Printable(answer.message),
      "mend that, then ask for it anew");
}

}  // namespace

Exit RunOpList(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(OperatorOp::kOperationList, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto list = answer->As<wire::OperationListAnswer>();
  if (!list.ok()) return invocation.Fail(list.failure());
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject().Key("operations").BeginArray();
    for (const OperationRow& row : list->rows) {
      json.BeginObject();
      WriteOperation(json, row);
      json.EndObject();
    }
    json.EndArray().EndObject();
    PrintBody(invocation, text.view());
    return Exit::kDone;
  }
  Table table({"operation", "what", "signed", "expires"});
  const uint64_t now = invocation.context.clock.WallSeconds();
  for (const OperationRow& row : list->rows) {
    table.Add({wire::OperationText(row.id), Printable(row.what), Approvals(row),
               row.expires_at > now ? "in " + DurationText(row.expires_at - now)
                                    : "now"});
  }
  const bool cuts = invocation.context.terminal.OutputIsTerminal();
  invocation.context.out << (table.empty() ? "Nothing awaits approval\n"
                                           : table.Text(cuts))
                         << std::flush;
  return Exit::kDone;
}

Exit RunOpShow(const Invocation& invocation) {
  auto named = NameOperation(invocation);
  if (!named.ok()) return invocation.Fail(named.failure());
  auto answer = named->client.Ask(OperatorOp::kOperationShow,
                                  wire::OperationQuestion{named->id});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto shown = answer->As<wire::OperationShowAnswer>();
  if (!shown.ok()) return invocation.Fail(shown.failure());
  std::ostream& out = invocation.context.out;
  if (invocation.Has("bytes")) {
    // Byte for byte: it is to be signed.
    out << shown->statement << std::flush;
  } else if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject();
    WriteOperation(json, shown->row);
    json.Text("statement", shown->statement).EndObject();
    PrintBody(invocation, text.view());
  } else {
    out << OperationFields(shown->row) << std::flush;
  }
  return Exit::kDone;
}

Exit RunOpApprove(const Invocation& invocation) {
  auto named = NameOperation(invocation);
  if (!named.ok()) return invocation.Fail(named.failure());
  auto answer = named->client.Ask(OperatorOp::kOperationShow,
                                  wire::OperationQuestion{named->id});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto shown = answer->As<wire::OperationShowAnswer>();
  if (!shown.ok()) return invocation.Fail(shown.failure());
  // What is signed is shown first, and to the letter.
  std::string statement(shown->statement);
  invocation.context.err << OperationFields(shown->row) << "\nTo be signed:\n";
  std::string_view rest = statement;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size());
    invocation.context.err << "  " << Wrap(Printable(rest.substr(0, end)), 4)
                           << "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  invocation.context.err << std::flush;
  if (!invocation.Confirmed("Approve it?")) {
    return invocation.Fail(Exit::kRefused, "not approved", "");
  }
  auto signature = SignWithSsh(invocation, statement, invocation.Get("key"));
  if (!signature.ok()) return invocation.Fail(signature.failure());
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto approved = client->Ask(
      OperatorOp::kOperationApprove,
      wire::ApproveQuestion{named->id, signature->key, signature->signature});
  if (!approved.ok()) {
    // A zeroized keeper ends without an answer.
    if (shown->row.op == OperatorOp::kZeroize &&
        approved.failure().exit == Exit::kUnreachable) {
      return PrintApproved(
          invocation, shown->row,
          {shown->row.needed, shown->row.needed, true, std::string_view()});
    }
    return invocation.Fail(approved.failure());
  }
  auto result = approved->As<wire::ApproveAnswer>();
  if (!result.ok()) return invocation.Fail(result.failure());
  return PrintApproved(invocation, shown->row, *result);
}

Exit RunOpCancel(const Invocation& invocation) {
  auto named = NameOperation(invocation);
  if (!named.ok()) return invocation.Fail(named.failure());
  auto answer = named->client.Ask(OperatorOp::kOperationCancel,
                                  wire::OperationQuestion{named->id});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Text("cancelled", wire::OperationText(named->id))
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << "Cancelled " << wire::OperationText(named->id)
                           << "\n";
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
