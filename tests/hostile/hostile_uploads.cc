// What the liar does with what honest callers sealed and signed: it cannot make
// any of it.
#include "tests/hostile/hostile_liar.h"
#include "vault/wire/transit.h"

namespace coffer::hostile {

namespace {
constexpr unsigned kReplays = 30;  // per cent
}  // namespace

UploadPointer Liar::OldUpload(bool create) {
  const auto& uploads = model_.uploads();
  if (uploads.empty() || !Chance(kReplays)) return nullptr;
  UploadPointer upload = uploads[Below(uploads.size())];
  if (upload->create != create && !Chance(10)) return nullptr;
  lied_ = true;
  return upload;
}

// A fresh one for this request; or an earlier one, for its own or for this.
bool Liar::SealCreate(wire::CreateItem& item, const std::string& caller) {
  upload_ = OldUpload(true);
  if (upload_ != nullptr) {
    if (Chance(60)) {
      item.connection = As(upload_->caller);
      item.institution = upload_->institution;
      item.subject = upload_->subject;
      item.idempotency_key = upload_->idempotency_key;
    }
    item.bank_token = base::AsBytes(upload_->text);
    return true;
  }
  upload_ = std::make_shared<Upload>();
  upload_->create = true;
  upload_->bank_token = text_;
  upload_->caller = caller;
  upload_->institution = item.institution;
  upload_->subject = item.subject;
  upload_->consent_id = item.consent.consent_id;
  upload_->idempotency_key = "k-" + std::to_string(Below(1000));
  upload_->made_at = model_.now();
  upload_->text = callers_.Seal(
      upload_->bank_token,
      wire::BindCreate(caller, upload_->institution, upload_->subject,
                       upload_->consent_id, upload_->idempotency_key)
          .view(),
      upload_->made_at);
  if (upload_->text.empty()) return false;
  model_.Uploaded(upload_);
  item.idempotency_key = upload_->idempotency_key;
  item.bank_token = base::AsBytes(upload_->text);
  if (Chance(5)) item.bank_token = Spoilt(item.bank_token);
  return true;
}

// The caller's signature over it; or none, an earlier one, or a spoilt one.
std::string_view Liar::Sign(const std::string& caller,
                            wire::ConsentStatement statement) {
  const CallerRow* row = model_.rules().Find(caller);
  if ((row == nullptr || !row->signs) && !Chance(1)) return "";
  const auto& signatures = model_.signatures();
  if (!signatures.empty() && Chance(kReplays)) {
    lied_ = true;
    signature_ = signatures[Below(signatures.size())];
    return Chance(20) ? "" : std::string_view(signature_->text);
  }
  signature_ = std::make_shared<Signature>();
  signature_->made_at = statement.issued_at = model_.now();
  statement.caller = caller;
  signature_->text = callers_.Sign(statement);
  signature_->about = About(statement);
  model_.Signed(signature_);
  if (!Chance(3)) return signature_->text;
  return base::AsText(Spoilt(base::AsBytes(signature_->text)));
}

bool Liar::SealReplace(wire::ReplaceBankTokenItem& item,
                       const std::string& caller) {
  upload_ = OldUpload(false);
  if (upload_ != nullptr) {
    if (Chance(60)) {
      item.connection = As(upload_->caller);
      item.if_match = upload_->if_match;
    }
    item.bank_token = base::AsBytes(upload_->text);
    return true;
  }
  upload_ = std::make_shared<Upload>();
  upload_->bank_token = text_;
  upload_->caller = caller;
  upload_->link = item.link;
  upload_->if_match = item.if_match;
  upload_->made_at = model_.now();
  upload_->text =
      callers_.Seal(upload_->bank_token,
                    wire::BindReplace(caller, item.link, item.if_match).view(),
                    upload_->made_at);
  if (upload_->text.empty()) return false;
  model_.Uploaded(upload_);
  item.bank_token = base::AsBytes(upload_->text);
  return true;
}

}  // namespace coffer::hostile
