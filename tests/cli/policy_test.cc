#include "cli/checks.h"
#include "tests/cli/harness.h"
#include "vault/api/policy_file.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

TEST(PolicyCheck, NamesFaultsWithTheirLines) {
  Coffer coffer;
  std::string file = coffer.directory / "policy.toml";
  WriteFile(file, kPolicyText);
  EXPECT_EQ(coffer.Run({"policy", "check", file}), Exit::kDone) << coffer.err();
  EXPECT_NE(coffer.out().find("2 purposes, 1 institution, 3 callers, 1 issue "
                              "rule"),
            std::string::npos)
      << coffer.out();
  WriteFile(file, std::string(kPolicyText) + "[callers.x]\nuid = 1003\n");
  EXPECT_EQ(coffer.Run({"policy", "check", file}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("policy.toml:2"), std::string::npos)
      << coffer.err();
  EXPECT_EQ(coffer.Run({"policy", "check", file, "--json"}), Exit::kRefused);
  EXPECT_EQ(coffer.out().substr(0, 25), "{\"ok\":false,\"findings\":[{");
  EXPECT_EQ(coffer.Run({"policy", "check", "/nonexistent"}), Exit::kRefused);
}

TEST(PolicyCheck, TakesBudgetsWithoutAWord) {
  Coffer coffer;
  std::string file = coffer.directory / "policy.toml";
  std::string text = kPolicyText;
  std::string audience = "audience = \"connector\"";
  text.replace(text.find(audience), audience.size(),
               audience + ", tokens_per_second = 5");
  WriteFile(file, text);
  EXPECT_EQ(coffer.Run({"policy", "check", file}), Exit::kDone) << coffer.err();
  EXPECT_EQ(coffer.err(), "");
}

struct Keeper {
  explicit Keeper(Coffer& coffer)
      : fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes in) { return Answer(op, in); }) {
  }
  KeeperAnswer Answer(OperatorOp op, base::Bytes in) {
    if (op == OperatorOp::kStatus) {
      wire::OperatorStatus status;
      status.quorum = quorum;
      return KeeperAnswer::Of(status);
    }
    if (op == OperatorOp::kPolicyLoad) {
      auto loaded = base::DecodeWhole<wire::PolicyBytes>(in);
      EXPECT_TRUE(loaded.ok());
      quorum = loaded->quorum;
      policy.assign(loaded->policy.begin(), loaded->policy.end());
      return {};
    }
    if (op == OperatorOp::kPolicyShow) {
      return KeeperAnswer::Of(wire::PolicyBytes{policy, {}});
    }
    if (op == OperatorOp::kRevokeTokens) return {};
    auto question = base::DecodeWhole<wire::ExplainQuestion>(in);
    EXPECT_TRUE(question.ok());
    wire::ExplainAnswer answer;
    scope_words = question->scope.size;
    if (question->purpose == "advertising") {
      answer.rule = wire::Rule::kPurposeProhibited;
    } else {
      answer.scope.push_back("ACCOUNT_BASIC");
      answer.ttl_seconds_max = 300;
      answer.audiences.push_back("connector");
    }
    return KeeperAnswer::Of(answer);
  }
  std::vector<uint8_t> policy;
  wire::QuorumRule quorum;
  size_t scope_words = 0;
  FakeKeeper fake;
};

TEST(PolicyLoad, SendsTheCompiledPolicyAndShowReadsItBack) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string file = coffer.directory / "policy.toml";
  WriteFile(file, kPolicyText);
  ASSERT_EQ(coffer.RunHere({"policy", "load", file}), Exit::kDone)
      << coffer.err();
  ASSERT_EQ(coffer.RunHere({"policy", "show"}), Exit::kDone) << coffer.err();
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  for (const char* part :
       {"advertising", "PROHIBITED", "Citi", "uid 1001",
        "create read update erase", "balance_display for connector"}) {
    EXPECT_NE(coffer.out().find(part), std::string::npos) << part;
  }
  ASSERT_EQ(coffer.RunHere({"policy", "show", "--json"}), Exit::kDone);
  EXPECT_EQ(coffer.out().front(), '{');
  // The TOML form compiles to the same bytes.
  ASSERT_EQ(coffer.RunHere({"policy", "show", "--toml"}), Exit::kDone);
  std::vector<uint8_t> before = keeper.policy;
  WriteFile(file, coffer.out());
  ASSERT_EQ(coffer.RunHere({"policy", "load", file}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.policy, before);
}

TEST(PolicyLoad, OfAFaultyFileSendsNothing) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string file = coffer.directory / "policy.toml";
  WriteFile(file, "nonsense = 1\n");
  EXPECT_EQ(coffer.RunHere({"policy", "load", file}), Exit::kRefused);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kPolicyLoad), 0);
}

TEST(PolicyShow, OfTheSampleFits80Columns) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string file = coffer.directory / "policy.toml";
  WriteFile(file, api::SamplePolicyText());
  ASSERT_EQ(coffer.RunHere({"policy", "load", file}), Exit::kDone)
      << coffer.err();
  ASSERT_EQ(coffer.RunHere({"policy", "show"}), Exit::kDone);
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
}

TEST(PolicyExplain, SaysYesOrNoTheRuleAndTheBudget) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string file = coffer.directory / "policy.toml";
  std::string text = kPolicyText;
  std::string audience = "audience = \"connector\"";
  text.replace(
      text.find(audience), audience.size(),
      audience + ", tokens_per_second = 5, distinct_links_per_hour = 7000");
  WriteFile(file, text);
  ASSERT_EQ(coffer.RunHere({"policy", "load", file}), Exit::kDone)
      << coffer.err();
  std::vector<std::string> words = {"policy",        "explain",   "--caller",
                                    "messenger",     "--purpose", "advertising",
                                    "--institution", "citi"};
  ASSERT_EQ(coffer.RunHere(words), Exit::kDone) << coffer.err();
  EXPECT_NE(coffer.out().find("refused"), std::string::npos);
  EXPECT_NE(coffer.out().find("purpose_prohibited"), std::string::npos);
  words[5] = "balance_display";
  words.insert(words.end(), {"--scope", "ACCOUNT_BASIC ACCOUNT_DETAILED"});
  ASSERT_EQ(coffer.RunHere(words), Exit::kDone);
  EXPECT_NE(coffer.out().find("5 min"), std::string::npos) << coffer.out();
  EXPECT_NE(coffer.out().find("7,000 links/h, 5 tokens/s"), std::string::npos)
      << coffer.out();
  EXPECT_EQ(keeper.scope_words, 2u);
  words.push_back("--json");
  ASSERT_EQ(coffer.RunHere(words), Exit::kDone);
  EXPECT_NE(coffer.out().find("\"allowed\":true"), std::string::npos);
  EXPECT_NE(coffer.out().find("\"budget\":{\"distinct_links_per_hour\":7000,"
                              "\"tokens_per_second\":5}"),
            std::string::npos)
      << coffer.out();
}

TEST(Doctor, JudgesKernelModesAndDisk) {
  EXPECT_EQ(JudgeKernel("6.1.0-18-amd64").health, Health::kOk);
  EXPECT_EQ(JudgeKernel("7.0").health, Health::kOk);
  EXPECT_EQ(JudgeKernel("6.0.12").health, Health::kFail);
  EXPECT_EQ(JudgeKernel("5.15.0").health, Health::kFail);
  EXPECT_EQ(JudgeKernel("nonsense").health, Health::kFail);
  EXPECT_EQ(JudgeMode("store", "/d", 040700, 0700).health, Health::kOk);
  EXPECT_EQ(JudgeMode("store", "/d", 040500, 0700).health, Health::kOk);
  EXPECT_EQ(JudgeMode("store", "/d", 040750, 0700).health, Health::kFail);
  EXPECT_EQ(JudgeMode("store", "/d", 040701, 0700).health, Health::kFail);
  EXPECT_EQ(JudgeDisk("/d", uint64_t{1} << 20).health, Health::kFail);
  EXPECT_EQ(JudgeDisk("/d", uint64_t{512} << 20).health, Health::kWarn);
  EXPECT_EQ(JudgeDisk("/d", uint64_t{2} << 30).health, Health::kOk);
  wire::OperatorStatus status;
  status.keyring_generation = 7;
  EXPECT_EQ(JudgeExport(status).health, Health::kWarn);
  status.exported_generation = 6;
  EXPECT_EQ(JudgeExport(status).health, Health::kWarn);
  EXPECT_NE(JudgeExport(status).advice.find("key export"), std::string::npos);
  status.exported_generation = 7;
  EXPECT_EQ(JudgeExport(status).health, Health::kOk);
}

Health Of(const Checks& checks, const std::string& name) {
  for (const Check& check : checks) {
    if (check.name == name) return check.health;
  }
  ADD_FAILURE() << "no check " << name;
  return Health::kFail;
}

TEST(Doctor, ReadsSwapAndSeccompFromProc) {
  Coffer coffer;
  std::string proc = coffer.directory / "proc";
  std::filesystem::create_directories(proc + "/sys/kernel/seccomp");
  std::filesystem::create_directories(proc + "/sys/fs");
  WriteFile(proc + "/sys/kernel/seccomp/actions_avail", "kill_process log\n");
  WriteFile(proc + "/swaps", "Filename Type\n/dev/sda2 partition\n");
  WriteFile(proc + "/sys/fs/suid_dumpable", "1\n");
  Checks checks;
  std::string root = proc.substr(0, proc.size() - 5);
  CheckMachine(root, checks);
  EXPECT_EQ(Of(checks, "seccomp"), Health::kOk);
  EXPECT_EQ(Of(checks, "swap"), Health::kWarn);
  EXPECT_EQ(Of(checks, "core dumps"), Health::kWarn);
  WriteFile(proc + "/swaps", "Filename Type\n");
  WriteFile(proc + "/sys/fs/suid_dumpable", "2\n");
  WriteFile(proc + "/sys/kernel/seccomp/actions_avail", "");
  checks.clear();
  CheckMachine(root, checks);
  EXPECT_EQ(Of(checks, "seccomp"), Health::kFail);
  EXPECT_EQ(Of(checks, "swap"), Health::kOk);
  EXPECT_EQ(Of(checks, "core dumps"), Health::kOk);
}

TEST(Doctor, JudgesWhatTheKeeperSays) {
  wire::OperatorStatus status;
  status.state = wire::VaultState::kOperational;
  status.version = COFFER_VERSION;
  status.sandboxed = true;
  status.floors_max = 100;
  status.now = status.wall = 1785542400;
  auto health = [&](const char* name) {
    Checks checks;
    CheckKeeper(status, checks);
    return Of(checks, name);
  };
  for (const char* name : {"vault", "versions", "sandbox", "vault clock",
                           "brakes", "erasures", "floors"}) {
    EXPECT_EQ(health(name), Health::kOk) << name;
  }
  status.brakes = 2;
  EXPECT_EQ(health("brakes"), Health::kWarn);
  status.erasures_overdue = 1;
  EXPECT_EQ(health("erasures"), Health::kWarn);
  status.state = wire::VaultState::kSealed;
  EXPECT_EQ(health("vault"), Health::kWarn);
  status.state = wire::VaultState::kError;
  EXPECT_EQ(health("vault"), Health::kFail);
  status.version = "0.0.1";
  EXPECT_EQ(health("versions"), Health::kWarn);
  status.sandboxed = false;
  EXPECT_EQ(health("sandbox"), Health::kFail);
  status.wall += 6;
  EXPECT_EQ(health("vault clock"), Health::kWarn);
  status.clock_accepted = false;
  EXPECT_EQ(health("vault clock"), Health::kFail);
  status.floors = 75;
  EXPECT_EQ(health("floors"), Health::kWarn);
}

TEST(Doctor, ReportsEveryCheckWithin80ColumnsAndExitsOneOnAFailure) {
  Coffer coffer;
  std::string config = coffer.directory / "coffer.toml";
  WriteFile(config, "data_dir = \"" + (coffer.directory / "data") + "\"\n");
  EXPECT_EQ(coffer.RunHere({"--config", config, "doctor"}), Exit::kRefused);
  EXPECT_NE(coffer.out().find("fail  operator socket"), std::string::npos)
      << coffer.out();
  EXPECT_EQ(coffer.RunHere({"--config", config, "doctor", "--json"}),
            Exit::kRefused);
  EXPECT_EQ(coffer.out().substr(0, 11), "{\"checks\":[");
}

TEST(TokenRevoke, OfANameOutsideThePolicyNeedsToBeTold) {
  Coffer coffer;
  Keeper keeper(coffer);
  const std::string file = coffer.directory / "policy.toml";
  WriteFile(file, kPolicyText);
  ASSERT_EQ(coffer.RunHere({"policy", "load", file}), Exit::kDone);
  for (const auto& [option, good] : {std::pair("--caller", "messenger"),
                                     std::pair("--purpose", "balance_display"),
                                     std::pair("--institution", "citi")}) {
    EXPECT_EQ(coffer.RunHere({"token", "revoke", option, "other"}),
              Exit::kRefused);
    EXPECT_EQ(coffer.err(),
              "coffer: other is not in the policy in force; --gone revokes a "
              "name that left it\n");
    EXPECT_EQ(coffer.RunHere({"token", "revoke", option, good}), Exit::kDone)
        << coffer.err();
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kRevokeTokens), 3);
  EXPECT_EQ(coffer.RunHere({"token", "revoke", "--caller", "other", "--gone"}),
            Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kRevokeTokens), 4);
  EXPECT_EQ(coffer.RunHere({"token", "revoke", "--caller", "messenger",
                            "--audience", "connector"}),
            Exit::kUsage);
  EXPECT_EQ(coffer.RunHere({"token", "revoke", "--token-file", file, "--gone"}),
            Exit::kUsage);
}

}  // namespace
}  // namespace coffer::cli
