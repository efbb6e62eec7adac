// subject links and erase; and the certificate that an erasure leaves.
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/text.h"

namespace coffer::cli {

Exit PrintErased(const Invocation& invocation, const HttpRequest& request) {
  const std::string& file = invocation.Get("certificate");
  // Before the erasure: afterwards it would be too late to refuse.
  if (!file.empty() && access(file.c_str(), F_OK) == 0) {
    return invocation.Fail(Exit::kRefused, Printable(file) + " exists already",
                           "name a new file; nothing was erased");
  }
  CallerAnswer erased = CallVault(invocation, request);
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
  if (!file.empty()) {
    Done written = certificate.empty()
                       ? Done(Failure{Exit::kRefused,
                                      "erased, but without a certificate", ""})
                       : WriteNewFile(file, certificate + "\n");
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

Exit RunSubjectErase(const Invocation& invocation) {
  if (invocation.arguments[0].empty()) {
    return invocation.Usage("a subject has 1 to 256 bytes");
  }
  if (!invocation.Confirmed("Erase every link of this customer? Their keys "
                            "are destroyed, and it cannot be undone.")) {
    return invocation.Fail(Exit::kRefused, "not erased", "");
  }
  HttpRequest request;
  request.method = "DELETE";
  request.target = "/v1/subjects/" + PercentEncode(invocation.arguments[0]);
  return PrintErased(invocation, request);
}

}  // namespace coffer::cli
