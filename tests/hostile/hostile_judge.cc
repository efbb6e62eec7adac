#include <algorithm>

#include "tests/hostile/hostile_model.h"

namespace coffer::hostile {

using wire::InstitutionState;

// --- Links

void Model::Judge(const wire::HashItem& item, const wire::HashAnswer& answer,
                  Leaf leaf) {
  const CallerRow* asker = Asker(item.connection);
  if (!Must(asker != nullptr, "hashes for nobody")) return;
  const uint16_t rights = item.subject.empty()
                              ? wire::kRightCreate
                              : wire::kRightRead | wire::kRightErase;
  Must(HasRight(asker, rights), "hashes without a right");
  Must(answer.caller == asker->name, "names another caller");
  if (item.subject.empty()) return;
  HasLeaf(leaf);
  auto [known, added] =
      hashes_.emplace(std::string(item.subject), answer.subject);
  Must(known->second == answer.subject, "hashes one subject in two ways");
}

void Model::Judge(const wire::CreateItem& item, const wire::NewRecord& made,
                  Leaf leaf) {
  HasLeaf(leaf);
  const CallerRow* asker = Asker(item.connection);
  if (!Must(HasRight(asker, wire::kRightCreate), "creates without the right"))
    return;
  Must(!item.subject.empty() && !item.bank_token.empty(),
       "stores an empty part");
  if (!Must(Find(made.link) == nullptr, "gives a link's id twice")) return;
  const int place = Place(item.institution, kInstitutions, kKnownInstitutions);
  if (!Must(place >= 0, "knows another bank")) return;
  Must(institutions_[place] == InstitutionState::kActive,
       "links to a suspended bank");
  links_[made.link].id = made.link;
  order_.push_back(made.link);
  VersionPointer version = Add(made, leaf);
  Must(made.revision == 1, "begins at another revision");
  version->linker = asker->name;
  version->institution = place;
  version->subject = item.subject;
  version->bank_token = base::AsText(item.bank_token);
  if (item.sealed) {
    Upload request;
    request.create = true;
    request.caller = asker->name;
    request.institution = item.institution;
    request.subject = item.subject;
    request.consent_id = item.consent.consent_id;
    request.idempotency_key = item.idempotency_key;
    version->bank_token = Taken(item.bank_token, request);
  }
  wire::ConsentStatement said;
  said.consent = &item.consent;
  said.institution = item.institution;
  said.subject = item.subject;
  MustBeSigned(asker, item.signed_consent, said);
  TakeConsent(*version, item.consent);
}

void Model::Judge(const wire::ReadItem& item, const wire::ReadAnswer& read,
                  Leaf leaf) {
  HasLeaf(leaf);
  VersionPointer version = Shown(item.link, item.stored, false);
  if (version == nullptr) return;
  Link& link = *Find(item.link);
  Must(Owns(Asker(item.connection), wire::kRightRead, *version),
       "reads another's link");
  MustOpen(*version, link);
  Seen(*version, link);
  Must(read.link == item.link && read.linker == version->linker &&
           read.revision == version->revision,
       "reads another record");
  uint32_t purposes = 0;
  for (std::string_view name : read.consent.purposes) {
    purposes |= 1u << (Place(name, kPurposes, kKnownPurposes) & 31);
  }
  Must(purposes == version->purposes, "reads another consent");
  if (link.revoked) {
    Must(read.status == wire::ConsentStatus::kRevoked,
         "does not show a revocation");
  } else if (link.used) {
    Must(read.status == wire::ConsentStatus::kUsed ||
             (link.may_have_ended &&
              read.status == wire::ConsentStatus::kRevoked),
         "does not show a use");
  } else if (link.ended || version->leaf < link.floor) {
    // Nobody heard how it ended.
    Must(read.status == wire::ConsentStatus::kRevoked ||
             read.status == wire::ConsentStatus::kUsed,
         "does not show an end");
  }
}

void Model::Judge(const wire::ReplaceBankTokenItem& item,
                  const wire::ReplaceAnswer& made, Leaf leaf) {
  VersionPointer old = Shown(item.link, item.stored, false);
  if (old == nullptr) return;
  const CallerRow* asker = Asker(item.connection);
  Must(Owns(asker, wire::kRightUpdate, *old) ||
           (HasRight(asker, wire::kRightUpdateBankToken) &&
            (asker->redeem & old->purposes) != 0),
       "replaces a bank token without the right");
  Must(began_ < old->expires_at, "replaces under an expired consent");
  Must(!item.bank_token.empty(), "stores an empty bank token");
  VersionPointer made_now = Replace(*old, made, item.if_match, leaf, false);
  made_now->bank_token = base::AsText(item.bank_token);
  if (item.sealed && asker != nullptr) {
    Upload request;
    request.caller = asker->name;
    request.link = item.link;
    request.if_match = item.if_match;
    made_now->bank_token = Taken(item.bank_token, request);
  }
}

void Model::Judge(const wire::ReplaceConsentItem& item,
                  const wire::ReplaceAnswer& made, Leaf leaf) {
  VersionPointer old = Shown(item.link, item.stored, true);
  if (old == nullptr) return;
  Must(Owns(Asker(item.connection), wire::kRightUpdate, *old),
       "replaces another's consent");
  Must(!old->bank_token.empty(), "reseals what is not there");
  wire::ConsentStatement said;
  said.consent = &item.consent;
  said.link = &item.link;
  said.revision = item.if_match;
  MustBeSigned(Asker(item.connection), item.signed_consent, said);
  VersionPointer made_now = Replace(*old, made, item.if_match, leaf, true);
  Keep(made.history, old);
  TakeConsent(*made_now, item.consent);
}

void Model::JudgeCommitted(const wire::CommitItem& item) {
  Link* link = Find(item.link);
  if (link == nullptr) return;  // forgotten here
  if (!Must(link->pending != 0 && link->pending == item.leaf,
            "confirms no write")) {
    return;
  }
  Must(!link->overtaken, "confirms a write that was killed");
  link->floor = std::max(link->floor, item.leaf);
  if (link->ends_tokens) link->token_floor = last_leaf_ + 1;
}

void Model::WriteEnds(const wire::CommitItem& item) {
  Link* link = Find(item.link);
  if (link != nullptr && link->pending == item.leaf) link->pending = 0;
}

void Model::Judge(const wire::RevokeConsentItem& item,
                  const wire::NewRecord& made, Leaf leaf) {
  VersionPointer old = Shown(item.link, item.stored, false);
  if (old == nullptr) return;
  Link& link = *Find(item.link);
  Must(Owns(Asker(item.connection), wire::kRightUpdate, *old),
       "revokes another's consent");
  Must(!link.revoked, "revokes twice");
  End(*old, link, made, leaf);
  link.revoked = true;
}

void Model::Judge(const wire::SettleItem& item, const wire::NewRecord& made,
                  Leaf leaf) {
  VersionPointer old = Shown(item.link, item.stored, false);
  if (old == nullptr) return;
  Link& link = *Find(item.link);
  Must(link.revoked || link.used || link.may_have_ended,
       "settles what has not ended");
  Must(!old->ended, "settles twice");
  End(*old, link, made, leaf);
}

// --- Tokens

void Model::Judge(const wire::IssueItem& item, const wire::IssueAnswer& answer,
                  Leaf leaf) {
  HasLeaf(leaf);
  const CallerRow* asker = Asker(item.connection);
  VersionPointer version = Shown(item.link, item.stored, false);
  if (version == nullptr || !Must(asker != nullptr, "issues to nobody")) return;
  auto token = std::make_shared<Token>();
  token->text = answer.token;
  token->link = item.link;
  token->leaf = leaf;
  token->client = asker->name;
  token->audience = item.audience;
  token->purpose = Place(item.purpose, kPurposes, kKnownPurposes);
  if (!Must(token->purpose >= 0, "issues for an unknown purpose")) return;
  token->scope = Scope(answer.scope);
  uint32_t asked = 0;
  for (std::string_view name : item.scope) asked |= Scope(name);
  Must(asked == 0 || asked == token->scope, "narrows or widens a scope");
  token->single_use = item.single_use;
  const bool is_public = item.format == wire::TokenFormat::kPublic;
  Must(!item.single_use || !is_public, "makes a public token for a single use");
  Must(answer.expires_in >= 1 &&
           answer.expires_in <= rules_.purposes[token->purpose].seconds_max &&
           (!is_public || answer.expires_in <= 60),
       "gives too long a life");
  token->expires_at = now_ + answer.expires_in;
  token->institution = version->institution;
  MustBeGranted(*version, *token);
  Seen(*version, *Find(item.link));
  Spend(*token);
  Must(by_text_.emplace(token->text, token).second, "gives a token twice");
  tokens_.push_back(token);
}

void Model::Judge(const wire::LocateItem& item,
                  const wire::LocateAnswer& answer, Leaf) {
  TokenPointer token = Known(item.token);
  if (token == nullptr) return;
  const CallerRow* asker = Asker(item.connection);
  if (item.then == wire::Op::kRedeem) {
    Must(asker != nullptr && asker->name == token->audience &&
             ((asker->redeem >> token->purpose) & 1),
         "tells a link to who may not redeem");
  } else {
    Must(MayAsk(asker, item.audience, *token), "tells a link to another");
  }
  // A token of an erased link tells nothing but that link's id.
  const Link* link = Find(token->link);
  const bool erased = link == nullptr || link->erased;
  Must((erased || !IsVoid(*token, true)) && began_ < token->expires_at,
       "locates a dead token");
  Must(answer.link == token->link, "locates another link");
}

void Model::Judge(const wire::RedeemItem& item,
                  const wire::RedeemAnswer& answer, Leaf leaf) {
  HasLeaf(leaf);
  TokenPointer token = Known(item.token);
  if (token == nullptr) return;
  VersionPointer version = Shown(token->link, item.stored, true);
  if (version == nullptr) return;
  const CallerRow* asker = Asker(item.connection);
  Must(asker != nullptr && asker->name == token->audience,
       "gives a bank token to another audience");
  Must(asker != nullptr && ((asker->redeem >> token->purpose) & 1),
       "redeems for who may not");
  MustBeGranted(*version, *token);
  Link& link = *Find(token->link);
  Seen(*version, link);
  std::string given(base::AsText(answer.bank_token));
  Must(asker == nullptr || answer.sealed == asker->sealed_to,
       "gives a bank token in clear that is to be sealed");
  if (answer.sealed) given = callers_.Open(given, item.token);
  Must(given == version->bank_token, "gives another bank token");
  Must(!version->bank_token.empty(), "gives an empty bank token");
  Must(answer.link == token->link && answer.revision == version->revision,
       "redeems another record");
  Must(Scope(answer.scope) == token->scope, "redeems another scope");
  Must(began_ + answer.expires_in <= token->expires_at, "lives longer");
  if (token->single_use) token->dead = true;
  if (version->one_time) {
    link.used = link.overtaken = true;
    link.token_floor = leaf;
  }
}

void Model::Judge(const wire::IntrospectItem& item,
                  const wire::IntrospectAnswer& answer, Leaf leaf) {
  HasLeaf(leaf);
  TokenPointer token = Known(item.token);
  if (token == nullptr) return;
  VersionPointer version = Shown(token->link, item.stored, false);
  if (version == nullptr) return;
  Must(MayAsk(Asker(item.connection), item.audience, *token),
       "answers who may not ask");
  MustBeGranted(*version, *token);
  Seen(*version, *Find(token->link));
  Must(answer.link == token->link && answer.audience == token->audience &&
           answer.client_id == token->client,
       "introspects another token");
}

// RFC 7009 answers alike for all; from then on the token is dead where the
// asker had a say.
void Model::Judge(const wire::RevokeTokenItem& item, const wire::EmptyAnswer&,
                  Leaf) {
  const CallerRow* asker = Asker(item.connection);
  Must(asker != nullptr, "answers nobody");
  auto found = by_text_.find(std::string(item.token));
  if (found != by_text_.end() && MayAsk(asker, item.audience, *found->second)) {
    found->second->dead = true;
  }
}

void Model::Judge(const wire::KeysItem& item, const wire::KeysAnswer&, Leaf) {
  Must(Asker(item.connection) != nullptr, "answers nobody");
}

// --- Upkeep

void Model::Judge(const wire::RewrapItem& item,
                  const wire::RewrapAnswer& answer, Leaf) {
  const int place = Place(item.institution, kInstitutions, kKnownInstitutions);
  Must(answer.rows.size == item.rows.size, "answers other rows");
  for (size_t i = 0; i < item.rows.size && i < answer.rows.size; ++i) {
    if (answer.rows[i].rule != wire::Rule::kAllowed) continue;
    const wire::RewrapRow& row = item.rows[i];
    VersionPointer version = OfWrap(row.link, row.wrap);
    if (version == nullptr) continue;
    Link* link = Find(row.link);
    if (link == nullptr) continue;
    Must(version->institution == place, "rewraps for another bank");
    Must(!IsErased(*version), "carries an erased record over");
    Must(version->ended || (!link->revoked && !link->used),
         "carries a killed record over");
    Must(version->leaf >= link->floor, "carries a replaced record over");
    Seen(*version, *link);
    Buffer wrap(row.wrap.begin(), row.wrap.end());
    wire::ReplaceKek(wrap, answer.kek, answer.rows[i].box);
    wraps_[Tail(wrap)] = version;
    version->wraps.push_back(std::move(wrap));
  }
}

}  // namespace coffer::hostile
