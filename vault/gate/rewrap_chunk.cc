#include "vault/gate/rewrap_chunk.h"

namespace coffer::gate {

using base::Code;
using base::Fail;
using wire::Rule;

base::Status RewrapChunk::Read(store::Store& store,
                               std::string_view institution,
                               const wire::LinkId& after, size_t most,
                               const wire::KeyId& active) {
  COFFER_CHECK(state_ == State::kFree);
  institution_ = institution;
  picked_.clear();
  to_settle_.clear();
  unreadable_ = 0;
  COFFER_TRY(store.WalkWraps(institution, after, most, page_));
  for (size_t i = 0; i < page_.count; ++i) {
    auto wrap = wire::DecodeWrap(page_.wrap(i));
    if (!wrap.ok()) {
      ++unreadable_;
    } else if (wrap->kek != active) {
      picked_.push_back({static_cast<uint32_t>(i), false, wrap->kek, {}});
    }
  }
  return {};
}

void RewrapChunk::Ask(KeeperClient& keeper, uint32_t slot, uint16_t step) {
  state_ = State::kAsked;
  item_.institution = institution_;
  items_left_ = 0;
  for (size_t from = 0; from < picked_.size(); from += base::kRewrapRowsMax) {
    size_t to = std::min(picked_.size(), from + base::kRewrapRowsMax);
    item_.rows.size = 0;
    for (size_t i = from; i < to; ++i) {
      uint32_t row = picked_[i].row;
      item_.rows.push_back({page_.rows[row].link, page_.wrap(row)});
    }
    keeper.Ask(wire::Op::kRewrap, item_,
               {slot, step, static_cast<uint16_t>(items_left_)});
    ++items_left_;
  }
}

base::Status RewrapChunk::Take(const KeeperAnswer& answer) {
  COFFER_CHECK(state_ == State::kAsked && items_left_ > 0);
  if (--items_left_ == 0) state_ = State::kAnswered;
  size_t from = answer.to.index * base::kRewrapRowsMax;
  size_t count = std::min(picked_.size() - from, base::kRewrapRowsMax);
  if (answer.header.rule != Rule::kAllowed) {
    for (size_t i = from; i < from + count; ++i) picked_[i].left = true;
    return {};
  }
  answer_.rows.size = 0;
  answer.fields->Struct(answer_);
  if (answer.fields->failed() || answer_.rows.size != count) {
    return Fail(Code::kInvalid, "an answer about other wraps");
  }
  target_ = answer_.kek;
  for (size_t i = 0; i < count; ++i) {
    Picked& picked = picked_[from + i];
    picked.result = answer_.rows[i];
    if (!wire::IsRule(static_cast<uint8_t>(picked.result.rule))) {
      return Fail(Code::kInvalid, "an answer with an unknown rule");
    }
    if (picked.result.rule == Rule::kConsentRevoked ||
        picked.result.rule == Rule::kConsentUsed) {
      to_settle_.push_back(page_.rows[picked.row].link);
    }
  }
  return {};
}

void RewrapChunk::Divert(
    const std::function<bool(const wire::LinkId&)>& diverts) {
  for (Picked& picked : picked_) {
    if (picked.left || picked.result.rule != Rule::kLinkErased) continue;
    picked.left = diverts(page_.rows[picked.row].link);
  }
}

base::Status RewrapChunk::WriteOne(store::WriteBatch& batch,
                                   const Picked& picked,
                                   RewrapOutcome& outcome) const {
  const wire::LinkId& link = page_.rows[picked.row].link;
  base::Bytes wrap = page_.wrap(picked.row);
  switch (picked.result.rule) {
    case Rule::kAllowed: {
      std::array<uint8_t, base::kWrapBytesMax> room;
      base::MutableBytes fresh(room.data(), wrap.size());
      std::memcpy(fresh.data(), wrap.data(), wrap.size());
      wire::ReplaceKek(fresh, target_, picked.result.box);
      auto replaced = batch.ReplaceWrap(institution_, link, wrap, fresh);
      if (!replaced.ok()) return replaced.error();
      outcome.rewrapped += *replaced ? 1 : 0;
      return {};
    }
    case Rule::kKeyDestroyed:
    case Rule::kLinkErased:
    case Rule::kRecordStale: {
      auto erased = batch.EraseDead(institution_, link, wrap);
      if (!erased.ok()) return erased.error();
      outcome.swept += *erased ? 1 : 0;
      return {};
    }
    case Rule::kConsentRevoked:  // settled
    case Rule::kConsentUsed:
    case Rule::kKeyNotToRewrap:  // the active key changed meanwhile
      return {};
    default:
      ++outcome.damaged;
      return {};
  }
}

base::Status RewrapChunk::Write(store::WriteBatch& batch,
                                RewrapOutcome& outcome) {
  for (const Picked& picked : picked_) {
    if (picked.left) continue;
    base::Status put = WriteOne(batch, picked, outcome);
    if (put.ok()) continue;
    // Such a write spoils no other; where the store is damaged beyond that, its
    // commit says so.
    bool alone = put.error().code == Code::kInvalid ||
                 put.error().code == Code::kDamaged;
    if (!alone) return put;
    ++outcome.damaged;
  }
  return {};
}

}  // namespace coffer::gate
