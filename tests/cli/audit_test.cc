#include "crypto/paseto.h"
#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

constexpr uint64_t kLeaves = 500;

std::vector<uint8_t> LeafOf(uint64_t index) {
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kTokenIssue;
  leaf.rule = index % 2 == 0 ? wire::Rule::kAllowed
                             : wire::Rule::kTokenPurposeNotRedeemable;
  leaf.index = index;
  leaf.time = 1785542400 + index;
  leaf.uid = 1002;
  leaf.caller = "a_caller_with_a_name_of_32_chars";
  leaf.institution = "an_institution_of_quite_a_length";
  leaf.purpose = "a_purpose_whose_name_is_long_too";
  std::vector<uint8_t> bytes(base::kLeafBytesMax);
  auto size = base::EncodeWhole(base::MutableBytes(bytes), leaf);
  bytes.resize(*size);
  return bytes;
}

struct Audit {
  explicit Audit(Coffer& coffer)
      : keeper(coffer.operator_socket(),
               [this](OperatorOp op, base::Bytes fields) {
                 return Answer(op, fields);
               }) {}

  KeeperAnswer Answer(OperatorOp op, base::Bytes fields) {
    if (op == OperatorOp::kStatus) {
      wire::OperatorStatus status;
      status.leaves = leaves;
      status.evidence_key = evidence_key;
      return KeeperAnswer::Of(status);
    }
    auto question = base::DecodeWhole<wire::TailQuestion>(fields);
    EXPECT_TRUE(question.ok());
    if (polls > 0 && --polls == 0) return {{}, "", {}, true};
    uint64_t from = question->from;
    if (from == wire::kNoLeaf) {
      from = leaves > question->count ? leaves - question->count : 0;
    }
    wire::TailAnswer answer;
    answer.next = leaves;
    std::vector<std::vector<uint8_t>> held;
    for (uint64_t i = 0; i < question->count && from + i < leaves; ++i) {
      held.push_back(LeafOf(from + i));
    }
    for (const auto& bytes : held) answer.leaves.push_back({bytes});
    return KeeperAnswer::Of(answer);
  }

  std::atomic<uint64_t> leaves = kLeaves;
  int polls = 0;  // hang up at this one
  std::string evidence_key;
  FakeKeeper keeper;
};

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(AuditTail, ShowsTheLastWithinEightyColumns) {
  Coffer coffer;
  Audit audit(coffer);
  ASSERT_EQ(coffer.RunHere({"audit", "tail"}), Exit::kDone) << coffer.err();
  auto lines = LinesOf(coffer.out());
  ASSERT_EQ(lines.size(), 20u);
  EXPECT_TRUE(Fits80(coffer.out()));
  EXPECT_NE(lines.back().find("499"), std::string::npos);
  EXPECT_NE(lines.back().find(" purpose_not_redeemable "), std::string::npos)
      << lines.back();
}

TEST(AuditTail, ReadsAnyCountInSeveralQuestions) {
  Coffer coffer;
  Audit audit(coffer);
  for (auto [count, wanted] :
       std::vector<std::pair<std::string, size_t>>{{"1", 1},
                                                   {"128", 128},
                                                   {"129", 129},
                                                   {"300", 300},
                                                   {"501", 500},
                                                   {"1000000", 500}}) {
    ASSERT_EQ(coffer.RunHere({"audit", "tail", "--json", "--count", count}),
              Exit::kDone);
    auto lines = LinesOf(coffer.out());
    ASSERT_EQ(lines.size(), wanted) << count;
    EXPECT_NE(lines.back().find("\"index\":499"), std::string::npos);
    EXPECT_NE(lines.front().find(
                  "\"index\":" + std::to_string(kLeaves - wanted) + ","),
              std::string::npos)
        << lines.front();
  }
  ASSERT_EQ(coffer.RunHere({"audit", "tail", "--json", "--from", "450"}),
            Exit::kDone);
  EXPECT_EQ(LinesOf(coffer.out()).size(), 50u);
  ASSERT_EQ(coffer.RunHere(
                {"audit", "tail", "--json", "--from", "450", "--count", "3"}),
            Exit::kDone);
  EXPECT_EQ(LinesOf(coffer.out()).size(), 3u);
  ASSERT_EQ(coffer.RunHere({"audit", "tail", "--from", "500"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), "");
}

TEST(AuditTail, OfAnEmptyLogIsEmpty) {
  Coffer coffer;
  Audit audit(coffer);
  audit.leaves = 0;
  ASSERT_EQ(coffer.RunHere({"audit", "tail"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), "");
}

TEST(AuditTail, FollowGoesOnWithEachNewLeafOnce) {
  Coffer coffer;
  Audit audit(coffer);
  audit.leaves = 3;
  audit.polls = 4;
  std::thread growing([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    audit.leaves = 5;
  });
  EXPECT_EQ(coffer.RunHere({"audit", "tail", "--follow", "--json"}),
            Exit::kUnreachable);
  growing.join();
  auto lines = LinesOf(coffer.out());
  ASSERT_EQ(lines.size(), 5u) << coffer.out();
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NE(lines[i].find("\"index\":" + std::to_string(i) + ","),
              std::string::npos);
  }
}

struct Certificate {
  Certificate() : arena(base::SecretArena::Create(4).value()), key(*arena) {
    crypto::GenerateSigningKey(key);
    crypto::PublicKey pub = crypto::PublicKeyOf(key);
    public_key.resize(crypto::kPaserkPublicTextBytes);
    crypto::FormatPublicKey(public_key.data(), pub);
    std::string id(crypto::kPaserkIdTextBytes, '\0');
    crypto::FormatPublicId(id.data(), crypto::PublicId(pub));
    footer = "{\"kid\":\"" + id + "\"}";
  }
  std::string Sign(const std::string& claims, const std::string& foot,
                   const std::string& assertion = "") {
    std::string token(crypto::PublicTokenSize(claims.size(), foot.size()), ' ');
    auto size = crypto::SignPublic(
        {reinterpret_cast<uint8_t*>(token.data()), token.size()}, key,
        base::AsBytes(claims), base::AsBytes(foot), base::AsBytes(assertion));
    EXPECT_TRUE(size.ok());
    return token;
  }

  std::unique_ptr<base::SecretArena> arena;
  crypto::SigningKey key;
  std::string public_key;
  std::string footer;
};

const char kClaims[] = R"({"erased":1,"at":"2026-08-01T00:00:00Z"})";

TEST(VerifyCertificate, ShowsTheClaimsOfAGenuineOne) {
  Coffer coffer;
  Certificate certificate;
  std::string file = coffer.directory / "c";
  std::string vkey = coffer.directory / "k";
  WriteFile(file, certificate.Sign(kClaims, certificate.footer) + "\n");
  WriteFile(vkey, "# published\n" + certificate.public_key + "\n");
  std::vector<std::string> words = {"audit", "verify-certificate", file,
                                    "--vkey", vkey};
  ASSERT_EQ(coffer.RunHere(words), Exit::kDone) << coffer.err();
  EXPECT_NE(coffer.out().find("Genuine"), std::string::npos);
  EXPECT_NE(coffer.out().find("erased  1\n"), std::string::npos)
      << coffer.out();
  words.push_back("--json");
  ASSERT_EQ(coffer.RunHere(words), Exit::kDone);
  EXPECT_EQ(coffer.out(), std::string(kClaims) + "\n");
}

TEST(VerifyCertificate, TellsAnErasureAndWhenItIsFinal) {
  Coffer coffer;
  Certificate certificate;
  const std::string file = coffer.directory / "c";
  const std::string vkey = coffer.directory / "k";
  const std::string link = "lnk_" + std::string(22, 'A');
  const std::string token = certificate.Sign(
      R"({"iss":"coffer","type":"erasure","vault":"00","iat":"2026-08-01T00:00)"
      R"(:00Z","final_by":"2026-08-02T00:00:00Z","leaf":7,"subject_hash":"11",)"
      R"("linker":"","links_reported":1,"keys":[{"kek":"0123456789abcdef0123)"
      R"(456789abcdef","institution":"an_institution_of_quite_a_length",)"
      R"("links":[")" +
          link + R"("]}]})",
      certificate.footer);
  WriteFile(vkey, certificate.public_key + "\n");
  // As a file of its own, and inside what the route answered.
  for (const std::string& text :
       {token, R"({"erased":1,"certificate":")" + token + R"("})"}) {
    WriteFile(file, text);
    ASSERT_EQ(
        coffer.RunHere({"audit", "verify-certificate", file, "--vkey", vkey}),
        Exit::kDone)
        << coffer.err();
    EXPECT_TRUE(Fits80(coffer.out()));
    for (const char* part :
         {"Genuine", "2026-08-02T00:00:00Z", "every caller", link.c_str(),
          "an_institution_of_quite_a_length", "0123456789ab"}) {
      EXPECT_NE(coffer.out().find(part), std::string::npos) << part << "\n"
                                                            << coffer.out();
    }
  }
}

TEST(VerifyCertificate, RefusesEveryFlippedCharacterAndTruncation) {
  Coffer coffer;
  Certificate certificate;
  std::string file = coffer.directory / "c";
  std::string vkey = coffer.directory / "k";
  WriteFile(vkey, certificate.public_key + "\n");
  std::string good = certificate.Sign(kClaims, certificate.footer);
  std::vector<std::string> words = {"audit", "verify-certificate", file,
                                    "--vkey", vkey};
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    WriteFile(file, bad);
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused) << i;
    EXPECT_EQ(coffer.out(), "");
    WriteFile(file, good.substr(0, i));
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused) << i;
  }
  WriteFile(file, good + "A");
  EXPECT_EQ(coffer.RunHere(words), Exit::kRefused);
}

TEST(VerifyCertificate, RefusesAnotherKeyAnotherFooterAndAnAssertion) {
  Coffer coffer;
  Certificate certificate;
  Certificate other;
  std::string file = coffer.directory / "c";
  std::string vkey = coffer.directory / "k";
  WriteFile(vkey, certificate.public_key + "\n");
  std::vector<std::string> words = {"audit", "verify-certificate", file,
                                    "--vkey", vkey};
  for (const std::string& token :
       {other.Sign(kClaims, certificate.footer), certificate.Sign(kClaims, ""),
        certificate.Sign(kClaims, "{\"kid\":\"x\"}"),
        certificate.Sign(kClaims, certificate.footer, "connector")}) {
    WriteFile(file, token);
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused);
    EXPECT_NE(coffer.err().find("NOT GENUINE"), std::string::npos)
        << coffer.err();
  }
}

TEST(VerifyCertificate, TellsAnotherKeyFromAForgery) {
  Coffer coffer;
  Certificate certificate;
  Certificate other;
  const std::string file = coffer.directory / "c";
  const std::string vkey = coffer.directory / "k";
  WriteFile(vkey, certificate.public_key + "\n");
  WriteFile(file, other.Sign(kClaims, other.footer));
  EXPECT_EQ(
      coffer.RunHere({"audit", "verify-certificate", file, "--vkey", vkey}),
      Exit::kRefused);
  EXPECT_EQ(coffer.out(), "");
  EXPECT_EQ(coffer.err().find("NOT GENUINE"), std::string::npos);
  for (const Certificate* each : {&certificate, &other}) {
    const std::string kid = each->footer.substr(8, each->footer.size() - 10);
    EXPECT_NE(coffer.err().find(kid), std::string::npos) << coffer.err();
  }
}

TEST(VerifyCertificate, AsksTheOperatorSocketForTheKeyOrExitsTwo) {
  Coffer coffer;
  Certificate certificate;
  std::string file = coffer.directory / "c";
  WriteFile(file, certificate.Sign(kClaims, certificate.footer));
  std::vector<std::string> words = {"audit", "verify-certificate", file};
  EXPECT_EQ(coffer.RunHere(words), Exit::kUsage);
  Audit audit(coffer);
  EXPECT_EQ(coffer.RunHere(words), Exit::kUsage);  // sealed: no key
  audit.evidence_key = certificate.public_key;
  EXPECT_EQ(coffer.RunHere(words), Exit::kDone) << coffer.err();
}

}  // namespace
}  // namespace coffer::cli
