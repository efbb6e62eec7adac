// link add, show, list, token, consent, revoke and erase.
#include "cli/commands/commands.h"
#include "cli/secret_input.h"
#include "cli/text.h"
#include "crypto/random.h"
#include "vault/api/request.h"

namespace coffer::cli {
namespace {

// A consent is read here first, so that a fault names the file.
Outcome<std::string> ReadConsent(const std::string& path) {
  auto text = ReadTextFile(path, base::kHttpBodyBytesMax, "consent");
  if (!text.ok()) return text.failure();
  auto parsed = api::ParseConsent(*text);
  if (!parsed.ok()) {
    return Failure{Exit::kRefused,
                   "consent " + Printable(path) + ": " + parsed.error().message,
                   "mend the file; nothing was sent"};
  }
  return text;
}

Outcome<std::string> LinkTarget(const Invocation& invocation) {
  const std::string& link = invocation.arguments[0];
  if (!wire::ParseLink(link).ok()) {
    return Failure{Exit::kUsage, "a link is lnk_ and 22 characters",
                   "list a customer's with coffer link list --subject S"};
  }
  return "/v1/links/" + link;
}

// The ETag for --if-match N, or the link's present one, which is said.
Outcome<std::string> IfMatch(const Invocation& invocation,
                             const std::string& target, Exit& exit) {
  auto given = invocation.Number("if-match", 1, 0xffffffff, 0);
  if (!given.ok()) return given.failure();
  if (*given != 0) return "\"" + std::to_string(*given) + "\"";
  HttpRequest request;
  request.target = target;
  CallerAnswer read = CallVault(invocation, request);
  exit = read.exit;
  if (!read.ok()) return std::string();
  invocation.Warn("replacing revision " + Printable(read.answer.etag) +
                  ", which is in force now; --if-match makes sure of it");
  return read.answer.etag;
}

Exit PrintWritten(const Invocation& invocation, const CallerAnswer& written) {
  if (!written.ok()) return written.exit;
  if (invocation.json()) {
    PrintBody(invocation, written.answer.text());
    return Exit::kDone;
  }
  return PrintFields(invocation, written.answer.text());
}

// A new key for each run, so that a repeat inside one is one link.
std::string FreshIdempotencyKey() {
  base::ByteArray<16> random{};
  crypto::Random(random);
  return "coffer-" + base::EncodeHex(random);
}

bool IsUtf8(base::Bytes bytes) {
  for (size_t i = 0; i < bytes.size();) {
    uint8_t lead = bytes[i++];
    if (lead < 0x80) continue;
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || bytes.size() - i < more) return false;
    for (; more > 0; --more) {
      if ((bytes[i++] & 0xc0) != 0x80) return false;
    }
  }
  return true;
}

Outcome<base::SecretBuffer> BankToken(const Invocation& invocation) {
  auto token = ReadSecret(invocation, invocation.Get("bank-token-file"),
                          "bank token", base::kBankTokenBytesMax);
  if (token.ok() && !IsUtf8(token->view())) {
    return Failure{Exit::kRefused, "the bank token is not UTF-8 text",
                   "store a binary one in base64"};
  }
  return token;
}

}  // namespace

Exit RunLinkAdd(const Invocation& invocation) {
  auto consent = ReadConsent(invocation.Get("consent"));
  if (!consent.ok()) return invocation.Fail(consent.failure());
  auto token = BankToken(invocation);
  if (!token.ok()) return invocation.Fail(token.failure());
  api::TextBuilder body;
  api::JsonWriter json(body);
  json.BeginObject()
      .Text("institution", invocation.Get("institution"))
      .Text("subject", invocation.Get("subject"))
      .Text("bank_token", base::AsText(token->view()))
      .Key("consent");
  body.Append(*consent);
  json.EndObject();
  if (auto parsed = api::ParseCreate(body.view()); !parsed.ok()) {
    return invocation.Fail(Exit::kRefused, parsed.error().message,
                           "nothing was sent");
  }
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/links";
  request.headers.emplace_back("Idempotency-Key",
                               invocation.Has("idempotency-key")
                                   ? invocation.Get("idempotency-key")
                                   : FreshIdempotencyKey());
  if (!api::CheckIdempotencyKey(request.headers.back().second).ok()) {
    return invocation.Usage(
        "--idempotency-key is 1 to 128 printable ASCII characters");
  }
  request.body = base::AsBytes(body.view());
  return PrintWritten(invocation, CallVault(invocation, request));
}

Exit RunLinkShow(const Invocation& invocation) {
  auto target = LinkTarget(invocation);
  if (!target.ok()) return invocation.Fail(target.failure());
  HttpRequest request;
  request.target = *target;
  return PrintWritten(invocation, CallVault(invocation, request));
}

Exit RunLinkList(const Invocation& invocation) {
  return PrintLinks(invocation,
                    "subject=" + PercentEncode(invocation.Get("subject")),
                    invocation.Get("after"));
}

Exit RunLinkToken(const Invocation& invocation) {
  auto target = LinkTarget(invocation);
  if (!target.ok()) return invocation.Fail(target.failure());
  auto token = BankToken(invocation);
  if (!token.ok()) return invocation.Fail(token.failure());
  Exit exit = Exit::kDone;
  auto etag = IfMatch(invocation, *target, exit);
  if (!etag.ok()) return invocation.Fail(etag.failure());
  if (exit != Exit::kDone) return exit;
  api::TextBuilder body;
  api::JsonWriter(body)
      .BeginObject()
      .Text("bank_token", base::AsText(token->view()))
      .EndObject();
  HttpRequest request;
  request.method = "PUT";
  request.target = *target + "/bank_token";
  request.headers.emplace_back("If-Match", *etag);
  request.body = base::AsBytes(body.view());
  return PrintWritten(invocation, CallVault(invocation, request));
}

Exit RunLinkConsent(const Invocation& invocation) {
  auto target = LinkTarget(invocation);
  if (!target.ok()) return invocation.Fail(target.failure());
  auto consent = ReadConsent(invocation.Get("consent"));
  if (!consent.ok()) return invocation.Fail(consent.failure());
  Exit exit = Exit::kDone;
  auto etag = IfMatch(invocation, *target, exit);
  if (!etag.ok()) return invocation.Fail(etag.failure());
  if (exit != Exit::kDone) return exit;
  HttpRequest request;
  request.method = "PUT";
  request.target = *target + "/consent";
  request.headers.emplace_back("If-Match", *etag);
  request.body = base::AsBytes(*consent);
  return PrintWritten(invocation, CallVault(invocation, request));
}

Exit RunLinkRevoke(const Invocation& invocation) {
  auto target = LinkTarget(invocation);
  if (!target.ok()) return invocation.Fail(target.failure());
  std::string reason =
      invocation.Has("reason") ? invocation.Get("reason") : "USER_ACTION";
  if (reason != "USER_ACTION" && reason != "BUSINESS_RULE") {
    return invocation.Usage("--reason is USER_ACTION or BUSINESS_RULE");
  }
  if (!invocation.Confirmed("Revoke this link's consent? Its tokens end now, "
                            "and it cannot be undone.")) {
    return invocation.Fail(Exit::kRefused, "not revoked", "");
  }
  std::string body = "{\"reason\":\"" + reason + "\"}";
  HttpRequest request;
  request.method = "PUT";
  request.target = *target + "/consent/revocation";
  request.body = base::AsBytes(body);
  CallerAnswer answer = CallVault(invocation, request);
  if (!answer.ok()) return answer.exit;
  if (invocation.json()) {
    PrintBody(invocation, answer.answer.text());
  } else {
    invocation.context.out << "Revoked\n";
  }
  return Exit::kDone;
}

Exit RunLinkErase(const Invocation& invocation) {
  auto target = LinkTarget(invocation);
  if (!target.ok()) return invocation.Fail(target.failure());
  if (!invocation.Confirmed("Erase this link? Its key is destroyed, and it "
                            "cannot be undone.")) {
    return invocation.Fail(Exit::kRefused, "not erased", "");
  }
  HttpRequest request;
  request.method = "DELETE";
  request.target = *target;
  return PrintErased(invocation, request);
}

}  // namespace coffer::cli
