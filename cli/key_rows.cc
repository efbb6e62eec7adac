#include "cli/key_rows.h"

#include <algorithm>

#include "cli/text.h"

namespace coffer::cli {
namespace {

constexpr size_t kPrefixMin = 6;
// No keyring has more pages than keys; a keeper that never ends is left.
constexpr size_t kPagesMax = base::kKeysMax;

template <typename Answer, typename Rows>
Outcome<Rows> AskPages(OperatorClient& client, wire::OperatorOp op) {
  Rows rows;
  wire::KeyListQuestion question;
  for (size_t page = 0; page < kPagesMax; ++page) {
    auto answer = client.Ask(op, question);
    if (!answer.ok()) return answer.failure();
    auto list = answer->template As<Answer>();
    if (!list.ok()) return list.failure();
    for (const auto& row : list->rows) rows.rows.push_back(row);
    if constexpr (requires { list->now; }) rows.now = list->now;
    rows.answers.push_back(std::move(*answer));
    if (list->next == 0) return rows;
    question.from = list->next;
  }
  return Failure{Exit::kRefused, "the keeper's list has no end",
                 "use the coffer of the same version as cofferd"};
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool Fits(const wire::KeyId& id, std::string_view text) {
  std::string whole = IsHex(text) ? base::EncodeHex(id) : "";
  if (text.substr(0, 7) == "k4.lid." || text.substr(0, 7) == "k4.pid.") {
    // 16 of the 33 bytes are known: 21 characters.
    whole = base::EncodeBase64Url(id).substr(0, 21);
    text = text.substr(7, whole.size());
  }
  return text.size() >= kPrefixMin && text.size() <= whole.size() &&
         whole.compare(0, text.size(), text) == 0;
}

}  // namespace

Outcome<KeyRows> AskKeys(OperatorClient& client) {
  return AskPages<wire::KeyListAnswer, KeyRows>(client,
                                                wire::OperatorOp::kKeyList);
}

Outcome<InstitutionRows> AskInstitutions(OperatorClient& client) {
  return AskPages<wire::InstitutionListAnswer, InstitutionRows>(
      client, wire::OperatorOp::kInstitutionList);
}

Outcome<wire::KeyRow> FindKey(const KeyRows& keys, std::string_view text) {
  std::vector<wire::KeyRow> found;
  for (const wire::KeyRow& row : keys.rows) {
    if (Fits(row.id, text)) found.push_back(row);
  }
  if (found.size() == 1) return found.front();
  if (text.size() < kPrefixMin) {
    return Failure{Exit::kUsage, "a key's ID has at least 6 hex digits",
                   "run coffer key list"};
  }
  return Failure{Exit::kRefused,
                 found.empty() ? "no key has this ID" : "several keys fit",
                 found.empty() ? "run coffer key list" : "give more digits"};
}

std::string ShortId(const wire::KeyId& id) {
  return base::EncodeHex(id).substr(0, 12);
}

std::string KeyName(const wire::KeyRow& row) {
  std::string name(wire::KeyUseText(row.use));
  if (name.empty()) name = "?";
  if (!row.institution.empty()) name += " " + Printable(row.institution);
  return name + " " + std::to_string(row.version);
}

}  // namespace coffer::cli
