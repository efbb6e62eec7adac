// Operations whose object is gone or another one: never proposed, or void.
#include "tests/keeper/operator_world.h"

namespace coffer::keeper_test {
namespace {

using wire::InstitutionAction;
using wire::InstitutionQuestion;

class StaleOperationTest : public testing::Test {
 protected:
  StaleOperationTest() { world_.OperateWith(2); }

  template <typename Question>
  OperatorCode Code(OperatorOp op, const Question& question) {
    return world_.Ask(op, question).code;
  }
  OperatorCode Withdraw(std::string_view name) {
    return Code(OperatorOp::kInstitutionChange,
                InstitutionQuestion{name, InstitutionAction::kWithdraw});
  }
  wire::OperationId ProposeWithdrawal(uint32_t uid) {
    return world_.Propose(
        OperatorOp::kInstitutionChange,
        InstitutionQuestion{"citi", InstitutionAction::kWithdraw}, uid);
  }
  void CarryOut(const wire::OperationId& id) {
    ASSERT_TRUE(world_.Approve(id, "alice").done());
    ASSERT_TRUE(world_.Approve(id, "bob").fields.carried_out);
  }
  void Admit() {
    ASSERT_TRUE(world_
                    .Ask(OperatorOp::kInstitutionChange,
                         InstitutionQuestion{"citi", InstitutionAction::kAdmit})
                    .done());
  }
  size_t Awaiting() {
    return world_
        .Ask<wire::OperationListAnswer>(OperatorOp::kOperationList,
                                        wire::EmptyQuestion{})
        .fields.rows.size;
  }

  OperatorWorld world_;
};

TEST_F(StaleOperationTest, WithdrawalOfAWithdrawnOrUnknownBankIsNotProposed) {
  EXPECT_EQ(Withdraw("nobody"), OperatorCode::kRefused);
  CarryOut(ProposeWithdrawal(1));
  const uint64_t leaves = world_.vault().next_leaf();
  EXPECT_EQ(Withdraw("citi"), OperatorCode::kRefused);
  EXPECT_EQ(world_.vault().next_leaf(), leaves);
  EXPECT_EQ(Awaiting(), 0u);
}

TEST_F(StaleOperationTest, WithdrawalFromBeforeAnAdmissionLeavesNewLinksAlone) {
  const auto first = ProposeWithdrawal(1);
  const auto second = ProposeWithdrawal(2);
  const auto alice = world_.Signed(second, "alice", world_.Statement(second));
  const auto bob = world_.Signed(second, "bob", world_.Statement(second));
  ASSERT_TRUE(world_.Approve(alice).done());
  CarryOut(first);
  Admit();
  const KeptLink link = world_.Create();
  auto late = world_.Approve(bob);
  EXPECT_EQ(late.code, OperatorCode::kRefused);
  EXPECT_NE(late.message.find("void"), std::string::npos);
  EXPECT_TRUE(world_.Issue(link).allowed());
  EXPECT_EQ(Awaiting(), 0u);
  // What is asked now says which keys it means.
  const auto third = ProposeWithdrawal(2);
  EXPECT_NE(third, second);
  EXPECT_NE(world_.Statement(third).find(
                "\nwhat institution withdraw citi key version 2\n"),
            std::string::npos);
  CarryOut(third);
  EXPECT_FALSE(world_.Issue(link).allowed());
}

TEST_F(StaleOperationTest, WithdrawalIsVoidOnceTheBankHasAnotherKeyOnly) {
  const auto citi = ProposeWithdrawal(1);
  const auto jpmorgan = world_.Propose(
      OperatorOp::kInstitutionChange,
      InstitutionQuestion{"jpmorgan", InstitutionAction::kWithdraw}, 1);
  const auto of_citi = world_.Signed(citi, "alice", world_.Statement(citi));
  world_.OldKey();
  EXPECT_EQ(world_.Approve(of_citi).code, OperatorCode::kRefused);
  CarryOut(jpmorgan);
}

TEST_F(StaleOperationTest, DestructionThatWouldBeRefusedIsNotProposed) {
  wire::KeyQuestion key;
  const auto destroy = OperatorOp::kKeyDestroy;
  EXPECT_EQ(Code(destroy, key), OperatorCode::kRefused);  // unknown
  key.id = world_.vault().keyring().ActiveKek(0)->id;
  EXPECT_EQ(Code(destroy, key), OperatorCode::kRefused);
  ASSERT_EQ(world_.OldKey(), key.id);
  keeper::KekEntry* kek = world_.vault().keyring().FindKek(key.id);
  kek->links = 1;
  EXPECT_EQ(Code(destroy, key), OperatorCode::kRefused);
  kek->links = 0;
  EXPECT_EQ(Code(destroy, key), OperatorCode::kAwaitsApproval);
  kek->destroy_at = 1;  // planned meanwhile
  EXPECT_EQ(Code(destroy, key), OperatorCode::kRefused);
  kek->destroy_at = 0;
  world_.vault().keyring().Destroy(*kek, 0);
  EXPECT_EQ(Code(destroy, key), OperatorCode::kRefused);
  key.id = keeper::ShortId(
      world_.vault().keyring().ActiveSigner(keeper::SigningUse::kToken).id);
  EXPECT_EQ(Code(destroy, key), OperatorCode::kRefused);
}

TEST_F(StaleOperationTest, RemovalOfTheLastOrOfNoSlotIsNotProposed) {
  const auto remove = OperatorOp::kSlotRemove;
  EXPECT_EQ(Code(remove, wire::SlotIdQuestion{1}), OperatorCode::kRefused);
  world_.AddSlot();
  EXPECT_EQ(Code(remove, wire::SlotIdQuestion{9}), OperatorCode::kRefused);
  EXPECT_EQ(Code(remove, wire::SlotIdQuestion{1}),
            OperatorCode::kAwaitsApproval);
}

}  // namespace
}  // namespace coffer::keeper_test
