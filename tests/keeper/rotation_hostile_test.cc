// A gate that lies in its upkeep: other wraps, other links, other institutions,
// again and out of order. It may lose records; it never opens, revives or mixes
// one.
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

class RotationHostileTest : public testing::Test {
 protected:
  RotationHostileTest() {
    world_.Operate();
    one_ = world_.Add();
    two_ = world_.Add();
    other_ = world_.Add("jpmorgan");
  }

  RotationWorld world_;
  KeptLink one_, two_, other_;
};

TEST_F(RotationHostileTest, NothingIsRewrappedWithoutARotation) {
  EXPECT_EQ(world_.RewrapOne(one_).rule, Rule::kKeyNotToRewrap);
}

TEST_F(RotationHostileTest, WrapOfAnotherInstitutionIsRefused) {
  ASSERT_TRUE(world_.Rotate().ok());
  ASSERT_TRUE(world_.Rotate("jpmorgan").ok());
  EXPECT_EQ(world_.RewrapOne(other_, "citi").rule, Rule::kKeyUnavailable);
  EXPECT_EQ(world_.RewrapOne(one_, "jpmorgan").rule, Rule::kKeyUnavailable);
  EXPECT_EQ(world_.Rewrap({one_}, "nobody").rule(), Rule::kUnknownInstitution);
  EXPECT_EQ(world_.Drain(world_.Version(1)->id, "jpmorgan"),
            Rule::kKeyUnavailable);
}

TEST_F(RotationHostileTest, WrapsOfSwappedLinksDoNotOpen) {
  ASSERT_TRUE(world_.Rotate().ok());
  KeptLink mixed = one_;
  mixed.wrap = two_.wrap;
  EXPECT_EQ(world_.RewrapOne(mixed).rule, Rule::kRecordDamaged);
}

// Each byte of the wrap is bound, by the old key's box and by the new one's.
TEST_F(RotationHostileTest, EveryFlippedByteOfAWrapIsRefusedOnTheWayOver) {
  ASSERT_TRUE(world_.Rotate().ok());
  for (size_t i = 0; i < one_.wrap.size(); ++i) {
    KeptLink flipped = one_;
    flipped.wrap[i] ^= 1;
    EXPECT_NE(world_.RewrapOne(flipped).rule, Rule::kAllowed) << i;
  }
  for (size_t i = 0; i < one_.wrap.size(); ++i) {
    KeptLink cut = one_;
    cut.wrap.resize(i);
    EXPECT_EQ(world_.RewrapOne(cut).rule, Rule::kRecordDamaged) << i;
  }
  for (size_t i = 0; i < one_.link.size(); ++i) {
    KeptLink flipped = one_;
    flipped.link[i] ^= 1;
    EXPECT_EQ(world_.RewrapOne(flipped).rule, Rule::kRecordDamaged) << i;
  }
  const KeptLink carried = world_.Carried(one_);
  ASSERT_TRUE(world_.Opens(carried));
  for (size_t i = 0; i < carried.wrap.size(); ++i) {
    KeptLink flipped = carried;
    flipped.wrap[i] ^= 1;
    EXPECT_FALSE(world_.Opens(flipped)) << i;
  }
}

TEST_F(RotationHostileTest, AgainAndDescendingGivesTheSameLinksAndNoMore) {
  ASSERT_TRUE(world_.Rotate().ok());
  const KeptLink first = world_.Carried(two_), again = world_.Carried(two_);
  const KeptLink lower = world_.Carried(one_);
  for (const KeptLink& link : {first, again, lower}) {
    EXPECT_TRUE(world_.Opens(link));
  }
  EXPECT_EQ(world_.RewrapOne(first).rule, Rule::kKeyNotToRewrap);
  EXPECT_EQ(world_.vault().floors().size(), 0u);
  // Revoked, every copy is.
  ASSERT_EQ(world_.Revoke(again), Rule::kAllowed);
  for (const KeptLink& link : {first, again, two_}) {
    EXPECT_EQ(world_.Issue(link).rule(), Rule::kConsentRevoked);
  }
}

TEST_F(RotationHostileTest, RowsHaveTheirOwnVerdicts) {
  const KeptLink dead = world_.Add();
  ASSERT_EQ(world_.EraseLink(dead), Rule::kAllowed);
  ASSERT_TRUE(world_.Rotate().ok());
  KeptLink damaged = two_;
  damaged.wrap.back() ^= 1;
  auto reply = world_.Rewrap({one_, dead, damaged, other_, two_});
  ASSERT_TRUE(reply.allowed());
  ASSERT_EQ(reply.fields.rows.size, 5);
  EXPECT_EQ(reply.fields.kek, world_.Version(2)->id);
  const Rule expected[] = {Rule::kAllowed, Rule::kLinkErased,
                           Rule::kRecordDamaged, Rule::kKeyUnavailable,
                           Rule::kAllowed};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(reply.fields.rows[i].rule, expected[i]) << i;
  }
}

TEST_F(RotationHostileTest, FullItemFitsItsAnswer) {
  std::vector<KeptLink> links(base::kRewrapRowsMax, one_);
  ASSERT_TRUE(world_.Rotate().ok());
  auto reply = world_.Rewrap(links);
  ASSERT_TRUE(reply.allowed());
  EXPECT_EQ(reply.fields.rows.size, base::kRewrapRowsMax);
}

TEST_F(RotationHostileTest, ActiveUnknownAndFinishedKeysAreNotDrained) {
  EXPECT_EQ(world_.Drain(world_.Version(1)->id), Rule::kKeyNotToRewrap);
  EXPECT_EQ(world_.Drain({1, 2, 3}), Rule::kKeyUnavailable);
  EXPECT_EQ(world_.Drain(world_.Version(1)->id, "nobody"),
            Rule::kKeyUnavailable);
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kActive);
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Walk();
  const uint64_t leaves = world_.vault().next_leaf();
  EXPECT_EQ(world_.Drain(world_.Version(1)->id), Rule::kAllowed);
  world_.Quiet();
  EXPECT_EQ(world_.vault().next_leaf(), leaves);
}

// It says "drained" and still has links: they are lost, as if it had deleted
// them; none opens, none is revived.
TEST_F(RotationHostileTest, FalselyDrainedLosesTheLinksAndNothingElse) {
  ASSERT_TRUE(world_.Rotate().ok());
  const KeptLink carried = world_.Carried(one_);
  ASSERT_EQ(world_.Drain(world_.Version(1)->id), Rule::kAllowed);
  world_.Quiet();
  EXPECT_TRUE(world_.Opens(carried));
  EXPECT_EQ(world_.Issue(two_).rule(), Rule::kKeyDestroyed);
  EXPECT_EQ(world_.RewrapOne(two_).rule, Rule::kKeyDestroyed);
  EXPECT_EQ(world_.ReadLink(two_).rule(), Rule::kKeyDestroyed);
}

TEST_F(RotationHostileTest, SealedVaultDoesNoUpkeep) {
  ASSERT_TRUE(world_.Rotate().ok());
  const wire::KeyId old = world_.Version(1)->id;
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  EXPECT_EQ(world_.Work().rule(), Rule::kSealed);
  EXPECT_EQ(world_.Rewrap({one_}).rule(), Rule::kSealed);
  EXPECT_EQ(world_.Drain(old), Rule::kSealed);
  wire::SettleItem item{one_.link, one_.Stored(false)};
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kSettle, item).rule(),
            Rule::kSealed);
  EXPECT_EQ(
      world_.One<wire::EmptyAnswer>(Op::kAdopted, wire::AdoptedItem{}).rule(),
      Rule::kSealed);
  EXPECT_FALSE(world_.keys().due());
}

TEST_F(RotationHostileTest, OnlyTheStoreThatWasAskedForIsAdopted) {
  wire::AdoptedItem item;
  item.adopted = true;
  EXPECT_EQ(world_.One<wire::EmptyAnswer>(Op::kAdopted, item).rule(),
            Rule::kMalformedRequest);
  world_.vault().adoption().digest = {7};
  EXPECT_EQ(world_.Work().fields.adopt, (wire::ByteArray<32>{7}));
  item.digest = {8};
  EXPECT_EQ(world_.One<wire::EmptyAnswer>(Op::kAdopted, item).rule(),
            Rule::kMalformedRequest);
  item.digest = {7};
  EXPECT_TRUE(world_.One<wire::EmptyAnswer>(Op::kAdopted, item).allowed());
  EXPECT_TRUE(world_.vault().adoption().done);
  EXPECT_TRUE(world_.vault().adoption().adopted);
  EXPECT_EQ(world_.Work().fields.adopt, (wire::ByteArray<32>{}));
  EXPECT_EQ(world_.One<wire::EmptyAnswer>(Op::kAdopted, item).rule(),
            Rule::kMalformedRequest);
}

// An older store holds wraps again under a key that was destroyed: it is walked
// once more, and they are swept.
TEST_F(RotationHostileTest, AdoptedStoreIsWalkedAgain) {
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Walk();
  ASSERT_TRUE(world_.Work().fields.rows.empty());
  world_.vault().adoption().digest = {7};
  wire::AdoptedItem item{{7}, true};
  ASSERT_TRUE(world_.One<wire::EmptyAnswer>(Op::kAdopted, item).allowed());
  world_.store[one_.link] = one_;
  ASSERT_EQ(world_.Work().fields.rows.size, 1);
  world_.Walk();
  EXPECT_EQ(world_.store.count(one_.link), 0u);
  EXPECT_TRUE(world_.Work().fields.rows.empty());
}

}  // namespace
}  // namespace coffer::keeper_test
