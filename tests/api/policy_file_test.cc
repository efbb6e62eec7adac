#include "vault/api/policy_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tests/api/policy_test_support.h"

namespace coffer::api {
namespace {

std::vector<uint8_t> Encoded(const wire::Policy& policy) {
  auto bytes = EncodePolicy(policy);
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *bytes : std::vector<uint8_t>{};
}

TEST(PolicyFile, CompilesToPlacesAndMasks) {
  const Compiled compiled = Compile(kSmallPolicy);
  ASSERT_TRUE(compiled.ok) << compiled.text;
  EXPECT_EQ(compiled.text, "");
  const wire::Policy& policy = *compiled.policy;
  ASSERT_EQ(policy.clusters.size, 3);
  const int balance = wire::FindPurpose(policy, "balance_display");
  const int advertising = wire::FindPurpose(policy, "advertising");
  ASSERT_GE(balance, 0);
  ASSERT_GE(advertising, 0);
  const auto bit = [&](const char* cluster) {
    return wire::ClusterSet{1} << wire::FindCluster(policy, cluster);
  };
  const auto& purpose = policy.purposes[static_cast<size_t>(balance)];
  EXPECT_EQ(purpose.clusters, bit("ACCOUNT_BASIC") | bit("ACCOUNT_DETAILED"));
  EXPECT_EQ(purpose.ttl_seconds_max, 300u);
  EXPECT_FALSE(purpose.prohibited);
  EXPECT_TRUE(policy.purposes[static_cast<size_t>(advertising)].prohibited);
  const int chat = wire::FindPurpose(policy, "chat");
  EXPECT_EQ(policy.purposes[static_cast<size_t>(chat)].ttl_seconds_max, 900u);

  ASSERT_EQ(policy.institutions.size, 1);
  EXPECT_EQ(policy.institutions[0].display_name.view(), "Citi");
  EXPECT_EQ(policy.institutions[0].purposes, wire::PurposeSet{1} << balance);
  EXPECT_EQ(policy.institutions[0].clusters, bit("ACCOUNT_BASIC"));

  ASSERT_EQ(policy.callers.size, 3);
  const auto caller = [&](const char* name) -> const wire::PolicyCaller& {
    return policy.callers[static_cast<size_t>(wire::FindCaller(policy, name))];
  };
  EXPECT_EQ(caller("linker").identity, 1001u);
  EXPECT_EQ(caller("linker").identity_kind, wire::IdentityKind::kUid);
  EXPECT_EQ(caller("linker").link_rights,
            wire::kRightCreate | wire::kRightRead | wire::kRightUpdate |
                wire::kRightErase);
  EXPECT_EQ(caller("connector").identity_kind, wire::IdentityKind::kGid);
  EXPECT_EQ(caller("connector").identity, 1003u);
  EXPECT_EQ(caller("connector").redeem, wire::PurposeSet{1} << balance);
  EXPECT_EQ(caller("connector").link_rights, wire::kRightUpdateBankToken);

  ASSERT_EQ(policy.rules.size, 1);
  const wire::IssueRule& rule = policy.rules[0];
  EXPECT_EQ(rule.caller, wire::FindCaller(policy, "messenger"));
  EXPECT_EQ(rule.audience, wire::FindCaller(policy, "connector"));
  EXPECT_EQ(rule.purpose, balance);
  EXPECT_EQ(rule.clusters, 7u);  // omitted: all
  EXPECT_TRUE(rule.institutions.Has(0));
  EXPECT_FALSE(rule.institutions.Has(1));
  EXPECT_EQ(rule.distinct_links_per_hour, 0u);
}

TEST(PolicyFile, CarriesBudgets) {
  std::string text = kSmallPolicy;
  const std::string rule = "audience = \"connector\"";
  text.replace(text.find(rule), rule.size(),
               rule +
                   ", institutions = [\"citi\"], distinct_links_per_hour = "
                   "1000, distinct_links_per_day = 5000, "
                   "tokens_per_second = 4294967295");
  const Compiled compiled = Compile(text);
  ASSERT_TRUE(compiled.ok) << compiled.text;
  EXPECT_EQ(compiled.text, "");
  EXPECT_EQ(compiled.policy->rules[0].distinct_links_per_hour, 1000u);
  EXPECT_EQ(compiled.policy->rules[0].distinct_links_per_day, 5000u);
  EXPECT_EQ(compiled.policy->rules[0].tokens_per_second, 4294967295u);
}

TEST(PolicyFile, ReadsEveryFormOfMaxTtl) {
  const auto ttl = [](const std::string& value) -> uint32_t {
    std::string text = kSmallPolicy;
    text.replace(text.find("\"5m\""), 4, value);
    const Compiled compiled = Compile(text);
    if (!compiled.ok) {
      EXPECT_EQ(compiled.text,
                "p:3: purposes.balance_display.max_ttl is \"1s\" to \"900s\", "
                "\"1m\" to \"15m\", or 1 to 900 (seconds)\n");
      return 0;
    }
    const int place = wire::FindPurpose(*compiled.policy, "balance_display");
    return compiled.policy->purposes[static_cast<size_t>(place)]
        .ttl_seconds_max;
  };
  EXPECT_EQ(ttl("\"1s\""), 1u);
  EXPECT_EQ(ttl("\"90s\""), 90u);
  EXPECT_EQ(ttl("\"900s\""), 900u);
  EXPECT_EQ(ttl("\"1m\""), 60u);
  EXPECT_EQ(ttl("\"15m\""), 900u);
  EXPECT_EQ(ttl("1"), 1u);
  EXPECT_EQ(ttl("900"), 900u);
  for (const char* bad : {"\"0s\"",   "\"901s\"", "\"16m\"",
                          "\"1h\"",   "\"5\"",    "\"m\"",
                          "\"\"",     "\"05m\"",  "\"5 m\"",
                          "\"-5m\"",  "\"5M\"",   "\"99999999m\"",
                          "\"1.5m\"", "0",        "901",
                          "-1",       "5.0",      "true",
                          "[\"5m\"]", "07:00:00", "9223372036854775807"}) {
    EXPECT_EQ(ttl(bad), 0u) << bad;
  }
}

TEST(PolicyFile, LeavesOutCallersOfUnknownUsersWithAWarning) {
  std::string text = kSmallPolicy;
  text.replace(text.find("gid = 1003"), 10, "group = \"ghosts\"");
  const Compiled compiled = Compile(text);
  ASSERT_TRUE(compiled.ok) << compiled.text;
  EXPECT_EQ(compiled.text,
            "p:19: warning: callers.messenger.issue[1] is left out with its "
            "audience \"connector\"\n"
            "p:21: warning: no group \"ghosts\" here; callers.connector is "
            "left out\n");
  EXPECT_EQ(wire::FindCaller(*compiled.policy, "connector"), -1);
  EXPECT_EQ(compiled.policy->rules.size, 0);
  EXPECT_EQ(compiled.policy->callers.size, 2);
}

TEST(PolicyFile, TakesKnownUsersAndGroups) {
  std::string text = kSmallPolicy;
  text.replace(text.find("gid = 1003"), 10, "group = \"bots\"");
  const Compiled compiled = Compile(text);
  ASSERT_TRUE(compiled.ok) << compiled.text;
  const int place = wire::FindCaller(*compiled.policy, "connector");
  EXPECT_EQ(compiled.policy->callers[static_cast<size_t>(place)].identity,
            2001u);
  const IdentityLookup system = SystemIdentities();
  EXPECT_EQ(system.uid_of_user("root"), 0u);
  EXPECT_EQ(system.gid_of_group("root"), 0u);
  EXPECT_FALSE(system.uid_of_user("no such user"));
  EXPECT_FALSE(system.gid_of_group("no such group"));
}

TEST(PolicyFile, AnEmptyCeilingSharesNothing) {
  const Compiled compiled = Compile(
      "[purposes.p]\ndata_clusters = [\"TAX\"]\n"
      "[institutions.usbancorp]\npurposes = []\n"
      "[institutions.other]\npurposes = []\ndata_clusters = []\n");
  ASSERT_TRUE(compiled.ok) << compiled.text;
  EXPECT_EQ(compiled.text, "");
  for (const auto& institution : compiled.policy->institutions) {
    EXPECT_EQ(institution.purposes, 0u);
    EXPECT_EQ(institution.clusters, 0u);
  }
  EXPECT_EQ(compiled.policy->institutions[1].display_name.view(), "usbancorp");
}

TEST(PolicyFile, AnEmptyFileIsAPolicyThatIssuesNothing) {
  const Compiled compiled = Compile("");
  EXPECT_TRUE(compiled.ok);
  EXPECT_EQ(compiled.text, "p: warning: no purposes: nothing can be issued\n");
}

TEST(PolicyFile, KeysRotateByAgeAndAreDestroyedAfterAWait) {
  const auto read = [](const std::string& age, const std::string& wait) {
    return Compile("[keys]\ndestroy_wait = " + wait +
                   "\n[purposes.p]\ndata_clusters = [\"TAX\"]\n"
                   "[institutions.citi]\npurposes = []\nrotate_after = " +
                   age + "\n");
  };
  const auto both = [&](const std::string& age, const std::string& wait) {
    const Compiled compiled = read(age, wait);
    EXPECT_TRUE(compiled.ok) << compiled.text;
    return std::pair(compiled.policy->institutions[0].rotate_seconds,
                     compiled.policy->destroy_wait_seconds);
  };
  EXPECT_EQ(both("\"90d\"", "\"7d\""), std::pair(90u * 86400, 7u * 86400));
  EXPECT_EQ(both("\"1s\"", "\"0s\""), std::pair(1u, 0u));
  EXPECT_EQ(both("\"3660d\"", "\"30d\""),
            std::pair(3660u * 86400, 30u * 86400));
  EXPECT_EQ(both("60", "0"), std::pair(60u, 0u));
  EXPECT_EQ(both("\"2h\"", "\"5m\""), std::pair(7200u, 300u));
  for (const char* bad :
       {"\"0s\"", "0", "\"3661d\"", "-1", "\"d\"", "\"\"", "\"1w\"", "1.5",
        "\"01d\"", "\"999999999d\"", "\"9999999999d\"", "true"}) {
    EXPECT_EQ(read(bad, "\"1d\"").text,
              "p:7: institutions.citi.rotate_after is \"1s\" to \"3660d\", or "
              "seconds\n")
        << bad;
  }
  for (const char* bad : {"\"31d\"", "-1", "\"00s\"", "2592001", "[]"}) {
    EXPECT_EQ(read("\"1d\"", bad).text,
              "p:2: keys.destroy_wait is \"0s\" to \"30d\", or seconds\n")
        << bad;
  }
  EXPECT_EQ(Compile("").policy->destroy_wait_seconds, 7u * 86400);
}

TEST(PolicyFile, PeriodsOfErasureAndConsentsHaveBounds) {
  const auto read = [](const std::string& table, const std::string& line) {
    return Compile("[" + table + "]\n" + line +
                   "\n[purposes.p]\ndata_clusters = [\"TAX\"]\n");
  };
  const auto policy = [&](const std::string& table, const std::string& line) {
    const Compiled compiled = read(table, line);
    EXPECT_TRUE(compiled.ok) << compiled.text;
    return *compiled.policy;
  };
  EXPECT_EQ(policy("keys", "erasure_horizon = \"10m\"").erasure_horizon_seconds,
            600u);
  EXPECT_EQ(policy("keys", "erasure_horizon = 2592000").erasure_horizon_seconds,
            30u * 86400);
  EXPECT_EQ(policy("consents", "persistent_max = \"1d\"").persistent_days_max,
            1u);
  EXPECT_EQ(policy("consents", "persistent_max = \"48h\"").persistent_days_max,
            2u);
  EXPECT_EQ(policy("consents", "keep_expired = \"90d\"").keep_expired_seconds,
            90u * 86400);
  EXPECT_EQ(policy("consents", "history = \"0s\"").history_days, 0u);
  EXPECT_EQ(policy("consents", "history = \"3660d\"").history_days, 3660u);
  const wire::Policy usual = policy("keys", "");
  EXPECT_EQ(usual.erasure_horizon_seconds, 86400u);
  EXPECT_EQ(usual.persistent_days_max, 365u);
  EXPECT_EQ(usual.keep_expired_seconds, 0u);
  EXPECT_EQ(usual.history_days, 1095u);

  for (const char* bad : {"\"599s\"", "\"31d\"", "-1", "0", "true"}) {
    EXPECT_EQ(read("keys", std::string("erasure_horizon = ") + bad).text,
              "p:2: keys.erasure_horizon is \"10m\" to \"30d\", or seconds\n")
        << bad;
  }
  for (const char* bad : {"\"0s\"", "\"366d\"", "\"25h\"", "365"}) {
    EXPECT_EQ(read("consents", std::string("persistent_max = ") + bad).text,
              "p:2: consents.persistent_max is \"1d\" to \"365d\", in whole "
              "days\n")
        << bad;
  }
  for (const char* bad : {"\"91d\"", "-1", "\"\""}) {
    EXPECT_EQ(read("consents", std::string("keep_expired = ") + bad).text,
              "p:2: consents.keep_expired is \"0s\" to \"90d\", or seconds\n")
        << bad;
  }
  for (const char* bad : {"\"3661d\"", "\"1h\"", "[]"}) {
    EXPECT_EQ(read("consents", std::string("history = ") + bad).text,
              "p:2: consents.history is \"0s\" (none is kept) to \"3660d\", "
              "in whole days\n")
        << bad;
  }
  EXPECT_NE(read("consents", "persistant_max = \"1d\"").text.find("unknown"),
            std::string::npos);
}

TEST(PolicyFile, DecompilesToTextThatCompilesToTheSame) {
  for (std::string_view text :
       {std::string_view(kSmallPolicy), SamplePolicyText(),
        std::string_view("[purposes.\"a.b\"]\ndata_clusters=[\"TAX\"]\n"
                         "[keys]\ndestroy_wait=\"12h\"\n"
                         "erasure_horizon=\"2h\"\n"
                         "[consents]\npersistent_max=\"90d\"\n"
                         "keep_expired=\"7d\"\nhistory=\"0s\"\n"
                         "[institutions.z]\npurposes=[]\n"
                         "rotate_after=\"90d\"\n"
                         "[institutions.\"x.y\"]\nname=\"A \\\"B\\\" \\\\ "
                         "C\xc3\xa9\"\npurposes=[\"a.b\"]\ndata_clusters=[]\n"
                         "[callers.\"c.d\"]\nuid=5\n"
                         "foreign_namespaces=true\n"
                         "seal_to=\"k4.public.HrnbuKEaLBd5CxBlL6EQ3Bp6l7I0Z1Qs"
                         "HlhKDlP9CQE\"\n"
                         "consent_key=\"k4.public.AAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                         "AAAAAAAAAAAAAAE\"\nissue=[{purpose=\"a.b\","
                         "audience=\"c.d\",tokens_per_second=1}]\n")}) {
    const Compiled first = Compile(text);
    ASSERT_TRUE(first.ok) << first.text;
    const std::string shown = DecompilePolicy(*first.policy);
    const Compiled second = Compile(shown);
    ASSERT_TRUE(second.ok) << second.text << shown;
    EXPECT_EQ(Encoded(*first.policy), Encoded(*second.policy)) << shown;
    EXPECT_EQ(DecompilePolicy(*second.policy), shown);
  }
}

TEST(PolicyFile, EncodedPoliciesDecode) {
  const Compiled compiled = Compile(SamplePolicyText());
  ASSERT_TRUE(compiled.ok) << compiled.text;
  const std::vector<uint8_t> bytes = Encoded(*compiled.policy);
  auto decoded = std::make_unique<wire::Policy>();
  ASSERT_TRUE(wire::DecodePolicy(*decoded, bytes).ok());
  EXPECT_EQ(Encoded(*decoded), bytes);
}

TEST(PolicyFile, JsonNamesEverything) {
  const Compiled compiled = Compile(kSmallPolicy);
  ASSERT_TRUE(compiled.ok);
  EXPECT_EQ(
      PolicyJson(*compiled.policy),
      "{\"destroy_wait\":604800,\"erasure_horizon\":86400,"
      "\"persistent_max\":31536000,\"keep_expired\":0,"
      "\"history\":94608000,\"data_clusters\":[\"ACCOUNT_BASIC\","
      "\"ACCOUNT_DETAILED\",\"x_chat\"],"
      "\"purposes\":[{\"name\":\"advertising\",\"prohibited\":true,"
      "\"data_clusters\":[],\"max_ttl\":900},{\"name\":\"balance_display\","
      "\"prohibited\":false,\"data_clusters\":[\"ACCOUNT_BASIC\","
      "\"ACCOUNT_DETAILED\"],\"max_ttl\":300},{\"name\":\"chat\","
      "\"prohibited\":false,\"data_clusters\":[\"x_chat\"],\"max_ttl\":900}],"
      "\"institutions\":[{\"id\":\"citi\",\"name\":\"Citi\",\"purposes\":["
      "\"balance_display\"],\"data_clusters\":[\"ACCOUNT_BASIC\"]}],"
      "\"callers\":[{\"name\":\"connector\",\"gid\":1003,\"links\":["
      "\"update_bank_token\"],\"redeem\":[\"balance_display\"],\"issue\":[]},"
      "{\"name\":\"linker\",\"uid\":1001,\"links\":[\"create\",\"read\","
      "\"update\",\"erase\"],\"redeem\":[],\"issue\":[]},{\"name\":"
      "\"messenger\",\"uid\":1002,\"links\":[],\"redeem\":[],\"issue\":[{"
      "\"purpose\":\"balance_display\",\"audience\":\"connector\","
      "\"institutions\":[\"citi\"],\"data_clusters\":[\"ACCOUNT_BASIC\","
      "\"ACCOUNT_DETAILED\",\"x_chat\"]}]}]}");
}

TEST(SamplePolicy, TellsTheStoryAndCompilesWithoutWarning) {
  const Compiled compiled = Compile(SamplePolicyText());
  ASSERT_TRUE(compiled.ok) << compiled.text;
  EXPECT_EQ(compiled.text, "");
  const wire::Policy& policy = *compiled.policy;
  for (const char* purpose :
       {"balance_display", "receipts", "shipping_updates", "purchase_tracking",
        "fraud_alerts", "spend_insight", "atm_search", "customer_chat"}) {
    const int place = wire::FindPurpose(policy, purpose);
    ASSERT_GE(place, 0) << purpose;
    EXPECT_FALSE(policy.purposes[static_cast<size_t>(place)].prohibited);
  }
  const int advertising = wire::FindPurpose(policy, "advertising");
  ASSERT_GE(advertising, 0);
  EXPECT_TRUE(policy.purposes[static_cast<size_t>(advertising)].prohibited);
  const auto institution =
      [&](const char* name) -> const wire::PolicyInstitution& {
    return policy
        .institutions[static_cast<size_t>(wire::FindInstitution(policy, name))];
  };
  const auto transactions = wire::ClusterSet{1}
                            << wire::FindCluster(policy, "TRANSACTIONS");
  EXPECT_EQ(policy.institutions.size, 6);
  EXPECT_EQ(institution("jpmorgan").clusters & transactions, 0u);
  EXPECT_NE(institution("jpmorgan").purposes, 0u);
  EXPECT_EQ(institution("usbancorp").purposes, 0u);
  EXPECT_EQ(institution("usbancorp").clusters, 0u);
  EXPECT_NE(institution("amex").clusters & transactions, 0u);
}

TEST(SamplePolicy, InTheProgramIsTheFileOfThePackage) {
  std::ifstream file(COFFER_SOURCE_DIR "/packaging/policy.toml");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, SamplePolicyText());
}

TEST(DevPolicy, IsTheSampleWithOneCallerForEverything) {
  const std::string text = DevPolicyText(4242);
  const Compiled compiled = Compile(text);
  ASSERT_TRUE(compiled.ok) << compiled.text << text;
  EXPECT_EQ(compiled.text, "");
  const wire::Policy& policy = *compiled.policy;
  EXPECT_EQ(policy.institutions.size, 6);
  EXPECT_EQ(policy.purposes.size, 9);
  ASSERT_EQ(policy.callers.size, 1);
  EXPECT_EQ(policy.callers[0].name.view(), "dev");
  EXPECT_EQ(policy.callers[0].identity, 4242u);
  EXPECT_EQ(policy.callers[0].link_rights, wire::kLinkRightsAll);
  EXPECT_EQ(policy.rules.size, 8);
}

}  // namespace
}  // namespace coffer::api
