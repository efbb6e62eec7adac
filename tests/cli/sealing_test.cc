// What `coffer` seals and signs, against a fake vault with real keys.
#include "cli/sealing.h"

#include <filesystem>
#include <set>

#include "crypto/paseto.h"
#include "tests/cli/harness.h"
#include "vault/api/request.h"
#include "vault/api/response.h"
#include "vault/wire/transit.h"

namespace coffer::cli {
namespace {

const std::string kLink = kLinkTextSample;
constexpr std::string_view kVault = "000102030405060708090a0b0c0d0e0f";

// A vault whose ingest key the test has, and a caller's key pair.
struct World {
  World()
      : arena(std::move(base::SecretArena::Create(8)).value()),
        ingest(*arena),
        vault(coffer.caller_socket(), [this](const HttpQuestion& question) {
          return Answer(question);
        }) {
    crypto::GenerateSigningKey(ingest);
    token = coffer.directory / "token";
    consent = coffer.directory / "consent.json";
    key = coffer.directory / "key";
    WriteFile(token, "bank-secret\n");
    WriteFile(consent, kConsentText);
    COFFER_CHECK(coffer.Run({"keypair", "--out", key}) == Exit::kDone);
    public_key = coffer.out().substr(0, crypto::kPaserkPublicTextBytes);
  }
  std::string Answer(const HttpQuestion& question) {
    if (question.target == "/v1/keys") {
      return HttpText(200, R"({"keys":[],"ingest":{"kid":"x","public_key":")" +
                               Text(crypto::PublicKeyOf(ingest)) +
                               R"("},"caller":"linker","vault":")" +
                               std::string(kVault) + R"("})");
    }
    return on_create ? on_create(question) : HttpText(status, answer);
  }
  static std::string Text(const crypto::PublicKey& public_key) {
    std::string text(crypto::kPaserkPublicTextBytes, '\0');
    crypto::FormatPublicKey(text.data(), public_key);
    return text;
  }
  std::string Kid() {
    std::string kid(crypto::kPaserkIdTextBytes, '\0');
    crypto::FormatPublicId(kid.data(),
                           crypto::PublicId(crypto::PublicKeyOf(ingest)));
    return kid;
  }
  std::vector<std::string> AddWords(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {
        "link",      "add",    "--institution",     "citi",
        "--subject", "cust 7", "--bank-token-file", token,
        "--consent", consent,  "--idempotency-key", "k"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // What the keeper would read of an upload; empty: it would not open.
  std::string Opened(std::string_view sealed, base::Bytes assertion) {
    uint8_t footer[wire::kTransitFooterBytes];
    auto size = crypto::PeekFooter(footer, sealed);
    if (!size.ok()) return "";
    auto parsed = wire::ParseTransitFooter(base::AsText({footer, *size}));
    crypto::LocalTokenKey once(*arena);
    if (!parsed.ok() || !crypto::UnsealKey(once, parsed->wpk, ingest).ok()) {
      return "";
    }
    uint8_t clear[base::kBankTokenBytesMax];
    auto opened = crypto::DecodeLocal(clear, once, sealed, footer, assertion);
    return opened.ok() ? std::string(base::AsText({clear, *opened})) : "";
  }
  HttpQuestion Last() { return vault.questions().back(); }

  Coffer coffer;
  std::unique_ptr<base::SecretArena> arena;
  crypto::SigningKey ingest;
  std::string token, consent, key, public_key;
  int status = 201;
  std::string answer = R"({"link":")" + kLink + R"(","revision":1})";
  FakeVault::Handler on_create;
  FakeVault vault;
};

TEST(Sealing, LinkAddSealsUnlessItIsTold) {
  World world;
  ASSERT_EQ(world.coffer.RunHere(world.AddWords({"--ingest-kid", world.Kid()})),
            Exit::kDone)
      << world.coffer.err();
  EXPECT_EQ(world.coffer.err(), "");
  EXPECT_EQ(world.Last().body.find("bank-secret"), std::string::npos);
  auto parsed = api::ParseCreate(world.Last().body);
  ASSERT_TRUE(parsed.ok());
  ASSERT_TRUE(parsed->sealed);
  const auto open = [&](std::string_view subject, std::string_view key) {
    return world.Opened(base::AsText(parsed->bank_token),
                        wire::BindCreate("linker", "citi", subject,
                                         parsed->consent.consent_id, key)
                            .view());
  };
  EXPECT_EQ(open("cust 7", "k"), "bank-secret");
  EXPECT_EQ(open("cust 8", "k"), "");
  EXPECT_EQ(open("cust 7", ""), "");
  ASSERT_EQ(world.coffer.RunHere(world.AddWords({"--clear"})), Exit::kDone);
  EXPECT_NE(world.Last().body.find("\"bank_token\":\"bank-secret\""),
            std::string::npos);
}

TEST(Sealing, PinnedKeyIsTheOnlyOne) {
  World world;
  std::string other = world.Kid();
  other[20] = other[20] == 'A' ? 'B' : 'A';
  EXPECT_EQ(world.coffer.RunHere(world.AddWords({"--ingest-kid", other})),
            Exit::kRefused);
  EXPECT_NE(world.coffer.err().find("another ingest key"), std::string::npos);
  EXPECT_EQ(world.Last().target, "/v1/keys");
  // Without any pin it is said.
  EXPECT_EQ(world.coffer.RunHere(world.AddWords()), Exit::kDone);
  EXPECT_NE(world.coffer.err().find("not pinned; went on"), std::string::npos);
  EXPECT_TRUE(Fits80(world.coffer.err())) << world.coffer.err();
}

TEST(Sealing, ConflictOfAKeyGivenSaysHowToLook) {
  World world;
  world.status = 409;
  world.answer = R"({"error":"conflict","detail":"d"})";
  EXPECT_EQ(world.coffer.RunHere(world.AddWords()), Exit::kRefused);
  EXPECT_NE(world.coffer.err().find("stored under this key already"),
            std::string::npos);
  EXPECT_EQ(world.coffer.RunHere(world.AddWords({"--clear"})), Exit::kRefused);
  EXPECT_EQ(world.coffer.err().find("stored under"), std::string::npos);
}

TEST(Sealing, LinkTokenIsBoundToLinkAndRevision) {
  World world;
  ASSERT_EQ(world.coffer.RunHere({"link", "token", kLink, "--bank-token-file",
                                  world.token, "--if-match", "7",
                                  "--ingest-kid", world.Kid()}),
            Exit::kDone)
      << world.coffer.err();
  auto parsed = api::ParseReplaceBankToken(world.Last().body);
  ASSERT_TRUE(parsed.ok() && parsed->sealed);
  const auto open = [&](uint32_t if_match) {
    return world.Opened(
        base::AsText(parsed->bank_token),
        wire::BindReplace("linker", *wire::ParseLink(kLink), if_match).view());
  };
  EXPECT_EQ(open(7), "bank-secret");
  EXPECT_EQ(open(8), "");
}

TEST(Sealing, RequestsAreSignedWithTheKeyOfTheFile) {
  World world;
  const auto payload = [&]() -> std::string {
    HttpQuestion last = world.Last();
    uint8_t text[wire::kConsentStatementBytesMax];
    auto key = crypto::ParsePublicKey(world.public_key);
    auto size = crypto::VerifyPublic(text, *key, last.headers["signed-consent"],
                                     {}, base::AsBytes(kVault));
    return size.ok() ? std::string(base::AsText({text, *size})) : "";
  };
  ASSERT_EQ(world.coffer.RunHere(
                world.AddWords({"--clear", "--consent-key", world.key})),
            Exit::kDone)
      << world.coffer.err();
  EXPECT_NE(payload().find("\"op\":\"create\",\"subject\":\"cust 7\"}"),
            std::string::npos);
  ASSERT_EQ(world.coffer.RunHere({"link", "consent", kLink, "--consent",
                                  world.consent, "--if-match", "7",
                                  "--consent-key", world.key}),
            Exit::kDone);
  EXPECT_NE(payload().find("\"op\":\"consent\",\"revision\":7}"),
            std::string::npos);
  ASSERT_EQ(world.coffer.RunHere(
                {"link", "erase", kLink, "--consent-key", world.key}),
            Exit::kDone);
  EXPECT_NE(payload().find("\"link\":\"" + kLink + "\",\"op\":\"erase\"}"),
            std::string::npos);
  ASSERT_EQ(world.coffer.RunHere(
                {"subject", "erase", "cust 7", "--consent-key", world.key}),
            Exit::kDone);
  EXPECT_NE(payload().find("\"op\":\"erase\",\"subject\":\"cust 7\"}"),
            std::string::npos);
  EXPECT_EQ(world.Last().target, "/v1/subjects/cust%207");
}

TEST(Sealing, RedeemReadsItsKeyBeforeTheRequestAndLosesNoAnswer) {
  World world;
  const std::string access = world.coffer.directory / "access";
  const std::string bad = world.coffer.directory / "bad";
  WriteFile(access, "v4.local.abc\n");
  WriteFile(bad, "no key\n");
  const auto redeem = [&](const std::string& key) {
    return world.coffer.RunHere(
        {"token", "redeem", "--token-file", access, "--unseal-key", key});
  };
  EXPECT_EQ(redeem(bad), Exit::kRefused);
  EXPECT_EQ(redeem("/nonexistent"), Exit::kRefused);
  EXPECT_TRUE(world.vault.questions().empty());
  world.answer = R"({"sealed_bank_token":"v4.local.other","expires_in":9})";
  EXPECT_EQ(redeem(world.key), Exit::kRefused);
  EXPECT_EQ(world.vault.questions().size(), 1u);
  EXPECT_NE(world.coffer.out().find("v4.local.other"), std::string::npos);
  EXPECT_NE(world.coffer.err().find("the sealed answer is printed"),
            std::string::npos);
}

TEST(ConsentSign, SignsAnErasureOnlyWhenToldAndSaysWhatItSigned) {
  World world;
  const auto sign = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {
        "consent",  "sign",   "--consent-key", world.key,
        "--caller", "linker", "--vault",       std::string(kVault)};
    words.insert(words.end(), more.begin(), more.end());
    return world.coffer.RunHere(words);
  };
  for (std::vector<std::string> unclear :
       {std::vector<std::string>{"--link", kLink},
        {"--subject", "s"},
        {"--erase"},
        {"--erase", "--link", kLink, "--consent", world.consent, "--if-match",
         "1"}}) {
    EXPECT_EQ(sign(unclear), Exit::kUsage);
    for (const char* form : {"(create)", "(consent)", "(erase)"}) {
      EXPECT_NE(world.coffer.err().find(form), std::string::npos) << form;
    }
    EXPECT_EQ(world.coffer.out(), "");
  }
  EXPECT_EQ(sign({"--erase", "--link", kLink}), Exit::kDone);
  EXPECT_EQ(world.coffer.err(), "signed: erase of link " + kLink + "\n");
  EXPECT_EQ(sign({"--erase", "--subject", "s"}), Exit::kDone);
  EXPECT_EQ(world.coffer.err(), "signed: erase of every link of subject s\n");
  EXPECT_EQ(
      sign({"--link", kLink, "--consent", world.consent, "--if-match", "1"}),
      Exit::kDone);
  EXPECT_EQ(world.coffer.err(), "signed: consent of link " + kLink + "\n");
  EXPECT_EQ(sign({"--institution", "citi", "--subject", "s", "--consent",
                  world.consent}),
            Exit::kDone);
  EXPECT_EQ(world.coffer.err(),
            "signed: consent of a new link to citi of subject s\n");
}

TEST(Keypair, IsANewFileForItsUserAloneAndReadOnlyAsSuch) {
  World world;
  EXPECT_EQ(ModeOf(world.key), 0600u);
  EXPECT_EQ(ReadFile(world.key).substr(0, 10), "k4.secret.");
  EXPECT_EQ(ReadFile(world.key).size(), crypto::kPaserkSecretTextBytes + 1);
  EXPECT_EQ(world.coffer.Run({"keypair", "--out", world.key}), Exit::kRefused);
  const auto erase = [&] {
    return world.coffer.RunHere(
        {"link", "erase", kLink, "--consent-key", world.key});
  };
  const std::string good = ReadFile(world.key);
  std::string bad = good;
  bad[40] = bad[40] == 'A' ? 'B' : 'A';  // no longer of its public half
  for (const std::string& text :
       {bad, good.substr(1), good.substr(0, 90), "x" + good}) {
    WriteFile(world.key, text);
    EXPECT_EQ(erase(), Exit::kRefused) << text.size();
  }
  WriteFile(world.key, good, 0640);
  EXPECT_EQ(erase(), Exit::kRefused);
  EXPECT_NE(world.coffer.err().find("open to other users"), std::string::npos);
}

// A vault that stores each Idempotency-Key once, as World answers the rest.
struct ImportWorld : World {
  ImportWorld() {
    std::string text;
    for (int i = 1; i <= kLines; ++i) {
      text += R"({"institution":"citi","subject":"s)" + std::to_string(i) +
              R"(","bank_token":"bank-secret-)" + std::to_string(i) +
              R"(","consent":)" + kConsentText + "}\n";
    }
    file = coffer.directory / "links";
    WriteFile(file, text);
    on_create = [this](const HttpQuestion& question) {
      std::lock_guard<std::mutex> lock(mutex);
      const std::string& idempotency_key =
          question.headers.at("idempotency-key");
      if (refusals > 0) {
        --refusals;
        refused.insert(question.body);
        const api::Problem problem = api::ProblemOf(refusal);
        return HttpText(problem.status,
                        R"({"error":")" + std::string(problem.error) +
                            R"(","detail":")" + std::string(problem.detail) +
                            R"("})");
      }
      const auto [at, fresh] = stored.emplace(idempotency_key, question.body);
      if (!fresh && at->second != question.body) {
        return HttpText(409, R"({"error":"conflict","detail":")" +
                                 std::string(api::kIdempotencyConflict.detail) +
                                 R"("})");
      }
      return HttpText(201, R"({"link":"lnk_)" + idempotency_key.substr(0, 22) +
                               R"(","revision":1})");
    };
  }
  Exit Run(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"link", "import", file, "--ingest-kid",
                                      Kid()};
    words.insert(words.end(), more.begin(), more.end());
    return coffer.RunHere(words);
  }

  static constexpr int kLines = 20;
  std::string file;
  std::mutex mutex;
  std::map<std::string, std::string> stored;
  int refusals = 0;
  wire::Rule refusal = wire::Rule::kUploadStale;
  std::set<std::string> refused;
};

TEST(Sealing, ImportSealsEveryLineUnlessItIsTold) {
  ImportWorld world;
  ASSERT_EQ(world.Run(), Exit::kDone) << world.coffer.err();
  ASSERT_EQ(world.stored.size(), size_t{ImportWorld::kLines});
  std::set<std::string> opened;
  for (const auto& [key, body] : world.stored) {
    EXPECT_EQ(body.find("bank-secret"), std::string::npos);
    auto parsed = api::ParseCreate(body);
    ASSERT_TRUE(parsed.ok() && parsed->sealed) << body;
    EXPECT_EQ(parsed->consent.clusters[0], "ACCOUNT_DETAILED");
    EXPECT_EQ(parsed->consent.duration_period_days, 90u);
    const std::string clear =
        world.Opened(base::AsText(parsed->bank_token),
                     wire::BindCreate("linker", "citi", parsed->subject,
                                      parsed->consent.consent_id, key)
                         .view());
    EXPECT_EQ(clear, "bank-secret-" + std::string(parsed->subject.substr(1)));
    opened.insert(clear);
  }
  EXPECT_EQ(opened.size(), size_t{ImportWorld::kLines});
  // What an earlier run stored, and whose end was lost, is stored.
  std::filesystem::remove(world.file + ".done");
  ASSERT_EQ(world.Run({"--json"}), Exit::kDone) << world.coffer.err();
  EXPECT_NE(world.coffer.out().find("{\"line\":20,\"stored_before\":true}"),
            std::string::npos)
      << world.coffer.out();
  EXPECT_EQ(world.stored.size(), size_t{ImportWorld::kLines});
  world.stored.clear();
  std::filesystem::remove(world.file + ".done");
  ASSERT_EQ(world.Run({"--clear"}), Exit::kDone) << world.coffer.err();
  EXPECT_NE(world.stored.begin()->second.find("\"bank_token\":\"bank-secret-"),
            std::string::npos);
}

TEST(Sealing, ImportSealsAnewWhatIsStaleOrHasNoRoomYet) {
  for (wire::Rule rule :
       {wire::Rule::kUploadStale, wire::Rule::kSpentTokensFull}) {
    ImportWorld world;
    world.refusal = rule;
    world.refusals = ImportWorld::kLines;
    ASSERT_EQ(world.Run({"--connections", "32"}), Exit::kDone)
        << world.coffer.err();
    EXPECT_EQ(world.stored.size(), size_t{ImportWorld::kLines});
    EXPECT_EQ(world.refused.size(), size_t{ImportWorld::kLines});
    for (const auto& [key, body] : world.stored) {
      EXPECT_EQ(world.refused.count(body), 0u);
    }
  }
}

TEST(Sealing, ImportSendsNoLineThatItCannotRead) {
  ImportWorld world;
  WriteFile(world.file, "{\"bank_token\":\"bank-secret\"}\n");
  EXPECT_EQ(world.Run(), Exit::kRefused);
  EXPECT_TRUE(world.stored.empty());
  EXPECT_NE(world.coffer.err().find("line 1: invalid_request; "),
            std::string::npos)
      << world.coffer.err();
  EXPECT_EQ(world.coffer.err().find("bank-secret"), std::string::npos);
}

TEST(Sealing, ImportSendsNothingToAnotherKeyThanThePinnedOne) {
  ImportWorld world;
  EXPECT_EQ(world.coffer.RunHere({"link", "import", world.file, "--ingest-kid",
                                  "k4.pid." + std::string(44, 'A')}),
            Exit::kRefused);
  EXPECT_TRUE(world.stored.empty());
}

}  // namespace
}  // namespace coffer::cli
