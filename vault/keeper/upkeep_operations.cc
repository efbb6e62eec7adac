#include "vault/keeper/upkeep_operations.h"

namespace coffer::keeper {

using wire::Rule;

void Work(Operation::Shared&, const wire::WorkItem&, AnswerWriter& answer) {
  answer.Allow(wire::kNoLeaf, wire::WorkAnswer{});
}
void Rewrap(Operation::Shared&, const wire::RewrapItem&, AnswerWriter& answer) {
  answer.Refuse(Rule::kKeyUnavailable, wire::kNoLeaf);
}
void Settle(Operation::Shared&, const wire::SettleItem&, AnswerWriter& answer) {
  answer.Refuse(Rule::kKeyUnavailable, wire::kNoLeaf);
}
void Drained(Operation::Shared&, const wire::DrainedItem&,
             AnswerWriter& answer) {
  answer.Refuse(Rule::kKeyUnavailable, wire::kNoLeaf);
}
void Adopted(Operation::Shared&, const wire::AdoptedItem&,
             AnswerWriter& answer) {
  answer.Refuse(Rule::kKeyUnavailable, wire::kNoLeaf);
}

}  // namespace coffer::keeper
