// What a hostile gate must never be given: the promises of docs/api.md and
// docs/threat-model.md, written apart from the keeper's own judgement. It knows
// what was acknowledged and lets every refusal pass: only a thing that is given
// can be wrong. What a gate is conceded (to lose, to withhold, to show an
// earlier record that nothing has ended) is no fault here. For tests only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/hostile/hostile_callers.h"
#include "tests/hostile/hostile_rules.h"
#include "tests/keeper/keeper_process.h"
#include "vault/wire/operator_limits.h"

namespace coffer::hostile {

using base::Bytes;
using Buffer = std::vector<uint8_t>;
using wire::ConnectionId;
using wire::LinkId;

// The end of an authenticated box says which one it is.
inline uint64_t Tail(Bytes bytes) {
  uint64_t tail = 0;
  if (bytes.size() >= 8) std::memcpy(&tail, bytes.data() + bytes.size() - 8, 8);
  return tail;
}

// One version of a link's record, as the keeper gave it out.
struct Version {
  LinkId link{};
  uint32_t revision = 0;
  uint64_t leaf = 0;
  std::string linker, subject, bank_token;  // bank_token empty: none
  int institution = 0;
  uint32_t purposes = 0, clusters = 0, lookback_days = 0;
  bool one_time = false;
  bool ended = false;        // sealed as revoked or used up
  bool new_consent = false;  // ended the tokens from before it
  uint64_t expires_at = 0;   // no later than this
  Buffer head, box;
  std::vector<Buffer> wraps;  // the same key, under one KEK after another
};
using VersionPointer = std::shared_ptr<Version>;

struct Link {
  LinkId id{};
  bool revoked = false, erased = false, used = false;
  uint64_t floor = 0;        // versions sealed before it were replaced
  uint64_t token_floor = 0;  // tokens issued before this leaf are void
  uint64_t pending = 0;      // leaf of the write under way
  bool overtaken = false, ends_tokens = false;
  bool ended = false;           // a record says so
  bool may_have_ended = false;  // by an item that nobody saw answered
  std::vector<VersionPointer> versions;
};

struct Token {
  std::string text, client, audience;
  LinkId link{};
  int purpose = 0;
  uint32_t scope = 0;
  int institution = 0;
  uint64_t leaf = 0, expires_at = 0;  // no later than this
  bool single_use = false, dead = false;
};
using TokenPointer = std::shared_ptr<Token>;

// What an honest caller sealed for one request.
struct Upload {
  std::string text, bank_token, caller;
  // Of a create; else of a replacement.
  bool create = false;
  std::string institution, subject, consent_id, idempotency_key;
  LinkId link{};
  uint32_t if_match = 0;
  uint64_t made_at = 0;
  bool over = false;  // used, or from before an unseal
};
using UploadPointer = std::shared_ptr<Upload>;

// What a linker signed, in words of our own.
struct Signature {
  std::string text, about;
  uint64_t made_at = 0;
  bool over = false;  // used, or from before an unseal
};
using SignaturePointer = std::shared_ptr<Signature>;
// `consent` may be nullptr.
std::string About(const wire::ConsentStatement& statement);

// One consent that was, as the keeper sealed it for the store.
struct Past {
  Buffer bytes;
  VersionPointer version;
};

class Model {
 public:
  Model(bool alone, Callers& callers)
      : alone_(alone), callers_(callers), rules_(MakeRules(alone, 0)) {}

  // --- What the driver tells
  void PolicyIs(int variant) { rules_ = MakeRules(alone_, variant); }
  void Connected(ConnectionId id, const std::string& name);
  void HungUp(ConnectionId id) { connections_.erase(id); }
  void KeeperRestarted();
  // Every token from before is void.
  void Unsealed() { ForgetTokens(); }
  void TokensRevoked(wire::TokenGroup group, const std::string& name) {
    group_floors_[{group, name}] = last_leaf_ + 1;
  }
  // One more of its limit in this window.
  void BrakeReleased(const std::string& caller, const std::string& purpose,
                     wire::BudgetWindow window);
  void InstitutionIs(int place, wire::InstitutionState state) {
    institutions_[place] = state;
  }
  // The keeper was killed before it answered: any link may have ended.
  void AnswersLost() {
    for (auto& [id, link] : links_) link.may_have_ended = true;
  }
  void KekDestroyed(const wire::KeyId& kek) { destroyed_.insert(kek); }
  void TimeIs(uint64_t now) { now_ = now; }
  uint64_t now() const { return now_; }
  void Uploaded(const UploadPointer& upload);
  void Signed(const SignaturePointer& signature);
  // The batch was judged at this time at the earliest; at `now` at the latest.
  void BatchBegan(uint64_t now) { began_ = now; }

  // --- Each judges one thing that was given
  using Leaf = uint64_t;
  void Judge(const wire::HashItem& item, const wire::HashAnswer& answer, Leaf);
  void Judge(const wire::CreateItem& item, const wire::NewRecord& made, Leaf);
  void Judge(const wire::ReadItem& item, const wire::ReadAnswer& read, Leaf);
  void Judge(const wire::ReplaceBankTokenItem& item,
             const wire::ReplaceAnswer& made, Leaf);
  void Judge(const wire::ReplaceConsentItem& item,
             const wire::ReplaceAnswer& made, Leaf);
  void JudgeCommitted(const wire::CommitItem& item);
  void WriteEnds(const wire::CommitItem& item);  // whatever was answered
  void Judge(const wire::RevokeConsentItem& item, const wire::NewRecord& made,
             Leaf);
  void Judge(const wire::EraseLinkItem& item, const wire::EraseAnswer&, Leaf);
  void Judge(const wire::EraseSubjectItem& item, const wire::EraseAnswer&,
             Leaf);
  void Judge(const wire::IssueItem& item, const wire::IssueAnswer& answer,
             Leaf);
  void Judge(const wire::LocateItem& item, const wire::LocateAnswer&, Leaf);
  void Judge(const wire::RedeemItem& item, const wire::RedeemAnswer&, Leaf);
  void Judge(const wire::IntrospectItem& item, const wire::IntrospectAnswer&,
             Leaf);
  void Judge(const wire::RevokeTokenItem& item, const wire::EmptyAnswer&, Leaf);
  void Judge(const wire::KeysItem& item, const wire::KeysAnswer&, Leaf);
  void Judge(const wire::RewrapItem& item, const wire::RewrapAnswer&, Leaf);
  void Judge(const wire::SettleItem& item, const wire::NewRecord& made, Leaf);
  void Judge(const wire::BuryItem& item, const wire::BuryAnswer&, Leaf);
  void Judge(const wire::HistoryItem& item, const wire::PastConsent&, Leaf);
  void Judge(const wire::TagsItem& item, const wire::TagsAnswer&, Leaf);
  void Judge(const wire::LeavesItem& item, const wire::LeavesAnswer&, Leaf);
  void Judge(const wire::AdoptedItem&, const wire::EmptyAnswer&, Leaf) {
    Must(false, "adopts a store that nobody restored");
  }

  // --- What the driver draws from
  const std::deque<LinkId>& links() const { return order_; }
  const std::deque<TokenPointer>& tokens() const { return tokens_; }
  const std::deque<UploadPointer>& uploads() const { return uploads_; }
  const std::deque<SignaturePointer>& signatures() const { return signatures_; }
  const std::deque<Past>& past() const { return past_; }
  Link* Find(const LinkId& id);
  // Forgets the oldest of everything; never while a batch is under way.
  void Trim();
  const Rules& rules() const { return rules_; }

  bool Must(bool holds, const char* otherwise);
  uint64_t violations() const { return violations_; }
  uint64_t uploads_taken() const { return uploads_taken_; }
  uint64_t signatures_taken() const { return signatures_taken_; }
  // Names the place in reports.
  uint64_t message = 0;

 private:
  const CallerRow* Asker(ConnectionId id) const;
  bool HasRight(const CallerRow* asker, uint16_t rights) const {
    return asker != nullptr && (asker->rights & rights) != 0;
  }
  bool Owns(const CallerRow* asker, uint16_t right,
            const Version& version) const;
  VersionPointer Shown(const LinkId& link, const wire::StoredLink& stored,
                       bool with_box);
  VersionPointer OfWrap(const LinkId& link, Bytes wrap);
  TokenPointer Known(std::string_view text);
  bool IsErased(const Version& version) const;
  bool MustOpen(const Version& version, const Link& link);
  void MustBeLive(const Version& version, const Link& link);
  void MustBeGranted(const Version& version, const Token& token);
  bool IsGranted(const Token& token, int institution) const;
  bool MayAsk(const CallerRow* asker, std::string_view audience,
              const Token& token) const;
  void HasLeaf(uint64_t leaf);
  void Seen(const Version& version, Link& link);
  VersionPointer Add(const wire::NewRecord& made, uint64_t leaf);
  VersionPointer Inherit(const Version& old, const wire::NewRecord& made,
                         uint64_t leaf);
  VersionPointer Replace(const Version& old, const wire::NewRecord& made,
                         uint32_t if_match, uint64_t leaf, bool consent);
  void End(const Version& old, Link& link, const wire::NewRecord& made,
           uint64_t leaf);
  void MustBeSigned(const CallerRow* asker, std::string_view text,
                    wire::ConsentStatement statement);
  void Keep(Bytes history, const VersionPointer& version);
  std::string Taken(Bytes text, const Upload& request);
  void TakeConsent(Version& version, const wire::Consent& consent);
  uint32_t Scope(std::string_view text);
  void Forget(const Version& version);
  void ForgetTokens();
  // `located`: the bank is not known before the link's record is.
  bool IsVoid(const Token& token, bool located = false) const;
  void Spend(const Token& token);

  const bool alone_;
  Callers& callers_;
  Rules rules_;
  wire::InstitutionState institutions_[kKnownInstitutions] = {
      wire::InstitutionState::kActive, wire::InstitutionState::kActive,
      wire::InstitutionState::kActive};
  std::map<ConnectionId, std::string> connections_;
  std::set<ConnectionId> numbers_;
  std::map<LinkId, Link> links_;
  std::deque<LinkId> order_;
  std::unordered_map<uint64_t, VersionPointer> heads_, wraps_;
  std::deque<TokenPointer> tokens_;
  std::unordered_map<std::string, TokenPointer> by_text_;
  // Of linker (empty: of every linker) and subject: sealed before it is erased.
  std::map<std::pair<std::string, std::string>, uint64_t> subject_floors_;
  std::map<std::string, wire::SubjectHash> hashes_;
  std::map<std::pair<wire::TokenGroup, std::string>, uint64_t> group_floors_;
  struct Window {
    uint64_t number = 0;  // hours or days since 1970
    uint32_t releases = 0;
    std::set<LinkId> links;
  };
  struct Budget {
    Window hour, day;
    uint64_t tokens = 0, from = 0;  // since an unseal
  };
  std::map<std::pair<std::string, int>, Budget> budgets_;
  std::deque<SignaturePointer> signatures_;
  std::unordered_map<std::string, SignaturePointer> signatures_by_text_;
  std::deque<Past> past_;
  std::unordered_map<uint64_t, VersionPointer> past_by_tail_;
  std::deque<UploadPointer> uploads_;
  std::unordered_map<std::string, UploadPointer> uploads_by_text_;
  std::set<wire::KeyId> destroyed_;
  uint64_t uploads_taken_ = 0, signatures_taken_ = 0;
  uint64_t last_leaf_ = 0, now_ = 0, began_ = 0, violations_ = 0;
};

}  // namespace coffer::hostile
