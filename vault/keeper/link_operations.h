// The gate's operations on links: create, read, replace, revoke, erase. Runs in
// the keeper; each checks right, record, owner and floors in that order, and
// leaves one leaf.
#pragma once

#include "vault/keeper/operation.h"

namespace coffer::keeper {

using Shared = Operation::Shared;

void Hash(Shared& shared, const wire::HashItem& item, AnswerWriter& answer);
void Create(Shared& shared, const wire::CreateItem& item, AnswerWriter& answer);
void Read(Shared& shared, const wire::ReadItem& item, AnswerWriter& answer);
void ReplaceBankToken(Shared& shared, const wire::ReplaceBankTokenItem& item,
                      AnswerWriter& answer);
void ReplaceConsent(Shared& shared, const wire::ReplaceConsentItem& item,
                    AnswerWriter& answer);
void Committed(Shared& shared, const wire::CommitItem& item,
               AnswerWriter& answer);
void NotCommitted(Shared& shared, const wire::CommitItem& item,
                  AnswerWriter& answer);
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
