#include "vault/api/request.h"

#include <gtest/gtest.h>

#include <string>

namespace coffer::api {
namespace {

constexpr char kLink[] = "lnk_AAAAAAAAAAAAAAAAAAAAAA";
constexpr char kUnknown[] = "unknown field; see the API reference";
constexpr char kPeriod[] = "durationPeriod is 1 to 366 days";
constexpr char kScope[] =
    "scope is 1 to 32 data clusters, none twice, one space between";

template <typename T>
std::string ErrorOf(const ParseResult<T>& result) {
  return result.ok() ? "ok" : result.error().message;
}

std::string Replaced(std::string text, std::string_view from,
                     std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

const std::string kConsent =
    "{\"consentId\":\"c-1\",\"purposes\":[\"balance_display\"],"
    "\"dataClusters\":[\"ACCOUNT_DETAILED\"],\"durationType\":\"TIME_BOUND\","
    "\"durationPeriod\":90,\"lookbackPeriod\":60}";
const std::string kCreate =
    "{\"institution\":\"citi\",\"subject\":\"cust-7731\","
    "\"bank_token\":\"secret\",\"consent\":" +
    kConsent + "}";
const std::string kToken =
    std::string("{\"link\":\"") + kLink +
    "\",\"purpose\":\"balance_display\",\"scope\":\"ACCOUNT_DETAILED\","
    "\"audience\":\"connector\",\"expires_in\":60,\"token_format\":\"local\","
    "\"single_use\":false}";

std::string Create(std::string_view from, std::string_view to) {
  return ErrorOf(ParseCreate(Replaced(kCreate, from, to)));
}
std::string Consent(std::string_view from, std::string_view to) {
  return ErrorOf(ParseConsent(Replaced(kConsent, from, to)));
}
std::string Token(std::string_view from, std::string_view to) {
  return ErrorOf(ParseToken(Replaced(kToken, from, to)));
}
std::string Names(size_t count) {
  std::string text = "[";
  for (size_t i = 0; i < count; ++i) {
    text += (i > 0 ? ",\"n" : "\"n") + std::to_string(i) + "\"";
  }
  return text + "]";
}

// Look-alikes of a name that must not pass for one.
const char* const kNotNames[] = {"\"\"",
                                 "\" citi\"",
                                 "\"citi \"",
                                 "\"ci ti\"",
                                 "\"c\\u0456ti\"",
                                 "\"citi\\u0000\"",
                                 "\"citi\\n\"",
                                 "\"ci/ti\"",
                                 "\"citi\\u200b\"",
                                 "\"\\uff43iti\"",
                                 "\"citi,paypal\"",
                                 "\"ci\xc3\xadti\"",
                                 "null",
                                 "1",
                                 "true",
                                 "[\"citi\"]",
                                 "{}",
                                 "\"*\"",
                                 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""};

TEST(ParseCreate, TakesTheExampleOfTheReference) {
  auto parsed = ParseCreate(kCreate);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const CreateRequest request = std::move(parsed).value();
  EXPECT_EQ(request.institution, "citi");
  EXPECT_EQ(request.subject, "cust-7731");
  EXPECT_EQ(base::AsText(request.bank_token), "secret");
  EXPECT_EQ(request.consent.consent_id, "c-1");
  ASSERT_EQ(request.consent.purposes.size, 1);
  EXPECT_EQ(request.consent.purposes[0], "balance_display");
  ASSERT_EQ(request.consent.clusters.size, 1);
  EXPECT_EQ(request.consent.clusters[0], "ACCOUNT_DETAILED");
  EXPECT_EQ(request.consent.duration_type, wire::DurationType::kTimeBound);
  EXPECT_EQ(request.consent.duration_period_days, 90u);
  EXPECT_EQ(request.consent.lookback_period_days, 60u);
}

TEST(ParseCreate, RefusesEachMissingField) {
  EXPECT_EQ(Create("\"institution\":\"citi\",", ""),
            "institution is a name: 1 to 32 of A-Z a-z 0-9 _ . -");
  EXPECT_EQ(Create("\"subject\":\"cust-7731\",", ""),
            "subject is 1 to 256 bytes of UTF-8");
  EXPECT_EQ(Create("\"bank_token\":\"secret\",", ""),
            "send exactly one of bank_token and sealed_bank_token");
  EXPECT_EQ(Create(",\"consent\":" + kConsent, ""),
            "consent is an object with consentId, purposes, dataClusters and "
            "durationType");
  EXPECT_NE(ErrorOf(ParseCreate("{}")), "ok");
}

TEST(ParseCreate, RefusesUnknownAndLookAlikeFields) {
  EXPECT_EQ(Create("\"institution\"", "\"Institution\""), kUnknown);
  EXPECT_EQ(Create("\"subject\"", "\"subject \""), kUnknown);
  EXPECT_EQ(Create("\"subject\"", "\"subj\\u0435ct\""), kUnknown);
  EXPECT_EQ(Create("\"subject\"", "\"\""), kUnknown);
  EXPECT_EQ(Create("{\"inst", "{\"x\":1,\"inst"), kUnknown);
  EXPECT_EQ(Create("\"consentId\"", "\"consent_id\""),
            "unknown field in consent; see the API reference");
  EXPECT_EQ(Create("\"consentId\"", "\"status\":\"ACTIVE\",\"consentId\""),
            "unknown field in consent; see the API reference");
}

TEST(ParseCreate, RefusesWhatIsNoName) {
  for (const char* text : kNotNames) {
    EXPECT_EQ(Create("\"citi\"", text),
              "institution is a name: 1 to 32 of A-Z a-z 0-9 _ . -")
        << text;
  }
  const std::string longest(32, 'a');
  EXPECT_EQ(Create("\"citi\"", "\"" + longest + "\""), "ok");
}

TEST(ParseCreate, BoundsTheSubject) {
  const std::string error = "subject is 1 to 256 bytes of UTF-8";
  const auto subject = [](const std::string& text) {
    return Create("\"cust-7731\"", "\"" + text + "\"");
  };
  EXPECT_EQ(subject(""), error);
  EXPECT_EQ(subject("x"), "ok");
  EXPECT_EQ(subject(std::string(256, 'x')), "ok");
  EXPECT_EQ(subject(std::string(257, 'x')), error);
  std::string wide;
  for (int i = 0; i < 128; ++i) wide += "\\u00e9";
  EXPECT_EQ(subject(wide), "ok");
  EXPECT_EQ(subject(wide + "x"), error);
  EXPECT_EQ(Create("\"cust-7731\"", "7731"), error);
  EXPECT_EQ(Create("\"cust-7731\"", "null"), error);
}

TEST(ParseCreate, BoundsTheBankToken) {
  const std::string error = "bank_token is a text of 1 to 16384 bytes";
  const auto token = [](const std::string& text) {
    return Create("\"secret\"", "\"" + text + "\"");
  };
  EXPECT_EQ(token(""), error);
  EXPECT_EQ(token("x"), "ok");
  EXPECT_EQ(token(std::string(16384, 'x')), "ok");
  EXPECT_EQ(token(std::string(16385, 'x')), error);
  EXPECT_EQ(Create("\"secret\"", "[\"secret\"]"), error);
  EXPECT_EQ(Create("\"secret\"", "5"), error);
  auto parsed = ParseCreate(Replaced(kCreate, "secret", "a\\\"b\\u20ac"));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(base::AsText(parsed->bank_token), "a\"b\xe2\x82\xac");
}

TEST(ParseCreate, ErrorsNeverRepeatWhatWasSent) {
  for (const char* text : kNotNames) {
    const std::string error = Create("\"secret\"", "[\"hunter2\"]") +
                              Create("\"citi\"", text) +
                              Create("\"subject\"", "\"hunter2\"");
    EXPECT_EQ(error.find("hunter2"), std::string::npos);
  }
}

TEST(ParseCreate, RefusesBodiesThatAreNoObject) {
  for (const char* body : {"[]", "null", "1", "\"x\"", "true"}) {
    EXPECT_EQ(ErrorOf(ParseCreate(body)), "the body is one JSON object");
    EXPECT_EQ(ErrorOf(ParseConsent(body)), "the body is one JSON object");
    EXPECT_EQ(ErrorOf(ParseToken(body)), "the body is one JSON object");
    EXPECT_EQ(ErrorOf(ParseTokenBatch(body)), "the body is one JSON object");
    EXPECT_EQ(ErrorOf(ParseRedeem(body)), "the body is one JSON object");
    EXPECT_EQ(ErrorOf(ParseRevocation(body)), "the body is one JSON object");
    EXPECT_EQ(ErrorOf(ParseReplaceBankToken(body)),
              "the body is one JSON object");
  }
  EXPECT_EQ(ErrorOf(ParseCreate("")), "not well-formed JSON in UTF-8");
}

TEST(ParseCreate, RefusesEveryTruncation) {
  for (size_t size = 0; size < kCreate.size(); ++size) {
    EXPECT_NE(ErrorOf(ParseCreate(kCreate.substr(0, size))), "ok") << size;
  }
  EXPECT_NE(ErrorOf(ParseCreate(kCreate + "x")), "ok");
}

TEST(ParseCreate, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(Create("{\"inst", "{\"subject\":\"other\",\"inst"),
            "a key stands twice in one object");
}

TEST(ParseConsent, BoundsTheConsentId) {
  const std::string error = "consentId is a text of 1 to 256 bytes";
  EXPECT_EQ(Consent("c-1", ""), error);
  EXPECT_EQ(Consent("c-1", std::string(256, 'c')), "ok");
  EXPECT_EQ(Consent("c-1", std::string(257, 'c')), error);
  EXPECT_EQ(Consent("\"c-1\"", "1"), error);
  EXPECT_EQ(Consent("\"consentId\":\"c-1\",", ""), error);
}

TEST(ParseConsent, BoundsItsLists) {
  const std::string purposes = "[\"balance_display\"]";
  const std::string clusters = "[\"ACCOUNT_DETAILED\"]";
  const std::string purpose_error =
      "purposes is a list of 1 to 32 names, none twice";
  const std::string cluster_error =
      "dataClusters is a list of 1 to 32 names, none twice";
  EXPECT_EQ(Consent(purposes, Names(32)), "ok");
  EXPECT_EQ(Consent(clusters, Names(32)), "ok");
  for (const std::string& bad :
       {Names(33), Names(0), std::string("[\"a\",\"a\"]"), std::string("\"a\""),
        std::string("{}"), std::string("[[\"a\"]]"), std::string("null"),
        std::string("[null]"), std::string("[\"a\",\"\"]")}) {
    EXPECT_EQ(Consent(purposes, bad), purpose_error) << bad;
    EXPECT_EQ(Consent(clusters, bad), cluster_error) << bad;
  }
  for (const char* text : kNotNames) {
    EXPECT_EQ(Consent(purposes, "[" + std::string(text) + "]"), purpose_error);
  }
  EXPECT_EQ(Consent("\"purposes\":[\"balance_display\"],", ""), purpose_error);
  EXPECT_EQ(Consent("\"dataClusters\":[\"ACCOUNT_DETAILED\"],", ""),
            cluster_error);
  EXPECT_EQ(Consent(purposes, "[\"a\",\"A\",\"a.\"]"), "ok");
}

TEST(ParseConsent, BoundsDurationAndLookback) {
  const auto period = [](const std::string& text) {
    return Consent("\"durationPeriod\":90", "\"durationPeriod\":" + text);
  };
  const auto lookback = [](const std::string& text) {
    return Consent("\"lookbackPeriod\":60", "\"lookbackPeriod\":" + text);
  };
  EXPECT_EQ(period("1"), "ok");
  EXPECT_EQ(period("366"), "ok");
  for (const char* bad : {"0", "367", "-1", "4294967297", "\"90\"", "null",
                          "true", "[90]", "9223372036854775807"}) {
    EXPECT_EQ(period(bad), kPeriod) << bad;
  }
  EXPECT_EQ(period("90.0"), "a number is not an integer in range");
  EXPECT_EQ(period("9e1"), "a number is not an integer in range");
  EXPECT_EQ(lookback("1"), "ok");
  EXPECT_EQ(lookback("3660"), "ok");
  for (const char* bad : {"0", "3661", "-1", "\"60\"", "null"}) {
    EXPECT_EQ(lookback(bad), "lookbackPeriod is 1 to 3660 days") << bad;
  }
  EXPECT_EQ(Consent(",\"lookbackPeriod\":60", ""), "ok");
}

TEST(ParseConsent, MatchesDurationTypeAndPeriod) {
  const std::string error =
      "durationType is ONE_TIME, TIME_BOUND or PERSISTENT";
  for (const char* bad : {"\"time_bound\"", "\"TIME_BOUND \"", "\"\"", "1",
                          "null", "\"TIMEBOUND\"", "\"T\\u0406ME_BOUND\""}) {
    EXPECT_EQ(Consent("\"TIME_BOUND\"", bad), error) << bad;
  }
  EXPECT_EQ(Consent("\"durationType\":\"TIME_BOUND\",", ""), error);
  EXPECT_EQ(Consent(",\"durationPeriod\":90", ""),
            "TIME_BOUND needs durationPeriod, in days");
  EXPECT_EQ(Consent("TIME_BOUND", "ONE_TIME"), "ok");
  EXPECT_EQ(Consent("TIME_BOUND\",\"durationPeriod\":90", "ONE_TIME\""), "ok");
  EXPECT_EQ(Consent("TIME_BOUND", "PERSISTENT"),
            "PERSISTENT takes no durationPeriod");
  EXPECT_EQ(Consent("TIME_BOUND\",\"durationPeriod\":90", "PERSISTENT\""),
            "ok");
}

TEST(ParseReplaceBankToken, TakesThatFieldAlone) {
  auto parsed = ParseReplaceBankToken("{\"bank_token\":\"next\"}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(base::AsText(parsed->bank_token), "next");
  EXPECT_NE(ErrorOf(ParseReplaceBankToken("{}")), "ok");
  EXPECT_EQ(ErrorOf(ParseReplaceBankToken(
                "{\"bank_token\":\"next\",\"revision\":1}")),
            kUnknown);
}

TEST(ParseRevocation, TakesItsTwoReasons) {
  auto user = ParseRevocation("{\"reason\":\"USER_ACTION\"}");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(*user, wire::RevocationReason::kUserAction);
  auto rule = ParseRevocation("{\"reason\":\"BUSINESS_RULE\"}");
  ASSERT_TRUE(rule.ok());
  EXPECT_EQ(*rule, wire::RevocationReason::kBusinessRule);
  for (const char* body :
       {"{}", "{\"reason\":\"\"}", "{\"reason\":\"user_action\"}",
        "{\"reason\":1}", "{\"reason\":null}", "{\"reason\":\"OTHER\"}"}) {
    EXPECT_EQ(ErrorOf(ParseRevocation(body)),
              "reason is USER_ACTION or BUSINESS_RULE")
        << body;
  }
  EXPECT_EQ(ErrorOf(ParseRevocation("{\"Reason\":\"USER_ACTION\"}")), kUnknown);
}

TEST(ParseToken, TakesTheExampleOfTheReference) {
  auto parsed = ParseToken(kToken);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const TokenRequest request = std::move(parsed).value();
  EXPECT_EQ(wire::LinkText(request.wish.link), kLink);
  EXPECT_EQ(request.wish.purpose, "balance_display");
  EXPECT_EQ(request.wish.audience, "connector");
  ASSERT_EQ(request.wish.scope.size, 1);
  EXPECT_EQ(request.wish.scope[0], "ACCOUNT_DETAILED");
  EXPECT_EQ(request.wish.expires_in, 60u);
  EXPECT_EQ(request.wish.format, wire::TokenFormat::kLocal);
  EXPECT_FALSE(request.wish.single_use);
}

TEST(ParseToken, TakesTheLeast) {
  auto parsed = ParseToken(std::string("{\"link\":\"") + kLink +
                           "\",\"purpose\":\"p\",\"audience\":\"a\"}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->wish.scope.empty());
  EXPECT_EQ(parsed->wish.expires_in, 0u);
}

TEST(ParseToken, RefusesMissingAndMalformedNames) {
  const std::string purpose = "purpose is a name: 1 to 32 of A-Z a-z 0-9 _ . -";
  const std::string audience =
      "audience is a name: 1 to 32 of A-Z a-z 0-9 _ . -";
  EXPECT_EQ(Token("\"purpose\":\"balance_display\",", ""), purpose);
  EXPECT_EQ(Token("\"audience\":\"connector\",", ""), audience);
  for (const char* text : kNotNames) {
    EXPECT_EQ(Token("\"balance_display\"", text), purpose) << text;
    EXPECT_EQ(Token("\"connector\"", text), audience) << text;
  }
  EXPECT_EQ(Token("\"single_use\"", "\"singleUse\""), kUnknown);
}

TEST(ParseToken, RefusesWhatIsNoLink) {
  const std::string error = "link is lnk_ and 22 base64url characters";
  const std::string link = std::string("\"") + kLink + "\"";
  EXPECT_EQ(Token("\"link\":" + link + ",", ""), error);
  for (const char* bad :
       {"\"\"", "\"lnk_\"", "\"lnk_AAAAAAAAAAAAAAAAAAAAA\"",
        "\"lnk_AAAAAAAAAAAAAAAAAAAAAAA\"", "\"LNK_AAAAAAAAAAAAAAAAAAAAAA\"",
        "\"lnk_AAAAAAAAAAAAAAAAAAAAAB\"", "\"lnk_AAAAAAAAAAAAAAAAAAAA==\"",
        "\"lnk_AAAAAAAAAAAAAAAAAAAA+A\"", "1", "null"}) {
    EXPECT_EQ(Token(link, bad), error) << bad;
  }
}

TEST(ParseToken, ReadsScopeStrictly) {
  const auto scope = [](const std::string& text) {
    return Token("\"ACCOUNT_DETAILED\"", "\"" + text + "\"");
  };
  EXPECT_EQ(scope("A B C"), "ok");
  for (const char* bad : {"", " ", "A ", " A", "A  B", "A\\tB", "A B A", "A,B",
                          "A\\nB", "A\\u00a0B", "A\\u2003B"}) {
    EXPECT_EQ(scope(bad), kScope) << bad;
  }
  std::string most = "c0";
  for (int i = 1; i < 32; ++i) most += " c" + std::to_string(i);
  EXPECT_EQ(scope(most), "ok");
  EXPECT_EQ(scope(most + " c32"), kScope);
  EXPECT_EQ(scope(std::string(33, 'A')), kScope);
  EXPECT_EQ(Token("\"ACCOUNT_DETAILED\"", "[\"ACCOUNT_DETAILED\"]"), kScope);
  EXPECT_EQ(Token("\"ACCOUNT_DETAILED\"", "null"), kScope);
}

TEST(ParseToken, BoundsExpiresIn) {
  const std::string error =
      "expires_in is a whole number of seconds from 1 to 2147483648";
  const auto expires = [](const std::string& text) {
    return Token("\"expires_in\":60", "\"expires_in\":" + text);
  };
  EXPECT_EQ(expires("1"), "ok");
  EXPECT_EQ(expires("901"), "ok");  // the keeper cuts it
  EXPECT_EQ(expires("2147483648"), "ok");
  for (const char* bad : {"0", "-1", "2147483649", "\"60\"", "null", "true",
                          "4294967356", "9223372036854775807"}) {
    EXPECT_EQ(expires(bad), error) << bad;
  }
  for (const char* bad : {"60.0", "6e1", "1.5", "-0", "18446744073709551676"}) {
    EXPECT_NE(expires(bad), "ok") << bad;
  }
}

TEST(ParseToken, TakesItsTwoFormatsAndABool) {
  EXPECT_EQ(Token("\"local\"", "\"public\""), "ok");
  for (const char* bad : {"\"Local\"", "\"\"", "\"v4.local\"", "null", "1"}) {
    EXPECT_EQ(Token("\"local\"", bad), "token_format is local or public");
  }
  EXPECT_EQ(Token("false", "true"), "ok");
  for (const char* bad : {"\"true\"", "1", "0", "null"}) {
    EXPECT_EQ(Token("false", bad), "single_use is true or false");
  }
}

TEST(ParseTokenBatch, KeepsEachFaultInItsPlace) {
  auto parsed = ParseTokenBatch("{\"requests\":[" + kToken + ",{},5," + kToken +
                                ",{\"x\":1}]}");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const TokenBatchRequest request = std::move(parsed).value();
  ASSERT_EQ(request.wishes.size(), 5u);
  EXPECT_TRUE(request.wishes[0].ok());
  EXPECT_EQ(ErrorOf(request.wishes[1]),
            "link is lnk_ and 22 base64url characters");
  EXPECT_EQ(ErrorOf(request.wishes[2]), "a request is one object");
  ASSERT_TRUE(request.wishes[3].ok());
  EXPECT_EQ(request.wishes[3]->purpose, "balance_display");
  EXPECT_EQ(ErrorOf(request.wishes[4]), kUnknown);
}

TEST(ParseTokenBatch, TakesRequestsToTheLimitAndNoMore) {
  const auto batch = [](size_t count) {
    std::string body = "{\"requests\":[";
    for (size_t i = 0; i < count; ++i) body += i > 0 ? ",{}" : "{}";
    return ParseTokenBatch(body + "]}");
  };
  const std::string error = "requests is a list of at most 256 objects";
  ASSERT_TRUE(batch(0).ok());
  EXPECT_TRUE(batch(0)->wishes.empty());
  ASSERT_TRUE(batch(256).ok());
  EXPECT_EQ(batch(256)->wishes.size(), 256u);
  EXPECT_EQ(ErrorOf(batch(257)), error);
  EXPECT_EQ(ErrorOf(ParseTokenBatch("{}")), error);
  EXPECT_EQ(ErrorOf(ParseTokenBatch("{\"requests\":{}}")), error);
  EXPECT_EQ(ErrorOf(ParseTokenBatch("{\"requests\":null}")), error);
  EXPECT_EQ(ErrorOf(ParseTokenBatch("{\"requests\":[],\"x\":1}")), kUnknown);
}

TEST(ParseShownToken, TakesTheFieldsOfEachRoute) {
  auto redeem = ParseRedeem("{\"token\":\"v4.local.x\"}");
  ASSERT_TRUE(redeem.ok());
  EXPECT_EQ(redeem->token, "v4.local.x");
  EXPECT_EQ(redeem->audience, "");
  auto introspect =
      ParseIntrospect("{\"token\":\"t\",\"audience\":\"connector\"}");
  ASSERT_TRUE(introspect.ok());
  EXPECT_EQ(introspect->audience, "connector");
  auto revoke =
      ParseRevoke("{\"token\":\"t\",\"token_type_hint\":\"access_token\"}");
  ASSERT_TRUE(revoke.ok());
  EXPECT_EQ(revoke->token, "t");
  EXPECT_EQ(ErrorOf(ParseRedeem("{\"token\":\"t\",\"audience\":\"a\"}")),
            kUnknown);
  EXPECT_EQ(ErrorOf(ParseRevoke("{\"token\":\"t\",\"token_type_hint\":1}")),
            "token_type_hint is a text");
  for (const char* body : {"{}", "{\"token\":1}", "{\"token\":null}",
                           "{\"token\":[\"v4.local.x\"]}"}) {
    EXPECT_EQ(ErrorOf(ParseRedeem(body)), "token is a text") << body;
    EXPECT_EQ(ErrorOf(ParseRevoke(body)), "token is a text") << body;
  }
  for (const char* text : kNotNames) {
    EXPECT_NE(ErrorOf(ParseIntrospect(
                  "{\"token\":\"t\",\"audience\":" + std::string(text) + "}")),
              "ok");
  }
}

// So that redeem, introspect and revoke answer it as any token that is none.
TEST(ParseShownToken, GivesAnOverlongTokenAsAnEmptyOne) {
  const auto shown = [](size_t size) {
    return ParseRedeem("{\"token\":\"" + std::string(size, 'x') + "\"}");
  };
  EXPECT_EQ(shown(4096)->token.size(), 4096u);
  ASSERT_TRUE(shown(4097).ok());
  EXPECT_EQ(shown(4097)->token, "");
  ASSERT_TRUE(shown(0).ok());
  EXPECT_EQ(shown(0)->token, "");
}

TEST(ParsedRequests, AreTooLargeAboveTheBodyLimit) {
  const auto parsed = ParseRedeem(
      "{\"token\":\"" + std::string(base::kHttpBodyBytesMax, 'x') + "\"}");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, base::Code::kTooLarge);
}

}  // namespace
}  // namespace coffer::api
