// A crash between an operator's leaf and the state that carries it out: the
// next unseal says so.
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

using wire::LeafKind;

class NotCarriedOutTest : public testing::Test {
 protected:
  NotCarriedOutTest() { world_.Operate(); }
  // The n-th write from now fails, and the process dies.
  template <typename Act>
  void Cut(int write, Act act) {
    world_.files.writes_before_failure = write;
    act();
    world_.files.writes_before_failure = 0;
    ASSERT_TRUE(world_.Reopen().ok());
  }
  std::vector<wire::Leaf> Told() {
    std::vector<wire::Leaf> told;
    for (const wire::Leaf& leaf : world_.Tail(40)) {
      if (leaf.kind == LeafKind::kNotCarriedOut) told.push_back(leaf);
    }
    return told;
  }

  RotationWorld world_;
};

TEST_F(NotCarriedOutTest, LeafWithoutItsStateIsNamedBeforeTheUnseal) {
  const uint64_t leaf = world_.vault().next_leaf();
  // The leaf's batch is written, the state is not.
  Cut(2, [&] { EXPECT_FALSE(world_.Rotate().ok()); });
  EXPECT_EQ(world_.Version(2), nullptr);
  const auto tail = world_.Tail(3);
  EXPECT_EQ(tail[0].kind, LeafKind::kKeyRotate);
  EXPECT_EQ(tail[0].index, leaf);
  EXPECT_EQ(tail[1].kind, LeafKind::kNotCarriedOut);
  EXPECT_EQ(tail[1].detail, static_cast<uint32_t>(leaf));
  EXPECT_EQ(tail[1].revision, 0u);
  EXPECT_EQ(tail[1].uid, keeper::kKeeperUid);
  EXPECT_EQ(tail[2].kind, LeafKind::kUnseal);
  // Once.
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Told().size(), 1u);
}

TEST_F(NotCarriedOutTest, AtEveryCutItIsCarriedOutOrSaidNotToBe) {
  int named = 0;
  for (int write = 1; write < 8; ++write) {
    RotationWorld world;
    world.Operate();
    world.files.writes_before_failure = write;
    const bool done = world.Change(wire::InstitutionAction::kWithdraw).ok();
    world.files.writes_before_failure = 0;
    ASSERT_TRUE(world.Reopen().ok());
    const bool withdrawn =
        world.ring().institution(world.ring().FindInstitution("citi")).state ==
        wire::InstitutionState::kWithdrawn;
    bool asked = false, told = false;
    for (const wire::Leaf& leaf : world.Tail(40)) {
      asked |= leaf.kind == LeafKind::kInstitutionWithdraw;
      told |= leaf.kind == LeafKind::kNotCarriedOut;
    }
    EXPECT_EQ(told, asked && !withdrawn) << write;
    EXPECT_TRUE(withdrawn || !done) << write;
    named += told;
  }
  EXPECT_GT(named, 0);
}

TEST_F(NotCarriedOutTest, ManyAreBoundedAndTheLastSaysHowManyMore) {
  wire::Leaf leaf;
  leaf.kind = LeafKind::kKeyRotate;
  for (int i = 0; i < 11; ++i) ASSERT_TRUE(world_.vault().Record(leaf).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  const auto told = Told();
  ASSERT_EQ(told.size(), keeper::kNotCarriedOutMax);
  EXPECT_EQ(told[6].revision, 0u);
  EXPECT_EQ(told[7].revision, 3u);
}

TEST_F(NotCarriedOutTest, WhatNeedsNoStateIsNotNamed) {
  const KeptLink link = world_.Add();
  ASSERT_EQ(world_.Revoke(link), Rule::kAllowed);
  for (LeafKind kind : {LeafKind::kSlotTest, LeafKind::kKeyExport,
                        LeafKind::kSelfTest, LeafKind::kSeal}) {
    wire::Leaf leaf;
    leaf.kind = kind;
    ASSERT_TRUE(world_.vault().Record(leaf).ok());
  }
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(Told().empty());
}

}  // namespace
}  // namespace coffer::keeper_test
