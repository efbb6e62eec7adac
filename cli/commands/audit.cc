// audit tail and verify-certificate.
#include <chrono>
#include <thread>

#include "cli/commands/commands.h"
#include "cli/text.h"
#include "crypto/paseto.h"
#include "vault/api/leaf_json.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

constexpr auto kFollowPause = std::chrono::milliseconds(500);

Done PrintLeaf(const Invocation& invocation, base::Bytes bytes,
               uint64_t& next) {
  auto leaf = wire::DecodeLeaf(bytes);
  if (!leaf.ok()) {
    return Failure{
        Exit::kRefused,
        std::string("a leaf cannot be read: ") + leaf.error().message,
        "use the coffer of the same version as cofferd"};
  }
  next = leaf->index + 1;
  if (invocation.json()) {
    api::TextBuilder text;
    api::WriteLeaf(text, *leaf);
    PrintBody(invocation, text.view());
  } else {
    invocation.context.out << api::LeafLine(*leaf) << "\n" << std::flush;
  }
  return base::Nothing{};
}

// Prints `question`'s leaves, then moves it behind them; gives the index after
// the last durable leaf.
Outcome<uint64_t> PrintSome(const Invocation& invocation,
                            OperatorClient& client,
                            wire::TailQuestion& question) {
  auto answer = client.Ask(OperatorOp::kAuditTail, question);
  if (!answer.ok()) return answer.failure();
  auto tail = answer->As<wire::TailAnswer>();
  if (!tail.ok()) return tail.failure();
  uint64_t next = tail->leaves.empty() ? tail->next : 0;
  for (const wire::LeafBytes& bytes : tail->leaves) {
    Done printed = PrintLeaf(invocation, bytes.leaf, next);
    if (!printed.ok()) return printed.failure();
  }
  question.from = next;
  return tail->next;
}

// Where the last `count` leaves begin.
Outcome<uint64_t> TailStart(OperatorClient& client, uint64_t count) {
  auto answer = client.Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return answer.failure();
  auto status = answer->As<wire::OperatorStatus>();
  if (!status.ok()) return status.failure();
  return status->leaves > count ? status->leaves - count : 0;
}

}  // namespace

Exit RunAuditTail(const Invocation& invocation) {
  auto count = invocation.Number("count", 1, 1000000000, 20);
  if (!count.ok()) return invocation.Fail(count.failure());
  auto from = invocation.Number("from", 0, wire::kNoLeaf - 1, wire::kNoLeaf);
  if (!from.ok()) return invocation.Fail(from.failure());
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return invocation.Fail(client.failure());
  bool follow = invocation.Has("follow");
  bool counted = invocation.Has("count");
  wire::TailQuestion question;
  question.from = *from;
  uint64_t left = *count;
  if (*from == wire::kNoLeaf && left > wire::kTailLeavesMax) {
    auto start = TailStart(*client, left);
    if (!start.ok()) return invocation.Fail(start.failure());
    question.from = *start;
  }
  // --from without --count goes on to the end.
  bool bounded = !follow && (*from == wire::kNoLeaf || counted);
  for (;;) {
    uint64_t want = bounded || question.from == wire::kNoLeaf
                        ? std::min<uint64_t>(left, wire::kTailLeavesMax)
                        : wire::kTailLeavesMax;
    question.count = static_cast<uint32_t>(want);
    uint64_t asked = question.from;
    auto next = PrintSome(invocation, *client, question);
    if (!next.ok()) return invocation.Fail(next.failure());
    bool end = question.from >= *next || question.from == asked;
    left -= std::min(left, want);
    if (!follow && (end || (bounded && left == 0))) return Exit::kDone;
    if (end) std::this_thread::sleep_for(kFollowPause);
  }
}

namespace {

std::string_view FirstLine(std::string_view text, std::string_view start) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
      line.remove_suffix(1);
    }
    if (line.substr(0, start.size()) == start) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

Outcome<std::string> EvidenceKeyText(const Invocation& invocation) {
  if (invocation.Has("vkey")) {
    auto text = ReadTextFile(invocation.Get("vkey"), 65536, "key file");
    if (!text.ok()) return text.failure();
    std::string key(FirstLine(*text, "k4.public."));
    if (!key.empty()) return key;
    return Failure{Exit::kRefused,
                   Printable(invocation.Get("vkey")) +
                       " holds no line that begins k4.public.",
                   "name the file with the vault's evidence key"};
  }
  Failure none{Exit::kUsage, "the vault's evidence key is not to be had here",
               "give --vkey F, a file with its k4.public. line"};
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return none;
  auto answer = client->Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return none;
  auto status = answer->As<wire::OperatorStatus>();
  if (!status.ok() || status->evidence_key.empty()) return none;
  return std::string(status->evidence_key);
}

// The certificate's line, or the member of what an erasing route answered.
std::string CertificateIn(std::string_view text) {
  std::string_view line = FirstLine(text, "v4.public.");
  if (!line.empty()) return std::string(line);
  auto parsed = ParseAnswer(text);
  if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) return "";
  return TextOf(parsed->root(), "certificate");
}

// What it says, for a person; empty when it is no erasure's.
std::string ErasureText(std::string_view claims) {
  auto parsed = ParseAnswer(claims);
  if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) return "";
  api::JsonValue root = parsed->root();
  api::JsonValue keys = root;
  if (TextOf(root, "type") != "erasure" || !root.Find("keys", keys) ||
      !keys.is(api::JsonKind::kArray)) {
    return "";
  }
  FieldList fields;
  fields.Add("vault", TextOf(root, "vault"));
  fields.Add("erased at", TextOf(root, "iat"));
  fields.Add("final by",
             TextOf(root, "final_by") + ", when every key below is destroyed");
  std::string subject = TextOf(root, "subject_hash");
  if (!subject.empty()) {
    std::string linker = TextOf(root, "linker");
    fields.Add("customer", "keyed hash " + subject);
    fields.Add("links of", linker.empty() ? "every caller" : linker);
    fields.Add("reported", TextOf(root, "links_reported") + " links");
  }
  fields.Add("audit entry", TextOf(root, "leaf"));
  Table links({"link", "institution", "key"});
  for (api::JsonValue key : keys.members()) {
    api::JsonValue named = key;
    if (!key.is(api::JsonKind::kObject) || !key.Find("links", named) ||
        !named.is(api::JsonKind::kArray)) {
      continue;
    }
    for (api::JsonValue link : named.members()) {
      if (!link.is(api::JsonKind::kText)) continue;
      links.Add({Printable(link.text()), TextOf(key, "institution"),
                 TextOf(key, "kek").substr(0, 12)});
    }
  }
  return fields.Text() + (links.empty() ? "" : links.Text());
}

// The key that a token's footer says it was signed with; empty when it names
// none.
std::string ClaimedKey(std::string_view token) {
  std::vector<uint8_t> footer(1024);
  auto size = crypto::PeekFooter(footer, token);
  if (!size.ok()) return "";
  auto parsed = ParseAnswer(base::AsText(base::Bytes(footer).first(*size)));
  if (!parsed.ok() || !parsed->root().is(api::JsonKind::kObject)) return "";
  const std::string kid = TextOf(parsed->root(), "kid");
  const bool formed =
      kid.size() == crypto::kPaserkIdTextBytes && kid.rfind("k4.pid.", 0) == 0;
  return formed ? kid : "";
}

Failure NotVerified(std::string_view token, const std::string& given) {
  const std::string claimed = ClaimedKey(token);
  if (!claimed.empty() && claimed != given) {
    return {Exit::kRefused,
            "cannot tell whether it is genuine: it says that it was made under "
            "key " +
                claimed + "; the key given is " + given,
            "give the evidence key that its vault published when it was made"};
  }
  return {Exit::kRefused,
          claimed.empty() ? "NOT GENUINE: it is not in the form of a "
                            "certificate"
                          : "NOT GENUINE: it says that it was made under key " +
                                given + ", and its signature does not fit",
          "it was altered or forged; ask for the one that the vault gave"};
}

}  // namespace

Exit RunAuditVerifyCertificate(const Invocation& invocation) {
  auto text = ReadTextFile(invocation.arguments[0], crypto::kPasetoTextBytesMax,
                           "certificate");
  if (!text.ok()) return invocation.Fail(text.failure());
  const std::string token = CertificateIn(*text);
  if (token.empty()) {
    return invocation.Fail(Exit::kRefused,
                           Printable(invocation.arguments[0]) +
                               " holds no line that begins v4.public.",
                           "name the file that --certificate wrote, or what "
                           "the erasing route answered");
  }
  auto key_text = EvidenceKeyText(invocation);
  if (!key_text.ok()) return invocation.Fail(key_text.failure());
  auto key = crypto::ParsePublicKey(*key_text);
  if (!key.ok() || !crypto::PublicKeyUsable(*key)) {
    return invocation.Fail(Exit::kRefused, "the evidence key is malformed",
                           "compare it with the one that was published");
  }
  std::string id(crypto::kPaserkIdTextBytes, '\0');
  crypto::FormatPublicId(id.data(), crypto::PublicId(*key));
  std::string footer = "{\"kid\":\"" + id + "\"}";
  std::vector<uint8_t> payload(crypto::kSignedBytesMax);
  auto size =
      crypto::VerifyPublic(payload, *key, token, base::AsBytes(footer), {});
  if (!size.ok()) return invocation.Fail(NotVerified(token, id));
  std::string_view claims = base::AsText(base::Bytes(payload).first(*size));
  if (invocation.json()) {
    PrintBody(invocation, claims);
    return Exit::kDone;
  }
  invocation.context.out << "Genuine: signed by " << id << "\n";
  const std::string erasure = ErasureText(claims);
  if (!erasure.empty()) {
    invocation.context.out << erasure << std::flush;
    return Exit::kDone;
  }
  return PrintFields(invocation, claims);
}

}  // namespace coffer::cli
