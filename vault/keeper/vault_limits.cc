// The vault's limits: budgets and brakes, the floors of names, and what happens
// when floors find no room.
#include "vault/keeper/operation.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using wire::InstitutionState;
using wire::Leaf;
using wire::LeafKind;

wire::Rule Vault::Spend(int caller, int purpose, const wire::LinkId& link,
                        uint32_t uid) {
  Budgets::Wish wish;
  wish.caller = static_cast<size_t>(caller);
  wish.purpose = static_cast<size_t>(purpose);
  wish.link = link;
  wish.now = Now();
  wish.boot_milliseconds = clock_.BootMilliseconds();
  const Budgets::Spent spent = budgets_.Spend(wish);
  if (spent.counted) AddChange(ChangeKind::kBudget, spent.count);
  if (spent.tripped) {
    AddChange(ChangeKind::kBrake, spent.brake);
    Leaf leaf;
    leaf.kind = LeafKind::kBrakeTrip;
    leaf.rule = spent.rule;
    leaf.uid = uid;
    leaf.caller = policy_->callers[wish.caller].name.view();
    leaf.purpose = policy_->purposes[wish.purpose].name.view();
    leaf.detail = spent.brake.state.counted;
    AddLeaf(leaf);
  }
  return spent.rule;
}

void Vault::ListBrakes(uint32_t from, wire::BrakeListAnswer& answer) const {
  budgets_.List(*policy_, Now(), from, answer);
}

Status Vault::ReleaseBrake(const wire::BrakeId& id, uint32_t uid) {
  if (!journal_.CanRecord()) {
    return Fail(Code::kFull, "the journal cannot grow; free disk space");
  }
  Budgets::Released released;
  COFFER_TRY(budgets_.Release(id, Now(), released));
  AddChange(ChangeKind::kBrake, released.brake);
  Leaf leaf;
  leaf.kind = LeafKind::kBrakeRelease;
  leaf.uid = uid;
  leaf.caller = policy_->callers[released.caller].name.view();
  leaf.purpose = policy_->purposes[released.purpose].name.view();
  leaf.detail = released.counted;
  return Record(leaf);
}

Status Vault::RevokeTokens(const wire::RevokeTokensQuestion& question,
                           uint32_t uid) {
  if (!wire::IsName(question.name)) {
    return Fail(Code::kInvalid,
                "that is no name: 1 to 32 of A-Z a-z 0-9 _ . -");
  }
  Leaf leaf;
  leaf.kind = LeafKind::kTokensRevoke;
  leaf.uid = uid;
  switch (question.group) {
    case wire::TokenGroup::kCaller:
      leaf.caller = question.name;
      break;
    case wire::TokenGroup::kPurpose:
      leaf.purpose = question.name;
      break;
    case wire::TokenGroup::kInstitution:
      leaf.institution = question.name;
      break;
    default:
      return Fail(Code::kInvalid, "no such group of tokens");
  }
  if (!journal_.CanRecord()) {
    return Fail(Code::kFull, "the journal cannot grow; free disk space");
  }
  Floor floor{};
  floor.key = NameFloorKey(keyring_, question.group, question.name);
  floor.kind = FloorKind::kTokens;
  floor.token_leaf = journal_.next_leaf();
  if (!RaiseFloor(floor, true)) {
    return Fail(Code::kFull,
                "no room for another floor; coffer key rotate --all makes "
                "some, coffer institution suspend holds until then");
  }
  return Record(leaf);
}

// --- Floors that find no room

// False when none of them was active. What is suspended here is so in the next
// key export, too: the generation rises as by an operator's hand.
bool Vault::Suspend(uint16_t institution) {
  bool suspended = false;
  for (size_t i = 0; i < keyring_.institutions(); ++i) {
    const int place = static_cast<int>(i);
    const bool meant =
        institution == 0 || institution == FloorInstitution(place);
    if (meant &&
        keyring_.institution(place).state == InstitutionState::kActive) {
      keyring_.SetState(place, InstitutionState::kSuspended);
      suspended = true;
    }
  }
  keyring_generation_ += suspended;
  return suspended;
}

void Vault::SuspendForRoom(uint16_t institution) {
  if (!Suspend(institution)) return;
  AddChange(ChangeKind::kInstitution, InstitutionChange{institution});
  Leaf leaf;
  leaf.kind = LeafKind::kInstitutionSuspend;
  leaf.rule = wire::Rule::kFloorsFull;
  leaf.uid = kKeeperUid;
  if (institution != 0) {
    leaf.institution = keyring_.institution(institution - 1).name.view();
  }
  AddLeaf(leaf);
}

}  // namespace coffer::keeper
