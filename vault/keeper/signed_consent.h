// The signature over what a linker does to a customer's consent, where policy
// has its `consent_key`: verified over the fields that the gate gave, rendered
// anew (vault/wire/signed_consent.h). Runs in the keeper. Refuses what is not
// signed, signed for another request, another vault or by another key, not
// fresh or used; and a signature where nobody would check it.
#pragma once

#include "vault/keeper/operation.h"
#include "vault/wire/signed_consent.h"

namespace coffer::keeper {

class SignedConsent {
 public:
  // Last of all checks; `statement` without caller and issued_at. kAllowed,
  // kMalformedRequest (the asker has no consent_key), kConsentNotSigned,
  // kConsentNotAuthentic, kConsentSignatureStale, kClock, kSpentTokensFull.
  wire::Rule Verify(Operation& operation, wire::ConsentStatement statement,
                    std::string_view token, bool kill = false);
  // Once the operation succeeds: it was good once.
  void Use(Vault& vault) const;

 private:
  bool signed_ = false;
  FreshOnce::Item item_{};
};

}  // namespace coffer::keeper
