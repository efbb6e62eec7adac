// What the gate derives of the audit leaves, and a customer's ledger of it.
#include "tests/gate/gate_fixture.h"

namespace coffer::gate {
namespace {

using wire::LeafKind;
using wire::LinkId;

constexpr uint32_t kDay = 20'000;

wire::ByteArray<16> Tag(uint8_t link, uint32_t day) {
  return {link, static_cast<uint8_t>(day), 9};
}

class UsesTest : public GateTest {
 protected:
  // A leaf of that link and day; its index.
  uint64_t Use(uint8_t link, uint32_t day = kDay,
               LeafKind kind = LeafKind::kTokenRedeem) {
    wire::Leaf leaf;
    leaf.kind = kind;
    leaf.time = uint64_t{day} * base::kDaySeconds + 60;
    leaf.caller = "connector";
    leaf.purpose = "balance_display";
    leaf.institution = "citi";
    leaf.scope = "ACCOUNT_BASIC";
    leaf.link_tag = Tag(link, day);
    return keeper_.AddLeaf(leaf);
  }
  // What the keeper says to the link's days.
  void NameDays(const std::string& link, uint8_t name, uint32_t days) {
    wire::TagsAnswer tags;
    tags.first_day = kDay;
    for (uint32_t i = 0; i < days; ++i)
      tags.tags.push_back(Tag(name, kDay + i));
    keeper_.tags[LinkOf(link)] = tags;
  }
  std::vector<uint64_t> Stored(uint8_t link, uint32_t day = kDay) {
    std::vector<uint64_t> found;
    auto uses = store_.Uses({day, Tag(link, day), 0}, 10'000);
    EXPECT_TRUE(uses.ok());
    for (const store::Use& use : *uses) found.push_back(use.index);
    return found;
  }
  // Lets the gate's background go on for some seconds.
  void Wait(int seconds = 3) {
    for (int i = 0; i < seconds * 4; ++i) {
      clock_.boot_milliseconds += 250;
      Spin(4);
    }
  }
  static size_t Count(const std::string& text, const std::string& what) {
    size_t found = 0;
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) {
      ++found;
    }
    return found;
  }
  HttpReply Ledger(const std::string& query = "",
                   const std::string& subject = "cust-1") {
    return Ask(Get("/v1/subjects/" + subject + "/ledger" + query));
  }
};

TEST_F(UsesTest, LeavesThatNameALinkAreDerivedAndNoOthers) {
  const uint64_t first = Use(1);
  Use(2);
  Use(3, kDay, LeafKind::kKeyRotate);  // the tag is a key's
  const uint64_t last = Use(1);
  Wait();
  EXPECT_EQ(Stored(1), (std::vector<uint64_t>{first, last}));
  EXPECT_EQ(Stored(2).size(), 1u);
  EXPECT_TRUE(Stored(3).empty());
}

TEST_F(UsesTest, ManyLeavesTakeFewCommitsAndLittleWhileIdle) {
  Wait();
  const size_t commits_before = metrics_.commits();
  for (int i = 0; i < 20'000; ++i) Use(static_cast<uint8_t>(i % 7));
  Wait();
  size_t stored = 0;
  for (uint8_t link = 0; link < 7; ++link) stored += Stored(link).size();
  EXPECT_EQ(stored, 20'000u);
  EXPECT_LE(metrics_.commits() - commits_before, 4u);
  const size_t asked = keeper_.leaves_asked;
  const size_t commits = metrics_.commits();
  Wait(10);
  EXPECT_LE(keeper_.leaves_asked - asked, 41u);  // one in 250 ms
  EXPECT_EQ(metrics_.commits(), commits);
}

TEST_F(UsesTest, AStoreWithoutThemBeginsFromTheFirstThereIs) {
  keeper_.journal_from = 5;
  for (int i = 0; i < 10; ++i) Use(1);
  Wait();
  EXPECT_EQ(Stored(1), (std::vector<uint64_t>{5, 6, 7, 8, 9}));
}

TEST_F(UsesTest, AJournalFromBeforeTheStoreBeginsThemAnew) {
  for (int i = 0; i < 10; ++i) Use(1);
  Wait();
  ASSERT_EQ(Stored(1).size(), 10u);
  keeper_.ForgetLeavesFrom(4);
  Use(2);
  Wait();
  EXPECT_EQ(Stored(1).size(), 4u);
  EXPECT_EQ(Stored(2), std::vector<uint64_t>{4});
}

TEST_F(UsesTest, AFailedCommitIsMadeUpFor) {
  Wait();
  for (bool written : {false, true}) {
    store_.FailNextCommit(base::Fail(base::Code::kIo, "broken"), written);
    Use(1);
    Wait(6);
  }
  EXPECT_EQ(Stored(1).size(), 2u);
}

TEST_F(UsesTest, AStoreThatARestorePutInForceGetsItsOwn) {
  for (int i = 0; i < 10; ++i) Use(1);
  Wait();
  ASSERT_EQ(Stored(1).size(), 10u);
  store::MemoryStore incoming;
  const store::StoreDigest digest{9};
  ASSERT_TRUE(incoming
                  .Commit([&](store::WriteBatch& batch) -> base::Status {
                    COFFER_TRY(
                        batch.PutState(store::kVaultIdRow, keeper_.vault_id));
                    return batch.PutState(store::kIncomingRow, digest);
                  })
                  .ok());
  store_.Leave(incoming);
  keeper_.adopt = digest;
  Wait(1);
  ASSERT_EQ(keeper_.adopted.size(), 1u);
  Use(1);
  Wait();
  EXPECT_EQ(Stored(1).size(), 11u);
}

TEST_F(UsesTest, UsesPastTheirRetentionGo) {
  Use(1, kDay);
  Use(1, kDay + 1);
  Wait();
  EXPECT_EQ(Stored(1, kDay).size(), 1u);
  Use(2, kDay + 1 + base::kUsesDays);
  Wait();
  EXPECT_TRUE(Stored(1, kDay).empty());
  EXPECT_EQ(Stored(1, kDay + 1).size(), 1u);
}

// --- The route ---------------------------------------------------------------

TEST_F(UsesTest, ALedgerHasTheUsesOfAllLinksInOrder) {
  const std::string one = MakeLink();
  const std::string two = MakeLink();
  const std::string other = MakeLink("cust-2");
  NameDays(one, 1, 5);
  NameDays(two, 2, 1);
  NameDays(other, 3, 1);
  std::vector<uint64_t> expected;
  for (uint32_t day = 0; day < 5; ++day) {
    expected.push_back(Use(1, kDay + day));
    if (day == 0) expected.push_back(Use(2));
    Use(3);
  }
  HttpReply reply = Ledger();
  EXPECT_EQ(reply.status, 200);
  std::string indexes;
  for (uint64_t index : expected) {
    std::string text = "\"audit_index\":" + std::to_string(index) + "}";
    EXPECT_NE(reply.body.find(text), std::string::npos) << reply.body;
  }
  EXPECT_EQ(Count(reply.body, "audit_index"), expected.size());
  EXPECT_NE(reply.body.find("\"complete\":true}"), std::string::npos);
  EXPECT_NE(
      reply.body.find("\"link\":\"" + two +
                      "\",\"action\":\"token.redeem\",\"outcome\":\"allowed\","
                      "\"institution\":\"citi\",\"caller\":\"connector\","
                      "\"purpose\":\"balance_display\","
                      "\"scope\":\"ACCOUNT_BASIC\",\"audit_index\":" +
                      std::to_string(expected[1])),
      std::string::npos)
      << reply.body;
}

TEST_F(UsesTest, PagesTogetherGiveEveryUseOnce) {
  const std::string one = MakeLink();
  const std::string two = MakeLink();
  NameDays(one, 1, 3);
  NameDays(two, 2, 1);
  std::vector<uint64_t> expected;
  for (int i = 0; i < 10; ++i) {
    expected.push_back(Use(1, kDay + static_cast<uint32_t>(i) / 4));
    expected.push_back(Use(2));
  }
  std::vector<uint64_t> found;
  std::string query = "?limit=3";
  for (int pages = 0; pages < 20; ++pages) {
    HttpReply reply = Ledger(query);
    ASSERT_EQ(reply.status, 200) << reply.body;
    size_t at = 0;
    while ((at = reply.body.find("audit_index\":", at)) != std::string::npos) {
      at += 13;
      found.push_back(std::stoull(reply.body.substr(at)));
    }
    size_t next = reply.body.find("\"next\":\"");
    if (next == std::string::npos) break;
    query = "?limit=3&after=" + reply.body.substr(next + 8, 32);
    Use(1);  // after the first page: not on any
    Wait(2);
  }
  EXPECT_EQ(found, expected);
}

TEST_F(UsesTest, UnknownCustomersAndForeignLinksHaveNoEntries) {
  EXPECT_EQ(Ledger("", "nobody").body, "{\"entries\":[],\"complete\":true}");
  MakeLink();
  Use(1);
  EXPECT_EQ(Ledger().body, "{\"entries\":[],\"complete\":true}");
  keeper_.refuse[wire::Op::kTags] = wire::Rule::kInstitutionWithdrawn;
  EXPECT_EQ(Ledger().body, "{\"entries\":[],\"complete\":false}");
  keeper_.refuse[wire::Op::kTags] = wire::Rule::kJournalFull;
  EXPECT_EQ(Ledger().status, 503);
  keeper_.refuse.clear();
  keeper_.refuse[wire::Op::kHash] = wire::Rule::kNoLinkRight;
  EXPECT_EQ(Ledger().status, 403);
}

TEST_F(UsesTest, QueriesThatAreNoneAreRefusedWithTheFieldNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"?limit=0", "limit is"},
      {"?limit=257", "limit is"},
      {"?limit=", "limit is"},
      {"?limit=1&limit=1", "the query is"},
      {"?x=1", "the query is"},
      {"?after=", "after is"},
      {"?after=00000000000000010000000000000001", "after is"},
      {"?after=0000000000000002000000000000000A", "after is"},
      {"?after=ffffffffffffffff0000000000000001", "after is"},
      {"?", "the query is"},
  };
  for (const auto& [query, says] : cases) {
    HttpReply reply = Ledger(query);
    const bool none = std::string(query) == "?";
    EXPECT_EQ(reply.status, none ? 200 : 400) << query << reply.body;
    if (!none) {
      EXPECT_NE(reply.body.find(says), std::string::npos) << reply.body;
    }
  }
  EXPECT_EQ(Ledger("?limit=256").status, 200);
}

TEST_F(UsesTest, WhatIsNotDerivedInTimeIsSaid) {
  NameDays(MakeLink(), 1, 1);
  Use(1);
  store_.FailNextCommit(base::Fail(base::Code::kFull, "full"), false);
  Client client = Connect();
  client.Send(Get("/v1/subjects/cust-1/ledger"));
  Spin();
  EXPECT_TRUE(client.Replies().empty());
  clock_.boot_milliseconds += 1900;
  Spin();
  EXPECT_TRUE(client.Replies().empty());
  clock_.boot_milliseconds += 101;
  Spin();
  auto replies = client.Replies();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].body, "{\"entries\":[],\"complete\":false}");
  Wait();
  EXPECT_EQ(Count(Ledger().body, "audit_index"), 1u);
}

TEST_F(UsesTest, AClientThatHangsUpMeanwhileIsForgotten) {
  NameDays(MakeLink(), 1, 1);
  store_.FailNextCommit(base::Fail(base::Code::kFull, "full"), false);
  Use(1);
  Client client = Connect();
  client.Send(Get("/v1/subjects/cust-1/ledger"));
  Spin();
  client.Close();
  Spin();
  Wait(5);
  EXPECT_EQ(turn_->in_progress(), 0u);
}

}  // namespace
}  // namespace coffer::gate
