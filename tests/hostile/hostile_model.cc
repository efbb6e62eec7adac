#include "tests/hostile/hostile_model.h"

#include <algorithm>
#include <cstdio>

namespace coffer::hostile {

using wire::InstitutionState;

namespace {

constexpr size_t kLinksKept = 3000;
constexpr size_t kVersionsKept = 8;
constexpr size_t kTokensKept = 4000;
constexpr size_t kUploadsKept = 2000;
constexpr size_t kPastKept = 2000;

Buffer Copy(Bytes bytes) { return Buffer(bytes.begin(), bytes.end()); }

}  // namespace

bool Model::Must(bool holds, const char* otherwise) {
  if (holds) return true;
  if (++violations_ <= 10) {
    std::fprintf(stderr, "message %llu: the keeper %s\n",
                 static_cast<unsigned long long>(message), otherwise);
  }
  return false;
}

// --- Who

void Model::Connected(ConnectionId id, const std::string& name) {
  Must(numbers_.insert(id).second, "gives a connection's number twice");
  connections_[id] = name;
}

void Model::KeeperRestarted() {
  connections_.clear();
  numbers_.clear();
  for (auto& [id, link] : links_) link.pending = 0;
  ForgetTokens();
}

void Model::ForgetTokens() {
  for (const TokenPointer& token : tokens_) {
    token->dead = true;
    token->expires_at = 0;
  }
  for (const UploadPointer& upload : uploads_) upload->over = true;
  for (auto& [name, budget] : budgets_) budget.tokens = budget.from = 0;
  for (const SignaturePointer& one : signatures_) one->over = true;
}

const CallerRow* Model::Asker(ConnectionId id) const {
  auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : rules_.Find(found->second);
}

bool Model::Owns(const CallerRow* asker, uint16_t right,
                 const Version& version) const {
  if (!HasRight(asker, right)) return false;
  return asker->name == version.linker ||
         (right != wire::kRightUpdate && HasRight(asker, wire::kRightAllLinks));
}

bool Model::MayAsk(const CallerRow* asker, std::string_view audience,
                   const Token& token) const {
  if (asker == nullptr) return false;
  if (audience.empty()) return asker->name == token.audience;
  return asker->name == token.client && audience == token.audience;
}

// --- What is shown

Link* Model::Find(const LinkId& id) {
  auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

// The version that these very bytes are: any other bytes are a forgery.
VersionPointer Model::Shown(const LinkId& link, const wire::StoredLink& stored,
                            bool with_box) {
  auto found = heads_.find(Tail(stored.head));
  if (!Must(found != heads_.end() &&
                base::Equal(found->second->head, stored.head),
            "opens a record that it never made")) {
    return nullptr;
  }
  VersionPointer version = found->second;
  Must(version->link == link, "opens a record of another link");
  Must(OfWrap(link, stored.wrap) == version, "opens it with another's key");
  Must(!with_box || base::Equal(version->box, stored.token_box),
       "opens another bank token");
  return Find(link) == nullptr ? nullptr : version;
}

VersionPointer Model::OfWrap(const LinkId& link, Bytes bytes) {
  auto found = wraps_.find(Tail(bytes));
  bool known = false;
  if (found != wraps_.end()) {
    for (const Buffer& wrap : found->second->wraps) {
      known |= base::Equal(wrap, bytes);
    }
  }
  if (!Must(known, "opens a wrap that it never made")) return nullptr;
  const Version& version = *found->second;
  Must(version.link == link, "opens the wrap of another link");
  auto wrap = wire::DecodeWrap(bytes);
  Must(wrap.ok() && !destroyed_.contains(wrap->kek),
       "opens a record under a destroyed key");
  Must(institutions_[version.institution] != InstitutionState::kWithdrawn,
       "opens a link of a withdrawn bank");
  return found->second;
}

TokenPointer Model::Known(std::string_view text) {
  auto found = by_text_.find(std::string(text));
  if (!Must(found != by_text_.end(), "takes a token that it never made")) {
    return nullptr;
  }
  return found->second;
}

bool Model::IsErased(const Version& version) const {
  if (links_.at(version.link).erased) return true;
  for (const std::string& linker : {version.linker, std::string()}) {
    auto floor = subject_floors_.find({linker, version.subject});
    if (floor != subject_floors_.end() && version.leaf < floor->second) {
      return true;
    }
  }
  return false;
}

// At least its metadata may be told.
bool Model::MustOpen(const Version& version, const Link& link) {
  return Must(!IsErased(version), "opens an erased record") &&
         Must(version.leaf >= link.floor || link.revoked || link.used ||
                  link.ended || link.may_have_ended,
              "opens a replaced record");
}

void Model::MustBeLive(const Version& version, const Link& link) {
  Must(!IsErased(version), "uses an erased link");
  Must(!link.revoked && !version.ended, "uses a revoked link");
  Must(!link.used && !link.ended, "uses a used link");
  Must(version.leaf >= link.floor, "uses a replaced record");
}

bool Model::IsVoid(const Token& token, bool located) const {
  if (token.dead) return true;
  const std::pair<wire::TokenGroup, std::string> names[] = {
      {wire::TokenGroup::kCaller, token.client},
      {wire::TokenGroup::kPurpose, kPurposes[token.purpose]},
      {wire::TokenGroup::kInstitution, kInstitutions[token.institution]}};
  for (const auto& name : names) {
    if (located && name.first == wire::TokenGroup::kInstitution) continue;
    auto floor = group_floors_.find(name);
    if (floor != group_floors_.end() && token.leaf < floor->second) return true;
  }
  auto link = links_.find(token.link);
  return link != links_.end() && token.leaf < link->second.token_floor;
}

bool Model::IsGranted(const Token& token, int institution) const {
  for (const GrantRow& row : rules_.grants) {
    if (row.caller == token.client && row.audience == token.audience &&
        row.purpose == token.purpose &&
        ((row.institutions >> institution) & 1) &&
        (token.scope & ~row.clusters) == 0) {
      return true;
    }
  }
  return false;
}

void Model::MustBeGranted(const Version& version, const Token& token) {
  MustBeLive(version, links_.at(version.link));
  Must(!IsVoid(token), "takes a void token");
  Must(began_ < token.expires_at, "takes an expired token");
  Must(began_ < version.expires_at, "uses an expired consent");
  const int place = version.institution;
  const PurposeRow& purpose = rules_.purposes[token.purpose];
  const InstitutionRow& bank = rules_.institutions[place];
  Must(institutions_[place] == InstitutionState::kActive,
       "uses a suspended bank's link");
  Must(!purpose.prohibited, "serves a prohibited purpose");
  Must((bank.purposes >> token.purpose) & 1, "exceeds the bank's purposes");
  Must((version.purposes >> token.purpose) & 1, "exceeds the consent");
  const uint32_t bound = version.clusters & purpose.clusters & bank.clusters;
  Must(token.scope != 0 && (token.scope & ~bound) == 0,
       "exceeds consent, purpose or ceiling");
  Must(IsGranted(token, place), "serves without a rule");
}

// --- What is made

void Model::HasLeaf(uint64_t leaf) {
  Must(leaf != wire::kNoLeaf && leaf > last_leaf_, "decides without a leaf");
  last_leaf_ = leaf;
}

uint32_t Model::Scope(std::string_view text) {
  uint32_t scope = 0;
  for (;;) {
    const size_t end = text.find(' ');
    const int cluster = Place(text.substr(0, end), kClusters, kKnownClusters);
    if (!Must(cluster >= 0, "knows another cluster")) return scope;
    scope |= 1u << cluster;
    if (end == std::string_view::npos) return scope;
    text.remove_prefix(end + 1);
  }
}

void Model::TakeConsent(Version& version, const wire::Consent& consent) {
  version.purposes = version.clusters = 0;
  for (std::string_view name : consent.purposes) {
    const int purpose = Place(name, kPurposes, kKnownPurposes);
    if (!Must(purpose >= 0, "stores an unknown purpose")) return;
    Must(!rules_.purposes[purpose].prohibited, "stores a prohibited purpose");
    version.purposes |= 1u << purpose;
  }
  for (std::string_view name : consent.clusters)
    version.clusters |= Scope(name);
  uint64_t days = consent.duration_period_days;
  version.one_time = consent.duration_type == wire::DurationType::kOneTime;
  if (consent.duration_type == wire::DurationType::kPersistent) days = 365;
  if (version.one_time && days == 0) days = 1;
  Must(days >= 1 && days <= 366, "stores an absurd duration");
  version.expires_at = now_ + days * 86400;
  version.lookback_days = consent.lookback_period_days;
}

VersionPointer Model::Add(const wire::NewRecord& made, uint64_t leaf) {
  auto version = std::make_shared<Version>();
  version->link = made.link;
  version->revision = made.revision;
  version->leaf = leaf;
  version->head = Copy(made.stored.head);
  version->box = Copy(made.stored.token_box);
  version->wraps.push_back(Copy(made.stored.wrap));
  auto head = wire::DecodeRecordHead(made.stored.head);
  Must(head.ok() && head->leaf == leaf && head->link == made.link &&
           head->revision == made.revision,
       "seals another head");
  heads_[Tail(version->head)] = version;
  wraps_[Tail(version->wraps[0])] = version;
  Link& link = links_[made.link];
  link.versions.push_back(version);
  return version;
}

VersionPointer Model::Inherit(const Version& old, const wire::NewRecord& made,
                              uint64_t leaf) {
  Must(made.link == old.link && made.revision > old.revision,
       "does not raise the revision");
  VersionPointer version = Add(made, leaf);
  version->linker = old.linker;
  version->subject = old.subject;
  version->bank_token = old.bank_token;
  version->institution = old.institution;
  version->purposes = old.purposes;
  version->clusters = old.clusters;
  version->lookback_days = old.lookback_days;
  version->one_time = old.one_time;
  version->expires_at = old.expires_at;
  version->ended = old.ended;
  return version;
}

VersionPointer Model::Replace(const Version& old, const wire::NewRecord& made,
                              uint32_t if_match, uint64_t leaf, bool consent) {
  HasLeaf(leaf);
  Link& link = *Find(old.link);
  MustBeLive(old, link);
  Seen(old, link);
  Must(if_match == old.revision, "loses a race and writes");
  Must(link.pending == 0, "has two writes of one link under way");
  link.pending = leaf;
  link.overtaken = false;
  link.ends_tokens = consent;
  VersionPointer version = Inherit(old, made, leaf);
  version->new_consent = consent;
  return version;
}

void Model::End(const Version& old, Link& link, const wire::NewRecord& made,
                uint64_t leaf) {
  HasLeaf(leaf);
  MustOpen(old, link);
  Must(made.stored.token_box.empty(), "keeps an ended bank token");
  VersionPointer version = Inherit(old, made, leaf);
  version->bank_token.clear();
  version->ended = link.ended = link.overtaken = true;
  link.token_floor = leaf;
}

// A replacement that was never confirmed ends what it replaced when it is seen.
void Model::Seen(const Version& version, Link& link) {
  if (version.revision <= 1 || version.leaf <= link.floor) return;
  link.floor = version.leaf;
  if (version.new_consent) {
    link.token_floor = std::max(link.token_floor, version.leaf);
  }
}

void Model::Forget(const Version& version) {
  heads_.erase(Tail(version.head));
  for (const Buffer& wrap : version.wraps) wraps_.erase(Tail(wrap));
}

void Model::Trim() {
  while (order_.size() > kLinksKept) {
    auto found = links_.find(order_.front());
    for (const VersionPointer& version : found->second.versions) {
      Forget(*version);
    }
    links_.erase(found);
    order_.pop_front();
  }
  for (auto& [id, link] : links_) {
    while (link.versions.size() > kVersionsKept) {
      Forget(*link.versions[1]);
      link.versions.erase(link.versions.begin() + 1);
    }
  }
  for (; tokens_.size() > kTokensKept; tokens_.pop_front()) {
    by_text_.erase(tokens_.front()->text);
  }
  for (; uploads_.size() > kUploadsKept; uploads_.pop_front()) {
    uploads_by_text_.erase(uploads_.front()->text);
  }
  for (; signatures_.size() > kUploadsKept; signatures_.pop_front()) {
    signatures_by_text_.erase(signatures_.front()->text);
  }
  for (; past_.size() > kPastKept; past_.pop_front()) {
    past_by_tail_.erase(Tail(past_.front().bytes));
  }
}

}  // namespace coffer::hostile
