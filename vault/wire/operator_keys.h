// The operator socket's questions about seal slots, keys, institutions and
// restoring; see operator_message.h for the frames. Answers without a struct
// here are empty.
#pragma once

#include "vault/wire/operator_message.h"

namespace coffer::wire {

// --- kSlotAdd: slot.id is 0, the keeper chooses; the secret has to open the
// root once before the slot counts. Answer: InitAnswer.
// --- kSlotTest: slot.id names the slot, the rest is ignored.
struct SlotQuestion {
  SlotHeader slot;
  ByteArray<32> secret{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.slot);
    coder.Fixed(self.secret);
  }
};

// --- kSlotRemove: never the last one
struct SlotIdQuestion {
  uint8_t slot = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.slot);
  }
};

// --- kUnsealShare: one share; of another slot only once the first set is used,
// cancelled or timed out. Answer:
// ShareAnswer; the last one opens the vault.
// --- kUnsealCancel: forgets the shares given; takes one of the same set.
struct ShareQuestion {
  Bytes share;  // crypto/shamir.h; a secret

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.ShortBytes(self.share, 128);
  }
};
struct ShareAnswer {
  uint8_t slot = 0;
  uint8_t given = 0;  // 0 once the vault is open
  uint8_t needed = 0;
  bool opened = false;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.slot);
    coder.Number(self.given);
    coder.Number(self.needed);
    coder.Flag(self.opened);
  }
};

enum class KeyUse : uint8_t {
  kKek = 1,       // of an institution
  kToken = 2,     // v4.public access tokens
  kEvidence = 3,  // erasure certificates
  kIngest = 4,    // bank tokens sealed on their way in
  kAudit = 5,     // checkpoints
};
std::string_view KeyUseText(KeyUse use);  // "kek"

// --- kKeyList
struct KeyListQuestion {
  uint32_t from = 0;  // the answer's `next` of before

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.from);
  }
};
struct KeyRow {
  KeyUse use = KeyUse::kKek;
  KeyId id{};
  std::string_view institution;  // of a KEK
  uint32_t version = 0;
  KeyState state = KeyState::kActive;
  uint64_t created_at = 0;
  uint64_t ended_at = 0;    // no longer active since; 0: active
  uint64_t rotate_at = 0;   // by age; 0: never by itself
  uint64_t destroy_at = 0;  // planned; 0: not
  bool counted = false;     // the store has told how many links
  uint64_t links = 0;       // left under a KEK

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.use);
    coder.Fixed(self.id);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Number(self.version);
    coder.Number(self.state);
    coder.Number(self.created_at);
    coder.Number(self.ended_at);
    coder.Number(self.rotate_at);
    coder.Number(self.destroy_at);
    coder.Flag(self.counted);
    coder.Number(self.links);
  }
};
struct KeyListAnswer {
  uint64_t now = 0;
  uint32_t next = 0;  // 0: that was all
  base::BoundedList<KeyRow, base::kKeyRowsMax> rows;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.now);
    coder.Number(self.next);
    coder.Structs(self.rows);
  }
};

// --- kKeyRotate
enum class RotateTarget : uint8_t {
  kInstitution = 1,
  kAll = 2,  // every institution's KEK
  kToken = 3,
  kEvidence = 4,
  kIngest = 5,
  kAudit = 6,
  kRoot = 7,
};
struct RotateQuestion {
  RotateTarget target = RotateTarget::kInstitution;
  std::string_view institution;  // kInstitution only

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.target);
    coder.Text(self.institution, base::kNameBytesMax);
  }
};
struct RotateAnswer {
  uint32_t started = 0;  // new versions made

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.started);
  }
};

// --- kKeyCompromise: never used for sealing again; an urgent rewrap begins
// --- kKeyDestroy: planned, and carried out after the policy's wait
struct KeyQuestion {
  KeyId id{};
  bool cancel = false;  // kKeyDestroy: take the plan back

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.id);
    coder.Flag(self.cancel);
  }
};
struct DestroyAnswer {
  uint64_t destroy_at = 0;  // 0: done at once, or taken back

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.destroy_at);
  }
};

// --- kKeyExport: keyring and slots, sealed under the root, for a file. Asked
// twice: for the bytes, and once they are safe on disk with their generation.
struct ExportQuestion {
  uint64_t stored = 0;  // 0: give the bytes; else: this generation is stored

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.stored);
  }
};
struct ExportAnswer {
  uint64_t generation = 0;  // of the keyring
  Bytes bytes;              // see vault/keeper/key_export.h

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.generation);
    coder.LongBytes(self.bytes, base::kKeyExportBytesMax);
  }
};

// --- kKeyImport: an uninitialised keeper becomes the vault of an export.
// open.slot.id names the slot of the export; its secret opens it. Answer:
// InitAnswer.
struct ImportQuestion {
  OpenQuestion open;
  Bytes bytes;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.open);
    coder.LongBytes(self.bytes, base::kKeyExportBytesMax);
  }
};

// --- kInstitutionList (question: KeyListQuestion)
struct InstitutionRow {
  std::string_view name;
  InstitutionState state = InstitutionState::kActive;
  bool in_policy = false;
  KeyId active{};        // zeros: none
  uint32_t version = 0;  // of the active KEK
  bool counted = false;
  uint64_t links = 0;  // under KEKs that live
  uint64_t dead = 0;   // under destroyed KEKs, still to be swept
  uint64_t to_rewrap = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.name, base::kNameBytesMax);
    coder.Number(self.state);
    coder.Flag(self.in_policy);
    coder.Fixed(self.active);
    coder.Number(self.version);
    coder.Flag(self.counted);
    coder.Number(self.links);
    coder.Number(self.dead);
    coder.Number(self.to_rewrap);
  }
};
struct InstitutionListAnswer {
  uint32_t next = 0;
  base::BoundedList<InstitutionRow, base::kKeyRowsMax> rows;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.next);
    coder.Structs(self.rows);
  }
};

// --- kInstitutionChange
enum class InstitutionAction : uint8_t {
  kSuspend = 1,
  kResume = 2,
  kWithdraw = 3,  // destroys its KEKs: no link opens again
  kAdmit = 4,
};
struct InstitutionQuestion {
  std::string_view name;
  InstitutionAction action = InstitutionAction::kSuspend;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.name, base::kNameBytesMax);
    coder.Number(self.action);
  }
};

// --- kJudgeLinks: would these records open? Nothing of them leaves.
struct JudgedLink {
  LinkId link{};
  StoredLink stored;  // with token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Struct(self.stored);
  }
};
struct JudgeQuestion {
  base::BoundedList<JudgedLink, base::kJudgedLinksMax> links;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Structs(self.links);
  }
};
struct JudgeAnswer {
  base::BoundedList<Rule, base::kJudgedLinksMax> rules;  // in order

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Numbers(self.rules);
  }
};

// --- kRestore: the gate is told to put the store that lies ready as `incoming`
// in force.
struct RestoreQuestion {
  ByteArray<32> digest{};  // of the backup file, and of `incoming`
  uint64_t made_at = 0;    // of the backup
  uint64_t links = 0;      // it holds
  uint64_t lost = 0;       // links of the store that it does not hold
  uint64_t dead = 0;       // links it holds that open no more
  // Of the keyring that judged them; refused when it is another by now.
  uint64_t keyring_generation = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.digest);
    coder.Number(self.made_at);
    coder.Number(self.links);
    coder.Number(self.lost);
    coder.Number(self.dead);
    coder.Number(self.keyring_generation);
  }
};
struct RestoreAnswer {
  bool done = false;  // ask again until one of them is true
  bool failed = false;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Flag(self.done);
    coder.Flag(self.failed);
  }
};

}  // namespace coffer::wire
