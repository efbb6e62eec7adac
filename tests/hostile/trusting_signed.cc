// Before the keeper's own, in one program that only a test starts: a keeper
// that trusts the gate to check what was signed. The hostile gate has to catch
// it.
#include "vault/keeper/signed_consent.h"

namespace coffer::keeper {

wire::Rule SignedConsent::Verify(Operation&, wire::ConsentStatement,
                                 std::string_view, bool) {
  signed_ = false;
  return wire::Rule::kAllowed;
}

}  // namespace coffer::keeper
