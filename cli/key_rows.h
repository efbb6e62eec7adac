// The keyring as the keeper lists it, all pages of it. Runs in the CLI only.
#pragma once

#include <vector>

#include "cli/operator_client.h"
#include "vault/wire/operator_keys.h"

namespace coffer::cli {

// Value: rows hold views into `answers`.
struct KeyRows {
  std::vector<OperatorAnswer> answers;
  std::vector<wire::KeyRow> rows;
  uint64_t now = 0;
};
Outcome<KeyRows> AskKeys(OperatorClient& client);

struct InstitutionRows {
  std::vector<OperatorAnswer> answers;
  std::vector<wire::InstitutionRow> rows;
};
Outcome<InstitutionRows> AskInstitutions(OperatorClient& client);

// The key that `text` names: at least 6 hex digits of its id, as `key list`
// prints it, or a k4.lid. or k4.pid. text. Refuses what fits several keys.
Outcome<wire::KeyRow> FindKey(const KeyRows& keys, std::string_view text);

// The first digits of an id, as tables show it.
std::string ShortId(const wire::KeyId& id);
// "kek citi 2", "token 1".
std::string KeyName(const wire::KeyRow& row);

}  // namespace coffer::cli
