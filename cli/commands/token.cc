// token issue, introspect, revoke and redeem. An access token comes from a file
// or standard input: it is a secret for as long as it lives.
#include "cli/commands/commands.h"
#include "cli/secret_input.h"

namespace coffer::cli {
namespace {

// {"token":...} or with an audience, posted to `route`.
CallerAnswer ShowToken(const Invocation& invocation, const char* route) {
  CallerAnswer failed;
  auto token = ReadSecret(invocation, invocation.Get("token-file"),
                          "access token", base::kTokenBytesMax);
  if (!token.ok()) {
    failed.exit = invocation.Fail(token.failure());
    return failed;
  }
  for (uint8_t byte : token->view()) {
    if (byte <= ' ' || byte > '~') {
      failed.exit = invocation.Fail(Exit::kRefused,
                                    "the file does not hold one access token",
                                    "it is one line of printable characters");
      return failed;
    }
  }
  api::TextBuilder body;
  api::JsonWriter json(body);
  json.BeginObject().Text("token", base::AsText(token->view()));
  if (invocation.Has("audience")) {
    json.Text("audience", invocation.Get("audience"));
  }
  json.EndObject();
  HttpRequest request;
  request.method = "POST";
  request.target = route;
  request.body = base::AsBytes(body.view());
  return CallVault(invocation, request);
}

Exit PrintAnswer(const Invocation& invocation, const CallerAnswer& answer,
                 std::string_view last) {
  if (!answer.ok()) return answer.exit;
  if (invocation.json()) {
    PrintBody(invocation, answer.answer.text());
    return Exit::kDone;
  }
  return PrintFields(invocation, answer.answer.text(), last);
}

}  // namespace

Exit RunTokenIssue(const Invocation& invocation) {
  auto seconds = invocation.Number("expires-in", 1, uint64_t{1} << 31, 0);
  if (!seconds.ok()) return invocation.Fail(seconds.failure());
  const std::string& format = invocation.Get("format");
  if (!format.empty() && format != "local" && format != "public") {
    return invocation.Usage("--format is local or public");
  }
  api::TextBuilder body;
  api::JsonWriter json(body);
  json.BeginObject()
      .Text("link", invocation.Get("link"))
      .Text("purpose", invocation.Get("purpose"))
      .Text("audience", invocation.Get("audience"));
  if (invocation.Has("scope")) json.Text("scope", invocation.Get("scope"));
  if (*seconds != 0) json.Number("expires_in", *seconds);
  if (!format.empty()) json.Text("token_format", format);
  if (invocation.Has("single-use")) json.Bool("single_use", true);
  json.EndObject();
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/token";
  request.body = base::AsBytes(body.view());
  return PrintAnswer(invocation, CallVault(invocation, request),
                     "access_token");
}

Exit RunTokenIntrospect(const Invocation& invocation) {
  return PrintAnswer(invocation, ShowToken(invocation, "/v1/introspect"), {});
}

Exit RunTokenRevoke(const Invocation& invocation) {
  if (!invocation.Confirmed("Revoke this access token?")) {
    return invocation.Fail(Exit::kRefused, "not revoked", "");
  }
  CallerAnswer answer = ShowToken(invocation, "/v1/revoke");
  if (!answer.ok()) return answer.exit;
  if (invocation.json()) {
    PrintBody(invocation, answer.answer.text());
  } else {
    invocation.context.out << "Revoked\n";
  }
  return Exit::kDone;
}

Exit RunTokenRedeem(const Invocation& invocation) {
  return PrintAnswer(invocation, ShowToken(invocation, "/v1/redeem"),
                     "bank_token");
}

}  // namespace coffer::cli
