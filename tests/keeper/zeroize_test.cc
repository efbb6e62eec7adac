// The two ends of a vault: zeroize, and a self-test that fails.
#include <chrono>
#include <fstream>

#include "crypto/self_test_fault.h"
#include "tests/keeper/operator_world.h"
#include "vault/os/keeper_cage.h"

namespace coffer::keeper_test {
namespace {

using base::Code;
using wire::VaultState;

// Eight bytes of a key, kept so that memory does not hold them once more.
struct Needle {
  static constexpr uint8_t kMask = 0xa5;
  uint8_t bytes[8];

  template <typename Key>
  explicit Needle(const Key& key) {
    const Bytes view = crypto::SecretKeyBytes::View(key);
    for (size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<uint8_t>(view[i] ^ kMask);
    }
  }
  bool At(const uint8_t* place) const {
    for (size_t i = 0; i < 8; ++i) {
      if ((place[i] ^ kMask) != bytes[i]) return false;
    }
    return true;
  }
};

// How often one of the needles lies in writable memory of this process.
[[maybe_unused]] size_t CountInMemory(const std::vector<Needle>& needles) {
  size_t hits = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0, to = 0;
    char rights[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, rights) != 3 ||
        rights[0] != 'r' || rights[1] != 'w') {
      continue;
    }
    const uint8_t* const end = reinterpret_cast<const uint8_t*>(to) - 8;
    for (auto* at = reinterpret_cast<const uint8_t*>(from); at <= end;
         at += 8) {
      for (const Needle& needle : needles) hits += needle.At(at);
    }
  }
  return hits;
}

bool AllZeros(const std::vector<uint8_t>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](uint8_t byte) { return byte == 0; });
}

TEST(Zeroize, KeysAreGoneFromMemoryWithinTenMilliseconds) {
#ifdef COFFER_SANITIZED
  GTEST_SKIP() << "shadow memory cannot be walked";
#else
  OperatorWorld world;
  world.Operate();
  const KeptLink link = world.Create();
  ASSERT_TRUE(world.Issue(link).allowed());
  const keeper::Keyring& keyring = world.vault().keyring();
  const std::vector<Needle> needles = {
      Needle(world.vault().root()),
      Needle(keyring.index_key()),
      Needle(keyring.journal_key()),
      Needle(keyring.ActiveKek(keyring.FindInstitution("citi"))->key),
      Needle(keyring.ActiveSigner(keeper::SigningUse::kToken).key),
  };
  ASSERT_GE(CountInMemory(needles), needles.size());  // the control
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(world.vault().Destroy().ok());
  const auto taken = std::chrono::steady_clock::now() - before;
  EXPECT_EQ(CountInMemory(needles), 0u);
  const double milliseconds =
      std::chrono::duration<double, std::milli>(taken).count();
  RecordProperty("milliseconds", std::to_string(milliseconds));
  std::printf("zeroize: %.2f ms\n", milliseconds);
  EXPECT_LT(milliseconds, 10.0);
#endif
}

TEST(Zeroize, StateFileIsZerosAndNoSlotOpensAnyMore) {
  OperatorWorld world;
  world.Operate();
  world.Create();
  ASSERT_TRUE(world.vault().Seal(0).ok());
  ASSERT_TRUE(world.Unseal().ok());
  ASSERT_TRUE(world.vault().Destroy().ok());
  EXPECT_TRUE(AllZeros(world.files.file(kState).cache));
  EXPECT_TRUE(AllZeros(world.files.file(kState).durable));
  EXPECT_EQ(world.vault().state(), VaultState::kError);
  EXPECT_FALSE(world.Unseal().ok());
  // The next start says why there is nothing to unseal.
  base::Status started = world.Restart();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kConflict);
  EXPECT_NE(std::string(started.error().message).find("zeroized"),
            std::string::npos);
}

TEST(Zeroize, MemoryIsWipedWhenTheDiskRefuses) {
  OperatorWorld world;
  world.Operate();
  world.files.writes_before_failure = 1;
  EXPECT_EQ(world.vault().Destroy().error().code, Code::kIo);
  EXPECT_EQ(world.vault().state(), VaultState::kError);
  EXPECT_EQ(world.parts->arena->free_slots(), 320u - 3u);
}

// Secret memory is not there after a fork: the child starts anew.
class ZeroizeDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
  }
};

TEST_F(ZeroizeDeathTest, EndsTheProcessWithItsOwnCode) {
  OperatorWorld world;
  world.Operate();
  EXPECT_EXIT(world.AskRaw(OperatorOp::kZeroize, {}),
              testing::ExitedWithCode(os::kZeroizedExit), "zeroized");
}

TEST_F(ZeroizeDeathTest, SealedVaultWithoutQuorumCanBeZeroized) {
  OperatorWorld world;
  world.Operate();
  ASSERT_TRUE(world.vault().Seal(0).ok());
  EXPECT_EXIT(world.AskRaw(OperatorOp::kZeroize, {}),
              testing::ExitedWithCode(os::kZeroizedExit), "zeroized");
}

TEST_F(ZeroizeDeathTest, TwoApprovalsCarryItThrough) {
  OperatorWorld world;
  world.OperateWith(2);
  auto told = world.AskRaw<wire::AwaitingAnswer>(OperatorOp::kZeroize, {});
  ASSERT_TRUE(told.awaits());
  const auto id = told.fields.id;
  ASSERT_TRUE(world.Approve(id, "alice").done());
  EXPECT_EXIT(world.Approve(id, "bob"),
              testing::ExitedWithCode(os::kZeroizedExit), "zeroized");
}

TEST(Zeroize, NothingIsDoneWhereThereIsNoVault) {
  OperatorWorld world;
  ASSERT_TRUE(world.Start().ok());
  EXPECT_EQ(world.AskRaw(OperatorOp::kZeroize, {}).code,
            OperatorCode::kRefused);
  EXPECT_EQ(world.vault().state(), VaultState::kUninitialised);
}

// --- Self-tests

TEST(SelfTestState, OneFailureLatchesTheErrorStateAndIsNamed) {
  auto arena = std::move(base::SecretArena::Create(8)).value();
  const size_t rows = crypto::RunSelfTests(*arena).size;
  for (size_t faulty = 0; faulty < rows; ++faulty) {
    OperatorWorld world;
    EXPECT_EQ(world.vault().state(), VaultState::kSelfTest);
    const auto report = crypto::RunSelfTestsWithFault(*arena, faulty);
    ASSERT_TRUE(world.vault().Start(report).ok());
    EXPECT_EQ(world.vault().state(), VaultState::kError);
    const std::string reason = world.vault().error_reason();
    EXPECT_NE(reason.find(report.rows[faulty].algorithm), std::string::npos)
        << reason;
    EXPECT_FALSE(world.Init().ok());
    EXPECT_FALSE(world.Unseal().ok());
    EXPECT_EQ(world.vault().state(), VaultState::kError);
    EXPECT_EQ(world.AskRaw(OperatorOp::kZeroize, {}).code,
              OperatorCode::kRefused);
  }
}

TEST(SelfTestState, FailureAtWorkLatchesAndForgetsTheKeys) {
  auto arena = std::move(base::SecretArena::Create(8)).value();
  OperatorWorld world;
  world.Operate();
  const KeptLink link = world.Create();
  auto passed = world.Ask<wire::SelfTestAnswer>(OperatorOp::kSelfTest,
                                                wire::EmptyQuestion{});
  ASSERT_TRUE(passed.done());
  EXPECT_EQ(passed.fields.results.size, 12u);
  EXPECT_FALSE(world.vault()
                   .LogSelfTest(0, crypto::RunSelfTestsWithFault(*arena, 3))
                   .ok());
  EXPECT_EQ(world.vault().state(), VaultState::kError);
  EXPECT_EQ(world.Issue(link).rule(), wire::Rule::kSealed);
  // Latched: a later pass does not bring it back.
  EXPECT_TRUE(world.Ask(OperatorOp::kSelfTest, wire::EmptyQuestion{}).code !=
              OperatorCode::kMalformed);
  EXPECT_EQ(world.vault().state(), VaultState::kError);
}

TEST(SelfTestState, EveryReasonFitsItsRoom) {
  OperatorWorld world;
  crypto::SelfTestReport all;
  for (auto& row : all.rows)
    row = {std::string_view("a name of some length"), false};
  all.size = crypto::kSelfTestRowsMax;
  ASSERT_TRUE(world.vault().Start(all).ok());
  EXPECT_LE(std::strlen(world.vault().error_reason()),
            wire::kOperatorMessageBytesMax);
}

}  // namespace
}  // namespace coffer::keeper_test
