#include "vault/wire/leaf.h"

namespace coffer::wire {

using base::Code;
using base::Fail;

std::string_view LeafKindText(LeafKind kind) {
  switch (kind) {
    case LeafKind::kInit:
      return "vault.init";
    case LeafKind::kUnseal:
      return "vault.unseal";
    case LeafKind::kSeal:
      return "vault.seal";
    case LeafKind::kUnsealFailed:
      return "vault.unseal_failed";
    case LeafKind::kPolicyLoad:
      return "policy.load";
    case LeafKind::kClockAccept:
      return "clock.accept";
    case LeafKind::kSelfTest:
      return "vault.selftest";
    case LeafKind::kLinkCreate:
      return "link.create";
    case LeafKind::kLinkRead:
      return "link.read";
    case LeafKind::kBankTokenReplace:
      return "link.bank_token";
    case LeafKind::kConsentReplace:
      return "link.consent";
    case LeafKind::kConsentRevoke:
      return "link.revoke";
    case LeafKind::kLinkErase:
      return "link.erase";
    case LeafKind::kSubjectErase:
      return "subject.erase";
    case LeafKind::kTokenIssue:
      return "token.issue";
    case LeafKind::kTokenRedeem:
      return "token.redeem";
    case LeafKind::kTokenIntrospect:
      return "token.introspect";
    case LeafKind::kTokenRevoke:
      return "token.revoke";
    case LeafKind::kSubjectList:
      return "subject.list";
    case LeafKind::kKeyList:
      return "key.list";
    case LeafKind::kNotCommitted:
      return "store.not_committed";
    case LeafKind::kConsentSettle:
      return "store.settle";
    case LeafKind::kSlotAdd:
      return "slot.add";
    case LeafKind::kSlotRemove:
      return "slot.remove";
    case LeafKind::kSlotTest:
      return "slot.test";
    case LeafKind::kZeroize:
      return "vault.zeroize";
    case LeafKind::kRestore:
      return "vault.restore";
    case LeafKind::kImport:
      return "vault.import";
    case LeafKind::kNotCarriedOut:
      return "vault.not_carried_out";
    case LeafKind::kQuorum:
      return "quorum.rule";
    case LeafKind::kKeyRotate:
      return "key.rotate";
    case LeafKind::kKeyDrained:
      return "key.drained";
    case LeafKind::kKeyCompromise:
      return "key.compromise";
    case LeafKind::kKeyDestroyPlan:
      return "key.destroy_planned";
    case LeafKind::kKeyDestroyCancel:
      return "key.destroy_cancelled";
    case LeafKind::kKeyDestroy:
      return "key.destroy";
    case LeafKind::kKeyExport:
      return "key.export";
    case LeafKind::kRootReplace:
      return "key.rekey";
    case LeafKind::kInstitutionSuspend:
      return "institution.suspend";
    case LeafKind::kInstitutionResume:
      return "institution.resume";
    case LeafKind::kInstitutionWithdraw:
      return "institution.withdraw";
    case LeafKind::kInstitutionAdmit:
      return "institution.admit";
    case LeafKind::kOperationPropose:
      return "op.propose";
    case LeafKind::kOperationApprove:
      return "op.approve";
    case LeafKind::kOperationCancel:
      return "op.cancel";
    case LeafKind::kOperationCarryOut:
      return "op.carry_out";
    case LeafKind::kOperationExpire:
      return "op.expire";
  }
  return "";
}

bool IsLeafKind(uint8_t number) {
  return !LeafKindText(static_cast<LeafKind>(number)).empty();
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
