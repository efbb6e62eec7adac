// Bank tokens sealed on their way in and out, so that the gate carries them
// without seeing them. Runs in the keeper.
//
//   a v4.local token under a one-time key
//   payload := the bank token's bytes
//   footer and implicit assertion: vault/wire/transit.h
//
// Refuses uploads that are not of this form to the byte, to another key, for
// another request, not fresh, or used.
#pragma once

#include "vault/keeper/vault.h"
#include "vault/wire/transit.h"

namespace coffer::keeper {

// A bank token as an item brings it, sealed or not; wiped at its end.
class Upload {
 public:
  Upload() = default;
  ~Upload() { base::Wipe({room_, size_}); }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Last of all checks. kAllowed, kMalformedRequest (no bank token is in it),
  // and of a sealed one: kUploadNotAuthentic, kUploadStale, kClock,
  // kSpentTokensFull.
  wire::Rule Open(Vault& vault, Bytes bank_token, bool sealed, Bytes assertion);
  Bytes bank_token() const { return bank_token_; }
  // Once the operation succeeds: it was good once.
  void Use(Vault& vault) const;

 private:
  Bytes bank_token_;
  bool sealed_ = false;
  FreshOnce::Item item_{};
  size_t size_ = 0;
  uint8_t room_[base::kBankTokenBytesMax];
};

// Seals a bank token to `to`, which PublicKeyUsable accepts; returns the size.
// `out` holds kSealedBankTokenBytesMax.
size_t SealForRedeem(Vault& vault, base::MutableBytes out, Bytes bank_token,
                     const crypto::PublicKey& to,
                     std::string_view access_token);

// kMalformedRequest for other text than UTF-8.
wire::Rule CheckBankToken(Bytes bank_token);

}  // namespace coffer::keeper
