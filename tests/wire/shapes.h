// Every struct of the wire with the number it travels under, and a coder that
// fills any of them with sample values: the tests, the fuzz targets and their
// corpora walk the same lists. Tests only.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "vault/wire/operator_keys.h"
#include "vault/wire/operator_limits.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::wire {

template <typename T>
struct Shape {
  using Type = T;
};

// Each calls visit(Shape<T>{}) with the struct of `op`; false for a number that
// is none.
template <typename Visit>
bool WithItem(Op op, const Visit& visit) {
  switch (op) {
    case Op::kStatus:
      return visit(Shape<StatusItem>{}), true;
    case Op::kHash:
      return visit(Shape<HashItem>{}), true;
    case Op::kCreate:
      return visit(Shape<CreateItem>{}), true;
    case Op::kRead:
      return visit(Shape<ReadItem>{}), true;
    case Op::kReplaceBankToken:
      return visit(Shape<ReplaceBankTokenItem>{}), true;
    case Op::kReplaceConsent:
      return visit(Shape<ReplaceConsentItem>{}), true;
    case Op::kCommitted:
    case Op::kNotCommitted:
      return visit(Shape<CommitItem>{}), true;
    case Op::kRevokeConsent:
      return visit(Shape<RevokeConsentItem>{}), true;
    case Op::kEraseLink:
      return visit(Shape<EraseLinkItem>{}), true;
    case Op::kEraseSubject:
      return visit(Shape<EraseSubjectItem>{}), true;
    case Op::kIssue:
      return visit(Shape<IssueItem>{}), true;
    case Op::kLocate:
      return visit(Shape<LocateItem>{}), true;
    case Op::kRedeem:
      return visit(Shape<RedeemItem>{}), true;
    case Op::kIntrospect:
      return visit(Shape<IntrospectItem>{}), true;
    case Op::kRevokeToken:
      return visit(Shape<RevokeTokenItem>{}), true;
    case Op::kKeys:
      return visit(Shape<KeysItem>{}), true;
    case Op::kWork:
      return visit(Shape<WorkItem>{}), true;
    case Op::kRewrap:
      return visit(Shape<RewrapItem>{}), true;
    case Op::kSettle:
      return visit(Shape<SettleItem>{}), true;
    case Op::kDrained:
      return visit(Shape<DrainedItem>{}), true;
    case Op::kAdopted:
      return visit(Shape<AdoptedItem>{}), true;
    case Op::kTags:
      return visit(Shape<TagsItem>{}), true;
    case Op::kLeaves:
      return visit(Shape<LeavesItem>{}), true;
    case Op::kBury:
      return visit(Shape<BuryItem>{}), true;
    case Op::kHistory:
      return visit(Shape<HistoryItem>{}), true;
  }
  return false;
}

template <typename Visit>
bool WithAnswer(Op op, const Visit& visit) {
  switch (op) {
    case Op::kStatus:
      return visit(Shape<StatusAnswer>{}), true;
    case Op::kHash:
      return visit(Shape<HashAnswer>{}), true;
    case Op::kCreate:
    case Op::kRevokeConsent:
    case Op::kSettle:
      return visit(Shape<NewRecord>{}), true;
    case Op::kReplaceBankToken:
    case Op::kReplaceConsent:
      return visit(Shape<ReplaceAnswer>{}), true;
    case Op::kTags:
      return visit(Shape<TagsAnswer>{}), true;
    case Op::kLeaves:
      return visit(Shape<LeavesAnswer>{}), true;
    case Op::kBury:
      return visit(Shape<BuryAnswer>{}), true;
    case Op::kHistory:
      return visit(Shape<PastConsent>{}), true;
    case Op::kRead:
      return visit(Shape<ReadAnswer>{}), true;
    case Op::kCommitted:
    case Op::kNotCommitted:
    case Op::kRevokeToken:
    case Op::kDrained:
    case Op::kAdopted:
      return visit(Shape<EmptyAnswer>{}), true;
    case Op::kWork:
      return visit(Shape<WorkAnswer>{}), true;
    case Op::kRewrap:
      return visit(Shape<RewrapAnswer>{}), true;
    case Op::kEraseLink:
    case Op::kEraseSubject:
      return visit(Shape<EraseAnswer>{}), true;
    case Op::kIssue:
      return visit(Shape<IssueAnswer>{}), true;
    case Op::kLocate:
      return visit(Shape<LocateAnswer>{}), true;
    case Op::kRedeem:
      return visit(Shape<RedeemAnswer>{}), true;
    case Op::kIntrospect:
      return visit(Shape<IntrospectAnswer>{}), true;
    case Op::kKeys:
      return visit(Shape<KeysAnswer>{}), true;
  }
  return false;
}

template <typename Visit>
bool WithOperatorQuestion(OperatorOp op, const Visit& visit) {
  switch (op) {
    case OperatorOp::kStatus:
    case OperatorOp::kSeal:
    case OperatorOp::kSelfTest:
    case OperatorOp::kPolicyShow:
    case OperatorOp::kClockAccept:
    case OperatorOp::kOperationList:
    case OperatorOp::kZeroize:
      return visit(Shape<EmptyQuestion>{}), true;
    case OperatorOp::kBrakeList:
      return visit(Shape<BrakeListQuestion>{}), true;
    case OperatorOp::kBrakeRelease:
      return visit(Shape<BrakeQuestion>{}), true;
    case OperatorOp::kRevokeTokens:
      return visit(Shape<RevokeTokensQuestion>{}), true;
    case OperatorOp::kKeyExport:
      return visit(Shape<ExportQuestion>{}), true;
    case OperatorOp::kSlotAdd:
    case OperatorOp::kSlotTest:
      return visit(Shape<SlotQuestion>{}), true;
    case OperatorOp::kSlotRemove:
      return visit(Shape<SlotIdQuestion>{}), true;
    case OperatorOp::kUnsealShare:
    case OperatorOp::kUnsealCancel:
      return visit(Shape<ShareQuestion>{}), true;
    case OperatorOp::kKeyList:
    case OperatorOp::kInstitutionList:
      return visit(Shape<KeyListQuestion>{}), true;
    case OperatorOp::kKeyRotate:
      return visit(Shape<RotateQuestion>{}), true;
    case OperatorOp::kKeyCompromise:
    case OperatorOp::kKeyDestroy:
      return visit(Shape<KeyQuestion>{}), true;
    case OperatorOp::kKeyImport:
      return visit(Shape<ImportQuestion>{}), true;
    case OperatorOp::kInstitutionChange:
      return visit(Shape<InstitutionQuestion>{}), true;
    case OperatorOp::kOperationShow:
    case OperatorOp::kOperationCancel:
      return visit(Shape<OperationQuestion>{}), true;
    case OperatorOp::kOperationApprove:
      return visit(Shape<ApproveQuestion>{}), true;
    case OperatorOp::kJudgeLinks:
      return visit(Shape<JudgeQuestion>{}), true;
    case OperatorOp::kRestore:
      return visit(Shape<RestoreQuestion>{}), true;
    case OperatorOp::kInit:
    case OperatorOp::kUnseal:
      return visit(Shape<OpenQuestion>{}), true;
    case OperatorOp::kPolicyLoad:
      return visit(Shape<PolicyBytes>{}), true;
    case OperatorOp::kPolicyExplain:
      return visit(Shape<ExplainQuestion>{}), true;
    case OperatorOp::kAuditTail:
      return visit(Shape<TailQuestion>{}), true;
  }
  return false;
}

template <typename Visit>
bool WithOperatorAnswer(OperatorOp op, const Visit& visit) {
  switch (op) {
    case OperatorOp::kStatus:
      return visit(Shape<OperatorStatus>{}), true;
    case OperatorOp::kInit:
    case OperatorOp::kKeyImport:
    case OperatorOp::kSlotAdd:
      return visit(Shape<InitAnswer>{}), true;
    case OperatorOp::kUnseal:
    case OperatorOp::kSeal:
    case OperatorOp::kPolicyLoad:
    case OperatorOp::kClockAccept:
    case OperatorOp::kSlotRemove:
    case OperatorOp::kSlotTest:
    case OperatorOp::kUnsealCancel:
    case OperatorOp::kKeyCompromise:
    case OperatorOp::kInstitutionChange:
    case OperatorOp::kOperationCancel:
    case OperatorOp::kZeroize:
    case OperatorOp::kBrakeRelease:
    case OperatorOp::kRevokeTokens:
      return visit(Shape<EmptyAnswer>{}), true;
    case OperatorOp::kBrakeList:
      return visit(Shape<BrakeListAnswer>{}), true;
    case OperatorOp::kUnsealShare:
      return visit(Shape<ShareAnswer>{}), true;
    case OperatorOp::kKeyList:
      return visit(Shape<KeyListAnswer>{}), true;
    case OperatorOp::kKeyRotate:
      return visit(Shape<RotateAnswer>{}), true;
    case OperatorOp::kKeyDestroy:
      return visit(Shape<DestroyAnswer>{}), true;
    case OperatorOp::kKeyExport:
      return visit(Shape<ExportAnswer>{}), true;
    case OperatorOp::kInstitutionList:
      return visit(Shape<InstitutionListAnswer>{}), true;
    case OperatorOp::kOperationList:
      return visit(Shape<OperationListAnswer>{}), true;
    case OperatorOp::kOperationShow:
      return visit(Shape<OperationShowAnswer>{}), true;
    case OperatorOp::kOperationApprove:
      return visit(Shape<ApproveAnswer>{}), true;
    case OperatorOp::kJudgeLinks:
      return visit(Shape<JudgeAnswer>{}), true;
    case OperatorOp::kRestore:
      return visit(Shape<RestoreAnswer>{}), true;
    case OperatorOp::kSelfTest:
      return visit(Shape<SelfTestAnswer>{}), true;
    case OperatorOp::kPolicyShow:
      return visit(Shape<PolicyBytes>{}), true;
    case OperatorOp::kPolicyExplain:
      return visit(Shape<ExplainAnswer>{}), true;
    case OperatorOp::kAuditTail:
      return visit(Shape<TailAnswer>{}), true;
  }
  return false;
}

inline constexpr uint8_t kOpMax = static_cast<uint8_t>(Op::kHistory);
inline constexpr uint8_t kOperatorOpMax =
    static_cast<uint8_t>(OperatorOp::kRevokeTokens);

enum class Fill { kEmpty, kTypical, kLargest };

// A coder that sets fields instead of reading them. Resource: owns the bytes
// that the filled structs point to.
class Filler {
 public:
  explicit Filler(Fill fill) : fill_(fill) {}

  template <typename T>
  void Number(T& number) {
    number = fill_ == Fill::kEmpty ? T{} : static_cast<T>(1 + next_++ % 5);
  }
  void Number(uint64_t& number) {
    number = fill_ == Fill::kEmpty ? 0 : 0x0102030405060700 + next_++;
  }
  void Number(uint32_t& number) {
    number =
        fill_ == Fill::kEmpty ? 0 : static_cast<uint32_t>(0x01020300 + next_++);
  }
  void Flag(bool& flag) { flag = fill_ != Fill::kEmpty; }
  template <size_t N>
  void Fixed(ByteArray<N>& bytes) {
    for (auto& byte : bytes) {
      byte = fill_ == Fill::kEmpty ? uint8_t{0} : static_cast<uint8_t>(next_++);
    }
  }
  void Text(std::string_view& text, size_t bytes_max) {
    text = Make(bytes_max);
  }
  void ShortBytes(Bytes& bytes, size_t bytes_max) {
    bytes = base::AsBytes(Make(bytes_max));
  }
  void LongBytes(Bytes& bytes, size_t bytes_max) {
    bytes = base::AsBytes(Make(bytes_max));
  }
  template <size_t N>
  void Texts(base::BoundedList<std::string_view, N>& list, size_t bytes_max) {
    for (size_t i = 0; i < Count(N); ++i) list.push_back(Make(bytes_max));
  }
  template <typename T, size_t N>
  void Numbers(base::BoundedList<T, N>& list) {
    list.size = static_cast<uint16_t>(Count(N));
    for (T& item : list) Number(item);
  }
  template <size_t N, size_t M>
  void FixedList(base::BoundedList<ByteArray<N>, M>& list) {
    list.size = static_cast<uint16_t>(Count(M));
    for (ByteArray<N>& item : list) Fixed(item);
  }
  template <typename T, size_t N>
  void Structs(base::BoundedList<T, N>& list) {
    list.size = static_cast<uint16_t>(Count(N));
    for (T& item : list) T::Fields(*this, item);
  }
  template <typename T>
  void Struct(T& item) {
    T::Fields(*this, item);
  }

 private:
  size_t Count(size_t limit) const {
    if (fill_ == Fill::kLargest) return limit;
    return fill_ == Fill::kEmpty ? 0 : limit < 2 ? limit : 2;
  }
  std::string_view Make(size_t limit) {
    size_t size = limit;
    if (fill_ == Fill::kEmpty) size = 0;
    if (fill_ == Fill::kTypical && size > 6) size = 6 + next_ % 3;
    if (size > limit) size = limit;
    std::string& text = texts_.emplace_back(size, 'a');
    for (char& c : text) c = static_cast<char>('a' + next_++ % 26);
    return text;
  }

  const Fill fill_;
  uint64_t next_ = 0;
  std::deque<std::string> texts_;
};

// The bytes of one T, filled.
template <typename T>
std::vector<uint8_t> SampleBytes(Fill fill) {
  Filler filler(fill);
  auto item = std::make_unique<T>();
  filler.Struct(*item);
  std::vector<uint8_t> bytes(base::kAnswerBatchBytesMax);
  auto size = base::EncodeWhole(bytes, *item);
  COFFER_CHECK(size.ok());
  bytes.resize(*size);
  return bytes;
}

// True when `item` encodes to exactly `bytes`: there is one form of everything.
template <typename T>
bool EncodesTo(const T& item, Bytes bytes) {
  std::vector<uint8_t> again(bytes.size());
  auto size = base::EncodeWhole(again, item);
  return size.ok() && base::Equal(Bytes(again.data(), *size), bytes);
}

// Decodes one T where the decoder stands; false for a fault. Checks that what
// decodes encodes to the same bytes.
template <typename T>
bool DecodeOne(base::Decoder& decoder) {
  const Bytes before = decoder.rest();
  auto item = std::make_unique<T>();
  decoder.Struct(*item);
  if (decoder.failed()) return false;
  const size_t used = before.size() - decoder.rest().size();
  COFFER_CHECK(EncodesTo(*item, before.first(used)));
  return true;
}

}  // namespace coffer::wire
