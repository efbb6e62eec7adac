// backup create and check.
#include <fcntl.h>

#include "cli/backup_pass.h"
#include "cli/commands/commands.h"
#include "cli/progress.h"
#include "cli/store_child.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

Failure CannotWrite(const std::string& path, const base::Error& error) {
  return {Exit::kRefused, "backup " + Printable(path) + ": " + error.message,
          "nothing was left behind"};
}

// Streams the live store into the file.
Done CopyLinks(const Invocation& invocation, LiveStore& live,
               BackupWriter& writer, const std::string& path) {
  Context& context = invocation.context;
  Progress progress(context.err, context.terminal.ErrorIsTerminal(),
                    context.clock, 0, live.facts().links, "copying");
  for (;;) {
    wire::JudgedLink link;
    auto more = live.Next(link);
    if (!more.ok()) return more.failure();
    if (!*more) break;
    if (base::Status added = writer.Add(link); !added.ok()) {
      return CannotWrite(path, added.error());
    }
    progress.Update(writer.links());
  }
  progress.Finish(writer.links());
  for (;;) {
    base::Bytes row;
    auto more = live.NextHistory(row);
    if (!more.ok()) return more.failure();
    if (!*more) break;
    if (base::Status added = writer.AddHistory(row); !added.ok()) {
      return CannotWrite(path, added.error());
    }
  }
  return base::Nothing{};
}

void PrintMade(const Invocation& invocation, const std::string& path,
               const BackupHeader& header, uint64_t exported,
               uint64_t damaged) {
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Number("links", header.links)
        .Number("damaged", damaged)
        .Number("keyring_generation", header.keyring_generation)
        .Number("exported_generation", exported)
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << "Wrote " << Printable(path) << ": "
                           << Grouped(header.links)
                           << (header.links == 1 ? " link" : " links")
                           << ", of keyring generation "
                           << Grouped(header.keyring_generation) << "\n";
  }
  if (exported < header.keyring_generation) {
    invocation.Warn(
        "keyring generation " + Grouped(header.keyring_generation) +
        " was never exported: on another machine this backup opens nothing; "
        "run coffer key export F, and keep it apart");
  }
}

}  // namespace

Exit RunBackupCreate(const Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto shown = client->Ask(OperatorOp::kPolicyShow, wire::EmptyQuestion{});
  if (!shown.ok()) return invocation.Fail(shown.failure());
  auto policy = shown->As<wire::PolicyBytes>();
  if (!policy.ok()) return invocation.Fail(policy.failure());
  auto live = LiveStore::Open(settings->config.data_dir + "/store");
  if (!live.ok()) return invocation.Fail(live.failure());
  // After the snapshot, so that every key in it is of this generation.
  auto asked = AskStatus(*client);
  if (!asked.ok()) return invocation.Fail(asked.failure());
  BackupHeader header;
  header.vault_id = asked->status.vault_id;
  header.made_at = asked->status.now;
  header.keyring_generation = asked->status.keyring_generation;
  header.next_leaf = asked->status.leaves;

  auto writer = BackupWriter::Create(path);
  if (!writer.ok()) {
    return invocation.Fail(CannotWrite(path, writer.error()));
  }
  if (base::Status put = writer->Policy(policy->policy); !put.ok()) {
    return invocation.Fail(CannotWrite(path, put.error()));
  }
  Done copied = CopyLinks(invocation, *live, *writer, path);
  if (!copied.ok()) return invocation.Fail(copied.failure());
  if (base::Status made = writer->Finish(header); !made.ok()) {
    return invocation.Fail(CannotWrite(path, made.error()));
  }
  header.links = writer->links();
  PrintMade(invocation, path, header, asked->status.exported_generation,
            live->damaged());
  if (live->damaged() == 0) return Exit::kDone;
  return invocation.Fail(
      Exit::kRefused,
      Grouped(live->damaged()) + " rows of the store are damaged and not in it",
      "look for them in an earlier backup with coffer backup check");
}

namespace {

// What the vault says, or why it says nothing.
struct Judged {
  bool asked = false;
  std::string why_not;
  LinkFates fates;
  bool other_vault = false;
};

Outcome<Judged> JudgeFile(const Invocation& invocation,
                          const std::string& path) {
  Judged judged;
  auto client = ConnectOperator(invocation);
  if (!client.ok()) {
    judged.why_not = client.failure().what;
    return judged;
  }
  auto asked = AskStatus(*client);
  if (!asked.ok()) return asked.failure();
  if (asked->status.state != wire::VaultState::kOperational) {
    judged.why_not = "the vault is " +
                     std::string(wire::VaultStateText(asked->status.state));
    return judged;
  }
  judged.asked = true;
  Done passed = PassOver(invocation, path, "asking",
                         [&](const wire::JudgeQuestion& links) -> Done {
                           auto answer = JudgeLinks(*client, links);
                           if (!answer.ok()) return answer.failure();
                           for (wire::Rule rule : answer->rules)
                             judged.fates.Add(rule);
                           return base::Nothing{};
                         });
  if (!passed.ok()) return passed.failure();
  auto header = ReadBackupHeader(path);
  if (!header.ok()) return header.failure();
  judged.other_vault = header->vault_id != asked->status.vault_id;
  return judged;
}

void PrintChecked(const Invocation& invocation, const std::string& path,
                  const BackupHeader& header, Judged& judged) {
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject()
        .Bool("whole", true)
        .Text("vault_id", base::EncodeHex(header.vault_id))
        .Time("made_at", header.made_at)
        .Number("keyring_generation", header.keyring_generation)
        .Number("links", header.links)
        .Bool("judged", judged.asked);
    if (judged.asked) {
      json.Bool("of_this_vault", !judged.other_vault).Key("verdicts");
      json.BeginObject();
      judged.fates.Write(json);
      json.EndObject();
    }
    json.EndObject();
    return PrintBody(invocation, text.view());
  }
  std::ostream& out = invocation.context.out;
  out << Wrap(Printable(path) + ": whole", 0) << "\n";
  FieldList fields;
  fields.Add("made", base::TimeText(header.made_at));
  fields.Add("vault", base::EncodeHex(header.vault_id));
  fields.Add("links", Grouped(header.links));
  fields.Add("keyring",
             "generation " + Grouped(header.keyring_generation) +
                 " of coffer key export, or a later one that has lost no key");
  out << fields.Text();
  if (judged.asked) {
    out << "The vault says to its links:\n" << judged.fates.Text();
  } else {
    out << Wrap("Its links were shown to no vault: " + judged.why_not, 0)
        << "\n";
  }
  out << std::flush;
}

}  // namespace

Exit RunBackupCheck(const Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  // Without keys, and to its end, before anything is asked.
  Done whole = PassOver(
      invocation, path, "reading",
      [](const wire::JudgeQuestion&) { return Done(base::Nothing{}); });
  if (!whole.ok()) return invocation.Fail(whole.failure());
  auto header = ReadBackupHeader(path);
  if (!header.ok()) return invocation.Fail(header.failure());
  auto judged = JudgeFile(invocation, path);
  if (!judged.ok()) return invocation.Fail(judged.failure());
  PrintChecked(invocation, path, *header, *judged);
  if (!judged->asked) return Exit::kDone;
  if (judged->other_vault) {
    return invocation.Fail(Exit::kRefused,
                           "this backup is of another vault than the one that "
                           "answers",
                           "name its configuration with --config");
  }
  if (judged->fates.bad() == 0) return Exit::kDone;
  return invocation.Fail(
      Exit::kRefused,
      Grouped(judged->fates.bad()) + " links do not open and should",
      "make a new backup, and keep this one until you know why");
}

}  // namespace coffer::cli
