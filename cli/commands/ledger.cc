// subject ledger: what is held about a customer, who used it, when, for what.
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <functional>

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
  const std::string ended = TextOf(item, "ended_at");
  consent.status = TextOf(body, "status");
  if (!ended.empty()) consent.status = TextOf(item, "ending");
  consent.reason = TextOf(body, "reason");
  if (consent.reason.empty()) consent.reason = TextOf(item, "reason");
  consent.from = TextOf(item, "granted_at");
  if (consent.from.empty()) consent.from = TextOf(item, "created_at");
  consent.until = ended.empty() ? TextOf(item, "expires_at") : ended;
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
  return EachPage(
      invocation, base + "/ledger", "entries", false,
      [&](JsonValue item) { data.uses.push_back(UseOf(item)); }, data.complete);
}

std::string MinuteText(std::string_view time) {
  std::string text(time.substr(0, 16));
  if (text.size() == 16) text[10] = ' ';
  return text;
}

void PrintUses(std::ostream& out, const HeldData& data,
               const std::string& link) {
  Table table({"time (UTC)", "who", "what", "for", "outcome", "entry"});
  for (const HeldUse& use : data.uses) {
    if (use.link != link) continue;
    table.Add({MinuteText(use.time), use.caller, use.action, use.purpose,
               use.outcome, use.audit_index});
  }
  out << (table.empty() ? "No uses\n" : table.Text());
}

void PrintText(const Invocation& invocation, const HeldData& data) {
  std::ostream& out = invocation.context.out;
  if (data.links.empty() && data.past.empty()) out << "No links\n";
  for (const HeldLink& link : data.links) {
    const HeldConsent& consent = link.consent;
    out << link.institution << ", " << consent.status << ", ends "
        << MinuteText(consent.until) << ", " << link.link << "\n"
        << Wrap("agreed: " + consent.purposes + "; " + consent.clusters, 0)
        << "\n";
    PrintUses(out, data, link.link);
    out << "\n";
  }
  for (const HeldLink& link : data.past) {
    out << Wrap("past consent: " + link.institution + ", " +
                    link.consent.status + " " + MinuteText(link.consent.until) +
                    " UTC, " + link.consent.purposes,
                2)
        << "\n";
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
