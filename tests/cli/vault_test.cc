#include <sys/stat.h>

#include "cli/settings.h"
#include "cli/verbs.h"
#include "crypto/passphrase.h"
#include "tests/cli/harness.h"

namespace coffer::cli {
namespace {

using wire::OperatorCode;
using wire::OperatorOp;
using wire::OperatorStatus;
using wire::SlotHeader;
using wire::SlotKind;
using wire::VaultState;

constexpr uint64_t kSmallMemory = crypto::kPassphraseMemoryMin;

// A keeper with a state that init, unseal and seal change.
struct Keeper {
  explicit Keeper(Coffer& coffer)
      : fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes fields) {
               return Answer(op, fields);
             }) {}

  KeeperAnswer Answer(OperatorOp op, base::Bytes fields) {
    if (op == OperatorOp::kStatus) return Status();
    if (op == OperatorOp::kInit || op == OperatorOp::kUnseal) {
      auto question = base::DecodeWhole<wire::OpenQuestion>(fields);
      EXPECT_TRUE(question.ok());
      if (refusal != nullptr) {
        return {OperatorCode::kRefused, refusal, {}, false};
      }
      if (hangs_up) return {OperatorCode::kDone, "", {}, true};
      secret.assign(question->secret.begin(), question->secret.end());
      policy.assign(question->policy.begin(), question->policy.end());
      asked_slot = question->slot;
      state = VaultState::kOperational;
      return op == OperatorOp::kInit ? KeeperAnswer::Of(wire::InitAnswer{1})
                                     : KeeperAnswer{};
    }
    if (op == OperatorOp::kSeal) {
      if (state == VaultState::kSealed) {
        return {OperatorCode::kSealed, "sealed already", {}, false};
      }
      state = VaultState::kSealed;
    }
    if (op == OperatorOp::kClockAccept) clock_accepted = true;
    if (op == OperatorOp::kSelfTest) {
      wire::SelfTestAnswer answer;
      answer.results.push_back({"Ed25519", true});
      answer.results.push_back({"BLAKE2b", self_test_passes});
      return KeeperAnswer::Of(answer);
    }
    return {};
  }

  KeeperAnswer Status() {
    OperatorStatus status;
    status.state = state;
    status.version = COFFER_VERSION;
    status.floors_max = 1000;
    status.clock_accepted = clock_accepted;
    status.leaves = 12345;
    status.now = 1785542400;
    status.wall = status.now + wall_ahead;
    status.sandboxed = true;
    status.policy_digest = digest;
    for (const SlotHeader& slot : slots) status.slots.push_back(slot);
    return KeeperAnswer::Of(status);
  }

  VaultState state = VaultState::kUninitialised;
  std::vector<SlotHeader> slots;
  const char* refusal = nullptr;
  bool hangs_up = false;
  bool self_test_passes = true;
  base::ByteArray<32> digest{};
  std::vector<uint8_t> secret;
  std::vector<uint8_t> policy;
  SlotHeader asked_slot;
  bool clock_accepted = true;
  uint64_t wall_ahead = 0;
  FakeKeeper fake;
};

SlotHeader PassphraseSlot(uint8_t id) {
  SlotHeader slot;
  slot.id = id;
  slot.kind = SlotKind::kPassphrase;
  slot.argon2_memory_bytes = kSmallMemory;
  slot.argon2_passes = crypto::kPassphrasePassesMin;
  slot.salt[0] = id;
  return slot;
}

SlotHeader KeyFileSlot(uint8_t id) {
  SlotHeader slot;
  slot.id = id;
  slot.kind = SlotKind::kKeyFile;
  return slot;
}

std::vector<uint8_t> Stretched(std::string_view passphrase,
                               const SlotHeader& slot) {
  crypto::PassphraseParameters parameters{slot.argon2_memory_bytes,
                                          slot.argon2_passes, slot.salt};
  std::vector<uint8_t> secret(32);
  EXPECT_TRUE(crypto::SecretFromPassphrase(base::MutableBytes(secret),
                                           base::AsBytes(passphrase),
                                           parameters)
                  .ok());
  return secret;
}

TEST(Init, WithAKeyFileMakesItAndOpensTheVault) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string policy = coffer.directory / "policy.toml";
  std::string key = coffer.directory / "key";
  WriteFile(policy, kPolicyText);
  ASSERT_EQ(coffer.RunHere({"init", "--seal", "keyfile", "--key-file", key,
                            "--policy", policy}),
            Exit::kDone)
      << coffer.err();
  EXPECT_EQ(ModeOf(key), 0600u);
  std::string bytes = ReadFile(key);
  ASSERT_EQ(bytes.size(), 32u);
  EXPECT_EQ(std::string(keeper.secret.begin(), keeper.secret.end()), bytes);
  EXPECT_EQ(keeper.asked_slot.kind, SlotKind::kKeyFile);
  EXPECT_NE(keeper.asked_slot.salt, base::ByteArray<16>{});
  EXPECT_EQ(keeper.asked_slot.argon2_memory_bytes, 0u);
  auto compiled = std::make_unique<wire::Policy>();
  EXPECT_TRUE(wire::DecodePolicy(*compiled, keeper.policy).ok());
  EXPECT_NE(coffer.out().find("operational"), std::string::npos);
}

TEST(Init, ASecondTimeChangesNothingAndMakesNoKeyFile) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kSealed;
  std::string policy = coffer.directory / "policy.toml";
  std::string key = coffer.directory / "key";
  WriteFile(policy, kPolicyText);
  EXPECT_EQ(coffer.RunHere({"init", "--seal", "keyfile", "--key-file", key,
                            "--policy", policy}),
            Exit::kRefused);
  EXPECT_FALSE(std::filesystem::exists(key));
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kInit), 0);
}

TEST(Init, RefusedTakesItsNewKeyFileAwayButKeepsItWhenTheOutcomeIsUnknown) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string policy = coffer.directory / "policy.toml";
  std::string key = coffer.directory / "key";
  WriteFile(policy, kPolicyText);
  keeper.refusal = "the disk is full; free space";
  std::vector<std::string> words = {"init", "--seal",   "keyfile", "--key-file",
                                    key,    "--policy", policy};
  EXPECT_EQ(coffer.RunHere(words), Exit::kRefused);
  EXPECT_NE(coffer.err().find("the disk is full"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(key));
  keeper.refusal = nullptr;
  keeper.hangs_up = true;
  EXPECT_EQ(coffer.RunHere(words), Exit::kUnreachable);
  EXPECT_TRUE(std::filesystem::exists(key));
}

TEST(Init, AnExistingKeyFileIsTakenOnlyWhenItIsPrivateAndOf32Bytes) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string policy = coffer.directory / "policy.toml";
  std::string key = coffer.directory / "key";
  WriteFile(policy, kPolicyText);
  std::vector<std::string> words = {"init", "--seal",   "keyfile", "--key-file",
                                    key,    "--policy", policy};
  for (unsigned mode : {0640u, 0604u, 0620u}) {
    WriteFile(key, std::string(32, 'k'), mode);
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused) << mode;
    EXPECT_NE(coffer.err().find("open to other users"), std::string::npos);
  }
  for (size_t size : {0u, 31u, 33u, 64u}) {
    WriteFile(key, std::string(size, 'k'));
    EXPECT_EQ(coffer.RunHere(words), Exit::kRefused) << size;
    EXPECT_NE(coffer.err().find("not 32 raw bytes"), std::string::npos);
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kInit), 0);
  // A newline at the end is a byte of the key.
  WriteFile(key, std::string(31, 'k') + "\n");
  EXPECT_EQ(coffer.RunHere(words), Exit::kDone) << coffer.err();
  EXPECT_EQ(keeper.secret.back(), '\n');
}

TEST(Init, PolicyFaultsStopItWithTheirLines) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string policy = coffer.directory / "policy.toml";
  std::string key = coffer.directory / "key";
  WriteFile(policy, "[purposes.a]\nnonsense = 1\n");
  EXPECT_EQ(coffer.RunHere({"init", "--seal", "keyfile", "--key-file", key,
                            "--policy", policy}),
            Exit::kRefused);
  EXPECT_NE(coffer.err().find("policy.toml:2:"), std::string::npos)
      << coffer.err();
  EXPECT_FALSE(std::filesystem::exists(key));
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kInit), 0);
}

TEST(Init, WithAPassphraseAsksTwiceAndStretchesIt) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string policy = coffer.directory / "policy.toml";
  WriteFile(policy, kPolicyText);
  std::vector<std::string> words = {"init", "--seal", "passphrase", "--policy",
                                    policy};
  EXPECT_EQ(coffer.RunHere(words), Exit::kUsage);  // nobody to ask
  coffer.terminal.input_is_terminal = true;
  coffer.terminal.typed = {"correct horse", "correct house"};
  EXPECT_EQ(coffer.RunHere(words), Exit::kRefused);
  EXPECT_NE(coffer.err().find("differ"), std::string::npos);
  coffer.terminal.typed = {"short", "short"};
  EXPECT_EQ(coffer.RunHere(words), Exit::kRefused);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kInit), 0);
  coffer.terminal.typed = {"correct horse", "correct horse"};
  ASSERT_EQ(coffer.RunHere(words), Exit::kDone) << coffer.err();
  EXPECT_NE(coffer.err().find("Argon2id, 256.0 MiB, 3 passes"),
            std::string::npos)
      << coffer.err();
  EXPECT_EQ(keeper.secret, Stretched("correct horse", keeper.asked_slot));
  EXPECT_EQ(coffer.err().find("correct"), std::string::npos);
}

TEST(Unseal, PicksTheSlotOfItsKindAndDropsOneNewline) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kSealed;
  keeper.slots = {KeyFileSlot(1), PassphraseSlot(2)};
  std::string file = coffer.directory / "passphrase";
  WriteFile(file, "correct horse\n");
  ASSERT_EQ(coffer.RunHere({"unseal", "--passphrase-file", file}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.asked_slot.id, 2);
  EXPECT_EQ(keeper.secret, Stretched("correct horse", keeper.slots[1]));
  EXPECT_TRUE(keeper.policy.empty());

  keeper.state = VaultState::kSealed;
  WriteFile(file, "correct horse\n\n");
  ASSERT_EQ(coffer.RunHere({"unseal", "--passphrase-file", file}), Exit::kDone);
  EXPECT_EQ(keeper.secret, Stretched("correct horse\n", keeper.slots[1]));

  keeper.state = VaultState::kSealed;
  std::string key = coffer.directory / "key";
  WriteFile(key, std::string(32, 'k'), 0400);
  ASSERT_EQ(coffer.RunHere({"unseal", "--key-file", key}), Exit::kDone);
  EXPECT_EQ(keeper.asked_slot.id, 1);

  // Nothing is asked of a vault that is open.
  EXPECT_EQ(coffer.RunHere({"unseal", "--key-file", key}), Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kUnseal), 3);
}

TEST(Unseal, ReadsStandardInputForADash) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kSealed;
  keeper.slots = {KeyFileSlot(1)};
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  os::FileDescriptor in(pipes[0]);
  os::FileDescriptor out(pipes[1]);
  std::string key(32, 'p');
  ASSERT_TRUE(os::WriteFull(out.get(), base::AsBytes(key)).ok());
  out.Reset();
  coffer.input = in.get();
  ASSERT_EQ(coffer.RunHere({"unseal", "--key-file", "-"}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(std::string(keeper.secret.begin(), keeper.secret.end()), key);
}

TEST(Unseal, SaysWhichSlotsThereAreWhenItCannotChoose) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kSealed;
  keeper.slots = {KeyFileSlot(1), KeyFileSlot(3), PassphraseSlot(2)};
  std::string key = coffer.directory / "key";
  WriteFile(key, std::string(32, 'k'));
  EXPECT_EQ(coffer.RunHere({"unseal"}), Exit::kUsage);
  EXPECT_NE(coffer.err().find("1 (key file), 3 (key file), 2 (passphrase)"),
            std::string::npos)
      << coffer.err();
  EXPECT_EQ(coffer.RunHere({"unseal", "--key-file", key, "--slot", "2"}),
            Exit::kUsage);
  EXPECT_EQ(coffer.RunHere({"unseal", "--key-file", key, "--slot", "3"}),
            Exit::kDone);
  EXPECT_EQ(keeper.asked_slot.id, 3);
  // A key file says itself which slot it is of; the keeper looks.
  keeper.state = VaultState::kSealed;
  ASSERT_EQ(coffer.RunHere({"unseal", "--key-file", key}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.asked_slot.id, 0);
  EXPECT_EQ(coffer.out(), "Unsealed; operational\n");
  // The configured one that does not open is named.
  keeper.state = VaultState::kSealed;
  keeper.refusal = "the secret does not open this slot";
  std::string config = coffer.directory / "coffer.toml";
  WriteFile(config, "[unseal]\nkey_file = \"" + key + "\"\n");
  EXPECT_EQ(coffer.RunHere({"--config", config, "unseal"}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("key_file " + key), std::string::npos);
  EXPECT_NE(coffer.err().find("--slot"), std::string::npos) << coffer.err();
  keeper.refusal = nullptr;
  // A passphrase below the least opens nothing.
  WriteFile(key, "short");
  EXPECT_EQ(coffer.RunHere({"unseal", "--passphrase-file", key}),
            Exit::kRefused);
  EXPECT_NE(coffer.err().find("does not open it: it has fewer than 8 bytes"),
            std::string::npos)
      << coffer.err();
  // Passphrases do not.
  keeper.state = VaultState::kSealed;
  keeper.slots = {PassphraseSlot(1), PassphraseSlot(2)};
  EXPECT_EQ(coffer.RunHere({"unseal", "--passphrase-file", key}), Exit::kUsage);
}

TEST(Unseal, RefusesHeadersThatWouldWeakenOrExhaust) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kSealed;
  std::string file = coffer.directory / "passphrase";
  WriteFile(file, "correct horse");
  for (int i = 0; i < 4; ++i) {
    SlotHeader slot = PassphraseSlot(1);
    if (i == 0) slot.argon2_memory_bytes = crypto::kPassphraseMemoryMin - 1;
    if (i == 1) slot.argon2_memory_bytes = crypto::kPassphraseMemoryMax + 1;
    if (i == 2) slot.argon2_passes = crypto::kPassphrasePassesMin - 1;
    if (i == 3) slot.argon2_passes = crypto::kPassphrasePassesMax + 1;
    keeper.slots = {slot};
    EXPECT_EQ(coffer.RunHere({"unseal", "--passphrase-file", file}),
              Exit::kRefused);
    EXPECT_NE(coffer.err().find("outside the limits"), std::string::npos);
  }
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kUnseal), 0);
}

TEST(Unseal, WithoutInitOrWithAWrongSecretIsRefused) {
  Coffer coffer;
  Keeper keeper(coffer);
  EXPECT_EQ(coffer.RunHere({"unseal"}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("coffer init"), std::string::npos);
  keeper.state = VaultState::kSealed;
  keeper.slots = {KeyFileSlot(1)};
  keeper.refusal = "this secret does not open the slot; check it";
  std::string key = coffer.directory / "key";
  WriteFile(key, std::string(32, 'k'));
  EXPECT_EQ(coffer.RunHere({"unseal", "--key-file", key}), Exit::kRefused);
  EXPECT_EQ(coffer.err(),
            "coffer: this secret does not open the slot; check it\n");
}

TEST(Seal, AsksOnATerminalAndActsWithoutOne) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kOperational;
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.RunHere({"seal"}), Exit::kRefused);
  EXPECT_FALSE(coffer.terminal.asked.empty());
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kSeal), 0);
  coffer.terminal.asked.clear();
  EXPECT_EQ(coffer.RunHere({"seal", "--yes"}), Exit::kDone);
  EXPECT_TRUE(coffer.terminal.asked.empty());
  coffer.terminal.input_is_terminal = false;
  EXPECT_EQ(coffer.RunHere({"seal"}), Exit::kSealed);
}

TEST(Status, ExitCodeIsTheState) {
  Coffer coffer;
  EXPECT_EQ(coffer.RunHere({"status"}), Exit::kUnreachable);
  EXPECT_NE(coffer.err().find("start cofferd"), std::string::npos);
  Keeper keeper(coffer);
  std::vector<std::pair<VaultState, Exit>> states = {
      {VaultState::kOperational, Exit::kDone},
      {VaultState::kSealed, Exit::kSealed},
      {VaultState::kUninitialised, Exit::kRefused},
      {VaultState::kStarting, Exit::kRefused},
      {VaultState::kError, Exit::kRefused}};
  for (auto [state, exit] : states) {
    keeper.state = state;
    keeper.slots = {PassphraseSlot(1), KeyFileSlot(2)};
    EXPECT_EQ(coffer.RunHere({"status"}), exit);
    EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
    EXPECT_NE(coffer.out().find(wire::VaultStateText(state)),
              std::string::npos);
    EXPECT_EQ(coffer.RunHere({"status", "--json"}), exit);
    EXPECT_EQ(coffer.out().front(), '{');
  }
}

TEST(Status, SaysWhetherThePolicyFileDiffers) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kOperational;
  std::string policy = coffer.directory / "policy.toml";
  std::string config = coffer.directory / "coffer.toml";
  WriteFile(policy, kPolicyText);
  WriteFile(config, "policy = \"" + policy +
                        "\"\n[sockets]\noperator = { path = \"" +
                        coffer.operator_socket() + "\" }\n");
  ASSERT_EQ(coffer.Run({"--config", config, "policy", "load"}), Exit::kDone)
      << coffer.err();
  keeper.digest[0] = 1;
  ASSERT_EQ(coffer.Run({"--config", config, "status"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("DIFFERS"), std::string::npos) << coffer.out();
  Context context{std::cout, std::cerr, coffer.terminal, coffer.clock, {}, -1,
                  "",        ""};
  Verb verb;
  auto compiled = CompilePolicyFile(Invocation{context, verb, {}, {}}, policy);
  ASSERT_TRUE(compiled.ok());
  keeper.digest = PolicyDigest(compiled->bytes);
  ASSERT_EQ(coffer.Run({"--config", config, "status"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("as in the file"), std::string::npos);
}

TEST(SelfTest, FailsWhenOneAlgorithmFails) {
  Coffer coffer;
  Keeper keeper(coffer);
  EXPECT_EQ(coffer.RunHere({"selftest"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("Ed25519"), std::string::npos);
  keeper.self_test_passes = false;
  EXPECT_EQ(coffer.RunHere({"selftest"}), Exit::kRefused);
  EXPECT_NE(coffer.out().find("FAILED"), std::string::npos);
}

TEST(Sockets, AreFlagThenEnvironmentThenConfigurationThenDefault) {
  Coffer coffer;
  std::string config = coffer.directory / "coffer.toml";
  WriteFile(config, "[sockets]\noperator = { path = \"/c/operator.sock\" }\n");
  auto where = [&](std::vector<std::string> words) {
    EXPECT_EQ(coffer.Run(std::move(words)), Exit::kUnreachable);
    return coffer.err();
  };
  EXPECT_NE(where({"status"}).find("/run/coffer/operator.sock"),
            std::string::npos);
  EXPECT_NE(where({"--config", config, "status"}).find("/c/operator.sock"),
            std::string::npos);
  coffer.default_config = config;
  EXPECT_NE(where({"status"}).find("/c/operator.sock"), std::string::npos);
  coffer.environment["COFFER_OPERATOR_SOCKET"] = "/e/operator.sock";
  EXPECT_NE(where({"--config", config, "status"}).find("/e/operator.sock"),
            std::string::npos);
  EXPECT_NE(where({"--operator-socket", "/f/operator.sock", "status"})
                .find("/f/operator.sock"),
            std::string::npos);
}

TEST(Configuration, WithAFaultIsRefusedWithItsLine) {
  Coffer coffer;
  std::string config = coffer.directory / "coffer.toml";
  WriteFile(config, "data_dir = \"/d\"\nnonsense = 1\n");
  EXPECT_EQ(coffer.Run({"--config", config, "status"}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("coffer.toml:2:"), std::string::npos)
      << coffer.err();
  EXPECT_EQ(coffer.Run({"--config", coffer.directory / "none", "status"}),
            Exit::kRefused);
}

TEST(ClockAccept, AsksAndDoesNothingWhereThereIsNothingToAccept) {
  Coffer coffer;
  Keeper keeper(coffer);
  keeper.state = VaultState::kOperational;
  EXPECT_EQ(coffer.RunHere({"clock", "accept"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("accepted already"), std::string::npos);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kClockAccept), 0);
  keeper.clock_accepted = false;
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.RunHere({"clock", "accept"}), Exit::kRefused);
  EXPECT_NE(coffer.terminal.asked.find("Every earlier access token"),
            std::string::npos)
      << coffer.terminal.asked;
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kClockAccept), 0);
  EXPECT_EQ(coffer.RunHere({"clock", "accept", "--yes"}), Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kClockAccept), 1);
  // Accepted once, and far apart since.
  keeper.wall_ahead = 60;
  EXPECT_EQ(coffer.RunHere({"clock", "accept", "--yes"}), Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kClockAccept), 2);
}

}  // namespace
}  // namespace coffer::cli
