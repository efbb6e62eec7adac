#include "cli/link_judge.h"

#include "cli/text.h"

namespace coffer::cli {
namespace {

struct FateRow {
  std::string_view text;
  std::string_view key;
};
constexpr FateRow kRows[kLinkFates] = {
    {"open", "opens"},
    {"revoked: metadata only", "revoked"},
    {"used up: metadata only", "used"},
    {"expired", "expired"},
    {"erased", "erased"},
    {"replaced since", "replaced"},
    {"under a destroyed key", "key_destroyed"},
    {"under a key this vault lacks", "key_unknown"},
    {"DAMAGED", "damaged"},
    {"refused for another reason", "other"},
};

}  // namespace

LinkFate FateOf(wire::Rule rule) {
  switch (rule) {
    case wire::Rule::kAllowed:
      return LinkFate::kOpens;
    case wire::Rule::kConsentRevoked:
      return LinkFate::kRevoked;
    case wire::Rule::kConsentUsed:
      return LinkFate::kUsed;
    case wire::Rule::kConsentExpired:
      return LinkFate::kExpired;
    case wire::Rule::kLinkErased:
      return LinkFate::kErased;
    case wire::Rule::kRecordStale:
      return LinkFate::kReplaced;
    case wire::Rule::kKeyDestroyed:
    case wire::Rule::kInstitutionWithdrawn:
      return LinkFate::kDestroyed;
    case wire::Rule::kKeyUnavailable:
      return LinkFate::kUnknownKey;
    case wire::Rule::kRecordDamaged:
      return LinkFate::kDamaged;
    default:
      return LinkFate::kOther;
  }
}

std::string_view FateText(LinkFate fate) {
  return kRows[static_cast<size_t>(fate)].text;
}
std::string_view FateKey(LinkFate fate) {
  return kRows[static_cast<size_t>(fate)].key;
}

uint64_t LinkFates::all() const {
  uint64_t sum = 0;
  for (uint64_t count : counts_) sum += count;
  return sum;
}
uint64_t LinkFates::dead() const {
  return all() - of(LinkFate::kOpens) - of(LinkFate::kRevoked) -
         of(LinkFate::kUsed) - of(LinkFate::kExpired);
}
uint64_t LinkFates::bad() const {
  return of(LinkFate::kDamaged) + of(LinkFate::kUnknownKey) +
         of(LinkFate::kOther);
}

std::string LinkFates::Text() const {
  FieldList fields;
  for (size_t i = 0; i < kLinkFates; ++i) {
    if (counts_[i] == 0 && i != 0) continue;
    fields.Add("  " + Grouped(counts_[i]), std::string(kRows[i].text));
  }
  return fields.Text();
}

void LinkFates::Write(api::JsonWriter& json) const {
  for (size_t i = 0; i < kLinkFates; ++i) json.Number(kRows[i].key, counts_[i]);
}

Outcome<wire::JudgeAnswer> JudgeLinks(OperatorClient& client,
                                      const wire::JudgeQuestion& links) {
  auto answer = client.Ask(wire::OperatorOp::kJudgeLinks, links);
  if (!answer.ok()) return answer.failure();
  auto judged = answer->As<wire::JudgeAnswer>();
  if (!judged.ok()) return judged.failure();
  if (judged->rules.size != links.links.size) {
    return Failure{Exit::kRefused, "the keeper's answer is malformed",
                   "use the coffer of the same version as cofferd"};
  }
  return *judged;
}

}  // namespace coffer::cli
