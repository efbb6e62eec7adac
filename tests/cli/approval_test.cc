// Approvals: SSH keys and signatures read, operations shown and approved with
// the system's own ssh-keygen, the quorum's rule in coffer.toml.
#include "cli/ssh_key.h"
#include "cli/ssh_sign.h"
#include "crypto/ssh_signature.h"
#include "tests/cli/harness.h"
#include "vault/os/spawn.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::cli {
namespace {

using wire::OperatorCode;
using wire::OperatorOp;

// Nobody's key: its form alone matters here.
constexpr const char* kPublicLine =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGOz8Xj4n3zJ0C6fZr3mJ3mIYkq8u3Oq0TQ5"
    "9HfH5T3d";
constexpr std::string_view kStatement =
    "coffer operation\nwhat: key destroy 0102\n";

// A key pair of ssh-keygen's, in a folder of the test's.
void MakeKey(const std::string& file, const std::string& comment,
             const std::string& kind = "ed25519") {
  const char* arguments[] = {"ssh-keygen", "-q",        "-t", kind.c_str(),
                             "-N",         "",          "-C", comment.c_str(),
                             "-f",         file.c_str()};
  os::SpawnOptions options;
  options.path = "/usr/bin/ssh-keygen";
  options.arguments = arguments;
  auto child = os::Spawn(options);
  ASSERT_TRUE(child.ok());
  auto ended = child->Wait();
  ASSERT_TRUE(ended.ok());
  ASSERT_EQ(ended->code, 0);
}

struct Keeper {
  explicit Keeper(Coffer& coffer)
      : fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes fields) {
               return Answer(op, fields);
             }) {
    row.id = {1, 2, 3, 4, 5, 6, 7, 8};
    row.op = OperatorOp::kKeyDestroy;
    row.uid = 1234;
    row.asked_at = 1785542400;
    row.expires_at = row.asked_at + 86400;
    row.what = "key destroy 0102030405060708090a0b0c0d0e0f10";
    row.approvers.push_back("alice");
    row.needed = 2;
  }
  KeeperAnswer Answer(OperatorOp op, base::Bytes fields) {
    switch (op) {
      case OperatorOp::kOperationList: {
        wire::OperationListAnswer answer;
        answer.rows.push_back(row);
        return KeeperAnswer::Of(answer);
      }
      case OperatorOp::kOperationShow:
        return KeeperAnswer::Of(wire::OperationShowAnswer{row, statement});
      case OperatorOp::kOperationApprove:
        approved = *base::DecodeWhole<wire::ApproveQuestion>(fields);
        return KeeperAnswer::Of(wire::ApproveAnswer{2, 2, true, ending});
      default:
        return {};
    }
  }
  wire::OperationRow row;
  std::string statement{kStatement};
  std::string ending;
  wire::ApproveQuestion approved;
  FakeKeeper fake;
};

constexpr const char* kId = "op_0102030405060708";

TEST(SshKey, IsReadFromItsLineAndNothingElseIs) {
  auto key = ParseSshPublicKey(std::string(kPublicLine) + " alice@host x");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->comment, "alice@host");
  EXPECT_EQ(key->key[0], 0x63);
  EXPECT_TRUE(ParseSshPublicKey(kPublicLine).ok());
  std::string line = kPublicLine;
  for (size_t size = 0; size < line.size(); ++size) {
    EXPECT_FALSE(ParseSshPublicKey(line.substr(0, size)).ok()) << size;
  }
  for (const char* bad : {"", "ssh-ed25519", "ssh-ed25519 ",
                          "ssh-rsa AAAAB3NzaC1yc2E=", "ssh-ed25519 AAAA",
                          "ssh-ed25519 AAAA====", "ssh-ed25519 !!!!"}) {
    EXPECT_FALSE(ParseSshPublicKey(bad).ok()) << bad;
  }
  std::string other = line;
  other[20] = other[20] == 'A' ? 'B' : 'A';  // the kind inside
  EXPECT_FALSE(ParseSshPublicKey(other).ok());
}

// An armored signature with its parts as wished.
struct Parts {
  std::string magic = "SSHSIG";
  uint8_t version = 1;
  std::string key_kind = "ssh-ed25519";
  size_t key_bytes = 32;
  std::string name_space = "coffer";
  std::string reserved;
  std::string hash = "sha512";
  std::string kind = "ssh-ed25519";
  size_t signature_bytes = 64;
  std::string behind;

  static std::string String(const std::string& text) {
    auto size = static_cast<uint8_t>(text.size());
    return std::string{0, 0, 0, static_cast<char>(size)} + text;
  }
  std::string Blob() const {
    return magic + std::string{0, 0, 0, static_cast<char>(version)} +
           String(String(key_kind) + String(std::string(key_bytes, 'k'))) +
           String(name_space) + String(reserved) + String(hash) +
           String(String(kind) + String(std::string(signature_bytes, 's'))) +
           behind;
  }
  static std::string Armored(const std::string& blob) {
    std::string base64 = base::EncodeBase64Url(base::AsBytes(blob));
    for (char& c : base64) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (base64.size() % 4 != 0) base64 += '=';
    std::string text = "-----BEGIN SSH SIGNATURE-----\n";
    for (size_t i = 0; i < base64.size(); i += 70) {
      text += base64.substr(i, 70) + "\n";
    }
    return text + "-----END SSH SIGNATURE-----\n";
  }
  std::string Text() const { return Armored(Blob()); }
};

TEST(SshSignature, IsReadAndEveryOtherFormIsRefused) {
  auto good = ParseSshSignature(Parts().Text());
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(good->key[31], 'k');
  EXPECT_EQ(good->signature[63], 's');
  std::vector<Parts> bad(12);
  bad[0].magic = "SSHSIF";
  bad[1].version = 2;
  bad[2].key_kind = "ssh-rsa";
  bad[3].key_bytes = 31;
  bad[4].name_space = "file";
  bad[5].reserved = "x";
  bad[6].hash = "sha256";
  bad[7].kind = "rsa-sha2-512";
  bad[8].signature_bytes = 63;
  bad[9].behind = "x";
  bad[10].name_space = "";
  bad[11].key_bytes = 33;
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_FALSE(ParseSshSignature(bad[i].Text()).ok()) << i;
  }
  std::string blob = Parts().Blob();
  for (size_t size = 0; size < blob.size(); ++size) {
    EXPECT_FALSE(ParseSshSignature(Parts::Armored(blob.substr(0, size))).ok())
        << size;
  }
  std::string text = Parts().Text();
  for (size_t size = 0; size < text.size() - 1; ++size) {
    EXPECT_FALSE(ParseSshSignature(text.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParseSshSignature(text + "x").ok());
  EXPECT_FALSE(ParseSshSignature("x" + text).ok());
}

TEST(Op, ListAndShowFitAndNameWhatIsAskedFor) {
  Coffer coffer;
  Keeper keeper(coffer);
  coffer.clock.wall_seconds = keeper.row.asked_at + 60;
  coffer.terminal.output_is_terminal = true;
  ASSERT_EQ(coffer.RunHere({"op", "list"}), Exit::kDone);
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  EXPECT_NE(coffer.out().find("in 23 h 59 min"), std::string::npos);
  // A script gets it whole.
  coffer.terminal.output_is_terminal = false;
  ASSERT_EQ(coffer.RunHere({"op", "list"}), Exit::kDone);
  EXPECT_NE(coffer.out().find(keeper.row.what), std::string::npos)
      << coffer.out();
  EXPECT_NE(coffer.out().find(kId), std::string::npos);
  EXPECT_NE(coffer.out().find("1 of 2"), std::string::npos);
  ASSERT_EQ(coffer.RunHere({"op", "show", kId}), Exit::kDone);
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  EXPECT_NE(coffer.out().find("uid 1234"), std::string::npos);
  EXPECT_NE(coffer.out().find("alice"), std::string::npos);
  ASSERT_EQ(coffer.RunHere({"op", "show", kId, "--bytes"}), Exit::kDone);
  EXPECT_EQ(coffer.out(), kStatement);
  ASSERT_EQ(coffer.RunHere({"op", "show", kId, "--json"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("\"statement\":"), std::string::npos);
  EXPECT_EQ(coffer.RunHere({"op", "cancel", kId}), Exit::kDone);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kOperationCancel), 1);
}

TEST(OpApprove, SendsASignatureThatVerifiesOverTheVeryStatement) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string key = coffer.directory / "alice";
  MakeKey(key, "alice");
  coffer.environment["PATH"] = "/usr/bin:/bin";
  ASSERT_EQ(coffer.RunHere({"op", "approve", kId, "--key", key}), Exit::kDone)
      << coffer.err();
  auto line = ParseSshPublicKey(ReadFile(key + ".pub"));
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(keeper.approved.public_key, line->key);
  EXPECT_TRUE(crypto::SshSignatureValid(keeper.approved.signature, line->key,
                                        base::AsBytes(kStatement)));
  EXPECT_FALSE(crypto::SshSignatureValid(keeper.approved.signature, line->key,
                                         base::AsBytes("another")));
  // What is signed was shown.
  EXPECT_NE(coffer.err().find("what: key destroy 0102"), std::string::npos);
  EXPECT_EQ(coffer.out(), "Approved: 2 of 2; carried out\n");
  EXPECT_TRUE(Fits80(coffer.err())) << coffer.err();
  keeper.row.op = OperatorOp::kRestore;
  ASSERT_EQ(coffer.RunHere({"op", "approve", kId, "--key", key}), Exit::kDone);
  EXPECT_NE(coffer.out().find("the restore has begun"), std::string::npos);
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
}

TEST(OpApprove, AsksFirstAndSaysHowWhatWasCarriedOutEnded) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string key = coffer.directory / "alice";
  MakeKey(key, "alice");
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.RunHere({"op", "approve", kId, "--key", key}),
            Exit::kRefused);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kOperationApprove), 0);
  keeper.ending = "one link depends on it";
  EXPECT_EQ(coffer.RunHere({"op", "approve", kId, "--key", key, "--yes"}),
            Exit::kRefused);
  EXPECT_NE(coffer.err().find("one link depends on it"), std::string::npos);
}

TEST(OpApprove, RefusesKeysThatAreNotEd25519AndFilesThatAreNone) {
  Coffer coffer;
  Keeper keeper(coffer);
  std::string key = coffer.directory / "alice";
  MakeKey(key, "alice", "ecdsa");
  for (const std::string& file : {key, coffer.directory / "none"}) {
    EXPECT_EQ(coffer.RunHere({"op", "approve", kId, "--key", file}),
              Exit::kRefused);
  }
  coffer.environment["PATH"] = "/usr/bin:/bin";
  MakeKey(coffer.directory / "rsa", "alice", "rsa");
  EXPECT_EQ(
      coffer.RunHere({"op", "approve", kId, "--key", coffer.directory / "rsa"}),
      Exit::kRefused);
  EXPECT_NE(coffer.err().find("--key is no Ed25519 key"), std::string::npos)
      << coffer.err();
  coffer.environment["PATH"] = coffer.directory / "empty";
  EXPECT_EQ(coffer.RunHere({"op", "approve", kId, "--key", key}),
            Exit::kRefused);
  EXPECT_NE(coffer.err().find("openssh-client"), std::string::npos);
  EXPECT_EQ(keeper.fake.asked(OperatorOp::kOperationApprove), 0);
}

// --- The rule in coffer.toml

struct PolicyKeeper {
  explicit PolicyKeeper(Coffer& coffer)
      : fake(coffer.operator_socket(), [this](OperatorOp op, base::Bytes in) {
          if (op == OperatorOp::kPolicyLoad) {
            rule = base::DecodeWhole<wire::PolicyBytes>(in)->quorum;
            return KeeperAnswer{};
          }
          wire::OperatorStatus status;
          status.quorum = rule;
          return KeeperAnswer::Of(status);
        }) {}
  wire::QuorumRule rule;
  FakeKeeper fake;
};

TEST(PolicyLoad, CarriesTheQuorumOfTheConfigurationAndSaysWhenItChanges) {
  Coffer coffer;
  PolicyKeeper keeper(coffer);
  std::string policy = coffer.directory / "policy.toml";
  std::string config = coffer.directory / "coffer.toml";
  std::string alice = coffer.directory / "a.pub";
  std::string bob = coffer.directory / "bob.pub";
  WriteFile(policy, kPolicyText);
  MakeKey(coffer.directory / "a", "alice");
  MakeKey(coffer.directory / "bob", "bob at his desk");
  auto configure = [&](const std::string& quorum) {
    WriteFile(config, "policy = \"" + policy +
                          "\"\n[sockets]\noperator = { path = \"" +
                          coffer.operator_socket() + "\" }\n" + quorum);
  };
  auto approvers = [&](const std::string& second) {
    return "[quorum]\nthreshold = 2\napprovers = [\"" + alice + "\", \"" +
           second + "\"]\n";
  };
  configure(approvers(bob));
  ASSERT_EQ(coffer.Run({"--config", config, "policy", "load"}), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(keeper.rule.threshold, 2);
  ASSERT_EQ(keeper.rule.approvers.size, 2);
  EXPECT_EQ(keeper.rule.approvers[0].name.view(), "alice");
  EXPECT_EQ(keeper.rule.approvers[1].name.view(), "bob");
  EXPECT_NE(coffer.err().find("from off to 2 of alice, bob"), std::string::npos)
      << coffer.err();
  ASSERT_EQ(coffer.Run({"--config", config, "policy", "load"}), Exit::kDone);
  EXPECT_EQ(coffer.err().find("quorum"), std::string::npos) << coffer.err();
  // Without a configuration the rule in force stays.
  ASSERT_EQ(coffer.RunHere({"policy", "load", policy}), Exit::kDone);
  EXPECT_EQ(keeper.rule.threshold, 2);
  // One key twice is no second approver.
  configure(approvers(alice));
  EXPECT_EQ(coffer.Run({"--config", config, "policy", "load"}), Exit::kRefused);
  configure("");
  ASSERT_EQ(coffer.Run({"--config", config, "policy", "load"}), Exit::kDone);
  EXPECT_EQ(keeper.rule.threshold, 0);
  EXPECT_NE(coffer.err().find("to off"), std::string::npos);
}

}  // namespace
}  // namespace coffer::cli
