// Burying what has ended, and what is kept of a consent that was.
#include <gtest/gtest.h>

#include "tests/keeper/rotation_world.h"
#include "vault/keeper/consent_history.h"

namespace coffer::keeper_test {
namespace {

using wire::ConsentEnding;

constexpr uint64_t kDay = 86400;

class HistoryTest : public ::testing::Test {
 protected:
  void SetUp() override { world_.Operate(); }

  Reply<wire::BuryAnswer> Bury(const KeptLink& link) {
    wire::BuryItem item{link.link, link.Stored(false)};
    return world_.One<wire::BuryAnswer>(Op::kBury, item);
  }
  // The row that burying gives.
  std::vector<uint8_t> Buried(const KeptLink& link) {
    auto reply = Bury(link);
    EXPECT_TRUE(reply.allowed()) << wire::RuleText(reply.rule());
    return {reply.fields.history.begin(), reply.fields.history.end()};
  }
  Reply<wire::PastConsent> Tell(Bytes history) {
    wire::HistoryItem item{world_.caller, history};
    return world_.One<wire::PastConsent>(Op::kHistory, item);
  }
  Reply<wire::ReplaceAnswer> ReplaceConsent(const KeptLink& link,
                                            std::string_view id) {
    wire::ReplaceConsentItem item;
    item.connection = world_.caller;
    item.link = link.link;
    item.if_match = link.revision;
    item.consent = TestConsent();
    item.consent.consent_id = id;
    item.stored = link.Stored(true);
    return world_.One<wire::ReplaceAnswer>(Op::kReplaceConsent, item);
  }
  uint64_t EndOf(const KeptLink& link) {
    return world_.ReadLink(link).fields.expires_at;
  }
  void PassTo(uint64_t time) {
    world_.clock.Advance(time - world_.vault().Now());
  }
  void Load(const wire::Policy& policy) {
    ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  }

  RotationWorld world_;
};

TEST_F(HistoryTest, ARecordIsBuriedOnceItsConsentHasEndedAndNotBefore) {
  wire::Policy policy = TestPolicy();
  policy.keep_expired_seconds = 3600;
  Load(policy);
  const KeptLink link = world_.Add();
  const uint64_t end = EndOf(link);
  EXPECT_EQ(Bury(link).rule(), Rule::kNotEnded);
  PassTo(end);
  EXPECT_EQ(Bury(link).rule(), Rule::kNotEnded);
  PassTo(end + 3599);
  EXPECT_EQ(Bury(link).rule(), Rule::kNotEnded);
  EXPECT_TRUE(world_.ReadLink(link).allowed());
  PassTo(end + 3600);
  const auto row = Buried(link);
  const wire::Leaf leaf = world_.Tail(1)[0];
  EXPECT_EQ(leaf.kind, wire::LeafKind::kLinkExpire);
  EXPECT_EQ(leaf.uid, keeper::kKeeperUid);
  EXPECT_EQ(leaf.institution, "citi");
  auto past = Tell(row);
  ASSERT_TRUE(past.allowed());
  EXPECT_EQ(past.fields.ending, ConsentEnding::kExpired);
  EXPECT_EQ(past.fields.ended_at, end);
  EXPECT_EQ(past.fields.link, link.link);
  EXPECT_EQ(past.fields.consent.consent_id, TestConsent().consent_id);
  // It is erased, over restarts; asked again the answer is the same, without
  // another leaf.
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(world_.ReadLink(link).rule(), Rule::kLinkErased);
    const uint64_t leaves = world_.vault().next_leaf();
    EXPECT_FALSE(Buried(link).empty());
    EXPECT_EQ(world_.vault().next_leaf(), leaves);
    ASSERT_TRUE(world_.Reopen().ok());
  }
}

TEST_F(HistoryTest, NothingIsBuriedUnderAClockThatIsNotAccepted) {
  const KeptLink link = world_.Add();
  PassTo(EndOf(link));
  world_.clock.wall_seconds += 30 * kDay;
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_FALSE(world_.vault().clock_accepted());
  EXPECT_EQ(Bury(link).rule(), Rule::kClock);
  ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
  EXPECT_TRUE(Bury(link).allowed());
}

TEST_F(HistoryTest, AnotherDateOrAReplacedRecordBuriesNothing) {
  const KeptLink link = world_.Add();
  // The clear date is bound: a gate that writes an earlier one opens nothing.
  KeptLink earlier = link;
  auto head = *wire::DecodeRecordHead(earlier.head);
  head.expires_at = 1;
  std::vector<uint8_t> bytes(base::kRecordHeadBytesMax);
  bytes.resize(*base::EncodeWhole(base::MutableBytes(bytes), head));
  earlier.head = bytes;
  EXPECT_EQ(Bury(earlier).rule(), Rule::kRecordDamaged);
  // Given anew: the old record is nobody's, and the new one has not ended.
  PassTo(EndOf(link));
  auto replaced = ReplaceConsent(link, "anew");
  ASSERT_TRUE(replaced.allowed());
  const KeptLink next(replaced.fields);
  EXPECT_EQ(Bury(link).rule(), Rule::kNotEnded);  // on its way to the store
  wire::CommitItem commit{next.link, next.leaf()};
  ASSERT_TRUE(world_.One<wire::EmptyAnswer>(Op::kCommitted, commit).allowed());
  EXPECT_EQ(Bury(link).rule(), Rule::kRecordStale);
  EXPECT_EQ(Bury(next).rule(), Rule::kNotEnded);
  EXPECT_TRUE(world_.ReadLink(next).allowed());
}

TEST_F(HistoryTest, EachWayToEndIsTold) {
  const KeptLink replaced = world_.Add();
  const uint64_t granted = world_.vault().Now();
  PassTo(granted + 7);
  auto answer = ReplaceConsent(replaced, "second");
  ASSERT_TRUE(answer.allowed());
  std::vector<uint8_t> row(answer.fields.history.begin(),
                           answer.fields.history.end());
  auto past = Tell(row);
  ASSERT_TRUE(past.allowed());
  EXPECT_EQ(past.fields.ending, ConsentEnding::kReplaced);
  EXPECT_EQ(past.fields.ended_at, world_.vault().Now());
  EXPECT_EQ(past.fields.granted_at, granted);
  EXPECT_EQ(past.fields.institution, "citi");
  EXPECT_EQ(past.fields.linker, "self");
  EXPECT_EQ(past.fields.keep_until,
            past.fields.ended_at + base::kHistoryDaysDefault * kDay);
  EXPECT_EQ(world_.Tail(1)[0].kind, wire::LeafKind::kConsentHistory);

  const KeptLink erased = world_.Add();
  ASSERT_EQ(world_.EraseLink(erased), Rule::kAllowed);
  EXPECT_EQ(Tell(Buried(erased)).fields.ending, ConsentEnding::kErased);

  const KeptLink revoked = world_.Add();
  ASSERT_EQ(world_.Revoke(revoked), Rule::kAllowed);
  PassTo(EndOf(revoked) + 1);
  past = Tell(Buried(revoked));
  EXPECT_EQ(past.fields.ending, ConsentEnding::kRevoked);
  EXPECT_EQ(past.fields.reason, wire::RevocationReason::kUserAction);
}

// A gate shows the record of the one-time use, which the kill left behind.
TEST_F(HistoryTest, AnEarlierEndIsNotToldForALaterOne) {
  wire::CreateItem create = TestCreate(world_.caller);
  create.consent.duration_type = wire::DurationType::kOneTime;
  create.consent.duration_period_days = 0;
  auto made = world_.One<wire::NewRecord>(Op::kCreate, create);
  ASSERT_TRUE(made.allowed());
  const KeptLink link(made.fields);
  const std::string token(world_.Issue(link).fields.token);
  ASSERT_TRUE(world_.Redeem(token, link).allowed());
  auto settled = world_.One<wire::NewRecord>(
      Op::kSettle, wire::SettleItem{link.link, link.Stored(false)});
  ASSERT_TRUE(settled.allowed());
  const KeptLink used(settled.fields);
  const uint64_t used_at = world_.vault().Now();
  world_.clock.Advance(100);
  ASSERT_EQ(world_.Revoke(used), Rule::kAllowed);
  PassTo(EndOf(used) + 1);
  const auto past = Tell(Buried(used));
  EXPECT_EQ(past.fields.ending, ConsentEnding::kRevoked);
  EXPECT_NE(past.fields.ended_at, used_at);
}

TEST_F(HistoryTest, ItsRetentionEndsAndPolicyMayKeepNone) {
  wire::Policy policy = TestPolicy();
  policy.history_days = 2;
  Load(policy);
  const KeptLink link = world_.Add();
  ASSERT_EQ(world_.EraseLink(link), Rule::kAllowed);
  const auto row = Buried(link);
  PassTo(world_.vault().Now() + 2 * kDay - 1);
  EXPECT_TRUE(Tell(row).allowed());
  PassTo(world_.vault().Now() + 1);
  EXPECT_EQ(Tell(row).rule(), Rule::kLinkUnknown);
  policy.history_days = 0;
  Load(policy);
  EXPECT_TRUE(Buried(link).empty());
  EXPECT_TRUE(ReplaceConsent(world_.Add(), "x").fields.history.empty());
}

TEST_F(HistoryTest, EveryFlippedBitTruncationAndTrailingByteIsRefused) {
  const KeptLink link = world_.Add();
  ASSERT_EQ(world_.EraseLink(link), Rule::kAllowed);
  const std::vector<uint8_t> row = Buried(link);
  uint8_t room[base::kHistoryBytesMax];
  wire::PastConsent past;
  const auto open = [&](Bytes bytes) {
    return keeper::OpenHistory(world_.vault().keyring(), bytes, room, past);
  };
  ASSERT_EQ(open(row), Rule::kAllowed);
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::vector<uint8_t> flipped = row;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_EQ(open(flipped), Rule::kRecordDamaged) << bit;
  }
  for (size_t cut = 0; cut < row.size(); ++cut) {
    ASSERT_EQ(open(Bytes(row).first(cut)), Rule::kRecordDamaged) << cut;
  }
  std::vector<uint8_t> longer = row;
  longer.push_back(0);
  EXPECT_EQ(open(longer), Rule::kRecordDamaged);
  EXPECT_EQ(Tell(longer).rule(), Rule::kRecordDamaged);
}

TEST_F(HistoryTest, LargestConsentFitsAndTheBankTokenIsNotInIt) {
  const std::string id(base::kConsentIdBytesMax, 'i');
  std::vector<std::string> names;
  for (size_t i = 0; i < base::kNameListMax; ++i) {
    names.push_back("n" + std::to_string(i));
    names.back().resize(base::kNameBytesMax, 'x');
  }
  const std::string name(base::kNameBytesMax, 'n');
  keeper::OpenedLink& opened = world_.parts->shared.opened;
  opened.head = {};
  opened.head.institution = opened.head.linker = name;
  opened.metadata = {};
  opened.metadata.consent = {};
  opened.metadata.consent.consent_id = id;
  for (const std::string& each : names) {
    opened.metadata.consent.purposes.push_back(each);
    opened.metadata.consent.clusters.push_back(each);
  }
  uint8_t out[base::kHistoryBytesMax];
  const Bytes row = keeper::SealHistory(world_.vault().keyring(), opened,
                                        {ConsentEnding::kExpired, 7}, 9, out);
  EXPECT_LE(row.size(), base::kHistoryBytesMax);
  uint8_t room[base::kHistoryBytesMax];
  wire::PastConsent past;
  ASSERT_EQ(keeper::OpenHistory(world_.vault().keyring(), row, room, past),
            Rule::kAllowed);
  EXPECT_EQ(past.consent.purposes.size, base::kNameListMax);
  EXPECT_EQ(past.keep_until, 9u);
}

}  // namespace
}  // namespace coffer::keeper_test
