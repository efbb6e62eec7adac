// The payload of an access token and its footer. The first byte chooses: the
// claims' text; a payload made authentic under the keeper's own keys; a footer
// made authentic; a token's text as shown; the footer of what is sealed in
// transit. Whatever is taken must be the one
// spelling of what it says.
// links: coffer_keeper
#include <memory>
#include <string>
#include <vector>

#include "crypto/random.h"
#include "vault/keeper/access_token.h"
#include "vault/wire/transit.h"

namespace {

using namespace coffer::keeper;
using coffer::base::AsBytes;
using coffer::base::AsText;
using Buffer = std::vector<uint8_t>;

struct Keys {
  Keys() {
    COFFER_CHECK(coffer::crypto::Initialise().ok());
    auto made = coffer::base::SecretArena::Create(16);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    keyring = std::make_unique<Keyring>(*arena);
    keyring->Generate(1);
    local = std::make_unique<LocalTokenKeeper>(*arena);
    local->Renew();
  }
  std::unique_ptr<coffer::base::SecretArena> arena;
  std::unique_ptr<Keyring> keyring;
  std::unique_ptr<LocalTokenKeeper> local;
};

std::string Written(const Claims& claims) {
  char text[kClaimsBytesMax];
  return {text, FormatClaims(text, claims)};
}

void CheckClaims(std::string_view payload) {
  auto claims = ParseClaims(payload);
  if (claims.ok()) COFFER_CHECK(Written(*claims) == payload);
}

void CheckTransitFooter(std::string_view text) {
  auto footer = coffer::wire::ParseTransitFooter(text);
  if (!footer.ok()) return;
  char again[coffer::wire::kTransitFooterBytes];
  coffer::wire::FormatTransitFooter(again, *footer);
  COFFER_CHECK(std::string_view(again, sizeof again) == text);
}

// What ReadToken takes is authentic, of the asker, and spelled by the template.
void CheckToken(const Keys& keys, std::string_view token,
                std::string_view payload, bool sound_footer) {
  Buffer room(kClaimsBytesMax + 1);
  Claims claims;
  const auto rule =
      ReadToken(token, "connector", *keys.local, *keys.keyring, room, claims);
  if (rule != coffer::wire::Rule::kAllowed) return;
  COFFER_CHECK(sound_footer && Written(claims) == payload);
  COFFER_CHECK(claims.audience == "connector");
}

std::string Local(const Keys& keys, std::string_view payload,
                  std::string_view footer) {
  Buffer token(coffer::crypto::LocalTokenSize(payload.size(), footer.size()));
  auto size =
      coffer::crypto::EncodeLocal(token, keys.local->key(), AsBytes(payload),
                                  AsBytes(footer), AsBytes("connector"));
  if (!size.ok()) return "";
  return std::string(AsText(token));
}

constexpr std::string_view kPayload =
    "{\"iss\":\"coffer\",\"sub\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\","
    "\"aud\":\"connector\",\"exp\":\"2026-08-01T00:01:00Z\","
    "\"nbf\":\"2026-08-01T00:00:00Z\",\"iat\":\"2026-08-01T00:00:00Z\","
    "\"jti\":\"AAECAwQFBgcICQoLDA0ODw\",\"purpose\":\"balance_display\","
    "\"scope\":\"ACCOUNT_BASIC\",\"client_id\":\"messenger\",\"epoch\":42}";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Keys* keys = new Keys;
  if (size == 0) return 0;
  const std::string_view text = AsText({data + 1, size - 1});
  switch (data[0] % 5) {
    case 0:
      CheckClaims(text);
      break;
    case 1:
      CheckToken(*keys, Local(*keys, text, keys->local->footer()), text, true);
      break;
    case 2:
      CheckToken(*keys, Local(*keys, kPayload, text), kPayload,
                 text == keys->local->footer());
      break;
    case 4:
      CheckTransitFooter(text);
      break;
    default:
      // No input is a token of these keys, which are new in every run.
      CheckToken(*keys, text, "", false);
  }
  return 0;
}
