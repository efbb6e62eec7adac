// What `coffer` and the keeper say to each other on the operator socket, the
// only place where trust changes. One question, one answer, in turn.
//
//   question := bytes u32 | format u8 | op u8 | fields
//   answer   := bytes u32 | format u8 | op u8 | code u8 | message text
//               | fields when code is kDone or kAwaitsApproval
//
// `bytes` counts what follows it and is at most kOperatorFrameBytesMax. A frame
// that is malformed is answered kMalformed and the connection closed: unlike
// the gate's, this peer is a person's program and must not be able to end the
// keeper. See docs/keeper-protocol.md.
#pragma once

#include "vault/wire/message.h"
#include "vault/wire/policy.h"

namespace coffer::wire {

inline constexpr uint8_t kOperatorFormat = 1;
inline constexpr size_t kOperatorFrameHeaderBytes = 4;
inline constexpr size_t kOperatorMessageBytesMax = 256;

enum class OperatorOp : uint8_t {
  kStatus = 1,
  kInit = 2,
  kUnseal = 3,
  kSeal = 4,
  kSelfTest = 5,
  kPolicyLoad = 6,
  kPolicyShow = 7,
  kPolicyExplain = 8,
  kAuditTail = 9,
  kClockAccept = 10,
  // operator_keys.h
  kSlotAdd = 11,
  kSlotRemove = 12,
  kSlotTest = 13,
  kUnsealShare = 14,
  kUnsealCancel = 15,
  kKeyList = 16,
  kKeyRotate = 17,
  kKeyCompromise = 18,
  kKeyDestroy = 19,
  kKeyExport = 20,
  kKeyImport = 21,
  kInstitutionList = 22,
  kInstitutionChange = 23,
  // operator_quorum.h
  kOperationList = 24,
  kOperationShow = 25,
  kOperationApprove = 26,
  kOperationCancel = 27,
  // operator_keys.h
  kZeroize = 28,
  kJudgeLinks = 29,
  kRestore = 30,
  // operator_limits.h
  kBrakeList = 31,
  kBrakeRelease = 32,
  kRevokeTokens = 33,
};

enum class OperatorCode : uint8_t {
  kDone = 0,
  kMalformed = 1,
  kRefused = 2,  // the message says why and what to do
  kSealed = 3,   // unseal first
  kNewerFormat = 4,
  // Nothing was done; the fields are an AwaitingAnswer (operator_quorum.h).
  kAwaitsApproval = 5,
};

struct OperatorQuestionHeader {
  uint8_t format = kOperatorFormat;
  OperatorOp op = OperatorOp::kStatus;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Number(self.op);
  }
};
struct OperatorAnswerHeader {
  uint8_t format = kOperatorFormat;
  OperatorOp op = OperatorOp::kStatus;
  OperatorCode code = OperatorCode::kDone;
  std::string_view message;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Number(self.op);
    coder.Number(self.code);
    coder.Text(self.message, kOperatorMessageBytesMax);
  }
};

// --- Seal slots
enum class SlotKind : uint8_t {
  kPassphrase = 1,
  kKeyFile = 2,  // also a system credential
  kShamir = 3,
  kPkcs11 = 4,
};
std::string_view SlotKindText(SlotKind kind);  // "key file"
// Tells a mistyped or foreign share apart before enough of them are there:
// BLAKE2b-16 of the share, see crypto/shamir.h.
using ShareCheck = ByteArray<16>;

// What a CLI must know to make the slot's secret again; public.
struct SlotHeader {
  uint8_t id = 0;  // 1 to kSlotsMax; 0 in a question: the keeper chooses
  SlotKind kind = SlotKind::kKeyFile;
  uint64_t argon2_memory_bytes = 0;  // passphrase only
  uint32_t argon2_passes = 0;
  ByteArray<16> salt{};   // random; of every kind; Shamir: its first 8 bytes
                          // are the set's id
  uint64_t made_at = 0;   // set by the keeper
  uint8_t threshold = 0;  // Shamir only: 2 to shares
  base::BoundedList<ShareCheck, base::kSharesMax> shares;  // Shamir only
  Name key_label;  // PKCS#11 only: CKA_LABEL of the key

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.id);
    coder.Number(self.kind);
    coder.Number(self.argon2_memory_bytes);
    coder.Number(self.argon2_passes);
    coder.Fixed(self.salt);
    coder.Number(self.made_at);
    coder.Number(self.threshold);
    coder.FixedList(self.shares);
    coder.Struct(self.key_label);
  }
};

// --- Quorum: who must approve what cannot be undone. Pinned in the keeper's
// state; changed only under the rule it replaces.
struct Approver {
  Name name;
  ByteArray<32> public_key{};  // Ed25519, of an SSH key

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.name);
    coder.Fixed(self.public_key);
  }
};
struct QuorumRule {
  uint8_t threshold = 0;  // 0: off; else 2 to approvers
  base::BoundedList<Approver, base::kApproversMax> approvers;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.threshold);
    coder.Structs(self.approvers);
  }
};
// The same threshold and approvers, in any order.
bool operator==(const QuorumRule& a, const QuorumRule& b);
// kInvalid: a threshold of 1, or above the approvers; a name or key twice.
base::Status CheckQuorum(const QuorumRule& rule);

struct EmptyQuestion {
  template <typename Coder, typename Self>
  static void Fields(Coder&, Self&) {}
};

// --- kStatus (also while uninitialised or sealed)
struct OperatorStatus {
  VaultState state = VaultState::kSealed;
  std::string_view version;
  std::string_view reason;  // why kError; else empty
  ByteArray<16> vault_id{};
  uint64_t generation = 0;  // of keeper.state
  uint64_t leaves = 0;
  uint64_t now = 0;
  uint64_t wall = 0;
  bool clock_accepted = true;
  uint32_t unseal_failures = 0;  // since the last unseal or start
  uint32_t floors = 0;
  uint32_t floors_max = 0;
  uint32_t callers = 0;  // connections now
  uint32_t monitors = 0;
  uint32_t operators = 0;
  uint64_t journal_bytes = 0;
  uint64_t journal_reserved_bytes = 0;
  bool memfd_secret = false;
  bool sandboxed = false;
  ByteArray<32>
      policy_digest{};  // BLAKE2b of the compiled bytes; zeros if none
  std::string_view evidence_key;  // k4.public...., when open
  base::BoundedList<SlotHeader, base::kSlotsMax> slots;
  uint64_t keyring_generation = 0;   // raised by every change of keys or slots
  uint64_t exported_generation = 0;  // of the last key export; 0: never
  QuorumRule quorum;                 // when open
  uint8_t awaiting = 0;              // operations that await approval
  uint8_t shares_given = 0;          // of a Shamir unseal under way
  uint8_t shares_needed = 0;
  uint8_t brakes = 0;             // that hold now, at most 255
  std::string_view ingest_kid;    // k4.pid...., when open: pinned by clients
  uint32_t erasures_overdue = 0;  // past their horizon, and not final

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.state);
    coder.Text(self.version, 32);
    coder.Text(self.reason, kOperatorMessageBytesMax);
    coder.Fixed(self.vault_id);
    coder.Number(self.generation);
    coder.Number(self.leaves);
    coder.Number(self.now);
    coder.Number(self.wall);
    coder.Flag(self.clock_accepted);
    coder.Number(self.unseal_failures);
    coder.Number(self.floors);
    coder.Number(self.floors_max);
    coder.Number(self.callers);
    coder.Number(self.monitors);
    coder.Number(self.operators);
    coder.Number(self.journal_bytes);
    coder.Number(self.journal_reserved_bytes);
    coder.Flag(self.memfd_secret);
    coder.Flag(self.sandboxed);
    coder.Fixed(self.policy_digest);
    coder.Text(self.evidence_key, 64);
    coder.Structs(self.slots);
    coder.Number(self.keyring_generation);
    coder.Number(self.exported_generation);
    coder.Struct(self.quorum);
    coder.Number(self.awaiting);
    coder.Number(self.shares_given);
    coder.Number(self.shares_needed);
    coder.Number(self.brakes);
    coder.Text(self.ingest_kid, 64);
    coder.Number(self.erasures_overdue);
  }
};

// --- kInit: makes the root in the keeper, loads the policy, ends operational
// --- kUnseal: slot.id names the slot; kind, parameters and salt are ignored
struct OpenQuestion {
  SlotHeader slot;
  // A key file's bytes, Argon2id's output, shares combined, or what a PKCS#11
  // key made.
  ByteArray<32> secret{};
  Bytes policy;       // compiled; kInit and kKeyImport only
  QuorumRule quorum;  // as policy

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.slot);
    coder.Fixed(self.secret);
    coder.LongBytes(self.policy, base::kPolicyBytesMax);
    coder.Struct(self.quorum);
  }
};
struct InitAnswer {
  uint8_t slot = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.slot);
  }
};

// --- kSelfTest
struct SelfTestResult {
  std::string_view algorithm;
  bool passed = false;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.algorithm, 64);
    coder.Flag(self.passed);
  }
};
struct SelfTestAnswer {
  base::BoundedList<SelfTestResult, 12> results;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Structs(self.results);
  }
};

// --- kPolicyLoad: the whole compiled policy and the quorum's rule, replaced at
// once.
// --- kPolicyShow: answers with the same struct.
struct PolicyBytes {
  Bytes policy;
  QuorumRule quorum;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.LongBytes(self.policy, base::kPolicyBytesMax);
    coder.Struct(self.quorum);
  }
};

// --- kPolicyExplain: what the policy in force says, consent aside
struct ExplainQuestion {
  std::string_view caller;
  std::string_view purpose;
  std::string_view institution;
  NameList scope;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.caller, base::kNameBytesMax);
    coder.Text(self.purpose, base::kNameBytesMax);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Texts(self.scope, base::kNameBytesMax);
  }
};
struct ExplainAnswer {
  Rule rule = Rule::kAllowed;
  NameList scope;  // allowed at most, before the consent narrows it
  uint32_t ttl_seconds_max = 0;
  base::BoundedList<std::string_view, base::kCallersMax> audiences;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.rule);
    coder.Texts(self.scope, base::kNameBytesMax);
    coder.Number(self.ttl_seconds_max);
    coder.Texts(self.audiences, base::kNameBytesMax);
  }
};

// --- kAuditTail: leaves from `from`, or the last `count` when from is kNoLeaf
inline constexpr size_t kTailLeavesMax = 128;
struct TailQuestion {
  uint64_t from = kNoLeaf;
  uint32_t count = 20;  // 1 to kTailLeavesMax

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.from);
    coder.Number(self.count);
  }
};
struct TailAnswer {
  uint64_t next = 0;  // index after the last durable leaf
  base::BoundedList<LeafBytes, kTailLeavesMax> leaves;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.next);
    coder.Structs(self.leaves);
  }
};

}  // namespace coffer::wire
