// The store's upkeep: walks, rewraps, sweeps, settles, what is reported, and
// the store that a restore left.
#include <algorithm>

#include "tests/gate/gate_fixture.h"

namespace coffer::gate {
namespace {

using wire::KeyId;
using wire::LinkId;
using wire::Op;
using wire::Rule;
using Ops = std::vector<Op>;
using Drained = std::vector<std::pair<std::string, KeyId>>;

constexpr KeyId kOld{1};
constexpr KeyId kNew{2};
constexpr KeyId kThird{3};

class UpkeepTest : public GateTest {
 protected:
  UpkeepTest() {
    keeper_.kek = kOld;
    EXPECT_TRUE(store_
                    .Commit([&](store::WriteBatch& batch) {
                      return batch.PutState(store::kVaultIdRow,
                                            keeper_.vault_id);
                    })
                    .ok());
  }

  static LinkId Number(size_t number) {
    LinkId link{};
    link[0] = static_cast<uint8_t>(number >> 8);
    link[1] = static_cast<uint8_t>(number);
    link[15] = 1;
    return link;
  }
  static std::vector<uint8_t> WrapOf(const LinkId& link, const KeyId& kek,
                                     uint32_t revision) {
    wire::Wrap wrap;
    wrap.kek = kek;
    wrap.leaf = 5;
    wrap.revision = revision;
    wrap.linker = "dev";
    wrap.subject = FakeHash("cust");
    wrap.box.fill(link[1]);
    std::vector<uint8_t> bytes(base::kWrapBytesMax);
    bytes.resize(*base::EncodeWhole(bytes, wrap));
    return bytes;
  }
  static base::Status PutInto(store::WriteBatch& batch, const LinkId& link,
                              const KeyId& kek, uint32_t revision = 1,
                              const std::string& institution = "citi") {
    wire::RecordHead head;
    head.link = link;
    head.revision = revision;
    head.leaf = 5;
    head.expires_at = 2'000'000'000;
    head.institution = institution;
    head.linker = "dev";
    head.subject = FakeHash("cust");
    std::vector<uint8_t> bytes(base::kRecordHeadBytesMax);
    bytes.resize(*base::EncodeWhole(bytes, head));
    return batch.PutLink(link, bytes, WrapOf(link, kek, revision), {});
  }
  void Fill(size_t links, const KeyId& kek,
            const std::string& institution = "citi", size_t from = 1) {
    ASSERT_TRUE(store_
                    .Commit([&](store::WriteBatch& batch) -> base::Status {
                      for (size_t i = from; i < from + links; ++i) {
                        COFFER_TRY(
                            PutInto(batch, Number(i), kek, 1, institution));
                      }
                      return {};
                    })
                    .ok());
  }
  void Order(const std::string& institution = "citi",
             const KeyId& active = kNew, std::vector<KeyId> old = {kOld},
             bool urgent = false) {
    keeper_.work.push_back({institution, active, urgent, std::move(old)});
  }
  // Lets the time pass that the next question for work is away.
  void SpinLater(int rounds = 12) {
    clock_.boot_milliseconds += 1000;
    Spin(rounds);
  }
  uint64_t Links(const KeyId& kek) {
    auto counts = store_.CountWraps();
    for (const auto& count : *counts) {
      if (count.kek == kek) return count.links;
    }
    return 0;
  }
  size_t Asked(Op op) {
    return static_cast<size_t>(
        std::count(keeper_.asked.begin(), keeper_.asked.end(), op));
  }
};

TEST_F(UpkeepTest, AsksForWorkFourTimesASecondAndNothingElse) {
  Fill(10, kOld);
  Spin();
  EXPECT_EQ(keeper_.work_asked, 1u);
  Spin();
  EXPECT_EQ(keeper_.work_asked, 1u);
  for (int i = 0; i < 8; ++i) {
    clock_.boot_milliseconds += 125;
    Spin();
  }
  EXPECT_EQ(keeper_.work_asked, 5u);
  EXPECT_EQ(keeper_.asked, Ops{});
  EXPECT_TRUE(keeper_.counted);
  ASSERT_EQ(keeper_.counts.size(), 1u);
  EXPECT_EQ(keeper_.counts[0].kek, kOld);
  EXPECT_EQ(keeper_.counts[0].links, 10u);
}

TEST_F(UpkeepTest, AsksForNoWorkWhileTheVaultIsSealed) {
  keeper_.state = wire::VaultState::kSealed;
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(keeper_.work_asked, 0u);
}

TEST_F(UpkeepTest, BeginsAfterAnUnsealThoughNoCallerComes) {
  keeper_.state = wire::VaultState::kSealed;
  for (int i = 0; i < 4; ++i) SpinLater();
  keeper_.state = wire::VaultState::kOperational;
  Fill(3, kOld);
  Order();
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(Links(kNew), 3u);
}

TEST_F(UpkeepTest, ARotationRewrapsEachLinkOnceInOrderAndDrains) {
  Fill(3000, kOld);
  Fill(5, kOld, "chase", 4000);
  Order();
  for (int i = 0; i < 6; ++i) SpinLater(40);
  EXPECT_EQ(Links(kNew), 3000u);
  EXPECT_EQ(Links(kOld), 5u);  // the other bank's
  ASSERT_EQ(keeper_.rewrapped.size(), 3000u);
  EXPECT_TRUE(
      std::is_sorted(keeper_.rewrapped.begin(), keeper_.rewrapped.end()));
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
  auto link = store_.GetLink(Number(7), false);
  auto wrap = wire::DecodeWrap(link->wrap);
  EXPECT_EQ(wrap->kek, kNew);
  EXPECT_EQ(wrap->box[0], kNew[0]);
  EXPECT_EQ(metrics_.rewrapped, 3000u);
  // Nothing goes on after it.
  size_t asked = keeper_.asked.size();
  for (int i = 0; i < 3; ++i) SpinLater();
  EXPECT_EQ(keeper_.asked.size(), asked);
}

TEST_F(UpkeepTest, CallersAreServedBetweenSmallSteps) {
  Fill(2000, kOld);
  Client client = Connect();
  client.Send(Get("/v1/keys"));
  Order();
  clock_.boot_milliseconds += 1000;
  Spin(4);
  EXPECT_EQ(client.Replies().size(), 1u);
  for (int i = 0; i < 30 && Links(kNew) < 2000; ++i) {
    size_t before = keeper_.rewrapped.size();
    client.Send(Get("/v1/keys"));
    Spin(1);
    EXPECT_LE(keeper_.rewrapped.size() - before, 256u);
  }
}

TEST_F(UpkeepTest, AnInstitutionThatHasNothingIsDrainedAtOnce) {
  Order("citi", kNew, {kOld, kThird});
  SpinLater();
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}, {"citi", kThird}}));
  EXPECT_EQ(Asked(Op::kRewrap), 0u);
}

TEST_F(UpkeepTest, AWriteWhileTheWrapIsAwayWins) {
  Fill(3, kOld);
  Spin();
  Order();
  keeper_.holding = true;
  SpinLater();
  keeper_.AnswerHeld();
  Spin();
  ASSERT_EQ(keeper_.rewrapped.size(), 3u);
  // Its new record is under the active KEK already.
  ASSERT_TRUE(store_
                  .Commit([&](store::WriteBatch& batch) {
                    return PutInto(batch, Number(2), kNew, 2);
                  })
                  .ok());
  keeper_.holding = false;
  keeper_.AnswerHeld();
  for (int i = 0; i < 3; ++i) SpinLater();
  auto link = store_.GetLink(Number(2), false);
  EXPECT_EQ(link->wrap, WrapOf(Number(2), kNew, 2));
  EXPECT_EQ(Links(kNew), 3u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
  EXPECT_EQ(metrics_.rewrapped, 2u);
}

TEST_F(UpkeepTest, ALinkErasedOrReplacedWhileItsVerdictComesIsNotErased) {
  Fill(2, kOld);
  Spin();
  Order("citi", KeyId{}, {kOld});
  keeper_.verdicts[Number(1)] = Rule::kKeyDestroyed;
  keeper_.verdicts[Number(2)] = Rule::kKeyDestroyed;
  keeper_.holding = true;
  SpinLater();
  keeper_.AnswerHeld();
  Spin();
  ASSERT_EQ(keeper_.rewrapped.size(), 2u);
  ASSERT_TRUE(store_
                  .Commit([&](store::WriteBatch& batch) {
                    return PutInto(batch, Number(2), kNew, 2);
                  })
                  .ok());
  keeper_.AnswerHeld();
  Spin();
  EXPECT_FALSE(store_.GetLink(Number(1), false)->found());
  EXPECT_TRUE(store_.GetLink(Number(2), false)->found());
  EXPECT_EQ(metrics_.swept, 1u);
}

TEST_F(UpkeepTest, ASweepErasesWhatIsDead) {
  Fill(600, kOld);
  Fill(5, kOld, "chase", 4000);
  const Rule dead[] = {Rule::kKeyDestroyed, Rule::kLinkErased,
                       Rule::kRecordStale};
  for (size_t i = 1; i <= 600; ++i) keeper_.verdicts[Number(i)] = dead[i % 3];
  Order("citi", KeyId{}, {kOld});
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(*store_.CountLinks(), 5u);
  EXPECT_EQ(metrics_.swept, 600u);
  EXPECT_EQ(metrics_.rewrapped, 0u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
}

TEST_F(UpkeepTest, AnErasedRecordThatAWalkMeetsIsBuriedWithItsHistory) {
  Fill(3, kOld);
  keeper_.verdicts[Number(2)] = Rule::kLinkErased;
  Order();
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(keeper_.buried, std::vector<LinkId>{Number(2)});
  EXPECT_FALSE(store_.GetLink(Number(2), false)->found());
  EXPECT_EQ(store_.History(FakeHash("cust"), {}, 9)->size(), 1u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
}

TEST_F(UpkeepTest, AKillThatTheStoreNeverGotIsSettled) {
  Fill(4, kOld);
  keeper_.verdicts[Number(2)] = Rule::kConsentRevoked;
  keeper_.verdicts[Number(3)] = Rule::kConsentUsed;
  keeper_.kek = kNew;  // of what it makes now
  Order();
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(keeper_.settled, (std::vector<LinkId>{Number(2), Number(3)}));
  auto link = store_.GetLink(Number(2), true);
  EXPECT_EQ(wire::DecodeRecordHead(link->head)->revision, 2u);
  EXPECT_EQ(Links(kNew), 4u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
}

TEST_F(UpkeepTest, ASettledRecordThatIsNotStoredYetKeepsItsKek) {
  Fill(1, kOld);
  keeper_.verdicts[Number(1)] = Rule::kConsentRevoked;
  keeper_.kek = kThird;  // written under a key that is not the active one
  Order("citi", kNew, {kThird});
  while (keeper_.settled.empty()) Spin(1);
  store_.FailNextCommit({base::Code::kFull, "full"}, false);
  Spin();
  EXPECT_EQ(turn_->retries().size(), 1u);
  EXPECT_EQ(keeper_.drained, Drained{});
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(turn_->retries().size(), 0u);
  EXPECT_EQ(Links(kNew), 1u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kThird}}));
}

TEST_F(UpkeepTest, WhatIsDamagedIsLeftAndHoldsItsKekOnly) {
  Fill(10, kOld);
  Fill(10, kThird, "citi", 100);
  keeper_.verdicts[Number(4)] = Rule::kRecordDamaged;
  keeper_.verdicts[Number(5)] = Rule::kKeyUnavailable;
  Order("citi", kNew, {kOld, kThird});
  for (int i = 0; i < 6; ++i) SpinLater();
  EXPECT_EQ(Links(kOld), 2u);
  EXPECT_EQ(Links(kNew), 18u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kThird}}));
  EXPECT_EQ(metrics_.rewrap_damaged, 2u);
  std::string text = AskMonitor(Get("/metrics")).body;
  EXPECT_NE(text.find("\ncoffer_rewrap_damaged 2\n"), std::string::npos);
  EXPECT_NE(text.find("\ncoffer_rewrapped_total 18\n"), std::string::npos);
  EXPECT_NE(text.find("\ncoffer_swept_total 0\n"), std::string::npos);
}

TEST_F(UpkeepTest, AWalkThatChangesNothingIsRepeatedAfterAPauseThatGrows) {
  Fill(1, kOld);
  keeper_.verdicts[Number(1)] = Rule::kRecordDamaged;
  Order();
  clock_.boot_milliseconds += 1000;
  Spin();
  std::vector<int> walks;
  for (int second = 0; second < 64; ++second) {
    size_t before = Asked(Op::kRewrap);
    SpinLater();
    if (Asked(Op::kRewrap) > before) walks.push_back(second);
  }
  EXPECT_GE(walks.size(), 4u);
  EXPECT_LE(walks.size(), 7u);
}

TEST_F(UpkeepTest, ARefusalOfTheMomentIsTriedAgainAndNoDamage) {
  Fill(5, kOld);
  keeper_.refuse[Op::kRewrap] = Rule::kSealed;
  Order();
  SpinLater();
  EXPECT_EQ(Links(kOld), 5u);
  EXPECT_EQ(keeper_.drained, Drained{});
  EXPECT_EQ(metrics_.rewrap_damaged, 0u);
  keeper_.refuse.clear();
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(Links(kNew), 5u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
}

TEST_F(UpkeepTest, AFailedCommitMeansAnotherWalk) {
  for (bool written : {false, true}) {
    size_t from = written ? 1000 : 1;
    std::string institution = written ? "chase" : "citi";
    Fill(5, kOld, institution, from);
    Spin();
    Order(institution);
    store_.FailNextCommit({base::Code::kIo, "unknown"}, written);
    for (int i = 0; i < 5; ++i) SpinLater();
    EXPECT_EQ(Links(kOld), 0u);
  }
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}, {"chase", kOld}}));
}

TEST_F(UpkeepTest, AnUrgentInstitutionComesFirst) {
  Fill(1500, kOld);
  Fill(1500, kThird, "chase", 3000);
  Order("citi", kNew, {kOld});
  Order("chase", kNew, {kThird}, true);
  for (int i = 0; i < 6; ++i) SpinLater(40);
  ASSERT_EQ(keeper_.rewrapped.size(), 3000u);
  EXPECT_EQ(keeper_.rewrapped.front().first, "chase");
  EXPECT_EQ(keeper_.rewrapped[1499].first, "chase");
  EXPECT_EQ(keeper_.rewrapped[1500].first, "citi");
  EXPECT_EQ(keeper_.drained, (Drained{{"chase", kThird}, {"citi", kOld}}));
}

TEST_F(UpkeepTest, AnotherRotationBeforeTheEndBeginsAnew) {
  Fill(2000, kOld);
  Spin();
  Order();
  keeper_.holding = true;
  SpinLater();
  keeper_.AnswerHeld();
  Spin();
  keeper_.work[0] = {"citi", kThird, false, {kOld, kNew}};
  keeper_.holding = false;
  keeper_.AnswerHeld();
  for (int i = 0; i < 8; ++i) SpinLater(40);
  EXPECT_EQ(Links(kThird), 2000u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}, {"citi", kNew}}));
}

TEST_F(UpkeepTest, AnswersThatDoNotFitEndTheGate) {
  Fill(3, kOld);
  Order();
  keeper_.spoil = [](std::vector<uint8_t>& answers) {
    // The count of rows of the only kRewrap in its batch.
    constexpr size_t kRows =
        wire::kAnswersHeaderBytes + wire::kAnswerHeaderBytes + 16;
    if (answers[wire::kAnswersHeaderBytes] ==
        static_cast<uint8_t>(Op::kRewrap)) {
      --answers[kRows];
    }
  };
  clock_.boot_milliseconds += 1000;
  EXPECT_EQ(Spin(), ServerEnd::kBroken);
}

TEST_F(UpkeepTest, AStoreThatARestoreLeftIsPutInForce) {
  Fill(3, kOld);
  Spin();
  store::MemoryStore incoming;
  store::StoreDigest digest{9};
  ASSERT_TRUE(incoming
                  .Commit([&](store::WriteBatch& batch) -> base::Status {
                    COFFER_TRY(PutInto(batch, Number(50), kOld));
                    COFFER_TRY(
                        batch.PutState(store::kVaultIdRow, keeper_.vault_id));
                    return batch.PutState(store::kIncomingRow, digest);
                  })
                  .ok());
  store_.Leave(incoming);
  keeper_.adopt = {8};  // not the one that lies ready
  SpinLater();
  ASSERT_EQ(keeper_.adopted.size(), 1u);
  EXPECT_FALSE(keeper_.adopted[0].adopted);
  EXPECT_EQ(*store_.CountLinks(), 3u);
  // In place and not yet safe is no answer: the keeper asks again.
  store_.FailNextAdopt();
  keeper_.adopt = digest;
  SpinLater();
  EXPECT_EQ(keeper_.adopted.size(), 1u);
  clock_.boot_milliseconds += 2000;
  Spin();
  ASSERT_EQ(keeper_.adopted.size(), 2u);
  EXPECT_TRUE(keeper_.adopted[1].adopted);
  EXPECT_EQ(keeper_.adopted[1].digest, digest);
  EXPECT_EQ(*store_.CountLinks(), 1u);
  EXPECT_TRUE(store_.GetLink(Number(50), false)->found());
}

TEST_F(UpkeepTest, WhatWasUnderWayForTheOldStoreIsForgotten) {
  Fill(3000, kOld);
  Spin();
  Order();
  store::MemoryStore incoming;
  ASSERT_TRUE(
      incoming
          .Commit([&](store::WriteBatch& batch) -> base::Status {
            COFFER_TRY(PutInto(batch, Number(2900), kOld));
            COFFER_TRY(batch.PutState(store::kVaultIdRow, keeper_.vault_id));
            return batch.PutState(store::kIncomingRow, store::StoreDigest{9});
          })
          .ok());
  store_.Leave(incoming);
  keeper_.holding = true;
  SpinLater();
  keeper_.AnswerHeld(1);  // the work
  Spin();
  keeper_.adopt = {9};
  SpinLater();  // the next question for work waits behind two batches
  for (int i = 0; i < 2; ++i) {
    keeper_.AnswerHeld(1);
    Spin();
  }
  ASSERT_EQ(keeper_.rewrapped.size(), 3000u);
  keeper_.AnswerHeld(1);  // adopt, while the last wraps are away
  Spin();
  EXPECT_EQ(*store_.CountLinks(), 1u);
  keeper_.AnswerHeld();
  Spin();
  EXPECT_EQ(Links(kOld), 1u);
  keeper_.holding = false;
  keeper_.AnswerHeld();
  for (int i = 0; i < 4; ++i) SpinLater();
  EXPECT_EQ(keeper_.adopted.size(), 1u);
  EXPECT_EQ(Links(kNew), 1u);
  // Its wrap went to the keeper anew, though the old store had the same one.
  EXPECT_EQ(keeper_.rewrapped.size(), 3001u);
  EXPECT_EQ(keeper_.drained, (Drained{{"citi", kOld}}));
}

TEST_F(UpkeepTest, NothingIsBegunWhileTheGateStops) {
  Fill(3000, kOld);
  Order();
  clock_.boot_milliseconds += 1000;
  Spin(3);
  server_->Stop();
  EXPECT_EQ(Spin(), ServerEnd::kStopped);
  EXPECT_LT(keeper_.rewrapped.size(), 3000u);
}

}  // namespace
}  // namespace coffer::gate
