// A hostile gate with every record it ever saw: swapped, replayed, cut, pasted,
// before and after a restart.
#include "tests/keeper/keeper_fixture.h"

namespace coffer::keeper_test {
namespace {

class ReplayTest : public KeeperFixture {
 protected:
  // Every way to get something out of a record. True when one of them worked.
  bool OpensAnything(const KeptLink& record, std::string_view token) {
    Batch batch;
    wire::IssueItem issue = IssueItem(record);
    batch.Add(Op::kIssue, issue);
    issue.format = wire::TokenFormat::kPublic;
    batch.Add(Op::kIssue, issue);
    auto allowed = [](const std::shared_ptr<std::vector<uint8_t>>& frame,
                      int count) {
      base::Decoder decoder{Bytes(*frame)};
      for (int i = 0; i < count; ++i) {
        wire::AnswerHeader header;
        decoder.Struct(header);
        if (header.rule == Rule::kAllowed) return true;
      }
      return !decoder.finished();
    };
    As("messenger");
    attempts_ += 2;
    if (allowed(keeper_.Exchange(batch), 2)) return true;
    As("connector");
    Batch uses;
    const auto stored = record.Stored(true);
    uses.Add(Op::kRedeem, wire::RedeemItem{caller_.id, token, stored});
    uses.Add(Op::kIntrospect,
             wire::IntrospectItem{caller_.id, token, {}, stored});
    uses.Add(
        Op::kReplaceBankToken,
        wire::ReplaceBankTokenItem{caller_.id, record.link, record.revision,
                                   base::AsBytes("planted"), stored});
    attempts_ += 3;
    if (allowed(keeper_.Exchange(uses), 3)) return true;
    As("linker");
    Batch writes;
    writes.Add(
        Op::kReplaceBankToken,
        wire::ReplaceBankTokenItem{caller_.id, record.link, record.revision,
                                   base::AsBytes("planted"), stored});
    writes.Add(
        Op::kReplaceConsent,
        wire::ReplaceConsentItem{caller_.id, record.link, record.revision,
                                 TestConsent(), stored});
    attempts_ += 2;
    return allowed(keeper_.Exchange(writes), 2);
  }

  size_t attempts_ = 0;
};

TEST_F(ReplayTest, EveryOlderRecordIsRefusedBeforeAndAfterARestart) {
  // Three links, each written several times; every version is kept.
  const KeptLink replaced = Create(), revoked = Create(), erased = Create();
  std::vector<KeptLink> dead;
  KeptLink live = replaced;
  for (int i = 0; i < 3; ++i) {
    auto next = i == 1 ? ReplaceConsent(live, TestConsent(), live.revision)
                       : ReplaceToken(live, "next", live.revision);
    ASSERT_TRUE(next.allowed());
    dead.push_back(live);
    live = KeptLink(next.fields);
    ASSERT_EQ(Commit(live), Rule::kAllowed);
  }
  // One that was never confirmed, and is older than one that was.
  const KeptLink lost(ReplaceToken(live, "lost", live.revision).fields);
  ASSERT_EQ(NotCommit(lost), Rule::kAllowed);
  const KeptLink newest(ReplaceToken(live, "kept", live.revision).fields);
  ASSERT_EQ(Commit(newest), Rule::kAllowed);
  dead.push_back(live);
  dead.push_back(lost);
  As("messenger");
  const std::string token = Token(newest);
  As("linker");
  dead.push_back(revoked);
  dead.emplace_back(Revoke(revoked).fields);
  dead.push_back(erased);
  ASSERT_TRUE(Erase(erased).allowed());

  size_t opened = 0;
  for (int restart = 0; restart < 2; ++restart) {
    for (const KeptLink& record : dead) {
      opened += OpensAnything(record, token);
    }
    As("linker");
    ASSERT_TRUE(Read(newest).allowed());
    Restart();
  }
  EXPECT_EQ(opened, 0u);
  std::printf("records replayed: %zu of %zu refused\n", attempts_, attempts_);
}

TEST_F(ReplayTest, PartsOfOldAndNewRecordsNeverOpenTogether) {
  const KeptLink old = Create(), other = Create();
  wire::CreateItem at_another_bank = CreateItem();
  at_another_bank.institution = "jpmorgan";
  const KeptLink elsewhere = Create(at_another_bank);
  const KeptLink now(ReplaceToken(old, "next", 1).fields);
  ASSERT_EQ(Commit(now), Rule::kAllowed);
  As("messenger");
  const std::string token = Token(now);
  const KeptLink* records[] = {&old, &now, &other, &elsewhere};
  size_t pasted = 0, opened = 0;
  As("connector");
  for (const KeptLink* head : records) {
    for (const KeptLink* wrap : records) {
      for (const KeptLink* box : records) {
        if (head == wrap && wrap == box && head == &now) continue;
        KeptLink mixed = now;
        mixed.head = head->head;
        mixed.wrap = wrap->wrap;
        mixed.token_box = box->token_box;
        opened += Redeem(token, mixed).allowed();
        ++pasted;
      }
    }
  }
  EXPECT_EQ(opened, 0u);
  EXPECT_TRUE(Redeem(token, now).allowed());
  std::printf("records swapped and pasted: %zu of %zu refused\n", pasted,
              pasted);
}

TEST_F(ReplayTest, CutAndAlteredRecordsAreRefused) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  As("connector");
  size_t altered = 0, opened = 0;
  for (std::vector<uint8_t> KeptLink::*part :
       {&KeptLink::head, &KeptLink::wrap, &KeptLink::token_box}) {
    const size_t size = (link.*part).size();
    for (size_t i = 0; i < size; i += 5) {
      KeptLink cut = link, flipped = link;
      (cut.*part).resize(i);
      (flipped.*part)[i] ^= static_cast<uint8_t>(1 << i % 8);
      opened += Redeem(token, cut).allowed() + Redeem(token, flipped).allowed();
      altered += 2;
    }
    KeptLink longer = link;
    (longer.*part).push_back(0);
    opened += Redeem(token, longer).allowed();
    ++altered;
  }
  EXPECT_EQ(opened, 0u);
  EXPECT_TRUE(Redeem(token, link).allowed());
  std::printf("records cut and altered: %zu of %zu refused\n", altered,
              altered);
}

// After a restart nothing is answered before the floors are there.
TEST_F(ReplayTest, NothingIsAcceptedBeforeRevocationsAreLoaded) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  As("linker");
  ASSERT_TRUE(Revoke(link).allowed());
  size_t asked = 0, accepted = 0;
  for (int restart = 0; restart < 5; ++restart) {
    keeper_.Kill();
    keeper_.Start();
    caller_ = keeper_.Connect();
    auto ask = [&] {
      accepted += TryIssue(IssueItem(link)).allowed();
      accepted += Redeem(token, link).allowed();
      accepted += Introspect(token, link).allowed();
      accepted += Read(link).allowed();
      asked += 4;
    };
    for (int i = 0; i < 5; ++i) ask();
    EXPECT_EQ(keeper_.last_state(), wire::VaultState::kSealed);
    ASSERT_TRUE(keeper_.Unseal().done());
    As("messenger");
    for (int i = 0; i < 5; ++i) ask();
    EXPECT_EQ(keeper_.last_state(), wire::VaultState::kOperational);
  }
  EXPECT_EQ(accepted, 0u);
  std::printf("asked around 5 restarts: %zu of %zu refused\n", asked, asked);
}

// An erased link re-created from what the gate kept is another link at best.
TEST_F(ReplayTest, KilledLinkNeverTakesAWriteAgain) {
  const KeptLink link = Create();
  const KeptLink revoked(Revoke(link).fields);
  for (int restart = 0; restart < 2; ++restart) {
    for (const KeptLink* record : {&link, &revoked}) {
      for (uint32_t if_match = 0; if_match < 5; ++if_match) {
        EXPECT_FALSE(ReplaceToken(*record, "x", if_match).allowed());
        EXPECT_FALSE(
            ReplaceConsent(*record, TestConsent(), if_match).allowed());
      }
    }
    Restart();
  }
}

}  // namespace
}  // namespace coffer::keeper_test
