// The gate's operations on links: create, read, replace. Runs in the keeper;
// each checks right, record, owner and floors in that order, and leaves one
// leaf.
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

// What is sealed anew of an opened link, unless the operation changes it.
LinkToSeal Reseal(const Operation& operation, const LinkMetadata& metadata);
template <typename Record>
Record RecordOf(const LinkToSeal& link, const SealedLink& sealed) {
  Record record;
  record.link = link.link;
  record.revision = link.revision;
  record.stored = sealed.stored;
  return record;
}

}  // namespace coffer::keeper
