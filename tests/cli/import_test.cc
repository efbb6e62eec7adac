#include <cstdio>

#include "cli/import_file.h"
#include "cli/importer.h"
#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

std::string Line(int number) {
  return R"({"subject":"s)" + std::to_string(number) +
         R"(","bank_token":"bank-secret"})";
}

// A vault that stores each Idempotency-Key once.
struct Store {
  explicit Store(Coffer& coffer)
      : vault(coffer.caller_socket(), [this](const HttpQuestion& question) {
          return Answer(question);
        }) {}

  std::string Answer(const HttpQuestion& question) {
    std::lock_guard<std::mutex> lock(mutex);
    std::string key = question.headers.at("idempotency-key");
    ++requests;
    if (sealed_after >= 0 && static_cast<int>(stored.size()) >= sealed_after) {
      return HttpText(503, R"({"error":"sealed","detail":"unseal first"})");
    }
    if (hang_ups > 0) {
      --hang_ups;
      return "";
    }
    if (question.body.find("bad") != std::string::npos) {
      return HttpText(
          400, R"({"error":"invalid_request","detail":"subject is missing"})");
    }
    stored[key] = question.body;
    return HttpText(
        201, R"({"link":"lnk_)" + key.substr(0, 22) + R"(","revision":1})");
  }

  std::mutex mutex;
  std::map<std::string, std::string> stored;
  int requests = 0;
  int sealed_after = -1;
  int hang_ups = 0;
  FakeVault vault;
};

std::string MakeFile(Coffer& coffer, int lines) {
  std::string text;
  for (int i = 1; i <= lines; ++i) text += Line(i) + "\n";
  std::string file = coffer.directory / "links";
  WriteFile(file, text);
  return file;
}

TEST(Import, StoresEveryLineOverSeveralConnections) {
  Coffer coffer;
  Store store(coffer);
  std::string file = MakeFile(coffer, 500);
  ASSERT_EQ(coffer.RunHere({"link", "import", file, "--clear"}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(store.stored.size(), 500u);
  EXPECT_EQ(store.requests, 500);
  EXPECT_GT(store.vault.connections(), 1);
  EXPECT_LE(store.vault.connections(), 17);
  EXPECT_EQ(coffer.out(), "500 stored, 0 refused, 500 of 500 lines done\n");
  EXPECT_EQ(coffer.err().find("bank-secret"), std::string::npos);
  EXPECT_EQ(ModeOf(file + ".done"), 0600u);
  // A second run has nothing to do.
  ASSERT_EQ(coffer.RunHere({"link", "import", file, "--clear"}), Exit::kDone);
  EXPECT_EQ(store.requests, 500);
}

TEST(Import, RefusedLinesAreReportedByNumberAndPassedOver) {
  Coffer coffer;
  Store store(coffer);
  std::string file = coffer.directory / "links";
  WriteFile(file, Line(1) + "\nbad bank-secret\n\n  \n" + Line(5) + "\n" +
                      std::string(70000, 'x') + "\n" + Line(7));
  EXPECT_EQ(coffer.RunHere({"link", "import", file, "--clear"}),
            Exit::kRefused);
  EXPECT_EQ(store.stored.size(), 3u);
  EXPECT_NE(coffer.err().find("line 2: invalid_request; subject is missing\n"),
            std::string::npos)
      << coffer.err();
  EXPECT_NE(coffer.err().find("line 6: too_large"), std::string::npos);
  EXPECT_EQ(coffer.out(), "3 stored, 2 refused, 7 of 7 lines done\n");
  std::string rejected = ReadFile(file + ".rejected");
  EXPECT_EQ(rejected,
            "{\"line\":2,\"error\":\"invalid_request\",\"detail\":\"subject is "
            "missing\"}\n{\"line\":6,\"error\":\"too_large\",\"detail\":\"a "
            "line has at most 65536 bytes\"}\n");
  EXPECT_EQ(ModeOf(file + ".rejected"), 0600u);
  EXPECT_EQ(coffer.err().find("bank-secret"), std::string::npos);
}

TEST(Import, GoesOnWhereItWasStopped) {
  Coffer coffer;
  Store store(coffer);
  std::string file = MakeFile(coffer, 300);
  store.sealed_after = 100;
  EXPECT_EQ(coffer.RunHere({"link", "import", file, "--clear"}), Exit::kSealed);
  EXPECT_NE(coffer.err().find("the same command goes on"), std::string::npos);
  auto point = LoadResumePoint(file + ".done");
  ASSERT_TRUE(point.ok());
  EXPECT_GE(point->line, 1u);
  EXPECT_LE(point->line, 100u);
  EXPECT_LE(store.requests, 100 + 16);  // a sealed vault is not asked again
  store.sealed_after = -1;
  store.requests = 0;
  ASSERT_EQ(coffer.RunHere({"link", "import", file, "--clear"}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(store.requests, 300 - static_cast<int>(point->line));
  EXPECT_EQ(store.stored.size(), 300u);  // no line twice
}

TEST(Import, ALostConnectionIsTriedAgainWithTheSameKey) {
  Coffer coffer;
  Store store(coffer);
  store.hang_ups = 3;
  std::string file = MakeFile(coffer, 20);
  ASSERT_EQ(
      coffer.RunHere({"link", "import", file, "--clear", "--connections", "2"}),
      Exit::kDone)
      << coffer.err();
  EXPECT_EQ(store.stored.size(), 20u);
  EXPECT_EQ(store.requests, 23);
}

TEST(Import, StopsAtOnceWhenTheCallerHasNoRightOrNobodyIsThere) {
  Coffer coffer;
  std::string file = MakeFile(coffer, 20);
  EXPECT_EQ(coffer.RunHere({"link", "import", file, "--clear"}),
            Exit::kUnreachable);
  FakeVault vault(coffer.caller_socket(), [](const HttpQuestion&) {
    return HttpText(403, R"({"error":"unauthorized_client","detail":"d"})");
  });
  EXPECT_EQ(coffer.RunHere({"link", "import", file, "--clear"}),
            Exit::kRefused);
  EXPECT_LE(vault.questions().size(), 16u);
  EXPECT_FALSE(std::filesystem::exists(file + ".done"));
}

TEST(Import, RefusesToGoOnInAnotherFile) {
  Coffer coffer;
  Store store(coffer);
  std::string file = MakeFile(coffer, 20);
  ASSERT_EQ(coffer.RunHere({"link", "import", file, "--clear"}), Exit::kDone);
  std::string text = ReadFile(file);
  text[text.size() - 3] = 'X';
  WriteFile(file, text);
  EXPECT_EQ(coffer.RunHere({"link", "import", file, "--clear"}),
            Exit::kRefused);
  EXPECT_NE(coffer.err().find("another file"), std::string::npos);
  WriteFile(file, Line(1) + "\n");
  EXPECT_EQ(coffer.RunHere({"link", "import", file, "--clear"}),
            Exit::kRefused);
  EXPECT_EQ(store.requests, 20);
}

TEST(Import, LinesAddedLaterAreBroughtIn) {
  Coffer coffer;
  Store store(coffer);
  std::string file = MakeFile(coffer, 20);
  ASSERT_EQ(coffer.RunHere({"link", "import", file, "--clear"}), Exit::kDone);
  WriteFile(file, ReadFile(file) + Line(21) + "\n");
  ASSERT_EQ(coffer.RunHere({"link", "import", file, "--clear", "--json"}),
            Exit::kDone);
  EXPECT_EQ(store.stored.size(), 21u);
  EXPECT_EQ(coffer.out().substr(0, 22), "{\"line\":21,\"link\":\"lnk");
}

TEST(ResumePoint, EveryTruncationAndATrailingByteAreRefused) {
  Coffer coffer;
  std::string file = coffer.directory / "p";
  ResumePoint point{12, 3, std::string(32, 'a')};
  ASSERT_TRUE(SaveResumePoint(file, point).ok());
  auto loaded = LoadResumePoint(file);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->line, 12u);
  EXPECT_EQ(loaded->rejected, 3u);
  EXPECT_EQ(loaded->key, point.key);
  std::string text = ReadFile(file);
  for (size_t size = 0; size < text.size(); ++size) {
    WriteFile(file, text.substr(0, size));
    EXPECT_FALSE(LoadResumePoint(file).ok()) << size;
  }
  WriteFile(file, text + "\n");
  EXPECT_FALSE(LoadResumePoint(file).ok());
  EXPECT_FALSE(std::filesystem::exists(file + ".new"));
}

TEST(LineReader, ReadsLinesOfAnyEndAndPassesOverLongOnes) {
  TemporaryDirectory directory;
  std::string file = directory / "f";
  std::string big((1 << 20) + 5, 'x');
  WriteFile(file, "a\r\n\nb\n" + big + "\nlast");
  auto reader = LineReader::Open(file);
  ASSERT_TRUE(reader.ok());
  base::SecretBuffer line(100);
  using Got = LineReader::Got;
  for (auto [got, text] :
       std::vector<std::pair<Got, std::string>>{{Got::kLine, "a"},
                                                {Got::kLine, ""},
                                                {Got::kLine, "b"},
                                                {Got::kTooLong, ""},
                                                {Got::kLine, "last"}}) {
    EXPECT_EQ(reader->Next(line), got);
    if (got == Got::kLine) {
      EXPECT_EQ(base::AsText(line.view()), text);
    }
  }
  EXPECT_EQ(reader->Next(line), Got::kEnd);
  EXPECT_EQ(reader->number(), 5u);
  auto count = CountLines(file);
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(*count, 5u);
}

TEST(ImportKey, DependsOnNumberAndContent) {
  Coffer coffer;
  std::string key = ImportKey(1, base::AsBytes("a"));
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(key, ImportKey(1, base::AsBytes("a")));
  EXPECT_NE(key, ImportKey(2, base::AsBytes("a")));
  EXPECT_NE(key, ImportKey(1, base::AsBytes("b")));
}

}  // namespace
}  // namespace coffer::cli
