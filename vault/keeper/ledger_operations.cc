#include "vault/keeper/ledger_operations.h"

#include <algorithm>

namespace coffer::keeper {

using wire::Rule;

namespace {

// As many days as one answer has.
constexpr uint64_t kDaysBack = base::kLinkTagsMax - 1;

}  // namespace

void Tags(Operation::Shared& shared, const wire::TagsItem& item,
          AnswerWriter& answer) {
  Operation operation(shared, answer, wire::LeafKind::kLinkLedger);
  if (!operation.Enter(item.connection)) return;
  const Rule rule =
      operation.OpenOwned(wire::kRightRead, item.link, item.stored);
  const OpenedLink& opened = shared.opened;
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  // The leaf of this look-up is of today, and so its tag is given too.
  const uint64_t today = operation.leaf.time / base::kDaySeconds;
  uint64_t born = opened.metadata.created_at / base::kDaySeconds;
  // The clock was put back since: nobody knows any more on which day.
  if (born > today) born = today - std::min(today, kDaysBack);
  uint64_t day = std::max<uint64_t>(item.from_day, born);
  wire::TagsAnswer tags;
  tags.first_day = static_cast<uint32_t>(day);
  for (; day <= today && tags.tags.size < base::kLinkTagsMax; ++day) {
    tags.tags.push_back(LinkTag(opened.audit, day));
  }
  tags.more = day <= today;
  operation.Allow(tags);
}

void Leaves(Operation::Shared& shared, const wire::LeavesItem& item,
            AnswerWriter& answer) {
  if (shared.vault.state() != wire::VaultState::kOperational) {
    return answer.Refuse(Rule::kSealed, wire::kNoLeaf);
  }
  wire::LeavesAnswer leaves;
  if (!shared.vault.ReadLeaves(item.from, leaves).ok()) {
    return answer.Refuse(Rule::kRecordDamaged, wire::kNoLeaf);
  }
  answer.Allow(wire::kNoLeaf, leaves);
}

}  // namespace coffer::keeper
