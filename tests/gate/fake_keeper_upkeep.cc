// The fake keeper's answers to what keeps the store in step with the keyring.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/gate/fake_keeper.h"

namespace coffer::gate {

using wire::Op;
using wire::Rule;

namespace {

template <typename Answer>
void Give(base::Encoder& out, Op op, const Answer& answer) {
  out.Struct(wire::AnswerHeader{op, Rule::kAllowed, wire::kNoLeaf});
  out.Struct(answer);
}

}  // namespace

void FakeKeeper::Reply(Op op, const wire::WorkItem& item, base::Encoder& out) {
  ++work_asked;
  counted = item.counted;
  counts.assign(item.counts.begin(), item.counts.end());
  wire::WorkAnswer answer;
  answer.adopt = adopt;
  for (const Work& one : work) {
    wire::WorkRow row;
    row.institution = one.institution;
    row.active = one.active;
    row.urgent = one.urgent;
    for (const auto& old : one.old) row.old.push_back(old);
    answer.rows.push_back(row);
  }
  return Give(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::RewrapItem& item,
                       base::Encoder& out) {
  auto found = refuse.find(op);
  if (found != refuse.end()) {
    out.Struct(wire::AnswerHeader{op, found->second, wire::kNoLeaf});
    return;
  }
  wire::RewrapAnswer answer;
  for (const Work& one : work) {
    if (one.institution == item.institution) answer.kek = one.active;
  }
  EXPECT_GT(item.rows.size, 0);
  for (const wire::RewrapRow& row : item.rows) {
    auto wrap = wire::DecodeWrap(row.wrap);
    EXPECT_TRUE(wrap.ok());
    rewrapped.emplace_back(item.institution, row.link);
    wire::RewrapResult result;
    auto verdict = verdicts.find(row.link);
    if (verdict != verdicts.end()) {
      result.rule = verdict->second;
    } else if (wrap->kek == answer.kek) {
      result.rule = Rule::kKeyNotToRewrap;
    } else {
      result.box.fill(answer.kek[0]);
    }
    answer.rows.push_back(result);
  }
  return Give(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::SettleItem& item,
                       base::Encoder& out) {
  settled.push_back(item.link);
  verdicts.erase(item.link);
  EXPECT_TRUE(item.stored.token_box.empty());
  EXPECT_FALSE(item.stored.head.empty());
  auto head = wire::DecodeRecordHead(item.stored.head);
  return Give(out, op,
              MakeRecord(item.link, head->revision + 1,
                         base::AsText(head->metadata_box), ""));
}

void FakeKeeper::Reply(Op op, const wire::BuryItem& item, base::Encoder& out) {
  buried.push_back(item.link);
  EXPECT_TRUE(item.stored.token_box.empty());
  auto head = wire::DecodeRecordHead(item.stored.head);
  if (not_ended.count(item.link) > 0) {
    out.Struct(wire::AnswerHeader{op, wire::Rule::kNotEnded, wire::kNoLeaf});
    return;
  }
  wire::HistoryRow row;
  row.subject = head->subject;
  row.link = item.link;
  row.leaf = head->leaf;
  row.keep_until = ~uint64_t{0};
  uint8_t bytes[base::kHistoryBytesMax];
  wire::BuryAnswer answer;
  answer.history = base::Bytes(bytes).first(*base::EncodeWhole(bytes, row));
  return Give(out, op, answer);
}

void FakeKeeper::Reply(Op op, const wire::HistoryItem& item,
                       base::Encoder& out) {
  if (Refused(out, op)) return;
  auto row = wire::DecodeHistoryRow(item.history);
  ASSERT_TRUE(row.ok());
  wire::PastConsent past;
  past.link = row->link;
  past.institution = "citi";
  past.linker = "linker";
  past.consent.consent_id = "c";
  past.ended_at = row->leaf;
  past.ending = wire::ConsentEnding::kErased;
  return Give(out, op, past);
}

void FakeKeeper::Reply(Op op, const wire::DrainedItem& item,
                       base::Encoder& out) {
  drained.emplace_back(item.institution, item.kek);
  for (Work& one : work) {
    if (one.institution == item.institution) std::erase(one.old, item.kek);
  }
  std::erase_if(work, [](const Work& one) { return one.old.empty(); });
  return Give(out, op, wire::EmptyAnswer{});
}

void FakeKeeper::Reply(Op op, const wire::AdoptedItem& item,
                       base::Encoder& out) {
  adopted.push_back(item);
  adopt = {};
  return Give(out, op, wire::EmptyAnswer{});
}

}  // namespace coffer::gate
