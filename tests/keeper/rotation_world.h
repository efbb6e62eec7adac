// A World with a store of links, a gate that keeps it in step with the keyring,
// and the keys' service. For tests only.
#pragma once

#include <map>

#include "tests/keeper/vault_world.h"
#include "vault/keeper/key_service.h"

namespace coffer::keeper_test {

using keeper::KekEntry;
using keeper::KeyService;
using wire::KeyState;
using wire::Op;
using wire::Rule;

inline KeptLink WithWrap(const KeptLink& link, const wire::KeyId& kek,
                         Bytes box) {
  KeptLink rewrapped = link;
  wire::ReplaceKek(rewrapped.wrap, kek, box);
  return rewrapped;
}
inline wire::KeyId KekOf(const KeptLink& link) {
  auto wrap = wire::DecodeWrap(link.wrap);
  COFFER_CHECK(wrap.ok());
  return wrap->kek;
}

class RotationWorld : public World {
 public:
  void Operate(const wire::Policy& policy = TestPolicy()) {
    COFFER_CHECK(Start().ok());
    COFFER_CHECK(Init(policy).ok());
    caller = Connect(geteuid());
    keys_ = std::make_unique<KeyService>(vault());
  }
  base::Status Reopen() {
    keys_.reset();
    COFFER_TRY(World::Reopen());
    keys_ = std::make_unique<KeyService>(vault());
    return {};
  }
  KeyService& keys() { return *keys_; }
  keeper::Keyring& ring() { return vault().keyring(); }

  // --- Operators
  base::Status Rotate(std::string_view institution = "citi") {
    wire::RotateQuestion question;
    question.institution = institution;
    auto started = keys().Rotate(question, 0);
    if (!started.ok()) return started.error();
    COFFER_CHECK(*started == 1);
    return {};
  }
  base::Result<uint32_t> RotateUse(wire::RotateTarget target) {
    wire::RotateQuestion question;
    question.target = target;
    return keys().Rotate(question, 0);
  }
  base::Status Change(wire::InstitutionAction action,
                      std::string_view name = "citi") {
    return keys().ChangeInstitution({name, action}, 0);
  }
  // What would be done in a quiet moment, time allowing.
  void Quiet() {
    while (keys().due()) keys().CarryOutDue();
  }

  // --- Links
  KeptLink& Add(std::string_view institution = "citi",
                std::string_view subject = "cust-7731") {
    wire::CreateItem item = TestCreate(caller);
    item.institution = institution;
    item.subject = subject;
    auto reply = One<wire::NewRecord>(Op::kCreate, item);
    COFFER_CHECK(reply.allowed());
    return store[reply.fields.link] = KeptLink(reply.fields);
  }
  // The new record, which the store has not confirmed yet.
  KeptLink ReplaceUnconfirmed(const KeptLink& link) {
    wire::ReplaceBankTokenItem item;
    item.connection = caller;
    item.link = link.link;
    item.if_match = link.revision;
    item.bank_token = base::AsBytes("another-bank-token");
    item.stored = link.Stored(false);
    auto reply = One<wire::ReplaceAnswer>(Op::kReplaceBankToken, item);
    COFFER_CHECK(reply.allowed());
    return KeptLink(reply.fields);
  }
  KeptLink Replace(const KeptLink& link) {
    KeptLink next = ReplaceUnconfirmed(link);
    wire::CommitItem commit{next.link, next.leaf()};
    COFFER_CHECK(One<wire::EmptyAnswer>(Op::kCommitted, commit).allowed());
    return next;
  }
  Rule EraseLink(const KeptLink& link) {
    wire::EraseLinkItem item;
    item.connection = caller;
    item.link = link.link;
    item.stored = link.Stored(false);
    return One<wire::EraseAnswer>(Op::kEraseLink, item).rule();
  }
  Rule EraseSubject(std::string_view subject) {
    wire::EraseSubjectItem item;
    item.connection = caller;
    item.subject = subject;
    item.links = 1;
    return One<wire::EraseAnswer>(Op::kEraseSubject, item).rule();
  }
  Reply<wire::ReadAnswer> ReadLink(const KeptLink& link) {
    wire::ReadItem item;
    item.connection = caller;
    item.link = link.link;
    item.stored = link.Stored(false);
    return One<wire::ReadAnswer>(Op::kRead, item);
  }
  // Its bank token comes out.
  bool Opens(const KeptLink& link) {
    auto issued = Issue(link);
    if (!issued.allowed()) return false;
    return Redeem(issued.fields.token, link).allowed();
  }

  // --- The gate's upkeep
  Reply<wire::WorkAnswer> Work(bool counted = true) {
    wire::WorkItem item;
    item.counted = counted;
    std::map<wire::KeyId, uint64_t> counts;
    for (const auto& [id, link] : store) ++counts[KekOf(link)];
    for (const auto& [kek, links] : counts) item.counts.push_back({kek, links});
    return One<wire::WorkAnswer>(Op::kWork, item);
  }
  Reply<wire::RewrapAnswer> Rewrap(const std::vector<KeptLink>& links,
                                   std::string_view institution = "citi") {
    wire::RewrapItem item;
    item.institution = institution;
    for (const KeptLink& link : links) {
      item.rows.push_back({link.link, link.wrap});
    }
    return One<wire::RewrapAnswer>(Op::kRewrap, item);
  }
  wire::RewrapResult RewrapOne(const KeptLink& link,
                               std::string_view institution = "citi") {
    auto reply = Rewrap({link}, institution);
    COFFER_CHECK(reply.allowed() && reply.fields.rows.size == 1);
    return reply.fields.rows[0];
  }
  // The rewrapped link; requires that it may be.
  KeptLink Carried(const KeptLink& link,
                   std::string_view institution = "citi") {
    auto reply = Rewrap({link}, institution);
    COFFER_CHECK(reply.allowed());
    const wire::RewrapResult& row = reply.fields.rows[0];
    COFFER_CHECK(row.rule == Rule::kAllowed);
    return WithWrap(link, reply.fields.kek, row.box);
  }
  Rule Drain(const wire::KeyId& kek, std::string_view institution = "citi") {
    return One<wire::EmptyAnswer>(Op::kDrained,
                                  wire::DrainedItem{institution, kek})
        .rule();
  }
  // Puts one link of the store under the active KEK, settles or erases it.
  void Treat(const wire::LinkId& id, std::string_view institution) {
    const KeptLink link = store[id];
    auto reply = Rewrap({link}, institution);
    COFFER_CHECK(reply.allowed());
    const wire::RewrapResult& row = reply.fields.rows[0];
    switch (row.rule) {
      case Rule::kAllowed:
        store[id] = WithWrap(link, reply.fields.kek, row.box);
        break;
      case Rule::kKeyDestroyed:
      case Rule::kLinkErased:
      case Rule::kRecordStale:
        store.erase(id);
        break;
      case Rule::kConsentRevoked:
      case Rule::kConsentUsed: {
        wire::SettleItem item{id, link.Stored(false)};
        auto settled = One<wire::NewRecord>(Op::kSettle, item);
        COFFER_CHECK(settled.allowed());
        store[id] = KeptLink(settled.fields);
        break;
      }
      default:
        COFFER_CHECK(row.rule == Rule::kKeyNotToRewrap);
    }
  }
  // Everything that Work names is done, and it says so.
  void Walk() {
    for (int round = 0; round < 4; ++round) {
      auto work = Work();
      COFFER_CHECK(work.allowed());
      if (work.fields.rows.empty()) return;
      for (const wire::WorkRow& row : work.fields.rows) {
        const std::string institution(row.institution);
        std::vector<wire::LinkId> todo;
        for (const auto& [id, link] : store) {
          for (const wire::KeyId& old : row.old) {
            if (KekOf(link) == old) todo.push_back(id);
          }
        }
        const bool sweep = row.active == wire::KeyId{};
        for (const wire::LinkId& id : todo) {
          if (sweep) {
            store.erase(id);
          } else {
            Treat(id, institution);
          }
        }
        for (const wire::KeyId& old : row.old) {
          COFFER_CHECK(Drain(old, institution) == Rule::kAllowed);
        }
      }
      Quiet();
    }
  }
  const KekEntry* Version(uint32_t version,
                          std::string_view institution = "citi") {
    for (size_t i = 0; i < ring().keks(); ++i) {
      const KekEntry& kek = ring().kek(i);
      if (kek.version == version &&
          ring().institution(kek.institution).name == institution) {
        return &kek;
      }
    }
    return nullptr;
  }
  KeyState StateOf(uint32_t version, std::string_view institution = "citi") {
    const KekEntry* kek = Version(version, institution);
    COFFER_CHECK(kek != nullptr);
    return kek->state;
  }

  std::map<wire::LinkId, KeptLink> store;

 private:
  std::unique_ptr<KeyService> keys_;
};

}  // namespace coffer::keeper_test
