// The vault's parts that the services share: leaves, floors, and the two ways
// to make a change of keys durable.
#include <algorithm>

#include "vault/keeper/vault.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::MutableBytes;
using wire::Leaf;
using wire::LeafKind;

// What CanAppend keeps room for: the leaf of a decision, one more that comes of
// it (a brake that tripped, a suspension; no scope), and two changes.
constexpr size_t kLeafHeadBytes = 3 + 8 + 8 + 4 + 16 + 4 + 4 + 5 * 2;
static_assert((kEntryHeadBytes + kLeafHeadBytes + 5 * base::kNameBytesMax + 1 +
               wire::kScopeTextBytesMax) +
                  (kEntryHeadBytes + kLeafHeadBytes + 3 * base::kNameBytesMax) +
                  2 * (kEntryHeadBytes + 1 + kFloorBytes) <=
              kItemEntriesBytesMax);
static_assert(sizeof(BudgetCount) <= kFloorBytes &&
              sizeof(BrakeChange) <= kFloorBytes);

Status Vault::WriteKeys() {
  ++keyring_generation_;
  FormatShownKeys();
  return WriteState();
}

void Vault::FormatShownKeys() {
  crypto::FormatPublicKey(
      evidence_key_, keyring_.ActiveSigner(SigningUse::kEvidence).public_key);
  crypto::FormatPublicId(ingest_kid_,
                         keyring_.ActiveSigner(SigningUse::kIngest).id);
}

Status Vault::ReplaceRoot() {
  crypto::RootKey root(arena_);
  crypto::RandomKey(root);
  StateHeader header = header_;
  for (StateSlot& slot : header.slots) {
    COFFER_TRY(crypto::SealKey(slot.sealed_root, root, slot.public_key));
  }
  header_ = header;
  root_ = std::move(root);
  return WriteKeys();
}

Status Vault::Record(Leaf leaf) {
  if (!journal_.CanRecord()) {
    return Fail(Code::kFull, "the journal cannot grow; free disk space");
  }
  AddLeaf(leaf);
  return journal_.SyncNow(keyring_.journal_key());
}

Status Vault::AddOperatorLeaf(LeafKind kind, uint32_t uid, uint32_t detail) {
  Leaf leaf;
  leaf.kind = kind;
  leaf.uid = uid;
  leaf.detail = detail;
  return Record(leaf);
}

Status Vault::TellNotCarriedOut() {
  const size_t told = std::min(not_carried_out_, kNotCarriedOutMax);
  for (size_t i = 0; i < told; ++i) {
    Leaf leaf;
    leaf.kind = LeafKind::kNotCarriedOut;
    leaf.uid = kKeeperUid;
    leaf.detail = static_cast<uint32_t>(not_carried_out_leaves_[i]);
    if (i + 1 == told) {
      leaf.revision = static_cast<uint32_t>(not_carried_out_ - told);
    }
    COFFER_TRY(Record(leaf));
  }
  return {};
}

uint64_t Vault::AddLeaf(Leaf& leaf) {
  leaf.index = journal_.next_leaf();
  if (leaf.time == 0) leaf.time = Now();
  uint8_t bytes[base::kLeafBytesMax];
  auto size = base::EncodeWhole(MutableBytes(bytes), leaf);
  COFFER_CHECK(size.ok());
  COFFER_CHECK(journal_.AddLeaf(Bytes(bytes, *size)));
  return leaf.index;
}

bool Vault::RaiseFloor(Floor floor, bool kill) {
  floor.set_leaf = journal_.next_leaf();
  floor.erased_at =
      floor.kind == FloorKind::kErased ? static_cast<uint32_t>(Now()) : 0;
  if (!floors_.Raise(floor, kill)) return false;
  AddChange(ChangeKind::kFloor, floor);
  return true;
}

template <typename Change>
void Vault::AddChange(ChangeKind kind, const Change& change) {
  uint8_t bytes[kChangeBytesMax];
  bytes[0] = static_cast<uint8_t>(kind);
  auto size = base::EncodeWhole(MutableBytes(bytes).subspan(1), change);
  COFFER_CHECK(size.ok());
  COFFER_CHECK(journal_.AddChange(Bytes(bytes, 1 + *size)));
}
template void Vault::AddChange(ChangeKind, const BudgetCount&);
template void Vault::AddChange(ChangeKind, const BrakeChange&);
template void Vault::AddChange(ChangeKind, const InstitutionChange&);

namespace {

template <typename Change>
Result<Change> DecodeChange(Bytes fields) {
  auto change = base::DecodeWhole<Change>(fields);
  if (!change.ok()) {
    return Fail(Code::kInvalid, "journal: a change is malformed");
  }
  return change;
}

}  // namespace

Status Vault::ReplayChange(Bytes bytes) {
  const auto kind = bytes.empty() ? ChangeKind{} : ChangeKind{bytes[0]};
  const Bytes fields = bytes.empty() ? bytes : bytes.subspan(1);
  switch (kind) {
    case ChangeKind::kFloor: {
      auto floor = DecodeChange<Floor>(fields);
      if (!floor.ok()) return floor.error();
      if (!IsFloorKind(static_cast<uint8_t>(floor->kind))) break;
      if (floors_.Raise(*floor, true)) return {};
      return Fail(Code::kFull, "journal: more floors than the table holds");
    }
    case ChangeKind::kBudget: {
      auto count = DecodeChange<BudgetCount>(fields);
      return count.ok() ? budgets_.Replay(*count) : Status(count.error());
    }
    case ChangeKind::kBrake: {
      auto change = DecodeChange<BrakeChange>(fields);
      return change.ok() ? budgets_.Replay(*change) : Status(change.error());
    }
    case ChangeKind::kInstitution: {
      auto change = DecodeChange<InstitutionChange>(fields);
      if (!change.ok()) return change.error();
      if (change->institution > keyring_.institutions()) break;
      Suspend(change->institution);
      return {};
    }
  }
  return Fail(Code::kInvalid, "journal: a change is malformed");
}

size_t Vault::DropFloors(const OldestKeks& oldest, uint64_t token_horizon) {
  // Tokens of an earlier epoch are void.
  const size_t gone =
      floors_.Drop(oldest, std::max(token_horizon, unseal_leaf_));
  HoldHorizon(erasure_horizon_);
  return gone;
}

void Vault::HoldHorizon(uint32_t before) {
  const uint32_t wanted = policy_->erasure_horizon_seconds;
  erasure_horizon_ =
      floors_.erasures() == 0 ? wanted : std::min(before, wanted);
}

Status Vault::DecodeNextPolicy(Bytes compiled) {
  COFFER_TRY(wire::DecodePolicy(*next_policy_, compiled));
  for (const wire::PolicyCaller& caller : next_policy_->callers) {
    for (const crypto::PublicKey& key : {caller.consent_key, caller.seal_to}) {
      if (key != crypto::PublicKey{} && !crypto::PublicKeyUsable(key)) {
        return Fail(Code::kInvalid,
                    "policy: a caller's consent_key or seal_to is no Ed25519 "
                    "public key; make a pair with coffer keypair");
      }
    }
  }
  return {};
}

// Of the policy in next_policy_: checked before its leaf is written.
Status Vault::CheckRoomForKeys() const {
  size_t fresh = 0;
  for (const wire::PolicyInstitution& institution :
       next_policy_->institutions) {
    fresh += keyring_.FindInstitution(institution.name.view()) < 0;
  }
  // Rows that are swept make room.
  size_t held = 0;
  for (size_t i = 0; i < keyring_.keks(); ++i) held += !keyring_.kek(i).swept;
  if (keyring_.institutions() + fresh > base::kInstitutionsMax ||
      held + fresh > base::kKeysMax) {
    return Fail(Code::kFull, "keyring: no room for another institution");
  }
  return {};
}

}  // namespace coffer::keeper
