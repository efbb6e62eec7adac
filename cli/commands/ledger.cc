// subject ledger: what is held about a customer, who used it, when, for what.
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <functional>
#include <sstream>

#include "cli/commands/commands.h"
#include "cli/ledger_page.h"
#include "cli/text.h"
#include "crypto/base/time_text.h"

namespace coffer::cli {
namespace {

using api::JsonKind;
using api::JsonValue;

constexpr size_t kPagesMax = 100'000;  // an answer without an end is none

// False when the object has no such array.
bool TakeAll(JsonValue root, const char* name,
             const std::function<void(JsonValue)>& take) {
  JsonValue list = root;
  if (!root.is(JsonKind::kObject) || !root.Find(name, list) ||
      !list.is(JsonKind::kArray)) {
    return false;
  }
  for (JsonValue item : list.members()) take(item);
  return true;
}

// Calls `take` with each member of the array `name` on each page of the route.
// With --json the bodies are printed as they came. `optional`: a vault without
// the route has none.
Exit EachPage(const Invocation& invocation, const std::string& target,
              const char* name, bool optional,
              const std::function<void(JsonValue)>& take, bool& complete) {
  const char* join = target.find('?') == std::string::npos ? "?" : "&";
  std::string after;
  for (size_t pages = 0; pages < kPagesMax; ++pages) {
    HttpRequest request;
    request.target = target;
    if (!after.empty()) {
      request.target += join + ("after=" + PercentEncode(after));
    }
    auto answer = AskVault(invocation, request);
    if (!answer.ok()) return invocation.Fail(answer.failure());
    if (!answer->good()) {
      if (optional && answer->status == 404) return Exit::kDone;
      if (invocation.json()) PrintBody(invocation, answer->text());
      return invocation.Fail(ProblemFailure(*answer));
    }
    if (invocation.json()) PrintBody(invocation, answer->text());
    auto parsed = ParseAnswer(answer->text());
    if (!parsed.ok() || !TakeAll(parsed->root(), name, take)) {
      return invocation.Fail(Exit::kRefused,
                             "the answer holds no " + std::string(name),
                             "use the coffer of the same version as cofferd");
    }
    if (TextOf(parsed->root(), "complete") == "no") complete = false;
    std::string next = TextOf(parsed->root(), "next");
    if (next.empty() || next == "-" || next == after) return Exit::kDone;
    after = next;
  }
  return invocation.Fail(Exit::kRefused, "the answer has no end", "");
}

std::string Days(const std::string& number) {
  return number.empty() ? "" : number + (number == "1" ? " day" : " days");
}

// A link's present or past consent, from a list of either.
HeldLink LinkOf(JsonValue item) {
  HeldLink link;
  link.link = TextOf(item, "link");
  link.institution = TextOf(item, "institution");
  link.linker = TextOf(item, "linker");
  JsonValue body = item;
  if (!item.is(JsonKind::kObject) || !item.Find("consent", body)) body = item;
  HeldConsent& consent = link.consent;
  consent.id = TextOf(body, "consentId");
  consent.purposes = TextOf(body, "purposes");
  consent.clusters = TextOf(body, "dataClusters");
  consent.duration = Days(TextOf(body, "durationPeriod"));
  if (consent.duration.empty()) consent.duration = TextOf(body, "durationType");
  consent.lookback = Days(TextOf(body, "lookbackPeriod"));
  consent.ended = TextOf(item, "ended_at");
  consent.status = TextOf(body, "status");
  if (!consent.ended.empty()) consent.status = TextOf(item, "ending");
  consent.reason = TextOf(body, "reason");
  if (consent.reason.empty()) consent.reason = TextOf(item, "reason");
  consent.from = TextOf(item, "granted_at");
  if (consent.from.empty()) consent.from = TextOf(item, "created_at");
  if (consent.ended.empty()) consent.until = TextOf(item, "expires_at");
  if (consent.status == "REVOKED" && consent.ended.empty()) {
    consent.ended = TextOf(item, "updated_at");
  }
  consent.kept_until = TextOf(item, "kept_until");
  return link;
}

HeldUse UseOf(JsonValue item) {
  HeldUse use;
  use.time = TextOf(item, "time");
  use.link = TextOf(item, "link");
  use.institution = TextOf(item, "institution");
  use.caller = TextOf(item, "caller");
  use.action = TextOf(item, "action");
  use.purpose = TextOf(item, "purpose");
  use.scope = TextOf(item, "scope");
  use.audience = TextOf(item, "audience");
  use.outcome = TextOf(item, "outcome");
  use.audit_index = TextOf(item, "audit_index");
  return use;
}

// When the link's present consent ended, of one that did before its time.
void SayWhenEnded(HeldConsent& consent, const std::string& revoked,
                  const std::string& used, const std::string& now) {
  if (consent.status == "REVOKED") {
    if (!revoked.empty()) consent.ended = revoked;
  } else if (consent.duration == "ONE_TIME" &&
             (!used.empty() || consent.until > now)) {
    consent.status = "USED";
    consent.ended = used;
  } else {
    consent.ended = consent.until;
  }
  consent.until.clear();
}

// A link that is listed tells its own beginning and the end that was agreed;
// the uses say since when this consent is, and when it ended.
void SayWhen(HeldData& data) {
  for (HeldLink& link : data.links) {
    HeldConsent& consent = link.consent;
    std::string revoked;
    std::string used;  // first, of this consent
    for (const HeldUse& use : data.uses) {
      if (use.link != link.link || use.outcome != "allowed") continue;
      if (use.action == "link.revoke") revoked = use.time;
      if (use.action == "token.redeem" && used.empty()) used = use.time;
      if (use.action != "link.consent") continue;
      consent.from = use.time;
      used.clear();
    }
    if (consent.status != "ACTIVE" && !consent.status.empty()) {
      SayWhenEnded(consent, revoked, used, base::TimeText(data.asked_at));
    }
  }
}

Exit Gather(const Invocation& invocation, HeldData& data) {
  const std::string subject = PercentEncode(data.subject);
  const std::string base = "/v1/subjects/" + subject;
  Exit exit = EachPage(
      invocation, "/v1/links?subject=" + subject, "links", false,
      [&](JsonValue item) { data.links.push_back(LinkOf(item)); },
      data.complete);
  if (exit != Exit::kDone) return exit;
  exit = EachPage(
      invocation, base + "/consents", "consents", true,
      [&](JsonValue item) { data.past.push_back(LinkOf(item)); },
      data.complete);
  if (exit != Exit::kDone) return exit;
  exit = EachPage(
      invocation, base + "/ledger", "entries", false,
      [&](JsonValue item) { data.uses.push_back(UseOf(item)); }, data.complete);
  SayWhen(data);
  return exit;
}

std::string MinuteText(std::string_view time) {
  std::string text(time.substr(0, 16));
  if (text.size() == 16) text[10] = ' ';
  return text;
}

// The data of each use stands under it: a column would have to cut it.
void PrintUses(std::ostream& out, const HeldData& data,
               const std::string& link) {
  constexpr size_t kIndent = 18;  // behind the time
  Table table({"time (UTC)", "who", "what", "for", "outcome", "entry"});
  std::vector<std::string> scopes = {""};  // of the headings
  for (const HeldUse& use : data.uses) {
    if (use.link != link) continue;
    table.Add({MinuteText(use.time), use.caller, use.action, use.purpose,
               use.outcome, use.audit_index});
    scopes.push_back(use.scope);
  }
  if (table.empty()) {
    out << "No uses\n";
    return;
  }
  std::istringstream lines(table.Text());
  std::string line;
  for (size_t i = 0; std::getline(lines, line); ++i) {
    out << line << "\n";
    if (i >= scopes.size() || scopes[i].empty()) continue;
    out << std::string(kIndent, ' ') << Wrap("data: " + scopes[i], kIndent)
        << "\n";
  }
}

std::string EndText(const HeldConsent& consent) {
  std::string text = consent.status;
  if (!consent.ended.empty()) text += " " + MinuteText(consent.ended) + " UTC";
  if (!consent.reason.empty()) text += " by " + consent.reason;
  if (!consent.until.empty()) {
    text += ", ends " + MinuteText(consent.until) + " UTC";
  }
  return text;
}

void PrintConsent(std::ostream& out, const HeldLink& link) {
  const HeldConsent& consent = link.consent;
  FieldList fields;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) fields.Add(name, value);
  };
  add("consent", consent.id);
  add("for", consent.purposes);
  add("data", consent.clusters);
  add("agreed for", consent.duration);
  add("reaches back", consent.lookback);
  add("since", MinuteText(consent.from));
  add("kept until", MinuteText(consent.kept_until));
  add("set up by", link.linker);
  out << fields.Text();
}

void PrintText(const Invocation& invocation, const HeldData& data) {
  std::ostream& out = invocation.context.out;
  if (data.links.empty() && data.past.empty()) out << "No links\n";
  for (const HeldLink& link : data.links) {
    out << link.institution << ", " << link.link << "\n"
        << Wrap(EndText(link.consent), 0) << "\n";
    PrintConsent(out, link);
    PrintUses(out, data, link.link);
    out << "\n";
  }
  for (const HeldLink& link : data.past) {
    out << "Past consent: " << link.institution << ", " << link.link << "\n"
        << Wrap(EndText(link.consent), 0) << "\n";
    PrintConsent(out, link);
    out << "\n";
  }
  out << std::flush;
}

std::string Asker() {
  const passwd* user = getpwuid(geteuid());
  return user != nullptr ? user->pw_name : "uid " + std::to_string(geteuid());
}

}  // namespace

Exit RunSubjectLedger(const Invocation& invocation) {
  HeldData data;
  data.subject = invocation.arguments[0];
  if (data.subject.empty() || data.subject.size() > base::kSubjectBytesMax) {
    return invocation.Usage("a subject has 1 to 256 bytes");
  }
  const std::string& file = invocation.Get("html");
  if (!file.empty() && access(file.c_str(), F_OK) == 0) {
    return invocation.Fail(Exit::kRefused, Printable(file) + " exists already",
                           "name a new file");
  }
  data.asked_at = invocation.context.clock.WallSeconds();
  data.asked_by = Asker();
  Exit exit = Gather(invocation, data);
  if (exit != Exit::kDone) return exit;
  if (!data.complete) {
    invocation.Warn("some uses may be missing; ask again");
  }
  if (!file.empty()) {
    Done written = WriteNewFile(file, LedgerPage(data));
    if (!written.ok()) return invocation.Fail(written.failure());
    if (!invocation.json()) {
      invocation.context.out
          << Wrap("Wrote " + Printable(file) + ": links " +
                      Grouped(data.links.size()) + ", entries " +
                      Grouped(data.uses.size()),
                  2)
          << "\n"
          << std::flush;
    }
  } else if (!invocation.json()) {
    PrintText(invocation, data);
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
