// What the policy in force says to a wish, consent aside: for an operator who
// asks why. Runs in the keeper. Pure, over the same decisions as callers meet.
#pragma once

#include "vault/keeper/decision.h"
#include "vault/wire/operator_message.h"

namespace coffer::keeper {

// Names in the answer are views into the policy.
wire::ExplainAnswer Explain(const wire::Policy& policy,
                            const wire::ExplainQuestion& question);

}  // namespace coffer::keeper
