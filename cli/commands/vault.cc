// seal, selftest, zeroize and clock accept.
#include "cli/commands/commands.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {

using wire::OperatorOp;

Exit RunSeal(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  if (!invocation.Confirmed(
          "Seal the vault? Every caller is refused until it is unsealed.")) {
    return invocation.Fail(Exit::kRefused, "not sealed", "");
  }
  auto answer = client->Ask(OperatorOp::kSeal, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    PrintBody(invocation, "{\"state\":\"sealed\"}");
  } else {
    invocation.context.out << "Sealed\n";
  }
  return Exit::kDone;
}

Exit RunSelfTest(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(OperatorOp::kSelfTest, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto report = answer->As<wire::SelfTestAnswer>();
  if (!report.ok()) return invocation.Fail(report.failure());
  bool passed = !report->results.empty();
  Table table({"algorithm", "known answers"});
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject().Key("results").BeginArray();
  for (const wire::SelfTestResult& row : report->results) {
    passed = passed && row.passed;
    table.Add({Printable(row.algorithm), row.passed ? "passed" : "FAILED"});
    json.BeginObject()
        .Text("algorithm", row.algorithm)
        .Bool("passed", row.passed)
        .EndObject();
  }
  json.EndArray().Bool("passed", passed).EndObject();
  if (invocation.json()) {
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << table.Text();
  }
  if (passed) return Exit::kDone;
  return invocation.Fail(Exit::kRefused, "a self-test failed",
                         "stop this vault and check the machine");
}

Exit RunZeroize(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  if (!invocation.Confirmed(
          "Zeroize the vault? Every key is wiped, and no link opens again "
          "here: only a key export, its slot's secret and a backup help.")) {
    return invocation.Fail(Exit::kRefused, "not zeroized", "");
  }
  auto answer = client->Ask(OperatorOp::kZeroize, wire::EmptyQuestion{});
  // The keeper ends without an answer: that is how it says that it is done.
  if (!answer.ok() && answer.failure().exit != Exit::kUnreachable) {
    return invocation.Fail(answer.failure());
  }
  if (invocation.json()) {
    PrintBody(invocation, "{\"zeroized\":true}");
  } else {
    invocation.context.out
        << "The keeper wiped every key and ended; cofferd's log "
           "says so: zeroized\n";
  }
  return Exit::kDone;
}

Exit RunClockAccept(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto asked = AskStatus(*client);
  if (!asked.ok()) return invocation.Fail(asked.failure());
  const wire::OperatorStatus& status = asked->status;
  const uint64_t apart = status.now > status.wall ? status.now - status.wall
                                                  : status.wall - status.now;
  // Accepted, but far apart since: it is taken as it is now.
  if (status.state == wire::VaultState::kOperational && status.clock_accepted &&
      apart <= base::kClockBackSecondsMax) {
    if (invocation.json()) {
      PrintBody(invocation, "{\"clock_accepted\":true}");
    } else {
      invocation.context.out
          << "The wall clock is accepted already; nothing was done\n";
    }
    return Exit::kDone;
  }
  if (!invocation.Confirmed("Accept the wall clock " +
                            base::TimeText(status.wall) +
                            "? Every earlier access token is void then.")) {
    return invocation.Fail(Exit::kRefused, "not accepted", "");
  }
  auto answer = client->Ask(OperatorOp::kClockAccept, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    PrintBody(invocation, "{\"clock_accepted\":true}");
  } else {
    invocation.context.out << "The wall clock is accepted\n";
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
