#include "vault/api/response.h"

namespace coffer::api {
namespace {

void WriteNames(JsonWriter& json, std::string_view key,
                const wire::NameList& names) {
  json.Key(key).BeginArray();
  for (std::string_view name : names) json.Text(name);
  json.EndArray();
}

void WriteLinkId(JsonWriter& json, std::string_view key,
                 const wire::LinkId& link) {
  char text[wire::kLinkTextBytes];
  wire::FormatLink(text, link);
  json.Text(key, std::string_view(text, sizeof text));
}

void WriteConsent(JsonWriter& json, const wire::ReadAnswer& answer) {
  const wire::Consent& consent = answer.consent;
  json.BeginObject().Text("consentId", consent.consent_id);
  WriteNames(json, "purposes", consent.purposes);
  WriteNames(json, "dataClusters", consent.clusters);
  json.Text("durationType", wire::DurationTypeText(consent.duration_type));
  if (consent.duration_period_days != 0) {
    json.Number("durationPeriod", consent.duration_period_days);
  }
  if (consent.lookback_period_days != 0) {
    json.Number("lookbackPeriod", consent.lookback_period_days);
  }
  json.Text("status", wire::ConsentStatusText(answer.status));
  if (answer.reason != wire::RevocationReason::kNone) {
    json.Text("reason", wire::RevocationReasonText(answer.reason));
  }
  json.Time("expirationTime", answer.expires_at).EndObject();
}

void WriteLinkObject(JsonWriter& json, const wire::ReadAnswer& answer) {
  json.BeginObject();
  WriteLinkId(json, "link", answer.link);
  json.Text("institution", answer.institution)
      .Text("institution_state",
            wire::InstitutionStateText(answer.institution_state))
      .Text("linker", answer.linker)
      .Number("revision", answer.revision)
      .Time("created_at", answer.created_at)
      .Time("updated_at", answer.updated_at)
      .Time("expires_at", answer.expires_at)
      .Key("consent");
  WriteConsent(json, answer);
  json.EndObject();
}

void WriteTokenFields(JsonWriter& json, const wire::IssueAnswer& answer) {
  json.Text("access_token", answer.token)
      .Text("issued_token_type", "urn:coffer:token-type:paseto")
      .Text("token_type", "N_A")
      .Number("expires_in", answer.expires_in)
      .Text("scope", answer.scope);
}

void WriteProblemObject(JsonWriter& json, const Problem& problem, uint64_t leaf,
                        uint32_t retry_after = 0) {
  char text[64];
  constexpr std::string_view kType = "urn:coffer:error:";
  constexpr std::string_view kInstance = "urn:coffer:audit:";
  json.BeginObject();
  std::memcpy(text, kType.data(), kType.size());
  COFFER_CHECK(problem.error.size() <= sizeof text - kType.size());
  std::memcpy(text + kType.size(), problem.error.data(), problem.error.size());
  json.Text("type", {text, kType.size() + problem.error.size()})
      .Text("title", problem.title)
      .Number("status", problem.status)
      .Text("error", problem.error)
      .Text("detail", problem.detail);
  if (leaf != wire::kNoLeaf) {
    TextBuilder instance;
    instance.Append(kInstance);
    instance.AppendNumber(leaf);
    json.Text("instance", instance.view());
  }
  if (retry_after != 0) json.Number("retry_after", retry_after);
  json.EndObject();
}

// How many days back the consent reaches, where it says so.
void WriteLookback(JsonWriter& json, uint32_t days) {
  if (days != 0) json.Number("lookback_period", days);
}

void WriteKey(JsonWriter& json, const wire::PublicKeyRow& key) {
  json.BeginObject()
      .Text("kid", key.kid)
      .Text("public_key", key.public_key)
      .EndObject();
}

}  // namespace

void WriteProblem(TextBuilder& out, const Problem& problem, uint64_t leaf) {
  JsonWriter json(out);
  WriteProblemObject(json, problem, leaf);
}

void WriteWritten(TextBuilder& out, const wire::LinkId& link,
                  uint32_t revision) {
  JsonWriter json(out);
  json.BeginObject();
  WriteLinkId(json, "link", link);
  json.Number("revision", revision).EndObject();
}

void WriteLink(TextBuilder& out, const wire::ReadAnswer& answer) {
  JsonWriter json(out);
  WriteLinkObject(json, answer);
}

LinkListWriter::LinkListWriter(TextBuilder& out) : json_(out) {
  json_.BeginObject().Key("links").BeginArray();
}
void LinkListWriter::Add(const wire::ReadAnswer& answer) {
  WriteLinkObject(json_, answer);
}
void LinkListWriter::End(const std::optional<wire::LinkId>& next) {
  json_.EndArray();
  if (next) WriteLinkId(json_, "next", *next);
  json_.EndObject();
}

void WriteToken(TextBuilder& out, const wire::IssueAnswer& answer) {
  JsonWriter json(out);
  json.BeginObject();
  WriteTokenFields(json, answer);
  json.EndObject();
}

TokenBatchWriter::TokenBatchWriter(TextBuilder& out) : json_(out) {
  json_.BeginObject().Key("responses").BeginArray();
}
void TokenBatchWriter::Add(const wire::IssueAnswer& answer) {
  json_.BeginObject().Number("status", 200);
  WriteTokenFields(json_, answer);
  json_.EndObject();
}
void TokenBatchWriter::Add(const Problem& problem, uint64_t leaf) {
  WriteProblemObject(json_, problem, leaf, problem.retry_after_seconds);
}
void TokenBatchWriter::End() { json_.EndArray().EndObject(); }

void WriteRedeemed(TextBuilder& out, const wire::RedeemAnswer& answer) {
  JsonWriter json(out);
  json.BeginObject().Text(answer.sealed ? "sealed_bank_token" : "bank_token",
                          base::AsText(answer.bank_token));
  WriteLinkId(json, "link", answer.link);
  json.Number("revision", answer.revision)
      .Text("institution", answer.institution)
      .Text("purpose", answer.purpose)
      .Text("scope", answer.scope)
      .Number("expires_in", answer.expires_in);
  WriteLookback(json, answer.lookback_period_days);
  json.EndObject();
}

void WriteActive(TextBuilder& out, const wire::IntrospectAnswer& answer) {
  JsonWriter json(out);
  json.BeginObject().Bool("active", true);
  WriteLinkId(json, "sub", answer.link);
  json.Text("client_id", answer.client_id)
      .Text("aud", answer.audience)
      .Text("scope", answer.scope)
      .Text("purpose", answer.purpose)
      .Number("iat", answer.issued_at)
      .Number("nbf", answer.issued_at)
      .Number("exp", answer.expires_at)
      .Text("jti", answer.jti)
      .Text("iss", "coffer")
      .Text("token_type", "N_A");
  WriteLookback(json, answer.lookback_period_days);
  json.EndObject();
}

void WriteKeys(TextBuilder& out, const wire::KeysAnswer& answer) {
  JsonWriter json(out);
  json.BeginObject().Key("keys").BeginArray();
  for (const wire::PublicKeyRow& key : answer.tokens) {
    json.BeginObject()
        .Text("kid", key.kid)
        .Text("public_key", key.public_key)
        .Text("state", wire::KeyStateText(key.state))
        .Time("not_before", key.not_before)
        .Key("not_after");
    if (key.not_after == 0) {
      json.Null();
    } else {
      json.Time(key.not_after);
    }
    json.EndObject();
  }
  json.EndArray();
  if (!answer.ingest.public_key.empty()) {
    json.Key("ingest");
    WriteKey(json, answer.ingest);
  }
  if (!answer.evidence.public_key.empty()) {
    json.Key("evidence");
    WriteKey(json, answer.evidence);
  }
  json.Text("caller", answer.caller)
      .Text("vault", base::EncodeHex(answer.vault_id));
  json.EndObject();
}

void WriteErased(TextBuilder& out, uint64_t erased,
                 std::string_view certificate) {
  JsonWriter(out)
      .BeginObject()
      .Number("erased", erased)
      .Text("certificate", certificate)
      .EndObject();
}

uint16_t WriteHealth(TextBuilder& out, wire::VaultState state) {
  const bool serving = state == wire::VaultState::kOperational;
  JsonWriter(out)
      .BeginObject()
      .Text("status", serving ? "ok" : wire::VaultStateText(state))
      .EndObject();
  return serving ? 200 : 503;
}

void WriteStatus(TextBuilder& out, const wire::StatusAnswer& answer) {
  JsonWriter(out)
      .BeginObject()
      .Text("state", wire::VaultStateText(answer.state))
      .Text("version", COFFER_VERSION)
      .Bool("clock_accepted", answer.clock_accepted)
      .Text("vault_id", base::EncodeHex(answer.vault_id))
      .Number("leaves", answer.leaves)
      .Time("now", answer.now)
      .Number("floors", answer.floors)
      .Number("connections", answer.connections)
      .Number("brakes", answer.brakes)
      .Number("budget_refusals", answer.budget_refusals)
      .Number("budget_links", answer.budget_links)
      .Number("erasures_overdue", answer.erasures_overdue)
      .EndObject();
}

}  // namespace coffer::api
