// PKCS#11 slots with a stand-in for coffer-pkcs11: what it is given, and what
// is made of how it ends.
#include "cli/pkcs11/exit_codes.h"
#include "tests/cli/harness.h"
#include "vault/wire/operator_keys.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

// A sealed vault with one PKCS#11 slot, a configuration, and the stand-in.
struct World {
  explicit World(Coffer& made)
      : coffer(made),
        config(coffer.directory / "coffer.toml"),
        log(coffer.directory / "log"),
        fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes in) { return Answer(op, in); }) {
    coffer.program_folder = coffer.directory / "bin";
    std::filesystem::create_directory(coffer.program_folder);
    WriteFile(coffer.directory / "pin", "1234\n");
    Configure("pkcs11_pin_file = \"" + (coffer.directory / "pin") + "\"\n");
    Helper("cat > " + log + ".pin; printf '%032d' 7");
    slot.id = 4;
    slot.kind = wire::SlotKind::kPkcs11;
    slot.key_label.Assign("seal");
  }
  void Configure(const std::string& more) {
    WriteFile(config,
              "[sockets]\noperator = { path = \"" + coffer.operator_socket() +
                  "\" }\nmonitor = { path = \"" + coffer.monitor_socket() +
                  "\" }\n[unseal]\npkcs11_module = \"/m.so\"\n"
                  "pkcs11_token = \"my token\"\n"
                  "pkcs11_key = \"seal\"\n" +
                  more);
  }
  void Helper(const std::string& body) {
    WriteFile(coffer.program_folder + "/coffer-pkcs11",
              "#!/bin/sh\necho \"$# $*\" > " + log + "\n" + body + "\n", 0700);
  }
  KeeperAnswer Answer(OperatorOp op, base::Bytes in) {
    if (op == OperatorOp::kStatus) {
      wire::OperatorStatus status;
      status.state = state;
      status.slots.push_back(slot);
      return KeeperAnswer::Of(status);
    }
    if (op == OperatorOp::kUnseal) {
      auto question = base::DecodeWhole<wire::OpenQuestion>(in);
      secret.assign(question->secret.begin(), question->secret.end());
      state = wire::VaultState::kOperational;
      return {};
    }
    auto question = base::DecodeWhole<wire::SlotQuestion>(in);
    EXPECT_TRUE(question.ok());
    secret.assign(question->secret.begin(), question->secret.end());
    label = std::string(question->slot.key_label.view());
    return KeeperAnswer::Of(wire::InitAnswer{5});
  }
  Exit Unseal() { return coffer.Run({"--config", config, "unseal"}); }

  Coffer& coffer;
  std::string config;
  std::string log;
  wire::VaultState state = wire::VaultState::kSealed;
  wire::SlotHeader slot;
  std::string secret;
  std::string label;
  FakeKeeper fake;
};

TEST(Pkcs11, TheHelperIsGivenThePinOverAPipeAndGivesTheSecret) {
  Coffer coffer;
  World world(coffer);
  ASSERT_EQ(world.Unseal(), Exit::kDone) << coffer.err();
  EXPECT_EQ(world.secret, "00000000000000000000000000000007");
  EXPECT_EQ(ReadFile(world.log), "3 /m.so my token seal\n");
  EXPECT_EQ(ReadFile(world.log + ".pin"), "1234");
  ASSERT_EQ(coffer.Run({"--config", world.config, "slot", "add", "pkcs11"}),
            Exit::kDone)
      << coffer.err();
  EXPECT_EQ(ReadFile(world.log), "4 --make /m.so my token seal\n");
  EXPECT_EQ(world.label, "seal");
}

TEST(Pkcs11, EachWayItFailsIsToldApartAndSendsNothing) {
  Coffer coffer;
  World world(coffer);
  for (auto [exit, words] :
       {std::pair(Pkcs11Exit::kModule, "module cannot be used"),
        {Pkcs11Exit::kNoToken, "device is not there"},
        {Pkcs11Exit::kWrongPin, "PIN is wrong"},
        {Pkcs11Exit::kPinLocked, "token is locked"},
        {Pkcs11Exit::kNoKey, "no key of this label"},
        {Pkcs11Exit::kExtractable, "could leave"},
        {Pkcs11Exit::kTimeout, "does not answer"},
        {Pkcs11Exit::kFailed, "gave no secret"}}) {
    // What came out before it failed is no secret.
    world.Helper("printf '%032d' 7; exit " +
                 std::to_string(static_cast<int>(exit)));
    EXPECT_EQ(world.Unseal(), Exit::kRefused);
    EXPECT_NE(coffer.err().find(words), std::string::npos) << coffer.err();
  }
  world.Helper("printf '%031d' 7");
  EXPECT_EQ(world.Unseal(), Exit::kRefused);
  world.Helper("kill -SEGV $$");
  EXPECT_EQ(world.Unseal(), Exit::kRefused);
  EXPECT_NE(coffer.err().find("crashed"), std::string::npos);
  EXPECT_EQ(world.fake.asked(OperatorOp::kUnseal), 0);
}

TEST(Pkcs11, ThePinIsAskedForWhereNoFileNamesIt) {
  Coffer coffer;
  World world(coffer);
  world.Configure("");
  EXPECT_EQ(world.Unseal(), Exit::kUsage);
  coffer.terminal.input_is_terminal = true;
  coffer.terminal.typed = {"9876"};
  ASSERT_EQ(world.Unseal(), Exit::kDone) << coffer.err();
  EXPECT_EQ(ReadFile(world.log + ".pin"), "9876");
}

TEST(Pkcs11, NoHelperNoConfigurationAndAnotherKeyAreTold) {
  Coffer coffer;
  World world(coffer);
  world.slot.key_label.Assign("other");
  EXPECT_EQ(world.Unseal(), Exit::kRefused);
  EXPECT_NE(coffer.err().find("key other"), std::string::npos) << coffer.err();
  world.slot.key_label.Assign("seal");
  std::filesystem::remove(coffer.program_folder + "/coffer-pkcs11");
  EXPECT_EQ(world.Unseal(), Exit::kRefused);
  EXPECT_NE(coffer.err().find("not installed"), std::string::npos);
  EXPECT_EQ(coffer.RunHere({"unseal"}), Exit::kUsage);
  EXPECT_NE(coffer.err().find("[unseal] pkcs11_module"), std::string::npos);
}

}  // namespace
}  // namespace coffer::cli
