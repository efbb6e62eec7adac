// What operators do to single keys: compromised at once, destroyed by plan.
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

using base::Code;

class KeyPlanTest : public testing::Test {
 protected:
  KeyPlanTest() {
    world_.Operate();
    link_ = world_.Add();
  }
  base::Result<uint64_t> Destroy(const wire::KeyId& id, bool cancel = false) {
    return world_.keys().Destroy({id, cancel}, 7);
  }
  Code Refusal(const wire::KeyId& id, bool cancel = false) {
    auto planned = Destroy(id, cancel);
    COFFER_CHECK(!planned.ok());
    return planned.error().code;
  }
  // Version 1 deactivated, without a link, and the gate has counted.
  wire::KeyId Emptied() {
    COFFER_CHECK(world_.Rotate().ok());
    world_.Treat(link_.link, "citi");
    COFFER_CHECK(world_.Work().allowed());
    return world_.Version(1)->id;
  }
  void SetWait(uint32_t seconds) {
    wire::Policy policy = TestPolicy();
    policy.destroy_wait_seconds = seconds;
    ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  }

  RotationWorld world_;
  KeptLink link_;
};

TEST_F(KeyPlanTest, ActiveNeededUncountedAndUnknownKeysAreNotDestroyed) {
  EXPECT_EQ(Refusal({1, 2, 3}), Code::kNotFound);
  EXPECT_EQ(Refusal(world_.Version(1)->id), Code::kConflict);
  ASSERT_TRUE(world_.Rotate().ok());
  EXPECT_EQ(Refusal(world_.Version(1)->id), Code::kConflict);  // not counted
  world_.Work();
  EXPECT_EQ(Refusal(world_.Version(1)->id), Code::kConflict);  // one link
  world_.Treat(link_.link, "citi");
  world_.Work(false);
  EXPECT_EQ(Refusal(world_.Version(1)->id), Code::kConflict);
  world_.Work();
  EXPECT_TRUE(Destroy(world_.Version(1)->id).ok());
}

TEST_F(KeyPlanTest, CountFromBeforeTheRotationDestroysNothing) {
  SetWait(0);
  world_.store.clear();
  world_.Work();  // none, and then one that the store has not seen yet
  const KeptLink late = world_.Add();
  ASSERT_TRUE(world_.Rotate().ok());
  EXPECT_EQ(Refusal(world_.Version(1)->id), Code::kConflict);
  world_.Work();
  EXPECT_EQ(Refusal(world_.Version(1)->id), Code::kConflict);
  EXPECT_TRUE(world_.Opens(late));
}

TEST_F(KeyPlanTest, PlannedItWaitsAndIsTakenBack) {
  SetWait(3600);
  const wire::KeyId id = Emptied();
  EXPECT_EQ(Refusal(id, true), Code::kConflict);
  auto planned = Destroy(id);
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(*planned, world_.vault().Now() + 3600);
  EXPECT_EQ(world_.Tail(1)[0].kind, wire::LeafKind::kKeyDestroyPlan);
  EXPECT_EQ(world_.Tail(1)[0].detail, 3600u);
  EXPECT_EQ(world_.Tail(1)[0].uid, 7u);
  EXPECT_EQ(Refusal(id), Code::kConflict);
  ASSERT_TRUE(world_.Reopen().ok());
  world_.Work();
  EXPECT_EQ(world_.Version(1)->destroy_at, *planned);
  world_.clock.Advance(3598);
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  ASSERT_TRUE(Destroy(id, true).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  world_.clock.Advance(3600);
  world_.Work();
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  ASSERT_TRUE(Destroy(id).ok());
  world_.clock.Advance(3601);
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_EQ(world_.Tail(1)[0].kind, wire::LeafKind::kKeyDestroy);
  EXPECT_EQ(Refusal(id), Code::kConflict);
  EXPECT_EQ(Refusal(id, true), Code::kConflict);
  // The sweep is left: nothing may be under it, and the gate says so.
  EXPECT_EQ(world_.Work().fields.rows.size, 1);
  world_.Walk();
  EXPECT_TRUE(world_.Work().fields.rows.empty());
}

TEST_F(KeyPlanTest, WithoutAWaitItIsDoneAtOnce) {
  SetWait(0);
  const wire::KeyId id = Emptied();
  auto planned = Destroy(id);
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(*planned, 0u);
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_TRUE(world_.Opens(world_.store[link_.link]));
}

TEST_F(KeyPlanTest, LinksThatCameBackHoldAPlanUp) {
  SetWait(60);
  const wire::KeyId id = Emptied();
  ASSERT_TRUE(Destroy(id).ok());
  world_.store[link_.link] = link_;  // under the old key again
  world_.Work();
  world_.clock.Advance(120);
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  EXPECT_TRUE(world_.Opens(link_));
  world_.Treat(link_.link, "citi");
  world_.Work();
  world_.clock.Advance(2);
  world_.Quiet();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
}

TEST_F(KeyPlanTest, CompromisedItSealsNothingMoreAndIsRewrappedFirst) {
  ASSERT_TRUE(world_.Rotate("jpmorgan").ok());
  ASSERT_FALSE(world_.Work().fields.rows[0].urgent);
  const wire::KeyId id = world_.Version(1)->id;
  ASSERT_TRUE(world_.keys().Compromise({id}, 7).ok());
  EXPECT_EQ(world_.StateOf(1), KeyState::kCompromised);
  EXPECT_EQ(world_.StateOf(2), KeyState::kActive);
  EXPECT_EQ(KekOf(world_.Add()), world_.Version(2)->id);
  EXPECT_TRUE(world_.Opens(link_));
  auto work = world_.Work();
  ASSERT_EQ(work.fields.rows.size, 2);
  EXPECT_EQ(work.fields.rows[0].institution, "citi");
  EXPECT_TRUE(work.fields.rows[0].urgent);
  EXPECT_FALSE(work.fields.rows[1].urgent);
  EXPECT_FALSE(world_.keys().Compromise({id}, 7).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.StateOf(1), KeyState::kCompromised);
  world_.Walk();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_FALSE(world_.keys().Compromise({id}, 7).ok());
  EXPECT_FALSE(world_.keys().Compromise({{9, 9}}, 7).ok());
}

// The one way to three living versions.
TEST_F(KeyPlanTest, CompromisedDuringARotationBothAreRewrapped) {
  const KeptLink stays = world_.Add();
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Treat(link_.link, "citi");
  ASSERT_TRUE(world_.keys().Compromise({world_.Version(2)->id}, 7).ok());
  EXPECT_EQ(world_.StateOf(3), KeyState::kActive);
  EXPECT_EQ(world_.ring().CountLiving(0).all, 3u);
  EXPECT_FALSE(world_.Rotate().ok());
  // The old one, too: no new version is needed.
  ASSERT_TRUE(world_.keys().Compromise({world_.Version(1)->id}, 7).ok());
  EXPECT_EQ(world_.Version(4), nullptr);
  EXPECT_EQ(world_.Work().fields.rows[0].old.size, 2);
  world_.Walk();
  EXPECT_EQ(world_.ring().CountLiving(0).all, 1u);
  EXPECT_TRUE(world_.Opens(world_.store[link_.link]));
  EXPECT_TRUE(world_.Opens(world_.store[stays.link]));
}

TEST_F(KeyPlanTest, ListGoesOnPageByPage) {
  wire::Policy policy = TestPolicy();
  for (size_t i = 0; i < 100; ++i) {
    wire::PolicyInstitution institution;
    institution.name = wire::Name("bank" + std::to_string(i));
    institution.purposes = 3;
    institution.clusters = 7;
    policy.institutions.push_back(institution);
  }
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  size_t rows = 0, institutions = 0, pages = 0;
  wire::KeyListQuestion question;
  do {
    wire::KeyListAnswer answer;
    ASSERT_TRUE(world_.keys().List(question, answer).ok());
    rows += answer.rows.size;
    question.from = answer.next;
    ++pages;
  } while (question.from != 0);
  EXPECT_EQ(rows, 102u + 4u);
  EXPECT_EQ(pages, 2u);
  do {
    wire::InstitutionListAnswer answer;
    ASSERT_TRUE(world_.keys().ListInstitutions(question, answer).ok());
    institutions += answer.rows.size;
    question.from = answer.next;
  } while (question.from != 0);
  EXPECT_EQ(institutions, 102u);
}

}  // namespace
}  // namespace coffer::keeper_test
