// What approvers read before they sign: keys beside names, what a restore
// claims, waits that become shorter.
#include "tests/keeper/operator_world.h"

namespace coffer::keeper_test {
namespace {

class StatementTest : public testing::Test {
 protected:
  StatementTest() { world_.OperateWith(2); }
  Told<wire::EmptyQuestion> Load(const wire::Policy& policy,
                                 const wire::QuorumRule& rule) {
    const std::vector<uint8_t> bytes = Encode(policy);
    return world_.Ask(OperatorOp::kPolicyLoad, wire::PolicyBytes{bytes, rule});
  }
  std::string OfLoad(const wire::Policy& policy, const wire::QuorumRule& rule,
                     uint32_t uid = 0) {
    const std::vector<uint8_t> bytes = Encode(policy);
    return world_.Statement(world_.Propose(
        OperatorOp::kPolicyLoad, wire::PolicyBytes{bytes, rule}, uid));
  }
  std::string Fingerprint(std::string_view name) {
    char text[crypto::kSshFingerprintBytes];
    crypto::SshFingerprint(text, PublicKeyOf(world_.KeyOf(name)));
    return {text, sizeof text};
  }
  static bool Has(const std::string& statement, const std::string& line) {
    return statement.find("\n" + line + "\n") != std::string::npos;
  }

  OperatorWorld world_;
};

TEST(SshFingerprint, IsWhatSshKeygenShows) {
  const char* key =
      "2d47cd8791e1ef69021ddf41a9ea6af45a030afd33e32b69e4dd3bbb1fe0e763";
  crypto::PublicKey bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(
        std::stoi(std::string(key + 2 * i, 2), nullptr, 16));
  }
  char text[crypto::kSshFingerprintBytes];
  crypto::SshFingerprint(text, bytes);
  EXPECT_EQ(std::string(text, sizeof text),
            "SHA256:4LT/Pu2C/5t1ub1YW+WDMYWcJ/Dwkd8+N6Vm52UL1eg");
}

TEST_F(StatementTest, ChangedRuleShowsEveryKeyAndMarksWhatIsNew) {
  wire::QuorumRule rule = world_.RuleOf(2, {"alice", "bob", "dora"});
  // Somebody else's key under a name that everybody knows.
  rule.approvers[1].public_key = PublicKeyOf(world_.KeyOf("mallory"));
  const std::string statement = OfLoad(TestPolicy(), rule);
  EXPECT_TRUE(Has(statement, "quorum 2 of 3")) << statement;
  EXPECT_TRUE(Has(statement, "approver alice " + Fingerprint("alice")));
  EXPECT_TRUE(Has(statement,
                  "approver bob " + Fingerprint("mallory") + " (another key)"));
  EXPECT_TRUE(
      Has(statement, "approver dora " + Fingerprint("dora") + " (new)"));
}

TEST_F(StatementTest, TheLongestFits) {
  wire::QuorumRule old = world_.RuleOf(2), rule;
  rule.threshold = 16;
  for (int i = 0; i < 16; ++i) {
    wire::Approver approver;
    approver.name =
        wire::Name(std::string(31, 'n') + static_cast<char>('a' + i));
    approver.public_key[0] = static_cast<uint8_t>(i + 1);
    rule.approvers.push_back(approver);
    if (i >= 13) continue;
    approver.public_key[1] = 1;  // in force: the same names, other keys
    old.approvers.push_back(approver);
  }
  wire::Policy many = TestPolicy();
  many.destroy_wait_seconds = base::kDestroyWaitSecondsMax;
  for (int i = 0; many.purposes.size < base::kPurposesMax; ++i) {
    many.purposes.push_back(
        {wire::Name(std::string(30, 'p') + std::to_string(10 + i)), 0, 0,
         true});
  }
  const std::vector<uint8_t> bytes = Encode(many);
  const wire::PolicyBytes first{bytes, old};
  const auto id = world_.Propose(OperatorOp::kPolicyLoad, first);
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  ASSERT_TRUE(world_.Approve(id, "bob").fields.carried_out);
  wire::Policy next = TestPolicy();
  next.destroy_wait_seconds = base::kDestroyWaitSecondsMax - 1;
  const std::string statement = OfLoad(next, rule, ~uint32_t{0});
  EXPECT_NE(statement.find(" and 59 more changing the quorum\n"),
            std::string::npos)
      << statement;
  EXPECT_NE(statement.find("\ndestroy-wait 2591999 s, was 2592000 s\n"),
            std::string::npos);
  EXPECT_NE(statement.find(" (another key)\n"), std::string::npos);
  EXPECT_LE(statement.size(), base::kStatementBytesMax);
}

TEST_F(StatementTest, ShorterWaitBeforeDestructionNeedsApproval) {
  wire::Policy policy = TestPolicy();
  ASSERT_EQ(policy.destroy_wait_seconds, base::kDestroyWaitSecondsDefault);
  policy.destroy_wait_seconds += 1;
  ASSERT_TRUE(Load(policy, world_.RuleOf(2)).done());
  policy.destroy_wait_seconds -= 1;
  EXPECT_EQ(Load(policy, world_.RuleOf(2)).code, OperatorCode::kAwaitsApproval);
  EXPECT_TRUE(Has(OfLoad(policy, world_.RuleOf(2)),
                  "destroy-wait 604800 s, was 604801 s"));
}

TEST_F(StatementTest, DestructionNamesItsWaitAndIsVoidUnderAnotherPolicy) {
  wire::KeyQuestion question;
  question.id = world_.OldKey();
  const auto id = world_.Propose(OperatorOp::kKeyDestroy, question);
  const std::string wait =
      std::to_string(world_.vault().policy().destroy_wait_seconds);
  EXPECT_TRUE(Has(world_.Statement(id),
                  "what key destroy " + base::EncodeHex(question.id) +
                      " kek citi version 1 wait " + wait + " s"));
  const auto alice = world_.Signed(id, "alice", world_.Statement(id));
  wire::Policy policy = TestPolicy();
  policy.destroy_wait_seconds += 1;
  ASSERT_TRUE(Load(policy, world_.RuleOf(2)).done());
  EXPECT_FALSE(world_.Approve(alice).done());
}

TEST_F(StatementTest, RestoreSaysWhatTheBackupClaimsAndItsWholeDigest) {
  wire::RestoreQuestion restore;
  restore.digest.fill(7);
  restore.made_at = 1785542400;
  restore.lost = 12;
  restore.dead = 3;
  const std::string statement =
      world_.Statement(world_.Propose(OperatorOp::kRestore, restore));
  EXPECT_TRUE(Has(statement,
                  "what restore 0707070707070707 claims made "
                  "2026-08-01T00:00:00Z lost 12 dead 3"))
      << statement;
  EXPECT_TRUE(Has(statement, "backup " + base::EncodeHex(restore.digest)));
  // The largest numbers fit.
  restore.made_at = restore.lost = restore.dead = ~uint64_t{0};
  world_.Propose(OperatorOp::kRestore, restore);
}

}  // namespace
}  // namespace coffer::keeper_test
