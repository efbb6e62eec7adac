// Budgets, brakes, the floors of names and floors that find no room, through
// the operations and over restarts.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/keeper/operator_world.h"

namespace coffer::keeper_test {
namespace {

using wire::LeafKind;
using wire::Rule;
using wire::TokenGroup;

class LimitsTest : public ::testing::Test {
 protected:
  void Begin(const wire::Policy& policy) {
    ASSERT_TRUE(world_.Start().ok());
    ASSERT_TRUE(world_.Init(policy).ok());
    world_.caller = world_.Connect(geteuid());
  }
  static wire::Policy WithBudget(uint32_t hour, uint32_t day, uint32_t rate) {
    wire::Policy policy = TestPolicy();
    for (wire::IssueRule& rule : policy.rules) {
      rule.distinct_links_per_hour = hour;
      rule.distinct_links_per_day = day;
      rule.tokens_per_second = rate;
    }
    return policy;
  }
  std::vector<KeptLink> CreateLinks(size_t count) {
    std::vector<KeptLink> links;
    while (links.size() < count) links.push_back(world_.Create());
    return links;
  }
  size_t LeavesOf(LeafKind kind) {
    const auto tail = world_.Tail(wire::kTailLeavesMax);
    return static_cast<size_t>(
        std::count_if(tail.begin(), tail.end(),
                      [&](const auto& leaf) { return leaf.kind == kind; }));
  }
  wire::BrakeListAnswer Brakes() {
    wire::BrakeListAnswer answer;
    world_.vault().ListBrakes(0, answer);
    return answer;
  }
  base::Status Revoke(TokenGroup group, std::string_view name) {
    return world_.vault().RevokeTokens({group, name}, 7);
  }
  // Floors of links that are not there, until none finds room.
  void FillFloors() {
    keeper::Floor floor{};
    floor.kind = keeper::FloorKind::kRevision;
    for (uint32_t i = 0; !world_.vault().floors().full(); ++i) {
      std::memcpy(floor.key.data(), &i, sizeof i);
      ASSERT_TRUE(world_.vault().floors().Raise(floor, true));
    }
  }
  keeper::InstitutionKeys Keys(int place = 0) {
    return world_.vault().keyring().institution(place);
  }

  World world_;
};

TEST_F(LimitsTest, ABudgetRefusesTheNextLinkAndTheBrakeIsALeaf) {
  Begin(WithBudget(2, 0, 0));
  const auto links = CreateLinks(4);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(world_.Issue(links[0]).allowed());
    EXPECT_TRUE(world_.Issue(links[1]).allowed());
  }
  EXPECT_EQ(LeavesOf(LeafKind::kBrakeTrip), 0u);
  const auto refused = world_.Issue(links[2]);
  EXPECT_EQ(refused.rule(), Rule::kBudgetLinksHour);
  EXPECT_NE(refused.header.leaf, wire::kNoLeaf);
  EXPECT_EQ(world_.Issue(links[3]).rule(), Rule::kBudgetLinksHour);
  EXPECT_TRUE(world_.Issue(links[1]).allowed());
  EXPECT_EQ(LeavesOf(LeafKind::kBrakeTrip), 1u);
  for (const wire::Leaf& leaf : world_.Tail(20)) {
    if (leaf.kind != LeafKind::kBrakeTrip) continue;
    EXPECT_EQ(leaf.rule, Rule::kBudgetLinksHour);
    EXPECT_EQ(leaf.detail, 2u);
    EXPECT_FALSE(leaf.caller.empty());
    EXPECT_FALSE(leaf.purpose.empty());
    EXPECT_EQ(leaf.index + 1, refused.header.leaf);
  }
  auto status =
      world_.One<wire::StatusAnswer>(wire::Op::kStatus, wire::StatusItem{});
  EXPECT_EQ(status.fields.brakes, 1u);
  EXPECT_EQ(status.fields.budget_refusals, 2u);
  world_.clock.Advance(3600);
  EXPECT_TRUE(world_.Issue(links[2]).allowed());
  status =
      world_.One<wire::StatusAnswer>(wire::Op::kStatus, wire::StatusItem{});
  EXPECT_EQ(status.fields.brakes, 0u);
}

TEST_F(LimitsTest, ABudgetIsOfItsCallerAndPurposeAndItsLeavesSaySo) {
  wire::Policy policy = TestPolicy();
  for (uint16_t purpose = 0; purpose < 2; ++purpose) {
    wire::IssueRule rule = policy.rules[0];
    rule.caller = 1;
    rule.purpose = purpose;
    rule.distinct_links_per_hour = purpose;
    policy.rules.push_back(rule);
  }
  Begin(policy);
  const wire::ConnectionId other = world_.Connect(54321);
  std::vector<KeptLink> links;
  wire::CreateItem create = TestCreate(world_.caller);
  create.consent.purposes.push_back("purchase_tracking");
  create.consent.clusters.push_back("ACCOUNT_BASIC");
  for (int i = 0; i < 2; ++i) {
    links.emplace_back(
        world_.One<wire::NewRecord>(wire::Op::kCreate, create).fields);
  }
  const auto ask = [&](wire::ConnectionId who, std::string_view purpose,
                       const KeptLink& link) {
    wire::IssueItem item = TestIssue(who, link);
    item.purpose = purpose;
    return world_.One<wire::IssueAnswer>(wire::Op::kIssue, item).rule();
  };
  for (const KeptLink& link : links) {
    EXPECT_EQ(ask(world_.caller, "purchase_tracking", link), Rule::kAllowed);
    EXPECT_EQ(ask(other, "balance_display", link), Rule::kAllowed);
  }
  EXPECT_EQ(ask(other, "purchase_tracking", links[0]), Rule::kAllowed);
  EXPECT_EQ(ask(other, "purchase_tracking", links[1]), Rule::kBudgetLinksHour);
  const auto expect_named = [](const wire::Leaf& leaf, LeafKind kind) {
    EXPECT_EQ(leaf.kind, kind);
    EXPECT_EQ(leaf.caller, "other");
    EXPECT_EQ(leaf.purpose, "purchase_tracking");
    EXPECT_EQ(leaf.detail, 1u);
  };
  const wire::Leaf trip = world_.Tail(2)[0];
  expect_named(trip, LeafKind::kBrakeTrip);
  EXPECT_EQ(trip.uid, 54321u);
  wire::OperatorStatus status;
  world_.vault().FillStatus(status);
  EXPECT_EQ(status.brakes, 1);
  ASSERT_TRUE(world_.vault().ReleaseBrake(Brakes().rows[0].id, 7).ok());
  expect_named(world_.Tail(1)[0], LeafKind::kBrakeRelease);
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  EXPECT_EQ(world_.vault().budgets().links(), 0u) << "sealed, it knows nothing";
}

TEST_F(LimitsTest, WhatElseIsRefusedCostsNothing) {
  Begin(WithBudget(1, 0, 0));
  const auto links = CreateLinks(2);
  wire::IssueItem item = TestIssue(world_.caller, links[0]);
  item.audience = "nobody";
  EXPECT_EQ(world_.One<wire::IssueAnswer>(wire::Op::kIssue, item).rule(),
            Rule::kUnknownAudience);
  ASSERT_EQ(world_.Revoke(links[0]), Rule::kAllowed);
  EXPECT_EQ(world_.Issue(links[0]).rule(), Rule::kConsentRevoked);
  EXPECT_EQ(world_.vault().budgets().links(), 0u);
  EXPECT_TRUE(world_.Issue(links[1]).allowed());
}

TEST_F(LimitsTest, ARestartLoopNeverRefills) {
  Begin(WithBudget(3, 5, 0));
  const auto links = CreateLinks(9);
  size_t served = 0;
  for (size_t i = 0; i < links.size(); ++i) {
    ASSERT_TRUE(world_.Reopen().ok());
    served += world_.Issue(links[i]).allowed();
    // Every second time after a clean end, which leaves a snapshot.
    if (i % 2 == 0) {
      ASSERT_TRUE(world_.vault().Stop().ok());
    }
  }
  EXPECT_EQ(served, 3u);
  EXPECT_EQ(LeavesOf(LeafKind::kBrakeTrip), 1u) << "it stays tripped";
  world_.clock.Advance(3600);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.Issue(links[7]).allowed());
  EXPECT_TRUE(world_.Issue(links[8]).allowed());
  EXPECT_EQ(world_.Issue(links[6]).rule(), Rule::kBudgetLinksDay);
  EXPECT_TRUE(world_.Issue(links[0]).allowed()) << "of the day already";
  EXPECT_EQ(world_.Issue(links[1]).rule(), Rule::kBudgetLinksHour);
  EXPECT_EQ(world_.vault().budgets().links(), 5u);
  EXPECT_EQ(Brakes().rows.size, 2);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Brakes().rows.size, 2);
}

TEST_F(LimitsTest, TheRateIsEmptyAfterAnUnseal) {
  Begin(WithBudget(0, 0, 2));
  const auto links = CreateLinks(1);
  EXPECT_EQ(world_.Issue(links[0]).rule(), Rule::kBudgetRate);
  for (int i = 0; i < 3; ++i) {
    world_.clock.Advance(1);
    EXPECT_TRUE(world_.Issue(links[0]).allowed());
    ASSERT_TRUE(world_.Reopen().ok());
    EXPECT_EQ(world_.Issue(links[0]).rule(), Rule::kBudgetRate);
  }
}

TEST_F(LimitsTest, AReleaseIsDurableAndOfItsWindow) {
  Begin(WithBudget(2, 0, 0));
  const auto links = CreateLinks(6);
  for (const auto& link : links) world_.Issue(link);
  ASSERT_EQ(Brakes().rows.size, 1);
  const wire::BrakeId id = Brakes().rows[0].id;
  ASSERT_TRUE(world_.vault().ReleaseBrake(id, 7).ok());
  EXPECT_EQ(world_.Tail(1)[0].kind, LeafKind::kBrakeRelease);
  EXPECT_EQ(world_.Tail(1)[0].uid, 7u);
  EXPECT_FALSE(world_.vault().ReleaseBrake(id, 7).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.Issue(links[2]).allowed());
  EXPECT_TRUE(world_.Issue(links[3]).allowed());
  EXPECT_EQ(world_.Issue(links[4]).rule(), Rule::kBudgetLinksHour);
  EXPECT_EQ(Brakes().rows.size, 1);
  EXPECT_EQ(LeavesOf(LeafKind::kBrakeTrip), 2u);
}

TEST_F(LimitsTest, ABrakeIsNotReleasedWithoutRoomForItsLeaf) {
  Begin(WithBudget(1, 0, 0));
  const auto links = CreateLinks(2);
  for (const auto& link : links) world_.Issue(link);
  ASSERT_EQ(Brakes().rows.size, 1);
  const wire::BrakeId id = Brakes().rows[0].id;
  keeper::Journal& journal = world_.parts->journal;
  world_.files.disk_full = true;
  wire::Leaf leaf;
  leaf.kind = LeafKind::kLinkRead;
  while (journal.CanRecord()) {
    for (int i = 0; i < 1000 && journal.CanRecord(); ++i) {
      leaf.time = 0;
      world_.vault().AddLeaf(leaf);
    }
    ASSERT_TRUE(journal.SyncNow(world_.vault().keyring().journal_key()).ok());
  }
  EXPECT_EQ(world_.vault().ReleaseBrake(id, 7).error().code, base::Code::kFull);
  EXPECT_EQ(Brakes().rows.size, 1);
  world_.files.disk_full = false;
  journal.KeepReserve();
  EXPECT_TRUE(world_.vault().ReleaseBrake(id, 7).ok());
}

TEST_F(LimitsTest, AClockThatIsPutBackNeitherRefillsNorSticks) {
  Begin(WithBudget(2, 0, 0));
  const auto links = CreateLinks(3);
  for (const auto& link : links) world_.Issue(link);
  world_.clock.wall_seconds -= 5 * 86400;
  ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
  const KeptLink late = world_.Create();
  EXPECT_EQ(world_.Issue(late).rule(), Rule::kBudgetLinksHour);
  world_.clock.Advance(3600);
  EXPECT_TRUE(world_.Issue(late).allowed());
}

TEST_F(LimitsTest, APolicyWithMoreThanTheTableCountsIsRefused) {
  Begin(TestPolicy());
  const auto bytes = Encode(WithBudget(0, base::kBudgetLinksMax + 1, 0));
  const base::Status loaded = world_.LoadPolicy(bytes);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(std::string(loaded.error().message).find("1,048,576"),
            std::string::npos);
}

// --- Floors of names

TEST_F(LimitsTest, OneEntryEndsEveryTokenOfANameAndNoOther) {
  const wire::Policy policy = TestPolicy();
  Begin(policy);
  const auto links = CreateLinks(3);
  const std::string caller(policy.callers[0].name.view());
  const std::string purpose(
      policy.purposes[policy.rules[0].purpose].name.view());
  const std::string institution(policy.institutions[0].name.view());
  const struct {
    TokenGroup group;
    std::string name;
    std::string other;
  } rows[] = {{TokenGroup::kCaller, caller, purpose},
              {TokenGroup::kPurpose, purpose, caller},
              {TokenGroup::kInstitution, institution, purpose}};
  for (const auto& row : rows) {
    std::vector<std::string> tokens;
    for (const auto& link : links) {
      tokens.emplace_back(world_.Issue(link).fields.token);
    }
    ASSERT_TRUE(Revoke(row.group, row.other).ok());
    for (size_t i = 0; i < links.size(); ++i) {
      EXPECT_TRUE(world_.Redeem(tokens[i], links[i]).allowed());
    }
    const size_t floors = world_.vault().floors().size();
    ASSERT_TRUE(Revoke(row.group, row.name).ok());
    EXPECT_EQ(world_.vault().floors().size(), floors + 1) << "one entry";
    const wire::Leaf leaf = world_.Tail(1)[0];
    EXPECT_EQ(leaf.kind, LeafKind::kTokensRevoke);
    EXPECT_EQ(leaf.uid, 7u);
    EXPECT_TRUE(leaf.caller == row.name || leaf.purpose == row.name ||
                leaf.institution == row.name);
    for (size_t i = 0; i < links.size(); ++i) {
      EXPECT_FALSE(world_.Redeem(tokens[i], links[i]).allowed());
      EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kTokenRevoked);
      const std::string fresh(world_.Issue(links[i]).fields.token);
      EXPECT_TRUE(world_.Redeem(fresh, links[i]).allowed());
    }
  }
}

TEST_F(LimitsTest, AFloorOfANameOutlivesItsRemovalFromThePolicy) {
  wire::Policy policy = TestPolicy();
  Begin(policy);
  const auto links = CreateLinks(1);
  const std::string token(world_.Issue(links[0]).fields.token);
  const std::string name(policy.callers[0].name.view());
  // While the name is away: a policy that knows the caller under another.
  policy.callers[0].name = wire::Name("renamed");
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  ASSERT_TRUE(Revoke(TokenGroup::kCaller, name).ok());
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  EXPECT_FALSE(world_.Redeem(token, links[0]).allowed());
  EXPECT_EQ(world_.Tail(1)[0].rule, Rule::kTokenRevoked);
  EXPECT_FALSE(Revoke(TokenGroup::kCaller, "no name").ok());
  EXPECT_FALSE(Revoke(static_cast<TokenGroup>(9), "name").ok());
}

TEST_F(LimitsTest, AFloorOfANameIsDurableBeforeItsAnswer) {
  Begin(TestPolicy());
  ASSERT_TRUE(Revoke(TokenGroup::kPurpose, "balance_display").ok());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.vault().floors().has_names());
  EXPECT_EQ(world_.vault().floors().size(), 1u);
}

// --- No room

TEST_F(LimitsTest, AKillWithoutRoomSuspendsTheInstitutionDurably) {
  Begin(TestPolicy());
  const auto links = CreateLinks(2);
  const std::string token(world_.Issue(links[0]).fields.token);
  FillFloors();
  EXPECT_EQ(world_.Revoke(links[0]), Rule::kFloorsFull);
  EXPECT_EQ(Keys().state, wire::InstitutionState::kSuspended);
  EXPECT_EQ(LeavesOf(LeafKind::kInstitutionSuspend), 1u);
  for (const wire::Leaf& leaf : world_.Tail(3)) {
    if (leaf.kind != LeafKind::kInstitutionSuspend) continue;
    EXPECT_EQ(leaf.rule, Rule::kFloorsFull);
    EXPECT_EQ(leaf.uid, keeper::kKeeperUid);
    EXPECT_EQ(leaf.institution, Keys().name.view());
  }
  EXPECT_FALSE(world_.Redeem(token, links[0]).allowed());
  EXPECT_EQ(world_.Issue(links[1]).rule(), Rule::kInstitutionSuspended);
  EXPECT_EQ(world_.Revoke(links[1]), Rule::kFloorsFull);
  EXPECT_EQ(LeavesOf(LeafKind::kInstitutionSuspend), 1u) << "said once";
  // The floors that filled the table are in no journal; the suspension is.
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Keys().state, wire::InstitutionState::kSuspended);
  EXPECT_EQ(LeavesOf(LeafKind::kNotCarriedOut), 0u);
}

TEST_F(LimitsTest, ASubjectsErasureWithoutRoomSuspendsEveryInstitution) {
  Begin(TestPolicy());
  const KeptLink link = world_.Create();
  FillFloors();
  wire::EraseSubjectItem item;
  item.connection = world_.caller;
  item.subject = "cust-7731";
  item.links = 1;  // that there is one nothing shows
  EXPECT_EQ(world_.One<wire::EraseAnswer>(wire::Op::kEraseSubject, item).rule(),
            Rule::kFloorsFull);
  EXPECT_EQ(Keys().state, wire::InstitutionState::kActive);
  const wire::StoredLink stored = link.Stored(false);
  item.rows.push_back({link.link, "citi", stored.wrap});
  EXPECT_EQ(world_.One<wire::EraseAnswer>(wire::Op::kEraseSubject, item).rule(),
            Rule::kFloorsFull);
  ASSERT_TRUE(world_.Reopen().ok());
  const keeper::Keyring& keyring = world_.vault().keyring();
  ASSERT_GT(keyring.institutions(), 1u);
  for (size_t i = 0; i < keyring.institutions(); ++i) {
    EXPECT_EQ(Keys(static_cast<int>(i)).state,
              wire::InstitutionState::kSuspended);
  }
}

TEST_F(LimitsTest, AMissingFloorWithoutRoomSuspendsForItsOwnersKillAlone) {
  Begin(TestPolicy());
  KeptLink link = world_.Create();
  wire::ReplaceBankTokenItem replace;
  replace.connection = world_.caller;
  replace.link = link.link;
  replace.if_match = 1;
  replace.bank_token = base::AsBytes("another");
  replace.stored = link.Stored(false);
  auto replaced =
      world_.One<wire::ReplaceAnswer>(wire::Op::kReplaceBankToken, replace);
  ASSERT_TRUE(replaced.allowed());
  // Its confirmation is lost, and with it the floor.
  const KeptLink next(replaced.fields);
  ASSERT_TRUE(world_.Reopen().ok());
  FillFloors();
  const uint64_t generation = world_.vault().keyring_generation();
  EXPECT_EQ(world_.Issue(next).rule(), Rule::kFloorsFull);
  EXPECT_EQ(Keys().state, wire::InstitutionState::kActive) << "no kill";
  wire::Policy policy = TestPolicy();
  for (auto& caller : policy.callers) {
    if (caller.name.view() == "self") caller.name = wire::Name("stranger");
  }
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  EXPECT_EQ(world_.Revoke(next), Rule::kLinkOfAnotherLinker);
  EXPECT_EQ(Keys().state, wire::InstitutionState::kActive) << "not his";
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  EXPECT_EQ(world_.Revoke(next), Rule::kFloorsFull);
  EXPECT_EQ(Keys().state, wire::InstitutionState::kSuspended);
  // The next key export is another.
  EXPECT_GT(world_.vault().keyring_generation(), generation);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Keys().state, wire::InstitutionState::kSuspended);
  EXPECT_GT(world_.vault().keyring_generation(), generation);
}

TEST_F(LimitsTest, ATokenThatNothingHasRoomToRevokeSuspendsEveryInstitution) {
  Begin(TestPolicy());
  const KeptLink link = world_.Create();
  const std::string token(world_.Issue(link).fields.token);
  keeper::SpentTokens& spent = world_.vault().spent_tokens();
  for (uint32_t i = 0; spent.HasRoom(0, world_.vault().Now()); ++i) {
    wire::ByteArray<16> jti{};
    std::memcpy(jti.data(), &i, sizeof i);
    ASSERT_TRUE(spent.Add(jti, ~uint64_t{0}, 0, 0).ok());
  }
  FillFloors();
  wire::RevokeTokenItem item;
  item.connection = world_.caller;
  item.token = token;
  EXPECT_EQ(world_.One<wire::EmptyAnswer>(wire::Op::kRevokeToken, item).rule(),
            Rule::kFloorsFull);
  EXPECT_FALSE(world_.Redeem(token, link).allowed());
  EXPECT_EQ(Keys(0).state, wire::InstitutionState::kSuspended);
  EXPECT_EQ(Keys(1).state, wire::InstitutionState::kSuspended);
  EXPECT_EQ(LeavesOf(LeafKind::kInstitutionSuspend), 1u);
}

TEST_F(LimitsTest, NothingResumesWhileTheFloorsAreFull) {
  Begin(TestPolicy());
  const auto links = CreateLinks(1);
  keeper::KeyService keys(world_.vault());
  FillFloors();
  EXPECT_EQ(world_.Revoke(links[0]), Rule::kFloorsFull);
  const std::string name(Keys().name.view());
  const wire::InstitutionQuestion resume{name,
                                         wire::InstitutionAction::kResume};
  const base::Status refused = keys.ChangeInstitution(resume, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.error().message).find("key rotate --all"),
            std::string::npos);
  world_.vault().floors().Clear();
  EXPECT_TRUE(keys.ChangeInstitution(resume, 0).ok());
  EXPECT_EQ(world_.Revoke(links[0]), Rule::kAllowed);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Keys().state, wire::InstitutionState::kActive);
}

TEST_F(LimitsTest, AFullSetOfSpentTokensRaisesItsCallersFloor) {
  Begin(TestPolicy());
  const auto links = CreateLinks(1);
  const std::string first(world_.Issue(links[0]).fields.token);
  const std::string second(world_.Issue(links[0]).fields.token);
  keeper::SpentTokens& spent = world_.vault().spent_tokens();
  for (uint32_t i = 0; spent.HasRoom(0, world_.vault().Now()); ++i) {
    wire::ByteArray<16> jti{};
    std::memcpy(jti.data(), &i, sizeof i);
    ASSERT_TRUE(spent.Add(jti, ~uint64_t{0}, 0, 0).ok());
  }
  wire::RevokeTokenItem item;
  item.connection = world_.caller;
  item.token = first;
  EXPECT_TRUE(
      world_.One<wire::EmptyAnswer>(wire::Op::kRevokeToken, item).allowed());
  EXPECT_TRUE(world_.vault().floors().has_names());
  EXPECT_FALSE(world_.Redeem(first, links[0]).allowed());
  EXPECT_FALSE(world_.Redeem(second, links[0]).allowed());
  const std::string third(world_.Issue(links[0]).fields.token);
  EXPECT_TRUE(world_.Redeem(third, links[0]).allowed());
}

}  // namespace
}  // namespace coffer::keeper_test
