// link, token and subject against a fake vault.
#include "cli/http_client.h"
#include "tests/cli/harness.h"
#include "vault/api/response.h"

namespace coffer::cli {
namespace {

const std::string kLink = kLinkTextSample;

std::string Problem(int status, const std::string& error) {
  return HttpText(status,
                  R"({"type":"urn:coffer:error:x","title":"T","status":)" +
                      std::to_string(status) + R"(,"error":")" + error +
                      R"(","detail":"do this next",)"
                      R"("instance":"urn:coffer:audit:77"})");
}

// A world with a bank token, a consent, and one answer for all questions.
struct World {
  explicit World(std::string text)
      : answer(std::move(text)),
        vault(coffer.caller_socket(), [this](const HttpQuestion& question) {
          return Answer(question);
        }) {
    token = coffer.directory / "token";
    consent = coffer.directory / "consent.json";
    WriteFile(token, "bank-secret\"\\\n");
    WriteFile(consent, kConsentText);
  }
  std::string Answer(const HttpQuestion& question) {
    if (on_question) on_question();
    auto found = answers.find(question.method);
    return found == answers.end() ? answer : found->second;
  }
  std::vector<std::string> AddWords() const {
    return {"link",
            "add",
            "--institution",
            "citi",
            "--subject",
            "cust 7",
            "--bank-token-file",
            token,
            "--consent",
            consent,
            "--clear"};
  }

  Coffer coffer;
  std::string token;
  std::string consent;
  std::string answer;
  std::map<std::string, std::string> answers;  // by method
  std::function<void()> on_question;
  FakeVault vault;
};

TEST(LinkAdd, SendsTheRouteOfTheInterface) {
  World world(HttpText(201, R"({"link":")" + kLink + R"(","revision":1})"));
  ASSERT_EQ(world.coffer.RunHere(world.AddWords()), Exit::kDone)
      << world.coffer.err();
  EXPECT_EQ(world.coffer.out(), "link      " + kLink + "\nrevision  1\n");
  ASSERT_EQ(world.vault.questions().size(), 1u);
  HttpQuestion question = world.vault.questions()[0];
  EXPECT_EQ(question.method, "POST");
  EXPECT_EQ(question.target, "/v1/links");
  EXPECT_EQ(question.headers["content-type"], "application/json");
  EXPECT_EQ(question.headers["idempotency-key"].size(), 7u + 32u);
  EXPECT_EQ(question.body, R"({"institution":"citi","subject":"cust 7",)"
                           R"("bank_token":"bank-secret\"\\","consent":)" +
                               std::string(kConsentText) + "}");
}

TEST(LinkAdd, JsonIsTheBodyAsItCame) {
  std::string body = R"({ "link":")" + kLink + R"(",  "revision":1 })";
  World world(HttpText(201, body));
  auto words = world.AddWords();
  words.push_back("--json");
  ASSERT_EQ(world.coffer.RunHere(words), Exit::kDone);
  EXPECT_EQ(world.coffer.out(), body + "\n");
}

TEST(LinkAdd, FaultsOfFilesAreFoundBeforeAnythingIsSent) {
  World world(HttpText(201, "{}"));
  WriteFile(world.consent, R"({"consentId":"c"})");
  EXPECT_EQ(world.coffer.RunHere(world.AddWords()), Exit::kRefused);
  EXPECT_NE(world.coffer.err().find("consent.json"), std::string::npos);
  WriteFile(world.consent, kConsentText);
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string(16385, 'x'),
        std::string("\xff\xfe")}) {
    WriteFile(world.token, text);
    EXPECT_EQ(world.coffer.RunHere(world.AddWords()), Exit::kRefused);
  }
  EXPECT_EQ(world.coffer.RunHere({"link", "add", "--institution", "citi",
                                  "--subject", "s", "--bank-token-file",
                                  "/nonexistent", "--consent", world.consent}),
            Exit::kRefused);
  EXPECT_TRUE(world.vault.questions().empty());
}

TEST(Refusals, BecomeExitCodesAndSayWhatToDo) {
  std::vector<std::pair<std::string, Exit>> answers = {
      {Problem(400, "invalid_request"), Exit::kRefused},
      {Problem(403, "unauthorized_client"), Exit::kRefused},
      {Problem(404, "not_found"), Exit::kRefused},
      {Problem(503, "clock"), Exit::kRefused},
      {Problem(503, "sealed"), Exit::kSealed},
      {HttpText(500, "not json"), Exit::kRefused}};
  for (const auto& [text, exit] : answers) {
    World world(text);
    EXPECT_EQ(world.coffer.RunHere({"link", "show", kLink}), exit) << text;
    EXPECT_EQ(world.coffer.out(), "");
  }
  World world(Problem(403, "access_denied"));
  EXPECT_EQ(world.coffer.RunHere({"link", "show", kLink, "--json"}),
            Exit::kRefused);
  EXPECT_EQ(world.coffer.err(),
            "coffer: refused (access_denied); do this next [audit entry 77]\n");
  EXPECT_EQ(world.coffer.out().front(), '{');
}

TEST(Refusals, OfAConnectionAreNotReachable) {
  Coffer coffer;
  EXPECT_EQ(coffer.RunHere({"link", "show", kLink}), Exit::kUnreachable);
  std::vector<std::string> cut = {
      "",
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Len",
      "nonsense\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(9000, 'x') + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n"};
  for (const std::string& text : cut) {
    World world(text);
    FakeServer closing(world.coffer.monitor_socket(), [&](int socket) {
      char chunk[4096];
      (void)!read(socket, chunk, sizeof chunk);
      (void)os::WriteFull(socket, base::AsBytes(text)).ok();
    });
    EXPECT_EQ(world.coffer.Run(
                  {"--caller-socket", closing.path(), "link", "show", kLink}),
              Exit::kUnreachable)
        << text.substr(0, 60);
    if (text.find("4194305") != std::string::npos) {
      EXPECT_NE(world.coffer.err().find("is not HTTP"), std::string::npos);
    }
  }
}

TEST(HttpClient, ReadsAnswersInPiecesAndKeepsTheConnection) {
  TemporaryDirectory directory;
  std::string text = HttpText(200, std::string(100000, 'b'), "ETag: \"7\"\r\n");
  FakeServer server(directory / "s", [&](int socket) {
    for (int i = 0; i < 2; ++i) {
      char chunk[4096];
      if (read(socket, chunk, sizeof chunk) <= 0) return;
      for (size_t at = 0; at < text.size(); at += 777) {
        (void)os::WriteFull(socket, base::AsBytes(text.substr(at, 777))).ok();
      }
    }
  });
  auto client = HttpClient::Connect(server.path());
  ASSERT_TRUE(client.ok());
  for (int i = 0; i < 2; ++i) {
    auto answer = client->Send(HttpRequest{});
    ASSERT_TRUE(answer.ok()) << answer.failure().what;
    EXPECT_EQ(answer->status, 200u);
    EXPECT_EQ(answer->etag, "\"7\"");
    EXPECT_EQ(answer->text(), std::string(100000, 'b'));
    EXPECT_TRUE(client->keeps());
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, PercentEncodesAllButUnreserved) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a/b c?&+%\xc3\xa9"), "a%2Fb%20c%3F%26%2B%25%C3%A9");
}

TEST(LinkList, ShowsAllPagesAsOneTable) {
  World world("");
  std::string link2 = "lnk_BBBBBBBBBBBBBBBBBBBBBB";
  auto page = [](const std::string& link, const std::string& next) {
    return R"({"links":[{"link":")" + link +
           R"(","institution":"citi","institution_state":"active",)"
           R"("expires_at":"2026-10-30T00:00:00Z","consent":)"
           R"({"status":"ACTIVE","purposes":["balance_display"]}}])" +
           (next.empty() ? "" : R"(,"next":")" + next + "\"") + "}";
  };
  world.answers["GET"] = "";
  Coffer coffer;
  FakeVault vault(coffer.caller_socket(), [&](const HttpQuestion& question) {
    bool second = question.target.find("after=") != std::string::npos;
    return HttpText(200, second ? page(link2, "") : page(kLink, kLink));
  });
  ASSERT_EQ(coffer.RunHere({"link", "list", "--subject", "a b"}), Exit::kDone)
      << coffer.err();
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  EXPECT_NE(coffer.out().find(kLink), std::string::npos);
  EXPECT_NE(coffer.out().find(link2), std::string::npos);
  EXPECT_NE(coffer.out().find("2026-10-30"), std::string::npos);
  ASSERT_EQ(vault.questions().size(), 2u);
  EXPECT_EQ(vault.questions()[0].target, "/v1/links?subject=a%20b");
  EXPECT_EQ(vault.questions()[1].target,
            "/v1/links?subject=a%20b&after=" + kLink);
  ASSERT_EQ(coffer.RunHere({"subject", "links", "a b", "--json"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), page(kLink, kLink) + "\n");
}

TEST(LinkToken, ReplacesOverTheGivenRevisionOrReadsItAndSaysSo) {
  World world("");
  world.answers["PUT"] =
      HttpText(200, R"({"link":")" + kLink + R"(","revision":8})");
  world.answers["GET"] = HttpText(200, "{}", "ETag: \"7\"\r\n");
  ASSERT_EQ(world.coffer.RunHere({"link", "token", kLink, "--clear",
                                  "--bank-token-file", world.token,
                                  "--if-match", "5"}),
            Exit::kDone);
  ASSERT_EQ(world.vault.questions().size(), 1u);
  HttpQuestion question = world.vault.questions()[0];
  EXPECT_EQ(question.target, "/v1/links/" + kLink + "/bank_token");
  EXPECT_EQ(question.headers["if-match"], "\"5\"");
  EXPECT_EQ(question.body, R"({"bank_token":"bank-secret\"\\"})");

  ASSERT_EQ(world.coffer.RunHere(
                {"link", "consent", kLink, "--consent", world.consent}),
            Exit::kDone);
  EXPECT_NE(world.coffer.err().find("revision \"7\""), std::string::npos);
  ASSERT_EQ(world.vault.questions().size(), 3u);
  question = world.vault.questions()[2];
  EXPECT_EQ(question.target, "/v1/links/" + kLink + "/consent");
  EXPECT_EQ(question.headers["if-match"], "\"7\"");
  EXPECT_EQ(question.body, kConsentText);
}

TEST(LinkRevoke, SendsTheReasonAndTakesNoContent) {
  World world(HttpText(204, ""));
  ASSERT_EQ(world.coffer.RunHere({"link", "revoke", kLink}), Exit::kDone)
      << world.coffer.err();
  ASSERT_EQ(world.coffer.RunHere(
                {"link", "revoke", kLink, "--reason", "BUSINESS_RULE"}),
            Exit::kDone);
  EXPECT_EQ(world.vault.questions()[0].body, R"({"reason":"USER_ACTION"})");
  EXPECT_EQ(world.vault.questions()[1].body, R"({"reason":"BUSINESS_RULE"})");
  EXPECT_EQ(world.vault.questions()[1].target,
            "/v1/links/" + kLink + "/consent/revocation");
}

TEST(DestructiveVerbs, AskOnATerminalOnly) {
  World world(HttpText(200, R"({"erased":1,"certificate":"v4.public.x"})"));
  world.coffer.terminal.input_is_terminal = true;
  std::string token = world.coffer.directory / "access";
  WriteFile(token, "v4.local.abc\n");
  std::vector<std::vector<std::string>> verbs = {
      {"link", "erase", kLink},
      {"link", "revoke", kLink},
      {"subject", "erase", "s"},
      {"token", "revoke", "--token-file", token}};
  for (auto words : verbs) {
    world.coffer.terminal.asked.clear();
    EXPECT_EQ(world.coffer.RunHere(words), Exit::kRefused);
    EXPECT_FALSE(world.coffer.terminal.asked.empty());
  }
  EXPECT_TRUE(world.vault.questions().empty());
  for (auto words : verbs) {
    words.push_back("--yes");
    EXPECT_EQ(world.coffer.RunHere(words), Exit::kDone) << world.coffer.err();
  }
  world.coffer.terminal.says_yes = true;
  EXPECT_EQ(world.coffer.RunHere(verbs[0]), Exit::kDone);
  EXPECT_EQ(world.vault.questions().size(), 5u);
}

TEST(Erase, WritesTheCertificateToANewFileOnly) {
  World world(HttpText(200, R"({"erased":2,"certificate":"v4.public.x.y"})"));
  std::string file = world.coffer.directory / "certificate";
  ASSERT_EQ(
      world.coffer.RunHere({"subject", "erase", "a/b", "--certificate", file}),
      Exit::kDone)
      << world.coffer.err();
  EXPECT_EQ(ReadFile(file), "v4.public.x.y\n");
  EXPECT_EQ(ModeOf(file), 0600u);
  EXPECT_EQ(world.vault.questions()[0].method, "DELETE");
  EXPECT_EQ(world.vault.questions()[0].target, "/v1/subjects/a%2Fb");
  EXPECT_EQ(
      world.coffer.RunHere({"link", "erase", kLink, "--certificate", file}),
      Exit::kRefused);
  EXPECT_EQ(world.vault.questions().size(), 1u);
}

size_t FilesBeside(const std::string& file) {
  size_t count = 0;
  const std::string name = std::filesystem::path(file).filename().string();
  for (const auto& each : std::filesystem::directory_iterator(
           std::filesystem::path(file).parent_path())) {
    count += each.path().filename().string().rfind(name, 0) == 0;
  }
  return count;
}

TEST(Erase, MakesTheCertificatesFileBeforeItAsks) {
  World world(Problem(403, "unauthorized_client"));
  const std::string file = world.coffer.directory / "certificate";
  const auto erase = [&](const std::string& path) {
    return world.coffer.RunHere(
        {"subject", "erase", "s", "--certificate", path});
  };
  EXPECT_EQ(erase("/nonexistent/file"), Exit::kRefused);
  EXPECT_NE(world.coffer.err().find("nothing was erased"), std::string::npos);
  EXPECT_TRUE(world.vault.questions().empty());
  EXPECT_EQ(erase(file), Exit::kRefused);
  EXPECT_EQ(world.vault.questions().size(), 1u);
  EXPECT_EQ(FilesBeside(file), 0u);
  world.answer = HttpText(200, R"({"erased":1,"certificate":"v4.public.x"})");
  size_t prepared = 0;
  bool named = true;  // a kill would leave it so
  world.on_question = [&] {
    prepared = FilesBeside(file);
    named = std::filesystem::exists(file);
  };
  EXPECT_EQ(erase(file), Exit::kDone);
  EXPECT_EQ(prepared, 1u);
  EXPECT_FALSE(named) << "not before it is whole";
  EXPECT_EQ(ReadFile(file), "v4.public.x\n");
  EXPECT_EQ(ModeOf(file), 0600u);
  EXPECT_EQ(FilesBeside(file), 1u);
}

TEST(Erase, WritesOverNoFileThatCameMeanwhile) {
  World world(HttpText(200, R"({"erased":1,"certificate":"v4.public.x"})"));
  const std::string file = world.coffer.directory / "certificate";
  world.on_question = [&] { WriteFile(file, "another's"); };
  EXPECT_EQ(
      world.coffer.RunHere({"subject", "erase", "s", "--certificate", file}),
      Exit::kRefused);
  EXPECT_EQ(ReadFile(file), "another's");
  EXPECT_EQ(FilesBeside(file), 1u);
  EXPECT_EQ(world.coffer.out(), "v4.public.x\n") << "it is not lost";
}

TEST(SubjectErase, OfNobodyAsksWhetherTheNameWasRight) {
  World world(HttpText(200, R"({"erased":1,"certificate":"v4.public.x"})"));
  ASSERT_EQ(world.coffer.RunHere({"subject", "erase", "s"}), Exit::kDone);
  EXPECT_EQ(world.coffer.err(), "");
  world.answer = HttpText(200, R"({"erased":0,"certificate":"v4.public.x"})");
  ASSERT_EQ(world.coffer.RunHere({"subject", "erase", "s"}), Exit::kDone);
  EXPECT_NE(world.coffer.err().find("was the name right?"), std::string::npos);
}

TEST(Refusals, OfARequestThatIsNotSignedNameTheOption) {
  World world(HttpText(
      400,
      R"({"error":"invalid_request","detail":")" +
          std::string(api::ProblemOf(wire::Rule::kConsentNotSigned).detail) +
          R"("})"));
  for (std::vector<std::string> words : {world.AddWords(),
                                         {"link", "erase", kLink},
                                         {"subject", "erase", "s"},
                                         {"link", "consent", kLink, "--consent",
                                          world.consent, "--if-match", "1"}}) {
    EXPECT_EQ(world.coffer.RunHere(words), Exit::kRefused);
    EXPECT_NE(world.coffer.err().find("; give --consent-key F\n"),
              std::string::npos)
        << world.coffer.err();
  }
  EXPECT_EQ(world.coffer.RunHere({"link", "revoke", kLink}), Exit::kRefused);
  EXPECT_EQ(world.coffer.err().find("--consent-key"), std::string::npos);
}

TEST(TokenIssue, SendsOnlyWhatWasGiven) {
  World world(HttpText(
      200,
      R"({"access_token":"v4.local.abc","token_type":"N_A","expires_in":60})"));
  ASSERT_EQ(
      world.coffer.RunHere({"token", "issue", "--link", kLink, "--purpose",
                            "balance_display", "--audience", "connector"}),
      Exit::kDone);
  EXPECT_EQ(world.vault.questions()[0].target, "/v1/token");
  EXPECT_EQ(world.vault.questions()[0].body,
            R"({"link":")" + kLink +
                R"(","purpose":"balance_display","audience":"connector"})");
  EXPECT_EQ(world.coffer.out().substr(world.coffer.out().size() - 14),
            "\nv4.local.abc\n");
  ASSERT_EQ(
      world.coffer.RunHere({"token", "issue", "--link", kLink, "--purpose", "p",
                            "--audience", "c", "--scope", "A B", "--expires-in",
                            "30", "--format", "public", "--single-use"}),
      Exit::kDone);
  EXPECT_EQ(
      world.vault.questions()[1].body,
      R"({"link":")" + kLink +
          R"(","purpose":"p","audience":"c","scope":"A B",)"
          R"("expires_in":30,"token_format":"public","single_use":true})");
}

TEST(TokenRedeem, ReadsTheTokenFromAFileAndPrintsTheBankToken) {
  World world(HttpText(
      200, R"({"bank_token":"bank-secret","link":"l","expires_in":41})"));
  std::string token = world.coffer.directory / "access";
  WriteFile(token, "v4.local.abc\n");
  ASSERT_EQ(world.coffer.RunHere({"token", "redeem", "--token-file", token}),
            Exit::kDone);
  EXPECT_EQ(world.vault.questions()[0].target, "/v1/redeem");
  EXPECT_EQ(world.vault.questions()[0].body, R"({"token":"v4.local.abc"})");
  EXPECT_NE(world.coffer.out().find("\nbank-secret\n"), std::string::npos);
  WriteFile(token, "two\nlines\n");
  EXPECT_EQ(world.coffer.RunHere({"token", "redeem", "--token-file", token}),
            Exit::kRefused);
  EXPECT_EQ(world.vault.questions().size(), 1u);
}

TEST(TokenFile, MayBeWhatTokenIssuePrinted) {
  World world(HttpText(200, R"({"active":false})"));
  const std::string file = world.coffer.directory / "access";
  const auto introspect = [&](const std::string& text) {
    WriteFile(file, text);
    return world.coffer.RunHere({"token", "introspect", "--token-file", file});
  };
  for (const char* text : {"expires_in  60\naccess_token:\nv4.local.abc\n",
                           "v4.local.abc \r\n", "\nv4.local.abc"}) {
    ASSERT_EQ(introspect(text), Exit::kDone) << world.coffer.err();
    EXPECT_EQ(world.vault.questions().back().body,
              R"({"token":"v4.local.abc"})");
  }
  EXPECT_EQ(world.vault.questions().size(), 3u);
  for (const std::string& text :
       {std::string("v4.local.a\nv4.local.b\n"), std::string("v4.a b\n"),
        std::string("a\nb\n"), "v4." + std::string(4094, 'x')}) {
    EXPECT_EQ(introspect(text), Exit::kRefused);
  }
  EXPECT_EQ(world.vault.questions().size(), 3u);
}

TEST(TokenIntrospect, NamesTheAudienceWhenGiven) {
  World world(HttpText(200, R"({"active":false})"));
  std::string token = world.coffer.directory / "access";
  WriteFile(token, "v4.local.abc");
  ASSERT_EQ(world.coffer.RunHere({"token", "introspect", "--token-file", token,
                                  "--audience", "connector"}),
            Exit::kDone);
  EXPECT_EQ(world.vault.questions()[0].body,
            R"({"token":"v4.local.abc","audience":"connector"})");
  EXPECT_EQ(world.coffer.out(), "active  no\n");
}

}  // namespace
}  // namespace coffer::cli
