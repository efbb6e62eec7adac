// What has expired: which links are buried, in which order, and how fast.
#include "tests/gate/gate_fixture.h"

namespace coffer::gate {
namespace {

class ExpirySweepTest : public GateTest {
 protected:
  ExpirySweepTest() {
    EXPECT_TRUE(store_
                    .Commit([&](store::WriteBatch& batch) {
                      return batch.PutState(store::kVaultIdRow,
                                            keeper_.vault_id);
                    })
                    .ok());
  }

  static wire::LinkId Number(size_t number) {
    wire::LinkId link{};
    link[0] = static_cast<uint8_t>(number >> 8);
    link[1] = static_cast<uint8_t>(number);
    link[15] = 1;
    return link;
  }
  void PutEnding(size_t number, uint64_t expires_at) {
    wire::RecordHead head;
    head.link = Number(number);
    head.revision = 1;
    head.leaf = 5;
    head.expires_at = expires_at;
    head.institution = "citi";
    head.linker = "dev";
    head.subject = FakeHash("cust");
    std::vector<uint8_t> bytes(base::kRecordHeadBytesMax);
    bytes.resize(*base::EncodeWhole(bytes, head));
    wire::Wrap wrap;
    wrap.leaf = head.leaf;
    wrap.revision = head.revision;
    wrap.linker = head.linker;
    wrap.subject = head.subject;
    std::vector<uint8_t> wrapped(base::kWrapBytesMax);
    wrapped.resize(*base::EncodeWhole(wrapped, wrap));
    ASSERT_TRUE(store_
                    .Commit([&](store::WriteBatch& batch) {
                      return batch.PutLink(head.link, bytes, wrapped, {});
                    })
                    .ok());
  }
  void Round() {
    clock_.boot_milliseconds += 10'000;
    for (int i = 0; i < 60; ++i) {
      clock_.boot_milliseconds += 32;
      Spin();
    }
  }
  const uint64_t now_ = clock_.wall_seconds;
};

TEST_F(ExpirySweepTest, WhatHasEndedIsBuriedAndWhatHasNotIsNotAskedFor) {
  for (size_t i = 1; i <= 300; ++i) PutEnding(i, now_ - i);
  for (size_t i = 301; i <= 310; ++i) PutEnding(i, now_ + i);
  Round();
  EXPECT_EQ(keeper_.buried.size(), 300u);
  EXPECT_EQ(keeper_.buried.front(), Number(300));  // the earliest
  EXPECT_EQ(*store_.CountLinks(), 10u);
  EXPECT_EQ(store_.History(FakeHash("cust"), {}, 999)->size(), 300u);
  EXPECT_EQ(metrics_.expired, 300u);
  Round();
  EXPECT_EQ(keeper_.buried.size(), 300u);
}

// The keeper keeps expired records for a while: all later ones wait, too.
TEST_F(ExpirySweepTest, TheFirstThatHasNotEndedEndsTheRound) {
  for (size_t i = 1; i <= 200; ++i) {
    PutEnding(i, now_ - 1000 + i);
    if (i > 70) keeper_.not_ended.insert(Number(i));
  }
  Round();
  EXPECT_EQ(*store_.CountLinks(), 130u);
  EXPECT_EQ(keeper_.buried.size(), 128u);  // the step that met it, and no more
  keeper_.not_ended.clear();
  Round();
  EXPECT_EQ(*store_.CountLinks(), 0u);
}

TEST_F(ExpirySweepTest, AStepIsSmallAndNoFasterThanItsRate) {
  for (size_t i = 1; i <= 500; ++i) PutEnding(i, now_ - 1000);
  clock_.boot_milliseconds += 10'000;
  Spin(20);
  EXPECT_LE(keeper_.buried.size(), 64u);
  clock_.boot_milliseconds += 31;
  Spin(20);
  EXPECT_LE(keeper_.buried.size(), 64u);
}

// --- GET /v1/subjects/{subject}/consents -------------------------------------

TEST_F(ExpirySweepTest, PastConsentsAreToldInPages) {
  for (size_t i = 1; i <= 5; ++i) PutEnding(i, now_ - i);
  Round();
  ASSERT_EQ(*store_.CountLinks(), 0u);
  size_t told = 0;
  std::string after;
  for (int page = 0; page < 3; ++page) {
    HttpReply reply = Ask(Get("/v1/subjects/cust/consents?limit=2" +
                              (after.empty() ? "" : "&after=" + after)));
    EXPECT_EQ(reply.status, 200);
    for (size_t at = 0;
         (at = reply.body.find("\"ERASED\"", at)) != std::string::npos; ++at) {
      ++told;
    }
    const size_t next = reply.body.find("\"next\":\"");
    EXPECT_EQ(next == std::string::npos, page == 2) << reply.body;
    if (page < 2) after = reply.body.substr(next + 8, 48);
  }
  EXPECT_EQ(told, 5u);
  EXPECT_EQ(Ask(Get("/v1/subjects/nobody/consents")).body, "{\"consents\":[]}");
  EXPECT_EQ(Ask(Get("/v1/subjects/cust/consents?limit=65")).status, 400);
}

}  // namespace
}  // namespace coffer::gate
