// Approvals: what needs them, what they sign, and everything that is none.
#include "vault/keeper/quorum.h"

#include "tests/keeper/operator_world.h"

namespace coffer::keeper_test {
namespace {

using wire::InstitutionAction;
using wire::InstitutionQuestion;
using wire::LeafKind;
using wire::Rule;
using wire::VaultState;

class QuorumTest : public testing::Test {
 protected:
  QuorumTest() { world_.OperateWith(2); }

  static InstitutionQuestion Withdraw(std::string_view name) {
    return {name, InstitutionAction::kWithdraw};
  }
  wire::OperationId ProposeWithdrawal(std::string_view name = "citi") {
    return world_.Propose(OperatorOp::kInstitutionChange, Withdraw(name), 1000);
  }
  wire::InstitutionState StateOf(std::string_view name) {
    const keeper::Keyring& keyring = world_.vault().keyring();
    return keyring.institution(keyring.FindInstitution(name)).state;
  }
  bool Withdrawn(std::string_view name) {
    return StateOf(name) == wire::InstitutionState::kWithdrawn;
  }
  Told<wire::EmptyQuestion> Load(const wire::Policy& policy,
                                 const wire::QuorumRule& rule) {
    const std::vector<uint8_t> bytes = Encode(policy);
    return world_.Ask(OperatorOp::kPolicyLoad, wire::PolicyBytes{bytes, rule});
  }
  size_t Awaiting() {
    auto list = world_.Ask<wire::OperationListAnswer>(
        OperatorOp::kOperationList, wire::EmptyQuestion{});
    EXPECT_TRUE(list.done());
    return list.fields.rows.size;
  }
  LeafKind LastLeaf() { return world_.Tail(1).at(0).kind; }

  OperatorWorld world_;
};

TEST_F(QuorumTest, TwoApprovalsCarryAWithdrawalThroughAndOneDoesNot) {
  const KeptLink link = world_.Create();
  const auto id = ProposeWithdrawal();
  EXPECT_EQ(LastLeaf(), LeafKind::kOperationPropose);
  EXPECT_FALSE(Withdrawn("citi"));
  auto first = world_.Approve(id, "alice");
  ASSERT_TRUE(first.done()) << first.message;
  EXPECT_EQ(first.fields.approvals, 1);
  EXPECT_EQ(first.fields.needed, 2);
  EXPECT_FALSE(first.fields.carried_out);
  EXPECT_FALSE(Withdrawn("citi"));
  EXPECT_TRUE(world_.Issue(link).allowed());

  auto second = world_.Approve(id, "carol");
  ASSERT_TRUE(second.done()) << second.message;
  EXPECT_EQ(second.fields.approvals, 2);
  EXPECT_TRUE(second.fields.carried_out);
  EXPECT_EQ(second.fields.message, "");
  EXPECT_TRUE(Withdrawn("citi"));
  EXPECT_FALSE(Withdrawn("jpmorgan"));
  EXPECT_FALSE(world_.Issue(link).allowed());
  EXPECT_EQ(Awaiting(), 0u);
}

TEST_F(QuorumTest, EveryStepLeavesALeafWithTheOperationsId) {
  const auto id = ProposeWithdrawal();
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  ASSERT_TRUE(world_.Approve(id, "bob").done());
  struct Step {
    LeafKind kind;
    std::string caller;
    uint32_t uid;
  };
  std::vector<Step> steps;
  for (const wire::Leaf& leaf : world_.Tail(10)) {
    if (leaf.kind < LeafKind::kOperationPropose) continue;
    steps.push_back({leaf.kind, std::string(leaf.caller), leaf.uid});
    EXPECT_EQ(std::memcmp(leaf.link_tag.data(), id.data(), id.size()), 0);
    EXPECT_EQ(leaf.detail,
              static_cast<uint32_t>(OperatorOp::kInstitutionChange));
  }
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_EQ(steps[0].kind, LeafKind::kOperationPropose);
  EXPECT_EQ(steps[0].uid, 1000u);
  EXPECT_EQ(steps[1].kind, LeafKind::kOperationApprove);
  EXPECT_EQ(steps[1].caller, "alice");
  EXPECT_EQ(steps[1].uid, 77u);
  EXPECT_EQ(steps[2].caller, "bob");
  EXPECT_EQ(steps[3].kind, LeafKind::kOperationCarryOut);
  EXPECT_EQ(steps[3].uid, 1000u);
}

TEST_F(QuorumTest, StatementSaysWhatIsAskedLineByLine) {
  const auto id = ProposeWithdrawal();
  const uint8_t op = static_cast<uint8_t>(OperatorOp::kInstitutionChange);
  std::vector<uint8_t> body(64);
  body.resize(*base::EncodeWhole(MutableBytes(body), Withdraw("citi")));
  wire::ByteArray<32> parameters;
  crypto::Hash(parameters, "coffer operation parameters",
               {Bytes(&op, 1), body});
  EXPECT_EQ(world_.Statement(id),
            "coffer operation v1\n"
            "vault " +
                base::EncodeHex(world_.vault().vault_id()) +
                "\n"
                "operation " +
                wire::OperationText(id) +
                "\n"
                "what institution withdraw citi key version 1\n"
                "parameters " +
                base::EncodeHex(parameters) +
                "\n"
                "asked-by uid 1000 at 2026-08-01T00:00:00Z\n"
                "expires 2026-08-02T00:00:00Z\n");
}

TEST_F(QuorumTest, ChangedStatementsAreRefused) {
  const auto citi = ProposeWithdrawal("citi");
  const auto jpmorgan = ProposeWithdrawal("jpmorgan");
  const std::string statement = world_.Statement(citi);
  std::vector<std::string> others = {world_.Statement(jpmorgan), "",
                                     statement + "\n",
                                     statement.substr(0, statement.size() - 1)};
  const size_t vault = statement.find("vault ") + 6;
  others.push_back(statement);
  others.back()[vault] = others.back()[vault] == '0' ? '1' : '0';
  others.push_back(statement);
  others.back().replace(statement.find("citi"), 4, "jpmo");
  const size_t parameters = statement.find("parameters ") + 11;
  others.push_back(statement);
  others.back()[parameters] ^= 1;
  for (const std::string& other : others) {
    auto refused = world_.Approve(world_.Signed(citi, "alice", other));
    EXPECT_EQ(refused.code, OperatorCode::kRefused) << other;
    EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kTokenNotAuthentic);
  }
  // Not one of them counted.
  auto first = world_.Approve(citi, "alice");
  EXPECT_EQ(first.fields.approvals, 1);
  // A true signature, shown for the other operation.
  wire::ApproveQuestion moved = world_.Signed(citi, "bob", statement);
  moved.id = jpmorgan;
  EXPECT_FALSE(world_.Approve(moved).done());
  EXPECT_FALSE(Withdrawn("citi"));
  EXPECT_FALSE(Withdrawn("jpmorgan"));
}

TEST_F(QuorumTest, SignatureOfThePlainStatementIsRefused) {
  const auto id = ProposeWithdrawal();
  wire::ApproveQuestion question = world_.Signed(id, "alice", "");
  crypto::SignMessage(question.signature, world_.KeyOf("alice"),
                      base::AsBytes(world_.Statement(id)));
  EXPECT_FALSE(world_.Approve(question).done());
}

TEST_F(QuorumTest, RepeatedApproverAndStrangersDoNotCount) {
  const auto id = ProposeWithdrawal();
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  EXPECT_FALSE(world_.Approve(id, "alice").done());
  EXPECT_FALSE(world_.Approve(id, "mallory").done());
  EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kUnknownCaller);
  // Mallory's signature under bob's name.
  wire::ApproveQuestion question =
      world_.Signed(id, "mallory", world_.Statement(id));
  question.public_key = PublicKeyOf(world_.KeyOf("bob"));
  EXPECT_FALSE(world_.Approve(question).done());
  EXPECT_FALSE(Withdrawn("citi"));
  EXPECT_TRUE(world_.Approve(id, "bob").fields.carried_out);
}

TEST_F(QuorumTest, WrongSignaturesLeaveFewLeavesAndKeepNoRightOneOut) {
  const auto id = ProposeWithdrawal();
  const wire::ApproveQuestion right =
      world_.Signed(id, "alice", world_.Statement(id));
  wire::ApproveQuestion wrong = right;
  wrong.signature[0] ^= 1;
  const uint64_t before = world_.vault().next_leaf();
  for (uint32_t i = 0; i < keeper::kRefusalLeavesPerMinute; ++i) {
    EXPECT_FALSE(world_.Approve(wrong).done());
  }
  const uint64_t leaves = world_.vault().next_leaf();
  EXPECT_EQ(leaves, before + keeper::kRefusalLeavesPerMinute);
  EXPECT_FALSE(world_.Approve(wrong).done());
  EXPECT_EQ(world_.vault().next_leaf(), leaves);
  EXPECT_TRUE(world_.Approve(right).done());
  EXPECT_EQ(world_.vault().next_leaf(), leaves + 1);
  world_.clock.Advance(60);
  wrong.public_key = PublicKeyOf(world_.KeyOf("bob"));
  EXPECT_FALSE(world_.Approve(wrong).done());
  EXPECT_EQ(world_.vault().next_leaf(), leaves + 2);
}

TEST_F(QuorumTest, ExpiredOperationIsNotCarriedOut) {
  const auto id = ProposeWithdrawal();
  const wire::ApproveQuestion bob =
      world_.Signed(id, "bob", world_.Statement(id));
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  world_.clock.Advance(base::kOperationSecondsMax - 1);
  EXPECT_EQ(Awaiting(), 1u);
  world_.clock.Advance(1);
  auto late = world_.Approve(bob);
  EXPECT_EQ(late.code, OperatorCode::kRefused);
  EXPECT_NE(late.message.find("expired"), std::string::npos);
  EXPECT_EQ(LastLeaf(), LeafKind::kOperationExpire);
  EXPECT_EQ(world_.Approve(bob).code, OperatorCode::kRefused);
  EXPECT_EQ(Awaiting(), 0u);
  EXPECT_FALSE(Withdrawn("citi"));
}

TEST_F(QuorumTest, ExpiryLeavesItsLeafWithoutAnybodyAsking) {
  ProposeWithdrawal();
  world_.commands->Tick();
  EXPECT_FALSE(world_.commands->due());
  world_.clock.Advance(base::kOperationSecondsMax);
  world_.commands->Tick();
  ASSERT_TRUE(world_.commands->due());
  world_.commands->Settle();
  EXPECT_EQ(LastLeaf(), LeafKind::kOperationExpire);
  EXPECT_FALSE(world_.commands->due());
  world_.commands->Tick();
  EXPECT_FALSE(world_.commands->due());
}

TEST_F(QuorumTest, CancelledByWhoAskedAndByNobodyElse) {
  const auto id = ProposeWithdrawal();
  const wire::ApproveQuestion alice =
      world_.Signed(id, "alice", world_.Statement(id));
  const wire::OperationQuestion question{id};
  EXPECT_FALSE(world_.Ask(OperatorOp::kOperationCancel, question, 1001).done());
  EXPECT_EQ(Awaiting(), 1u);
  EXPECT_TRUE(world_.Ask(OperatorOp::kOperationCancel, question, 1000).done());
  EXPECT_EQ(LastLeaf(), LeafKind::kOperationCancel);
  EXPECT_FALSE(world_.Approve(alice).done());
  EXPECT_FALSE(world_.Ask(OperatorOp::kOperationCancel, question, 1000).done());
}

TEST_F(QuorumTest, SameQuestionOfTheSameUidIsTheSameOperation) {
  const auto id = ProposeWithdrawal();
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  auto again = world_.Ask<wire::AwaitingAnswer>(OperatorOp::kInstitutionChange,
                                                Withdraw("citi"), 1000);
  ASSERT_TRUE(again.awaits());
  EXPECT_EQ(again.fields.id, id);
  EXPECT_EQ(again.fields.approvals, 1);
  EXPECT_EQ(again.fields.needed, 2);
  EXPECT_NE(
      world_.Propose(OperatorOp::kInstitutionChange, Withdraw("citi"), 1001),
      id);
  EXPECT_EQ(Awaiting(), 2u);
}

TEST_F(QuorumTest, TableIsBoundedAndOneUidFillsHalfOfIt) {
  auto restore = [&](uint8_t backup, uint32_t uid) {
    wire::RestoreQuestion question;
    question.digest.fill(backup);
    return world_.Ask<wire::AwaitingAnswer>(OperatorOp::kRestore, question,
                                            uid);
  };
  for (uint8_t i = 1; i <= keeper::kOperationsPerUidMax; ++i) {
    EXPECT_TRUE(restore(i, 1).awaits());
  }
  EXPECT_EQ(restore(99, 1).code, OperatorCode::kRefused);
  for (uint8_t i = 1; i <= keeper::kOperationsPerUidMax; ++i) {
    EXPECT_TRUE(restore(i, 2).awaits());
  }
  EXPECT_EQ(restore(99, 3).code, OperatorCode::kRefused);
  EXPECT_EQ(Awaiting(), base::kOperationsMax);
  auto told = world_.Ask<wire::OperatorStatus>(OperatorOp::kStatus,
                                               wire::EmptyQuestion{});
  EXPECT_EQ(told.fields.awaiting, base::kOperationsMax);
  world_.clock.Advance(base::kOperationSecondsMax);
  EXPECT_TRUE(restore(99, 3).awaits());
  EXPECT_EQ(Awaiting(), 1u);
}

TEST_F(QuorumTest, RuleThatChangedMeanwhileMakesOperationsVoid) {
  const auto id = ProposeWithdrawal();
  const wire::ApproveQuestion bob =
      world_.Signed(id, "bob", world_.Statement(id));
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  // The change itself needs approval, and makes the rest void.
  const wire::QuorumRule three = world_.RuleOf(3);
  const std::vector<uint8_t> policy = Encode(TestPolicy());
  const auto change =
      world_.Propose(OperatorOp::kPolicyLoad, wire::PolicyBytes{policy, three});
  EXPECT_NE(world_.Statement(change).find("\nquorum 3 of 3\napprover alice "),
            std::string::npos);
  ASSERT_TRUE(world_.Approve(change, "alice").done());
  ASSERT_TRUE(world_.Approve(change, "bob").fields.carried_out);
  EXPECT_TRUE(world_.vault().quorum() == three);
  auto late = world_.Approve(bob);
  EXPECT_EQ(late.code, OperatorCode::kRefused);
  EXPECT_NE(late.message.find("rule"), std::string::npos);
  EXPECT_EQ(Awaiting(), 0u);
  EXPECT_FALSE(Withdrawn("citi"));
}

TEST_F(QuorumTest, PolicyLoadIsVoidOnceAnotherPolicyIsInForce) {
  wire::Policy lifted = TestPolicy();
  lifted.purposes.size = 2;
  const std::vector<uint8_t> bytes = Encode(lifted);
  const auto id = world_.Propose(OperatorOp::kPolicyLoad,
                                 wire::PolicyBytes{bytes, world_.RuleOf(2)});
  const wire::ApproveQuestion alice =
      world_.Signed(id, "alice", world_.Statement(id));
  // It would lift this prohibition, too, and does not say so.
  wire::Policy stricter = TestPolicy();
  stricter.purposes.push_back({wire::Name("profiling"), 0, 0, true});
  ASSERT_TRUE(Load(stricter, world_.RuleOf(2)).done());
  EXPECT_FALSE(world_.Approve(alice).done());
  EXPECT_EQ(Awaiting(), 0u);
}

TEST_F(QuorumTest, RemovalOfASlotIsVoidOnceTheIdIsAnothersSlot) {
  world_.AddSlot();
  const auto id =
      world_.Propose(OperatorOp::kSlotRemove, wire::SlotIdQuestion{1});
  EXPECT_NE(world_.Statement(id).find("what slot remove 1 key file\n"),
            std::string::npos);
  const wire::ApproveQuestion alice =
      world_.Signed(id, "alice", world_.Statement(id));
  world_.vault().header().slots[0].public_key[0] ^= 1;
  EXPECT_FALSE(world_.Approve(alice).done());
}

TEST_F(QuorumTest, QuorumIsTurnedOffOnlyByQuorum) {
  auto off = Load(TestPolicy(), {});
  EXPECT_EQ(off.code, OperatorCode::kAwaitsApproval);
  EXPECT_EQ(world_.vault().quorum().threshold, 2);
  auto list = world_.Ask<wire::OperationListAnswer>(OperatorOp::kOperationList,
                                                    wire::EmptyQuestion{});
  ASSERT_EQ(list.fields.rows.size, 1u);
  EXPECT_EQ(list.fields.rows[0].what, "policy load changing the quorum");
  const auto id = list.fields.rows[0].id;
  EXPECT_NE(world_.Statement(id).find("\nquorum off\n"), std::string::npos);
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  ASSERT_TRUE(world_.Approve(id, "bob").fields.carried_out);
  EXPECT_EQ(world_.vault().quorum().threshold, 0);
  EXPECT_TRUE(
      world_.Ask(OperatorOp::kInstitutionChange, Withdraw("citi")).done());
}

TEST_F(QuorumTest, PolicyNeedsApprovalOnlyWhereItLiftsAProhibition) {
  const wire::QuorumRule rule = world_.RuleOf(2);
  wire::QuorumRule turned = world_.RuleOf(2, {"carol", "alice", "bob"});
  wire::Policy fewer = TestPolicy();
  fewer.rules.size = 0;
  EXPECT_TRUE(Load(fewer, rule).done());
  EXPECT_TRUE(Load(TestPolicy(), turned).done());  // the same in another order
  wire::Policy lifted = TestPolicy();
  lifted.purposes[2].prohibited = false;
  lifted.purposes[2].clusters = 1;
  lifted.purposes[2].ttl_seconds_max = 60;
  EXPECT_EQ(Load(lifted, rule).code, OperatorCode::kAwaitsApproval);
  // One that is left out could come back, allowed.
  wire::Policy without = TestPolicy();
  without.purposes.size = 2;
  EXPECT_EQ(Load(without, rule).code, OperatorCode::kAwaitsApproval);
  EXPECT_TRUE(world_.vault().policy().purposes[2].prohibited);
  auto list = world_.Ask<wire::OperationListAnswer>(OperatorOp::kOperationList,
                                                    wire::EmptyQuestion{});
  EXPECT_EQ(list.fields.rows[0].what, "policy load lifting advertising");
  // What cannot be loaded is refused, not proposed.
  EXPECT_EQ(Load(lifted, world_.RuleOf(1)).code, OperatorCode::kRefused);
}

TEST_F(QuorumTest, WhatNeedsApprovalIsExactlyThis) {
  using wire::RotateTarget;
  auto code = [&](OperatorOp op, const auto& question) {
    return world_.Ask(op, question).code;
  };
  const auto awaits = OperatorCode::kAwaitsApproval;
  wire::KeyQuestion key{world_.OldKey()};
  EXPECT_EQ(code(OperatorOp::kKeyDestroy, key), awaits);
  key.cancel = true;
  EXPECT_NE(code(OperatorOp::kKeyDestroy, key), awaits);
  for (auto target :
       {RotateTarget::kAll, RotateTarget::kToken, RotateTarget::kEvidence}) {
    EXPECT_NE(code(OperatorOp::kKeyRotate, wire::RotateQuestion{target, ""}),
              awaits);
  }
  EXPECT_EQ(code(OperatorOp::kKeyRotate,
                 wire::RotateQuestion{RotateTarget::kRoot, ""}),
            awaits);
  for (auto action :
       {InstitutionAction::kSuspend, InstitutionAction::kResume}) {
    EXPECT_TRUE(world_
                    .Ask(OperatorOp::kInstitutionChange,
                         InstitutionQuestion{"citi", action})
                    .done());
  }
  world_.AddSlot();
  EXPECT_EQ(code(OperatorOp::kSlotRemove, wire::SlotIdQuestion{1}), awaits);
  world_.Ask(OperatorOp::kOperationCancel, wire::OperationQuestion{});
  EXPECT_EQ(world_.AskRaw(OperatorOp::kZeroize, {}, 5).code, awaits);
  wire::RestoreQuestion restore;
  restore.digest.fill(1);
  EXPECT_EQ(world_.Ask(OperatorOp::kRestore, restore, 5).code, awaits);
  EXPECT_TRUE(world_.Ask(OperatorOp::kSelfTest, wire::EmptyQuestion{}).done());
  // Malformed ones are not proposed.
  const uint8_t junk[] = {9};
  EXPECT_EQ(world_.AskRaw(OperatorOp::kKeyDestroy, junk, 6).code,
            OperatorCode::kMalformed);
  EXPECT_EQ(world_.AskRaw(OperatorOp::kPolicyLoad, junk, 6).code,
            OperatorCode::kMalformed);
}

TEST_F(QuorumTest, RestoreIsApprovedOnceAndThenAsked) {
  wire::RestoreQuestion restore;
  restore.digest.fill(7);
  restore.keyring_generation = world_.vault().keyring_generation();
  const auto id = world_.Propose(OperatorOp::kRestore, restore);
  ASSERT_TRUE(world_.Approve(id, "alice").done());
  ASSERT_TRUE(world_.Approve(id, "bob").fields.carried_out);
  EXPECT_EQ(world_.vault().adoption().digest, restore.digest);
  auto poll = world_.Ask<wire::RestoreAnswer>(OperatorOp::kRestore, restore);
  ASSERT_TRUE(poll.done());
  EXPECT_FALSE(poll.fields.done || poll.fields.failed);
  world_.vault().adoption().done = true;
  world_.vault().adoption().adopted = true;
  EXPECT_TRUE(world_.Ask<wire::RestoreAnswer>(OperatorOp::kRestore, restore)
                  .fields.done);
  // The same once more is a new operation.
  EXPECT_EQ(world_.Ask(OperatorOp::kRestore, restore).code,
            OperatorCode::kAwaitsApproval);
}

TEST_F(QuorumTest, SealForgetsOperationsAndIsNoWayRoundThem) {
  const auto id = ProposeWithdrawal();
  const wire::ApproveQuestion alice =
      world_.Signed(id, "alice", world_.Statement(id));
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  auto zeroize = world_.AskRaw(OperatorOp::kZeroize, {});
  EXPECT_EQ(zeroize.code, OperatorCode::kRefused);
  EXPECT_EQ(world_.vault().state(), VaultState::kSealed);
  // Within one tick of the clock.
  ASSERT_TRUE(world_.Unseal().ok());
  EXPECT_FALSE(world_.Approve(alice).done());
  EXPECT_EQ(Awaiting(), 0u);
  EXPECT_EQ(world_.vault().quorum().threshold, 2);
  ASSERT_TRUE(world_.RestartKeeper().ok());
  EXPECT_EQ(world_.AskRaw(OperatorOp::kZeroize, {}).code,
            OperatorCode::kRefused);
  ASSERT_TRUE(world_.Unseal().ok());
  EXPECT_EQ(world_.AskRaw(OperatorOp::kZeroize, {}).code,
            OperatorCode::kAwaitsApproval);
}

TEST(QuorumOff, NothingAwaitsApproval) {
  OperatorWorld world;
  world.Operate();
  EXPECT_TRUE(
      world
          .Ask(OperatorOp::kInstitutionChange,
               InstitutionQuestion{"citi", InstitutionAction::kWithdraw})
          .done());
  // Turning it on takes nobody's approval, turning it off does.
  const std::vector<uint8_t> policy = Encode(TestPolicy());
  EXPECT_TRUE(world
                  .Ask(OperatorOp::kPolicyLoad,
                       wire::PolicyBytes{policy, world.RuleOf(2)})
                  .done());
  EXPECT_EQ(
      world.Ask(OperatorOp::kPolicyLoad, wire::PolicyBytes{policy, {}}).code,
      OperatorCode::kAwaitsApproval);
}

}  // namespace
}  // namespace coffer::keeper_test
