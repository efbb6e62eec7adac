// Single tokens that are spent or revoked, by their jti, until they expire.
// Runs in the keeper, in memory only: an unseal voids every earlier token.
// Refuses more than a caller's share, so that one cannot crowd out the others.
#pragma once

#include "crypto/base/limits.h"
#include "crypto/base/result.h"
#include "vault/keeper/state_table.h"

namespace coffer::keeper {

using TokenId = base::ByteArray<16>;  // jti

// Resource: about 1.3 MiB, made by the constructor.
class SpentTokens {
 public:
  // Remembers the token until `expires_at`. `caller`: its place in the policy,
  // below kCallersMax. kConflict when it is spent already; kFull when the
  // table, or the caller's share of it, holds nothing that is expired at
  // `now`. Times are seconds; `now` never falls.
  base::Status Add(const TokenId& jti, uint64_t expires_at, uint16_t caller,
                   uint64_t now);
  bool Contains(const TokenId& jti) const {
    return table_.Find(jti) != nullptr;
  }
  // Whether Add of a new token would succeed; reclaims as Add does.
  bool HasRoom(uint16_t caller, uint64_t now);
  size_t size() const { return table_.size(); }
  void Clear();

 private:
  struct Entry {
    TokenId key;
    uint64_t expires_at;
    uint16_t caller;
  };
  void Reclaim(uint64_t now);

  StateTable<Entry, base::kSpentTokensMax> table_;
  uint32_t of_caller_[base::kCallersMax]{};
  uint64_t reclaimed_at_ = 0;
};

}  // namespace coffer::keeper
