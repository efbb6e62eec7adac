// brake list and release, and token revoke of a whole caller, purpose or
// institution.
#include "cli/commands/commands.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"
#include "vault/wire/operator_limits.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;
using wire::TokenGroup;

// Twelve hex digits, as `brake list` shows them.
bool ParseBrakeId(std::string_view text, wire::BrakeId& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() != 2 * id.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return false;
    uint8_t& byte = id[i / 2];
    byte = static_cast<uint8_t>(byte << 4 | digit);
  }
  return true;
}

// "15:00Z": windows end with an hour.
std::string ClockOf(uint64_t seconds) {
  const std::string text = base::TimeText(seconds);
  return text.substr(text.find('T') + 1, 5) + "Z";
}

// "6 of 3+3": what releases gave stands behind the limit.
std::string UsedText(const wire::BrakeRow& row) {
  std::string text = Grouped(row.counted) + " of " + Grouped(row.limit);
  if (row.releases == 0) return text;
  return text + "+" + Grouped(uint64_t{row.limit} * row.releases);
}

bool IsInPolicy(const wire::Policy& policy,
                const wire::RevokeTokensQuestion& question) {
  switch (question.group) {
    case TokenGroup::kCaller:
      return FindCaller(policy, question.name) >= 0;
    case TokenGroup::kPurpose:
      return FindPurpose(policy, question.name) >= 0;
    case TokenGroup::kInstitution:
      return FindInstitution(policy, question.name) >= 0;
  }
  return false;
}

void AddRow(Table& table, const wire::BrakeRow& row) {
  table.Add({base::EncodeHex(row.id), Printable(row.caller),
             Printable(row.purpose),
             std::string(wire::BudgetWindowText(row.window)), UsedText(row),
             Grouped(row.refused), ClockOf(row.ends_at)});
}

void WriteRow(api::JsonWriter& json, const wire::BrakeRow& row) {
  json.BeginObject()
      .Text("id", base::EncodeHex(row.id))
      .Text("caller", row.caller)
      .Text("purpose", row.purpose)
      .Text("window", wire::BudgetWindowText(row.window))
      .Number("limit", row.limit)
      .Number("releases", row.releases)
      .Number("counted", row.counted)
      .Number("refused", row.refused)
      .Time("tripped_at", row.tripped_at)
      .Time("ends_at", row.ends_at)
      .EndObject();
}

}  // namespace

Exit RunBrakeList(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  Table table(
      {"id", "caller", "purpose", "window", "links", "refused", "ends"});
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject().Key("brakes").BeginArray();
  wire::BrakeListQuestion question;
  do {
    auto answer = client->Ask(OperatorOp::kBrakeList, question);
    if (!answer.ok()) return invocation.Fail(answer.failure());
    auto page = answer->As<wire::BrakeListAnswer>();
    if (!page.ok()) return invocation.Fail(page.failure());
    for (const wire::BrakeRow& row : page->rows) {
      AddRow(table, row);
      WriteRow(json, row);
    }
    if (page->next <= question.from) break;
    question.from = page->next;
  } while (true);
  json.EndArray().EndObject();
  if (invocation.json()) {
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << (table.empty() ? "No brake holds\n"
                                             : table.Text())
                           << std::flush;
  }
  return Exit::kDone;
}

Exit RunBrakeRelease(const Invocation& invocation) {
  wire::BrakeQuestion question;
  if (!ParseBrakeId(invocation.arguments[0], question.id)) {
    return invocation.Usage("a brake's id is the 12 hex digits of brake list");
  }
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(OperatorOp::kBrakeRelease, question);
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Text("released", invocation.arguments[0])
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << "Released: the window has its limit once more\n";
  }
  return Exit::kDone;
}

Exit RevokeGroup(const Invocation& invocation, const char* option) {
  const std::string kind(option);
  const std::string& name = invocation.Get(kind);
  wire::RevokeTokensQuestion question;
  question.group = kind == "caller"    ? TokenGroup::kCaller
                   : kind == "purpose" ? TokenGroup::kPurpose
                                       : TokenGroup::kInstitution;
  question.name = name;
  if (!wire::IsName(name)) {
    return invocation.Usage("a name is 1 to 32 letters, digits, _, . or -");
  }
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  // A misspelt name would be taken, too, and revoke nothing.
  if (!invocation.Has("gone")) {
    auto policy = AskPolicy(*client);
    if (!policy.ok()) return invocation.Fail(policy.failure());
    if (!IsInPolicy(**policy, question)) {
      return invocation.Fail(Exit::kRefused,
                             Printable(name) + " is not in the policy in force",
                             "--gone revokes a name that left it");
    }
  }
  if (!invocation.Confirmed("Revoke every access token of " + kind + " " +
                            Printable(name) + "?")) {
    return invocation.Fail(Exit::kRefused, "not revoked", "");
  }
  auto answer = client->Ask(OperatorOp::kRevokeTokens, question);
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text).BeginObject().Text(kind, name).EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << "Revoked every access token of " << kind << " "
                           << Printable(name) << "; public ones verify\n"
                           << "elsewhere until they expire\n";
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
