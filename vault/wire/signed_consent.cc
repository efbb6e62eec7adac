#include "vault/wire/signed_consent.h"

namespace coffer::wire {
namespace {

using base::AsBytes;

// RFC 8785 over a bounded buffer; the keys come in their order.
class CanonicalJson {
 public:
  explicit CanonicalJson(char* out)
      : out_({reinterpret_cast<uint8_t*>(out), kConsentStatementBytesMax}) {}

  CanonicalJson& Raw(std::string_view text) {
    out_.Append(AsBytes(text));
    return *this;
  }
  CanonicalJson& Text(std::string_view text) {
    Raw("\"");
    for (const char c : text) Character(c);
    return Raw("\"");
  }
  CanonicalJson& Number(uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return Raw({digits + at, sizeof digits - at});
  }
  CanonicalJson& List(const NameList& names) {
    const char* between = "[";
    for (std::string_view name : names) {
      Raw(between).Text(name);
      between = ",";
    }
    return Raw(names.empty() ? "[]" : "]");
  }
  size_t size() const {
    COFFER_CHECK(!out_.failed());
    return out_.used();
  }

 private:
  void Character(char c) {
    constexpr char kHex[] = "0123456789abcdef";
    constexpr std::string_view kShort = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; i < kShort.size(); i += 2) {
      if (kShort[i] != c) continue;
      Raw("\\").Raw(kShort.substr(i + 1, 1));
      return;
    }
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20) {
      Raw({&c, 1});
      return;
    }
    const char escape[] = {'\\',           'u', '0', '0', kHex[byte >> 4],
                           kHex[byte & 15]};
    Raw({escape, sizeof escape});
  }

  base::Encoder out_;
};

void Render(CanonicalJson& json, const Consent& consent) {
  json.Raw("{\"consentId\":")
      .Text(consent.consent_id)
      .Raw(",\"dataClusters\":")
      .List(consent.clusters);
  if (consent.duration_period_days != 0) {
    json.Raw(",\"durationPeriod\":").Number(consent.duration_period_days);
  }
  json.Raw(",\"durationType\":").Text(DurationTypeText(consent.duration_type));
  if (consent.lookback_period_days != 0) {
    json.Raw(",\"lookbackPeriod\":").Number(consent.lookback_period_days);
  }
  json.Raw(",\"purposes\":").List(consent.purposes).Raw("}");
}

}  // namespace

RenderedStatement RenderStatement(char* out,
                                  const ConsentStatement& statement) {
  RenderedStatement rendered;
  CanonicalJson json(out);
  json.Raw("{\"caller\":").Text(statement.caller);
  if (statement.consent != nullptr) {
    json.Raw(",\"consent\":");
    Render(json, *statement.consent);
  }
  char time[base::kTimeTextBytes];
  base::FormatTime(time, statement.issued_at);
  json.Raw(",\"iat\":\"");
  rendered.issued_at = json.size();
  json.Raw({time, sizeof time}).Raw("\"");
  const bool create = statement.consent != nullptr && statement.link == nullptr;
  if (create) json.Raw(",\"institution\":").Text(statement.institution);
  if (statement.link != nullptr) {
    char link[kLinkTextBytes];
    FormatLink(link, *statement.link);
    json.Raw(",\"link\":").Text({link, sizeof link});
  }
  json.Raw(",\"op\":")
      .Text(create                         ? "create"
            : statement.consent != nullptr ? "consent"
                                           : "erase");
  if (statement.consent != nullptr && !create) {
    json.Raw(",\"revision\":").Number(statement.revision);
  }
  if (statement.link == nullptr) {
    json.Raw(",\"subject\":").Text(statement.subject);
  }
  rendered.size = json.Raw("}").size();
  return rendered;
}

}  // namespace coffer::wire
