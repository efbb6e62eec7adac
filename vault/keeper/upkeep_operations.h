// The store's upkeep, as the gate asks for it (wire/upkeep.h). Runs in the
// keeper's main thread. Refuses to carry over what a floor or a key's state has
// ended.
#pragma once

#include "vault/keeper/operation.h"

namespace coffer::keeper {

void Work(Operation::Shared& shared, const wire::WorkItem& item,
          AnswerWriter& answer);
void Rewrap(Operation::Shared& shared, const wire::RewrapItem& item,
            AnswerWriter& answer);
void Settle(Operation::Shared& shared, const wire::SettleItem& item,
            AnswerWriter& answer);
void Drained(Operation::Shared& shared, const wire::DrainedItem& item,
             AnswerWriter& answer);
void Adopted(Operation::Shared& shared, const wire::AdoptedItem& item,
             AnswerWriter& answer);

}  // namespace coffer::keeper
