#include "vault/wire/leaf.h"

namespace coffer::wire {

using base::Code;
using base::Fail;

namespace {

struct KindRow {
  LeafKind kind;
  std::string_view text;
};
constexpr KindRow kKinds[] = {
    {LeafKind::kInit, "vault.init"},
    {LeafKind::kUnseal, "vault.unseal"},
    {LeafKind::kSeal, "vault.seal"},
    {LeafKind::kUnsealFailed, "vault.unseal_failed"},
    {LeafKind::kPolicyLoad, "policy.load"},
    {LeafKind::kClockAccept, "clock.accept"},
    {LeafKind::kSelfTest, "vault.selftest"},
    {LeafKind::kLinkCreate, "link.create"},
    {LeafKind::kLinkRead, "link.read"},
    {LeafKind::kBankTokenReplace, "link.bank_token"},
    {LeafKind::kConsentReplace, "link.consent"},
    {LeafKind::kConsentRevoke, "link.revoke"},
    {LeafKind::kLinkErase, "link.erase"},
    {LeafKind::kSubjectErase, "subject.erase"},
    {LeafKind::kTokenIssue, "token.issue"},
    {LeafKind::kTokenRedeem, "token.redeem"},
    {LeafKind::kTokenIntrospect, "token.introspect"},
    {LeafKind::kTokenRevoke, "token.revoke"},
    {LeafKind::kSubjectList, "subject.list"},
    {LeafKind::kKeyList, "key.list"},
    {LeafKind::kLinkLedger, "link.ledger"},
    {LeafKind::kConsentHistory, "consent.history"},
    {LeafKind::kNotCommitted, "store.not_committed"},
    {LeafKind::kConsentSettle, "store.settle"},
    {LeafKind::kLinkExpire, "link.expire"},
    {LeafKind::kSlotAdd, "slot.add"},
    {LeafKind::kSlotRemove, "slot.remove"},
    {LeafKind::kSlotTest, "slot.test"},
    {LeafKind::kZeroize, "vault.zeroize"},
    {LeafKind::kRestore, "vault.restore"},
    {LeafKind::kImport, "vault.import"},
    {LeafKind::kNotCarriedOut, "vault.not_carried_out"},
    {LeafKind::kQuorum, "quorum.rule"},
    {LeafKind::kKeyRotate, "key.rotate"},
    {LeafKind::kKeyDrained, "key.drained"},
    {LeafKind::kKeyCompromise, "key.compromise"},
    {LeafKind::kKeyDestroyPlan, "key.destroy_planned"},
    {LeafKind::kKeyDestroyCancel, "key.destroy_cancelled"},
    {LeafKind::kKeyDestroy, "key.destroy"},
    {LeafKind::kKeyExport, "key.export"},
    {LeafKind::kRootReplace, "key.rekey"},
    {LeafKind::kInstitutionSuspend, "institution.suspend"},
    {LeafKind::kInstitutionResume, "institution.resume"},
    {LeafKind::kInstitutionWithdraw, "institution.withdraw"},
    {LeafKind::kInstitutionAdmit, "institution.admit"},
    {LeafKind::kOperationPropose, "op.propose"},
    {LeafKind::kOperationApprove, "op.approve"},
    {LeafKind::kOperationCancel, "op.cancel"},
    {LeafKind::kOperationCarryOut, "op.carry_out"},
    {LeafKind::kOperationExpire, "op.expire"},
    {LeafKind::kBrakeTrip, "brake.trip"},
    {LeafKind::kBrakeRelease, "brake.release"},
    {LeafKind::kTokensRevoke, "token.revoke_group"},
    {LeafKind::kErasureFinal, "erasure.final"},
};

}  // namespace

std::string_view LeafKindText(LeafKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.text;
  }
  return "";
}

bool IsLeafKind(uint8_t number) {
  return !LeafKindText(static_cast<LeafKind>(number)).empty();
}

bool NamesLink(LeafKind kind) {
  switch (kind) {
    case LeafKind::kLinkCreate:
    case LeafKind::kLinkRead:
    case LeafKind::kBankTokenReplace:
    case LeafKind::kConsentReplace:
    case LeafKind::kConsentRevoke:
    case LeafKind::kLinkErase:
    case LeafKind::kTokenIssue:
    case LeafKind::kTokenRedeem:
    case LeafKind::kTokenIntrospect:
    case LeafKind::kTokenRevoke:
    case LeafKind::kLinkLedger:
    case LeafKind::kConsentHistory:
    case LeafKind::kConsentSettle:
    case LeafKind::kLinkExpire:
      return true;
    default:
      return false;
  }
}

base::Result<Leaf> DecodeLeaf(Bytes bytes) {
  if (!bytes.empty() && bytes[0] > kLeafFormat) {
    return Fail(Code::kNewerFormat,
                "leaf: written by a newer coffer; update this program");
  }
  if (bytes.size() < 3 || bytes[0] != kLeafFormat || !IsLeafKind(bytes[1]) ||
      !IsRule(bytes[2]) || bytes.size() > base::kLeafBytesMax) {
    return Fail(Code::kInvalid, "leaf: malformed");
  }
  return base::DecodeWhole<Leaf>(bytes);
}

}  // namespace coffer::wire
