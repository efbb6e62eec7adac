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
