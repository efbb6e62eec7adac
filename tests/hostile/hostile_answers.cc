#include "tests/hostile/hostile_answers.h"

namespace coffer::hostile {

using wire::Op;

namespace {
constexpr size_t kLeavesKept = 64;
}  // namespace

const char* OpText(Op op) {
  static constexpr const char* kTexts[] = {
      "",           "status",        "hash",      "create",   "read",
      "bank token", "consent",       "committed", "not comm", "revoke",
      "erase",      "erase subject", "issue",     "locate",   "redeem",
      "introspect", "revoke t",      "keys",      "work",     "rewrap",
      "settle",     "drained",       "adopted",   "tags",     "leaves",
      "bury",       "history"};
  return kTexts[static_cast<size_t>(op)];
}

template <typename Item, typename Answer, typename Verdict>
void Answers::One(Op op, Verdict verdict) {
  auto item = std::make_unique<Item>();
  asked_.Struct(*item);
  wire::AnswerHeader header;
  answered_.Struct(header);
  model_.Must(header.op == op, "answers another item");
  auto answer = std::make_unique<Answer>();
  const bool given = header.rule == wire::Rule::kAllowed;
  if (given) answered_.Struct(*answer);
  if (asked_.failed() || answered_.failed()) return;
  if constexpr (std::is_same_v<Answer, wire::StatusAnswer>) Times(*answer);
  if (pass_ != Pass::kJudge) return;
  OpCount& count = counts_[op];
  ++model_.message;
  ++count.asked;
  count.given += given;
  count.lies += lie_;
  count.lies_given += lie_ && given;
  if (wire::VerdictOf(header.rule) == wire::Verdict::kBudgetExceeded) {
    ++budgets_[header.rule];
  }
  if (given && header.leaf != wire::kNoLeaf && op != Op::kCommitted) {
    leaves_.push_back({header.leaf, op});
    if (leaves_.size() > kLeavesKept) leaves_.pop_front();
  }
  verdict(*item, *answer, header.leaf, given);
}

template <typename Item, typename Answer>
void Answers::Plain(Op op) {
  One<Item, Answer>(
      op, [this](auto& item, auto& answer, uint64_t leaf, bool given) {
        if (given) model_.Judge(item, answer, leaf);
      });
}

template <typename Item, typename Answer>
void Answers::Write(Op op) {
  One<Item, Answer>(
      op, [this](auto& item, auto& answer, uint64_t leaf, bool given) {
        if (!given) return;
        model_.Judge(item, answer, leaf);
        liar_.Wrote(item.link, leaf);
      });
}

void Answers::Times(const wire::StatusAnswer& status) {
  if (pass_ == Pass::kTimes) {
    if (!first_time_) model_.BatchBegan(status.now);
    first_time_ = true;
    model_.TimeIs(status.now);
  }
}

bool Answers::Item(Op op, Pass pass, bool lie) {
  pass_ = pass;
  lie_ = lie;
  switch (op) {
    case Op::kStatus:
      One<wire::StatusItem, wire::StatusAnswer>(op, [](auto&&...) {});
      return true;
    case Op::kHash:
      Plain<wire::HashItem, wire::HashAnswer>(op);
      return true;
    case Op::kCreate:
      Plain<wire::CreateItem, wire::NewRecord>(op);
      return true;
    case Op::kRead:
      Plain<wire::ReadItem, wire::ReadAnswer>(op);
      return true;
    case Op::kReplaceBankToken:
      Write<wire::ReplaceBankTokenItem, wire::ReplaceAnswer>(op);
      return true;
    case Op::kReplaceConsent:
      Write<wire::ReplaceConsentItem, wire::ReplaceAnswer>(op);
      return true;
    case Op::kCommitted:
    case Op::kNotCommitted:
      One<wire::CommitItem, wire::EmptyAnswer>(
          op, [&](auto& item, auto&, uint64_t, bool given) {
            if (given && op == Op::kCommitted) model_.JudgeCommitted(item);
            model_.WriteEnds(item);
          });
      return true;
    case Op::kRevokeConsent:
      Plain<wire::RevokeConsentItem, wire::NewRecord>(op);
      return true;
    case Op::kEraseLink:
      Plain<wire::EraseLinkItem, wire::EraseAnswer>(op);
      return true;
    case Op::kEraseSubject:
      Plain<wire::EraseSubjectItem, wire::EraseAnswer>(op);
      return true;
    case Op::kIssue:
      Plain<wire::IssueItem, wire::IssueAnswer>(op);
      return true;
    case Op::kLocate:
      Plain<wire::LocateItem, wire::LocateAnswer>(op);
      return true;
    case Op::kRedeem:
      Plain<wire::RedeemItem, wire::RedeemAnswer>(op);
      return true;
    case Op::kIntrospect:
      Plain<wire::IntrospectItem, wire::IntrospectAnswer>(op);
      return true;
    case Op::kRevokeToken:
      Plain<wire::RevokeTokenItem, wire::EmptyAnswer>(op);
      return true;
    case Op::kKeys:
      Plain<wire::KeysItem, wire::KeysAnswer>(op);
      return true;
    case Op::kWork:
      One<wire::WorkItem, wire::WorkAnswer>(op, [](auto&&...) {});
      return true;
    case Op::kRewrap:
      Plain<wire::RewrapItem, wire::RewrapAnswer>(op);
      return true;
    case Op::kSettle:
      Plain<wire::SettleItem, wire::NewRecord>(op);
      return true;
    case Op::kBury:
      Plain<wire::BuryItem, wire::BuryAnswer>(op);
      return true;
    case Op::kHistory:
      Plain<wire::HistoryItem, wire::PastConsent>(op);
      return true;
    case Op::kTags:
      Plain<wire::TagsItem, wire::TagsAnswer>(op);
      return true;
    case Op::kLeaves:
      Plain<wire::LeavesItem, wire::LeavesAnswer>(op);
      return true;
    case Op::kDrained:
      One<wire::DrainedItem, wire::EmptyAnswer>(op, [](auto&&...) {});
      return true;
    case Op::kAdopted:
      Plain<wire::AdoptedItem, wire::EmptyAnswer>(op);
      return true;
    default:
      return false;
  }
}

bool Answers::Walk(Bytes items, size_t count, const std::vector<bool>& lies,
                   Bytes answers, Pass pass) {
  asked_ = base::Decoder(items);
  answered_ = base::Decoder(answers);
  for (size_t i = 0; i < count; ++i) {
    Op op{};
    asked_.Number(op);
    if (!Item(op, pass, lies[i])) return false;
    if (asked_.failed() || answered_.failed()) return false;
  }
  return asked_.finished() && answered_.finished();
}

void Answers::Take(const keeper_test::Batch& batch,
                   const std::vector<bool>& lies, Bytes answers) {
  first_time_ = false;
  for (Pass pass : {Pass::kTimes, Pass::kJudge}) {
    if (!Walk(batch.items(), batch.count(), lies, answers, pass)) {
      model_.Must(false, "answers in another form");
      return;
    }
  }
}

}  // namespace coffer::hostile
