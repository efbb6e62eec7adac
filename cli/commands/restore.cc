// backup restore: shows what an older store would bring back and what not,
// builds it beside the live one, and has the keeper tell the gate to put it in
// force.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <optional>

#include "cli/backup_pass.h"
#include "cli/commands/commands.h"
#include "cli/interrupt.h"
#include "cli/store_child.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

constexpr int kPollMilliseconds = 250;

uint32_t RevisionOf(const wire::JudgedLink& link) {
  auto head = wire::DecodeRecordHead(link.stored.head);
  return head.ok() ? head->revision : 0;
}

// What restoring would do, link by link against the live store.
struct Outlook {
  LinkFates fates;       // of the backup's links
  uint64_t same = 0;     // of use, and in the store as they are
  uint64_t back = 0;     // of use, and not in the store
  uint64_t earlier = 0;  // of use, and in the store at another revision
  uint64_t revoked = 0;  // the same of those that are revoked
  uint64_t used = 0;     // and of those that are used up
  uint64_t harmed = 0;   // dead in the backup, and in the store
  uint64_t lost = 0;     // in the store, and not in the backup
  bool in_force = false;

  bool Harms() const { return back == 0 && harmed != 0; }
};

// Both sides ascend by id: one pass over each.
class Comparison {
 public:
  explicit Comparison(LiveStore& live) : live_(live) {}

  Done Take(const wire::JudgedLink& link, wire::Rule rule) {
    Done moved = MoveTo(&link.link);
    if (!moved.ok()) return moved.failure();
    outlook.fates.Add(rule);
    bool there = held_ && held_link_ == link.link;
    LinkFates one;
    one.Add(rule);
    if (one.dead() != 0) {
      // What was erased is dead already, though its row may not be swept yet.
      outlook.harmed += there && one.of(LinkFate::kErased) == 0 ? 1 : 0;
    } else if (!there) {
      ++outlook.back;
    } else if (held_revision_ == RevisionOf(link)) {
      ++outlook.same;
    } else if (one.of(LinkFate::kRevoked) != 0) {
      ++outlook.revoked;
    } else if (one.of(LinkFate::kUsed) != 0) {
      ++outlook.used;
    } else {
      ++outlook.earlier;
    }
    if (there) held_ = false;
    return base::Nothing{};
  }
  Done End() { return MoveTo(nullptr); }

  Outlook outlook;

 private:
  // Counts the live links below `link` as lost; holds the first that is not.
  Done MoveTo(const wire::LinkId* link) {
    for (;;) {
      if (held_) {
        if (link != nullptr && held_link_ >= *link) return base::Nothing{};
        ++outlook.lost;
        held_ = false;
      }
      if (ended_) return base::Nothing{};
      wire::JudgedLink next;
      auto more = live_.Next(next);
      if (!more.ok()) return more.failure();
      ended_ = !*more;
      if (ended_) return base::Nothing{};
      held_ = true;
      held_link_ = next.link;
      held_revision_ = RevisionOf(next);
    }
  }

  LiveStore& live_;
  bool held_ = false;
  bool ended_ = false;
  wire::LinkId held_link_{};
  uint32_t held_revision_ = 0;
};

Outcome<Outlook> Compare(const Invocation& invocation, const std::string& path,
                         const std::string& store, OperatorClient& client,
                         BackupDigest& digest) {
  auto live = LiveStore::Open(store);
  if (!live.ok()) return live.failure();
  Comparison comparison(*live);
  auto take = [&](const wire::JudgeQuestion& links) -> Done {
    auto answer = JudgeLinks(client, links);
    if (!answer.ok()) return answer.failure();
    for (size_t i = 0; i < links.links.size; ++i) {
      Done taken = comparison.Take(links.links[i], answer->rules[i]);
      if (!taken.ok()) return taken.failure();
    }
    return base::Nothing{};
  };
  Done passed = PassOver(invocation, path, "asking", take, &digest);
  if (!passed.ok()) return passed.failure();
  Done ended = comparison.End();
  if (!ended.ok()) return ended.failure();
  Outlook outlook = comparison.outlook;
  outlook.in_force = live->facts().restored && live->facts().digest == digest &&
                     outlook.back == 0 && outlook.earlier == 0 &&
                     outlook.revoked == 0 && outlook.used == 0;
  return outlook;
}

void PrintOutlook(const Invocation& invocation, const BackupHeader& header,
                  const Outlook& outlook) {
  std::ostream& out = invocation.context.err;
  out << "Backup of " << base::TimeText(header.made_at) << ", "
      << Grouped(header.links) << (header.links == 1 ? " link" : " links")
      << ". To its links the vault says:\n"
      << outlook.fates.Text() << "Against the store as it is now:\n";
  FieldList fields;
  fields.Add("  " + Grouped(outlook.back), "come back");
  fields.Add("  " + Grouped(outlook.same), "stay as they are");
  if (outlook.earlier != 0) {
    fields.Add("  " + Grouped(outlook.earlier), "go back to another revision");
  }
  auto stay = [&fields](uint64_t count, const char* what) {
    if (count == 0) return;
    fields.Add("  " + Grouped(count),
               (count == 1 ? "stays " : "stay ") + std::string(what) +
                   (count == 1 ? "; its" : "; their") +
                   " metadata goes back to an earlier revision");
  };
  stay(outlook.revoked, "revoked");
  stay(outlook.used, "used up");
  fields.Add("  " + Grouped(outlook.fates.dead()),
             "do not come back: revocation, erasure, replacement and destroyed "
             "keys hold against every backup");
  if (outlook.harmed != 0) {
    fields.Add("  " + Grouped(outlook.harmed),
               "of these are in the store now, and END with the restore");
  }
  fields.Add("  " + Grouped(outlook.lost),
             "links stored since are not in it, and are LOST");
  out << fields.Text() << std::flush;
}

Exit PrintResult(const Invocation& invocation, const Outlook& outlook,
                 const std::string& words) {
  if (!invocation.json()) {
    invocation.context.out << words << "\n";
    return Exit::kDone;
  }
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject()
      .Bool("restored", true)
      .Number("back", outlook.back)
      .Number("same", outlook.same)
      .Number("earlier", outlook.earlier)
      .Number("stay_revoked", outlook.revoked)
      .Number("stay_used", outlook.used)
      .Number("dead", outlook.fates.dead())
      .Number("ended", outlook.harmed)
      .Number("lost", outlook.lost)
      .EndObject();
  PrintBody(invocation, text.view());
  return Exit::kDone;
}

std::string ResultText(const Outlook& outlook, const std::string& store) {
  const uint64_t open = outlook.fates.of(LinkFate::kOpens);
  std::string text = "Restored: " + Grouped(open) +
                     (open == 1 ? " link opens; " : " links open; ") +
                     Grouped(outlook.back) + " came back, " +
                     Grouped(outlook.harmed) + " ended, " +
                     Grouped(outlook.lost) + " stored since lost.";
  if (access((store + "/data.mdb.old").c_str(), F_OK) == 0) {
    text +=
        "\nThe store from before is kept as data.mdb.old until cofferd starts "
        "again.";
  }
  return text;
}

// What was kept since the backup stays: it is evidence, and opens no link.
Done AddLiveHistory(IncomingStore& incoming, const std::string& store) {
  auto live = LiveStore::Open(store, false);
  if (!live.ok()) return live.failure();
  wire::JudgedLink none;
  auto links = live->Next(none);
  if (!links.ok()) return links.failure();
  for (;;) {
    base::Bytes row;
    auto more = live->NextHistory(row);
    if (!more.ok()) return more.failure();
    if (!*more) return base::Nothing{};
    Done added = incoming.AddHistory(row);
    if (!added.ok()) return added.failure();
  }
}

Done Build(const Invocation& invocation, const Settings& settings,
           const std::string& store, const std::string& path,
           const BackupHeader& header, const BackupDigest& digest) {
  auto incoming = IncomingStore::Create(
      store, settings.config.limits.store_bytes_max, header.vault_id, digest);
  if (!incoming.ok()) return incoming.failure();
  BackupDigest built{};
  auto take = [&](const wire::JudgeQuestion& links) -> Done {
    for (const wire::JudgedLink& link : links.links) {
      Done added = incoming->Add(link);
      if (!added.ok()) return added.failure();
    }
    return base::Nothing{};
  };
  Done kept = base::Nothing{};
  auto take_history = [&](base::Bytes row) -> base::Status {
    if (kept.ok()) kept = incoming->AddHistory(row);
    return {};
  };
  Done passed =
      PassOver(invocation, path, "writing", take, &built, take_history);
  if (!passed.ok()) return passed.failure();
  if (kept.ok()) kept = AddLiveHistory(*incoming, store);
  if (!kept.ok()) return kept.failure();
  if (built != digest) {
    return Failure{Exit::kRefused,
                   "backup " + Printable(path) + " changed while it was read",
                   "copy it to where nobody writes, and try again"};
  }
  return incoming->Finish();
}

// Held while one restore compares, builds and asks: another would build in the
// same place. Released when the program ends.
Outcome<os::FileDescriptor> HoldStore(const std::string& store) {
  os::FileDescriptor held(
      open(store.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!held.valid()) {
    return Failure{Exit::kRefused, "there is no store in " + Printable(store),
                   "name the vault's configuration with --config, and run as "
                   "root"};
  }
  if (flock(held.get(), LOCK_EX | LOCK_NB) != 0) {
    return Failure{Exit::kRefused, "another restore is under way",
                   "wait for it, then run this again"};
  }
  return held;
}

// Asks, and asks again until the store is in force. What lies ready is taken
// away once nothing is to come of it.
Done PutInForce(const Settings& settings, const std::string& store,
                const wire::RestoreQuestion& question) {
  auto client = OperatorClient::Connect(settings.operator_socket);
  if (!client.ok()) return client.failure();
  Interrupt interrupt;
  for (;;) {
    auto answer = client->Ask(OperatorOp::kRestore, question);
    if (!answer.ok()) {
      Failure failure = answer.failure();
      if (!failure.body.empty()) {
        failure.next += "; the same command then tells how it went";
      } else if (failure.exit != Exit::kUnreachable) {
        IncomingStore::Discard(store);
        if (failure.next.empty()) failure.next = "then run this again";
      }
      return failure;
    }
    auto state = answer->As<wire::RestoreAnswer>();
    if (!state.ok()) return state.failure();
    if (state->done) return base::Nothing{};
    if (state->failed) {
      IncomingStore::Discard(store);
      return Failure{Exit::kRefused, "the store could not be put in force",
                     "the one before is kept; see cofferd's log"};
    }
    if (interrupt.Wait(kPollMilliseconds)) {
      return Failure{Exit::kRefused, "left while it goes on",
                     "the same command tells how it went"};
    }
  }
}

// A connection to a vault that is open and is the backup's, and its keyring's
// generation.
struct OpenVault {
  OperatorClient client;
  uint64_t keyring_generation;
};
Outcome<OpenVault> ConnectTo(const Settings& settings,
                             const BackupHeader& header) {
  auto client = OperatorClient::Connect(settings.operator_socket);
  if (!client.ok()) return client.failure();
  auto asked = AskStatus(*client);
  if (!asked.ok()) return asked.failure();
  const wire::OperatorStatus& status = asked->status;
  if (status.state == wire::VaultState::kUninitialised) {
    return Failure{Exit::kRefused, "this vault is not initialised",
                   "on a new machine run coffer init --keys F with the key "
                   "export, then this again"};
  }
  if (status.state == wire::VaultState::kSealed) {
    return Failure{Exit::kSealed, "sealed", "unseal first"};
  }
  if (status.vault_id != header.vault_id) {
    return Failure{Exit::kRefused,
                   "this backup is of another vault than the one that answers",
                   "make that vault from its key export: coffer init --keys F"};
  }
  return OpenVault{std::move(*client), status.keyring_generation};
}

}  // namespace

Exit RunBackupRestore(const Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  auto settings = LoadSettings(invocation);
  if (!settings.ok()) return invocation.Fail(settings.failure());
  // Whole, to its end, before anything is asked.
  Done whole = PassOver(
      invocation, path, "reading",
      [](const wire::JudgeQuestion&) { return Done(base::Nothing{}); });
  if (!whole.ok()) return invocation.Fail(whole.failure());
  auto header = ReadBackupHeader(path);
  if (!header.ok()) return invocation.Fail(header.failure());
  auto vault = ConnectTo(*settings, *header);
  if (!vault.ok()) return invocation.Fail(vault.failure());
  const std::string store = settings->config.data_dir + "/store";
  auto held = HoldStore(store);
  if (!held.ok()) return invocation.Fail(held.failure());
  wire::RestoreQuestion question;
  // As it was before the links were judged.
  question.keyring_generation = vault->keyring_generation;
  auto outlook =
      Compare(invocation, path, store, vault->client, question.digest);
  if (!outlook.ok()) return invocation.Fail(outlook.failure());
  if (outlook->in_force) {
    return PrintResult(invocation, *outlook,
                       "This backup is in force; it has nothing more to bring "
                       "back");
  }
  if (!invocation.json()) PrintOutlook(invocation, *header, *outlook);
  if (outlook->fates.bad() != 0) {
    invocation.Warn(Grouped(outlook->fates.bad()) +
                    " links do not open and should: is another backup better?");
  }
  if (outlook->Harms() && !invocation.Has("yes") &&
      !invocation.context.terminal.InputIsTerminal()) {
    return invocation.Fail(
        Exit::kRefused,
        "not restored: it brings nothing back and ends " +
            Grouped(outlook->harmed) +
            (outlook->harmed == 1 ? " link" : " links"),
        "restore a backup made under keys that are still there, or give --yes");
  }
  if (!invocation.Confirmed("Put this backup in force?")) {
    return invocation.Fail(Exit::kRefused, "not restored", "");
  }
  Done built =
      Build(invocation, *settings, store, path, *header, question.digest);
  if (!built.ok()) return invocation.Fail(built.failure());
  question.made_at = header->made_at;
  question.links = header->links;
  question.lost = outlook->lost;
  question.dead = outlook->fates.dead();
  Done done = PutInForce(*settings, store, question);
  if (!done.ok()) return invocation.Fail(done.failure());
  return PrintResult(invocation, *outlook, ResultText(*outlook, store));
}

}  // namespace coffer::cli
