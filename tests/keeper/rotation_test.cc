// Rotation of an institution's KEK, in process: it begins, goes on over a kill
// at any step, and ends with nothing left.
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

using base::Code;
using wire::LeafKind;

class RotationTest : public testing::Test {
 protected:
  RotationTest() { world_.Operate(); }

  // Every link of the store opens, all under the active KEK.
  void ExpectWhole(size_t links, std::string_view institution = "citi") {
    ASSERT_EQ(world_.store.size(), links);
    const int place = world_.ring().FindInstitution(institution);
    for (const auto& [id, link] : world_.store) {
      EXPECT_EQ(KekOf(link), world_.ring().ActiveKek(place)->id);
      EXPECT_TRUE(world_.Opens(link));
    }
  }
  wire::KeyListAnswer List() {
    wire::KeyListAnswer answer;
    EXPECT_TRUE(world_.keys().List({}, answer).ok());
    return answer;
  }
  wire::KeyRow RowOf(uint32_t version) {
    for (const wire::KeyRow& row : List().rows) {
      if (row.use == wire::KeyUse::kKek && row.institution == "citi" &&
          row.version == version) {
        return row;
      }
    }
    COFFER_CHECK(false);
  }

  RotationWorld world_;
};

TEST_F(RotationTest, EndsWithNothingLeftUnderADestroyedKey) {
  for (int i = 0; i < 40; ++i) world_.Add();
  const wire::KeyId old = world_.Version(1)->id;
  ASSERT_TRUE(world_.Rotate().ok());
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  EXPECT_EQ(world_.StateOf(2), KeyState::kActive);
  world_.Work();
  EXPECT_EQ(RowOf(1).links, 40u);
  EXPECT_TRUE(RowOf(1).counted);
  EXPECT_NE(RowOf(1).ended_at, 0u);
  // Meanwhile everything opens, old and new.
  KeptLink fresh = world_.Add();
  EXPECT_EQ(KekOf(fresh), world_.Version(2)->id);
  for (const auto& [id, link] : world_.store) EXPECT_TRUE(world_.Opens(link));
  world_.Walk();
  const auto leaves = world_.Tail(2);
  EXPECT_EQ(leaves[0].kind, LeafKind::kKeyDrained);
  EXPECT_EQ(leaves[1].kind, LeafKind::kKeyDestroy);
  EXPECT_EQ(leaves[1].uid, keeper::kKeeperUid);
  EXPECT_EQ(leaves[1].link_tag, old);
  ExpectWhole(41);
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_FALSE(world_.Version(1)->key.present());
  world_.Work();
  EXPECT_EQ(RowOf(1).links, 0u);
  EXPECT_EQ(RowOf(2).links, 41u);
  EXPECT_EQ(world_.ring().KekToOpen(0, old), nullptr);
  ASSERT_TRUE(world_.Reopen().ok());
  ExpectWhole(41);
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_TRUE(world_.Work().fields.rows.empty());
}

// The process is killed after every single step of the way; the store keeps
// what was committed.
TEST_F(RotationTest, GoesOnAfterAKillAtAnyStep) {
  for (int i = 0; i < 6; ++i) world_.Add();
  std::vector<wire::LinkId> ids;
  for (const auto& [id, link] : world_.store) ids.push_back(id);
  auto kill = [&] {
    ASSERT_TRUE(world_.Reopen().ok());
    for (const auto& [id, link] : world_.store) EXPECT_TRUE(world_.Opens(link));
    size_t living = 0;
    for (size_t i = 0; i < world_.ring().keks(); ++i) {
      living += world_.ring().kek(i).institution == 0 &&
                keeper::Lives(world_.ring().kek(i).state);
    }
    EXPECT_LE(living, 2u);
  };
  ASSERT_TRUE(world_.Rotate().ok());
  const wire::KeyId old = world_.Version(1)->id;
  kill();
  EXPECT_EQ(world_.StateOf(2), KeyState::kActive);
  for (const wire::LinkId& id : ids) {
    ASSERT_EQ(world_.Work().fields.rows.size, 1);
    const KeptLink before = world_.store[id];
    world_.Treat(id, "citi");
    // Answered, and the commit was lost with the process.
    world_.store[id] = before;
    kill();
    world_.Treat(id, "citi");
    kill();
  }
  EXPECT_EQ(world_.Drain(old), Rule::kAllowed);
  kill();  // it was only in memory: the gate walks again
  EXPECT_FALSE(world_.keys().due() && world_.ring().any_drained());
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  EXPECT_EQ(world_.Drain(old), Rule::kAllowed);
  world_.Quiet();
  kill();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_TRUE(world_.Work().fields.rows.empty());
  ExpectWhole(6);
}

TEST_F(RotationTest, AtMostTwoVersionsLive) {
  world_.Add();
  ASSERT_TRUE(world_.Rotate().ok());
  base::Status again = world_.Rotate();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_EQ(world_.Version(3), nullptr);
  // Another institution's goes its own way.
  EXPECT_TRUE(world_.Rotate("jpmorgan").ok());
  world_.Walk();
  EXPECT_TRUE(world_.Rotate().ok());
  EXPECT_FALSE(world_.Rotate("nobody").ok());
}

TEST_F(RotationTest, AllRotatesWhatCanAndSaysHowMany) {
  ASSERT_TRUE(world_.Rotate().ok());
  auto started = world_.RotateUse(wire::RotateTarget::kAll);
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(*started, 1u);
  EXPECT_EQ(*world_.RotateUse(wire::RotateTarget::kAll), 0u);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.StateOf(2), KeyState::kActive);
  EXPECT_EQ(world_.StateOf(2, "jpmorgan"), KeyState::kActive);
}

TEST_F(RotationTest, ManyRotationsKeepEightRowsAndEveryLink) {
  for (int i = 0; i < 3; ++i) world_.Add();
  for (uint32_t version = 2; version < 22; ++version) {
    ASSERT_TRUE(world_.Rotate().ok()) << version;
    world_.Walk();
    ExpectWhole(3);
    EXPECT_EQ(world_.StateOf(version), KeyState::kActive);
  }
  size_t rows = 0;
  for (size_t i = 0; i < world_.ring().keks(); ++i) {
    rows += world_.ring().kek(i).institution == 0;
  }
  EXPECT_EQ(rows, base::kKekVersionsMax);
  ASSERT_TRUE(world_.Reopen().ok());
  ExpectWhole(3);
}

TEST_F(RotationTest, FailedWriteOfAnyStepIsARotationThatBeganOrDidNot) {
  for (int nth = 1; nth < 12; ++nth) {
    RotationWorld world;
    world.Operate();
    world.Add();
    world.files.writes_before_failure = nth;
    const bool done = world.Rotate().ok();
    const bool latched = world.vault().state() == wire::VaultState::kError;
    EXPECT_FALSE(done && latched);
    ASSERT_TRUE(world.Reopen().ok()) << nth;
    EXPECT_TRUE(!done || world.StateOf(2) == KeyState::kActive) << nth;
    const bool begun = world.Version(2) != nullptr || world.Rotate().ok();
    ASSERT_TRUE(begun);
    world.Walk();
    EXPECT_EQ(world.StateOf(1), KeyState::kDestroyed);
    for (const auto& [id, link] : world.store) EXPECT_TRUE(world.Opens(link));
  }
}

TEST_F(RotationTest, FailedWriteOfTheDestructionLosesNoLink) {
  for (int nth = 1; nth < 12; ++nth) {
    RotationWorld world;
    world.Operate();
    world.Add();
    ASSERT_TRUE(world.Rotate().ok());
    for (const auto& [id, link] : world.store) world.Treat(id, "citi");
    ASSERT_EQ(world.Drain(world.Version(1)->id), Rule::kAllowed);
    world.files.writes_before_failure = nth;
    world.keys().CarryOutDue();
    ASSERT_TRUE(world.Reopen().ok()) << nth;
    for (const auto& [id, link] : world.store) EXPECT_TRUE(world.Opens(link));
    world.Walk();
    EXPECT_EQ(world.StateOf(1), KeyState::kDestroyed);
    ASSERT_TRUE(world.Reopen().ok()) << nth;
    for (const auto& [id, link] : world.store) EXPECT_TRUE(world.Opens(link));
  }
}

TEST_F(RotationTest, ByAgeBeginsAndEndsByItself) {
  wire::Policy policy = TestPolicy();
  policy.institutions[0].rotate_seconds = 3600;
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  world_.Add();
  EXPECT_EQ(RowOf(1).rotate_at, RowOf(1).created_at + 3600);
  world_.clock.Advance(3598);
  world_.Quiet();
  EXPECT_EQ(world_.Version(2), nullptr);
  world_.clock.Advance(3);
  world_.Quiet();
  ASSERT_NE(world_.Version(2), nullptr);
  EXPECT_EQ(world_.Version(2, "jpmorgan"), nullptr);
  EXPECT_EQ(world_.Tail(1)[0].uid, keeper::kKeeperUid);
  world_.Walk();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  ExpectWhole(1);
}

TEST_F(RotationTest, FloorsThatFillRotateEveryInstitutionAtMostOnceAMinute) {
  keeper::Floor floor{};
  floor.kind = keeper::FloorKind::kErased;
  floor.record_leaf = 1;
  floor.institution = 1;
  auto fill = [&] {
    for (uint32_t i = 0; i < base::kFloorsMax / 4 * 3; ++i) {
      std::memcpy(floor.key.data(), &i, sizeof i);
      floor.set_leaf = world_.vault().next_leaf();
      ASSERT_TRUE(world_.vault().floors().Raise(floor, true));
    }
  };
  fill();
  world_.clock.Advance(2);
  world_.Quiet();
  ASSERT_NE(world_.Version(2), nullptr);
  ASSERT_NE(world_.Version(2, "jpmorgan"), nullptr);
  world_.Walk();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_EQ(world_.vault().floors().size(), 0u);
  fill();
  world_.clock.Advance(2);
  world_.Quiet();
  EXPECT_EQ(world_.Version(3), nullptr);
  world_.clock.Advance(60);
  world_.Quiet();
  EXPECT_NE(world_.Version(3), nullptr);
}

TEST_F(RotationTest, JournalWithoutRoomBeginsNothing) {
  world_.files.disk_full = true;
  wire::Leaf leaf;
  leaf.kind = LeafKind::kLinkRead;
  while (world_.parts->journal.CanRecord()) {
    for (int i = 0; i < 1000 && world_.parts->journal.CanRecord(); ++i) {
      world_.vault().AddLeaf(leaf);
    }
    if (!world_.parts->journal.CanRecord()) {
      // The buffer or the file: only the file stays full after a sync.
      ASSERT_TRUE(
          world_.parts->journal.SyncNow(world_.ring().journal_key()).ok());
    }
  }
  base::Status rotated = world_.Rotate();
  ASSERT_FALSE(rotated.ok());
  EXPECT_EQ(rotated.error().code, Code::kFull);
  EXPECT_EQ(world_.Version(2), nullptr);
  EXPECT_EQ(world_.StateOf(1), KeyState::kActive);
}

}  // namespace
}  // namespace coffer::keeper_test
