// What `coffer` seals and signs as a caller, and opens as one: bank tokens to
// the vault's ingest key, requests under a consent key, sealed answers. Runs in
// the CLI only. Refuses an ingest key that is not the one that is pinned, and
// warns where none is.
#pragma once

#include <memory>

#include "cli/context.h"
#include "crypto/paserk.h"
#include "vault/wire/signed_consent.h"

namespace coffer::cli {

// GET /v1/keys, as far as it is needed here.
struct VaultKeys {
  std::string caller;
  std::string vault;
  crypto::PublicKey ingest{};
};
// A refusal is printed, and is `exit`.
struct AskedKeys {
  Exit exit = Exit::kRefused;
  VaultKeys keys;
  bool ok() const { return exit == Exit::kDone; }
};
AskedKeys AskKeys(const Invocation& invocation);

// Whether `keys.ingest` is the key that --ingest-kid, COFFER_INGEST_KID or the
// operator socket names, the first of these that says so.
Done CheckIngestKey(const Invocation& invocation, const VaultKeys& keys);

// A v4.local token as vault/wire/transit.h says.
Outcome<std::string> SealBankToken(const Invocation& invocation,
                                   const VaultKeys& keys, base::Bytes token,
                                   base::Bytes assertion);
// Resource: the secret half of seal_to. Read before the request whose answer
// it opens: a redemption cannot be had twice.
class UnsealKey {
 public:
  // Of a file as `coffer keypair` makes it.
  static Outcome<UnsealKey> Read(const Invocation& invocation,
                                 const std::string& path);
  Outcome<base::SecretBuffer> Open(std::string_view sealed,
                                   std::string_view access_token) const;

 private:
  std::unique_ptr<base::SecretArena> arena_;
  std::unique_ptr<crypto::SigningKey> key_;
};

// The value of Signed-Consent; `statement` without caller and issued_at.
Outcome<std::string> SignConsent(const Invocation& invocation,
                                 const std::string& path, const VaultKeys& keys,
                                 wire::ConsentStatement statement);

}  // namespace coffer::cli
