// What ends with its time, and what is kept of it: burying a record whose
// consent is past its date or that was erased, and telling a past consent
// (wire/customer.h). Runs in the keeper. Refuses to end what has not ended, by
// the dates that it sealed itself.
#pragma once

#include "vault/keeper/decision.h"
#include "vault/keeper/operation.h"

namespace coffer::keeper {

// What is kept of the opened link's consent, in `out`; empty where policy keeps
// none. `replaced`: a new one takes its place now; otherwise it ends with the
// link.
Bytes KeepConsent(const Operation& operation, bool replaced,
                  uint8_t (&out)[base::kHistoryBytesMax]);

void Bury(Operation::Shared& shared, const wire::BuryItem& item,
          AnswerWriter& answer);
void History(Operation::Shared& shared, const wire::HistoryItem& item,
             AnswerWriter& answer);

}  // namespace coffer::keeper
