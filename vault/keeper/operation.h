// What every operation of the gate's list shares: who asks, the answer being
// written, the leaf that goes with it, and room for one link at a time. Runs in
// the keeper's main thread.
#pragma once

#include "vault/keeper/connections.h"
#include "vault/keeper/sealed_link.h"
#include "vault/keeper/vault.h"

namespace coffer::keeper {

// Writes one batch's answers. A batch that fits its limits cannot overflow.
class AnswerWriter {
 public:
  AnswerWriter(base::MutableBytes out, wire::Op op) : encoder_(out), op_(op) {}

  void Refuse(wire::Rule rule, uint64_t leaf) { Header(rule, leaf); }
  template <typename Fields>
  void Allow(uint64_t leaf, const Fields& fields) {
    Header(wire::Rule::kAllowed, leaf);
    encoder_.Struct(fields);
  }
  size_t used() const {
    COFFER_CHECK(!encoder_.failed());
    return encoder_.used();
  }

 private:
  void Header(wire::Rule rule, uint64_t leaf) {
    wire::AnswerHeader header;
    header.op = op_;
    header.rule = rule;
    header.leaf = leaf;
    encoder_.Struct(header);
  }

  base::Encoder encoder_;
  wire::Op op_;
};

// A replacement that the store has not confirmed yet.
struct PendingWrite {
  wire::LinkId link{};
  uint64_t leaf = 0;  // 0: this place is free
  uint32_t revision = 0;
  uint16_t institution = 0;  // Floor::institution
  bool ends_tokens = false;
  // Set by a kill that overtook it: what the writer is told.
  wire::Rule overtaken = wire::Rule::kAllowed;
};

// Fixed table; lookup is linear over what is in use, which is one turn's worth.
class PendingWrites {
 public:
  PendingWrites() : entries_(new PendingWrite[base::kPendingWritesMax]) {}
  bool full() const { return size_ == base::kPendingWritesMax; }
  void Add(const PendingWrite& write) {
    COFFER_CHECK(!full());
    entries_[size_++] = write;
  }
  PendingWrite* Find(const wire::LinkId& link) {
    for (size_t i = 0; i < size_; ++i) {
      if (entries_[i].link == link) return &entries_[i];
    }
    return nullptr;
  }
  // A kill goes ahead of it: its writer will be told so.
  PendingWrite* Overtake(const wire::LinkId& link, wire::Rule told) {
    PendingWrite* write = Find(link);
    if (write != nullptr) write->overtaken = told;
    return write;
  }
  void Remove(PendingWrite* write) { *write = entries_[--size_]; }
  void Clear() { size_ = 0; }

 private:
  std::unique_ptr<PendingWrite[]> entries_;
  size_t size_ = 0;
};

struct Asker {
  wire::Rule rule = wire::Rule::kGone;  // kAllowed: a caller of the policy
  int caller = -1;                      // place in policy.callers
  std::string_view name;                // of the caller, else empty
};

// One item's way: Enter, decide, then Refuse or Allow, each of which leaves one
// leaf. Value with borrowed parts; made anew for every item.
class Operation {
 public:
  struct Shared {
    Vault& vault;
    Connections& connections;
    PendingWrites& pending;
    OpenedLink& opened;
    SealedLink& sealed;
  };

  Operation(Shared& shared, AnswerWriter& answer, wire::LeafKind kind,
            bool kill = false)
      : s(shared), answer_(answer), kill_(kill) {
    leaf.kind = kind;
  }

  // False when it was answered already: gone, sealed, journal full, or no such
  // caller.
  bool Enter(wire::ConnectionId connection);
  // For what no connection asks for.
  bool EnterUnasked();

  // Opens and checks what the store has: unknown, damaged, erased and stale
  // records are refusals; `status` is the consent's, floors included.
  wire::Rule Open(const wire::LinkId& link, const wire::StoredLink& stored);
  // The asker's right, the record, and whose it is, in this order.
  wire::Rule OpenOwned(uint16_t right, const wire::LinkId& link,
                       const wire::StoredLink& stored);
  LinkFacts Facts() const;
  // The leaf's day-keyed name for the link; Open does this by itself.
  void TagWith(const crypto::LinkAuditKey& audit);

  // Adds the leaf and answers. `shown`: what the gate is told, when that is
  // less than the leaf says.
  void Refuse(wire::Rule rule) { RefuseAs(rule, rule); }
  void RefuseAs(wire::Rule rule, wire::Rule shown);
  template <typename Fields>
  void Allow(const Fields& fields) {
    const uint64_t index = Log(wire::Rule::kAllowed);
    answer_.Allow(index, fields);
  }
  // What the leaf calls refused is no error to the caller.
  template <typename Fields>
  void AllowAs(wire::Rule rule, const Fields& fields) {
    if (in_reserve_) {
      return answer_.Refuse(wire::Rule::kJournalFull, wire::kNoLeaf);
    }
    const uint64_t index = Log(rule);
    answer_.Allow(index, fields);
  }
  // Answers without a leaf: no decision was made.
  template <typename Fields>
  void AllowUnlogged(const Fields& fields) {
    answer_.Allow(wire::kNoLeaf, fields);
  }
  uint64_t Log(wire::Rule rule);
  const wire::Policy& policy() const { return s.vault.policy(); }
  const wire::PolicyCaller& who() const {
    return policy().callers[static_cast<size_t>(asker.caller)];
  }
  // The index that this operation's leaf will have.
  uint64_t leaf_index() const { return s.vault.next_leaf(); }

  // What is left of the journal is kept for kills.
  bool in_reserve() const { return in_reserve_; }

  Shared& s;
  Asker asker;
  wire::Leaf leaf;
  wire::ConsentStatus status = wire::ConsentStatus::kActive;

 private:
  AnswerWriter& answer_;
  bool kill_;
  // The journal's last room is for kills that succeed, not for refusals.
  bool in_reserve_ = false;
  char names_[2 * base::kNameBytesMax + 1];
};

// What the floors say of a record that opened: kAllowed with the consent's
// status, floors included (the reason goes into `opened`), kLinkErased,
// kRecordStale; kRecordDamaged when its leaf is not one of this vault's yet.
// Raises nothing.
wire::Rule JudgeRecord(const Vault& vault, OpenedLink& opened,
                       wire::ConsentStatus& status);

// The same of what a wrap names: kAllowed, kLinkErased, kRecordStale,
// kRecordDamaged, kConsentRevoked (with reason) or kConsentUsed.
struct FloorFacts {
  const wire::LinkId* link = nullptr;
  std::string_view linker;
  const wire::SubjectHash* subject = nullptr;
  uint64_t leaf = 0;
  uint32_t revision = 0;
  uint64_t kek_created_leaf = 0;  // of the KEK that it is under
  int institution = 0;
  bool ended = false;  // sealed as revoked or used
};
wire::Rule JudgeFloors(const Vault& vault, const FloorFacts& record,
                       wire::RevocationReason& reason);
// Raises the floor that the record itself proves to be missing. kAllowed,
// kFloorsFull or kJournalFull.
wire::Rule RaiseMissingFloor(Vault& vault, const FloorFacts& record);
// Floor::institution of a link's floor.
inline uint16_t FloorInstitution(int place) {
  return static_cast<uint16_t>(place + 1);
}

// The name of a link in the leaves of one UTC day.
wire::ByteArray<16> LinkTag(const crypto::LinkAuditKey& audit, uint64_t day);

// Floors that concern a subject: one of the linker's, and one of every linker.
wire::ByteArray<16> SubjectFloorKey(const Keyring& keyring,
                                    std::string_view linker,
                                    const wire::SubjectHash& subject);
// The floor that ends every token of a caller, purpose or institution.
wire::ByteArray<16> NameFloorKey(const Keyring& keyring, wire::TokenGroup group,
                                 std::string_view name);
wire::SubjectHash HashSubject(const Keyring& keyring, std::string_view subject);

}  // namespace coffer::keeper
