#include "cli/sealing.h"

#include <sys/stat.h>

#include "cli/commands/commands.h"
#include "cli/secret_input.h"
#include "cli/text.h"
#include "crypto/paseto.h"
#include "vault/wire/transit.h"

namespace coffer::cli {
namespace {

using base::SecretBuffer;

std::string KidOf(const crypto::PublicKey& key) {
  std::string kid(crypto::kPaserkIdTextBytes, '\0');
  crypto::FormatPublicId(kid.data(), crypto::PublicId(key));
  return kid;
}

Outcome<std::unique_ptr<base::SecretArena>> Arena() {
  auto arena = base::SecretArena::Create(4);
  if (!arena.ok()) {
    return Failure{Exit::kRefused, std::string(arena.error().message), ""};
  }
  return std::move(arena).value();
}

// The secret key of a file that `coffer keypair` made.
Done ReadSecretKey(const Invocation& invocation, const std::string& path,
                   crypto::SigningKey& key) {
  struct stat about {};
  if (path != "-" && stat(path.c_str(), &about) == 0 &&
      S_ISREG(about.st_mode) && (about.st_mode & 077) != 0) {
    return Failure{Exit::kRefused,
                   "secret key " + Printable(path) + " is open to other users",
                   "chmod 600 it, and think who may have read it"};
  }
  auto text = ReadSecret(invocation, path, "secret key",
                         crypto::kPaserkSecretTextBytes);
  if (!text.ok()) return text.failure();
  if (!crypto::ParseSecretKey(key, base::AsText(text->view())).ok()) {
    return Failure{Exit::kRefused, Printable(path) + " holds no k4.secret key",
                   "coffer keypair --out FILE makes one"};
  }
  return base::Nothing{};
}

// The operator socket's word; empty where it gives none.
std::string KidOfOperator(const Invocation& invocation) {
  auto client = ConnectOperator(invocation);
  if (!client.ok()) return "";
  auto status = AskStatus(*client);
  return status.ok() ? std::string(status->status.ingest_kid) : "";
}

}  // namespace

AskedKeys AskKeys(const Invocation& invocation) {
  AskedKeys asked;
  HttpRequest request;
  request.target = "/v1/keys";
  CallerAnswer answer = CallVault(invocation, request);
  asked.exit = answer.exit;
  if (!answer.ok()) return asked;
  auto parsed = ParseAnswer(answer.answer.text());
  bool good = parsed.ok() && parsed->root().is(api::JsonKind::kObject);
  if (good) {
    api::JsonValue ingest = parsed->root();
    good = parsed->root().Find("ingest", ingest) &&
           ingest.is(api::JsonKind::kObject);
    asked.keys.caller = TextOf(parsed->root(), "caller");
    asked.keys.vault = TextOf(parsed->root(), "vault");
    auto key = crypto::ParsePublicKey(good ? TextOf(ingest, "public_key") : "");
    good = good && key.ok() && crypto::PublicKeyUsable(*key);
    if (good) asked.keys.ingest = *key;
  }
  if (!good || !wire::IsName(asked.keys.caller)) {
    asked.exit = invocation.Fail(
        Exit::kRefused, "the vault's list of keys holds no ingest key",
        "use the coffer of the same version as cofferd");
  }
  return asked;
}

Done CheckIngestKey(const Invocation& invocation, const VaultKeys& keys) {
  std::string pinned = invocation.Get("ingest-kid");
  const char* set = invocation.context.environment("COFFER_INGEST_KID");
  if (pinned.empty() && set != nullptr) pinned = set;
  if (pinned.empty()) pinned = KidOfOperator(invocation);
  if (pinned.empty()) {
    invocation.context.err
        << Wrap(
               "coffer: the ingest key is not pinned; went on with the one "
               "that the gate names. Whoever runs the gate could have named "
               "another: give --ingest-kid or COFFER_INGEST_KID; coffer "
               "status shows it to an operator",
               2)
        << "\n"
        << std::flush;
    return base::Nothing{};
  }
  if (pinned == KidOf(keys.ingest)) return base::Nothing{};
  return Failure{Exit::kRefused,
                 "the vault names another ingest key than the one pinned",
                 "ask an operator for the ingest kid of coffer status; nothing "
                 "was sent"};
}

Outcome<std::string> SealBankToken(const Invocation& invocation,
                                   const VaultKeys& keys, base::Bytes token,
                                   base::Bytes assertion) {
  auto arena = Arena();
  if (!arena.ok()) return arena.failure();
  crypto::LocalTokenKey once(**arena);
  crypto::RandomKey(once);
  wire::TransitFooter footer;
  footer.issued_at = invocation.context.clock.WallSeconds();
  footer.kid = crypto::PublicId(keys.ingest);
  if (!crypto::SealKey(footer.wpk, once, keys.ingest).ok()) {
    return Failure{Exit::kRefused, "the ingest key cannot be sealed to", ""};
  }
  char text[wire::kTransitFooterBytes];
  wire::FormatTransitFooter(text, footer);
  std::string sealed(crypto::LocalTokenSize(token.size(), sizeof text), '\0');
  auto size = crypto::EncodeLocal(
      {reinterpret_cast<uint8_t*>(sealed.data()), sealed.size()}, once, token,
      base::AsBytes({text, sizeof text}), assertion);
  COFFER_CHECK(size.ok() && *size == sealed.size());
  return sealed;
}

Outcome<UnsealKey> UnsealKey::Read(const Invocation& invocation,
                                   const std::string& path) {
  auto arena = Arena();
  if (!arena.ok()) return arena.failure();
  UnsealKey unseal;
  unseal.arena_ = std::move(*arena);
  unseal.key_ = std::make_unique<crypto::SigningKey>(*unseal.arena_);
  Done read = ReadSecretKey(invocation, path, *unseal.key_);
  if (!read.ok()) return read.failure();
  return unseal;
}

Outcome<SecretBuffer> UnsealKey::Open(std::string_view sealed,
                                      std::string_view access_token) const {
  const Failure other{Exit::kRefused,
                      "the sealed bank token does not open with this key",
                      "give the key whose public half is seal_to in policy"};
  uint8_t text[wire::kTransitFooterBytes];
  auto size = crypto::PeekFooter(text, sealed);
  if (!size.ok()) return other;
  auto footer = wire::ParseTransitFooter(base::AsText({text, *size}));
  crypto::LocalTokenKey once(*arena_);
  SecretBuffer token(base::kBankTokenBytesMax);
  if (!footer.ok() ||
      footer->kid != crypto::PublicId(crypto::PublicKeyOf(*key_)) ||
      !crypto::UnsealKey(once, footer->wpk, *key_).ok()) {
    return other;
  }
  auto opened = crypto::DecodeLocal(token.whole(), once, sealed, text,
                                    base::AsBytes(access_token));
  if (!opened.ok()) return other;
  token.Resize(*opened);
  return token;
}

Outcome<std::string> SignConsent(const Invocation& invocation,
                                 const std::string& path, const VaultKeys& keys,
                                 wire::ConsentStatement statement) {
  auto arena = Arena();
  if (!arena.ok()) return arena.failure();
  crypto::SigningKey key(**arena);
  Done read = ReadSecretKey(invocation, path, key);
  if (!read.ok()) return read.failure();
  statement.caller = keys.caller;
  statement.issued_at = invocation.context.clock.WallSeconds();
  char text[wire::kConsentStatementBytesMax];
  const size_t size = wire::RenderStatement(text, statement).size;
  std::string token(crypto::PublicTokenSize(size, 0), '\0');
  auto encoded = crypto::SignPublic(
      {reinterpret_cast<uint8_t*>(token.data()), token.size()}, key,
      base::AsBytes({text, size}), {}, base::AsBytes(keys.vault));
  COFFER_CHECK(encoded.ok() && *encoded == token.size());
  return token;
}

}  // namespace coffer::cli
