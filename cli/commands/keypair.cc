// keypair: the key that a caller signs consents with, or has its bank tokens
// sealed to.
#include "cli/commands/commands.h"
#include "cli/text.h"
#include "crypto/paserk.h"

namespace coffer::cli {

Exit RunKeypair(const Invocation& invocation) {
  auto arena = base::SecretArena::Create(2);
  if (!arena.ok()) {
    return invocation.Fail(Exit::kRefused, std::string(arena.error().message));
  }
  crypto::SigningKey key(**arena);
  crypto::GenerateSigningKey(key);
  base::SecretBuffer text(crypto::kPaserkSecretTextBytes + 1);
  text.Resize(text.capacity());
  crypto::FormatSecretKey(
      text.mutable_view().first(crypto::kPaserkSecretTextBytes), key);
  text.mutable_view()[crypto::kPaserkSecretTextBytes] = '\n';
  Done written = WriteNewFile(invocation.Get("out"), base::AsText(text.view()));
  if (!written.ok()) return invocation.Fail(written.failure());
  std::string shown(crypto::kPaserkPublicTextBytes, '\0');
  crypto::FormatPublicKey(shown.data(), crypto::PublicKeyOf(key));
  if (invocation.json()) {
    api::TextBuilder out;
    api::JsonWriter(out).BeginObject().Text("public_key", shown).EndObject();
    PrintBody(invocation, out.view());
  } else {
    invocation.context.out << shown << "\n" << std::flush;
  }
  return Exit::kDone;
}

}  // namespace coffer::cli
