// The fake keeper's audit leaves.
#include <gtest/gtest.h>

#include "tests/gate/fake_keeper.h"

namespace coffer::gate {

using wire::Op;
using wire::Rule;

uint64_t FakeKeeper::AddLeaf(wire::Leaf leaf) {
  leaf.index = next_leaf_++;
  std::vector<uint8_t> bytes(base::kLeafBytesMax);
  bytes.resize(*base::EncodeWhole(base::MutableBytes(bytes), leaf));
  journal[leaf.index] = bytes;
  return leaf.index;
}

void FakeKeeper::ForgetLeavesFrom(uint64_t index) {
  journal.erase(journal.lower_bound(index), journal.end());
  next_leaf_ = index;
}

void FakeKeeper::Reply(Op op, const wire::LeavesItem& item,
                       base::Encoder& out) {
  ++leaves_asked;
  walk_ = item.from == wire::kNoLeaf ? walk_ : item.from;
  walk_ = std::max(walk_, journal_from);
  std::vector<std::vector<uint8_t>> given;
  for (; walk_ < next_leaf_ && given.size() < base::kLeavesMax; ++walk_) {
    auto found = journal.find(walk_);
    if (found != journal.end()) {
      given.push_back(found->second);
      continue;
    }
    wire::Leaf other;
    other.kind = wire::LeafKind::kSubjectList;
    other.index = walk_;
    given.emplace_back(base::kLeafBytesMax);
    given.back().resize(
        *base::EncodeWhole(base::MutableBytes(given.back()), other));
  }
  wire::LeavesAnswer answer;
  answer.next = next_leaf_;
  for (const auto& leaf : given) answer.leaves.push_back({leaf});
  out.Struct(wire::AnswerHeader{op, Rule::kAllowed, wire::kNoLeaf});
  out.Struct(answer);
}

void FakeKeeper::Reply(Op op, const wire::TagsItem& item, base::Encoder& out) {
  if (Refused(out, op)) return;
  auto found = tags.find(item.link);
  if (found == tags.end()) {
    out.Struct(
        wire::AnswerHeader{op, Rule::kLinkOfAnotherLinker, next_leaf_++});
    return;
  }
  // Two days an answer, so that most links need several.
  const wire::TagsAnswer& all = found->second;
  wire::TagsAnswer answer;
  uint32_t day = std::max(item.from_day, all.first_day);
  answer.first_day = day;
  const uint32_t end = all.first_day + static_cast<uint32_t>(all.tags.size);
  for (; day < end && answer.tags.size < 2; ++day) {
    answer.tags.push_back(all.tags[day - all.first_day]);
  }
  answer.more = day < end;
  out.Struct(wire::AnswerHeader{op, Rule::kAllowed, next_leaf_++});
  out.Struct(answer);
}

}  // namespace coffer::gate
