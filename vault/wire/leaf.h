// An audit leaf: one decision or change, typed, made by the keeper, durable
// before its answer. Allow-listed fields only: no secret, subject, consent or
// text of a caller's choosing can enter by type. Names come from policy.
//
//   leaf := format u8 | kind u8 | rule u8 | index u64 | time u64 | uid u32
//           | caller text | institution text | purpose text | audience text
//           | scope text | link_tag 16 | revision u32 | detail u32
//
// link_tag is BLAKE2b-16 of the link's own audit key and the UTC day, or zeros;
// it says nothing any more once the link's record, where the key lies, is gone.
// In leaves of keys and operations it is the id of the key or operation.
#pragma once

#include "vault/wire/names.h"
#include "vault/wire/rule.h"

namespace coffer::wire {

inline constexpr uint8_t kLeafFormat = 1;
inline constexpr uint64_t kNoLeaf = ~uint64_t{0};
inline constexpr size_t kScopeTextBytesMax =
    base::kClustersMax * (base::kNameBytesMax + 1);

// Numbers are part of the format: append only.
enum class LeafKind : uint8_t {
  // Operators
  kInit = 1,
  kUnseal = 2,
  kSeal = 3,
  kUnsealFailed = 4,  // detail: how many, since the last unseal or start
  kPolicyLoad = 5,
  kClockAccept = 6,
  kSelfTest = 7,
  kSlotAdd = 8,  // detail: the slot's id
  kSlotRemove = 9,
  kSlotTest = 10,
  kZeroize = 11,
  kRestore = 12,  // detail: links of the backup
  kImport = 13,   // a vault made from a key export
  kQuorum = 14,   // another rule; detail: its threshold
  // A crash came between an operator's leaf and what it says; detail: the low
  // 32 bits of its index.
  kNotCarriedOut = 15,
  // Callers
  kLinkCreate = 20,
  kLinkRead = 21,
  kBankTokenReplace = 22,
  kConsentReplace = 23,
  kConsentRevoke = 24,  // detail: RevocationReason
  kLinkErase = 25,
  kSubjectErase = 26,  // detail: links the store reported
  kTokenIssue = 27,    // detail: lifetime in seconds
  kTokenRedeem = 28,
  kTokenIntrospect = 29,
  kTokenRevoke = 30,
  kSubjectList = 31,
  kKeyList = 32,         // refusals only
  kLinkLedger = 33,      // who used it was told
  kConsentHistory = 34,  // a past consent was told
  // The store
  kNotCommitted = 40,   // detail: low 32 bits of the write's leaf
  kConsentSettle = 41,  // a kill's record that the store had lost
  kLinkExpire = 42,     // past its date: erased
  // Keys; link_tag is the key's id, detail its version
  kKeyRotate = 50,
  kKeyDrained = 51,  // no link is left under it
  kKeyCompromise = 52,
  kKeyDestroyPlan = 53,  // detail: seconds until it is carried out
  kKeyDestroyCancel = 54,
  kKeyDestroy = 55,
  kKeyExport = 56,  // detail: the keyring's generation
  kRootReplace = 57,
  kInstitutionSuspend = 58,
  kInstitutionResume = 59,
  kInstitutionWithdraw = 60,
  kInstitutionAdmit = 61,
  // Quorum; link_tag is the operation's id, caller the approver
  kOperationPropose = 70,
  kOperationApprove = 71,
  kOperationCancel = 72,
  kOperationCarryOut = 73,
  kOperationExpire = 74,
  // Limits
  kBrakeTrip = 80,     // caller and purpose; detail: distinct links counted
  kBrakeRelease = 81,  // detail: as before
  // Operators: every token of the caller, purpose or institution named
  kTokensRevoke = 82,
  // Erasures that a destroyed KEK made final; detail: how many
  kErasureFinal = 83,
};
std::string_view LeafKindText(LeafKind kind);  // "token.issue"
bool IsLeafKind(uint8_t number);
// Its link_tag, where there is one, is of a link.
bool NamesLink(LeafKind kind);

struct Leaf {
  uint8_t format = kLeafFormat;
  LeafKind kind = LeafKind::kInit;
  Rule rule = Rule::kAllowed;
  uint64_t index = 0;
  uint64_t time = 0;  // seconds, the keeper's clock
  uint32_t uid = 0;   // of the peer
  std::string_view caller;
  std::string_view institution;
  std::string_view purpose;
  std::string_view audience;
  std::string_view scope;  // clusters, space-separated
  ByteArray<16> link_tag{};
  uint32_t revision = 0;
  uint32_t detail = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Number(self.kind);
    coder.Number(self.rule);
    coder.Number(self.index);
    coder.Number(self.time);
    coder.Number(self.uid);
    // A connection that matches two callers is named "first,second".
    coder.Text(self.caller, 2 * base::kNameBytesMax + 1);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Text(self.purpose, base::kNameBytesMax);
    coder.Text(self.audience, base::kNameBytesMax);
    coder.Text(self.scope, kScopeTextBytesMax);
    coder.Fixed(self.link_tag);
    coder.Number(self.revision);
    coder.Number(self.detail);
  }
};

// Refuses a later format (kNewerFormat), unknown kinds and rules, trailing
// bytes.
base::Result<Leaf> DecodeLeaf(Bytes bytes);

}  // namespace coffer::wire
