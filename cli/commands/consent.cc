// consent sign: the signature over a request that another program will send.
#include "cli/commands/commands.h"
#include "cli/sealing.h"
#include "cli/text.h"
#include "vault/api/request.h"

namespace coffer::cli {
namespace {

// Who will send it, to which vault: as told, or as the vault says of this
// process.
AskedKeys Sender(const Invocation& invocation) {
  AskedKeys sender;
  if (!invocation.Has("caller") && !invocation.Has("vault")) {
    return AskKeys(invocation);
  }
  sender.keys.caller = invocation.Get("caller");
  sender.keys.vault = invocation.Get("vault");
  base::ByteArray<16> id{};
  if (!wire::IsName(sender.keys.caller) ||
      !base::DecodeHex(id, sender.keys.vault).ok() ||
      base::EncodeHex(id) != sender.keys.vault) {
    sender.exit = invocation.Usage(
        "--caller is a name of policy and --vault the vault's id, 32 "
        "lower-case "
        "hex digits; give both");
    return sender;
  }
  sender.exit = Exit::kDone;
  return sender;
}

// What the signature is good for: the token itself tells a person nothing.
std::string SignedText(const Invocation& invocation) {
  std::string text =
      invocation.Has("erase") ? "signed: erase of " : "signed: consent of ";
  if (invocation.Has("link")) return text + "link " + invocation.Get("link");
  text += invocation.Has("erase")
              ? "every link of "
              : "a new link to " + invocation.Get("institution") + " of ";
  return text + "subject " + Printable(invocation.Get("subject"));
}

}  // namespace

Exit RunConsentSign(const Invocation& invocation) {
  wire::ConsentStatement statement;
  api::ConsentRequest consent;
  if (invocation.Has("consent")) {
    auto text = ReadTextFile(invocation.Get("consent"), base::kHttpBodyBytesMax,
                             "consent");
    if (!text.ok()) return invocation.Fail(text.failure());
    auto parsed = api::ParseConsent(*text);
    if (!parsed.ok()) {
      return invocation.Fail(Exit::kRefused, parsed.error().message,
                             "mend the consent's file");
    }
    consent = std::move(*parsed);
    statement.consent = &consent.consent;
  }
  wire::LinkId link{};
  if (invocation.Has("link")) {
    auto parsed = wire::ParseLink(invocation.Get("link"));
    if (!parsed.ok()) {
      return invocation.Usage("a link is lnk_ and 22 characters");
    }
    link = *parsed;
    statement.link = &link;
  }
  auto revision = invocation.Number("if-match", 1, 0xffffffff, 0);
  if (!revision.ok()) return invocation.Fail(revision.failure());
  statement.revision = static_cast<uint32_t>(*revision);
  statement.institution = invocation.Get("institution");
  statement.subject = invocation.Get("subject");
  const bool creates = invocation.Has("consent") && !invocation.Has("link");
  const bool erases = invocation.Has("erase");
  if (erases == invocation.Has("consent") ||
      invocation.Has("subject") == invocation.Has("link") ||
      invocation.Has("institution") != creates ||
      invocation.Has("if-match") !=
          (invocation.Has("consent") && invocation.Has("link")) ||
      statement.subject.size() > base::kSubjectBytesMax ||
      (creates && !wire::IsName(statement.institution)) ||
      (invocation.Has("subject") && statement.subject.empty())) {
    return invocation.Usage(
        "sign one of: --institution, --subject and --consent (create); --link, "
        "--consent and --if-match (consent); --erase with --link or --subject "
        "(erase)");
  }
  const AskedKeys sender = Sender(invocation);
  if (!sender.ok()) return sender.exit;
  auto token = SignConsent(invocation, invocation.Get("consent-key"),
                           sender.keys, statement);
  if (!token.ok()) return invocation.Fail(token.failure());
  invocation.context.err << SignedText(invocation) << "\n" << std::flush;
  if (invocation.json()) {
    api::TextBuilder out;
    api::JsonWriter(out)
        .BeginObject()
        .Text("signed_consent", *token)
        .EndObject();
    PrintBody(invocation, out.view());
  } else {
    invocation.context.out << *token << "\n" << std::flush;
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
