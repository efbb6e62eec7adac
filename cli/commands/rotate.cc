// key rotate: starts it and, for institutions' keys, follows it to its end.
#include <algorithm>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/interrupt.h"
#include "cli/key_rows.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

using wire::KeyRow;
using wire::KeyState;
using wire::OperatorOp;
using wire::RotateTarget;

constexpr int kPollMilliseconds = 250;

struct TargetRow {
  std::string_view flag;
  RotateTarget target;
  const char* done;  // what to say; keys that are rotated at once
};
constexpr TargetRow kTargets[] = {
    {"institution", RotateTarget::kInstitution, nullptr},
    {"all", RotateTarget::kAll, nullptr},
    {"token", RotateTarget::kToken,
     "The v4.public access tokens' key is rotated; the old one verifies until "
     "its last token has ended"},
    {"audit", RotateTarget::kAudit, "The audit log's signing key is rotated"},
    {"ingest", RotateTarget::kIngest,
     "The ingest key is rotated; give the new one to those who seal uploads"},
    {"evidence", RotateTarget::kEvidence,
     "The evidence key is rotated; earlier certificates verify with the old"},
    {"root", RotateTarget::kRoot,
     "The root is replaced; every slot opens the new one as before"},
};

Outcome<TargetRow> TargetOf(const Invocation& invocation) {
  const TargetRow* found = nullptr;
  for (const TargetRow& row : kTargets) {
    if (!invocation.Has(row.flag)) continue;
    if (found != nullptr) {
      return Failure{Exit::kUsage, "key rotate takes one target",
                     "run coffer key rotate --help"};
    }
    found = &row;
  }
  if (found == nullptr) {
    return Failure{Exit::kUsage,
                   "key rotate needs --institution I, --all, --token, --audit, "
                   "--ingest, --evidence or --root",
                   ""};
  }
  return *found;
}

// A version that is to end, and what is left under it.
struct OldVersion {
  wire::KeyId id{};
  std::string institution;
  uint32_t version = 0;
  uint64_t links = 0;
  bool counted = false;
  bool ended = false;
};

// Follows every old version of the institutions asked for until none is left.
class Follower {
 public:
  Follower(const Invocation& invocation, std::string_view institution)
      : invocation_(invocation), institution_(institution) {}

  Exit Run(OperatorClient& client, uint32_t started) {
    Interrupt interrupt;
    for (;;) {
      auto keys = AskKeys(client);
      if (!keys.ok()) return Lost(keys.failure());
      Take(*keys);
      Draw();
      if (Ended()) return Finish(started);
      if (interrupt.Wait(kPollMilliseconds)) return Leave(started);
    }
  }

  // Whether a rotation goes on already: its old version still lives.
  bool UnderWay(const KeyRows& keys) const {
    return std::any_of(keys.rows.begin(), keys.rows.end(),
                       [&](const KeyRow& row) {
                         return row.use == wire::KeyUse::kKek &&
                                row.institution == institution_ && Lives(row);
                       });
  }

 private:
  static bool Lives(const KeyRow& row) {
    return row.state == KeyState::kDeactivated ||
           row.state == KeyState::kCompromised ||
           row.state == KeyState::kSuspended;
  }

  void Take(const KeyRows& keys) {
    for (const KeyRow& row : keys.rows) {
      bool asked = row.use == wire::KeyUse::kKek &&
                   (institution_.empty() || row.institution == institution_);
      if (!asked) continue;
      auto found =
          std::find_if(old_.begin(), old_.end(),
                       [&](const OldVersion& old) { return old.id == row.id; });
      if (found == old_.end()) {
        if (!Lives(row)) continue;
        old_.push_back({row.id, std::string(row.institution), row.version, 0,
                        false, false});
        found = old_.end() - 1;
      }
      found->links = row.links;
      found->counted = row.counted;
      found->ended = row.state == KeyState::kDestroyed;
    }
    // A version that is listed no more was destroyed, too.
    for (OldVersion& old : old_) {
      bool listed =
          std::any_of(keys.rows.begin(), keys.rows.end(),
                      [&](const KeyRow& row) { return row.id == old.id; });
      if (!listed) old.ended = true;
    }
  }

  bool Ended() const {
    return std::all_of(old_.begin(), old_.end(),
                       [](const OldVersion& old) { return old.ended; });
  }
  bool Counted() const {
    return std::all_of(old_.begin(), old_.end(), [](const OldVersion& old) {
      return old.counted || old.ended;
    });
  }
  uint64_t Left() const {
    uint64_t left = 0;
    for (const OldVersion& old : old_) left += old.ended ? 0 : old.links;
    return left;
  }

  // "1,234 left under version 1", or of several "1,234 left (1: 34, 2: 1,200)".
  std::string LeftText() const {
    std::string versions;
    size_t live = 0;
    for (const OldVersion& old : old_) {
      if (old.ended) continue;
      if (++live > 3) {
        versions += ", ..";
        break;
      }
      versions += (versions.empty() ? "" : ", ") +
                  (institution_.empty() ? Cut(old.institution, 8) + " " : "") +
                  std::to_string(old.version) + ": " + Grouped(old.links);
    }
    std::string text = Grouped(Left()) + " left";
    if (live == 1 && !institution_.empty()) {
      for (const OldVersion& old : old_) {
        if (old.ended) continue;
        return text + " under version " + std::to_string(old.version);
      }
    }
    return live == 0 ? text : text + " (" + versions + ")";
  }

  void Draw() {
    if (invocation_.json() || old_.empty() || !Counted()) return;
    Context& context = invocation_.context;
    if (!progress_) {
      total_ = Left();
      progress_.emplace(context.err, context.terminal.ErrorIsTerminal(),
                        context.clock, 0, total_);
    }
    uint64_t left = std::min(Left(), total_);
    progress_->Update(total_ - left, LeftText());
  }

  Exit Finish(uint32_t started) {
    if (invocation_.json()) return PrintJson(started, false);
    if (progress_) progress_->Finish(total_, LeftText());
    std::ostream& out = invocation_.context.out;
    for (const OldVersion& old : old_) {
      out << Printable(old.institution) << ": 0 left under version "
          << old.version << "; destroyed\n";
    }
    if (old_.empty()) out << "Rotated; there was no earlier version\n";
    SayExportDue(invocation_);
    return Exit::kDone;
  }

  Exit Leave(uint32_t started) {
    if (progress_) progress_->Finish(total_ - std::min(Left(), total_));
    if (invocation_.json()) return PrintJson(started, true);
    invocation_.context.out << LeftText() << "; it goes on in the vault\n";
    invocation_.Warn("left running; coffer key list shows how far it has come");
    SayExportDue(invocation_, false);
    return Exit::kDone;
  }

  Exit Lost(const Failure& failure) {
    if (progress_) progress_->Clear();
    Exit exit = invocation_.Fail(failure);
    invocation_.Warn(
        "the rotation goes on by itself once the vault is open; coffer key "
        "list shows how far it has come");
    return exit;
  }

  Exit PrintJson(uint32_t started, bool running) {
    api::TextBuilder text;
    api::JsonWriter json(text);
    json.BeginObject().Number("started", started).Bool("running", running);
    json.Key("versions").BeginArray();
    for (const OldVersion& old : old_) {
      json.BeginObject()
          .Text("institution", old.institution)
          .Number("version", old.version)
          .Number("left", old.ended ? 0 : old.links)
          .Bool("destroyed", old.ended)
          .EndObject();
    }
    json.EndArray().EndObject();
    PrintBody(invocation_, text.view());
    return Exit::kDone;
  }

  const Invocation& invocation_;
  std::string institution_;  // empty: all
  std::vector<OldVersion> old_;
  std::optional<Progress> progress_;
  uint64_t total_ = 0;
};

}  // namespace

Exit RunKeyRotate(const Invocation& invocation) {
  auto target = TargetOf(invocation);
  if (!target.ok()) return invocation.Fail(target.failure());
  const std::string& institution = invocation.Get("institution");
  if (target->target == RotateTarget::kInstitution &&
      !wire::IsName(institution)) {
    return invocation.Usage("--institution takes an institution's name");
  }
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  const bool follow = target->done == nullptr && !invocation.Has("detach");
  Follower follower(invocation, institution);
  if (follow && target->target == RotateTarget::kInstitution) {
    auto keys = AskKeys(*client);
    if (!keys.ok()) return invocation.Fail(keys.failure());
    if (follower.UnderWay(*keys)) {
      invocation.Warn("a rotation of it is under way; following that one");
      return follower.Run(*client, 0);
    }
  }
  auto answer = client->Ask(OperatorOp::kKeyRotate,
                            wire::RotateQuestion{target->target, institution});
  if (!answer.ok()) return invocation.Fail(answer.failure());
  auto rotated = answer->As<wire::RotateAnswer>();
  if (!rotated.ok()) return invocation.Fail(rotated.failure());
  if (follow) return follower.Run(*client, rotated->started);
  if (invocation.json()) {
    api::TextBuilder text;
    api::JsonWriter(text)
        .BeginObject()
        .Number("started", rotated->started)
        .Bool("running", target->done == nullptr)
        .EndObject();
    PrintBody(invocation, text.view());
  } else if (target->done != nullptr) {
    invocation.context.out << Wrap(target->done, 0) << "\n";
  } else {
    invocation.context.out << "Started: " << Grouped(rotated->started)
                           << (rotated->started == 1 ? " new version"
                                                     : " new versions")
                           << "; coffer key list shows how far it has come\n";
  }
  SayExportDue(invocation, target->done != nullptr);
  return Exit::kDone;
}

}  // namespace coffer::cli
