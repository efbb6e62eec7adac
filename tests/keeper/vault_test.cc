// The vault's states and the clock it judges by, in process.
#include <gtest/gtest.h>

#include "tests/keeper/vault_world.h"

namespace coffer::keeper_test {
namespace {

using base::Code;
using wire::LeafKind;
using wire::Op;
using wire::Rule;
using wire::VaultState;

class VaultTest : public testing::Test {
 protected:
  World world_;
};

Code CodeOf(const base::Status& status) {
  return status.ok() ? Code{0} : status.error().code;
}

TEST_F(VaultTest, EmptyFilesAreUninitialisedAndRefuseAllButInit) {
  ASSERT_TRUE(world_.Start().ok());
  EXPECT_EQ(world_.vault().state(), VaultState::kUninitialised);
  EXPECT_EQ(CodeOf(world_.Unseal()), Code::kConflict);
  EXPECT_EQ(CodeOf(world_.vault().Seal(0)), Code::kSealed);
  EXPECT_EQ(CodeOf(world_.vault().AcceptClock(0)), Code::kSealed);
  EXPECT_EQ(CodeOf(world_.LoadPolicy(Encode(TestPolicy()))), Code::kSealed);
  world_.caller = world_.Connect(geteuid());
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kCreate, TestCreate(world_.caller))
                .rule(),
            Rule::kSealed);
}

TEST_F(VaultTest, InitEndsOperationalAndASecondChangesNothing) {
  world_.Operate();
  EXPECT_EQ(world_.vault().state(), VaultState::kOperational);
  const KeptLink link = world_.Create();
  const auto id = world_.vault().vault_id();
  EXPECT_EQ(CodeOf(world_.Init()), Code::kConflict);
  EXPECT_EQ(world_.vault().vault_id(), id);
  EXPECT_TRUE(world_.Issue(link).allowed());
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(CodeOf(world_.Init()), Code::kConflict);
  ASSERT_TRUE(world_.Unseal().ok());
  EXPECT_EQ(CodeOf(world_.Init()), Code::kConflict);
  EXPECT_EQ(world_.vault().vault_id(), id);
}

TEST_F(VaultTest, RefusedInitLeavesTheVaultUninitialised) {
  ASSERT_TRUE(world_.Start().ok());
  std::vector<uint8_t> policy = Encode(TestPolicy());
  policy[0] = wire::kPolicyFormat + 1;
  auto newer = world_.vault().Init(World::Question(policy), 0);
  EXPECT_EQ(newer.error().code, Code::kNewerFormat);
  policy[0] = wire::kPolicyFormat;
  policy.push_back(0);
  EXPECT_FALSE(world_.vault().Init(World::Question(policy), 0).ok());
  policy.pop_back();
  for (int kind : {0, 3, 77, 255}) {
    wire::OpenQuestion question = World::Question(policy);
    question.slot.kind = static_cast<wire::SlotKind>(kind);
    auto refused = world_.vault().Init(question, 0);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kInvalid);
  }
  EXPECT_EQ(world_.vault().state(), VaultState::kUninitialised);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(world_.vault().state(), VaultState::kUninitialised);
  EXPECT_TRUE(world_.Init().ok());
}

TEST_F(VaultTest, SealForgetsAndUnsealRemembers) {
  world_.Operate();
  const KeptLink link = world_.Create();
  const size_t free_while_open = world_.parts->arena->free_slots();
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  EXPECT_EQ(world_.vault().state(), VaultState::kSealed);
  // Index, journal, history, two KEKs, four signers, root and local token key.
  EXPECT_EQ(world_.parts->arena->free_slots(), free_while_open + 11);
  EXPECT_EQ(world_.vault().policy().callers.size, 0u);
  EXPECT_TRUE(world_.vault().policy_bytes().empty());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kSealed);
  EXPECT_EQ(CodeOf(world_.vault().Seal(0)), Code::kSealed);
  ASSERT_TRUE(world_.Unseal().ok());
  EXPECT_TRUE(world_.Issue(link).allowed());
  EXPECT_EQ(CodeOf(world_.Unseal()), Code::kConflict);
}

TEST_F(VaultTest, WrongSecretIsRefusedCountedAndLoggedAfterUnseal) {
  world_.Operate();
  ASSERT_TRUE(world_.Restart().ok());
  for (int bit : {0, 100, 255}) {
    wire::OpenQuestion wrong = World::Question();
    wrong.secret[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(CodeOf(world_.vault().Unseal(wrong, 0)), Code::kDenied);
    EXPECT_EQ(world_.vault().state(), VaultState::kSealed);
  }
  for (int id : {0, 2, 255}) {
    wire::OpenQuestion none = World::Question();
    none.slot.id = static_cast<uint8_t>(id);
    EXPECT_EQ(CodeOf(world_.vault().Unseal(none, 0)), Code::kNotFound);
  }
  wire::OperatorStatus status;
  world_.vault().FillStatus(status);
  EXPECT_EQ(status.unseal_failures, 3u);
  ASSERT_TRUE(world_.vault().Unseal(World::Question(), 4711).ok());
  const auto leaves = world_.Tail(2);
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_EQ(leaves[0].kind, LeafKind::kUnsealFailed);
  EXPECT_EQ(leaves[0].detail, 3u);
  EXPECT_EQ(leaves[1].kind, LeafKind::kUnseal);
  EXPECT_EQ(leaves[1].uid, 4711u);
}

TEST_F(VaultTest, SlotsParametersComeFromTheStateNeverFromTheQuestion) {
  world_.Operate();
  ASSERT_TRUE(world_.Restart().ok());
  wire::OpenQuestion question = World::Question();
  question.slot.kind = wire::SlotKind::kPassphrase;
  question.slot.argon2_passes = 99;
  question.slot.salt.fill(9);
  EXPECT_TRUE(world_.vault().Unseal(question, 0).ok());
}

TEST_F(VaultTest, LoadedPolicyIsInForceAtOnceAndAfterARestart) {
  world_.Operate();
  const KeptLink link = world_.Create();
  wire::Policy stricter = TestPolicy();
  stricter.rules.size = 0;
  ASSERT_TRUE(world_.LoadPolicy(Encode(stricter)).ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kNoIssueRule);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kNoIssueRule);
}

TEST_F(VaultTest, ConnectionIsMatchedAnewWhenThePolicyChanges) {
  world_.Operate();
  const KeptLink link = world_.Create();
  wire::Policy without = TestPolicy();
  without.callers[0].identity += 1;
  ASSERT_TRUE(world_.LoadPolicy(Encode(without)).ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kUnknownCaller);
}

TEST_F(VaultTest, RefusedPolicyLeavesTheOneInForce) {
  world_.Operate();
  const KeptLink link = world_.Create();
  std::vector<uint8_t> bytes = Encode(TestPolicy());
  for (size_t size = 0; size < bytes.size(); size += 97) {
    EXPECT_FALSE(world_.LoadPolicy(Bytes(bytes).first(size)).ok());
  }
  bytes[0] += 1;
  EXPECT_EQ(CodeOf(world_.LoadPolicy(bytes)), Code::kNewerFormat);
  EXPECT_TRUE(world_.Issue(link).allowed());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.Issue(link).allowed());
}

TEST_F(VaultTest, InstitutionLeftOutAndPutBackKeepsItsKey) {
  world_.Operate();
  const KeptLink link = world_.Create();
  wire::Policy without = TestPolicy();
  without.institutions[0].name = wire::Name("another");
  ASSERT_TRUE(world_.LoadPolicy(Encode(without)).ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kRuleInstitution);
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kCreate, TestCreate(world_.caller))
                .rule(),
            Rule::kUnknownInstitution);
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  EXPECT_TRUE(world_.Issue(link).allowed());
}

TEST_F(VaultTest, SweptKeysLeaveRoomForANewInstitution) {
  world_.Operate();
  keeper::Keyring& ring = world_.vault().keyring();
  // Every row taken, by institutions that rotated often.
  for (int i = 0; ring.keks() < base::kKeysMax; ++i) {
    const std::string name = "bank" + std::to_string(i);
    ASSERT_TRUE(ring.EnsureInstitution(name, 1).ok());
    const int place = ring.FindInstitution(name);
    for (int version = 0; version < 7 && ring.keks() < base::kKeysMax;
         ++version) {
      keeper::KekEntry& old = ring.kek(ring.keks() - 1);
      ring.AddKek(place, keeper::NewKek(ring.arena()), 1, 1);
      ring.Destroy(old, 1);
    }
  }
  wire::Policy more = TestPolicy();
  wire::PolicyInstitution bank = more.institutions[0];
  bank.name = wire::Name("wells");
  more.institutions.push_back(bank);
  EXPECT_EQ(CodeOf(world_.LoadPolicy(Encode(more))), Code::kFull);
  for (size_t i = 0; i < ring.keks(); ++i) {
    if (ring.kek(i).state != wire::KeyState::kDestroyed) continue;
    ring.kek(i).swept = true;
    break;
  }
  EXPECT_EQ(CodeOf(world_.LoadPolicy(Encode(more))), Code{0});
  EXPECT_GE(ring.FindInstitution("wells"), 0);
}

TEST_F(VaultTest, EveryUnsealStartsANewEpochAndANewLocalKey) {
  world_.Operate();
  const KeptLink link = world_.Create();
  auto issued = world_.Issue(link);
  ASSERT_TRUE(issued.allowed());
  const std::string token(issued.fields.token);
  wire::IssueItem item = TestIssue(world_.caller, link);
  item.format = wire::TokenFormat::kPublic;
  auto signed_one = world_.One<wire::IssueAnswer>(Op::kIssue, item);
  const std::string public_token(signed_one.fields.token);
  ASSERT_TRUE(world_.Redeem(token, link).allowed());
  ASSERT_TRUE(world_.Redeem(public_token, link).allowed());
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  ASSERT_TRUE(world_.Unseal().ok());
  EXPECT_FALSE(world_.Redeem(token, link).allowed());
  EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kTokenNotAuthentic);
  EXPECT_FALSE(world_.Redeem(public_token, link).allowed());
  EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kTokenBeforeUnseal);
}

TEST_F(VaultTest, LeafIndexesGoOnOverAKill) {
  world_.Operate();
  world_.Create();
  const uint64_t next = world_.vault().next_leaf();
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.vault().next_leaf(), next + 1);  // the unseal's own
  EXPECT_EQ(world_.Tail(1)[0].index, next);
}

// --- Floors -----------------------------------------------------------------

TEST_F(VaultTest, FloorsComeBackFromTheJournalAndFromTheSnapshot) {
  world_.Operate();
  const KeptLink early = world_.Create(), late = world_.Create(),
                 live = world_.Create();
  ASSERT_EQ(world_.Revoke(early), Rule::kAllowed);
  // A policy load writes the snapshot: `early` is in it, `late` is not.
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  ASSERT_EQ(world_.Revoke(late), Rule::kAllowed);
  for (int restart = 0; restart < 3; ++restart) {
    ASSERT_TRUE(world_.Reopen().ok());
    EXPECT_EQ(world_.vault().floors().size(), 2u);
    EXPECT_EQ(world_.Issue(early).rule(), Rule::kConsentRevoked);
    EXPECT_EQ(world_.Issue(late).rule(), Rule::kConsentRevoked);
    EXPECT_TRUE(world_.Issue(live).allowed());
  }
}

TEST_F(VaultTest, CleanStopLeavesNothingToReplayAndLosesNothing) {
  world_.Operate();
  const KeptLink link = world_.Create();
  ASSERT_EQ(world_.Revoke(link), Rule::kAllowed);
  ASSERT_TRUE(world_.vault().Stop().ok());
  EXPECT_EQ(world_.vault().state(), VaultState::kSealed);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kConsentRevoked);
}

// --- The clock --------------------------------------------------------------

TEST_F(VaultTest, TimeNeverStepsWhileOpenWhateverTheWallClockDoes) {
  world_.Operate();
  const uint64_t begin = world_.vault().Now();
  world_.clock.wall_seconds += 1000000;
  EXPECT_EQ(world_.vault().Now(), begin);
  world_.clock.wall_seconds -= 2000000;
  EXPECT_EQ(world_.vault().Now(), begin);
  world_.clock.boot_milliseconds += 59999;
  EXPECT_EQ(world_.vault().Now(), begin + 59);
}

TEST_F(VaultTest, WallClockFarFromTheRecordedTimeNeedsAnOperator) {
  const struct {
    int64_t step;
    bool accepted;
  } cases[] = {{0, true},           {-5, true},        {-6, false},
               {-86400, false},     {7 * 86400, true}, {7 * 86400 + 1, false},
               {366 * 86400, false}};
  for (const auto& each : cases) {
    World world;
    world.Operate();
    const KeptLink link = world.Create();
    const uint64_t recorded = world.vault().Now();
    world.clock.wall_seconds += static_cast<uint64_t>(each.step);
    world.clock.boot_milliseconds = 5;  // the host was started anew
    ASSERT_TRUE(world.Reopen().ok());
    EXPECT_EQ(world.vault().clock_accepted(), each.accepted) << each.step;
    const bool later = each.accepted && each.step > 0;
    EXPECT_EQ(world.vault().Now(), later ? world.clock.wall_seconds : recorded)
        << each.step;
    EXPECT_EQ(world.Issue(link).rule(),
              each.accepted ? Rule::kAllowed : Rule::kClock)
        << each.step;
  }
}

TEST_F(VaultTest, RefusedClockStopsIssueAndRedeemUntilItIsAccepted) {
  world_.Operate();
  const KeptLink link = world_.Create();
  world_.clock.wall_seconds -= 3600;
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kClock);
  EXPECT_EQ(world_.Redeem("v4.local.x", link).rule(), Rule::kClock);
  // What takes rights away goes on.
  const KeptLink other = world_.Create();
  EXPECT_EQ(world_.Revoke(other), Rule::kAllowed);
  // It holds over a restart, and over a seal.
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kClock);
  ASSERT_TRUE(world_.vault().AcceptClock(7).ok());
  EXPECT_EQ(world_.vault().Now(), world_.clock.wall_seconds);
  EXPECT_EQ(world_.Tail(1)[0].kind, LeafKind::kClockAccept);
  // Its consent is of a time to come, by this clock.
  world_.clock.Advance(3600 - base::kClockBackSecondsMax - 1);
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kClock);
  world_.clock.Advance(1);
  auto issued = world_.Issue(link);
  ASSERT_TRUE(issued.allowed());
  EXPECT_TRUE(world_.Redeem(issued.fields.token, link).allowed());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.vault().clock_accepted());
}

TEST_F(VaultTest, LeavesOfAKilledKeeperCountAsRecordedTime) {
  world_.Operate();
  world_.clock.Advance(3600);
  world_.Create();  // no snapshot follows
  world_.clock.wall_seconds -= 1800;
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_FALSE(world_.vault().clock_accepted());
}

TEST_F(VaultTest, TokenAndConsentEndOnTheSecondByTheKeepersClock) {
  world_.Operate();
  wire::CreateItem item = TestCreate(world_.caller);
  item.consent.duration_type = wire::DurationType::kTimeBound;
  item.consent.duration_period_days = 1;
  auto created = world_.One<wire::NewRecord>(Op::kCreate, item);
  const KeptLink link(created.fields);
  auto issued = world_.Issue(link);
  EXPECT_EQ(issued.fields.expires_in, 60u);
  world_.clock.Advance(59);
  EXPECT_EQ(world_.Redeem(issued.fields.token, link).fields.expires_in, 1u);
  world_.clock.Advance(1);
  EXPECT_FALSE(world_.Redeem(issued.fields.token, link).allowed());
  EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kTokenExpired);
  world_.clock.Advance(86400 - 70);
  issued = world_.Issue(link);
  EXPECT_EQ(issued.fields.expires_in, 10u);  // never past the consent's end
  world_.clock.Advance(10);
  EXPECT_EQ(world_.Issue(link).rule(), Rule::kConsentExpired);
}

}  // namespace
}  // namespace coffer::keeper_test
