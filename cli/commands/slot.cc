// slot list, add, remove and test.
#include "cli/commands/commands.h"
#include "cli/slot_secret.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;
using wire::SlotHeader;

Outcome<uint8_t> SlotId(const Invocation& invocation) {
  const std::string& text = invocation.arguments[0];
  if (text.size() == 1 && text[0] >= '1' &&
      text[0] < static_cast<char>('1' + base::kSlotsMax)) {
    return static_cast<uint8_t>(text[0] - '0');
  }
  return Failure{Exit::kUsage, "a slot's ID is a number from 1 to 8",
                 "run coffer slot list"};
}

void Fill(wire::SlotQuestion& question, const SlotSecret& secret) {
  question.slot = secret.slot;
  question.secret = secret.secret;
}

void PrintSlot(const Invocation& invocation, const char* word, uint8_t slot,
               const char* key) {
  if (!invocation.json()) {
    invocation.context.out << word << " slot " << unsigned{slot} << "\n";
    return;
  }
  api::TextBuilder text;
  api::JsonWriter(text).BeginObject().Number(key, slot).EndObject();
  PrintBody(invocation, text.view());
}

}  // namespace

void WriteSlot(api::JsonWriter& json, const SlotHeader& slot) {
  std::string_view kind = wire::SlotKindText(slot.kind);
  if (slot.kind == wire::SlotKind::kKeyFile) kind = "keyfile";
  json.BeginObject()
      .Number("id", slot.id)
      .Text("kind", kind.empty() ? "unknown" : kind);
  if (slot.made_at != 0) json.Time("made_at", slot.made_at);
  if (slot.kind == wire::SlotKind::kPassphrase) {
    json.Number("argon2_memory_bytes", slot.argon2_memory_bytes)
        .Number("argon2_passes", slot.argon2_passes);
  } else if (slot.kind == wire::SlotKind::kShamir) {
    json.Number("threshold", slot.threshold).Number("shares", slot.shares.size);
  } else if (slot.kind == wire::SlotKind::kPkcs11) {
    json.Text("key_label", slot.key_label.view());
  }
  json.EndObject();
}

Exit RunSlotList(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto asked = AskStatus(*client);
  if (!asked.ok()) return invocation.Fail(asked.failure());
  const SlotList& slots = asked->status.slots;
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject().Key("slots").BeginArray();
    for (const SlotHeader& slot : slots) WriteSlot(json, slot);
    json.EndArray().EndObject();
    PrintBody(invocation, text.view());
    return Exit::kDone;
  }
  Table table({"slot", "made"});
  for (const SlotHeader& slot : slots) {
    table.Add({SlotText(slot),
               slot.made_at == 0 ? "at init" : base::TimeText(slot.made_at)});
  }
  invocation.context.out << (table.empty() ? "No slots: run coffer init\n"
                                           : table.Text())
                         << std::flush;
  return Exit::kDone;
}

Exit RunSlotAdd(const Invocation& invocation) {
  auto kind = NewSlotKind(invocation, invocation.arguments[0]);
  if (!kind.ok()) return invocation.Fail(kind.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  // A vault that is not there or sealed is told before files are made.
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto asked = AskStatus(*client);
  if (!asked.ok()) return invocation.Fail(asked.failure());
  if (asked->status.state == wire::VaultState::kSealed) {
    return invocation.Fail(Exit::kSealed, "sealed", "unseal first");
  }
  SlotSecret secret;
  secret.slot.kind = *kind;
  Done made = MakeSlotSecret(invocation, *settings, secret);
  if (!made.ok()) {
    secret.RemoveMadeFiles();
    return invocation.Fail(made.failure());
  }
  client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  Wiped<wire::SlotQuestion> question;
  Fill(question, secret);
  auto answer = client->Ask(OperatorOp::kSlotAdd, question);
  if (!answer.ok()) {
    // What awaits approval, or may have been done, still needs its files.
    bool refused = answer.failure().exit != Exit::kUnreachable &&
                   answer.failure().body.empty();
    if (refused) secret.RemoveMadeFiles();
    return invocation.Fail(answer.failure());
  }
  auto added = answer->As<wire::InitAnswer>();
  if (!added.ok()) return invocation.Fail(added.failure());
  PrintSlot(invocation, "Added", added->slot, "slot");
  SayExportDue(invocation);
  return Exit::kDone;
}

Exit RunSlotRemove(const Invocation& invocation) {
  auto id = SlotId(invocation);
  if (!id.ok()) return invocation.Fail(id.failure());
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  if (!invocation.Confirmed("Remove slot " + std::to_string(*id) +
                            "? Its secret opens this vault no more.")) {
    return invocation.Fail(Exit::kRefused, "not removed", "");
  }
  auto answer = client->Ask(OperatorOp::kSlotRemove, wire::SlotIdQuestion{*id});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  PrintSlot(invocation, "Removed", *id, "removed");
  SayExportDue(invocation);
  return Exit::kDone;
}

Exit RunSlotTest(const Invocation& invocation) {
  auto id = SlotId(invocation);
  if (!id.ok()) return invocation.Fail(id.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto asked = AskStatus(*client);
  if (!asked.ok()) return invocation.Fail(asked.failure());
  auto slot = ChooseSlot(invocation, *settings, asked->status.slots, *id);
  if (!slot.ok()) return invocation.Fail(slot.failure());
  SlotSecret secret;
  secret.slot = *slot;
  Done read = ReadSlotSecret(invocation, *settings, secret);
  if (!read.ok()) return invocation.Fail(read.failure());
  client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  Wiped<wire::SlotQuestion> question;
  Fill(question, secret);
  auto answer = client->Ask(OperatorOp::kSlotTest, question);
  if (!answer.ok()) return invocation.Fail(answer.failure());
  PrintSlot(invocation, "This secret opens", *id, "opens");
  return Exit::kDone;
}

}  // namespace coffer::cli
