// Every fault of a policy file, with its line.
#include <gtest/gtest.h>

#include "tests/api/policy_test_support.h"

namespace coffer::api {
namespace {

TEST(PolicyFaults, NameTheLineOfASyntaxError) {
  for (const char* bad : {"[purposes", "a = = 1", "a = \"", "a.b = 1\na = 2",
                          "[x]\n[x]", "a = 'x\n'", "a = 1\na = 1"}) {
    const Compiled compiled = Compile(std::string("\n\n") + bad);
    EXPECT_FALSE(compiled.ok) << bad;
    ASSERT_EQ(compiled.findings.items.size(), 1u);
    EXPECT_GE(compiled.findings.items[0].line, 3u) << compiled.text;
    EXPECT_NE(compiled.text.find("not TOML: "), std::string::npos);
  }
}

TEST(PolicyFaults, NameTheLineThatIsNotUtf8) {
  EXPECT_EQ(Compile("\n\n# \xff\n").text, "p:3: not UTF-8\n");
  EXPECT_EQ(Compile("\xc3").text, "p:1: not UTF-8\n");
}

TEST(PolicyFaults, NameBytesThatTheTomlParserMustNotSee) {
  const auto faults = [](std::string_view text) { return Compile(text).text; };
  const std::string letter =
      "a letter beyond ASCII, outside of texts and comments is not taken in "
      "this file\n";
  EXPECT_EQ(faults("\n\xc9\x8f = 1\n"), "p:2: " + letter);
  EXPECT_EQ(faults("[purposes\xc9\x8f]\n"), "p:1: " + letter);
  EXPECT_EQ(faults("a = \"x\" \xc2\xa0\n"), "p:1: " + letter);
  EXPECT_EQ(faults("# \"\n\xc3\xa9\n"), "p:2: " + letter);
  EXPECT_EQ(faults("a = '\\' \xc3\xa9\n"), "p:1: " + letter);
  EXPECT_EQ(faults("a = \"\\\"\" \xc3\xa9\n"), "p:1: " + letter);
  const std::string lines =
      "a text over several lines is not taken in this "
      "file\n";
  EXPECT_EQ(faults("a = \"\"\"x\"\"\"\n"), "p:1: " + lines);
  EXPECT_EQ(faults("\na = '''x'''\n"), "p:2: " + lines);
  EXPECT_EQ(faults("a = \"\\\n\xc3\xa9\"\n"), "p:2: " + letter);
  for (const char* control : {"\x01", "\x0b", "\x0c", "\x1b", "\x7f"}) {
    EXPECT_EQ(faults(std::string("\n# ") + control),
              "p:2: a control character is not taken in this file\n");
  }
  EXPECT_EQ(faults("# a\r"),
            "p:1: a carriage return alone is not taken in this file\n");
  EXPECT_EQ(faults("a = '\xc3\xa9'\n"),
            "p:1: a letter beyond ASCII in a text in single quotes is not "
            "taken in this file\n");
  EXPECT_EQ(faults("a = \"\\\xc3\xa9\"\n"),
            "p:1: a backslash before a letter beyond ASCII is not taken in "
            "this file\n");
  // Malformed in a way that a scan takes for a text.
  EXPECT_EQ(faults("a = 1\"06\xef\xbb\xb8 }]\n").substr(0, 14),
            "p:1: not TOML:");
  const std::string idle = "p: warning: no purposes: nothing can be issued\n";
  for (const char* good :
       {"# \xc3\xa9 \\ \" '\r\n", "\xef\xbb\xbf# \t\n",
        "[institutions.b]\r\nname = \"\xc3\xa9 # '\"\npurposes = []\n",
        "[institutions.b]\nname = 'e # \"'\npurposes = []\n",
        "[institutions.'b']\npurposes = [] # \xc3\xa9\n"}) {
    EXPECT_EQ(faults(good), idle) << good;
  }
}

TEST(PolicyFaults, LettersBeyondAsciiAreKeptInTexts) {
  const std::string name =
      "\xc2\x80\xdf\xbf \xe0\xa0\x80\xef\xbf\xbd \xf0\x90"
      "\x80\x80\xf4\x8f\xbf\xbf\xc3\xa9";
  const Compiled compiled = Compile("[institutions.b]\nname = \"\\\\" + name +
                                    "\\\"\" # " + name + "\npurposes = []\n");
  ASSERT_TRUE(compiled.ok) << compiled.text;
  EXPECT_EQ(compiled.policy->institutions[0].display_name.view(),
            "\\" + name + "\"");
  EXPECT_EQ(Compile("[institutions.\"\xc3\xa9\"]\npurposes = []\n").text,
            "p: warning: no purposes: nothing can be issued\n"
            "p:1: institutions.\"\\xc3\\xa9\": a name is 1 to 32 of A-Z a-z "
            "0-9 _ . -\n");
}

TEST(PolicyFaults, AreFoundAllAtOnceInTheOrderOfLines) {
  const Compiled compiled = Compile(
      "[callers.a]\n"
      "uid = -1\n"
      "links = [\"steal\"]\n"
      "redeem = [\"nothing\"]\n"
      "[institutions.b]\n"
      "purposes = [\"nothing\"]\n"
      "data_clusters = [\"NOTHING\"]\n"
      "[purposes.c]\n"
      "colour = 1\n");
  EXPECT_FALSE(compiled.ok);
  EXPECT_EQ(compiled.text,
            "p:2: callers.a.uid must be a whole number from 0 to 4294967294\n"
            "p:3: unknown right \"steal\" in callers.a.links; there are "
            "create, read, update, erase, update_bank_token and all_links\n"
            "p:4: unknown purpose \"nothing\" in callers.a\n"
            "p:6: unknown purpose \"nothing\" in institutions.b\n"
            "p:7: unknown data cluster \"NOTHING\" in institutions.b; one of "
            "your own begins with x_\n"
            "p:8: purposes.c.data_clusters is needed: name at least one, or "
            "prohibit the purpose\n"
            "p:9: unknown key \"colour\" in purposes.c\n");
}

TEST(PolicyFaults, UnknownKeysEverywhere) {
  EXPECT_EQ(FindingsWith("[purposes.chat]", "[extra]\n[purposes.chat]"),
            "p:4: unknown key \"extra\"\n");
  EXPECT_EQ(FindingsWith("prohibited = true", "prohibited = true\nwhy = 1"),
            "p:8: unknown key \"why\" in purposes.advertising\n");
  EXPECT_EQ(FindingsWith("name = \"Citi\"", "nmae = \"Citi\""),
            "p:10: unknown key \"nmae\" in institutions.citi\n");
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = 1002\nrights = []"),
            "p:19: unknown key \"rights\" in callers.messenger\n");
  EXPECT_EQ(FindingsWith("audience = \"connector\"",
                         "audience = \"connector\", max_ttl = \"5m\""),
            "p:19: unknown key \"max_ttl\" in callers.messenger.issue[1]\n");
  EXPECT_EQ(FindingsWith("prohibited = true",
                         "prohibited = true\n\"\\u001b[2J\" = 1"),
            "p:8: unknown key \"\\x1b[2J\" in purposes.advertising\n");
}

TEST(PolicyFaults, ValuesOfAnotherType) {
  EXPECT_EQ(FindingsWith("prohibited = true", "prohibited = \"yes\""),
            "p:6: purposes.advertising.data_clusters is needed: name at least "
            "one, or prohibit the purpose\n"
            "p:7: purposes.advertising.prohibited must be true or false\n");
  EXPECT_EQ(FindingsWith("[\"x_chat\"]", "\"x_chat\""),
            "p:5: purposes.chat.data_clusters must be a list\n");
  EXPECT_EQ(FindingsWith("[\"x_chat\"]", "[1]"),
            "p:5: purposes.chat.data_clusters must be a list of texts\n");
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = \"1002\""),
            "p:18: callers.messenger.uid must be a whole number from 0 to "
            "4294967294\n");
  EXPECT_EQ(FindingsWith("issue = [{ purpose = \"balance_display\", audience = "
                         "\"connector\" }]",
                         "issue = [\"balance_display\"]"),
            "p:19: callers.messenger.issue[1] must be a table\n");
  EXPECT_EQ(Compile("purposes = 1\ncallers = []\n").text,
            "p: warning: no purposes: nothing can be issued\n"
            "p:1: purposes must be a table\n"
            "p:2: callers must be a table\n");
  EXPECT_EQ(Compile("[purposes]\nchat = 1\n").text,
            "p: warning: no purposes: nothing can be issued\n"
            "p:2: purposes.chat must be a table\n");
}

TEST(PolicyFaults, MalformedAndLookAlikeNames) {
  for (const char* bad : {"\"\"", "\"a b\"", "\"caf\xc3\xa9\"", "\"a,b\"",
                          "\"a/b\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    const std::string findings =
        FindingsWith("[purposes.chat]", std::string("[purposes.") + bad + "]");
    EXPECT_NE(findings.find("p:4: purposes."), std::string::npos) << findings;
    EXPECT_NE(findings.find(": a name is 1 to 32 of A-Z a-z 0-9 _ . -"),
              std::string::npos);
  }
  EXPECT_EQ(FindingsWith("purpose = \"balance_display\"",
                         "purpose = \"Balance_display\""),
            "p:19: unknown purpose \"Balance_display\" in "
            "callers.messenger.issue[1]\n");
  EXPECT_EQ(FindingsWith("purposes = [\"balance_display\"]",
                         "purposes = [\"balance_display \"]"),
            "p:11: unknown purpose \"balance_display \" in "
            "institutions.citi\n");
}

TEST(PolicyFaults, UnknownAndIdleClusters) {
  const std::string tail =
      " in purposes.chat; one of your own begins with x_\n";
  for (const char* bad : {"CHAT", "account_basic", "X_chat", "x_", "x_a b",
                          "ACCOUNT_BASIC ", ""}) {
    EXPECT_EQ(FindingsWith("\"x_chat\"", "\"" + std::string(bad) + "\""),
              "p:5: unknown data cluster \"" + std::string(bad) + "\"" + tail);
  }
  for (const char* good :
       {"ACCOUNT_BASIC", "ACCOUNT_DETAILED", "ACCOUNT_PAYMENTS", "TRANSACTIONS",
        "INVESTMENTS", "STATEMENTS", "REWARDS", "NOTIFICATIONS",
        "CUSTOMER_CONTACT", "CUSTOMER_PERSONAL", "BILLS", "IMAGES", "TAX",
        "PAYMENT_SUPPORT", "x_a"}) {
    EXPECT_EQ(FindingsWith("\"x_chat\"", "\"" + std::string(good) + "\""), "");
  }
  EXPECT_EQ(FindingsWith("data_clusters = [\"ACCOUNT_BASIC\"]",
                         "data_clusters = [\"ACCOUNT_BASIC\", \"TAX\"]"),
            "p:12: warning: no purpose has data cluster \"TAX\" in "
            "institutions.citi; it has no effect\n");
  EXPECT_EQ(FindingsWith("[\"x_chat\"]", "[]"),
            "p:5: purposes.chat.data_clusters is needed: name at least one, or "
            "prohibit the purpose\n");
  EXPECT_EQ(FindingsWith("[\"x_chat\"]", "[\"x_chat\", \"TAX\", \"x_chat\"]"),
            "p:5: \"x_chat\" stands twice in purposes.chat.data_clusters\n");
}

TEST(PolicyFaults, Institutions) {
  EXPECT_EQ(FindingsWith("purposes = [\"balance_display\"]\n", ""),
            "p:9: institutions.citi.purposes is needed; [] shares nothing\n");
  EXPECT_EQ(FindingsWith("data_clusters = [\"ACCOUNT_BASIC\"]\n", ""),
            "p:9: warning: institutions.citi names no data_clusters: all are "
            "within its ceiling\n");
  EXPECT_EQ(FindingsWith("purposes = [\"balance_display\"]",
                         "purposes = [\"advertising\"]"),
            "p:11: prohibited purpose \"advertising\" in institutions.citi\n");
  const std::string name =
      "p:10: institutions.citi.name is 1 to 64 bytes without control "
      "characters\n";
  EXPECT_EQ(FindingsWith("\"Citi\"", "\"\""), name);
  EXPECT_EQ(FindingsWith("\"Citi\"", "\"a\\u001bb\""), name);
  EXPECT_EQ(FindingsWith("\"Citi\"", "\"" + std::string(65, 'x') + "\""), name);
  EXPECT_EQ(FindingsWith("\"Citi\"", "\"" + std::string(64, 'x') + "\""), "");
}

TEST(PolicyFaults, ACallerHasExactlyOneIdentity) {
  const std::string fault =
      "callers.messenger needs exactly one of user, uid, group and gid\n";
  EXPECT_EQ(FindingsWith("uid = 1002\n", ""), "p:17: " + fault);
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = 1002\ngid = 1002"),
            "p:17: " + fault);
  EXPECT_EQ(FindingsWith("uid = 1002", "user = \"linker\"\nuid = 1001"),
            "p:17: " + fault);
  for (const char* bad : {"-1", "4294967295", "1.0", "true"}) {
    EXPECT_EQ(FindingsWith("uid = 1002", std::string("uid = ") + bad),
              "p:18: callers.messenger.uid must be a whole number from 0 to "
              "4294967294\n");
  }
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = 4294967294"), "");
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = 0"), "");
  EXPECT_EQ(FindingsWith("user = \"linker\"", "user = \"\""),
            "p:15: callers.linker.user must be a name\n");
  EXPECT_EQ(FindingsWith("user = \"linker\"", "user = \"root\\u0000\""),
            "p:15: callers.linker.user must be a name\n");
}

TEST(PolicyFaults, TwoCallersOfOneUidOrGid) {
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = 1001"),
            "p:17: callers linker and messenger are both uid 1001; one uid or "
            "gid is one caller\n");
  EXPECT_EQ(FindingsWith("uid = 1002", "gid = 1003"),
            "p:17: callers connector and messenger are both gid 1003; one uid "
            "or gid is one caller\n");
  EXPECT_EQ(FindingsWith("uid = 1002", "uid = 1003"), "");  // a uid, and a gid
}

TEST(PolicyFaults, ProhibitedPurposesAreGrantedNowhere) {
  EXPECT_EQ(FindingsWith("redeem = [\"balance_display\"]",
                         "redeem = [\"balance_display\", \"advertising\"]"),
            "p:22: prohibited purpose \"advertising\" in callers.connector\n");
  EXPECT_EQ(FindingsWith("purpose = \"balance_display\"",
                         "purpose = \"advertising\""),
            "p:19: prohibited purpose \"advertising\" in "
            "callers.messenger.issue[1]\n");
}

TEST(PolicyFaults, PublicKeysAreTheirWholePaserkText) {
  const std::string good = "k4.public." + std::string(42, 'A') + "E";
  for (const char* key : {"seal_to", "consent_key"}) {
    const auto with = [&](const std::string& value) {
      return FindingsWith("gid = 1003",
                          "gid = 1003\n" + std::string(key) + " = " + value);
    };
    EXPECT_EQ(with("\"" + good + "\""), "");
    const std::string fault = "p:22: callers.connector." + std::string(key) +
                              " must be an Ed25519 public key: k4.public. and "
                              "43 characters\n";
    for (const std::string& bad :
         {std::string(), std::string("k4.public.x"), good + "A", good + "=",
          good.substr(0, 52), "k3" + good.substr(2),
          "k4.secret." + good.substr(10), "K4" + good.substr(2), " " + good,
          good.substr(0, 52) + "F",                // not canonical
          "k4.public." + std::string(43, 'A')}) {  // no key at all
      EXPECT_EQ(with("\"" + bad + "\""), fault) << bad;
    }
    EXPECT_NE(with("5"), "");
  }
}

TEST(PolicyFaults, IssueRules) {
  const std::string rule =
      "{ purpose = \"balance_display\", audience = "
      "\"connector\" }";
  const std::string at = "p:19: callers.messenger.issue[1]";
  const auto with = [&](const std::string& other) {
    return FindingsWith(rule, other);
  };
  EXPECT_EQ(with("{}"),
            at + ".purpose is needed\n" + at + ".audience is needed\n");
  EXPECT_EQ(with("{ purpose = \"balance_display\", audience = \"nobody\" }"),
            "p:19: unknown audience \"nobody\" in callers.messenger.issue[1]; "
            "it is a caller\n");
  EXPECT_EQ(with("{ purpose = \"chat\", audience = \"connector\" }"),
            "p:19: warning: audience connector may not redeem chat: it can "
            "introspect, or verify public tokens, only\n");
  const auto and_key = [&](const std::string& key) {
    return with("{ purpose = \"balance_display\", audience = \"connector\", " +
                key + " }");
  };
  EXPECT_EQ(and_key("institutions = [\"chase\"]"),
            "p:19: unknown institution \"chase\" in "
            "callers.messenger.issue[1]\n");
  EXPECT_EQ(and_key("institutions = []"),
            at + ".institutions is empty: leave it out to mean all\n");
  EXPECT_EQ(and_key("institutions = [\"citi\", \"citi\"]"),
            "p:19: \"citi\" stands twice in "
            "callers.messenger.issue[1].institutions\n");
  EXPECT_EQ(and_key("data_clusters = [\"x_chat\"]"),
            at + " grants nothing: none of its data_clusters is of the "
                 "purpose\n");
  EXPECT_EQ(and_key("data_clusters = []"),
            at + " grants nothing: none of its data_clusters is of the "
                 "purpose\n");
  EXPECT_EQ(and_key("data_clusters = [\"ACCOUNT_BASIC\", \"x_chat\"]"),
            "p:19: warning: callers.messenger.issue[1] names data_clusters "
            "that are not of the purpose; they have no effect\n");
  EXPECT_EQ(and_key("data_clusters = [\"ACCOUNT_BASIC\"]"), "");
  for (const char* key : {"distinct_links_per_hour", "distinct_links_per_day",
                          "tokens_per_second"}) {
    for (const char* bad : {"0", "-1", "4294967296", "1.5", "\"1\""}) {
      EXPECT_EQ(
          and_key(std::string(key) + " = " + bad),
          at + "." + key + " must be a whole number from 1 to 4294967295\n");
    }
  }
}

TEST(PolicyFaults, AnHourTakesNoMoreLinksThanItsDay) {
  const auto rule = [](const std::string& audience, const std::string& more) {
    return "{ purpose = \"balance_display\", audience = \"" + audience + "\"" +
           more + " }";
  };
  const auto with = [&](const std::string& rules) {
    return FindingsWith(rule("connector", ""), rules);
  };
  const std::string hour = ", distinct_links_per_hour = 501";
  const std::string day = ", distinct_links_per_day = ";
  const std::string fault =
      "].distinct_links_per_hour is 501, more than distinct_links_per_day, "
      "500: no hour could reach it; lower it or leave it out\n";
  EXPECT_EQ(with(rule("connector", hour + day + "500")),
            "p:19: callers.messenger.issue[1" + fault);
  EXPECT_EQ(with(rule("connector", hour + day + "501")), "");
  // The two figures may stand in different rules of the budget.
  EXPECT_EQ(
      with(rule("connector", hour) + ",\n" + rule("messenger", day + "500"))
          .find("p:20: callers.messenger.issue[2" + fault),
      0u);
}

TEST(PolicyFaults, RulesOfOneCallerAndPurposeShareOneBudget) {
  const auto rule = [](const std::string& audience, const std::string& more) {
    return "{ purpose = \"balance_display\", audience = \"" + audience + "\"" +
           more + " }";
  };
  for (const char* key : {"distinct_links_per_hour", "distinct_links_per_day",
                          "tokens_per_second"}) {
    const auto of = [&](int number) {
      return std::string(", ") + key + " = " + std::to_string(number);
    };
    const std::string text =
        FindingsWith(rule("connector", ""), rule("connector", of(5)) + ",\n" +
                                                rule("messenger", of(7)));
    EXPECT_NE(text.find("p:20: callers.messenger.issue[2]." + std::string(key) +
                        " is 7, and 5 in the rule of line 19: rules of one "
                        "caller and purpose share one budget\n"),
              std::string::npos)
        << text;
    for (const std::string& other : {of(5), std::string()}) {
      EXPECT_EQ(
          FindingsWith(rule("connector", ""), rule("connector", of(5)) + ",\n" +
                                                  rule("messenger", other))
              .find("budget"),
          std::string::npos);
    }
  }
  EXPECT_EQ(FindingsWith(rule("connector", ""),
                         rule("connector",
                              ", distinct_links_per_hour = 4, "
                              "distinct_links_per_day = 1048577")),
            "p:19: the budgets count 1048577 links in all (the larger of hour "
            "and day each); the keeper has room for 1048576\n");
}

TEST(PolicyFaults, OverlappingRulesAreAmbiguous) {
  const std::string rule =
      "{ purpose = \"balance_display\", audience = "
      "\"connector\" }";
  EXPECT_EQ(FindingsWith(rule, rule + ",\n" + rule),
            "p:20: callers.messenger.issue[2] overlaps the rule of line 19: "
            "same purpose and audience, and an institution in common\n");
  EXPECT_EQ(
      FindingsWith(rule, rule + ",\n{ purpose = \"balance_display\", audience "
                                "= \"messenger\" }"),
      "p:20: warning: audience messenger may not redeem balance_display: it "
      "can introspect, or verify public tokens, only\n");
}

TEST(PolicyFaults, AllLinksAloneIsAWarning) {
  EXPECT_EQ(FindingsWith("[\"update_bank_token\"]", "[\"all_links\"]"),
            "p:23: warning: callers.connector.links: all_links widens read and "
            "erase, and neither stands beside it\n");
}

std::string Tables(std::string_view kind, size_t count,
                   std::string_view fields) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += "[" + std::string(kind) + ".n" + std::to_string(i) + "]\n" +
            std::string(fields) + "\n";
  }
  return text;
}

TEST(PolicyFaults, SizesAboveTheKeepersTables) {
  const auto purposes = [](size_t count) {
    return Compile(Tables("purposes", count, "data_clusters = [\"TAX\"]")).text;
  };
  EXPECT_EQ(purposes(64), "");
  EXPECT_NE(purposes(65).find("more than 64 purposes"), std::string::npos);
  const auto institutions = [](size_t count) {
    return Compile("[purposes.p]\ndata_clusters = [\"TAX\"]\n" +
                   Tables("institutions", count, "purposes = []"))
        .text;
  };
  EXPECT_EQ(institutions(256), "");
  EXPECT_NE(institutions(257).find("more than 256 institutions"),
            std::string::npos);
  const auto callers = [](size_t count) {
    std::string text = "[purposes.p]\ndata_clusters = [\"TAX\"]\n";
    for (size_t i = 0; i < count; ++i) {
      text += "[callers.n" + std::to_string(i) +
              "]\nuid = " + std::to_string(i) + "\n";
    }
    return Compile(text).text;
  };
  EXPECT_EQ(callers(128), "");
  EXPECT_NE(callers(129).find("more than 128 callers"), std::string::npos);
  const auto clusters = [](size_t count) {
    std::string list;
    for (size_t i = 0; i < count; ++i) {
      list += "\"x_" + std::to_string(i) + "\",";
    }
    return Compile("[purposes.p]\ndata_clusters = [" + list + "]\n").text;
  };
  EXPECT_EQ(clusters(32), "");
  EXPECT_EQ(clusters(33), "p:2: more than 32 data clusters in all\n");
}

TEST(PolicyFaults, MoreIssueRulesThanTheTableHolds) {
  const auto rules = [](size_t more) {
    std::string text = Tables("purposes", 64, "data_clusters = [\"TAX\"]") +
                       "[callers.last]\nuid = 99\nredeem = [";
    for (int i = 0; i < 64; ++i) text += "\"n" + std::to_string(i) + "\",";
    text += "]\n[institutions.b]\npurposes = []\n";
    for (size_t caller = 0; caller < 17; ++caller) {
      const size_t count = caller < 16 ? 64 : more;
      text += "[callers.c" + std::to_string(caller) +
              "]\nuid = " + std::to_string(caller) + "\nissue = [\n";
      for (size_t i = 0; i < count; ++i) {
        text += "{ purpose = \"n" + std::to_string(i) +
                "\", audience = \"last\" },\n";
      }
      text += "]\n";
    }
    return Compile(text);
  };
  const Compiled most = rules(0);
  EXPECT_TRUE(most.ok) << most.text;
  EXPECT_EQ(most.policy->rules.size, 1024);
  const Compiled over = rules(3);
  EXPECT_FALSE(over.ok);
  ASSERT_EQ(over.findings.items.size(), 1u) << over.text;
  EXPECT_NE(over.text.find("more than 1024 issue rules"), std::string::npos);
}

TEST(PolicyFaults, AFileAboveTheLimitIsNotRead) {
  const Compiled compiled = Compile(std::string(kPolicyTextBytesMax + 1, '\n'));
  EXPECT_FALSE(compiled.ok);
  EXPECT_EQ(compiled.text, "p: the file is too long: at most 1048576 bytes\n");
}

TEST(Findings, TextsCannotActOnATerminal) {
  EXPECT_EQ(Quoted("a\"b\\c\x1b[2J\xc3\xa9\n"),
            "\"a\\\"b\\\\c\\x1b[2J\\xc3\\xa9\\x0a\"");
  EXPECT_EQ(Quoted(std::string(65, 'x')),
            "\"" + std::string(64, 'x') + "...\"");
}

}  // namespace
}  // namespace coffer::api
