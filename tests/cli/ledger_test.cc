// subject ledger: the table, the bodies and the page.
#include "cli/ledger_page.h"
#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

const std::string kLinkText = kLinkTextSample;

std::string Link(const std::string& institution,
                 const std::string& ends = R"("durationType":"TIME_BOUND",)"
                                           R"("durationPeriod":90,)"
                                           R"("status":"ACTIVE")") {
  return R"({"link":")" + kLinkText + R"(","institution":")" + institution +
         R"(","linker":"linker","created_at":"2026-08-01T00:00:00Z",)"
         R"("updated_at":"2026-08-05T06:07:08Z",)"
         R"("expires_at":"2026-10-30T00:00:00Z","consent":{"consentId":"c-1",)"
         R"("purposes":["balance_display"],)"
         R"("dataClusters":["ACCOUNT_DETAILED"],)" +
         ends + "}}";
}
std::string Use(int index, const std::string& outcome) {
  return R"({"time":"2026-08-02T10:20:30Z","link":")" + kLinkText +
         R"(","action":"token.redeem","outcome":")" + outcome +
         R"(","institution":"citi","caller":"connector",)"
         R"("purpose":"balance_display","scope":"ACCOUNT_DETAILED",)"
         R"("audit_index":)" +
         std::to_string(index) + "}";
}

// A vault with one link, two pages of uses, and past consents if it has them.
struct World {
  World()
      : vault(coffer.caller_socket(), [this](const HttpQuestion& question) {
          return Answer(question.target);
        }) {}
  std::string Answer(const std::string& target) {
    if (target.find("/v1/links?") == 0) {
      return HttpText(200, R"({"links":[)" + links + "]}");
    }
    if (target.find("/consents") != std::string::npos) {
      return consents.empty() ? HttpText(404, R"({"error":"not_found"})")
                              : HttpText(200, consents);
    }
    if (target.find("after=abc") != std::string::npos) {
      return HttpText(200, R"({"entries":[)" + Use(1043, "consent_revoked") +
                               (entry.empty() ? "" : "," + entry) +
                               R"(],"complete":)" + complete + "}");
    }
    return HttpText(200, R"({"entries":[)" + Use(1042, "allowed") +
                             R"(],"complete":true,"next":"abc"})");
  }
  Exit Run(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"subject", "ledger", "cust 7"};
    words.insert(words.end(), more.begin(), more.end());
    return coffer.RunHere(words);
  }

  std::string links = Link("citi");
  std::string consents;
  std::string complete = "true";
  std::string entry;  // one more
  Coffer coffer;
  FakeVault vault;
};

TEST(SubjectLedger, TellsLinksConsentsAndEveryUse) {
  World world;
  ASSERT_EQ(world.Run(), Exit::kDone) << world.coffer.err();
  const std::string out = world.coffer.out();
  EXPECT_TRUE(Fits80(out));
  EXPECT_NE(
      out.find("citi, " + kLinkText + "\nACTIVE, ends 2026-10-30 00:00 UTC\n"),
      std::string::npos)
      << out;
  for (const char* part :
       {"\nfor         balance_display\n", "\ndata        ACCOUNT_DETAILED\n",
        "\nagreed for  90 days\n",
        "\n                  data: ACCOUNT_DETAILED\n"}) {
    EXPECT_NE(out.find(part), std::string::npos) << part << out;
  }
  EXPECT_NE(out.find("2026-08-02 10:20  connector  token.redeem"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("1043"), std::string::npos);
  std::vector<std::string> targets;
  for (const auto& question : world.vault.questions()) {
    targets.push_back(question.target);
  }
  EXPECT_EQ(targets,
            (std::vector<std::string>{
                "/v1/links?subject=cust%207", "/v1/subjects/cust%207/consents",
                "/v1/subjects/cust%207/ledger",
                "/v1/subjects/cust%207/ledger?after=abc"}));
  EXPECT_EQ(world.coffer.err(), "");
}

TEST(SubjectLedger, AConsentThatEndedSaysWhenAndWhy) {
  const auto told = [](const std::string& ends, uint64_t now) {
    World world;
    world.coffer.clock.wall_seconds = now;
    world.links = Link("citi", ends);
    EXPECT_EQ(world.Run(), Exit::kDone) << world.coffer.err();
    std::string text = world.coffer.out();
    const std::string file = world.coffer.directory / "page.html";
    EXPECT_EQ(world.Run({"--html", file}), Exit::kDone);
    // A page has the planned end of no consent that is over.
    const std::string page = ReadFile(file);
    EXPECT_EQ(page.find("<dt>Until"), std::string::npos);
    EXPECT_NE(page.find("<dt>Ended</dt>"), std::string::npos);
    text = text.substr(text.find('\n') + 1);
    return text.substr(0, text.find('\n'));
  };
  constexpr uint64_t kBefore = 1785801600;  // 2026-08-04
  constexpr uint64_t kAfter = 1793318400;   // 2026-10-30
  EXPECT_EQ(told(R"("durationType":"TIME_BOUND","durationPeriod":90,)"
                 R"("status":"REVOKED","reason":"USER_ACTION")",
                 kBefore),
            "REVOKED 2026-08-05 06:07 UTC by USER_ACTION");
  // Used up by the redeem that stands in the ledger.
  const std::string once = R"("durationType":"ONE_TIME","status":"EXPIRED")";
  EXPECT_EQ(told(once, kBefore), "USED 2026-08-02 10:20 UTC");
  EXPECT_EQ(told(once, kAfter), "USED 2026-08-02 10:20 UTC");
  EXPECT_EQ(told(R"("durationType":"TIME_BOUND","durationPeriod":90,)"
                 R"("status":"EXPIRED")",
                 kAfter),
            "EXPIRED 2026-10-30 00:00 UTC");
}

TEST(SubjectLedger, AConsentGivenAnewIsSinceThen) {
  World world;
  world.entry = R"({"time":"2026-08-03T04:05:06Z","link":")" + kLinkText +
                R"(","action":"link.consent","outcome":"allowed",)" +
                R"("audit_index":1044})";
  world.links = Link("citi", R"("durationType":"ONE_TIME","status":"ACTIVE")");
  ASSERT_EQ(world.Run(), Exit::kDone) << world.coffer.err();
  EXPECT_NE(world.coffer.out().find("\nsince       2026-08-03 04:05\n"),
            std::string::npos)
      << world.coffer.out();
  // The use before it was of another consent.
  world.links = Link("citi", R"("durationType":"ONE_TIME","status":"EXPIRED")");
  world.coffer.clock.wall_seconds = 1793318400;  // 2026-10-30
  ASSERT_EQ(world.Run(), Exit::kDone) << world.coffer.err();
  EXPECT_NE(world.coffer.out().find("\nEXPIRED 2026-10-30 00:00 UTC\n"),
            std::string::npos)
      << world.coffer.out();
}

TEST(SubjectLedger, ThePastIsToldInFull) {
  World world;
  world.consents =
      R"({"consents":[{"link":")" + kLinkText +
      R"(","institution":"jpmorgan","linker":"app","consentId":"c-0",)"
      R"("purposes":["purchase_tracking"],"dataClusters":["TRANSACTIONS"],)"
      R"("durationType":"TIME_BOUND","durationPeriod":30,"lookbackPeriod":7,)"
      R"("granted_at":"2025-01-01T00:00:00Z",)"
      R"("ended_at":"2025-01-03T04:05:06Z","ending":"REVOKED",)"
      R"("reason":"BUSINESS_RULE","kept_until":"2028-01-03T04:05:06Z"}]})";
  ASSERT_EQ(world.Run(), Exit::kDone) << world.coffer.err();
  const std::string out = world.coffer.out();
  EXPECT_TRUE(Fits80(out));
  EXPECT_NE(out.find("Past consent: jpmorgan, " + kLinkText +
                     "\nREVOKED 2025-01-03 04:05 UTC by BUSINESS_RULE\n"
                     "consent       c-0\n"
                     "for           purchase_tracking\n"
                     "data          TRANSACTIONS\n"
                     "agreed for    30 days\n"
                     "reaches back  7 days\n"
                     "since         2025-01-01 00:00\n"
                     "kept until    2028-01-03 04:05\n"
                     "set up by     app\n"),
            std::string::npos)
      << out;
}

TEST(SubjectLedger, SaysWhenSomeMayBeMissingAndWhenThereAreNone) {
  World world;
  world.complete = "false";
  ASSERT_EQ(world.Run(), Exit::kDone);
  EXPECT_NE(world.coffer.err().find("may be missing"), std::string::npos);
  World none;
  none.links.clear();
  ASSERT_EQ(none.Run(), Exit::kDone);
  EXPECT_NE(none.coffer.out().find("No links"), std::string::npos);
}

TEST(SubjectLedger, WithJsonTheBodiesComeAsTheyAre) {
  World world;
  ASSERT_EQ(world.Run({"--json"}), Exit::kDone);
  EXPECT_EQ(world.coffer.out(),
            R"({"links":[)" + world.links + "]}\n" + R"({"entries":[)" +
                Use(1042, "allowed") + R"(],"complete":true,"next":"abc"})" +
                "\n" + R"({"entries":[)" + Use(1043, "consent_revoked") +
                R"(],"complete":true})" + "\n");
}

TEST(SubjectLedger, WritesOnePageToANewFile) {
  World world;
  world.consents =
      R"({"consents":[{"link":")" + kLinkText +
      R"(","institution":"jpmorgan","granted_at":"2025-01-01T00:00:00Z",)"
      R"("ended_at":"2025-02-03T00:00:00Z","ending":"REPLACED",)"
      R"("kept_until":"2028-02-03T00:00:00Z",)"
      R"("consent":{"consentId":"c-0","purposes":["purchase_tracking"]}}]})";
  const std::string file = world.coffer.directory / "page.html";
  ASSERT_EQ(world.Run({"--html", file}), Exit::kDone) << world.coffer.err();
  const std::string page = ReadFile(file);
  for (const char* part :
       {"cust 7", "citi", "jpmorgan", "REPLACED", "2025-02-03 00:00:00 UTC",
        "2028-02-03 00:00:00 UTC", "purchase_<wbr>tracking",
        "Use of the bank token", "consent revoked", "2026-08-02 10:20:30",
        ">1042<", ">1043<", "90 days"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(world.Run({"--html", file}), Exit::kRefused);
  EXPECT_EQ(ReadFile(file), page);
}

TEST(SubjectLedger, RefusalsOfTheVaultAreTold) {
  World world;
  world.links = "{";
  EXPECT_EQ(world.Run(), Exit::kRefused);
  Coffer coffer;
  FakeVault sealed(coffer.caller_socket(), [](const HttpQuestion&) {
    return HttpText(503, R"({"error":"sealed","detail":"unseal"})");
  });
  EXPECT_EQ(coffer.RunHere({"subject", "ledger", "x"}), Exit::kSealed);
  EXPECT_EQ(coffer.RunHere({"subject", "ledger", ""}), Exit::kUsage);
}

HeldData Hostile() {
  const std::string evil = "<script>alert(1)</script>\"' onx=&\x01\xc2\x85";
  HeldData data;
  data.subject = data.asked_by = evil;
  HeldLink link;
  link.link = link.institution = link.linker = evil;
  HeldConsent& consent = link.consent;
  consent = {evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil};
  data.links = data.past = {link};
  data.uses = {{evil, evil, evil, evil, evil, evil, evil, evil, evil, evil}};
  return data;
}

TEST(LedgerPage, NothingThatCameInStandsUnescaped) {
  const std::string page = LedgerPage(Hostile());
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("\"' onx"), std::string::npos);
  EXPECT_EQ(page.find('\x01'), std::string::npos);
  EXPECT_EQ(page.find("\xc2\x85"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"),
            std::string::npos);
}

TEST(LedgerPage, SaysInWordsWhatEndedAndCountsWhatHolds) {
  HeldData data;
  data.links.resize(3);
  data.links[0].consent.status = "ACTIVE";
  data.links[0].consent.duration = "ONE_TIME";
  data.links[1].consent.status = "REVOKED";
  data.links[1].consent.reason = "USER_ACTION";
  data.links[2].consent.status = "REVOKED";
  data.links[2].consent.reason = "BUSINESS_RULE";
  const std::string page = LedgerPage(data);
  for (const char* part :
       {"<b>1</b>bank linked now<", ">one use<", ">the customer wished it<",
        ">a rule of the service<"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

TEST(LedgerPage, RefersToNothingOutside) {
  const std::string page = LedgerPage(Hostile());
  for (const char* outside : {"http:", "https:", "//", "src=", "href=", "url(",
                              "@import", "<link", "<img", "<iframe"}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("<meta charset=\"utf-8\">"), std::string::npos);
}

TEST(LedgerPage, EscapesWhatHtmlWouldRead) {
  EXPECT_EQ(EscapeHtml("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(EscapeHtml("Zo\xc3\xab \xf0\x9f\x8f\xa6"),
            "Zo\xc3\xab \xf0\x9f\x8f\xa6");
  EXPECT_EQ(EscapeHtml("a\nb\x7f"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
}

}  // namespace
}  // namespace coffer::cli
