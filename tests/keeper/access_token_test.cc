// Access tokens: one exact template, one audience, one key by exact id.
#include "vault/keeper/access_token.h"

#include <string>

#include "tests/keeper/keyring_support.h"

namespace coffer::keeper {
namespace {

using wire::Rule;
using wire::TokenFormat;

Claims TestClaims() {
  Claims claims;
  for (size_t i = 0; i < 16; ++i) claims.jti[i] = static_cast<uint8_t>(i);
  claims.audience = "connector";
  claims.issued_at = 1785542400;
  claims.expires_at = 1785542460;
  claims.purpose = "balance_display";
  claims.scope = "ACCOUNT_BASIC ACCOUNT_DETAILED";
  claims.client_id = "messenger";
  claims.epoch = 42;
  return claims;
}

std::string Written(const Claims& claims) {
  char text[kClaimsBytesMax];
  return {text, FormatClaims(text, claims)};
}

constexpr std::string_view kPayload =
    "{\"iss\":\"coffer\",\"sub\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\","
    "\"aud\":\"connector\",\"exp\":\"2026-08-01T00:01:00Z\","
    "\"nbf\":\"2026-08-01T00:00:00Z\",\"iat\":\"2026-08-01T00:00:00Z\","
    "\"jti\":\"AAECAwQFBgcICQoLDA0ODw\",\"purpose\":\"balance_display\","
    "\"scope\":\"ACCOUNT_BASIC ACCOUNT_DETAILED\","
    "\"client_id\":\"messenger\",\"epoch\":42}";

TEST(Claims, AreWrittenByTheTemplate) {
  EXPECT_EQ(Written(TestClaims()), kPayload);
  Claims single = TestClaims();
  single.single_use = true;
  const std::string text = Written(single);
  EXPECT_EQ(text, std::string(kPayload.substr(0, kPayload.size() - 1)) +
                      ",\"single_use\":true}");
  EXPECT_TRUE(ParseClaims(text)->single_use);
}

TEST(Claims, AreReadAsTheyWereWritten) {
  auto claims = ParseClaims(kPayload);
  ASSERT_TRUE(claims.ok());
  EXPECT_EQ(Written(*claims), kPayload);
  EXPECT_EQ(claims->audience, "connector");
  EXPECT_EQ(claims->client_id, "messenger");
  EXPECT_EQ(claims->epoch, 42u);
  EXPECT_EQ(claims->expires_at, 1785542460u);
  EXPECT_FALSE(claims->single_use);
}

TEST(Claims, LargestFit) {
  const std::string name(base::kNameBytesMax, 'n');
  std::string scope;
  for (size_t i = 0; i < base::kClustersMax; ++i) scope += name + " ";
  scope.pop_back();
  Claims claims = TestClaims();
  claims.audience = claims.purpose = claims.client_id = name;
  claims.scope = scope;
  claims.epoch = ~uint64_t{0} - 9;
  claims.single_use = true;
  const std::string text = Written(claims);
  auto again = ParseClaims(text);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(Written(*again), text);
}

TEST(Claims, EveryTruncationAndATrailingByteAreRefused) {
  for (size_t size = 0; size < kPayload.size(); ++size) {
    EXPECT_FALSE(ParseClaims(std::string(kPayload.substr(0, size))).ok());
  }
  EXPECT_FALSE(ParseClaims(std::string(kPayload) + " ").ok());
  EXPECT_FALSE(ParseClaims(std::string(kPayload) + "}").ok());
}

TEST(Claims, WhateverIsTakenIsTheOneSpellingOfWhatItSays) {
  size_t taken = 0;
  for (size_t i = 0; i < kPayload.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string text(kPayload);
      text[i] = static_cast<char>(value);
      auto claims = ParseClaims(text);
      if (!claims.ok()) continue;
      ++taken;
      ASSERT_EQ(Written(*claims), text);
    }
  }
  EXPECT_GT(taken, 1000u);  // values may differ, the template may not
}

TEST(Claims, OtherSpellingsOfTheSameAreRefused) {
  const std::pair<const char*, const char*> changes[] = {
      {"\"iss\":\"coffer\"", "\"iss\": \"coffer\""},
      {"\"iss\":\"coffer\"", "\"iss\":\"Coffer\""},
      {"\"iss\":\"coffer\",", ""},
      {"lnk_", "lnx_"},
      {"lnk_AAAAAAAAAAAAAAAAAAAAAA", "lnk_AAAAAAAAAAAAAAAAAAAAAB"},
      {"\"aud\":\"connector\"", "\"aud\":\"\""},
      {"\"aud\":\"connector\"", "\"aud\":\"con nector\""},
      {"\"aud\":\"connector\"", "\"aud\":[\"connector\"]"},
      {"00:01:00Z", "00:01:00+00:00"},
      {"00:01:00Z", "00:01:60Z"},
      {"00:01:00Z", "24:01:00Z"},
      {"\"nbf\":\"2026-08-01T00:00:00Z\"", "\"nbf\":\"2026-08-01T00:00:01Z\""},
      {"\"iat\":\"2026-08-01T00:00:00Z\"", "\"iat\":\"2026-08-01T00:00:01Z\""},
      {"AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx"},
      {"AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODw=="},
      {"\"epoch\":42", "\"epoch\":042"},
      {"\"epoch\":42", "\"epoch\":\"42\""},
      {"\"epoch\":42", "\"epoch\":+42"},
      {"\"epoch\":42", "\"epoch\":42.0"},
      {"\"epoch\":42", "\"epoch\":"},
      {"\"epoch\":42", "\"epoch\":99999999999999999999999999"},
      {"\"epoch\":42", "\"epoch\":18446744073709551658"},  // 42 + 2^64
      {"\"epoch\":42", "\"epoch\":42,\"single_use\":false"},
      {"\"epoch\":42", "\"epoch\":42,\"single_use\":true,\"single_use\":true"},
      {"\"epoch\":42", "\"epoch\":42,\"more\":1"},
      {"{", "{ "},
  };
  for (const auto& [from, to] : changes) {
    std::string text(kPayload);
    const size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    text.replace(place, std::string_view(from).size(), to);
    EXPECT_FALSE(ParseClaims(text).ok()) << to;
  }
  EXPECT_FALSE(ParseClaims(std::string(kClaimsBytesMax + 1, 'x')).ok());
}

class AccessTokenTest : public KeyringTest {
 protected:
  AccessTokenTest() : local_(*arena_) { local_.Renew(); }
  std::string Write(TokenFormat format) {
    uint8_t token[base::kTokenBytesMax];
    auto size = WriteToken(token, TestClaims(), format, local_, keyring_);
    COFFER_CHECK(size.ok());
    return std::string(base::AsText(Bytes(token, *size)));
  }
  Rule Read(std::string_view token, std::string_view audience = "connector") {
    return ReadToken(token, audience, local_, keyring_, payload_, claims_);
  }
  // A token of any payload and footer, well-formed cryptographically.
  std::string Public(const SigningEntry& signer, std::string_view payload,
                     std::string_view footer,
                     std::string_view assertion = "connector") {
    std::string token(crypto::PublicTokenSize(payload.size(), footer.size()),
                      '\0');
    auto size = crypto::SignPublic(
        {reinterpret_cast<uint8_t*>(token.data()), token.size()}, signer.key,
        base::AsBytes(payload), base::AsBytes(footer),
        base::AsBytes(assertion));
    COFFER_CHECK(size.ok());
    return token;
  }
  std::string Local(std::string_view payload, std::string_view footer,
                    std::string_view assertion = "connector") {
    std::string token(crypto::LocalTokenSize(payload.size(), footer.size()),
                      '\0');
    auto size = crypto::EncodeLocal(
        {reinterpret_cast<uint8_t*>(token.data()), token.size()}, local_.key(),
        base::AsBytes(payload), base::AsBytes(footer),
        base::AsBytes(assertion));
    COFFER_CHECK(size.ok());
    return token;
  }
  static std::string FooterOf(const SigningEntry& signer) {
    char kid[crypto::kPaserkIdTextBytes];
    crypto::FormatPublicId(kid, signer.id);
    char footer[kFooterBytes];
    FormatFooter(footer, {kid, sizeof kid});
    return {footer, sizeof footer};
  }

  LocalTokenKeeper local_;
  // Room for one byte more than any payload, as the operations have.
  uint8_t payload_[kClaimsBytesMax + 1];
  Claims claims_;
};

constexpr TokenFormat kBoth[] = {TokenFormat::kLocal, TokenFormat::kPublic};

TEST_F(AccessTokenTest, TokenOfEitherFormatIsReadByItsAudience) {
  for (TokenFormat format : kBoth) {
    const std::string token = Write(format);
    EXPECT_EQ(token.substr(0, 9),
              format == TokenFormat::kLocal ? "v4.local." : "v4.public");
    ASSERT_EQ(Read(token), Rule::kAllowed);
    EXPECT_EQ(Written(claims_), kPayload);
  }
}

TEST_F(AccessTokenTest, FooterIsFlatJsonWithAKidOnly) {
  for (TokenFormat format : kBoth) {
    const std::string token = Write(format);
    uint8_t footer[256];
    auto size = crypto::PeekFooter(footer, token);
    ASSERT_TRUE(size.ok());
    const std::string text(base::AsText(Bytes(footer, *size)));
    EXPECT_EQ(text.substr(0, 15), format == TokenFormat::kLocal
                                      ? "{\"kid\":\"k4.lid."
                                      : "{\"kid\":\"k4.pid.");
    EXPECT_EQ(text.size(), kFooterBytes);
    EXPECT_EQ(text.substr(text.size() - 2), "\"}");
  }
}

TEST_F(AccessTokenTest, TokenShownByAnotherDoesNotAuthenticate) {
  for (TokenFormat format : kBoth) {
    const std::string token = Write(format);
    for (const char* audience :
         {"messenger", "Connector", "connecto", "connector2", ""}) {
      EXPECT_EQ(Read(token, audience), Rule::kTokenNotAuthentic) << audience;
    }
  }
}

TEST_F(AccessTokenTest, EveryFlippedCharacterIsRefused) {
  size_t flips = 0;
  for (TokenFormat format : kBoth) {
    const std::string good = Write(format);
    for (size_t i = 0; i < good.size(); ++i) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
        ASSERT_NE(Read(bad), Rule::kAllowed) << i;
        ++flips;
      }
    }
  }
  std::printf("token characters flipped: %zu of %zu refused\n", flips, flips);
}

TEST_F(AccessTokenTest, EveryTruncationAndATrailingCharacterAreRefused) {
  for (TokenFormat format : kBoth) {
    const std::string good = Write(format);
    for (size_t size = 0; size < good.size(); ++size) {
      ASSERT_NE(Read(std::string(good, 0, size)), Rule::kAllowed) << size;
    }
    for (const char* more : {"A", "=", ".", ".AAAA", "\n"}) {
      EXPECT_NE(Read(good + more), Rule::kAllowed);
    }
  }
}

TEST_F(AccessTokenTest, LocalTokenOfAnEarlierUnsealIsNotAuthentic) {
  const std::string token = Write(TokenFormat::kLocal);
  local_.Renew();
  EXPECT_EQ(Read(token), Rule::kTokenNotAuthentic);
}

TEST_F(AccessTokenTest, PublicTokenOfAnotherVaultIsNotAuthentic) {
  const std::string token = Write(TokenFormat::kPublic);
  keyring_.Generate(100);
  EXPECT_EQ(Read(token), Rule::kTokenNotAuthentic);
}

TEST_F(AccessTokenTest, SignatureOfAnyKeyButATokenKeyIsRefused) {
  const SigningEntry& token_key = keyring_.ActiveSigner(SigningUse::kToken);
  EXPECT_EQ(Read(Public(token_key, kPayload, FooterOf(token_key))),
            Rule::kAllowed);
  for (SigningUse use :
       {SigningUse::kEvidence, SigningUse::kIngest, SigningUse::kAudit}) {
    const SigningEntry& signer = keyring_.ActiveSigner(use);
    EXPECT_EQ(Read(Public(signer, kPayload, FooterOf(signer))),
              Rule::kTokenNotAuthentic);
    EXPECT_EQ(Read(Public(signer, kPayload, FooterOf(token_key))),
              Rule::kTokenNotAuthentic);
  }
}

TEST_F(AccessTokenTest, FooterOfAnotherFormIsMalformedEvenWhenSigned) {
  const SigningEntry& signer = keyring_.ActiveSigner(SigningUse::kToken);
  const std::string good = FooterOf(signer);
  const std::string kid = good.substr(8, 51);
  std::string local(local_.footer());
  const std::string footers[] = {
      "",
      kid,
      "{\"kid\": \"" + kid + "\"}",
      "{\"kid\":\"" + kid + "\",\"x\":1}",
      "{\"wpk\":\"" + kid + "\"}",
      "{\"kid\":'" + kid + "'}",
      good + " ",
      std::string(good.size(), ' '),
      local,
      "{\"kid\":\"" + std::string(51, 'A') + "\"}",
  };
  for (const std::string& footer : footers) {
    EXPECT_EQ(Read(Public(signer, kPayload, footer)), Rule::kTokenMalformed)
        << footer;
  }
  for (const std::string& footer : {std::string(), good, local + " "}) {
    EXPECT_EQ(Read(Local(kPayload, footer)), Rule::kTokenMalformed) << footer;
  }
  EXPECT_EQ(Read(Local(kPayload, local)), Rule::kAllowed);
}

TEST_F(AccessTokenTest, ClaimsMustNameTheAudienceTheTokenIsBoundTo) {
  std::string payload(kPayload);
  payload.replace(payload.find("connector"), 9, "messenger");
  EXPECT_EQ(Read(Local(payload, local_.footer())), Rule::kTokenMalformed);
  EXPECT_EQ(Read(Local(payload, local_.footer(), "messenger"), "messenger"),
            Rule::kAllowed);
}

TEST_F(AccessTokenTest, AuthenticPayloadOfAnotherFormIsMalformed) {
  for (const std::string& payload :
       {std::string(), std::string("{}"), std::string(kPayload) + " ",
        std::string(kClaimsBytesMax + 1, 'x'),
        std::string(kClaimsBytesMax + 100, 'x')}) {
    EXPECT_EQ(Read(Local(payload, local_.footer())), Rule::kTokenMalformed);
  }
}

TEST_F(AccessTokenTest, HeadersOfOtherVersionsAndPurposesAreMalformed) {
  const std::string body = Write(TokenFormat::kLocal).substr(9);
  for (const char* header : {"", "v3.local.", "v4.local", "V4.local.",
                             "v4.public.", "v4.secret.", "v5.local."}) {
    EXPECT_NE(Read(header + body), Rule::kAllowed) << header;
  }
  EXPECT_EQ(Read(""), Rule::kTokenMalformed);
  EXPECT_EQ(Read("..."), Rule::kTokenMalformed);
}

}  // namespace
}  // namespace coffer::keeper
