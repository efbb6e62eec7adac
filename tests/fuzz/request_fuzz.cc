// Every parser of the caller socket's requests. The first byte chooses one;
// what it accepts must be within the bounds that the wire states.
// links: coffer_api
#include <cstdint>

#include "crypto/base/check.h"
#include "vault/api/request.h"

namespace {

using namespace coffer;

void CheckToken(const api::TokenWish& wish) {
  COFFER_CHECK(wire::IsName(wish.purpose) && wire::IsName(wish.audience));
  COFFER_CHECK(wish.expires_in <= api::kExpiresInMax);
  for (std::string_view cluster : wish.scope) {
    COFFER_CHECK(wire::IsName(cluster));
  }
}

void CheckBankToken(base::Bytes token) {
  COFFER_CHECK(!token.empty() && token.size() <= base::kBankTokenBytesMax);
}

void CheckSubject(std::string_view subject) {
  COFFER_CHECK(!subject.empty() && subject.size() <= base::kSubjectBytesMax);
}

void Bodies(uint8_t choice, std::string_view text) {
  switch (choice) {
    case 0:
      if (auto parsed = api::ParseCreate(text); parsed.ok()) {
        const api::CreateRequest request = std::move(parsed).value();
        COFFER_CHECK(wire::IsName(request.institution));
        CheckSubject(request.subject);
        CheckBankToken(request.bank_token);
        COFFER_CHECK(wire::CheckConsent(request.consent).ok());
      }
      return;
    case 1:
      if (auto parsed = api::ParseReplaceBankToken(text); parsed.ok()) {
        CheckBankToken(parsed->bank_token);
      }
      return;
    case 2:
      if (auto parsed = api::ParseConsent(text); parsed.ok()) {
        COFFER_CHECK(wire::CheckConsent(parsed->consent).ok());
      }
      return;
    case 3:
      (void)api::ParseRevocation(text);
      return;
    case 4:
      if (auto parsed = api::ParseToken(text); parsed.ok()) {
        CheckToken(parsed->wish);
      }
      return;
    case 5:
      if (auto parsed = api::ParseTokenBatch(text); parsed.ok()) {
        COFFER_CHECK(parsed->wishes.size() <= base::kTokenBatchMax);
        for (const auto& wish : parsed->wishes) {
          if (wish.ok()) CheckToken(*wish);
        }
      }
      return;
    default:
      auto parsed = choice == 6   ? api::ParseRedeem(text)
                    : choice == 7 ? api::ParseIntrospect(text)
                                  : api::ParseRevoke(text);
      if (parsed.ok()) {
        COFFER_CHECK(parsed->token.size() <= base::kTokenBytesMax);
        COFFER_CHECK(parsed->audience.empty() ||
                     wire::IsName(parsed->audience));
      }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t choice = static_cast<uint8_t>(data[0] - '0') % 15;
  const std::string_view text(reinterpret_cast<const char*>(data + 1),
                              size - 1);
  if (choice < 9) {
    Bodies(choice, text);
  } else if (choice == 9) {
    auto parsed = api::ParseIfMatch(text);
    COFFER_CHECK(!parsed.ok() || *parsed > 0);
  } else if (choice == 10) {
    (void)api::CheckIdempotencyKey(text);
  } else if (choice == 11) {
    if (auto parsed = api::ParseSubjectSegment(text); parsed.ok()) {
      CheckSubject(parsed->view());
    }
  } else if (choice == 13) {
    if (auto parsed = api::ParseLedgerQuery(text); parsed.ok()) {
      COFFER_CHECK(parsed->limit >= 1 &&
                   parsed->limit <= api::kLedgerEntriesMax);
      COFFER_CHECK(!parsed->after ||
                   parsed->after->after < parsed->after->until);
    }
  } else if (choice == 14) {
    auto parsed = api::ParseConsentsQuery(text);
    COFFER_CHECK(!parsed.ok() || parsed->limit >= 1);
  } else if (auto parsed = api::ParseListQuery(text); parsed.ok()) {
    CheckSubject(parsed->subject.view());
    COFFER_CHECK(parsed->limit >= 1 && parsed->limit <= api::kListLinksMax);
  }
  return 0;
}
