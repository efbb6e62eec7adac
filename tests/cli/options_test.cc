#include "cli/options.h"

#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

TEST(Help, EveryLineFits80Columns) {
  EXPECT_TRUE(Fits80(Help()));
  for (const Verb& verb : Verbs()) {
    if (verb.run == nullptr) continue;
    EXPECT_TRUE(Fits80(Help(verb))) << verb.name;
  }
}

TEST(Help, NamesEveryVerbOfThisVersionAndNoOther) {
  std::string help = Help();
  for (const Verb& verb : Verbs()) {
    std::string line = "\n  " + std::string(verb.name) + " ";
    EXPECT_EQ(help.find(line) != std::string::npos, verb.run != nullptr)
        << verb.name;
  }
}

TEST(Help, IsGivenForEachVerbInThreeWays) {
  Coffer coffer;
  ASSERT_EQ(coffer.Run({"link", "add", "--help"}), Exit::kDone);
  std::string text = coffer.out();
  EXPECT_NE(text.find("--bank-token-file FILE"), std::string::npos) << text;
  ASSERT_EQ(coffer.Run({"help", "link", "add"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), text);
  ASSERT_EQ(coffer.Run({"--help", "link", "add"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), text);
  ASSERT_EQ(coffer.Run({"--help"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), Help());
}

TEST(Verbs, AreTheOnesOfTheInterface) {
  std::vector<std::string> now = {"init",
                                  "unseal",
                                  "seal",
                                  "status",
                                  "doctor",
                                  "selftest",
                                  "zeroize",
                                  "slot list",
                                  "slot add",
                                  "slot remove",
                                  "slot test",
                                  "key list",
                                  "key rotate",
                                  "key compromise",
                                  "key destroy",
                                  "key export",
                                  "keypair",
                                  "consent sign",
                                  "institution list",
                                  "institution suspend",
                                  "institution resume",
                                  "institution withdraw",
                                  "institution admit",
                                  "brake list",
                                  "brake release",
                                  "clock accept",
                                  "policy check",
                                  "policy load",
                                  "policy show",
                                  "policy explain",
                                  "link add",
                                  "link show",
                                  "link list",
                                  "link token",
                                  "link consent",
                                  "link revoke",
                                  "link erase",
                                  "link import",
                                  "token issue",
                                  "token introspect",
                                  "token revoke",
                                  "token redeem",
                                  "subject links",
                                  "subject ledger",
                                  "subject consents",
                                  "subject erase",
                                  "op list",
                                  "op show",
                                  "op approve",
                                  "op cancel",
                                  "backup create",
                                  "backup check",
                                  "backup restore",
                                  "audit tail",
                                  "audit verify-certificate"};
  std::vector<std::string> found;
  for (const Verb& verb : Verbs()) {
    if (verb.run != nullptr) found.emplace_back(verb.name);
  }
  EXPECT_EQ(found, now);
}

TEST(Verbs, OfLaterVersionsAreAUsageError) {
  Coffer coffer;
  for (std::vector<std::string> words :
       std::vector<std::vector<std::string>>{{"audit", "verify", "--dir", "d"},
                                             {"audit", "prove", "1"},
                                             {"audit", "checkpoint"}}) {
    EXPECT_EQ(coffer.Run(words), Exit::kUsage) << words[0];
    EXPECT_NE(coffer.err().find("not in this version"), std::string::npos)
        << coffer.err();
  }
}

TEST(Version, IsPrinted) {
  Coffer coffer;
  EXPECT_EQ(coffer.Run({"--version"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), "coffer " COFFER_VERSION "\n");
}

TEST(CommandLine, FaultsAreUsageErrorsThatSayWhatToDo) {
  Coffer coffer;
  std::vector<std::vector<std::string>> faults = {
      {},
      {"nonsense"},
      {"link"},
      {"link", "nonsense"},
      {"link", "show"},
      {"link", "show", "a", "b"},
      {"status", "more"},
      {"status", "--nonsense"},
      {"status", "--json", "--json"},
      {"status", "--json=yes"},
      {"status", "--config"},
      {"init"},
      {"init", "--seal", "nonsense"},
      {"init", "--seal", "passphrase", "--key-file", "f"},
      {"init", "--seal", "keyfile", "--passphrase-file", "f"},
      {"init", "--seal", "keyfile", "--shares", "3"},
      {"init", "--seal", "keyfile", "--keys", "f"},
      {"slot", "add", "nonsense"},
      {"slot", "add", "keyfile", "--passphrase-file", "f"},
      {"slot", "remove", "0"},
      {"slot", "test", "9"},
      {"slot", "test", "1x"},
      {"key", "rotate"},
      {"key", "rotate", "--all", "--root"},
      {"key", "rotate", "--institution", "a b"},
      {"institution", "withdraw", "a b"},
      {"op", "show", "op_1"},
      {"op", "approve", "op_0123456789abcdef"},
      {"unseal", "--cancel"},
      {"unseal", "--slot", "0"},
      {"unseal", "--slot", "9"},
      {"unseal", "--slot", "1x"},
      {"policy", "check"},
      {"policy", "explain", "--caller", "a", "--purpose", "b"},
      {"policy", "explain", "--caller", "a b", "--purpose", "b",
       "--institution", "c"},
      {"link", "show", "lnk_short"},
      {"link", "revoke", kLinkTextSample, "--reason", "because"},
      {"link", "import", "-"},
      {"token", "issue", "--link", "l", "--purpose", "p"},
      {"token", "issue", "--link", "l", "--purpose", "p", "--audience", "a",
       "--expires-in", "0"},
      {"token", "issue", "--link", "l", "--purpose", "p", "--audience", "a",
       "--format", "jwt"},
      {"audit", "tail", "--count", "0"},
  };
  for (const auto& words : faults) {
    std::string shown;
    for (const auto& word : words) shown += word + " ";
    EXPECT_EQ(coffer.RunHere(words), Exit::kUsage) << shown << coffer.err();
    EXPECT_EQ(coffer.err().substr(0, 8), "coffer: ") << shown;
    EXPECT_TRUE(coffer.out().empty()) << shown;
  }
}

TEST(CommandLine, AbbreviatedOptionsAreRefused) {
  Coffer coffer;
  EXPECT_EQ(coffer.Run({"init", "--seal", "passphrase", "--passphrase-fil",
                        "/dev/null"}),
            Exit::kUsage);
  EXPECT_NE(coffer.err().find("unknown option"), std::string::npos);
  EXPECT_EQ(coffer.Run({"link", "show", "L", "--nonsense"}), Exit::kUsage);
  EXPECT_NE(coffer.err().find("run coffer link show --help"),
            std::string::npos);
}

TEST(CommandLine, SecretsAsArgumentsAreRefusedWithAdviceAndNotRepeated) {
  Coffer coffer;
  std::vector<std::vector<std::string>> tries = {
      {"init", "--seal", "passphrase", "--passphrase", "hunter2hunter2"},
      {"unseal", "--passphrase=hunter2hunter2"},
      {"--password", "hunter2hunter2", "unseal"},
      {"link", "add", "--bank-token", "hunter2hunter2"},
      {"token", "redeem", "--token=hunter2hunter2"},
      {"unseal", "--key", "hunter2hunter2"},
  };
  for (const auto& words : tries) {
    EXPECT_EQ(coffer.Run(words), Exit::kUsage) << words[0];
    EXPECT_EQ(coffer.err().find("hunter2"), std::string::npos) << coffer.err();
    EXPECT_NE(coffer.err().find("-file F"), std::string::npos) << coffer.err();
  }
  // What is typed where nothing belongs is not repeated either.
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {"token", "redeem", "hunter2hunter2"},
           {"unseal", "--nonsense=hunter2hunter2"},
           {"unseal", "--json=hunter2hunter2"},
           {"unseal", "--slot", "hunter2hunter2"}}) {
    EXPECT_EQ(coffer.Run(words), Exit::kUsage);
    EXPECT_EQ(coffer.err().find("hunter2"), std::string::npos) << coffer.err();
  }
}

TEST(CommandLine, NoOptionTakesASecret) {
  for (const Verb& verb : Verbs()) {
    for (const Option& option : verb.options) {
      if (option.placeholder.empty()) continue;  // a flag holds nothing
      // A file, as its name is in ssh-keygen; the interface has it so.
      if (verb.name == "op approve" && option.placeholder == "FILE") continue;
      for (const char* secret : {"passphrase", "bank-token", "token", "key"}) {
        EXPECT_NE(option.name, secret) << verb.name;
      }
    }
  }
}

TEST(CommandLine, GlobalFlagsStandBeforeOrBehindTheVerb) {
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {"--config", "c", "--json", "link", "show", "L"},
           {"link", "show", "L", "--json", "--config", "c"},
           {"--json", "link", "show", "--config=c", "L"},
           {"--json", "link", "show", "--config=c", "--", "L"}}) {
    auto line = ParseCommandLine(words);
    ASSERT_TRUE(line.ok()) << line.failure().what;
    EXPECT_EQ(line->verb->name, "link show");
    EXPECT_EQ(line->options["config"], "c");
    EXPECT_EQ(line->options.count("json"), 1u);
    EXPECT_EQ(line->arguments, std::vector<std::string>{"L"});
  }
}

TEST(CommandLine, ADashIsAValueAndADoubleDashEndsOptions) {
  auto line = ParseCommandLine({"token", "redeem", "--token-file", "-"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->options["token-file"], "-");
  line = ParseCommandLine({"subject", "links", "--", "--odd subject"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->arguments, std::vector<std::string>{"--odd subject"});
  line = ParseCommandLine({"link", "add", "--institution", "citi", "--subject",
                           "two words", "--bank-token-file", "f", "--consent",
                           "g"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->options["subject"], "two words");
}

}  // namespace
}  // namespace coffer::cli
