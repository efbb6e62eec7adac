// What is kept of a consent that was: sealed under the keyring's history key,
// without a bank token, so that it outlives the link's own keys and says for as
// long as policy keeps it what the customer had opted into. Runs in the keeper.
// Refuses bytes that it did not seal, and a row under other names or dates.
//
//   history := wire::HistoryRow; its box is over
//              institution text | linker text | consent | granted_at u64
//              | ended_at u64 | ending u8 | reason u8
//   associated data: "coffer consent history" text | format u8 | subject 16
//                    | link 16 | leaf u64 | keep_until u64
#pragma once

#include "vault/keeper/sealed_link.h"

namespace coffer::keeper {

struct ConsentEnd {
  wire::ConsentEnding ending = wire::ConsentEnding::kReplaced;
  uint64_t at = 0;
};

// The opened link's consent as it ended, encoded into `out`.
Bytes SealHistory(const Keyring& keyring, const OpenedLink& opened,
                  const ConsentEnd& end, uint64_t keep_until,
                  uint8_t (&out)[base::kHistoryBytesMax]);

// Views into `row` and `plaintext`. kRecordDamaged.
wire::Rule OpenHistory(const Keyring& keyring, Bytes row,
                       uint8_t (&plaintext)[base::kHistoryBytesMax],
                       wire::PastConsent& out);

}  // namespace coffer::keeper
