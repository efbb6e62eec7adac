// The gate's kills: revoking a consent, erasing a link or subject. Runs in the
// keeper; the floor is the kill, durable before its answer. Each checks right,
// record and owner in that order, and leaves one leaf.
#pragma once

#include "vault/keeper/operation.h"

namespace coffer::keeper {

using Shared = Operation::Shared;

void RevokeConsent(Shared& shared, const wire::RevokeConsentItem& item,
                   AnswerWriter& answer);
// Seals the opened link as ended, without a bank token, raises its floor and
// answers with the new record.
void SealEnded(Operation& operation, wire::ConsentStatus status,
               wire::RevocationReason reason);
void EraseLink(Shared& shared, const wire::EraseLinkItem& item,
               AnswerWriter& answer);
void EraseSubject(Shared& shared, const wire::EraseSubjectItem& item,
                  AnswerWriter& answer);

}  // namespace coffer::keeper
