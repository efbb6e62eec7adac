// The gate's operations on access tokens: issue, locate, redeem, introspect,
// revoke, keys. Runs in the keeper. Redeem and introspect decide everything
// anew; whatever is wrong with a token is one answer to the caller and the true
// rule in the leaf.
#pragma once

#include "vault/keeper/operation.h"

namespace coffer::keeper {

using Shared = Operation::Shared;

void Issue(Shared& shared, const wire::IssueItem& item, AnswerWriter& answer);
void Locate(Shared& shared, const wire::LocateItem& item, AnswerWriter& answer);
void Redeem(Shared& shared, const wire::RedeemItem& item, AnswerWriter& answer);
void Introspect(Shared& shared, const wire::IntrospectItem& item,
                AnswerWriter& answer);
void RevokeToken(Shared& shared, const wire::RevokeTokenItem& item,
                 AnswerWriter& answer);
void Keys(Shared& shared, const wire::KeysItem& item, AnswerWriter& answer);

}  // namespace coffer::keeper
