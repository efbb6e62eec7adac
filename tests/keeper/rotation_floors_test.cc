// Floors under rotation: what they refuse is never carried over, they end with
// the keys they guarded, and they do not come back
// (docs/adr/0014-floors-and-rotation.md).
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

class RotationFloorsTest : public testing::Test {
 protected:
  RotationFloorsTest() { world_.Operate(); }
  size_t floors() { return world_.vault().floors().size(); }
  // Until no token from before now can be shown.
  void PassTokens() {
    for (int i = 0; i < 2; ++i) {
      world_.clock.Advance(base::kTokenSecondsMax + 2);
      world_.Quiet();
    }
  }
  // The journal has only the room left that is kept for kills.
  void FillUpToTheKills() {
    world_.files.disk_full = true;
    keeper::Journal& journal = world_.parts->journal;
    wire::Leaf leaf;
    leaf.kind = wire::LeafKind::kLinkRead;
    while (journal.CanAppend(false)) {
      for (int i = 0; i < 1000 && journal.CanAppend(false); ++i) {
        leaf.time = 0;
        world_.vault().AddLeaf(leaf);
      }
      ASSERT_TRUE(journal.SyncNow(world_.ring().journal_key()).ok());
    }
  }
  // The record is refused by the new key as it was by the old one.
  void ExpectDead(const KeptLink& link) {
    EXPECT_FALSE(world_.Opens(link));
    EXPECT_NE(world_.RewrapOne(link).rule, Rule::kAllowed);
  }

  RotationWorld world_;
};

TEST_F(RotationFloorsTest, RevokedErasedUsedAndReplacedRecordsAreNotCarried) {
  const KeptLink revoked = world_.Add(), erased = world_.Add(),
                 replaced = world_.Add(),
                 of_subject = world_.Add("citi", "cust-2");
  ASSERT_EQ(world_.Revoke(revoked), Rule::kAllowed);
  ASSERT_EQ(world_.EraseLink(erased), Rule::kAllowed);
  const KeptLink next = world_.Replace(replaced);
  ASSERT_EQ(world_.EraseSubject("cust-2"), Rule::kAllowed);
  ASSERT_TRUE(world_.Rotate().ok());
  EXPECT_EQ(world_.RewrapOne(revoked).rule, Rule::kConsentRevoked);
  EXPECT_EQ(world_.RewrapOne(erased).rule, Rule::kLinkErased);
  EXPECT_EQ(world_.RewrapOne(replaced).rule, Rule::kRecordStale);
  EXPECT_EQ(world_.RewrapOne(of_subject).rule, Rule::kLinkErased);
  EXPECT_EQ(world_.RewrapOne(next).rule, Rule::kAllowed);
  const wire::RewrapResult refused = world_.RewrapOne(erased);
  EXPECT_EQ(refused.box, decltype(refused.box){});
}

TEST_F(RotationFloorsTest, TheyEndWithTheKeyAndDoNotComeBack) {
  std::vector<KeptLink> dead;
  std::vector<wire::LinkId> kept;
  for (int i = 0; i < 8; ++i) {
    KeptLink& link = world_.Add();
    dead.push_back(link);
    link = world_.Replace(link);
    dead.push_back(link);
    link = world_.Replace(link);
    kept.push_back(link.link);
  }
  const KeptLink revoked = world_.Add();
  ASSERT_EQ(world_.Revoke(revoked), Rule::kAllowed);
  world_.store[revoked.link] = revoked;  // the store never got the new record
  const KeptLink erased = world_.Add();
  ASSERT_EQ(world_.EraseLink(erased), Rule::kAllowed);
  ASSERT_EQ(world_.EraseSubject("cust-9"), Rule::kAllowed);
  dead.push_back(erased);
  EXPECT_EQ(floors(), 8u + 3u);
  for (int rotation = 0; rotation < 3; ++rotation) {
    ASSERT_TRUE(world_.Rotate().ok());
    // A subject's floor concerns every institution.
    ASSERT_TRUE(world_.Rotate("jpmorgan").ok());
    world_.Walk();
    PassTokens();
    // The settled record's floor was set under the new key.
    EXPECT_EQ(floors(), rotation == 0 ? 1u : 0u);
    for (const wire::LinkId& id : kept) {
      EXPECT_TRUE(world_.Opens(world_.store[id]));
    }
    EXPECT_EQ(floors(), rotation == 0 ? 1u : 0u);
    for (const KeptLink& link : dead) ExpectDead(link);
    EXPECT_EQ(world_.Issue(world_.store[revoked.link]).rule(),
              Rule::kConsentRevoked);
    ASSERT_TRUE(world_.Reopen().ok());
    // The state's snapshot may have more of them; every token is void by now.
    world_.Quiet();
    EXPECT_EQ(floors(), rotation == 0 ? 1u : 0u);
    for (const KeptLink& link : dead) ExpectDead(link);
  }
}

TEST_F(RotationFloorsTest, AFloorOfOneInstitutionOutlivesAnothersRotation) {
  const KeptLink citi = world_.Add();
  ASSERT_EQ(world_.Revoke(citi), Rule::kAllowed);
  ASSERT_EQ(world_.EraseSubject("cust-9"), Rule::kAllowed);
  ASSERT_TRUE(world_.Rotate("jpmorgan").ok());
  world_.Walk();
  PassTokens();
  EXPECT_EQ(floors(), 2u);
  EXPECT_EQ(world_.Issue(citi).rule(), Rule::kConsentRevoked);
}

TEST_F(RotationFloorsTest, TokenPartHoldsTheFloorUntilTheTokensAreOver) {
  const KeptLink link = world_.Add();
  const std::string token(world_.Issue(link).fields.token);
  ASSERT_EQ(world_.Revoke(link), Rule::kAllowed);
  world_.store.clear();
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Walk();
  EXPECT_EQ(floors(), 1u);
  EXPECT_FALSE(world_.Redeem(token, link).allowed());
  PassTokens();
  EXPECT_EQ(floors(), 0u);
}

// The records of an erased link's tokens open no more, whatever their time.
TEST_F(RotationFloorsTest, ErasedFloorGoesWithItsKeyAndItsTokensWithIt) {
  const KeptLink link = world_.Add();
  const std::string token(world_.Issue(link).fields.token);
  ASSERT_EQ(world_.EraseLink(link), Rule::kAllowed);
  EXPECT_FALSE(world_.Redeem(token, link).allowed());
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Walk();
  EXPECT_EQ(floors(), 0u);
  EXPECT_FALSE(world_.Redeem(token, link).allowed());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_FALSE(world_.Redeem(token, link).allowed());
}

// A gate that keeps "committed" back and shows old and new in any order: one
// record of the link lives under the new key, never the old beside the new.
TEST_F(RotationFloorsTest, HeldBackRevisionIsNotCarriedBesideTheNewOne) {
  const KeptLink old = world_.Add();
  const KeptLink next = world_.ReplaceUnconfirmed(old);
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_TRUE(world_.Rotate().ok());
  // New first.
  const KeptLink carried = world_.Carried(next);
  EXPECT_EQ(world_.RewrapOne(old).rule, Rule::kRecordStale);
  EXPECT_FALSE(world_.Opens(old));
  world_.Drain(world_.Version(1)->id);
  world_.Quiet();
  PassTokens();
  EXPECT_TRUE(world_.Opens(carried));
  ExpectDead(old);
}

TEST_F(RotationFloorsTest, HeldBackRevisionCarriedFirstDiesWithTheNewOne) {
  const KeptLink old = world_.Add();
  const KeptLink next = world_.ReplaceUnconfirmed(old);
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_TRUE(world_.Rotate().ok());
  const KeptLink carried_old = world_.Carried(old);
  const KeptLink carried_next = world_.Carried(next);
  ASSERT_TRUE(world_.Reopen().ok());  // the floor is durable
  EXPECT_TRUE(world_.Opens(carried_next));
  EXPECT_EQ(world_.Issue(carried_old).rule(), Rule::kRecordStale);
  world_.Drain(world_.Version(1)->id);
  world_.Quiet();
  PassTokens();
  // And over the next rotation, and the one after it.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world_.Issue(carried_old).rule() == Rule::kAllowed, false);
    ASSERT_TRUE(world_.Rotate().ok());
    EXPECT_NE(world_.RewrapOne(carried_old).rule, Rule::kAllowed);
    world_.Walk();
    PassTokens();
    EXPECT_EQ(world_.Issue(carried_old).rule(), Rule::kKeyDestroyed);
  }
}

TEST_F(RotationFloorsTest, TwoReplacementsOfOneRecordAreNotBothCarried) {
  const KeptLink old = world_.Add();
  const KeptLink one = world_.ReplaceUnconfirmed(old);
  ASSERT_TRUE(world_.Reopen().ok());
  const KeptLink two = world_.ReplaceUnconfirmed(old);
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_TRUE(world_.Rotate().ok());
  const KeptLink first = world_.Carried(one);
  const KeptLink second = world_.Carried(two);
  EXPECT_EQ(world_.Issue(first).rule(), Rule::kRecordStale);
  EXPECT_EQ(world_.RewrapOne(one).rule, Rule::kRecordStale);
  EXPECT_EQ(world_.RewrapOne(old).rule, Rule::kRecordStale);
  EXPECT_TRUE(world_.Opens(second));
}

// The record that a rotation under way sealed under the new key, beside the old
// one that it carried over.
TEST_F(RotationFloorsTest, ReplacedDuringARotationTheCarriedOneDies) {
  const KeptLink old = world_.Add();
  ASSERT_TRUE(world_.Rotate().ok());
  const KeptLink carried = world_.Carried(old);
  const KeptLink next = world_.ReplaceUnconfirmed(carried);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.Opens(carried));
  EXPECT_TRUE(world_.Opens(next));
  EXPECT_EQ(world_.Issue(carried).rule(), Rule::kRecordStale);
  EXPECT_EQ(world_.RewrapOne(old).rule, Rule::kRecordStale);
}

TEST_F(RotationFloorsTest, SettledRecordIsRevokedWithoutBankToken) {
  const KeptLink link = world_.Add();
  ASSERT_EQ(world_.Revoke(link), Rule::kAllowed);
  ASSERT_TRUE(world_.Rotate().ok());
  wire::SettleItem item{link.link, link.Stored(false)};
  auto settled = world_.One<wire::NewRecord>(Op::kSettle, item);
  ASSERT_TRUE(settled.allowed());
  EXPECT_EQ(world_.Tail(1)[0].kind, wire::LeafKind::kConsentSettle);
  const KeptLink after(settled.fields);
  EXPECT_EQ(after.revision, link.revision + 1);
  EXPECT_TRUE(after.token_box.empty());
  EXPECT_EQ(KekOf(after), world_.Version(2)->id);
  auto read = world_.ReadLink(after);
  ASSERT_TRUE(read.allowed());
  EXPECT_EQ(read.fields.status, wire::ConsentStatus::kRevoked);
  EXPECT_EQ(read.fields.reason, wire::RevocationReason::kUserAction);
  // Once settled, or where no floor wants it, nothing is sealed.
  item.stored = after.Stored(false);
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kSettle, item).rule(),
            Rule::kAlreadyRevoked);
  const KeptLink alive = world_.Add();
  item = {alive.link, alive.Stored(false)};
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kSettle, item).rule(),
            Rule::kKeyNotToRewrap);
  const KeptLink erased = world_.Add();
  ASSERT_EQ(world_.EraseLink(erased), Rule::kAllowed);
  item = {erased.link, erased.Stored(false)};
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kSettle, item).rule(),
            Rule::kLinkErased);
}

// Its floor is in force already: the kills' room in the journal is not for it.
TEST_F(RotationFloorsTest, SettlingLeavesTheRoomForKills) {
  const KeptLink link = world_.Add();
  ASSERT_EQ(world_.Revoke(link), Rule::kAllowed);
  FillUpToTheKills();
  wire::SettleItem item{link.link, link.Stored(false)};
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kSettle, item).rule(),
            Rule::kJournalFull);
  EXPECT_EQ(world_.Revoke(link), Rule::kJournalFull);  // a refusal
  world_.files.disk_full = false;
  world_.parts->journal.KeepReserve();
  EXPECT_TRUE(world_.One<wire::NewRecord>(Op::kSettle, item).allowed());
}

// Of a customer who has links; one who has none cannot use that room up.
TEST_F(RotationFloorsTest, SubjectIsErasedFromTheRoomForKills) {
  const KeptLink link = world_.Add();
  FillUpToTheKills();
  wire::HashItem hash;
  hash.connection = world_.caller;
  hash.subject = "cust-7731";
  hash.right = wire::kRightRead;
  EXPECT_EQ(world_.One<wire::HashAnswer>(Op::kHash, hash).rule(),
            Rule::kJournalFull);
  hash.right = wire::kRightErase;
  const uint64_t leaves = world_.vault().next_leaf();
  EXPECT_TRUE(world_.One<wire::HashAnswer>(Op::kHash, hash).allowed());
  wire::EraseSubjectItem item;
  item.connection = world_.caller;
  item.subject = "cust-7731";
  item.links = 1;
  EXPECT_EQ(world_.One<wire::EraseAnswer>(Op::kEraseSubject, item).rule(),
            Rule::kJournalFull);  // nothing shows that there is one
  EXPECT_EQ(world_.vault().next_leaf(), leaves);
  item.rows.push_back({link.link, "citi", link.Stored(false).wrap});
  EXPECT_TRUE(world_.One<wire::EraseAnswer>(Op::kEraseSubject, item).allowed());
  EXPECT_EQ(world_.vault().next_leaf(), leaves + 1);
  EXPECT_FALSE(world_.Opens(link));
}

TEST_F(RotationFloorsTest, UsedConsentIsSettledAsUsed) {
  wire::CreateItem create = TestCreate(world_.caller);
  create.consent.duration_type = wire::DurationType::kOneTime;
  create.consent.duration_period_days = 0;
  auto made = world_.One<wire::NewRecord>(Op::kCreate, create);
  ASSERT_TRUE(made.allowed());
  const KeptLink link(made.fields);
  ASSERT_TRUE(world_.Opens(link));  // its one redeem
  world_.store[link.link] = link;
  ASSERT_TRUE(world_.Rotate().ok());
  EXPECT_EQ(world_.RewrapOne(link).rule, Rule::kConsentUsed);
  world_.Walk();
  PassTokens();
  const KeptLink& after = world_.store[link.link];
  EXPECT_TRUE(after.token_box.empty());
  EXPECT_EQ(world_.Issue(after).rule(), Rule::kConsentUsed);
}

}  // namespace
}  // namespace coffer::keeper_test
