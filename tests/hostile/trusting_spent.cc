// Before the keeper's own, in one program that only a test starts: a keeper
// that trusts the gate to show no spent or revoked token again. The hostile
// gate has to catch it.
#include "vault/keeper/spent_tokens.h"

namespace coffer::keeper {

base::Status SpentTokens::Add(const TokenId&, uint64_t, uint16_t, uint64_t) {
  return {};
}

}  // namespace coffer::keeper
