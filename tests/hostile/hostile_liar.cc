#include "tests/hostile/hostile_liar.h"

namespace coffer::hostile {

using wire::Op;

namespace {

constexpr unsigned kLies = 8;  // per cent, of each thing that can be a lie
constexpr uint64_t kSubjects = 5000;

struct Weight {
  Op op;
  unsigned weight;
};
constexpr Weight kWeights[] = {
    {Op::kCreate, 70},
    {Op::kIssue, 250},
    {Op::kRedeem, 220},
    {Op::kIntrospect, 80},
    {Op::kLocate, 40},
    {Op::kRead, 60},
    {Op::kReplaceBankToken, 60},
    {Op::kReplaceConsent, 50},
    {Op::kCommitted, 100},
    {Op::kNotCommitted, 8},
    {Op::kRevokeConsent, 15},
    {Op::kEraseLink, 12},
    {Op::kEraseSubject, 1},
    {Op::kRevokeToken, 25},
    {Op::kHash, 12},
    {Op::kKeys, 4},
    {Op::kStatus, 4},
    {Op::kWork, 4},
    {Op::kRewrap, 20},
    {Op::kSettle, 15},
    {Op::kDrained, 1},
    {Op::kAdopted, 1},
    {Op::kTags, 10},
    {Op::kBury, 20},
    {Op::kHistory, 15},
    {Op::kLeaves, 4},
};

Bytes HeadOf(const Version& version) { return version.head; }
Bytes WrapOf(const Version& version) { return version.wraps.back(); }
Bytes FirstWrapOf(const Version& version) { return version.wraps.front(); }
Bytes BoxOf(const Version& version) { return version.box; }

}  // namespace

Op Liar::Choose() {
  unsigned sum = 0;
  for (const Weight& row : kWeights) sum += row.weight;
  uint64_t place = Below(sum);
  for (const Weight& row : kWeights) {
    if (place < row.weight) return row.op;
    place -= row.weight;
  }
  return Op::kStatus;
}

// --- What to steal from

Link* Liar::AnyLink() {
  const auto& links = model_.links();
  return links.empty() ? nullptr : model_.Find(links[Below(links.size())]);
}

// Mostly one that has not ended.
Link* Liar::LivingLink() {
  Link* link = AnyLink();
  for (int i = 0; i < 4 && link != nullptr; ++i) {
    if (!link->revoked && !link->erased && !link->used) break;
    link = AnyLink();
  }
  return link;
}

VersionPointer Liar::AnyVersion() {
  Link* link = AnyLink();
  if (link == nullptr || link->versions.empty()) return nullptr;
  return link->versions[Below(link->versions.size())];
}

// Mostly a young one, which may still be good.
TokenPointer Liar::AnyToken() {
  const auto& tokens = model_.tokens();
  if (tokens.empty()) return nullptr;
  uint64_t age = Below(tokens.size());
  if (Chance(80)) age %= 300;
  return tokens[tokens.size() - 1 - age];
}

ConnectionId Liar::As(const std::string& name) {
  auto found = live.find(name);
  if (found != live.end() && !Chance(kLies)) return found->second;
  lied_ = true;
  if (Chance(40) && !others.empty()) return others[Below(others.size())];
  if (Chance(10)) return random_();
  if (live.empty()) return 1;
  auto other = live.begin();
  std::advance(other, static_cast<long>(Below(live.size())));
  return other->second;
}

Bytes Liar::Spoilt(Bytes bytes) {
  lied_ = true;
  spoilt_.emplace_back(bytes.begin(), bytes.end());
  Buffer& copy = spoilt_.back();
  switch (Below(4)) {
    case 0:
      copy.clear();
      break;
    case 1:
      copy.resize(Below(copy.size() + 1));
      break;
    default:
      if (!copy.empty()) {
        copy[Below(copy.size())] ^= static_cast<uint8_t>(1u << Below(8));
      }
  }
  return copy;
}

// One part of a record: the honest one, or another's.
Bytes Liar::Part(Bytes honest, Bytes (*part)(const Version&)) {
  if (!Chance(kLies / 2)) return honest;
  lied_ = true;
  VersionPointer other = AnyVersion();
  if (other == nullptr || Chance(30)) return Spoilt(honest);
  return part(*other);
}

// An earlier version whole, or parts of several.
wire::StoredLink Liar::Stored(const VersionPointer& version, bool box) {
  VersionPointer shown = version;
  Link* link = model_.Find(version->link);
  if (Chance(kLies) && link != nullptr) {
    lied_ = true;
    shown = link->versions[Below(link->versions.size())];
  } else if (Chance(kLies / 3)) {
    lied_ = true;
    shown = AnyVersion();
  }
  wire::StoredLink stored;
  stored.head = Part(shown->head, HeadOf);
  stored.wrap = Part(shown->wraps.back(), Chance(50) ? WrapOf : FirstWrapOf);
  if (Chance(kLies) && shown->wraps.size() > 1) {
    lied_ = true;
    stored.wrap = shown->wraps[Below(shown->wraps.size())];
  }
  if (box) stored.token_box = Part(shown->box, BoxOf);
  return stored;
}

std::string Liar::TokenText(const TokenPointer& token) {
  if (token == nullptr) {
    lied_ = true;
    return "v4.local.AAAA";
  }
  std::string text = token->text;
  if (Chance(kLies / 4)) {
    lied_ = true;
    text[Below(text.size())] = static_cast<char>('A' + Below(26));
  }
  return text;
}

wire::Consent Liar::MakeConsent() {
  wire::Consent consent;
  consent.consent_id = "c-1";
  for (uint64_t i = 0; i < 4; ++i) {
    if (Chance(i < 2 ? 75 : 2)) consent.purposes.push_back(kPurposes[i]);
  }
  for (uint64_t i = 0; i < 4; ++i) {
    if (Chance(i < 3 ? 75 : 2)) consent.clusters.push_back(kClusters[i]);
  }
  if (consent.purposes.empty()) consent.purposes.push_back(kPurposes[0]);
  if (consent.clusters.empty()) consent.clusters.push_back(kClusters[0]);
  const uint64_t kind = Below(100);
  consent.duration_type = kind < 15   ? wire::DurationType::kOneTime
                          : kind < 30 ? wire::DurationType::kPersistent
                                      : wire::DurationType::kTimeBound;
  if (consent.duration_type == wire::DurationType::kTimeBound) {
    consent.duration_period_days = 90;
  }
  if (Chance(2)) consent.duration_period_days = 100000;
  return consent;
}

// What nobody signed, or agreed to.
void Liar::Widen(wire::Consent& consent) {
  lied_ = true;
  consent.purposes.size = consent.clusters.size = 0;
  for (int i = 0; i < 2; ++i) consent.purposes.push_back(kPurposes[i]);
  for (int i = 0; i < 3; ++i) consent.clusters.push_back(kClusters[i]);
}

// --- Items

bool Liar::MakeCreate() {
  wire::CreateItem item;
  const std::string caller = live.contains("self") ? "self"
                             : Chance(10)          ? "signer"
                             : Chance(50)          ? "linker"
                                                   : "linker2";
  item.connection = As(caller);
  item.institution = kInstitutions[Chance(95) ? Below(2) : Below(4)];
  const std::string subject = "subject-" + std::to_string(Below(kSubjects));
  item.subject = subject;
  text_ = "bank-" + std::to_string(random_());
  item.bank_token = base::AsBytes(text_);
  item.consent = MakeConsent();
  if (Chance(10)) item.sealed = SealCreate(item, caller);
  wire::ConsentStatement said;
  said.consent = &item.consent;
  said.institution = item.institution;
  said.subject = item.subject;
  item.signed_consent = Sign(caller, said);
  if (Chance(2)) Widen(item.consent);
  return Encode(Op::kCreate, item);
}

bool Liar::MakeHash() {
  wire::HashItem item;
  auto asker = live.begin();
  if (asker == live.end()) return false;
  std::advance(asker, static_cast<long>(Below(live.size())));
  item.connection = As(asker->first);
  item.right = static_cast<uint16_t>(Below(64));
  const std::string subject = "subject-" + std::to_string(Below(kSubjects));
  if (Chance(60)) item.subject = subject;
  item.route = "r";
  if (Chance(50)) item.idempotency_key = "k";
  return Encode(Op::kHash, item);
}

bool Liar::MakeIssue() {
  Link* link = LivingLink();
  if (link == nullptr) return false;
  const VersionPointer version = link->versions.back();
  const auto& grants = model_.rules().grants;
  if (grants.empty()) return false;
  size_t place = Below(grants.size());
  for (int i = 0; i < 4; ++i) {  // mostly one that the consent allows
    if ((version->purposes >> grants[place].purpose) & 1) break;
    place = Below(grants.size());
  }
  const GrantRow& grant = grants[place];
  wire::IssueItem item;
  item.connection = As(grant.caller);
  item.link = version->link;
  item.purpose =
      kPurposes[Chance(95) ? grant.purpose : static_cast<int>(Below(4))];
  item.audience = grant.audience;
  if (Chance(kLies / 2)) {
    const auto& callers = model_.rules().callers;
    item.audience = callers[Below(callers.size())].name;
  }
  for (uint64_t i = 0; i < 4; ++i) {
    if (Chance(i < 3 ? 6 : 1)) item.scope.push_back(kClusters[i]);
  }
  constexpr uint32_t kSeconds[] = {0, 1, 1, 2, 30, 300, 900, 100000};
  item.expires_in = kSeconds[Below(8)];
  item.format =
      Chance(10) ? wire::TokenFormat::kPublic : wire::TokenFormat::kLocal;
  item.single_use = Chance(20);
  item.stored = Stored(version, false);
  return Encode(Op::kIssue, item);
}

bool Liar::MakeRedeem() {
  TokenPointer token = AnyToken();
  if (token == nullptr) return false;
  Link* link = model_.Find(token->link);
  VersionPointer version =
      link == nullptr ? AnyVersion() : link->versions.back();
  if (version == nullptr) return false;
  const std::string text = TokenText(token);
  return Encode(Op::kRedeem, wire::RedeemItem{As(token->audience), text,
                                              Stored(version, true)});
}

bool Liar::MakeIntrospect() {
  TokenPointer token = AnyToken();
  if (token == nullptr) return false;
  Link* link = model_.Find(token->link);
  VersionPointer version =
      link == nullptr ? AnyVersion() : link->versions.back();
  if (version == nullptr) return false;
  const bool issuer = Chance(50);
  const std::string text = TokenText(token);
  wire::IntrospectItem item;
  item.connection = As(issuer ? token->client : token->audience);
  item.token = text;
  if (issuer || Chance(10)) item.audience = token->audience;
  item.stored = Stored(version, false);
  return Encode(Op::kIntrospect, item);
}

bool Liar::MakeLocate() {
  TokenPointer token = AnyToken();
  if (token == nullptr) return false;
  const bool redeem = Chance(60);
  const std::string text = TokenText(token);
  wire::LocateItem item;
  item.connection = As(token->audience);
  item.then = redeem ? Op::kRedeem : Op::kIntrospect;
  item.token = text;
  if (!redeem && Chance(50)) {
    item.connection = As(token->client);
    item.audience = token->audience;
  }
  return Encode(Op::kLocate, item);
}

bool Liar::MakeRevokeToken() {
  TokenPointer token = AnyToken();
  if (token == nullptr) return false;
  const bool issuer = Chance(60);
  const std::string text = TokenText(token);
  wire::RevokeTokenItem item;
  item.connection = As(issuer ? token->client : token->audience);
  item.token = text;
  if (issuer) item.audience = token->audience;
  return Encode(Op::kRevokeToken, item);
}

bool Liar::MakeReplaceBankToken() {
  Link* link = LivingLink();
  if (link == nullptr) return false;
  const VersionPointer version = link->versions.back();
  wire::ReplaceBankTokenItem item;
  const std::string caller = live.contains("self") ? "self"
                             : Chance(50)          ? version->linker
                             : Chance(50)          ? "connector"
                                                   : "vaulted";
  item.connection = As(caller);
  item.link = version->link;
  item.if_match = version->revision + (Chance(kLies / 2) ? 1 : 0);
  text_ = "bank-" + std::to_string(random_());
  item.bank_token = base::AsBytes(text_);
  item.stored = Stored(version, false);
  if (Chance(10)) item.sealed = SealReplace(item, caller);
  return Encode(Op::kReplaceBankToken, item);
}

bool Liar::MakeReplaceConsent() {
  Link* link = LivingLink();
  if (link == nullptr) return false;
  const VersionPointer version = link->versions.back();
  wire::ReplaceConsentItem item;
  item.connection = As(version->linker);
  item.link = version->link;
  item.if_match = version->revision + (Chance(kLies / 2) ? 1 : 0);
  item.consent = MakeConsent();
  item.stored = Stored(version, true);
  wire::ConsentStatement said;
  said.consent = &item.consent;
  said.link = &item.link;
  said.revision = item.if_match;
  item.signed_consent = Sign(version->linker, said);
  if (Chance(2)) Widen(item.consent);
  return Encode(Op::kReplaceConsent, item);
}

// Confirms what was written; or another write, twice, or never.
bool Liar::MakeCommit(Op op) {
  if (writes_.empty()) return false;
  const size_t place = Below(writes_.size());
  Write write = writes_[place];
  if (!Chance(kLies)) {
    writes_.erase(writes_.begin() + static_cast<long>(place));
  } else {
    lied_ = true;
    if (Chance(30)) write.leaf += Below(3) - 1;
    if (Chance(30)) write.link = writes_[Below(writes_.size())].link;
  }
  while (writes_.size() > 2000) writes_.pop_front();
  return Encode(op, wire::CommitItem{write.link, write.leaf});
}

bool Liar::MakeOnLink(Op op) {
  Link* link = AnyLink();
  if (link == nullptr) return false;
  const VersionPointer version = link->versions.back();
  const bool auditor = op != Op::kRevokeConsent && Chance(30);
  const ConnectionId asker =
      As(auditor && live.contains("auditor") ? "auditor" : version->linker);
  const wire::StoredLink stored = Stored(version, false);
  switch (op) {
    case Op::kRead: {
      wire::ReadItem item;
      item.connection = asker;
      item.link = version->link;
      item.stored = stored;
      return Encode(op, item);
    }
    case Op::kRevokeConsent:
      return Encode(op,
                    wire::RevokeConsentItem{
                        asker, version->link,
                        static_cast<wire::RevocationReason>(Below(4)), stored});
    case Op::kEraseLink: {
      wire::EraseLinkItem item;
      item.connection = asker;
      item.link = version->link;
      item.stored = stored;
      wire::ConsentStatement said;
      said.link = &item.link;
      if (!auditor) item.signed_consent = Sign(version->linker, said);
      return Encode(op, item);
    }
    case Op::kBury:
      return Encode(op, wire::BuryItem{version->link, stored});
    case Op::kTags: {
      wire::TagsItem item;
      item.connection = asker;
      item.link = version->link;
      item.stored = stored;
      return Encode(op, item);
    }
    default:
      return Encode(op, wire::SettleItem{version->link, stored});
  }
}

bool Liar::Make(Op op) {
  lied_ = false;
  spoilt_.clear();
  switch (op) {
    case Op::kCreate:
      return MakeCreate();
    case Op::kHash:
      return MakeHash();
    case Op::kIssue:
      return MakeIssue();
    case Op::kRedeem:
      return MakeRedeem();
    case Op::kIntrospect:
      return MakeIntrospect();
    case Op::kLocate:
      return MakeLocate();
    case Op::kRevokeToken:
      return MakeRevokeToken();
    case Op::kReplaceBankToken:
      return MakeReplaceBankToken();
    case Op::kReplaceConsent:
      return MakeReplaceConsent();
    case Op::kCommitted:
    case Op::kNotCommitted:
      return MakeCommit(op);
    case Op::kEraseSubject:
      return MakeEraseSubject();
    case Op::kRewrap:
      return MakeRewrap();
    case Op::kWork:
    case Op::kDrained:
    case Op::kAdopted:
      return MakeUpkeep(op);
    case Op::kLeaves:
      return MakeLeaves();
    case Op::kKeys:
      return Encode(
          op, wire::KeysItem{As(live.empty() ? "" : live.begin()->first)});
    case Op::kStatus:
      return Encode(op, wire::StatusItem{});
    case Op::kRead:
    case Op::kRevokeConsent:
    case Op::kEraseLink:
    case Op::kSettle:
    case Op::kTags:
    case Op::kBury:
      return MakeOnLink(op);
    case Op::kHistory:
      return MakeHistory();
    default:
      return false;
  }
}

}  // namespace coffer::hostile
