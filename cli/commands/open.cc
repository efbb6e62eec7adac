// init and unseal: what makes a vault open.
#include <chrono>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/key_export_file.h"
#include "cli/share_files.h"
#include "cli/slot_secret.h"
#include "cli/ssh_key.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;
using wire::VaultState;

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }

// Asks until the vault serves, for ten seconds at most: the gate opens its
// store after the keeper has its keys.
void AwaitServing(const Settings& settings) {
  for (int i = 0; i < 100; ++i) {
    auto client = HttpClient::Connect(settings.monitor_socket);
    if (!client.ok()) return;
    HttpRequest request;
    request.target = "/v1/health";
    auto answer = client->Send(request);
    if (!answer.ok() || answer->good()) return;
    if (answer->text().find("starting") == std::string_view::npos &&
        answer->text().find("sealed") == std::string_view::npos &&
        answer->text().find("uninitialised") == std::string_view::npos) {
      return;
    }
    Pause();
  }
}

// `slot` 0: the one that the secret was of.
Exit Opened(const Invocation& invocation, const Settings& settings,
            OperatorClient& client, uint8_t slot, const char* word) {
  auto asked = AskStatus(client);
  for (int i = 0;
       i < 100 && asked.ok() && asked->status.state == VaultState::kStarting;
       ++i) {
    Pause();
    asked = AskStatus(client);
  }
  if (!asked.ok()) return invocation.Fail(asked.failure());
  const wire::OperatorStatus& status = asked->status;
  std::string_view state = wire::VaultStateText(status.state);
  if (status.state != VaultState::kOperational) {
    return invocation.Fail(Exit::kRefused,
                           std::string("the vault is ") + std::string(state) +
                               (status.reason.empty() ? "" : ": ") +
                               Printable(status.reason),
                           "run coffer status");
  }
  AwaitServing(settings);
  if (!status.clock_accepted) {
    invocation.Warn(
        "the clock is not accepted; compare it, then run coffer clock accept");
  }
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject().Text("state", state);
    if (slot != 0) json.Number("slot", slot);
    json.EndObject();
    PrintBody(invocation, text.view());
  } else {
    std::ostream& out = invocation.context.out;
    out << word;
    if (slot != 0) out << " with slot " << unsigned{slot};
    out << "; " << state << "\n";
  }
  return Exit::kDone;
}

// A connection, and the state that the keeper is in.
struct Vault {
  OperatorClient client;
  KeeperStatus keeper;
};
Outcome<Vault> ConnectVault(const Settings& settings) {
  auto client = OperatorClient::Connect(settings.operator_socket);
  if (!client.ok()) return client.failure();
  auto status = AskStatus(*client);
  if (!status.ok()) return status.failure();
  return Vault{std::move(*client), std::move(*status)};
}

// The secret of the slot that opens the export, from the export's own header.
Done ReadExportSecret(const Invocation& invocation, const Settings& settings,
                      const KeyExport& keys, SlotSecret& secret) {
  auto wanted = invocation.Number("slot", 1, base::kSlotsMax, 0);
  if (!wanted.ok()) return wanted.failure();
  auto slot = ChooseSlot(invocation, settings, keys.slots, *wanted);
  if (!slot.ok()) return slot.failure();
  secret.slot = *slot;
  return ReadSlotSecret(invocation, settings, secret);
}

// Sends what makes the vault; its answer.
Outcome<OperatorAnswer> AskToMake(const Invocation& invocation,
                                  OperatorClient& client,
                                  const SlotSecret& secret,
                                  const CompiledPolicy& policy,
                                  const wire::QuorumRule& quorum,
                                  const KeyExport& keys) {
  Wiped<wire::OpenQuestion> open;
  open.slot = secret.slot;
  open.secret = secret.secret;
  open.policy = policy.bytes;
  open.quorum = quorum;
  if (!invocation.Has("keys")) return client.Ask(OperatorOp::kInit, open);
  wire::ImportQuestion question;
  question.open = open;
  question.bytes = keys.bytes;
  auto answer = client.Ask(OperatorOp::kKeyImport, question);
  base::Wipe(question.open.secret);
  return answer;
}

Outcome<wire::SlotKind> InitKind(const Invocation& invocation) {
  if (invocation.Has("seal")) {
    if (invocation.Has("keys") || invocation.Has("slot")) {
      return Failure{Exit::kUsage,
                     "--seal makes a vault, --keys brings one back",
                     "give one of them"};
    }
    return NewSlotKind(invocation, invocation.Get("seal"));
  }
  if (invocation.Has("keys")) return wire::SlotKind::kKeyFile;  // not of use
  return Failure{Exit::kUsage,
                 "init needs --seal passphrase, keyfile, shamir or pkcs11",
                 "or --keys F, to make a vault from a key export"};
}

}  // namespace

Exit RunInit(const Invocation& invocation) {
  auto kind = InitKind(invocation);
  if (!kind.ok()) return invocation.Fail(kind.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto vault = ConnectVault(*settings);
  if (!vault.ok()) return invocation.Fail(vault.failure());
  // Before anything is asked or made, so that a second init changes nothing.
  if (vault->keeper.status.state != VaultState::kUninitialised) {
    return invocation.Fail(Exit::kRefused, "this vault is initialised already",
                           "nothing was changed; to open it run coffer unseal");
  }
  auto policy = CompilePolicyFile(invocation, invocation.Has("policy")
                                                  ? invocation.Get("policy")
                                                  : settings->config.policy);
  if (!policy.ok()) return invocation.Fail(policy.failure());
  auto quorum = ReadQuorumRule(*settings);
  if (!quorum.ok()) return invocation.Fail(quorum.failure());

  SlotSecret secret;
  secret.slot.kind = *kind;
  KeyExport keys;
  Done made = base::Nothing{};
  if (invocation.Has("keys")) {
    auto read = ReadKeyExport(invocation.Get("keys"));
    if (!read.ok()) return invocation.Fail(read.failure());
    keys = std::move(*read);
    made = ReadExportSecret(invocation, *settings, keys, secret);
  } else {
    made = MakeSlotSecret(invocation, *settings, secret);
  }
  if (!made.ok()) {
    secret.RemoveMadeFiles();
    return invocation.Fail(made.failure());
  }
  // The keeper may have closed an idle connection while a person typed.
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = AskToMake(invocation, *client, secret, *policy, *quorum, keys);
  if (!answer.ok()) {
    // A file whose vault may have been made is never taken away.
    if (answer.failure().exit != Exit::kUnreachable) secret.RemoveMadeFiles();
    return invocation.Fail(answer.failure());
  }
  auto opened = answer->As<wire::InitAnswer>();
  if (!opened.ok()) return invocation.Fail(opened.failure());
  if (invocation.Has("keys")) {
    invocation.Warn(
        "a key export knows no link: what was revoked or erased since a backup "
        "was made comes back with it here; revoke and erase it again");
  }
  return Opened(
      invocation, *settings, *client, opened->slot,
      invocation.Has("keys") ? "Made from the key export" : "Initialised");
}

namespace {

// `again`: the last share was among those given before.
void PrintShares(const Invocation& invocation, const wire::ShareAnswer& answer,
                 bool again) {
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Text("state", "sealed")
        .Number("slot", answer.slot)
        .Number("shares_given", answer.given)
        .Number("shares_needed", answer.needed)
        .EndObject();
    return PrintBody(invocation, text.view());
  }
  invocation.context.out << unsigned{answer.given} << " of "
                         << unsigned{answer.needed}
                         << (again ? " (this share was given already)" : "")
                         << "\n";
}

// `given`: shares that are there already.
Exit UnsealWithShares(const Invocation& invocation, const Settings& settings,
                      uint8_t given) {
  std::vector<std::string> files = invocation.All("share-file");
  wire::ShareAnswer last;
  last.given = given;
  bool again = false;
  for (const std::string& file : files) {
    auto share = ReadShareFile(invocation, file);
    if (!share.ok()) return invocation.Fail(share.failure());
    // Reading may have waited for a person.
    auto client = OperatorClient::Connect(settings.operator_socket);
    if (!client.ok()) return invocation.Fail(client.failure());
    wire::ShareQuestion question;
    question.share = share->view();
    auto answer = client->Ask(OperatorOp::kUnsealShare, question);
    if (!answer.ok()) {
      Failure failure = answer.failure();
      failure.what = ShareFault(file, failure.what);
      return invocation.Fail(failure);
    }
    auto taken = answer->As<wire::ShareAnswer>();
    if (!taken.ok()) return invocation.Fail(taken.failure());
    again = taken->given == last.given;
    last = *taken;
    if (last.opened) {
      return Opened(invocation, settings, *client, last.slot, "Unsealed");
    }
  }
  PrintShares(invocation, last, again);
  return Exit::kDone;
}

// Nobody named the configured key file: the failure does.
Failure OfConfiguredKey(const Invocation& invocation, const Settings& settings,
                        wire::SlotKind kind, Failure failure) {
  if (kind != wire::SlotKind::kKeyFile || invocation.Has("key-file") ||
      failure.exit != Exit::kRefused) {
    return failure;
  }
  failure.what = "[unseal] key_file " +
                 Printable(settings.config.unseal.key_file) + ": " +
                 failure.what;
  failure.next = "give --key-file F, or --slot ID for another slot";
  return failure;
}

Exit CancelShares(const Invocation& invocation, const Settings& settings) {
  std::vector<std::string> files = invocation.All("share-file");
  if (files.size() != 1) {
    return invocation.Usage("--cancel takes one --share-file of the same set");
  }
  auto share = ReadShareFile(invocation, files.front());
  if (!share.ok()) return invocation.Fail(share.failure());
  auto client = OperatorClient::Connect(settings.operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  wire::ShareQuestion question;
  question.share = share->view();
  auto answer = client->Ask(OperatorOp::kUnsealCancel, question);
  if (!answer.ok()) return invocation.Fail(answer.failure());
  if (invocation.json()) {
    PrintBody(invocation, "{\"shares_given\":0}");
  } else {
    invocation.context.out << "The shares given are forgotten\n";
  }
  return Exit::kDone;
}

}  // namespace

Exit RunUnseal(const Invocation& invocation) {
  auto wanted = invocation.Number("slot", 1, base::kSlotsMax, 0);
  if (!wanted.ok()) return invocation.Fail(wanted.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  if (invocation.Has("cancel")) return CancelShares(invocation, *settings);
  auto vault = ConnectVault(*settings);
  if (!vault.ok()) return invocation.Fail(vault.failure());
  const wire::OperatorStatus& status = vault->keeper.status;
  if (status.state == VaultState::kUninitialised) {
    return invocation.Fail(Exit::kRefused, "this vault is not initialised",
                           "run coffer init");
  }
  if (status.state == VaultState::kOperational) {
    if (invocation.json()) {
      PrintBody(invocation, "{\"state\":\"operational\"}");
    } else {
      invocation.context.out << "Unsealed already; operational\n";
    }
    return Exit::kDone;
  }
  auto slot = ChooseSlot(invocation, *settings, status.slots, *wanted, true);
  if (!slot.ok()) return invocation.Fail(slot.failure());
  if (slot->kind == wire::SlotKind::kShamir) {
    if (!invocation.Has("share-file")) {
      return invocation.Fail(Exit::kUsage,
                             "slot " + SlotText(*slot) + " opens with shares",
                             "give --share-file F, once for each share");
    }
    return UnsealWithShares(invocation, *settings, status.shares_given);
  }
  SlotSecret secret;
  secret.slot = *slot;
  auto fail = [&](const Failure& failure) {
    return invocation.Fail(
        OfConfiguredKey(invocation, *settings, secret.slot.kind, failure));
  };
  Done read = ReadSlotSecret(invocation, *settings, secret);
  if (!read.ok()) return fail(read.failure());
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  Wiped<wire::OpenQuestion> question;
  question.slot = secret.slot;
  question.secret = secret.secret;
  auto answer = client->Ask(OperatorOp::kUnseal, question);
  if (!answer.ok()) return fail(answer.failure());
  return Opened(invocation, *settings, *client, slot->id, "Unsealed");
}

}  // namespace coffer::cli
