#include "vault/keeper/link_operations.h"

#include "crypto/kdf.h"
#include "crypto/random.h"
#include "vault/keeper/history_operations.h"
#include "vault/keeper/sealed_transit.h"
#include "vault/keeper/signed_consent.h"

namespace coffer::keeper {
namespace {

using wire::ConsentStatus;
using wire::LeafKind;
using wire::NewRecord;
using wire::Rule;

// A consent that ended in any way takes no bank token.
Rule MayTakeToken(ConsentStatus status) {
  switch (status) {
    case ConsentStatus::kActive:
      return Rule::kAllowed;
    case ConsentStatus::kExpired:
      return Rule::kConsentExpired;
    case ConsentStatus::kUsed:
      return Rule::kConsentUsed;
    case ConsentStatus::kRevoked:
      return Rule::kAlreadyRevoked;
  }
  return Rule::kAlreadyRevoked;
}

// A stale record in a replacement is a race that was lost.
Rule AsReplacement(Rule rule) {
  return rule == Rule::kRecordStale ? Rule::kRevisionMismatch : rule;
}

// May this replacement go on? One that another is ahead of has lost the race.
Rule MayReplace(const Operation& operation, uint32_t if_match) {
  const OpenedLink& opened = operation.s.opened;
  PendingWrites& pending = operation.s.pending;
  if (opened.head.revision != if_match) return Rule::kRevisionMismatch;
  if (pending.Find(opened.head.link) != nullptr) return Rule::kRevisionMismatch;
  if (pending.full()) return Rule::kTooManyPending;
  if (!operation.s.vault.CanRaiseFloor(opened.head.link, false)) {
    return Rule::kFloorsFull;
  }
  return Rule::kAllowed;
}

// False, and refused, when there is no key to seal under.
bool FinishReplacement(Operation& operation, const LinkToSeal& link,
                       bool ends_tokens, Bytes history = {}) {
  Rule rule = SealLink(operation.s.vault.keyring(), link, operation.s.sealed);
  if (rule != Rule::kAllowed) {
    operation.Refuse(rule);
    return false;
  }
  PendingWrite write;
  write.link = link.link;
  write.leaf = link.leaf;
  write.revision = link.revision;
  write.ends_tokens = ends_tokens;
  write.institution = FloorInstitution(operation.s.opened.institution);
  operation.s.pending.Add(write);
  operation.leaf.revision = link.revision;
  auto replaced = RecordOf<wire::ReplaceAnswer>(link, operation.s.sealed);
  replaced.history = history;
  operation.Allow(replaced);
  return true;
}

Rule DecideCreate(Operation& operation, const wire::CreateItem& item) {
  const wire::Policy& policy = operation.policy();
  const Keyring& keyring = operation.s.vault.keyring();
  Rule rule = DecideRight(policy, operation.asker.caller, wire::kRightCreate);
  if (rule != Rule::kAllowed) return rule;
  if (!wire::CheckConsent(item.consent).ok() || item.subject.empty()) {
    return Rule::kMalformedRequest;
  }
  const int place = FindInstitution(policy, item.institution);
  const int keys = keyring.FindInstitution(item.institution);
  if (place < 0 || keys < 0) return Rule::kUnknownInstitution;
  operation.leaf.institution = item.institution;
  rule = DecideConsent(policy, item.consent);
  if (rule != Rule::kAllowed) return rule;
  switch (keyring.institution(keys).state) {
    case wire::InstitutionState::kActive:
      return Rule::kAllowed;
    case wire::InstitutionState::kSuspended:
      return Rule::kInstitutionSuspended;
    case wire::InstitutionState::kWithdrawn:
      break;
  }
  return Rule::kInstitutionWithdrawn;
}

}  // namespace

LinkToSeal Reseal(const Operation& operation, const LinkMetadata& metadata) {
  const OpenedLink& opened = operation.s.opened;
  LinkToSeal link;
  link.link = opened.head.link;
  link.revision = opened.head.revision + 1;
  link.leaf = operation.leaf_index();
  link.institution = opened.head.institution;
  link.linker = opened.head.linker;
  link.subject = opened.head.subject;
  link.metadata = &metadata;
  link.audit = &opened.audit;
  return link;
}

void Hash(Shared& shared, const wire::HashItem& item, AnswerWriter& answer) {
  // The way into erasing a subject: what is kept for kills is kept for it, too.
  const bool kill = item.right == wire::kRightErase && !item.subject.empty();
  Operation operation(shared, answer, LeafKind::kSubjectList, kill);
  if (!operation.Enter(item.connection)) return;
  // Each hash for what needs it only, and one of a subject never unseen.
  const uint16_t rights = item.subject.empty()
                              ? wire::kRightCreate
                              : wire::kRightRead | wire::kRightErase;
  Rule rule = DecideRight(operation.policy(), operation.asker.caller,
                          item.right & rights);
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  const Keyring& keyring = shared.vault.keyring();
  wire::HashAnswer hashes;
  hashes.caller = operation.asker.name;
  hashes.all_links = (operation.who().link_rights & wire::kRightAllLinks) != 0;
  if (!item.subject.empty()) {
    hashes.subject = HashSubject(keyring, item.subject);
  }
  if (!item.idempotency_key.empty()) {
    crypto::KeyedHash(
        hashes.idempotency, keyring.index_key(), "coffer idempotency key",
        {base::AsBytes(operation.asker.name), base::AsBytes(item.route),
         base::AsBytes(item.idempotency_key)});
    crypto::KeyedHash(hashes.body, keyring.index_key(), "coffer request body",
                      {item.body});
  }
  // The erasure's own leaf follows; two would halve what is kept for kills.
  const bool logged = !item.subject.empty() && !operation.in_reserve();
  if (logged) return operation.Allow(hashes);
  operation.AllowUnlogged(hashes);
}

void Create(Shared& shared, const wire::CreateItem& item,
            AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kLinkCreate);
  if (!operation.Enter(item.connection)) return;
  const Keyring& keyring = shared.vault.keyring();
  Rule rule = DecideCreate(operation, item);
  SignedConsent consent;
  if (rule == Rule::kAllowed) {
    wire::ConsentStatement said;
    said.consent = &item.consent;
    said.institution = item.institution;
    said.subject = item.subject;
    rule = consent.Verify(operation, said, item.signed_consent);
  }
  Upload upload;
  if (rule == Rule::kAllowed) {
    const wire::Pae bound =
        wire::BindCreate(operation.asker.name, item.institution, item.subject,
                         item.consent.consent_id, item.idempotency_key);
    rule =
        upload.Open(shared.vault, item.bank_token, item.sealed, bound.view());
  }
  if (rule != Rule::kAllowed) return operation.Refuse(rule);

  LinkMetadata metadata;
  metadata.created_at = metadata.updated_at = metadata.granted_at =
      shared.vault.Now();
  metadata.consent = item.consent;
  metadata.expires_at =
      wire::ConsentEnd(item.consent, metadata.granted_at,
                       operation.policy().persistent_days_max);
  crypto::RandomKey(shared.opened.audit);
  LinkToSeal link;
  crypto::Random(base::MutableBytes(link.link).subspan(2));  // cell 0
  link.revision = 1;
  link.leaf = operation.leaf_index();
  link.institution = item.institution;
  link.linker = operation.asker.name;
  link.subject = HashSubject(keyring, item.subject);
  link.metadata = &metadata;
  link.audit = &shared.opened.audit;
  link.has_bank_token = true;
  link.bank_token = upload.bank_token();
  rule = SealLink(keyring, link, shared.sealed);
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  upload.Use(shared.vault);
  consent.Use(shared.vault);
  operation.TagWith(shared.opened.audit);
  operation.leaf.revision = 1;
  operation.Allow(RecordOf<NewRecord>(link, shared.sealed));
}

void Read(Shared& shared, const wire::ReadItem& item, AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kLinkRead);
  if (!operation.Enter(item.connection)) return;
  const Rule rule =
      operation.OpenOwned(wire::kRightRead, item.link, item.stored);
  const OpenedLink& opened = shared.opened;
  if (rule != Rule::kAllowed) return operation.Refuse(rule);
  wire::ReadAnswer read;
  read.link = opened.head.link;
  read.revision = opened.head.revision;
  read.created_at = opened.metadata.created_at;
  read.updated_at = opened.metadata.updated_at;
  read.expires_at = opened.metadata.expires_at;
  read.institution = opened.head.institution;
  read.institution_state =
      shared.vault.keyring().institution(opened.institution).state;
  read.linker = opened.head.linker;
  read.consent = opened.metadata.consent;
  read.status = StatusNow(operation.status, opened.metadata.expires_at,
                          shared.vault.Now());
  read.reason = opened.metadata.reason;
  operation.Allow(read);
}

void ReplaceBankToken(Shared& shared, const wire::ReplaceBankTokenItem& item,
                      AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kBankTokenReplace);
  if (!operation.Enter(item.connection)) return;
  Rule rule = DecideRight(operation.policy(), operation.asker.caller,
                          wire::kRightUpdate | wire::kRightUpdateBankToken);
  if (rule == Rule::kAllowed) rule = operation.Open(item.link, item.stored);
  const OpenedLink& opened = shared.opened;
  const uint64_t now = shared.vault.Now();
  if (rule == Rule::kAllowed) {
    rule = DecideBankTokenUpdate(operation.policy(), operation.asker.caller,
                                 opened.head.linker, operation.Facts(), now);
  }
  if (rule == Rule::kAllowed) {
    rule = MayTakeToken(
        StatusNow(operation.status, opened.metadata.expires_at, now));
  }
  if (rule == Rule::kConsentRevoked) rule = Rule::kAlreadyRevoked;
  if (rule == Rule::kAllowed) rule = MayReplace(operation, item.if_match);
  Upload upload;
  if (rule == Rule::kAllowed) {
    const wire::Pae bound =
        wire::BindReplace(operation.asker.name, item.link, item.if_match);
    rule =
        upload.Open(shared.vault, item.bank_token, item.sealed, bound.view());
  }
  if (rule != Rule::kAllowed) return operation.Refuse(AsReplacement(rule));
  LinkMetadata metadata = opened.metadata;
  metadata.updated_at = now;
  LinkToSeal link = Reseal(operation, metadata);
  link.has_bank_token = true;
  link.bank_token = upload.bank_token();
  if (FinishReplacement(operation, link, false)) upload.Use(shared.vault);
}

void ReplaceConsent(Shared& shared, const wire::ReplaceConsentItem& item,
                    AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kConsentReplace);
  if (!operation.Enter(item.connection)) return;
  const wire::Policy& policy = operation.policy();
  Rule rule = DecideRight(policy, operation.asker.caller, wire::kRightUpdate);
  if (rule == Rule::kAllowed && !wire::CheckConsent(item.consent).ok()) {
    rule = Rule::kMalformedRequest;
  }
  if (rule == Rule::kAllowed) rule = operation.Open(item.link, item.stored);
  const OpenedLink& opened = shared.opened;
  if (rule == Rule::kAllowed) {
    rule = DecideOwner(policy, operation.asker.caller, wire::kRightUpdate,
                       opened.head.linker);
  }
  if (rule == Rule::kAllowed) rule = DecideConsent(policy, item.consent);
  // An expired consent may be given anew; a revoked or used one may not.
  if (rule == Rule::kAllowed) rule = MayTakeToken(operation.status);
  if (rule == Rule::kAllowed) rule = MayReplace(operation, item.if_match);
  SignedConsent consent;
  if (rule == Rule::kAllowed) {
    wire::ConsentStatement said;
    said.consent = &item.consent;
    said.link = &item.link;
    said.revision = item.if_match;
    rule = consent.Verify(operation, said, item.signed_consent);
  }
  uint8_t plaintext[base::kBankTokenBytesMax + 34];
  Bytes bank_token;
  if (rule == Rule::kAllowed) {
    rule = OpenBankToken(opened, item.stored.token_box, plaintext, bank_token);
  }
  if (rule == Rule::kAllowed) {
    LinkMetadata metadata = opened.metadata;
    metadata.updated_at = metadata.granted_at = shared.vault.Now();
    metadata.consent = item.consent;
    metadata.expires_at =
        wire::ConsentEnd(item.consent, metadata.granted_at,
                         operation.policy().persistent_days_max);
    LinkToSeal link = Reseal(operation, metadata);
    link.has_bank_token = true;
    link.bank_token = bank_token;
    uint8_t history[base::kHistoryBytesMax];
    const Bytes kept = KeepConsent(operation, true, history);
    if (FinishReplacement(operation, link, true, kept)) {
      consent.Use(shared.vault);
    }
  } else {
    operation.Refuse(AsReplacement(rule));
  }
  base::Wipe(plaintext);
}

void Committed(Shared& shared, const wire::CommitItem& item,
               AnswerWriter& answer) {
  PendingWrite* write = shared.pending.Find(item.link);
  if (write == nullptr || write->leaf != item.leaf) {
    return answer.Refuse(Rule::kMalformedRequest, wire::kNoLeaf);
  }
  const PendingWrite done = *write;
  shared.pending.Remove(write);
  if (shared.vault.state() != wire::VaultState::kOperational) {
    return answer.Refuse(Rule::kSealed, wire::kNoLeaf);
  }
  if (done.overtaken != Rule::kAllowed) {
    return answer.Refuse(done.overtaken, done.leaf);
  }
  Floor floor{};
  floor.key = done.link;
  floor.kind = FloorKind::kRevision;
  floor.institution = done.institution;
  floor.record_leaf = done.leaf;
  // Also those issued while the store was asked: all end at the answer.
  floor.token_leaf = done.ends_tokens ? shared.vault.next_leaf() : 0;
  // The new record is in force in the store: room was kept for its floor.
  if (!shared.vault.CanAppend(true) || !shared.vault.RaiseFloor(floor, true)) {
    return answer.Refuse(Rule::kFloorsFull, done.leaf);
  }
  answer.Allow(done.leaf, wire::EmptyAnswer{});
}

void NotCommitted(Shared& shared, const wire::CommitItem& item,
                  AnswerWriter& answer) {
  PendingWrite* write = shared.pending.Find(item.link);
  if (write != nullptr && write->leaf == item.leaf) {
    shared.pending.Remove(write);
  }
  if (shared.vault.state() != wire::VaultState::kOperational) {
    return answer.Refuse(Rule::kSealed, wire::kNoLeaf);
  }
  // What the gate says of its own store; not worth the kills' reserve.
  if (!shared.vault.CanAppend(false)) {
    return answer.Refuse(Rule::kJournalFull, wire::kNoLeaf);
  }
  wire::Leaf leaf;
  leaf.kind = LeafKind::kNotCommitted;
  leaf.detail = static_cast<uint32_t>(item.leaf);
  answer.Allow(shared.vault.AddLeaf(leaf), wire::EmptyAnswer{});
}

}  // namespace coffer::keeper
