// status: what the keeper says of itself, and whether the policy file differs.
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/slot_secret.h"
#include "cli/ssh_key.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"
#include "vault/wire/operator_limits.h"

namespace coffer::cli {
namespace {

using wire::OperatorStatus;
using wire::VaultState;

constexpr std::string_view kSame = "as in the file";

bool HasPolicy(const OperatorStatus& status) {
  return status.policy_digest != base::ByteArray<32>{};
}

// "as in the file", or how it differs; empty when the file cannot be compared.
std::string PolicyAgainstFile(const Settings& settings,
                              const OperatorStatus& status) {
  const std::string& path = settings.config.policy;
  if (!HasPolicy(status) || access(path.c_str(), R_OK) != 0) return "";
  auto text = ReadTextFile(path, api::kPolicyTextBytesMax, "policy");
  if (!text.ok()) return "";
  auto policy = std::make_unique<wire::Policy>();
  api::Findings findings;
  if (!api::CompilePolicy(*policy, *text, api::SystemIdentities(), findings)) {
    return "the file has faults: run coffer policy check " + Printable(path);
  }
  auto bytes = api::EncodePolicy(*policy);
  if (bytes.ok() && PolicyDigest(*bytes) == status.policy_digest) {
    return std::string(kSame) + " " + Printable(path);
  }
  return "DIFFERS from the file " + Printable(path) +
         ": run coffer policy load to take it";
}

std::string ClockText(const OperatorStatus& status) {
  if (!status.clock_accepted) {
    return "NOT ACCEPTED: wall " + base::TimeText(status.wall) + ", recorded " +
           base::TimeText(status.now) +
           "; compare, then run coffer clock accept";
  }
  uint64_t apart = status.now > status.wall ? status.now - status.wall
                                            : status.wall - status.now;
  std::string text = base::TimeText(status.now);
  if (apart > base::kClockBackSecondsMax) {
    text += "; the wall clock is " + DurationText(apart) +
            (status.wall > status.now ? " ahead" : " behind");
  }
  return text;
}

std::string Counted(uint32_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string KeyringText(const OperatorStatus& status) {
  std::string text = "generation " + Grouped(status.keyring_generation);
  if (status.exported_generation == 0) {
    return text + ", NEVER exported: run coffer key export F";
  }
  if (status.exported_generation < status.keyring_generation) {
    return text + "; the last export is of generation " +
           Grouped(status.exported_generation) + ": run coffer key export F";
  }
  return text + ", exported";
}

// "1 holds: messenger for balance_display; coffer brake list".
std::string BrakesText(OperatorClient& client, const OperatorStatus& status) {
  if (status.brakes == 0) return "";
  std::string text =
      std::to_string(status.brakes) + (status.brakes == 1 ? " holds" : " hold");
  auto answer =
      client.Ask(wire::OperatorOp::kBrakeList, wire::BrakeListQuestion{});
  if (!answer.ok()) return text + "; coffer brake list";
  auto list = answer->As<wire::BrakeListAnswer>();
  if (!list.ok() || list->rows.empty()) return text + "; coffer brake list";
  const wire::BrakeRow& first = list->rows[0];
  text += ": " + Printable(first.caller) + " for " + Printable(first.purpose);
  if (status.brakes > 1) text += " and others";
  return text + "; coffer brake list";
}

void PrintHuman(const Invocation& invocation, const Settings& settings,
                const OperatorStatus& status, const std::string& brakes) {
  FieldList fields;
  std::string state(wire::VaultStateText(status.state));
  if (!status.reason.empty()) state += ": " + Printable(status.reason);
  if (status.state == VaultState::kSealed) state += "; run coffer unseal";
  if (status.state == VaultState::kUninitialised) state += "; run coffer init";
  fields.Add("state", state);
  std::string version = Printable(status.version);
  if (status.version != COFFER_VERSION) {
    version += " (this coffer is " COFFER_VERSION ")";
  }
  fields.Add("version", version);
  if (status.state != VaultState::kUninitialised) {
    fields.Add("vault", base::EncodeHex(status.vault_id));
    fields.Add("generation", Grouped(status.generation));
  }
  for (const wire::SlotHeader& slot : status.slots) {
    fields.Add("slot", SlotText(slot));
  }
  if (status.shares_given != 0) {
    fields.Add("shares", std::to_string(status.shares_given) + " of " +
                             std::to_string(status.shares_needed) + " given");
  }
  if (status.state == VaultState::kOperational) {
    fields.Add("keyring", KeyringText(status));
    fields.Add("quorum", QuorumText(status.quorum));
  }
  if (status.awaiting != 0) {
    fields.Add("operations", std::to_string(status.awaiting) +
                                 " awaiting approval: run coffer op list");
  }
  fields.Add("audit leaves", Grouped(status.leaves));
  if (status.journal_reserved_bytes != 0) {
    fields.Add("journal", ByteText(status.journal_bytes) + " of " +
                              ByteText(status.journal_reserved_bytes) +
                              " reserved");
  }
  fields.Add("floors",
             Grouped(status.floors) + " of " + Grouped(status.floors_max));
  if (status.brakes != 0) {
    fields.Add("brakes", brakes);
  }
  if (status.erasures_overdue != 0) {
    fields.Add("erasures", Grouped(status.erasures_overdue) +
                               " overdue: see coffer key list");
  }
  fields.Add("connections", Counted(status.callers, "caller") + ", " +
                                Counted(status.monitors, "monitor") + ", " +
                                Counted(status.operators, "operator"));
  fields.Add("clock", ClockText(status));
  if (status.unseal_failures != 0) {
    fields.Add("failed unseals", Grouped(status.unseal_failures));
  }
  if (HasPolicy(status)) {
    std::string policy =
        base::EncodeHex(base::Bytes(status.policy_digest).first(8));
    std::string against = PolicyAgainstFile(settings, status);
    if (!against.empty()) policy += ", " + against;
    fields.Add("policy", policy);
  }
  fields.Add("sandbox", status.sandboxed ? "on" : "OFF");
  fields.Add("key memory", status.memfd_secret
                               ? "memfd_secret"
                               : "locked (this kernel has no memfd_secret)");
  if (!status.evidence_key.empty()) {
    fields.Add("evidence key", Printable(status.evidence_key));
  }
  if (!status.ingest_kid.empty()) {
    fields.Add("ingest kid", Printable(status.ingest_kid));
  }
  invocation.context.out << fields.Text() << std::flush;
}

void PrintJson(const Invocation& invocation, const Settings& settings,
               const OperatorStatus& status) {
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject()
      .Text("state", wire::VaultStateText(status.state))
      .Text("version", status.version);
  if (!status.reason.empty()) json.Text("reason", status.reason);
  json.Text("vault_id", base::EncodeHex(status.vault_id))
      .Number("generation", status.generation)
      .Number("leaves", status.leaves)
      .Time("now", status.now)
      .Time("wall", status.wall)
      .Bool("clock_accepted", status.clock_accepted)
      .Number("unseal_failures", status.unseal_failures)
      .Number("floors", status.floors)
      .Number("floors_max", status.floors_max);
  json.Key("connections")
      .BeginObject()
      .Number("caller", status.callers)
      .Number("monitor", status.monitors)
      .Number("operator", status.operators)
      .EndObject();
  json.Key("journal")
      .BeginObject()
      .Number("bytes", status.journal_bytes)
      .Number("reserved_bytes", status.journal_reserved_bytes)
      .EndObject();
  json.Bool("memfd_secret", status.memfd_secret)
      .Bool("sandboxed", status.sandboxed);
  if (HasPolicy(status)) {
    json.Text("policy_digest", base::EncodeHex(status.policy_digest));
    std::string against = PolicyAgainstFile(settings, status);
    if (!against.empty()) {
      json.Bool("policy_as_in_file", against.substr(0, kSame.size()) == kSame);
    }
  }
  if (!status.evidence_key.empty()) {
    json.Text("evidence_key", status.evidence_key);
  }
  if (!status.ingest_kid.empty()) json.Text("ingest_kid", status.ingest_kid);
  json.Key("slots").BeginArray();
  for (const wire::SlotHeader& slot : status.slots) WriteSlot(json, slot);
  json.EndArray();
  if (status.shares_given != 0) {
    json.Number("shares_given", status.shares_given)
        .Number("shares_needed", status.shares_needed);
  }
  if (status.state == VaultState::kOperational) {
    json.Number("keyring_generation", status.keyring_generation)
        .Number("exported_generation", status.exported_generation);
    json.Key("quorum")
        .BeginObject()
        .Number("threshold", status.quorum.threshold)
        .Key("approvers")
        .BeginArray();
    for (const wire::Approver& each : status.quorum.approvers) {
      json.Text(each.name.view());
    }
    json.EndArray().EndObject();
  }
  json.Number("awaiting", status.awaiting)
      .Number("brakes", status.brakes)
      .Number("erasures_overdue", status.erasures_overdue)
      .EndObject();
  PrintBody(invocation, text.view());
}

}  // namespace

Exit RunStatus(const Invocation& invocation) {
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(wire::OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto status = answer->As<OperatorStatus>();
  if (!status.ok()) return invocation.Fail(status.failure());
  if (invocation.json()) {
    PrintJson(invocation, *settings, *status);
  } else {
    PrintHuman(invocation, *settings, *status, BrakesText(*client, *status));
  }
  switch (status->state) {
    case VaultState::kOperational:
      return Exit::kDone;
    case VaultState::kSealed:
      return Exit::kSealed;
    default:
      return Exit::kRefused;
  }
}

}  // namespace coffer::cli
