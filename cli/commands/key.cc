// key list, compromise, destroy and export.
#include "cli/commands/commands.h"
#include "cli/key_rows.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {
namespace {

using wire::KeyRow;
using wire::KeyState;
using wire::OperatorOp;

std::string Span(uint64_t from, uint64_t to) {
  return to > from ? DurationText(to - from) : "0 s";
}

// What comes next for a key, of itself.
std::string NextText(const KeyRow& row, uint64_t now) {
  if (row.state == KeyState::kDestroyed) return "";
  if (row.destroy_at != 0) {
    return row.destroy_at > now ? "destroy " + Span(now, row.destroy_at)
                                : "destroy now";
  }
  if (row.state == KeyState::kActive && row.rotate_at != 0) {
    return row.rotate_at > now ? "rotate " + Span(now, row.rotate_at)
                               : "rotate now";
  }
  return "";
}

std::string LinksText(const KeyRow& row) {
  if (row.use != wire::KeyUse::kKek) return "";
  return row.counted ? Grouped(row.links) : "counting";
}

void PrintJson(const Invocation& invocation, const KeyRows& keys) {
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject().Time("now", keys.now).Key("keys").BeginArray();
  for (const KeyRow& row : keys.rows) {
    json.BeginObject()
        .Text("id", base::EncodeHex(row.id))
        .Text("use", wire::KeyUseText(row.use));
    if (!row.institution.empty()) json.Text("institution", row.institution);
    json.Number("version", row.version)
        .Text("state", wire::KeyStateText(row.state))
        .Time("created_at", row.created_at);
    if (row.ended_at != 0) json.Time("ended_at", row.ended_at);
    if (row.rotate_at != 0) json.Time("rotate_at", row.rotate_at);
    if (row.destroy_at != 0) json.Time("destroy_at", row.destroy_at);
    if (row.use == wire::KeyUse::kKek && row.counted) {
      json.Number("links", row.links);
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
  PrintBody(invocation, text.view());
}

// A connection, and the key that the first argument names.
struct NamedKey {
  OperatorClient client;
  KeyRows keys;
  KeyRow row;
};
Outcome<NamedKey> NameKey(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return client.failure();
  auto keys = AskKeys(*client);
  if (!keys.ok()) return keys.failure();
  auto row = FindKey(*keys, invocation.arguments[0]);
  if (!row.ok()) return row.failure();
  return NamedKey{std::move(*client), std::move(*keys), *row};
}

void PrintKeyResult(const Invocation& invocation, const KeyRow& row,
                    const char* key, uint64_t at, const std::string& words) {
  if (!invocation.json()) {
    invocation.context.out << KeyName(row) << " (" << ShortId(row.id)
                           << "): " << words << "\n";
    return;
  }
  api::TextBuilder text;
  api::JsonWriter json(text);
  json.BeginObject().Text("id", base::EncodeHex(row.id));
  if (at != 0) {
    json.Time(key, at);
  } else {
    json.Bool(key, true);
  }
  json.EndObject();
  PrintBody(invocation, text.view());
}

}  // namespace

Exit RunKeyList(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto keys = AskKeys(*client);
  if (!keys.ok()) return invocation.Fail(keys.failure());
  if (invocation.json()) {
    PrintJson(invocation, *keys);
    return Exit::kDone;
  }
  Table table({"id", "key", "state", "age", "links", "next"});
  for (const KeyRow& row : keys->rows) {
    std::string state(wire::KeyStateText(row.state));
    table.Add({ShortId(row.id), KeyName(row), state.empty() ? "?" : state,
               Span(row.created_at, keys->now), LinksText(row),
               NextText(row, keys->now)});
  }
  invocation.context.out << (table.empty() ? "No keys\n" : table.Text())
                         << std::flush;
  return Exit::kDone;
}

Exit RunKeyCompromise(const Invocation& invocation) {
  auto named = NameKey(invocation);
  if (!named.ok()) return invocation.Fail(named.failure());
  if (!invocation.Confirmed(
          "Mark " + KeyName(named->row) +
          " as compromised? It seals nothing any more, from now on and for "
          "good; its links are rewrapped under a new key at once.")) {
    return invocation.Fail(Exit::kRefused, "not changed", "");
  }
  auto answer = named->client.Ask(OperatorOp::kKeyCompromise,
                                  wire::KeyQuestion{named->row.id, false});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  PrintKeyResult(invocation, named->row, "compromised", 0,
                 "compromised; coffer key list shows what is left under it");
  return Exit::kDone;
}

Exit RunKeyDestroy(const Invocation& invocation) {
  auto named = NameKey(invocation);
  if (!named.ok()) return invocation.Fail(named.failure());
  bool cancel = invocation.Has("cancel");
  if (!cancel &&
      !invocation.Confirmed("Destroy " + KeyName(named->row) +
                            "? Once the policy's wait is over it is gone for "
                            "good, and with it what it sealed.")) {
    return invocation.Fail(Exit::kRefused, "not changed", "");
  }
  auto answer = named->client.Ask(OperatorOp::kKeyDestroy,
                                  wire::KeyQuestion{named->row.id, cancel});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto plan = answer->As<wire::DestroyAnswer>();
  if (!plan.ok()) return invocation.Fail(plan.failure());
  if (cancel) {
    PrintKeyResult(invocation, named->row, "cancelled", 0,
                   "will not be destroyed");
  } else if (plan->destroy_at == 0) {
    PrintKeyResult(invocation, named->row, "destroyed", 0, "destroyed");
  } else {
    PrintKeyResult(invocation, named->row, "destroy_at", plan->destroy_at,
                   "destroyed at " + base::TimeText(plan->destroy_at) +
                       "; --cancel takes it back until then");
  }
  return Exit::kDone;
}

Exit RunKeyExport(const Invocation& invocation) {
  const std::string& path = invocation.arguments[0];
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  auto answer = client->Ask(OperatorOp::kKeyExport, wire::ExportQuestion{});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto keys = answer->As<wire::ExportAnswer>();
  if (!keys.ok()) return invocation.Fail(keys.failure());
  Done written = WriteNewFile(path, base::AsText(keys->bytes));
  if (!written.ok()) return invocation.Fail(written.failure());
  // Only now, so that nothing counts as exported that is in no file.
  auto stored = client->Ask(OperatorOp::kKeyExport,
                            wire::ExportQuestion{keys->generation});
  if (!stored.ok()) return invocation.Fail(stored.failure());
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Number("keyring_generation", keys->generation)
        .EndObject();
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << "Wrote " << Printable(path)
                           << ": keyring generation "
                           << Grouped(keys->generation) << "\n";
    invocation.context.err
        << Wrap(
               "With a slot's secret it opens every link of a backup: keep "
               "it apart from both, and replace it after keys or slots change.",
               0)
        << "\n";
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
