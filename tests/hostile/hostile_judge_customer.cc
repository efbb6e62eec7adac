// What the model says of erasures, ledgers and sealed uploads.
#include "tests/hostile/hostile_model.h"

namespace coffer::hostile {

namespace {

constexpr uint64_t kFreshSeconds = 300;

// The links that a certificate names. Its signature is another test's.
std::vector<LinkId> Named(std::string_view certificate) {
  constexpr std::string_view kStart = "v4.public.";
  std::vector<LinkId> named;
  if (!certificate.starts_with(kStart)) return named;
  std::string_view body = certificate.substr(kStart.size());
  body = body.substr(0, body.find('.'));
  std::string text(body.size() * 3 / 4, '\0');
  if (!base::DecodeBase64Url(
           {reinterpret_cast<uint8_t*>(text.data()), text.size()}, body)
           .ok()) {
    return named;
  }
  for (size_t place = text.find("\"lnk_"); place != std::string::npos;
       place = text.find("\"lnk_", place + 1)) {
    auto link = wire::ParseLink(text.substr(place + 1, wire::kLinkTextBytes));
    if (link.ok()) named.push_back(*link);
  }
  return named;
}

}  // namespace

// --- Sealed uploads

void Model::Uploaded(const UploadPointer& upload) {
  uploads_.push_back(upload);
  uploads_by_text_[upload->text] = upload;
}

// The bank token in it, if it was made for this very request.
std::string Model::Taken(Bytes text, const Upload& request) {
  auto found = uploads_by_text_.find(std::string(base::AsText(text)));
  if (!Must(found != uploads_by_text_.end(), "opens what nobody uploaded")) {
    return "";
  }
  Upload& upload = *found->second;
  Must(!upload.over, "takes an upload again, or from before the unseal");
  Must(began_ <= upload.made_at + kFreshSeconds, "takes an old upload");
  Must(upload.caller == request.caller && upload.create == request.create &&
           upload.institution == request.institution &&
           upload.subject == request.subject &&
           upload.consent_id == request.consent_id &&
           upload.idempotency_key == request.idempotency_key &&
           upload.link == request.link && upload.if_match == request.if_match,
       "takes an upload for another request");
  upload.over = true;
  ++uploads_taken_;
  return upload.bank_token;
}

// --- Signed consents

std::string About(const wire::ConsentStatement& statement) {
  std::string about(base::kRecordHeadBytesMax, '\0');
  base::Encoder encoder(
      {reinterpret_cast<uint8_t*>(about.data()), about.size()});
  encoder.Text(statement.caller, 64);
  encoder.Text(statement.institution, 64);
  encoder.Text(statement.subject, base::kSubjectBytesMax);
  encoder.Number(statement.revision);
  encoder.Flag(statement.link != nullptr);
  if (statement.link != nullptr) encoder.Fixed(*statement.link);
  encoder.Flag(statement.consent != nullptr);
  if (statement.consent != nullptr) encoder.Struct(*statement.consent);
  about.resize(encoder.used());
  return about;
}

void Model::Signed(const SignaturePointer& signature) {
  signatures_.push_back(signature);
  signatures_by_text_[signature->text] = signature;
}

void Model::MustBeSigned(const CallerRow* asker, std::string_view text,
                         wire::ConsentStatement statement) {
  if (asker == nullptr || !asker->signs) return;
  auto found = signatures_by_text_.find(std::string(text));
  if (!Must(found != signatures_by_text_.end(), "does what nobody signed")) {
    return;
  }
  Signature& signature = *found->second;
  Must(!signature.over, "takes a signature again, or from before the unseal");
  Must(began_ <= signature.made_at + kFreshSeconds, "takes an old signature");
  statement.caller = asker->name;
  Must(signature.about == About(statement), "does another thing than signed");
  signature.over = true;
  ++signatures_taken_;
}

// --- Erasures

void Model::Judge(const wire::EraseLinkItem& item,
                  const wire::EraseAnswer& answer, Leaf leaf) {
  HasLeaf(leaf);
  VersionPointer version = Shown(item.link, item.stored, false);
  if (version == nullptr) return;
  Link& link = *Find(item.link);
  Must(Owns(Asker(item.connection), wire::kRightErase, *version),
       "erases another's link");
  MustOpen(*version, link);
  wire::ConsentStatement said;
  said.link = &item.link;
  MustBeSigned(Asker(item.connection), item.signed_consent, said);
  link.erased = link.overtaken = true;
  link.token_floor = leaf;
  for (const LinkId& named : Named(answer.certificate)) {
    Must(named == item.link, "certifies the erasure of another link");
  }
}

void Model::Judge(const wire::EraseSubjectItem& item,
                  const wire::EraseAnswer& answer, Leaf leaf) {
  HasLeaf(leaf);
  const CallerRow* asker = Asker(item.connection);
  if (!Must(HasRight(asker, wire::kRightErase) && !item.subject.empty(),
            "erases a subject without the right")) {
    return;
  }
  wire::ConsentStatement said;
  said.subject = item.subject;
  MustBeSigned(asker, item.signed_consent, said);
  const bool all = HasRight(asker, wire::kRightAllLinks);
  subject_floors_[{all ? "" : asker->name, std::string(item.subject)}] = leaf;
  for (const LinkId& named : Named(answer.certificate)) {
    const Link* link = Find(named);
    if (link == nullptr) continue;
    const Version& version = *link->versions.back();
    Must(version.subject == item.subject &&
             (all || version.linker == asker->name),
         "certifies the erasure of another's link");
  }
}

// --- Past consents

void Model::Keep(Bytes history, const VersionPointer& version) {
  if (history.empty()) return;
  auto row = wire::DecodeHistoryRow(history);
  Must(row.ok() && row->link == version->link && row->leaf == version->leaf,
       "keeps another consent");
  const std::string_view text = base::AsText(history);
  Must(text.find(version->subject) == std::string_view::npos,
       "keeps a consent in clear");
  past_.push_back({Buffer(history.begin(), history.end()), version});
  past_by_tail_[Tail(history)] = version;
}

// No consent ends in the time of a run: only what was erased is buried.
void Model::Judge(const wire::BuryItem& item, const wire::BuryAnswer& answer,
                  Leaf) {
  VersionPointer version = Shown(item.link, item.stored, false);
  if (version == nullptr) return;
  Must(IsErased(*version) || Find(item.link)->may_have_ended ||
           began_ >= version->expires_at,
       "buries what has not ended");
  Keep(answer.history, version);
}

void Model::Judge(const wire::HistoryItem& item, const wire::PastConsent& past,
                  Leaf leaf) {
  HasLeaf(leaf);
  auto found = past_by_tail_.find(Tail(item.history));
  if (!Must(found != past_by_tail_.end(), "opens a past it never made")) return;
  const Version& version = *found->second;
  Must(Owns(Asker(item.connection), wire::kRightRead, version),
       "tells another's past consent");
  uint32_t purposes = 0;
  for (std::string_view name : past.consent.purposes) {
    purposes |= 1u << (Place(name, kPurposes, kKnownPurposes) & 31);
  }
  Must(past.link == version.link && past.linker == version.linker &&
           purposes == version.purposes,
       "tells another past consent");
}

// --- Ledgers

void Model::Judge(const wire::TagsItem& item, const wire::TagsAnswer&,
                  Leaf leaf) {
  HasLeaf(leaf);
  VersionPointer version = Shown(item.link, item.stored, false);
  if (version == nullptr) return;
  Must(Owns(Asker(item.connection), wire::kRightRead, *version),
       "names another's link in the log");
  MustOpen(*version, *Find(item.link));
  Seen(*version, *Find(item.link));
}

// Leaves are no secret to the gate, and so there is none in them.
void Model::Judge(const wire::LeavesItem& item,
                  const wire::LeavesAnswer& answer, Leaf) {
  uint64_t index = item.from;
  for (const wire::LeafBytes& bytes : answer.leaves) {
    auto leaf = wire::DecodeLeaf(bytes.leaf);
    Must(leaf.ok() && leaf->index == index++, "tells leaves out of order");
    const std::string_view text = base::AsText(bytes.leaf);
    Must(text.find("subject-") == std::string_view::npos &&
             text.find("bank-") == std::string_view::npos,
         "tells a customer or a bank token in a leaf");
  }
  Must(answer.leaves.empty() || index <= answer.next,
       "tells leaves that are not durable");
}

}  // namespace coffer::hostile
