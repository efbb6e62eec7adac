// What an operation that awaits approval does, in words, for its statement and
// for lists. Runs in the keeper. Writes our own words, numbers, hex, and names
// of the policy, never another byte that a peer sent.
#pragma once

#include "vault/keeper/text_writer.h"
#include "vault/keeper/vault.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

// A purpose that is prohibited in `old` and not in `next`: lifted.
bool LiftsProhibition(const wire::Policy& old, const wire::Policy& next);

// At most 128 characters: "institution withdraw citi key version 2". `next` is
// the policy that a kPolicyLoad brings; of other operations it is not read.
void DescribeOperation(TextWriter& out, const Vault& vault, wire::OperatorOp op,
                       Bytes body, const wire::Policy& next);
// Lines that only some have. Of a kPolicyLoad: the policy's digest, as status
// shows it, a wait before destruction that becomes shorter, and the rule where
// it changes. Of a kRestore: the backup's digest.
void DescribeMore(TextWriter& out, const Vault& vault, wire::OperatorOp op,
                  Bytes body, const wire::Policy& next);

}  // namespace coffer::keeper
