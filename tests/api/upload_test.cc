// The two ways in which a bank token comes, and the signature of a consent.
#include <gtest/gtest.h>

#include "vault/api/request.h"

namespace coffer::api {
namespace {

template <typename T>
std::string ErrorOf(const base::Result<T>& result) {
  return result.ok() ? "ok" : std::string(result.error().message);
}
std::string Replace(const std::string& body) {
  return ErrorOf(ParseReplaceBankToken(body));
}
std::string Create(const std::string& bank_token) {
  return ErrorOf(
      ParseCreate("{\"institution\":\"citi\",\"subject\":\"s\"," + bank_token +
                  ",\"consent\":{\"consentId\":\"c\",\"purposes\":[\"p\"],"
                  "\"dataClusters\":[\"D\"],\"durationType\":\"ONE_TIME\"}}"));
}

TEST(Upload, IsExactlyOneOfTheTwoBankTokens) {
  constexpr char kOne[] =
      "send exactly one of bank_token and sealed_bank_token";
  const std::string clear = "\"bank_token\":\"x\"";
  const std::string sealed = "\"sealed_bank_token\":\"v4.local.x\"";
  EXPECT_EQ(Replace("{" + clear + "}"), "ok");
  EXPECT_EQ(Replace("{" + sealed + "}"), "ok");
  EXPECT_EQ(Replace("{}"), kOne);
  EXPECT_EQ(Replace("{" + clear + "," + sealed + "}"), kOne);
  EXPECT_EQ(Replace("{" + sealed + "," + clear + "}"), kOne);
  EXPECT_EQ(Create(clear), "ok");
  EXPECT_EQ(Create(sealed), "ok");
  EXPECT_EQ(Create(sealed + "," + clear), kOne);
  auto parsed = ParseReplaceBankToken("{" + sealed + "}");
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->sealed);
  EXPECT_EQ(base::AsText(parsed->bank_token), "v4.local.x");
  EXPECT_FALSE(ParseReplaceBankToken("{" + clear + "}")->sealed);
}

TEST(Upload, SealedIsAShortEnoughLocalToken) {
  constexpr char kForm[] =
      "sealed_bank_token is a v4.local token of at most 22528 bytes";
  const auto with = [](const std::string& value) {
    return Create("\"sealed_bank_token\":" + value);
  };
  EXPECT_EQ(with("\"v4.local." + std::string(22519, 'x') + "\""), "ok");
  EXPECT_EQ(with("\"v4.local." + std::string(22520, 'x') + "\""), kForm);
  for (const char* bad :
       {"\"\"", "\"v4.public.x\"", "\"V4.local.x\"", "5", "null", "[]"}) {
    EXPECT_EQ(with(bad), kForm) << bad;
  }
}

}  // namespace
}  // namespace coffer::api
