#include "vault/api/consents_response.h"

namespace coffer::api {
namespace {

void WriteNames(JsonWriter& json, std::string_view key,
                const wire::NameList& names) {
  json.Key(key).BeginArray();
  for (std::string_view name : names) json.Text(name);
  json.EndArray();
}

}  // namespace

ConsentsWriter::ConsentsWriter(TextBuilder& out) : json_(out) {
  json_.BeginObject().Key("consents").BeginArray();
}

void ConsentsWriter::Add(const wire::PastConsent& past) {
  char text[wire::kLinkTextBytes];
  wire::FormatLink(text, past.link);
  const wire::Consent& consent = past.consent;
  json_.BeginObject()
      .Text("link", std::string_view(text, sizeof text))
      .Text("institution", past.institution)
      .Text("linker", past.linker)
      .Text("consentId", consent.consent_id);
  WriteNames(json_, "purposes", consent.purposes);
  WriteNames(json_, "dataClusters", consent.clusters);
  json_.Text("durationType", wire::DurationTypeText(consent.duration_type));
  if (consent.duration_period_days != 0) {
    json_.Number("durationPeriod", consent.duration_period_days);
  }
  if (consent.lookback_period_days != 0) {
    json_.Number("lookbackPeriod", consent.lookback_period_days);
  }
  json_.Time("granted_at", past.granted_at)
      .Time("ended_at", past.ended_at)
      .Text("ending", wire::ConsentEndingText(past.ending));
  if (past.reason != wire::RevocationReason::kNone) {
    json_.Text("reason", wire::RevocationReasonText(past.reason));
  }
  json_.Time("kept_until", past.keep_until).EndObject();
}

void ConsentsWriter::End(const ConsentsCursor* next) {
  json_.EndArray();
  if (next != nullptr) {
    uint8_t leaf[8];
    for (int i = 0; i < 8; ++i) {
      leaf[i] = static_cast<uint8_t>(next->leaf >> (56 - 8 * i));
    }
    json_.Text("next", base::EncodeHex(next->link) + base::EncodeHex(leaf));
  }
  json_.EndObject();
}

}  // namespace coffer::api
