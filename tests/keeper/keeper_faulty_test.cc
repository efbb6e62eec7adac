// A keeper whose cryptography gives one wrong answer: it comes up, says so,
// and does nothing else.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/keeper/keeper_process.h"

namespace coffer::keeper_test {
namespace {

using wire::OperatorCode;
using wire::OperatorOp;
using wire::VaultState;

class KeeperFaultyTest : public testing::Test {
 protected:
  KeeperFaultyTest() : folder_(MakeFolder()), keeper_(folder_) {}
  ~KeeperFaultyTest() override { unsetenv("COFFER_KEEPER"); }
  void StartFaulty() {
    setenv("COFFER_KEEPER", COFFER_FAULTY_KEEPER_PATH, 1);
    keeper_.Start();
  }
  std::string Reason() {
    OperatorReply reply =
        keeper_.Ask(OperatorOp::kStatus, wire::EmptyQuestion{});
    base::Decoder decoder{Bytes(reply.fields)};
    wire::OperatorStatus status;
    decoder.Struct(status);
    EXPECT_TRUE(decoder.finished());
    return std::string(status.reason);
  }

  std::string folder_;
  KeeperProcess keeper_;
};

TEST_F(KeeperFaultyTest, ComesUpInTheErrorStateAndNamesTheAlgorithm) {
  StartFaulty();
  EXPECT_EQ(keeper_.Status().state, VaultState::kError);
  EXPECT_NE(Reason().find("Ed25519"), std::string::npos) << Reason();
  EXPECT_FALSE(keeper_.Init(TestPolicy()).done());
  EXPECT_FALSE(keeper_.Unseal().done());
  OperatorReply tested =
      keeper_.Ask(OperatorOp::kSelfTest, wire::EmptyQuestion{});
  ASSERT_TRUE(tested.done()) << tested.message;
  base::Decoder decoder{Bytes(tested.fields)};
  wire::SelfTestAnswer answer;
  decoder.Struct(answer);
  size_t failed = 0;
  for (const wire::SelfTestResult& row : answer.results) {
    failed += !row.passed;
    EXPECT_EQ(row.passed, row.algorithm != "Ed25519") << row.algorithm;
  }
  EXPECT_EQ(failed, 1u);
  EXPECT_EQ(keeper_.Status().state, VaultState::kError);
  const os::ExitStatus ended = keeper_.Stop();
  EXPECT_FALSE(ended.signaled);
  EXPECT_EQ(ended.code, 0);
}

TEST_F(KeeperFaultyTest, LeavesTheVaultAsItWasForASoundProgram) {
  keeper_.Start();
  ASSERT_TRUE(keeper_.Init(TestPolicy()).done());
  keeper_.Stop();
  StartFaulty();
  EXPECT_EQ(keeper_.Status().state, VaultState::kError);
  EXPECT_FALSE(keeper_.Unseal().done());
  EXPECT_FALSE(keeper_.Ask(OperatorOp::kZeroize, wire::EmptyQuestion{}).done());
  keeper_.Stop();
  unsetenv("COFFER_KEEPER");
  keeper_.Start();
  EXPECT_EQ(keeper_.Status().state, VaultState::kSealed);
  EXPECT_TRUE(keeper_.Unseal().done());
}

// A caller of the faulty one is refused; nothing is decided there.
TEST_F(KeeperFaultyTest, RefusesCallers) {
  StartFaulty();
  Caller caller = keeper_.Connect();
  EXPECT_EQ(
      keeper_.One<wire::NewRecord>(wire::Op::kCreate, TestCreate(caller.id))
          .rule(),
      wire::Rule::kSealed);
}

}  // namespace
}  // namespace coffer::keeper_test
