// doctor: every check with its advice.
#include "cli/checks.h"
#include "cli/commands/commands.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

const char* HealthText(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kWarn:
      return "warn";
    case Health::kFail:
      return "fail";
  }
  return "fail";
}

void Print(const Invocation& invocation, const Checks& checks) {
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject().Key("checks").BeginArray();
    for (const Check& check : checks) {
      json.BeginObject()
          .Text("health", HealthText(check.health))
          .Text("name", check.name)
          .Text("found", check.found);
      if (!check.advice.empty()) json.Text("advice", check.advice);
      json.EndObject();
    }
    json.EndArray().EndObject();
    return PrintBody(invocation, text.view());
  }
  for (const Check& check : checks) {
    std::string line = HealthText(check.health);
    line.resize(6, ' ');
    line += check.name;
    line.resize(std::max<size_t>(24, line.size() + 1), ' ');
    std::string text = check.found;
    if (!check.advice.empty()) text += "; " + check.advice;
    invocation.context.out << line << Wrap(text, 24) << "\n";
  }
  invocation.context.out << std::flush;
}

}  // namespace

Exit RunDoctor(const Invocation& invocation) {
  Checks checks;
  CheckMachine(invocation.context.file_system_root, checks);
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) {
    checks.push_back({Health::kFail, "configuration", settings.failure().what,
                      settings.failure().next});
  } else {
    CheckFiles(*settings, checks);
    CheckSockets(*settings, checks);
    auto client = OperatorClient::Connect(settings->operator_socket);
    if (client.ok()) {
      auto answer =
          client->Ask(wire::OperatorOp::kStatus, wire::EmptyQuestion{});
      auto status = answer.ok()
                        ? answer->As<wire::OperatorStatus>()
                        : Outcome<wire::OperatorStatus>(answer.failure());
      if (status.ok()) {
        CheckKeeper(*status, checks);
      } else {
        checks.push_back({Health::kFail, "vault", status.failure().what,
                          status.failure().next});
      }
    }
  }
  Print(invocation, checks);
  size_t failed = 0;
  for (const Check& check : checks) failed += check.health == Health::kFail;
  if (failed == 0) return Exit::kDone;
  return invocation.Fail(Exit::kRefused,
                         std::to_string(failed) + " checks failed",
                         "follow the advice of each");
}

}  // namespace coffer::cli
