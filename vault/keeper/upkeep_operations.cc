#include "vault/keeper/upkeep_operations.h"

#include "vault/keeper/kill_operations.h"

namespace coffer::keeper {

using wire::Rule;

namespace {

// A KEK whose wraps the store is to walk: to rewrap them, or to sweep them.
bool IsToWalk(const KekEntry& kek) {
  return !MaySeal(kek.state) && !kek.drained && !kek.swept;
}

// False, and answered, while nothing is open.
bool IsOpen(const Vault& vault, AnswerWriter& answer) {
  if (vault.state() == wire::VaultState::kOperational) return true;
  answer.Refuse(Rule::kSealed, wire::kNoLeaf);
  return false;
}

void TakeCounts(Keyring& keyring, const wire::WorkItem& item) {
  for (size_t i = 0; i < keyring.keks(); ++i) {
    keyring.kek(i).counted = item.counted;
    keyring.kek(i).links = 0;
  }
  if (!item.counted) return;
  for (const wire::KekCount& count : item.counts) {
    if (KekEntry* kek = keyring.FindKek(count.kek)) kek->links = count.links;
  }
}

void AddRows(const Keyring& keyring, bool urgent, wire::WorkAnswer& work) {
  for (size_t place = 0; place < keyring.institutions(); ++place) {
    wire::WorkRow row;
    for (size_t i = 0; i < keyring.keks(); ++i) {
      const KekEntry& kek = keyring.kek(i);
      if (kek.institution != place) continue;
      if (MaySeal(kek.state)) row.active = kek.id;
      if (!IsToWalk(kek)) continue;
      row.old.push_back(kek.id);
      row.urgent |= kek.state == wire::KeyState::kCompromised;
    }
    if (row.old.empty() || row.urgent != urgent) continue;
    row.institution = keyring.institution(static_cast<int>(place)).name.view();
    if (!work.rows.push_back(row)) return;
  }
}

// One item's way through its rows.
class Rewrapping {
 public:
  Rewrapping(Operation::Shared& shared, std::string_view name, int institution,
             const KekEntry* active)
      : vault_(shared.vault),
        dek_(shared.opened.dek),
        name_(name),
        institution_(institution),
        active_(active) {}

  void Row(const wire::RewrapRow& row, wire::RewrapResult& result) {
    result.rule = Carry(row, result.box);
    if (result.rule != Rule::kAllowed) result.box.fill(0);
  }

 private:
  // The wrap's own names are judged before its box is opened: a wrap that lies
  // about them does not open, and a floor that it meets refuses it either way.
  Rule Carry(const wire::RewrapRow& row,
             wire::ByteArray<wire::kWrapBoxBytes>& box) {
    auto wrap = wire::DecodeWrap(row.wrap);
    if (!wrap.ok()) return Rule::kRecordDamaged;
    Rule rule = Find(wrap->kek);
    if (rule != Rule::kAllowed) return rule;
    const FloorFacts record{&row.link,   wrap->linker,   &wrap->subject,
                            wrap->leaf,  wrap->revision, from_->created_leaf,
                            institution_};
    wire::RevocationReason reason{};
    rule = JudgeFloors(vault_, record, reason);
    if (rule != Rule::kAllowed) return rule;
    rule = RewrapDek(*from_, *active_, name_, row.link, *wrap, dek_, box);
    return rule == Rule::kAllowed ? RaiseMissingFloor(vault_, record) : rule;
  }
  // Neighbours are mostly under one KEK.
  Rule Find(const KeyId& id) {
    if (active_ != nullptr && id == active_->id) return Rule::kKeyNotToRewrap;
    if (from_ != nullptr && from_->id == id) return Rule::kAllowed;
    const Keyring& keyring = vault_.keyring();
    const KekEntry* found = keyring.KekToOpen(institution_, id);
    if (found == nullptr) {
      return keyring.IsDestroyed(institution_, id) ? Rule::kKeyDestroyed
                                                   : Rule::kKeyUnavailable;
    }
    if (active_ == nullptr) return Rule::kKeyUnavailable;
    from_ = found;
    return Rule::kAllowed;
  }

  Vault& vault_;
  crypto::Dek& dek_;
  const std::string_view name_;
  const int institution_;
  const KekEntry* const active_;  // nullptr: withdrawn, there is only to sweep
  const KekEntry* from_ = nullptr;
};

}  // namespace

void Work(Operation::Shared& shared, const wire::WorkItem& item,
          AnswerWriter& answer) {
  Vault& vault = shared.vault;
  if (!IsOpen(vault, answer)) return;
  TakeCounts(vault.keyring(), item);
  wire::WorkAnswer work;
  const StoreAdoption& adoption = vault.adoption();
  if (adoption.under_way()) work.adopt = adoption.digest;
  for (bool urgent : {true, false}) AddRows(vault.keyring(), urgent, work);
  answer.Allow(wire::kNoLeaf, work);
}

void Rewrap(Operation::Shared& shared, const wire::RewrapItem& item,
            AnswerWriter& answer) {
  Vault& vault = shared.vault;
  if (!IsOpen(vault, answer)) return;
  const int place = vault.keyring().FindInstitution(item.institution);
  if (place < 0) {
    return answer.Refuse(Rule::kUnknownInstitution, wire::kNoLeaf);
  }
  const KekEntry* active = vault.keyring().ActiveKek(place);
  Rewrapping rewrapping(shared, item.institution, place, active);
  wire::RewrapAnswer rewrapped;
  if (active != nullptr) rewrapped.kek = active->id;
  rewrapped.rows.size = item.rows.size;
  for (size_t i = 0; i < item.rows.size; ++i) {
    rewrapping.Row(item.rows[i], rewrapped.rows[i]);
  }
  shared.opened.dek.Wipe();
  answer.Allow(wire::kNoLeaf, rewrapped);
}

void Settle(Operation::Shared& shared, const wire::SettleItem& item,
            AnswerWriter& answer) {
  // No kill: its floor is in force already.
  Operation operation(shared, answer, wire::LeafKind::kConsentSettle);
  if (!operation.EnterUnasked()) return;
  const OpenedLink& opened = shared.opened;
  Rule rule = operation.Open(item.link, item.stored);
  if (rule == Rule::kAllowed &&
      opened.metadata.status != wire::ConsentStatus::kActive) {
    rule = Rule::kAlreadyRevoked;  // its record says so already
  }
  if (rule == Rule::kAllowed &&
      operation.status == wire::ConsentStatus::kActive) {
    rule = Rule::kKeyNotToRewrap;  // no floor wants it
  }
  if (rule != Rule::kAllowed) return answer.Refuse(rule, wire::kNoLeaf);
  SealEnded(operation, operation.status, opened.metadata.reason);
}

void Drained(Operation::Shared& shared, const wire::DrainedItem& item,
             AnswerWriter& answer) {
  if (!IsOpen(shared.vault, answer)) return;
  Keyring& keyring = shared.vault.keyring();
  const int place = keyring.FindInstitution(item.institution);
  KekEntry* kek = keyring.FindKek(item.kek);
  if (kek == nullptr || place < 0 || kek->institution != place) {
    return answer.Refuse(Rule::kKeyUnavailable, wire::kNoLeaf);
  }
  // While another store comes in, what this one has not says nothing.
  if (MaySeal(kek->state) || shared.vault.adoption().under_way()) {
    return answer.Refuse(Rule::kKeyNotToRewrap, wire::kNoLeaf);
  }
  keyring.MarkDrained(*kek);
  answer.Allow(wire::kNoLeaf, wire::EmptyAnswer{});
}

void Adopted(Operation::Shared& shared, const wire::AdoptedItem& item,
             AnswerWriter& answer) {
  if (!IsOpen(shared.vault, answer)) return;
  StoreAdoption& adoption = shared.vault.adoption();
  if (!adoption.under_way() || item.digest != adoption.digest) {
    return answer.Refuse(Rule::kMalformedRequest, wire::kNoLeaf);
  }
  adoption.done = true;
  adoption.adopted = item.adopted;
  // Counts that came meanwhile were of the store before.
  if (item.adopted) shared.vault.keyring().ForgetWalks();
  answer.Allow(wire::kNoLeaf, wire::EmptyAnswer{});
}

}  // namespace coffer::keeper
