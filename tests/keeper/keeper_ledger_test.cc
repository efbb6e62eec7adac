// A link's names in the audit leaves, and the leaves in order, from the gate's
// place.
#include "tests/keeper/keeper_fixture.h"

namespace coffer::keeper_test {
namespace {

using wire::Leaf;
using wire::LeafKind;

class LedgerTest : public KeeperFixture {
 protected:
  Reply<wire::TagsAnswer> Tags(const KeptLink& link, uint32_t from_day = 0) {
    wire::TagsItem item{caller_.id, link.link, link.Stored(false), from_day};
    return keeper_.One<wire::TagsAnswer>(Op::kTags, item);
  }
  Reply<wire::LeavesAnswer> Leaves(uint64_t from) {
    return keeper_.One<wire::LeavesAnswer>(Op::kLeaves, wire::LeavesItem{from});
  }
  // All durable leaves that stand under the tag.
  std::vector<Leaf> Under(const wire::ByteArray<16>& tag) {
    std::vector<Leaf> found;
    uint64_t next = 0;
    frames_.clear();
    for (uint64_t from = 0;; from = wire::kNoLeaf) {
      auto reply = Leaves(from);
      EXPECT_TRUE(reply.allowed());
      if (reply.fields.leaves.size == 0) return found;
      frames_.push_back(reply.frame);
      for (const wire::LeafBytes& bytes : reply.fields.leaves) {
        auto leaf = wire::DecodeLeaf(bytes.leaf);
        EXPECT_TRUE(leaf.ok());
        EXPECT_EQ(leaf->index, next++);
        if (leaf->link_tag == tag) found.push_back(*leaf);
      }
    }
  }
  std::vector<std::shared_ptr<std::vector<uint8_t>>> frames_;
};

TEST_F(LedgerTest, EveryUseOfALinkStandsUnderItsTagOfTheDay) {
  const KeptLink link = Create();
  const KeptLink other = Create();
  As("messenger");
  const std::string token = Token(link);
  As("connector");
  ASSERT_TRUE(Redeem(token, link).allowed());
  EXPECT_FALSE(ReplaceToken(link, "x", 9).allowed());
  As("linker");
  auto tags = Tags(link);
  ASSERT_TRUE(tags.allowed());
  ASSERT_EQ(tags.fields.tags.size, 1);
  EXPECT_FALSE(tags.fields.more);
  const auto tag = tags.fields.tags[0];
  const std::vector<Leaf> leaves = Under(tag);
  std::vector<LeafKind> kinds;
  for (const Leaf& leaf : leaves) {
    EXPECT_TRUE(wire::NamesLink(leaf.kind));
    EXPECT_EQ(leaf.time / base::kDaySeconds, tags.fields.first_day);
    kinds.push_back(leaf.kind);
  }
  // The look-up is in the ledger itself.
  EXPECT_EQ(kinds, (std::vector<LeafKind>{
                       LeafKind::kLinkCreate, LeafKind::kTokenIssue,
                       LeafKind::kTokenRedeem, LeafKind::kBankTokenReplace,
                       LeafKind::kLinkLedger}));
  EXPECT_EQ(leaves[2].purpose, "balance_display");
  EXPECT_EQ(leaves[2].caller, "connector");
  EXPECT_EQ(leaves[3].rule, Rule::kRevisionMismatch);
  EXPECT_EQ(leaves[4].index, tags.header.leaf);
  const auto of_other = Tags(other);
  ASSERT_EQ(of_other.fields.tags.size, 1);
  EXPECT_NE(of_other.fields.tags[0], tag);
  EXPECT_EQ(Under(of_other.fields.tags[0]).size(), 2u);
}

TEST_F(LedgerTest, TagsAreForThoseWhoMayReadTheLinkWhileItLives) {
  const KeptLink link = Create();
  KeptLink none = link;
  none.head = none.wrap = {};
  EXPECT_EQ(Tags(none).rule(), Rule::kLinkUnknown);
  As("linker2");
  EXPECT_EQ(Tags(link).rule(), Rule::kLinkOfAnotherLinker);
  As("connector");
  EXPECT_EQ(Tags(link).rule(), Rule::kNoLinkRight);
  EXPECT_EQ(LastRule(), Rule::kNoLinkRight);
  As("auditor");
  const auto tags = Tags(link);
  ASSERT_TRUE(tags.allowed());
  const uint32_t today = tags.fields.first_day;
  EXPECT_EQ(Tags(link, today).fields.tags.size, 1);
  EXPECT_EQ(Tags(link, today + 1).fields.tags.size, 0);
  EXPECT_EQ(Tags(link, 0xffffffff).fields.tags.size, 0);
  EXPECT_FALSE(Tags(link, 0xffffffff).fields.more);
  ASSERT_TRUE(Erase(link).allowed());
  EXPECT_EQ(Tags(link).rule(), Rule::kLinkErased);
}

TEST_F(LedgerTest, LeavesAreRefusedWhileSealedAndGoOnAfterARestart) {
  const KeptLink link = Create();
  auto before = Leaves(0);
  ASSERT_TRUE(before.allowed());
  const uint64_t next = before.fields.next;
  EXPECT_EQ(before.fields.leaves.size, next);
  ASSERT_TRUE(keeper_.Ask(wire::OperatorOp::kSeal, Bytes{}).done());
  EXPECT_EQ(Leaves(0).rule(), Rule::kSealed);
  ASSERT_TRUE(keeper_.Unseal().done());
  EXPECT_GT(Leaves(0).fields.next, next);
  Restart();
  auto after = Leaves(next);
  ASSERT_TRUE(after.allowed());
  ASSERT_GT(after.fields.leaves.size, 0);
  EXPECT_EQ(wire::DecodeLeaf(after.fields.leaves[0].leaf)->index, next);
  EXPECT_EQ(Leaves(after.fields.next + 1).fields.leaves.size, 0);
}

}  // namespace
}  // namespace coffer::keeper_test
