#include "vault/keeper/spent_tokens.h"

namespace coffer::keeper {

bool SpentTokens::HasRoom(uint16_t caller, uint64_t now) {
  COFFER_CHECK(caller < base::kCallersMax);
  auto full = [&] {
    return table_.size() == base::kSpentTokensMax ||
           of_caller_[caller] == base::kSpentTokensPerCallerMax;
  };
  // Times are whole seconds: a second pass within one finds nothing new.
  if (full() && now > reclaimed_at_) Reclaim(now);
  return !full();
}

base::Status SpentTokens::Add(const TokenId& jti, uint64_t expires_at,
                              uint16_t caller, uint64_t now) {
  if (Contains(jti)) {
    return base::Fail(base::Code::kConflict, "the token is spent");
  }
  if (!HasRoom(caller, now)) {
    return base::Fail(base::Code::kFull, "no room for another spent token");
  }
  COFFER_CHECK(table_.Insert({jti, expires_at, caller}));
  ++of_caller_[caller];
  return {};
}

void SpentTokens::Reclaim(uint64_t now) {
  reclaimed_at_ = now;
  table_.RemoveIf([&](const Entry& entry) {
    if (entry.expires_at > now) return false;
    --of_caller_[entry.caller];
    return true;
  });
}

void SpentTokens::Clear() {
  table_.Clear();
  for (uint32_t& count : of_caller_) count = 0;
  reclaimed_at_ = 0;
}

}  // namespace coffer::keeper
