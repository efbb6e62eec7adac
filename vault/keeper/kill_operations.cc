#include "vault/keeper/kill_operations.h"

#include "vault/keeper/evidence.h"
#include "vault/keeper/link_operations.h"
#include "vault/keeper/signed_consent.h"

namespace coffer::keeper {

using wire::ConsentStatus;
using wire::LeafKind;
using wire::NewRecord;
using wire::Rule;

namespace {

// A kill overtakes a replacement that the store has not confirmed. Returns the
// revision to go on from.
uint32_t Overtake(Operation& operation, Rule told) {
  PendingWrite* write =
      operation.s.pending.Overtake(operation.s.opened.head.link, told);
  return write != nullptr ? write->revision : operation.s.opened.head.revision;
}

// The common way into revoking and erasing a link.
Rule OpenToKill(Operation& operation, uint16_t right, const wire::LinkId& link,
                const wire::StoredLink& stored) {
  Rule rule = operation.OpenOwned(right, link, stored);
  if (rule == Rule::kAllowed && !operation.s.vault.CanRaiseFloor(link, true)) {
    rule = Rule::kFloorsFull;
  }
  if (rule == Rule::kFloorsFull) {
    operation.s.vault.SuspendForRoom(
        FloorInstitution(operation.s.opened.institution));
  }
  return rule;
}

// The rows that prove to be this subject's, and this linker's; each link once.
void NameProven(Shared& shared, const wire::EraseSubjectItem& item,
                Erasure& erasure) {
  const Keyring& keyring = shared.vault.keyring();
  crypto::Dek& dek = shared.opened.dek;
  wire::LinkId last{};
  for (const wire::ErasedRow& row : item.rows) {
    if (row.link <= last) continue;  // in order, as a store shows them
    auto wrap = wire::DecodeWrap(row.wrap);
    const int place = keyring.FindInstitution(row.institution);
    if (!wrap.ok() || place < 0 || wrap->subject != *erasure.subject ||
        (!erasure.linker.empty() && wrap->linker != erasure.linker)) {
      continue;
    }
    const KekEntry* kek = keyring.KekToOpen(place, wrap->kek);
    if (kek == nullptr ||
        !ProvesWrap(*kek, row.institution, row.link, *wrap, dek)) {
      continue;
    }
    last = row.link;
    erasure.links.push_back({row.link, row.institution, kek->id});
  }
  dek.Wipe();
}

}  // namespace

void SealEnded(Operation& operation, ConsentStatus status,
               wire::RevocationReason reason) {
  Shared& shared = operation.s;
  LinkMetadata metadata = shared.opened.metadata;
  metadata.updated_at = shared.vault.Now();
  metadata.status = status;
  metadata.reason = reason;
  LinkToSeal link = Reseal(operation, metadata);
  link.revision = Overtake(operation, Rule::kAlreadyRevoked) + 1;
  // The floor is the kill; the record under the present key only follows it.
  Floor floor{};
  floor.key = link.link;
  floor.kind =
      status == ConsentStatus::kUsed ? FloorKind::kUsed : FloorKind::kRevoked;
  floor.reason = static_cast<uint8_t>(reason);
  floor.record_leaf = floor.token_leaf = link.leaf;
  floor.institution = FloorInstitution(shared.opened.institution);
  COFFER_CHECK(shared.vault.RaiseFloor(floor, true));
  const Rule rule = SealLink(shared.vault.keyring(), link, shared.sealed);
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  operation.leaf.revision = link.revision;
  operation.Allow(RecordOf<NewRecord>(link, shared.sealed));
}

void RevokeConsent(Shared& shared, const wire::RevokeConsentItem& item,
                   AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kConsentRevoke, true);
  if (!operation.Enter(item.connection)) return;
  operation.leaf.detail = static_cast<uint32_t>(item.reason);
  Rule rule = OpenToKill(operation, wire::kRightUpdate, item.link, item.stored);
  if (rule == Rule::kAllowed && operation.status == ConsentStatus::kRevoked) {
    rule = Rule::kAlreadyRevoked;
  }
  if (rule == Rule::kAllowed &&
      item.reason != wire::RevocationReason::kUserAction &&
      item.reason != wire::RevocationReason::kBusinessRule) {
    rule = Rule::kMalformedRequest;
  }
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  SealEnded(operation, ConsentStatus::kRevoked, item.reason);
}

void EraseLink(Shared& shared, const wire::EraseLinkItem& item,
               AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kLinkErase, true);
  if (!operation.Enter(item.connection)) return;
  Rule rule = OpenToKill(operation, wire::kRightErase, item.link, item.stored);
  SignedConsent consent;
  if (rule == Rule::kAllowed) {
    wire::ConsentStatement said;
    said.link = &item.link;
    rule = consent.Verify(operation, said, item.signed_consent, true);
  }
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  consent.Use(shared.vault);
  Overtake(operation, Rule::kLinkErased);
  const uint64_t index = operation.leaf_index();
  Floor floor{};
  floor.key = item.link;
  floor.kind = FloorKind::kErased;
  floor.record_leaf = floor.token_leaf = index;
  floor.institution = FloorInstitution(shared.opened.institution);
  COFFER_CHECK(shared.vault.RaiseFloor(floor, true));
  Erasure erasure;
  erasure.links.push_back(
      {item.link, shared.opened.head.institution, shared.opened.kek});
  uint8_t certificate[kCertificateBytesMax];
  wire::EraseAnswer erased;
  erased.certificate =
      WriteCertificate(certificate, shared.vault, erasure, index);
  operation.Allow(erased);
}

void EraseSubject(Shared& shared, const wire::EraseSubjectItem& item,
                  AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kSubjectErase, true);
  if (!operation.Enter(item.connection)) return;
  operation.leaf.detail = item.links;
  Rule rule = DecideRight(operation.policy(), operation.asker.caller,
                          wire::kRightErase);
  if (rule == Rule::kAllowed && item.subject.empty()) {
    rule = Rule::kMalformedRequest;
  }
  const Keyring& keyring = shared.vault.keyring();
  const wire::SubjectHash subject = HashSubject(keyring, item.subject);
  const bool all = (operation.who().link_rights & wire::kRightAllLinks) != 0;
  Erasure erasure;
  erasure.subject = &subject;
  erasure.linker = all ? "" : operation.asker.name;
  erasure.reported = item.links;
  if (rule == Rule::kAllowed) NameProven(shared, item, erasure);
  // A subject without a link is no kill: inventing subjects must not use up the
  // room that kills need.
  const bool kill = !erasure.links.empty();
  if (rule == Rule::kAllowed && operation.in_reserve() && !kill) {
    rule = Rule::kJournalFull;
  }
  SignedConsent consent;
  if (rule == Rule::kAllowed) {
    wire::ConsentStatement said;
    said.subject = item.subject;
    rule = consent.Verify(operation, said, item.signed_consent, kill);
  }
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  const uint64_t index = operation.leaf_index();
  Floor floor{};
  floor.key =
      SubjectFloorKey(keyring, all ? "" : operation.asker.name, subject);
  floor.kind = FloorKind::kErased;
  // The leaf itself is later than every record it ends.
  floor.record_leaf = floor.token_leaf = index;
  if (!shared.vault.RaiseFloor(floor, kill)) {
    // Whose links they all are, only the store could say.
    if (kill && shared.vault.floors().full()) shared.vault.SuspendForRoom(0);
    return operation.Refuse(Rule::kFloorsFull);
  }
  consent.Use(shared.vault);
  uint8_t certificate[kCertificateBytesMax];
  wire::EraseAnswer erased;
  erased.certificate =
      WriteCertificate(certificate, shared.vault, erasure, index);
  operation.Allow(erased);
}

}  // namespace coffer::keeper
