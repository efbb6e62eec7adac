#include "vault/wire/transit.h"

#include "crypto/base/codec.h"

namespace coffer::wire {
namespace {

using base::AsBytes;

constexpr size_t kTimeAt = 8;
constexpr size_t kKidAt = kTimeAt + base::kTimeTextBytes + 16;
constexpr size_t kKidTextBytes = base::Base64Size(33);
constexpr size_t kWpkAt = kKidAt + kKidTextBytes + 17;
constexpr size_t kWpkTextBytes = base::Base64Size(96);

// Writes the digits; returns how many.
size_t FormatNumber(char (&out)[10], uint32_t number) {
  char reversed[10];
  size_t size = 0;
  do {
    reversed[size++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  for (size_t i = 0; i < size; ++i) out[i] = reversed[size - 1 - i];
  return size;
}

}  // namespace

void FormatTransitFooter(char* out, const TransitFooter& footer) {
  char time[base::kTimeTextBytes];
  base::FormatTime(time, footer.issued_at);
  char kid[kKidTextBytes];
  base::EncodeBase64Url(kid, footer.kid);
  char wpk[kWpkTextBytes];
  base::EncodeBase64Url(wpk, footer.wpk);
  base::Encoder text({reinterpret_cast<uint8_t*>(out), kTransitFooterBytes});
  text.Append(AsBytes("{\"iat\":\""));
  text.Append(AsBytes({time, sizeof time}));
  text.Append(AsBytes("\",\"kid\":\"k4.pid."));
  text.Append(AsBytes({kid, sizeof kid}));
  text.Append(AsBytes("\",\"wpk\":\"k4.seal."));
  text.Append(AsBytes({wpk, sizeof wpk}));
  text.Append(AsBytes("\"}"));
  COFFER_CHECK(!text.failed() && text.used() == kTransitFooterBytes);
}

base::Result<TransitFooter> ParseTransitFooter(std::string_view text) {
  const base::Error malformed =
      base::Fail(base::Code::kInvalid, "transit: malformed footer");
  if (text.size() != kTransitFooterBytes) return malformed;
  TransitFooter footer;
  auto issued_at = base::ParseTime(text.substr(kTimeAt, base::kTimeTextBytes));
  if (!issued_at.ok() ||
      !base::DecodeBase64Url(footer.kid, text.substr(kKidAt, kKidTextBytes))
           .ok() ||
      !base::DecodeBase64Url(footer.wpk, text.substr(kWpkAt, kWpkTextBytes))
           .ok()) {
    return malformed;
  }
  footer.issued_at = *issued_at;
  // One form only: what these values would be written as.
  char again[kTransitFooterBytes];
  FormatTransitFooter(again, footer);
  if (std::string_view(again, sizeof again) != text) return malformed;
  return footer;
}

Pae::Pae(std::initializer_list<std::string_view> parts) {
  base::Encoder encoder{base::MutableBytes(bytes_, sizeof bytes_)};
  encoder.Number(uint64_t{parts.size()});
  for (std::string_view part : parts) {
    encoder.Number(uint64_t{part.size()});
    encoder.Append(AsBytes(part));
  }
  COFFER_CHECK(!encoder.failed());
  size_ = encoder.used();
}

Pae BindCreate(std::string_view caller, std::string_view institution,
               std::string_view subject, std::string_view consent_id,
               std::string_view idempotency_key) {
  return Pae({"POST /v1/links", caller, institution, subject, consent_id,
              idempotency_key});
}

Pae BindReplace(std::string_view caller, const LinkId& link,
                uint32_t if_match) {
  char text[kLinkTextBytes];
  FormatLink(text, link);
  char digits[10];
  const size_t size = FormatNumber(digits, if_match);
  return Pae({"PUT /v1/links/{link}/bank_token", caller,
              std::string_view(text, sizeof text),
              std::string_view(digits, size)});
}

}  // namespace coffer::wire
