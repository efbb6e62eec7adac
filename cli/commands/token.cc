// token issue, introspect, revoke and redeem. An access token comes from a file
// or standard input: it is a secret for as long as it lives.
#include <algorithm>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/sealing.h"
#include "cli/secret_input.h"

namespace coffer::cli {
namespace {

bool IsWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~';
  });
}

// The one line that begins with v4., or the whole of a file that is one word.
Outcome<base::SecretBuffer> ReadToken(const Invocation& invocation) {
  // What stands around it, as `token issue` prints it.
  constexpr size_t kAroundBytes = 4096;
  auto file = ReadSecret(invocation, invocation.Get("token-file"),
                         "access token", base::kTokenBytesMax + kAroundBytes);
  if (!file.ok()) return file.failure();
  const std::string_view text = base::AsText(file->view());
  std::string_view token = IsWord(text) ? text : "";
  size_t found = token.empty() ? 0 : 1;
  for (size_t at = 0; token != text && at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
      line.remove_suffix(1);
    }
    if (line.substr(0, 3) != "v4.") continue;
    token = line;
    ++found;
  }
  if (found != 1 || !IsWord(token)) {
    return Failure{Exit::kRefused, "the file does not hold one access token",
                   "it is one line, which begins with v4."};
  }
  if (token.size() > base::kTokenBytesMax) {
    return Failure{Exit::kRefused,
                   "the access token is above " +
                       std::to_string(base::kTokenBytesMax) + " bytes",
                   ""};
  }
  base::SecretBuffer alone(token.size());
  COFFER_CHECK(alone.Append(base::AsBytes(token)));
  return alone;
}

// {"token":...} or with an audience, posted to `route`. The token goes into
// `shown`.
CallerAnswer ShowToken(const Invocation& invocation, const char* route,
                       base::SecretBuffer& shown) {
  CallerAnswer failed;
  auto token = ReadToken(invocation);
  if (!token.ok()) {
    failed.exit = invocation.Fail(token.failure());
    return failed;
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
  shown = std::move(*token);
  return CallVault(invocation, request);
}
CallerAnswer ShowToken(const Invocation& invocation, const char* route) {
  base::SecretBuffer shown;
  return ShowToken(invocation, route, shown);
}

// A redeem's answer with the bank token in clear again; empty where it was not
// sealed.
Outcome<api::TextBuilder> Unsealed(const Invocation& invocation,
                                   const UnsealKey* key, std::string_view body,
                                   std::string_view access_token) {
  api::TextBuilder clear;
  auto parsed = ParseAnswer(body);
  if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) return clear;
  api::JsonValue sealed = parsed->root();
  if (!parsed->root().Find("sealed_bank_token", sealed) ||
      !sealed.is(api::JsonKind::kText)) {
    return clear;
  }
  if (key == nullptr) {
    invocation.Warn(
        "the bank token is sealed to this caller's key; --unseal-key opens it");
    return clear;
  }
  auto token = key->Open(sealed.text(), access_token);
  if (!token.ok()) return token.failure();
  api::JsonWriter json(clear);
  json.BeginObject().Text("bank_token", base::AsText(token->view()));
  for (api::JsonValue member : parsed->root().members()) {
    if (member.key() == "sealed_bank_token") continue;
    if (member.is(api::JsonKind::kInteger)) {
      json.Number(member.key(), static_cast<uint64_t>(member.integer()));
    } else if (member.is(api::JsonKind::kText)) {
      json.Text(member.key(), member.text());
    }
  }
  json.EndObject();
  return clear;
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
  const char* group = nullptr;
  size_t given = invocation.Has("token-file");
  for (const char* option : {"caller", "purpose", "institution"}) {
    if (!invocation.Has(option)) continue;
    group = option;
    ++given;
  }
  if (given != 1) {
    return invocation.Usage(
        "exactly one of --token-file, --caller, --purpose and --institution");
  }
  if (group == nullptr && invocation.Has("gone")) {
    return invocation.Usage("--gone goes with a name, not with --token-file");
  }
  if (group != nullptr && invocation.Has("audience")) {
    return invocation.Usage("--audience goes with --token-file alone");
  }
  if (group != nullptr) return RevokeGroup(invocation, group);
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
  std::optional<UnsealKey> key;
  if (invocation.Has("unseal-key")) {
    auto read = UnsealKey::Read(invocation, invocation.Get("unseal-key"));
    if (!read.ok()) return invocation.Fail(read.failure());
    key = std::move(*read);
  }
  base::SecretBuffer shown;
  CallerAnswer answer = ShowToken(invocation, "/v1/redeem", shown);
  if (!answer.ok()) return answer.exit;
  auto clear = Unsealed(invocation, key ? &*key : nullptr, answer.answer.text(),
                        base::AsText(shown.view()));
  if (!clear.ok()) {
    // The access token may be spent: what it bought is not thrown away.
    PrintAnswer(invocation, answer, "bank_token");
    Failure failure = clear.failure();
    failure.next += "; the sealed answer is printed";
    return invocation.Fail(failure);
  }
  if (clear->view().empty())
    return PrintAnswer(invocation, answer, "bank_token");
  if (!invocation.json()) {
    return PrintFields(invocation, clear->view(), "bank_token");
  }
  PrintBody(invocation, clear->view());
  return Exit::kDone;
}

}  // namespace coffer::cli
