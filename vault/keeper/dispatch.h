// One batch from the gate: decode every item of the closed list, carry it out,
// write the answers. Runs in the keeper's main thread. Refuses, and so ends the
// keeper, whatever vault/wire/message.h does not allow.
#pragma once

#include "vault/keeper/operation.h"

namespace coffer::keeper {

// `body` is a batch after its `bytes` field; `out` holds kAnswerBatchBytesMax
// and gets the whole answers frame. kInvalid: the gate broke the protocol (an
// earlier sequence, an unknown or malformed item, trailing bytes).
base::Result<size_t> DispatchBatch(Operation::Shared& shared,
                                   uint64_t expected_sequence, Bytes body,
                                   base::MutableBytes out);

}  // namespace coffer::keeper
