#include "vault/api/response.h"

#include <gtest/gtest.h>

#include <string>

namespace coffer::api {
namespace {

wire::LinkId Link(uint8_t last) {
  wire::LinkId link{};
  link.back() = last;
  return link;
}

wire::ReadAnswer Read() {
  wire::ReadAnswer answer;
  answer.link = Link(0);
  answer.revision = 3;
  answer.created_at = 1785542400;
  answer.updated_at = 1785542401;
  answer.expires_at = 1793318400;
  answer.institution = "citi";
  answer.linker = "linker";
  answer.consent.consent_id = "c-\"1\"";
  answer.consent.purposes.push_back("balance_display");
  answer.consent.purposes.push_back("receipts");
  answer.consent.clusters.push_back("ACCOUNT_DETAILED");
  answer.consent.duration_period_days = 90;
  answer.consent.lookback_period_days = 60;
  return answer;
}

constexpr char kReadBody[] =
    "{\"link\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\",\"institution\":\"citi\","
    "\"institution_state\":\"active\",\"linker\":\"linker\",\"revision\":3,"
    "\"created_at\":\"2026-08-01T00:00:00Z\","
    "\"updated_at\":\"2026-08-01T00:00:01Z\","
    "\"expires_at\":\"2026-10-30T00:00:00Z\",\"consent\":{"
    "\"consentId\":\"c-\\\"1\\\"\",\"purposes\":[\"balance_display\","
    "\"receipts\"],\"dataClusters\":[\"ACCOUNT_DETAILED\"],"
    "\"durationType\":\"TIME_BOUND\",\"durationPeriod\":90,"
    "\"lookbackPeriod\":60,\"status\":\"ACTIVE\","
    "\"expirationTime\":\"2026-10-30T00:00:00Z\"}}";

template <typename Write, typename... Arguments>
std::string Body(Write write, const Arguments&... arguments) {
  TextBuilder out;
  write(out, arguments...);
  return std::string(out.view());
}

TEST(Response, WrittenLinksNameLinkAndRevision) {
  EXPECT_EQ(Body(WriteWritten, Link(0), 1u),
            "{\"link\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\",\"revision\":1}");
}

TEST(Response, LinkMetadataHasConsentInFdxSpelling) {
  EXPECT_EQ(Body(WriteLink, Read()), kReadBody);
}

TEST(Response, LinkMetadataShowsStatesAndLeavesOutWhatIsNotGiven) {
  wire::ReadAnswer answer = Read();
  answer.institution_state = wire::InstitutionState::kWithdrawn;
  answer.status = wire::ConsentStatus::kRevoked;
  answer.reason = wire::RevocationReason::kUserAction;
  answer.consent.duration_type = wire::DurationType::kPersistent;
  answer.consent.duration_period_days = 0;
  answer.consent.lookback_period_days = 0;
  const std::string body = Body(WriteLink, answer);
  EXPECT_NE(body.find("\"institution_state\":\"withdrawn\""),
            std::string::npos);
  EXPECT_NE(body.find("\"durationType\":\"PERSISTENT\",\"status\":\"REVOKED\","
                      "\"reason\":\"USER_ACTION\""),
            std::string::npos)
      << body;
  EXPECT_EQ(body.find("Period"), std::string::npos);
}

TEST(Response, LinkListsEndWithNextWhenCut) {
  TextBuilder empty;
  LinkListWriter(empty).End(std::nullopt);
  EXPECT_EQ(empty.view(), "{\"links\":[]}");
  TextBuilder two;
  LinkListWriter list(two);
  list.Add(Read());
  list.Add(Read());
  list.End(Link(1));
  EXPECT_EQ(two.view(), "{\"links\":[" + std::string(kReadBody) + "," +
                            kReadBody +
                            "],\"next\":\"lnk_AAAAAAAAAAAAAAAAAAAAAQ\"}");
}

constexpr char kTokenFields[] =
    "\"access_token\":\"v4.local.x\","
    "\"issued_token_type\":\"urn:coffer:token-type:paseto\","
    "\"token_type\":\"N_A\",\"expires_in\":60,\"scope\":\"A B\"";

TEST(Response, TokensAreTheExchangeAnswer) {
  wire::IssueAnswer answer{"v4.local.x", 60, "A B"};
  EXPECT_EQ(Body(WriteToken, answer), "{" + std::string(kTokenFields) + "}");
}

TEST(Response, BatchesKeepOrderAndStatus) {
  wire::IssueAnswer answer{"v4.local.x", 60, "A B"};
  TextBuilder out;
  TokenBatchWriter batch(out);
  batch.Add(answer);
  batch.Add(ProblemOf(wire::Rule::kLinkUnknown), 9);
  batch.Add(answer);
  batch.Add({429, "spent", "Spent", "later", 7}, wire::kNoLeaf);
  batch.End();
  const std::string one = "{\"status\":200," + std::string(kTokenFields) + "}";
  EXPECT_EQ(out.view(),
            "{\"responses\":[" + one +
                ",{\"type\":\"urn:coffer:error:not_found\","
                "\"title\":\"Not found\",\"status\":404,\"error\":"
                "\"not_found\",\"detail\":\"there is no such link for this "
                "caller\",\"instance\":\"urn:coffer:audit:9\"}," +
                one +
                ",{\"type\":\"urn:coffer:error:spent\",\"title\":\"Spent\","
                "\"status\":429,\"error\":\"spent\",\"detail\":\"later\","
                "\"retry_after\":7}]}");
  TextBuilder empty;
  TokenBatchWriter(empty).End();
  EXPECT_EQ(empty.view(), "{\"responses\":[]}");
}

TEST(Response, RedeemedTokensEscapeTheBankToken) {
  wire::RedeemAnswer answer;
  answer.bank_token = base::AsBytes("a\"b\n\xe2\x82\xac");
  answer.revision = 4;
  answer.institution = "citi";
  answer.purpose = "balance_display";
  answer.scope = "A";
  answer.expires_in = 41;
  EXPECT_EQ(Body(WriteRedeemed, answer),
            "{\"bank_token\":\"a\\\"b\\u000a\xe2\x82\xac\","
            "\"link\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\",\"revision\":4,"
            "\"institution\":\"citi\",\"purpose\":\"balance_display\","
            "\"scope\":\"A\",\"expires_in\":41}");
}

TEST(Response, IntrospectionHasIntegerTimesAndIsOneWordWhenInactive) {
  wire::IntrospectAnswer answer;
  answer.client_id = "messenger";
  answer.audience = "connector";
  answer.purpose = "balance_display";
  answer.scope = "A B";
  answer.jti = "j";
  answer.issued_at = 100;
  answer.expires_at = 160;
  EXPECT_EQ(Body(WriteActive, answer),
            "{\"active\":true,\"sub\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\","
            "\"client_id\":\"messenger\",\"aud\":\"connector\","
            "\"scope\":\"A B\",\"purpose\":\"balance_display\",\"iat\":100,"
            "\"nbf\":100,\"exp\":160,\"jti\":\"j\",\"iss\":\"coffer\","
            "\"token_type\":\"N_A\"}");
  EXPECT_EQ(kInactiveBody, "{\"active\":false}");
}

TEST(Response, KeysListPublicKeysOnly) {
  wire::KeysAnswer answer;
  wire::PublicKeyRow row{"k4.pid.x", "k4.public.x", wire::KeyState::kActive,
                         1785542400, 0};
  answer.tokens.push_back(row);
  row.state = wire::KeyState::kDeactivated;
  row.not_after = 1785542401;
  answer.tokens.push_back(row);
  answer.ingest = row;
  answer.caller = "linker";
  answer.vault_id[15] = 10;
  EXPECT_EQ(Body(WriteKeys, answer),
            "{\"keys\":[{\"kid\":\"k4.pid.x\",\"public_key\":\"k4.public.x\","
            "\"state\":\"active\",\"not_before\":\"2026-08-01T00:00:00Z\","
            "\"not_after\":null},{\"kid\":\"k4.pid.x\",\"public_key\":"
            "\"k4.public.x\",\"state\":\"deactivated\",\"not_before\":"
            "\"2026-08-01T00:00:00Z\",\"not_after\":\"2026-08-01T00:00:01Z\"}]"
            ",\"ingest\":{\"kid\":\"k4.pid.x\",\"public_key\":\"k4.public.x\"}"
            ",\"caller\":\"linker\","
            "\"vault\":\"0000000000000000000000000000000a\"}");
  EXPECT_EQ(Body(WriteKeys, wire::KeysAnswer{}),
            "{\"keys\":[],\"caller\":\"\","
            "\"vault\":\"00000000000000000000000000000000\"}");
}

TEST(Response, ErasuresCarryTheirCertificate) {
  EXPECT_EQ(Body(WriteErased, uint64_t{2}, std::string_view("v4.public.c")),
            "{\"erased\":2,\"certificate\":\"v4.public.c\"}");
}

TEST(Response, HealthIsOkOnlyWhenOperational) {
  const auto health = [](wire::VaultState state) {
    TextBuilder out;
    const uint16_t status = WriteHealth(out, state);
    return std::to_string(status) + std::string(out.view());
  };
  EXPECT_EQ(health(wire::VaultState::kOperational), "200{\"status\":\"ok\"}");
  EXPECT_EQ(health(wire::VaultState::kSealed), "503{\"status\":\"sealed\"}");
  EXPECT_EQ(health(wire::VaultState::kStarting),
            "503{\"status\":\"starting\"}");
  EXPECT_EQ(health(wire::VaultState::kUninitialised),
            "503{\"status\":\"uninitialised\"}");
  EXPECT_EQ(health(wire::VaultState::kError), "503{\"status\":\"error\"}");
}

TEST(Response, StatusIsForTheMonitor) {
  wire::StatusAnswer answer;
  answer.state = wire::VaultState::kOperational;
  answer.now = 1785542400;
  answer.leaves = 12;
  EXPECT_EQ(Body(WriteStatus, answer),
            "{\"state\":\"operational\",\"version\":\"" COFFER_VERSION
            "\",\"clock_accepted\":true,\"vault_id\":"
            "\"00000000000000000000000000000000\",\"leaves\":12,"
            "\"now\":\"2026-08-01T00:00:00Z\",\"floors\":0,\"connections\":0,"
            "\"brakes\":0,\"budget_refusals\":0,\"budget_links\":0,"
            "\"erasures_overdue\":0}");
}

}  // namespace
}  // namespace coffer::api
