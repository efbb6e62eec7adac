// The callers behind the hostile gate, who are honest: they seal what they
// upload, open what is sealed to them, and keep their own keys. For tests only.
#pragma once

#include <memory>
#include <string>

#include "crypto/paserk.h"
#include "tests/hostile/hostile_rules.h"
#include "vault/wire/message.h"
#include "vault/wire/signed_consent.h"

namespace coffer::hostile {

class Callers {
 public:
  Callers();

  // The public half of the connector's key that has `seal_to`.
  wire::ByteArray<32> reader() const { return crypto::PublicKeyOf(reader_); }
  CallerKeys keys() const { return {reader(), crypto::PublicKeyOf(signer_)}; }
  void VaultIs(const wire::ByteArray<16>& id) { vault_ = id; }
  // The v4.public token over what a linker with a `consent_key` wants.
  std::string Sign(const wire::ConsentStatement& statement);
  void IngestIs(const wire::PublicKeyRow& row);

  // The v4.local token around a bank token; empty before there is a key.
  std::string Seal(const std::string& bank_token, base::Bytes assertion,
                   uint64_t now);
  // What is sealed to the reader; empty when it does not open.
  std::string Open(std::string_view sealed, std::string_view access_token);

 private:
  std::unique_ptr<base::SecretArena> arena_;
  crypto::SigningKey reader_, signer_;
  wire::ByteArray<16> vault_{};
  bool has_ingest_ = false;
  crypto::PublicKey ingest_{};
};

}  // namespace coffer::hostile
