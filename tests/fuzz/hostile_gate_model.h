// What a hostile gate must never be given: a model of the promises, written
// apart from keeper/decision, that judges every answer to every item. It knows
// what was acknowledged, and lets refusals pass: only a thing that is given can
// be wrong. A wrong one ends the process.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/keeper/keeper_process.h"

namespace coffer::gate_model {

using base::Bytes;
using Buffer = std::vector<uint8_t>;
using namespace wire;

// The policy's callers by place: linker, messenger, connector, auditor,
// linker2; see tests/keeper/keeper_fixture.h.
enum Role : int { kLinker, kMessenger, kConnector, kAuditor, kLinker2, kNone };
inline constexpr std::string_view kRoles[] = {
    "linker", "messenger", "connector", "auditor", "linker2", ""};
inline constexpr std::string_view kPurposes[] = {
    "balance_display", "purchase_tracking", "advertising", "unknown"};
inline constexpr std::string_view kClusters[] = {
    "ACCOUNT_BASIC", "ACCOUNT_DETAILED", "TRANSACTIONS"};
inline constexpr uint32_t kPurposeClusters[] = {3, 5, 0, 0};
inline constexpr std::string_view kInstitutions[] = {"citi", "jpmorgan"};
inline constexpr uint32_t kCeilings[] = {7, 3};
inline constexpr int kRedeems[] = {-1, -1, 0, 1, -1, -1};  // role -> purpose

// One version of a link's record, as the keeper gave it out.
struct Version {
  keeper_test::KeptLink kept;
  uint64_t leaf = 0;
  int linker = kNone;
  int institution = 0;
  std::string subject;
  uint32_t purposes = 0, clusters = 0;
  bool one_time = false;
  uint64_t expires_at = 0;
  std::string bank_token;  // empty: none
};
struct Link {
  LinkId id{};
  bool revoked = false, erased = false, used = false;
  uint64_t floor = 0;    // versions sealed before it were replaced
  uint64_t pending = 0;  // leaf of the write under way
  bool overtaken = false, ends_tokens = false;
};
struct Token {
  std::string text;
  LinkId link{};
  int purpose = 0;
  uint32_t scope = 0;
  int audience = kNone;
  uint64_t expires_at = 0;
  bool single_use = false;
  bool dead = false;  // revoked, spent, or ended with its link
};
struct SubjectFloor {
  int linker;  // kNone: of every linker
  std::string subject;
  uint64_t leaf;
};

inline int Find(std::string_view name, const std::string_view* names,
                int count) {
  for (int i = 0; i < count; ++i) {
    if (names[i] == name) return i;
  }
  return -1;
}

class Model {
 public:
  std::vector<Version> versions;
  std::vector<Token> tokens;
  size_t given = 0;  // answers that allowed something

  // The role behind a connection; the driver's.
  std::vector<std::pair<ConnectionId, int>> connections;
  uint64_t now = 0;

  void AllTokensEnd() {
    for (Token& token : tokens) token.dead = true;
  }
  void PendingWritesAreForgotten() {
    for (Link& link : links_) link.pending = 0;
  }

  // Each reads what was asked and what was answered, kAllowed or not.
  void Judge(const CreateItem& item, const NewRecord& made, uint64_t leaf) {
    const int role = RoleOf(item.connection);
    Must(role == kLinker || role == kLinker2, "creates without the right");
    MustHaveLeaf(leaf);
    Must(!item.subject.empty() && !item.bank_token.empty(), "an empty part");
    Version version = Made(made, leaf);
    version.linker = role;
    version.institution = Find(item.institution, kInstitutions, 2);
    Must(version.institution >= 0, "an unknown institution");
    version.subject = item.subject;
    version.bank_token = base::AsText(item.bank_token);
    TakeConsent(version, item.consent);
    Must(FindLink(made.link) == nullptr, "a link's id twice");
    links_.push_back({made.link});
    versions.push_back(version);
  }
  void Judge(const ReadItem& item, const ReadAnswer& read, uint64_t leaf) {
    const Version& version = Shown(item.link, item.stored, false);
    const Link& link = *FindLink(item.link);
    const int role = RoleOf(item.connection);
    MustHaveLeaf(leaf);
    Must(role == kAuditor || role == version.linker, "reads another's link");
    MustOpenMetadata(version, link);
    if (link.revoked) {
      Must(read.status == ConsentStatus::kRevoked, "a revocation is not shown");
    } else if (link.used) {
      Must(read.status == ConsentStatus::kUsed, "a use is not shown");
    } else if (now >= version.expires_at) {
      Must(read.status == ConsentStatus::kExpired, "an expiry is not shown");
    }
  }
  void Judge(const ReplaceBankTokenItem& item, const NewRecord& made,
             uint64_t leaf) {
    const Version old = Shown(item.link, item.stored, false);
    const int role = RoleOf(item.connection);
    Must(role == old.linker || (role == kConnector && (old.purposes & 1)),
         "replaces without the right");
    Must(now < old.expires_at, "replaces under an expired consent");
    Version version = Replaced(old, made, item.if_match, leaf, false);
    Must(!item.bank_token.empty(), "an empty bank token");
    version.bank_token = base::AsText(item.bank_token);
    versions.push_back(version);
  }
  void Judge(const ReplaceConsentItem& item, const NewRecord& made,
             uint64_t leaf) {
    const Version old = Shown(item.link, item.stored, true);
    Must(RoleOf(item.connection) == old.linker, "replaces another's consent");
    Must(!old.bank_token.empty(), "reseals what is not there");
    Version version = Replaced(old, made, item.if_match, leaf, true);
    TakeConsent(version, item.consent);
    versions.push_back(version);
  }
  void JudgeCommitted(const CommitItem& item) {
    Link* link = FindLink(item.link);
    Must(link != nullptr && link->pending != 0 && link->pending == item.leaf,
         "confirms no write");
    Must(!link->overtaken, "confirms a write that was killed");
    link->floor = std::max(link->floor, item.leaf);
    if (link->ends_tokens) TokensEnd(item.link);
    link->pending = 0;
  }
  // Whatever was answered, the write is over.
  void WriteEnds(const CommitItem& item) {
    Link* link = FindLink(item.link);
    if (link != nullptr && link->pending == item.leaf) link->pending = 0;
  }
  void Judge(const RevokeConsentItem& item, const NewRecord& made,
             uint64_t leaf) {
    const Version old = Shown(item.link, item.stored, false);
    Link& link = *FindLink(item.link);
    Must(RoleOf(item.connection) == old.linker, "revokes another's consent");
    Must(!link.revoked, "revokes twice");
    MustOpenMetadata(old, link);
    MustHaveLeaf(leaf);
    Version version = Inherit(old, made, leaf);
    Must(made.stored.token_box.empty(), "keeps a revoked bank token");
    version.bank_token.clear();
    versions.push_back(version);
    link.revoked = link.overtaken = true;
    TokensEnd(item.link);
  }
  void Judge(const EraseLinkItem& item, const EraseAnswer&, uint64_t leaf) {
    const Version& version = Shown(item.link, item.stored, false);
    Link& link = *FindLink(item.link);
    const int role = RoleOf(item.connection);
    Must(role == kAuditor || role == version.linker, "erases another's link");
    MustOpenMetadata(version, link);
    MustHaveLeaf(leaf);
    link.erased = link.overtaken = true;
    TokensEnd(item.link);
  }
  void Judge(const EraseSubjectItem& item, const EraseAnswer&, uint64_t leaf) {
    const int role = RoleOf(item.connection);
    Must(role == kLinker || role == kLinker2 || role == kAuditor,
         "erases without the right");
    MustHaveLeaf(leaf);
    subject_floors_.push_back(
        {role == kAuditor ? kNone : role, std::string(item.subject), leaf});
  }
  void Judge(const IssueItem& item, const IssueAnswer& answer, uint64_t leaf) {
    MustHaveLeaf(leaf);
    Must(RoleOf(item.connection) == kMessenger, "issues without a rule");
    const Version& version = Shown(item.link, item.stored, false);
    Token token;
    token.text = answer.token;
    token.link = item.link;
    token.purpose = Find(item.purpose, kPurposes, 2);  // never advertising
    Must(token.purpose >= 0, "issues for a prohibited or unknown purpose");
    token.audience = Find(item.audience, kRoles, 4);
    Must(token.audience >= kMessenger, "issues to an audience of no rule");
    token.scope = Scope(answer.scope);
    uint32_t asked = 0;
    for (std::string_view name : item.scope) asked |= Scope(name);
    Must(asked == 0 || asked == token.scope, "narrows or widens a scope");
    token.single_use = item.single_use;
    Must(!item.single_use || item.format == TokenFormat::kLocal,
         "a public token for a single use");
    Must(answer.expires_in >= 1 && answer.expires_in <= 300, "a lifetime");
    Must(item.format != TokenFormat::kPublic || answer.expires_in <= 60,
         "a public token's lifetime");
    token.expires_at = now + answer.expires_in;
    Must(token.expires_at <= version.expires_at, "outlives the consent");
    MustBeGranted(version, token);
    tokens.push_back(token);
  }
  void Judge(const RedeemItem& item, const RedeemAnswer& answer,
             uint64_t leaf) {
    MustHaveLeaf(leaf);
    Token& token = KnownToken(item.token);
    const int role = RoleOf(item.connection);
    Must(role == token.audience, "gives a bank token to another audience");
    Must(kRedeems[role] == token.purpose, "redeems what it may not");
    const Version& version = Shown(token.link, item.stored, true);
    MustBeGranted(version, token);
    Must(base::AsText(answer.bank_token) == version.bank_token,
         "gives another bank token");
    Must(Scope(answer.scope) == token.scope, "another scope");
    Must(answer.expires_in <= token.expires_at - now, "lives longer");
    if (token.single_use) token.dead = true;
    if (version.one_time) {
      FindLink(token.link)->used = true;
      TokensEnd(token.link);
    }
  }
  void Judge(const IntrospectItem& item, const IntrospectAnswer& answer,
             uint64_t leaf) {
    MustHaveLeaf(leaf);
    const Token& token = KnownToken(item.token);
    MustMayAsk(RoleOf(item.connection), item.audience, token);
    const Version& version = Shown(token.link, item.stored, false);
    MustBeGranted(version, token);
    Must(answer.link == token.link, "another link");
  }
  void Judge(const LocateItem& item, const LocateAnswer& answer) {
    const Token& token = KnownToken(item.token);
    const int role = RoleOf(item.connection);
    if (item.then == Op::kRedeem) {
      Must(role == token.audience && kRedeems[role] == token.purpose,
           "tells a link to who may not redeem");
    } else {
      MustMayAsk(role, item.audience, token);
    }
    Must(!token.dead && now < token.expires_at, "locates a dead token");
    Must(answer.link == token.link, "another link");
  }
  // RFC 7009 answers alike for all; from then on the token must be dead where
  // the asker had a say.
  void Judge(const RevokeTokenItem& item) {
    const int role = RoleOf(item.connection);
    Must(role != kNone, "answers nobody");
    for (Token& token : tokens) {
      if (token.text == item.token && MayAsk(role, item.audience, token)) {
        token.dead = true;
      }
    }
  }
  void Judge(const HashItem& item, const HashAnswer& answer) {
    const int role = RoleOf(item.connection);
    Must(role != kNone && role != kMessenger, "hashes without a right");
    Must(answer.caller == kRoles[role], "another caller's hash");
  }
  void Judge(const KeysItem& item) {
    Must(RoleOf(item.connection) != kNone, "answers nobody");
  }

 private:
  // Ends the process: a promise is broken.
  static void Must(bool holds, const char* otherwise) {
    if (holds) return;
    std::fprintf(stderr, "the keeper %s\n", otherwise);
    COFFER_CHECK(holds);
  }
  void MustHaveLeaf(uint64_t leaf) {
    ++given;
    Must(leaf != kNoLeaf && leaf >= last_leaf_, "decides without a leaf");
    last_leaf_ = leaf;
  }
  int RoleOf(ConnectionId id) const {
    for (const auto& [connection, role] : connections) {
      if (connection == id) return role;
    }
    return kNone;
  }
  Link* FindLink(const LinkId& id) {
    for (Link& link : links_) {
      if (link.id == id) return &link;
    }
    return nullptr;
  }
  // The version that these very bytes are: any other bytes are a forgery.
  const Version& Shown(const LinkId& link, const StoredLink& stored,
                       bool with_box) {
    for (const Version& version : versions) {
      const keeper_test::KeptLink& kept = version.kept;
      if (kept.link == link && base::Equal(kept.head, stored.head) &&
          base::Equal(kept.wrap, stored.wrap) &&
          (!with_box || base::Equal(kept.token_box, stored.token_box))) {
        return version;
      }
    }
    Must(false, "opens a record that it never made");
    return versions[0];
  }
  Token& KnownToken(std::string_view text) {
    for (Token& token : tokens) {
      if (token.text == text) return token;
    }
    Must(false, "takes a token that it never made");
    return tokens[0];
  }
  bool IsErased(const Version& version, const Link& link) const {
    if (link.erased) return true;
    for (const SubjectFloor& floor : subject_floors_) {
      if (floor.subject == version.subject && version.leaf < floor.leaf &&
          (floor.linker == kNone || floor.linker == version.linker)) {
        return true;
      }
    }
    return false;
  }
  void MustOpenMetadata(const Version& version, const Link& link) {
    Must(!IsErased(version, link), "opens an erased record");
    Must(version.leaf >= link.floor || link.revoked || link.used,
         "opens a replaced record");
  }
  void MustBeLive(const Version& version) {
    const Link& link = *FindLink(version.kept.link);
    Must(!IsErased(version, link), "uses an erased link");
    Must(!link.revoked, "uses a revoked link");
    Must(!link.used, "uses a used link");
    Must(version.leaf >= link.floor, "uses a replaced record");
  }
  void MustBeGranted(const Version& version, const Token& token) {
    MustBeLive(version);
    Must(!token.dead, "takes a dead token");
    Must(now < token.expires_at, "takes an expired token");
    Must(now < version.expires_at, "uses an expired consent");
    Must((version.purposes >> token.purpose) & 1, "exceeds the purposes");
    const uint32_t bound = version.clusters & kPurposeClusters[token.purpose] &
                           kCeilings[version.institution];
    Must(token.scope != 0 && (token.scope & ~bound) == 0,
         "exceeds consent, purpose or ceiling");
  }
  static bool MayAsk(int role, std::string_view audience, const Token& token) {
    if (audience.empty()) return role == token.audience;
    return role == kMessenger && audience == kRoles[token.audience];
  }
  static void MustMayAsk(int role, std::string_view audience,
                         const Token& token) {
    Must(MayAsk(role, audience, token), "answers who may not ask");
  }
  void TokensEnd(const LinkId& link) {
    for (Token& token : tokens) token.dead |= token.link == link;
  }
  Version Made(const NewRecord& made, uint64_t leaf) {
    Version version;
    version.kept = keeper_test::KeptLink(made);
    version.leaf = leaf;
    Must(version.kept.leaf() == leaf, "seals under another leaf");
    return version;
  }
  Version Inherit(const Version& old, const NewRecord& made, uint64_t leaf) {
    Version version = old;
    version.kept = Made(made, leaf).kept;
    version.leaf = leaf;
    Must(made.link == old.kept.link && made.revision > old.kept.revision,
         "does not raise the revision");
    return version;
  }
  Version Replaced(const Version& old, const NewRecord& made, uint32_t if_match,
                   uint64_t leaf, bool consent) {
    MustHaveLeaf(leaf);
    MustBeLive(old);
    Must(if_match == old.kept.revision, "loses a race and writes");
    Link& link = *FindLink(old.kept.link);
    Must(link.pending == 0, "has two writes of one link");
    link.pending = leaf;
    link.overtaken = false;
    link.ends_tokens = consent;
    return Inherit(old, made, leaf);
  }
  void TakeConsent(Version& version, const Consent& consent) {
    version.purposes = version.clusters = 0;
    for (std::string_view name : consent.purposes) {
      const int purpose = Find(name, kPurposes, 2);
      Must(purpose >= 0, "stores a prohibited or unknown purpose");
      version.purposes |= 1u << purpose;
    }
    for (std::string_view name : consent.clusters) {
      version.clusters |= Scope(name);
    }
    version.one_time = consent.duration_type == DurationType::kOneTime;
    version.expires_at = ConsentEnd(consent, now, base::kPersistentDaysMax);
  }
  static uint32_t Scope(std::string_view text) {
    uint32_t scope = 0;
    for (;;) {
      const size_t end = text.find(' ');
      const int cluster = Find(text.substr(0, end), kClusters, 3);
      Must(cluster >= 0, "knows another cluster");
      scope |= 1u << cluster;
      if (end == std::string_view::npos) return scope;
      text.remove_prefix(end + 1);
    }
  }

  std::vector<Link> links_;
  std::vector<SubjectFloor> subject_floors_;
  uint64_t last_leaf_ = 0;
};

}  // namespace coffer::gate_model
