#include "vault/keeper/history_operations.h"

#include "vault/keeper/consent_history.h"

namespace coffer::keeper {

using wire::ConsentEnding;
using wire::ConsentStatus;
using wire::Rule;

namespace {

// When the opened record was erased by a floor; now where none did.
uint64_t EndedAt(const Operation& operation) {
  const Vault& vault = operation.s.vault;
  const wire::RecordHead& head = operation.s.opened.head;
  const Keyring& keyring = vault.keyring();
  for (const wire::ByteArray<16>& key :
       {head.link, SubjectFloorKey(keyring, head.linker, head.subject),
        SubjectFloorKey(keyring, {}, head.subject)}) {
    const Floor* floor = vault.floors().Find(key);
    if (floor != nullptr && floor->kind == FloorKind::kErased &&
        head.leaf < floor->record_leaf) {
      return floor->erased_at;
    }
  }
  return vault.Now();
}

// How it ended, floors included. Where a floor alone says so, as of a record
// that a kill has left behind, no time is known: it is told as of `now`.
ConsentEnd EndOf(const Operation& operation, bool replaced, uint64_t now) {
  const LinkMetadata& metadata = operation.s.opened.metadata;
  const uint64_t at =
      metadata.status == operation.status ? metadata.updated_at : now;
  switch (operation.status) {
    case ConsentStatus::kRevoked:
      return {ConsentEnding::kRevoked, at};
    case ConsentStatus::kUsed:
      return {ConsentEnding::kUsed, at};
    case ConsentStatus::kActive:
    case ConsentStatus::kExpired:
      break;
  }
  if (metadata.expires_at <= now) {
    return {ConsentEnding::kExpired, metadata.expires_at};
  }
  return {replaced ? ConsentEnding::kReplaced : ConsentEnding::kErased, now};
}

// The opened record, which no floor has erased: may its link end now?
Rule MayBury(const Operation& operation) {
  const Vault& vault = operation.s.vault;
  const OpenedLink& opened = operation.s.opened;
  if (!vault.clock_accepted()) return Rule::kClock;
  const uint64_t ends =
      opened.metadata.expires_at + operation.policy().keep_expired_seconds;
  if (vault.Now() < ends) return Rule::kNotEnded;
  // A consent given anew is on its way to the store.
  if (operation.s.pending.Find(opened.head.link) != nullptr) {
    return Rule::kNotEnded;
  }
  // No kill: what kills need stays theirs, and the sweep waits.
  if (!vault.CanAppend(false)) return Rule::kJournalFull;
  if (!vault.CanRaiseFloor(opened.head.link, false)) return Rule::kFloorsFull;
  return Rule::kAllowed;
}

}  // namespace

Bytes KeepConsent(const Operation& operation, bool replaced,
                  uint8_t (&out)[base::kHistoryBytesMax]) {
  const uint64_t days = operation.policy().history_days;
  if (days == 0) return {};
  const uint64_t ended = EndedAt(operation);
  return SealHistory(operation.s.vault.keyring(), operation.s.opened,
                     EndOf(operation, replaced, ended),
                     ended + days * base::kDaySeconds, out);
}

void Bury(Operation::Shared& shared, const wire::BuryItem& item,
          AnswerWriter& answer) {
  Operation operation(shared, answer, wire::LeafKind::kLinkExpire, true);
  if (!operation.EnterUnasked()) return;
  Rule rule = operation.Open(item.link, item.stored);
  uint8_t room[base::kHistoryBytesMax];
  wire::BuryAnswer buried;
  // Its end has a leaf and a floor already.
  if (rule == Rule::kLinkErased) {
    buried.history = KeepConsent(operation, false, room);
    return operation.AllowUnlogged(buried);
  }
  if (rule == Rule::kAllowed) rule = MayBury(operation);
  if (rule != Rule::kAllowed) return answer.Refuse(rule, wire::kNoLeaf);
  Floor floor{};
  floor.key = item.link;
  floor.kind = FloorKind::kErased;
  floor.record_leaf = floor.token_leaf = operation.leaf_index();
  floor.institution = FloorInstitution(shared.opened.institution);
  COFFER_CHECK(shared.vault.RaiseFloor(floor, false));
  buried.history = KeepConsent(operation, false, room);
  operation.Allow(buried);
}

void History(Operation::Shared& shared, const wire::HistoryItem& item,
             AnswerWriter& answer) {
  Operation operation(shared, answer, wire::LeafKind::kConsentHistory);
  if (!operation.Enter(item.connection)) return;
  Rule rule =
      DecideRight(operation.policy(), operation.asker.caller, wire::kRightRead);
  uint8_t plaintext[base::kHistoryBytesMax];
  wire::PastConsent past;
  if (rule == Rule::kAllowed) {
    rule = OpenHistory(shared.vault.keyring(), item.history, plaintext, past);
  }
  if (rule == Rule::kAllowed) {
    operation.leaf.institution = past.institution;
    rule = DecideOwner(operation.policy(), operation.asker.caller,
                       wire::kRightRead, past.linker);
  }
  if (rule == Rule::kAllowed && past.keep_until <= shared.vault.Now()) {
    rule = Rule::kLinkUnknown;
  }
  if (rule == Rule::kAllowed) {
    operation.Allow(past);
  } else {
    operation.Refuse(rule);
  }
  base::Wipe(plaintext);
}

}  // namespace coffer::keeper
