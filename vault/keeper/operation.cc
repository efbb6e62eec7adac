#include "vault/keeper/operation.h"

#include "crypto/kdf.h"

namespace coffer::keeper {

using wire::ByteArray;
using wire::ConsentStatus;
using wire::Rule;

bool Operation::Enter(wire::ConnectionId id) {
  if (s.vault.state() != wire::VaultState::kOperational) {
    answer_.Refuse(Rule::kSealed, wire::kNoLeaf);
    return false;
  }
  Connection* connection = s.connections.Find(id);
  if (connection == nullptr || connection->listener != Listener::kCaller) {
    answer_.Refuse(Rule::kGone, wire::kNoLeaf);
    return false;
  }
  in_reserve_ = !s.vault.CanAppend(false);
  if (in_reserve_ && !(kill_ && s.vault.CanAppend(true))) {
    answer_.Refuse(Rule::kJournalFull, wire::kNoLeaf);
    return false;
  }
  const CallerMatch& match = Connections::Match(*connection, s.vault.policy(),
                                                s.vault.policy_generation());
  leaf.uid = connection->peer.uid;
  asker.rule = match.rule;
  if (match.rule == Rule::kAllowed) {
    asker.caller = match.first;
    asker.name = who().name.view();
    leaf.caller = asker.name;
    return true;
  }
  if (match.rule == Rule::kForeignNamespace && match.first >= 0) {
    const auto& callers = s.vault.policy().callers;
    leaf.caller = callers[static_cast<size_t>(match.first)].name.view();
  }
  if (match.rule == Rule::kAmbiguousCaller) {
    const auto& callers = s.vault.policy().callers;
    std::string_view first =
        callers[static_cast<size_t>(match.first)].name.view();
    std::string_view second =
        callers[static_cast<size_t>(match.second)].name.view();
    std::memcpy(names_, first.data(), first.size());
    names_[first.size()] = ',';
    std::memcpy(names_ + first.size() + 1, second.data(), second.size());
    leaf.caller = {names_, first.size() + 1 + second.size()};
  }
  Refuse(match.rule);
  return false;
}

namespace {

FloorFacts FactsOf(const OpenedLink& opened) {
  const wire::RecordHead& head = opened.head;
  return {&head.link,         head.linker,
          &head.subject,      head.leaf,
          head.revision,      opened.kek_created_leaf,
          opened.institution, opened.metadata.status != ConsentStatus::kActive};
}

}  // namespace

Rule JudgeRecord(const Vault& vault, OpenedLink& opened,
                 ConsentStatus& status) {
  status = opened.metadata.status;
  const Rule rule = JudgeFloors(vault, FactsOf(opened), opened.metadata.reason);
  switch (rule) {
    case Rule::kConsentRevoked:
      status = ConsentStatus::kRevoked;
      return Rule::kAllowed;
    case Rule::kConsentUsed:
      status = ConsentStatus::kUsed;
      return Rule::kAllowed;
    default:
      return rule;
  }
}

bool Operation::EnterUnasked() {
  leaf.uid = kKeeperUid;
  if (s.vault.state() != wire::VaultState::kOperational) {
    answer_.Refuse(Rule::kSealed, wire::kNoLeaf);
    return false;
  }
  if (!s.vault.CanAppend(kill_)) {
    answer_.Refuse(Rule::kJournalFull, wire::kNoLeaf);
    return false;
  }
  return true;
}

Rule Operation::Open(const wire::LinkId& link, const wire::StoredLink& stored) {
  if (stored.head.empty()) return Rule::kLinkUnknown;
  OpenedLink& opened = s.opened;
  const Keyring& keyring = s.vault.keyring();
  Rule rule = OpenLink(keyring, link, stored, opened);
  if (rule == Rule::kKeyDestroyed || rule == Rule::kKeyUnavailable) {
    const int place = opened.institution;
    if (place < 0) return rule;
    leaf.institution = keyring.institution(place).name.view();
    return keyring.institution(place).state ==
                   wire::InstitutionState::kWithdrawn
               ? Rule::kInstitutionWithdrawn
               : rule;
  }
  if (rule != Rule::kAllowed) return rule;
  leaf.institution = opened.head.institution;
  leaf.revision = opened.head.revision;
  TagWith(opened.audit);

  rule = JudgeRecord(s.vault, opened, status);
  if (rule != Rule::kAllowed) return rule;
  return RaiseMissingFloor(s.vault, FactsOf(opened));
}

Rule Operation::OpenOwned(uint16_t right, const wire::LinkId& link,
                          const wire::StoredLink& stored) {
  Rule rule = DecideRight(policy(), asker.caller, right);
  if (rule == Rule::kAllowed) rule = Open(link, stored);
  // A withdrawn bank's record does not open. Its clear head may lie, but then
  // only turns the answer into "not found". One whose floor found no room is
  // open: what follows from that, its owner alone may cause.
  if (rule != Rule::kAllowed && rule != Rule::kInstitutionWithdrawn &&
      rule != Rule::kFloorsFull) {
    return rule;
  }
  const Rule owner =
      DecideOwner(policy(), asker.caller, right, s.opened.head.linker);
  return owner == Rule::kAllowed ? rule : owner;
}

void Operation::TagWith(const crypto::LinkAuditKey& audit) {
  // The leaf's own time, so that tag and time are of one day.
  leaf.time = s.vault.Now();
  leaf.link_tag = LinkTag(audit, leaf.time / base::kDaySeconds);
}

LinkFacts Operation::Facts() const {
  LinkFacts facts;
  facts.institution = FindInstitution(policy(), s.opened.head.institution);
  facts.institution_state =
      s.vault.keyring().institution(s.opened.institution).state;
  facts.consent = &s.opened.metadata.consent;
  facts.status = status;
  facts.granted_at = s.opened.metadata.granted_at;
  facts.expires_at = s.opened.metadata.expires_at;
  return facts;
}

void Operation::RefuseAs(Rule rule, Rule shown) {
  if (in_reserve_) return answer_.Refuse(Rule::kJournalFull, wire::kNoLeaf);
  const uint64_t index = Log(rule);
  answer_.Refuse(shown, index);
}

uint64_t Operation::Log(Rule rule) {
  leaf.rule = rule;
  return s.vault.AddLeaf(leaf);
}

Rule JudgeFloors(const Vault& vault, const FloorFacts& record,
                 wire::RevocationReason& reason) {
  // From a time that this vault has not lived: sealed after a key export that
  // it was made from, by a vault that is still alive elsewhere.
  if (record.leaf >= vault.next_leaf()) return Rule::kRecordDamaged;
  const Floors& floors = vault.floors();
  if (floors.size() == 0) return Rule::kAllowed;
  if (floors.has_subjects()) {
    const Keyring& keyring = vault.keyring();
    for (std::string_view linker : {record.linker, std::string_view()}) {
      const Floor* floor =
          floors.Find(SubjectFloorKey(keyring, linker, *record.subject));
      if (floor != nullptr && record.leaf < floor->record_leaf) {
        return Rule::kLinkErased;
      }
    }
  }
  const Floor* floor = floors.Find(*record.link);
  if (floor == nullptr || record.leaf >= floor->record_leaf) {
    return Rule::kAllowed;
  }
  switch (floor->kind) {
    case FloorKind::kErased:
      return Rule::kLinkErased;
    case FloorKind::kRevoked:
      reason = static_cast<wire::RevocationReason>(floor->reason);
      return Rule::kConsentRevoked;
    case FloorKind::kUsed:
      return Rule::kConsentUsed;
    case FloorKind::kRevision:
      return Rule::kRecordStale;
    case FloorKind::kTokens:
      break;
  }
  return Rule::kAllowed;
}

// A replacement whose confirmation was lost (a crash, a seal, a gate that keeps
// it back) takes its floor when it is first seen: from then on the record it
// replaced is dead. One that was rewrapped into its KEK took it before, and
// what it replaced was refused then: adr/0014-floors-and-rotation.md. Not so
// what a lost vault had ended: its floors went with it.
Rule RaiseMissingFloor(Vault& vault, const FloorFacts& record) {
  const bool carried = record.leaf < record.kek_created_leaf;
  const bool asks =
      !carried ||
      (record.ended && MayBeOfLostVault(record.leaf, vault.next_leaf()));
  if (record.revision <= 1 || !asks) return Rule::kAllowed;
  const Floor* known = vault.floors().Find(*record.link);
  if (known != nullptr && known->record_leaf >= record.leaf) {
    return Rule::kAllowed;
  }
  if (!vault.CanAppend(true)) return Rule::kJournalFull;
  Floor floor{};
  floor.key = *record.link;
  floor.kind = FloorKind::kRevision;
  floor.record_leaf = record.leaf;
  floor.token_leaf = vault.next_leaf();
  floor.institution = FloorInstitution(record.institution);
  return vault.RaiseFloor(floor, true) ? Rule::kAllowed : Rule::kFloorsFull;
}

ByteArray<16> LinkTag(const crypto::LinkAuditKey& audit, uint64_t day) {
  uint8_t number[8];
  base::Encoder encoder(number);
  encoder.Number(day);
  ByteArray<16> tag;
  crypto::KeyedHash(tag, audit, "coffer link tag", {base::Bytes(number)});
  return tag;
}

ByteArray<16> SubjectFloorKey(const Keyring& keyring, std::string_view linker,
                              const wire::SubjectHash& subject) {
  ByteArray<16> key;
  crypto::KeyedHash(key, keyring.index_key(), "coffer subject floor",
                    {base::AsBytes(linker), subject});
  return key;
}

ByteArray<16> NameFloorKey(const Keyring& keyring, wire::TokenGroup group,
                           std::string_view name) {
  std::string_view label = "coffer caller floor";
  if (group == wire::TokenGroup::kPurpose) label = "coffer purpose floor";
  if (group == wire::TokenGroup::kInstitution) {
    label = "coffer institution floor";
  }
  ByteArray<16> key;
  crypto::KeyedHash(key, keyring.index_key(), label, {base::AsBytes(name)});
  return key;
}

wire::SubjectHash HashSubject(const Keyring& keyring,
                              std::string_view subject) {
  wire::SubjectHash hash;
  crypto::KeyedHash(hash, keyring.index_key(), "coffer subject",
                    {base::AsBytes(subject)});
  return hash;
}

}  // namespace coffer::keeper
