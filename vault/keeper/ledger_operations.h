// What answers "who used it, when, for what": a link's names in the audit
// leaves, and the leaves themselves, in order. Runs in the keeper's main
// thread. Refuses the names to who may not read the link.
#pragma once

#include "vault/keeper/operation.h"

namespace coffer::keeper {

void Tags(Operation::Shared& shared, const wire::TagsItem& item,
          AnswerWriter& answer);
void Leaves(Operation::Shared& shared, const wire::LeavesItem& item,
            AnswerWriter& answer);

}  // namespace coffer::keeper
