// subject links and erase; and the certificate that an erasure leaves.
#include <optional>

#include "cli/commands/commands.h"
#include "cli/text.h"

namespace coffer::cli {

Exit PrintErased(const Invocation& invocation, const MakeRequest& make) {
  const std::string& file = invocation.Get("certificate");
  // Before the erasure: afterwards it would be too late to refuse.
  std::optional<NewFile> kept;
  if (!file.empty()) {
    auto made = NewFile::Create(file);
    if (!made.ok()) {
      Failure failure = made.failure();
      failure.next += failure.next.empty() ? "" : "; ";
      failure.next += "nothing was erased";
      return invocation.Fail(failure);
    }
    kept.emplace(std::move(*made));
  }
  CallerAnswer erased = CallFresh(invocation, make);
  if (!erased.ok()) return erased.exit;
  std::string_view body = erased.answer.text();
  if (invocation.json()) PrintBody(invocation, body);
  auto parsed = ParseAnswer(body);
  std::string certificate;
  if (parsed.ok() && parsed->root().is(api::JsonKind::kObject)) {
    api::JsonValue found = parsed->root();
    if (parsed->root().Find("certificate", found) &&
        found.is(api::JsonKind::kText)) {
      certificate = std::string(found.text());
    }
  }
  if (parsed.ok() && TextOf(parsed->root(), "erased") == "0") {
    invocation.Warn("no link of this customer was found; was the name right?");
  }
  if (kept) {
    Done written = certificate.empty()
                       ? Done(Failure{Exit::kRefused,
                                      "erased, but without a certificate", ""})
                       : kept->Write(certificate + "\n");
    if (!written.ok()) {
      // It cannot be asked for again, so it is shown whatever was wished.
      invocation.context.out << certificate << "\n" << std::flush;
      return invocation.Fail(written.failure());
    }
  }
  if (invocation.json()) return Exit::kDone;
  return PrintFields(invocation, body, "certificate");
}

Exit RunSubjectLinks(const Invocation& invocation) {
  return PrintLinks(invocation,
                    "subject=" + PercentEncode(invocation.arguments[0]));
}

Exit RunSubjectConsents(const Invocation& invocation) {
  Table table({"link", "institution", "consent", "granted", "ended", "how"});
  std::string after;
  do {
    HttpRequest request;
    request.target =
        "/v1/subjects/" + PercentEncode(invocation.arguments[0]) + "/consents";
    if (!after.empty()) request.target += "?after=" + PercentEncode(after);
    CallerAnswer page = CallVault(invocation, request);
    if (!page.ok()) return page.exit;
    auto parsed = ParseAnswer(page.answer.text());
    if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) {
      return invocation.Fail(Exit::kRefused, "the answer is not a JSON object",
                             "use the coffer of the same version as cofferd");
    }
    if (invocation.json()) PrintBody(invocation, page.answer.text());
    api::JsonValue list = parsed->root();
    if (parsed->root().Find("consents", list) &&
        list.is(api::JsonKind::kArray)) {
      for (api::JsonValue one : list.members()) {
        // Days are enough for a table; --json has the seconds.
        table.Add(
            {TextOf(one, "link"), TextOf(one, "institution"),
             TextOf(one, "consentId"), TextOf(one, "granted_at").substr(0, 10),
             TextOf(one, "ended_at").substr(0, 10), TextOf(one, "ending")});
      }
    }
    std::string next = TextOf(parsed->root(), "next");
    if (next == after) break;
    after = next;
  } while (!after.empty());
  if (invocation.json()) return Exit::kDone;
  invocation.context.out << (table.empty() ? "No past consents\n"
                                           : table.Text())
                         << std::flush;
  return Exit::kDone;
}

Exit RunSubjectErase(const Invocation& invocation) {
  if (invocation.arguments[0].empty()) {
    return invocation.Usage("a subject has 1 to 256 bytes");
  }
  if (!invocation.Confirmed("Erase every link of this customer? Their keys "
                            "are destroyed, and it cannot be undone.")) {
    return invocation.Fail(Exit::kRefused, "not erased", "");
  }
  return PrintErased(invocation, [&](HttpRequest& request) {
    request.method = "DELETE";
    request.target = "/v1/subjects/" + PercentEncode(invocation.arguments[0]);
    return SignErasure(invocation, nullptr, invocation.arguments[0], request);
  });
}

}  // namespace coffer::cli
