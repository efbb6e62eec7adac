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

Rule JudgeRecord(const Vault& vault, OpenedLink& opened,
                 ConsentStatus& status) {
  status = opened.metadata.status;
  const wire::RecordHead& head = opened.head;
  // From a time that this vault has not lived: sealed after a key export that
  // it was made from, by a vault that is still alive elsewhere.
  if (head.leaf >= vault.next_leaf()) return Rule::kRecordDamaged;
  const Floors& floors = vault.floors();
  if (floors.size() == 0) return Rule::kAllowed;
  // An erased subject's floors first: erased is the worst there is.
  const ByteArray<16> keys[] = {
      SubjectFloorKey(vault.keyring(), head.linker, head.subject),
      SubjectFloorKey(vault.keyring(), "", head.subject), head.link};
  for (const ByteArray<16>& key : keys) {
    const Floor* floor = floors.Find(key);
    if (floor == nullptr || head.leaf >= floor->record_leaf) continue;
    switch (floor->kind) {
      case FloorKind::kErased:
        return Rule::kLinkErased;
      case FloorKind::kRevoked:
        status = ConsentStatus::kRevoked;
        opened.metadata.reason =
            static_cast<wire::RevocationReason>(floor->reason);
        break;
      case FloorKind::kUsed:
        status = ConsentStatus::kUsed;
        break;
      case FloorKind::kRevision:
        return Rule::kRecordStale;
      case FloorKind::kTokens:
        break;
    }
  }
  return Rule::kAllowed;
}

Rule Operation::Open(const wire::LinkId& link, const wire::StoredLink& stored) {
  if (stored.head.empty()) return Rule::kLinkUnknown;
  OpenedLink& opened = s.opened;
  Rule rule = OpenLink(s.vault.keyring(), link, stored, opened);
  if (rule != Rule::kAllowed) return rule;
  leaf.institution = opened.head.institution;
  leaf.revision = opened.head.revision;
  TagWith(opened.audit);
  rule = JudgeRecord(s.vault, opened, status);
  if (rule == Rule::kAllowed && !RaiseMissingFloor()) return Rule::kFloorsFull;
  return rule;
}

void Operation::TagWith(const crypto::LinkAuditKey& audit) {
  uint8_t day[8];
  base::Encoder encoder(day);
  encoder.Number(s.vault.Now() / 86400);
  crypto::KeyedHash(leaf.link_tag, audit, "coffer link tag",
                    {base::Bytes(day)});
}

// A replacement whose confirmation was lost (a crash, a seal, a gate that keeps
// it back) takes its floor when it is first seen: from then on the record it
// replaced is dead.
bool Operation::RaiseMissingFloor() {
  const wire::RecordHead& head = s.opened.head;
  if (head.revision <= 1) return true;
  const Floor* known = s.vault.floors().Find(head.link);
  if (known != nullptr && known->record_leaf >= head.leaf) return true;
  Floor floor{};
  floor.key = head.link;
  floor.kind = FloorKind::kRevision;
  floor.record_leaf = head.leaf;
  floor.token_leaf = leaf_index();
  return s.vault.RaiseFloor(floor, true);
}

LinkFacts Operation::Facts() const {
  LinkFacts facts;
  facts.institution = FindInstitution(policy(), s.opened.head.institution);
  facts.institution_state =
      s.vault.keyring().institution(s.opened.institution).state;
  facts.consent = &s.opened.metadata.consent;
  facts.status = status;
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

ByteArray<16> SubjectFloorKey(const Keyring& keyring, std::string_view linker,
                              const wire::SubjectHash& subject) {
  ByteArray<16> key;
  crypto::KeyedHash(key, keyring.index_key(), "coffer subject floor",
                    {base::AsBytes(linker), subject});
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
