// init, unseal, seal, selftest and clock accept.
#include <unistd.h>

#include <chrono>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/secret_input.h"
#include "cli/text.h"
#include "crypto/passphrase.h"
#include "crypto/random.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;
using wire::OperatorStatus;
using wire::SlotHeader;
using wire::SlotKind;
using wire::VaultState;

// Resource: a question with a slot's secret, wiped at its end.
struct SecretQuestion {
  wire::OpenQuestion question;

  SecretQuestion() = default;
  ~SecretQuestion() { base::Wipe(question.secret); }
  SecretQuestion(const SecretQuestion&) = delete;
  SecretQuestion& operator=(const SecretQuestion&) = delete;
};

std::string KindText(SlotKind kind) {
  return kind == SlotKind::kPassphrase ? "passphrase" : "key file";
}

// Argon2id over what a person typed, with the slot's own parameters.
Done StretchPassphrase(const Invocation& invocation,
                       const base::SecretBuffer& passphrase,
                       const SlotHeader& slot, base::MutableBytes secret) {
  if (slot.argon2_memory_bytes < crypto::kPassphraseMemoryMin ||
      slot.argon2_memory_bytes > crypto::kPassphraseMemoryMax ||
      slot.argon2_passes < crypto::kPassphrasePassesMin ||
      slot.argon2_passes > crypto::kPassphrasePassesMax) {
    return Failure{Exit::kRefused,
                   "slot " + std::to_string(slot.id) +
                       " asks for Argon2id parameters outside the limits",
                   "the state file may have been tampered with; use another "
                   "slot or a backup"};
  }
  if (!invocation.json()) {
    invocation.context.err << "Deriving the slot's secret: Argon2id, "
                           << ByteText(slot.argon2_memory_bytes) << ", "
                           << slot.argon2_passes << " passes ...\n"
                           << std::flush;
  }
  crypto::PassphraseParameters parameters;
  parameters.memory_bytes = slot.argon2_memory_bytes;
  parameters.passes = slot.argon2_passes;
  parameters.salt = slot.salt;
  base::Status done =
      crypto::SecretFromPassphrase(secret, passphrase.view(), parameters);
  if (!done.ok()) {
    return Failure{Exit::kRefused, done.error().message,
                   done.error().code == base::Code::kFull
                       ? "free memory, or use a key-file slot"
                       : ""};
  }
  return base::Nothing{};
}

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
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Exit Opened(const Invocation& invocation, const Settings& settings,
            OperatorClient& client, uint8_t slot, const char* word) {
  auto answer = client.Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto status = answer->As<OperatorStatus>();
  for (int i = 0;
       i < 100 && status.ok() && status->state == VaultState::kStarting; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    answer = client.Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
    if (!answer.ok()) return invocation.Fail(answer.failure());
    status = answer->As<OperatorStatus>();
  }
  if (!status.ok()) return invocation.Fail(status.failure());
  std::string_view state = wire::VaultStateText(status->state);
  if (status->state != VaultState::kOperational) {
    return invocation.Fail(Exit::kRefused,
                           std::string("the vault is ") + std::string(state) +
                               (status->reason.empty() ? "" : ": ") +
                               Printable(status->reason),
                           "run coffer status");
  }
  AwaitServing(settings);
  if (!status->clock_accepted) {
    invocation.Warn(
        "the clock is not accepted; compare it, then run coffer clock accept");
  }
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Text("state", state)
        .Number("slot", slot)
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << word << " with slot " << unsigned{slot} << "; "
                           << state << "\n";
  }
  return Exit::kDone;
}

struct InitSecret {
  std::string made_file;  // a key file that this run made
};

// Fills in the secret of a new slot.
Outcome<InitSecret> NewSlotSecret(const Invocation& invocation,
                                  const Settings& settings,
                                  wire::OpenQuestion& question) {
  InitSecret secret;
  SlotHeader& slot = question.slot;
  crypto::Random(slot.salt);
  if (slot.kind == SlotKind::kPassphrase) {
    crypto::PassphraseParameters defaults;
    slot.argon2_memory_bytes = defaults.memory_bytes;
    slot.argon2_passes = defaults.passes;
    auto passphrase =
        ReadPassphrase(invocation, invocation.Get("passphrase-file"), true);
    if (!passphrase.ok()) return passphrase.failure();
    Done done =
        StretchPassphrase(invocation, *passphrase, slot, question.secret);
    if (!done.ok()) return done.failure();
    return secret;
  }
  std::string path = invocation.Has("key-file")
                         ? invocation.Get("key-file")
                         : settings.config.unseal.key_file;
  if (path.empty()) {
    return Failure{Exit::kUsage, "init --seal keyfile needs --key-file", ""};
  }
  auto file = ReadOrMakeKeyFile(invocation, path);
  if (!file.ok()) return file.failure();
  std::copy(file->key.view().begin(), file->key.view().end(),
            question.secret.begin());
  if (file->made) {
    secret.made_file = path;
    invocation.context.err << "Made key file " << Printable(path)
                           << " (32 random bytes, 0600): keep a copy "
                              "elsewhere.\n";
  }
  return secret;
}

Outcome<SlotKind> SealKindOf(const Invocation& invocation) {
  const std::string& kind = invocation.Get("seal");
  if (kind == "shamir" || kind == "pkcs11") {
    return Failure{Exit::kUsage, "not in this version: init --seal " + kind,
                   "use passphrase or keyfile"};
  }
  if (kind != "passphrase" && kind != "keyfile") {
    return Failure{Exit::kUsage, "init needs --seal passphrase or keyfile", ""};
  }
  bool passphrase = kind == "passphrase";
  if (invocation.Has(passphrase ? "key-file" : "passphrase-file")) {
    return Failure{Exit::kUsage,
                   "--seal " + kind + " does not go with --" +
                       (passphrase ? "key-file" : "passphrase-file"),
                   ""};
  }
  return passphrase ? SlotKind::kPassphrase : SlotKind::kKeyFile;
}

}  // namespace

Exit RunInit(const Invocation& invocation) {
  auto kind = SealKindOf(invocation);
  if (!kind.ok()) return invocation.Fail(kind.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  // Before anything is asked or made, so that a second init changes nothing.
  auto answer = client->Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto status = answer->As<OperatorStatus>();
  if (!status.ok()) return invocation.Fail(status.failure());
  if (status->state != VaultState::kUninitialised) {
    return invocation.Fail(Exit::kRefused, "this vault is initialised already",
                           "nothing was changed; to open it run coffer unseal");
  }
  auto policy = CompilePolicyFile(invocation, invocation.Has("policy")
                                                  ? invocation.Get("policy")
                                                  : settings->config.policy);
  if (!policy.ok()) return invocation.Fail(policy.failure());

  SecretQuestion secret;
  secret.question.slot.kind = *kind;
  secret.question.policy = policy->bytes;
  auto made = NewSlotSecret(invocation, *settings, secret.question);
  if (!made.ok()) return invocation.Fail(made.failure());
  // The keeper may have closed an idle connection while a person typed.
  client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  answer = client->Ask(OperatorOp::kInit, secret.question);
  if (!answer.ok()) {
    // A key file whose vault may have been made is never taken away.
    bool refused = answer.failure().exit != Exit::kUnreachable;
    if (refused && !made->made_file.empty()) unlink(made->made_file.c_str());
    return invocation.Fail(answer.failure());
  }
  auto opened = answer->As<wire::InitAnswer>();
  if (!opened.ok()) return invocation.Fail(opened.failure());
  return Opened(invocation, *settings, *client, opened->slot, "Initialised");
}

namespace {

struct UnsealWay {
  SlotHeader slot;
  std::string path;  // empty: prompt
};

// Which slot, and where its secret comes from.
Outcome<UnsealWay> ChooseSlot(const Invocation& invocation,
                              const Settings& settings,
                              const OperatorStatus& status, uint64_t wanted) {
  bool by_passphrase = invocation.Has("passphrase-file");
  bool by_key = invocation.Has("key-file");
  if (by_passphrase && by_key) {
    return Failure{Exit::kUsage, "unseal takes one secret",
                   "give --passphrase-file or --key-file"};
  }
  std::vector<SlotHeader> fitting;
  for (const SlotHeader& slot : status.slots) {
    bool passphrase = slot.kind == SlotKind::kPassphrase;
    if (wanted != 0 && slot.id != wanted) continue;
    if (!passphrase && slot.kind != SlotKind::kKeyFile) continue;  // newer
    if ((by_passphrase && !passphrase) || (by_key && passphrase)) continue;
    fitting.push_back(slot);
  }
  // Nothing said, and several fit: the configured key file decides.
  const std::string& configured = settings.config.unseal.key_file;
  if (fitting.size() > 1 && !by_passphrase && !by_key && !configured.empty()) {
    std::erase_if(fitting, [](const SlotHeader& slot) {
      return slot.kind != SlotKind::kKeyFile;
    });
  }
  if (fitting.size() != 1) {
    std::string slots;
    for (const SlotHeader& slot : status.slots) {
      if (!slots.empty()) slots += ", ";
      slots += std::to_string(slot.id) + " (" + KindText(slot.kind) + ")";
    }
    return Failure{
        Exit::kUsage,
        fitting.empty() ? "no slot of this vault fits" : "several slots fit",
        "give --slot with --passphrase-file or --key-file; there "
        "are: " +
            slots};
  }
  UnsealWay way;
  way.slot = fitting.front();
  way.path =
      by_key ? invocation.Get("key-file") : invocation.Get("passphrase-file");
  if (way.slot.kind == SlotKind::kKeyFile && way.path.empty()) {
    if (configured.empty()) {
      return Failure{Exit::kUsage,
                     "slot " + std::to_string(way.slot.id) + " is a key file",
                     "give --key-file F"};
    }
    way.path = configured;
  }
  return way;
}

}  // namespace

Exit RunUnseal(const Invocation& invocation) {
  auto wanted = invocation.Number("slot", 1, base::kSlotsMax, 0);
  if (!wanted.ok()) return invocation.Fail(wanted.failure());
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  auto client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto status = answer->As<OperatorStatus>();
  if (!status.ok()) return invocation.Fail(status.failure());
  if (status->state == VaultState::kUninitialised) {
    return invocation.Fail(Exit::kRefused, "this vault is not initialised",
                           "run coffer init");
  }
  if (status->state == VaultState::kOperational) {
    if (invocation.json()) {
      PrintBody(invocation, "{\"state\":\"operational\"}");
    } else {
      invocation.context.out << "Unsealed already; operational\n";
    }
    return Exit::kDone;
  }
  auto way = ChooseSlot(invocation, *settings, *status, *wanted);
  if (!way.ok()) return invocation.Fail(way.failure());

  SecretQuestion secret;
  secret.question.slot = way->slot;
  if (way->slot.kind == SlotKind::kPassphrase) {
    auto passphrase = ReadPassphrase(invocation, way->path, false);
    if (!passphrase.ok()) return invocation.Fail(passphrase.failure());
    Done done = StretchPassphrase(invocation, *passphrase, way->slot,
                                  secret.question.secret);
    if (!done.ok()) return invocation.Fail(done.failure());
  } else {
    auto key = ReadKeyFile(invocation, way->path);
    if (!key.ok()) return invocation.Fail(key.failure());
    std::copy(key->view().begin(), key->view().end(),
              secret.question.secret.begin());
  }
  client = OperatorClient::Connect(settings->operator_socket);
  if (!client.ok()) return invocation.Fail(client.failure());
  answer = client->Ask(OperatorOp::kUnseal, secret.question);
  if (!answer.ok()) return invocation.Fail(answer.failure());
  return Opened(invocation, *settings, *client, way->slot.id, "Unsealed");
}

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

Exit RunClockAccept(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
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
