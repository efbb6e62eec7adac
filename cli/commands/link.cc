// link add, show, list, token, consent, revoke and erase.
#include "cli/commands/commands.h"
#include "cli/sealing.h"
#include "cli/secret_input.h"
#include "cli/text.h"
#include "crypto/base/utf8.h"
#include "crypto/random.h"
#include "vault/api/request.h"
#include "vault/wire/transit.h"

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

// 0, which no link has, when the ETag is not ours.
uint32_t RevisionOf(const std::string& etag) {
  auto revision = api::ParseIfMatch(etag);
  return revision.ok() ? *revision : 0;
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

Outcome<base::SecretBuffer> BankToken(const Invocation& invocation) {
  auto token = ReadSecret(invocation, invocation.Get("bank-token-file"),
                          "bank token", base::kBankTokenBytesMax);
  if (token.ok() && !base::IsUtf8(base::AsText(token->view()))) {
    return Failure{Exit::kRefused, "the bank token is not UTF-8 text",
                   "store a binary one in base64"};
  }
  return token;
}

void WriteCreate(api::TextBuilder& body, const Invocation& invocation,
                 std::string_view field, std::string_view bank_token,
                 const std::string& consent) {
  body.Clear();
  api::JsonWriter json(body);
  json.BeginObject()
      .Text("institution", invocation.Get("institution"))
      .Text("subject", invocation.Get("subject"))
      .Text(field, bank_token)
      .Key("consent");
  body.Append(consent);
  json.EndObject();
}

// Of what is sealed and what is signed, as far as the command line wants it.
// `exit` is kDone, or the refusal that was printed.
struct Protection {
  Exit exit = Exit::kDone;
  VaultKeys keys;
  bool seals = false;
  bool signs = false;
};
Protection Protect(const Invocation& invocation, bool has_bank_token) {
  Protection protection;
  protection.seals = has_bank_token && !invocation.Has("clear");
  protection.signs = invocation.Has("consent-key");
  if (!protection.seals && !protection.signs) return protection;
  AskedKeys asked = AskKeys(invocation);
  protection.exit = asked.exit;
  protection.keys = std::move(asked.keys);
  if (!asked.ok() || !protection.seals) return protection;
  Done pinned = CheckIngestKey(invocation, protection.keys);
  if (!pinned.ok()) protection.exit = invocation.Fail(pinned.failure());
  return protection;
}

// Adds the header Signed-Consent, where the request is to be signed.
Exit AddSignature(const Invocation& invocation, const Protection& protection,
                  const wire::ConsentStatement& statement,
                  HttpRequest& request) {
  if (!protection.signs) return Exit::kDone;
  auto token = SignConsent(invocation, invocation.Get("consent-key"),
                           protection.keys, statement);
  if (!token.ok()) return invocation.Fail(token.failure());
  request.headers.emplace_back("Signed-Consent", *token);
  return Exit::kDone;
}

}  // namespace

Exit SignErasure(const Invocation& invocation, const wire::LinkId* link,
                 std::string_view subject, HttpRequest& request) {
  const Protection protection = Protect(invocation, false);
  if (protection.exit != Exit::kDone) return protection.exit;
  wire::ConsentStatement statement;
  statement.link = link;
  statement.subject = subject;
  return AddSignature(invocation, protection, statement, request);
}

Exit RunLinkAdd(const Invocation& invocation) {
  auto consent = ReadConsent(invocation.Get("consent"));
  if (!consent.ok()) return invocation.Fail(consent.failure());
  auto token = BankToken(invocation);
  if (!token.ok()) return invocation.Fail(token.failure());
  const std::string key = invocation.Has("idempotency-key")
                              ? invocation.Get("idempotency-key")
                              : FreshIdempotencyKey();
  if (!api::CheckIdempotencyKey(key).ok()) {
    return invocation.Usage(
        "--idempotency-key is 1 to 128 printable ASCII characters");
  }
  api::TextBuilder body;
  WriteCreate(body, invocation, "bank_token", base::AsText(token->view()),
              *consent);
  auto parsed = api::ParseCreate(body.view());
  if (!parsed.ok()) {
    return invocation.Fail(Exit::kRefused, parsed.error().message,
                           "nothing was sent");
  }
  const Protection protection = Protect(invocation, true);
  if (protection.exit != Exit::kDone) return protection.exit;
  const auto make = [&](HttpRequest& request) {
    if (protection.seals) {
      const wire::Pae bound =
          wire::BindCreate(protection.keys.caller, parsed->institution,
                           parsed->subject, parsed->consent.consent_id, key);
      auto sealed = SealBankToken(invocation, protection.keys, token->view(),
                                  bound.view());
      if (!sealed.ok()) return invocation.Fail(sealed.failure());
      WriteCreate(body, invocation, "sealed_bank_token", *sealed, *consent);
    }
    request.method = "POST";
    request.target = "/v1/links";
    request.headers.emplace_back("Idempotency-Key", key);
    request.body = base::AsBytes(body.view());
    wire::ConsentStatement statement;
    statement.consent = &parsed->consent;
    statement.institution = parsed->institution;
    statement.subject = parsed->subject;
    return AddSignature(invocation, protection, statement, request);
  };
  return PrintWritten(invocation, CallFresh(invocation, make));
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
  const Protection protection = Protect(invocation, true);
  if (protection.exit != Exit::kDone) return protection.exit;
  api::TextBuilder body;
  const auto make = [&](HttpRequest& request) {
    body.Clear();
    api::JsonWriter json(body);
    json.BeginObject();
    if (protection.seals) {
      const wire::Pae bound = wire::BindReplace(
          protection.keys.caller, *wire::ParseLink(invocation.arguments[0]),
          RevisionOf(*etag));
      auto sealed = SealBankToken(invocation, protection.keys, token->view(),
                                  bound.view());
      if (!sealed.ok()) return invocation.Fail(sealed.failure());
      json.Text("sealed_bank_token", *sealed);
    } else {
      json.Text("bank_token", base::AsText(token->view()));
    }
    json.EndObject();
    request.method = "PUT";
    request.target = *target + "/bank_token";
    request.headers.emplace_back("If-Match", *etag);
    request.body = base::AsBytes(body.view());
    return Exit::kDone;
  };
  return PrintWritten(invocation, CallFresh(invocation, make));
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
  const Protection protection = Protect(invocation, false);
  if (protection.exit != Exit::kDone) return protection.exit;
  const auto parsed = api::ParseConsent(*consent);
  const auto link = wire::ParseLink(invocation.arguments[0]);
  COFFER_CHECK(parsed.ok() && link.ok());
  const auto make = [&](HttpRequest& request) {
    request.method = "PUT";
    request.target = *target + "/consent";
    request.headers.emplace_back("If-Match", *etag);
    request.body = base::AsBytes(*consent);
    wire::ConsentStatement statement;
    statement.consent = &parsed->consent;
    statement.link = &*link;
    statement.revision = RevisionOf(*etag);
    return AddSignature(invocation, protection, statement, request);
  };
  return PrintWritten(invocation, CallFresh(invocation, make));
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
  const auto link = wire::ParseLink(invocation.arguments[0]);
  COFFER_CHECK(link.ok());
  return PrintErased(invocation, [&](HttpRequest& request) {
    request.method = "DELETE";
    request.target = *target;
    return SignErasure(invocation, &*link, {}, request);
  });
}

}  // namespace coffer::cli
