#include "vault/keeper/floors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace coffer::keeper {
namespace {

base::ByteArray<16> Key(uint64_t number) {
  base::ByteArray<16> key{};
  std::memcpy(key.data(), &number, sizeof number);
  return key;
}
Floor Make(uint64_t key, FloorKind kind, uint64_t record = 0,
           uint64_t token = 0, uint8_t reason = 0) {
  return {Key(key), kind, reason, record, token, 0, 1, 0};
}

TEST(Floors, AFloorIsFoundByItsKeyAndNoOther) {
  Floors floors;
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevision, 7, 9), false));
  ASSERT_NE(floors.Find(Key(1)), nullptr);
  EXPECT_EQ(floors.Find(Key(1))->record_leaf, 7u);
  EXPECT_EQ(floors.Find(Key(1))->token_leaf, 9u);
  EXPECT_EQ(floors.Find(Key(2)), nullptr);
  EXPECT_EQ(floors.size(), 1u);
}

TEST(Floors, LeavesNeverFall) {
  Floors floors;
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevision, 10, 20), false));
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevision, 5, 30), false));
  EXPECT_EQ(floors.Find(Key(1))->record_leaf, 10u);
  EXPECT_EQ(floors.Find(Key(1))->token_leaf, 30u);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevision, 11, 3), false));
  EXPECT_EQ(floors.Find(Key(1))->record_leaf, 11u);
  EXPECT_EQ(floors.Find(Key(1))->token_leaf, 30u);
  EXPECT_EQ(floors.size(), 1u);
}

TEST(Floors, SeverityNeverFalls) {
  Floors floors;
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kTokens, 0, 1), false));
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevision, 2), false));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kRevision);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevoked, 3, 3, 2), true));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kRevoked);
  EXPECT_EQ(floors.Find(Key(1))->reason, 2);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevision, 9), false));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kRevoked);
  EXPECT_EQ(floors.Find(Key(1))->reason, 2);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kErased, 4), true));
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kUsed, 99), true));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kErased);
  EXPECT_EQ(floors.Find(Key(1))->record_leaf, 99u);
}

TEST(Floors, OfTwoEquallyBadKindsTheLaterHolds) {
  Floors floors;
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kUsed, 5), true));
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevoked, 6, 0, 1), true));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kRevoked);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kUsed, 5), true));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kRevoked);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kUsed, 7), true));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kUsed);
  ASSERT_TRUE(floors.Raise(Make(1, FloorKind::kRevoked, 7, 0, 1), true));
  EXPECT_EQ(floors.Find(Key(1))->kind, FloorKind::kRevoked);
}

TEST(Floors, TheOrderOfRaisingDoesNotMatter) {
  std::mt19937 dice(7);
  Floors floors;
  for (int round = 0; round < 2000; ++round) {
    // Where all are equally bad, not even for which of them the floor says.
    const bool alike = round % 2 == 0;
    std::vector<Floor> raises;
    for (int i = 0; i < 6; ++i) {
      const int kind = alike ? 2 + dice() % 2 : 1 + dice() % 5;
      Floor floor = Make(1, static_cast<FloorKind>(kind), 1 + dice() % 4,
                         dice() % 4, static_cast<uint8_t>(dice() % 3));
      floor.set_leaf = dice() % 4;
      floor.institution = dice() % 8 == 0 ? 2 : 1;
      floor.erased_at = dice() % 4;
      raises.push_back(floor);
    }
    auto merged = [&] {
      floors.Clear();
      for (const Floor& floor : raises) floors.Raise(floor, true);
      Floor held = *floors.Find(Key(1));
      // What is counted is what is held.
      const bool name = held.kind == FloorKind::kTokens;
      EXPECT_EQ(floors.has_names(), name);
      EXPECT_EQ(floors.has_subjects(), !name && held.institution == 0);
      if (!alike) {
        if (held.kind == FloorKind::kUsed) held.kind = FloorKind::kRevoked;
        held.reason = 0;
      }
      base::ByteArray<kFloorBytes> bytes;
      EXPECT_TRUE(base::EncodeWhole(bytes, held).ok());
      return bytes;
    };
    const auto one = merged();
    std::shuffle(raises.begin(), raises.end(), dice);
    ASSERT_EQ(one, merged());
  }
}

TEST(Floors, ChangesOfBeforeASnapshotChangeNothingInIt) {
  std::mt19937 dice(8);
  for (int round = 0; round < 500; ++round) {
    Floors floors;
    std::vector<Floor> raises;
    for (uint64_t leaf = 1; leaf < 8; ++leaf) {
      Floor floor = Make(1, static_cast<FloorKind>(1 + dice() % 5), leaf, leaf,
                         static_cast<uint8_t>(dice() % 3));
      floor.set_leaf = leaf;
      floor.erased_at = static_cast<uint32_t>(leaf);
      raises.push_back(floor);
      floors.Raise(floor, true);
    }
    const Floor held = *floors.Find(Key(1));
    for (const Floor& floor : raises) floors.Raise(floor, true);
    const Floor again = *floors.Find(Key(1));
    ASSERT_EQ(held.kind, again.kind);
    ASSERT_EQ(held.reason, again.reason);
    ASSERT_EQ(again.record_leaf, 7u);
    ASSERT_EQ(again.token_leaf, 7u);
    ASSERT_EQ(again.set_leaf, 7u);
    ASSERT_EQ(again.erased_at, 1u);
  }
}

TEST(Floors, TheLastTenthIsForKillsAndAFullTableStillRaisesWhatItHolds) {
  auto floors = std::make_unique<Floors>();
  uint64_t next = 0;
  while (floors->Raise(Make(next, FloorKind::kRevision, next), false)) ++next;
  EXPECT_EQ(next, base::kFloorsMax - base::kFloorsForKills);
  EXPECT_FALSE(floors->CanRaise(Key(next), false));
  EXPECT_TRUE(floors->CanRaise(Key(next), true));
  EXPECT_TRUE(floors->CanRaise(Key(0), false));
  while (floors->Raise(Make(next, FloorKind::kErased, next), true)) ++next;
  EXPECT_EQ(next, base::kFloorsMax);
  EXPECT_EQ(floors->size(), base::kFloorsMax);
  EXPECT_FALSE(floors->CanRaise(Key(next), true));
  EXPECT_EQ(floors->Find(Key(next)), nullptr);
  EXPECT_TRUE(floors->Raise(Make(3, FloorKind::kErased, next), false));
  EXPECT_EQ(floors->Find(Key(3))->kind, FloorKind::kErased);
  for (uint64_t i = 0; i < next; ++i) ASSERT_NE(floors->Find(Key(i)), nullptr);
  std::set<base::ByteArray<16>> seen;
  for (const Floor& floor : *floors) seen.insert(floor.key);
  EXPECT_EQ(seen.size(), base::kFloorsMax);
  floors->Clear();
  EXPECT_EQ(floors->size(), 0u);
  EXPECT_EQ(floors->Find(Key(3)), nullptr);
  EXPECT_TRUE(floors->Raise(Make(3, FloorKind::kTokens), false));
}

TEST(Floors, AFloorSurvivesItsBytesAndNothingElseDoes) {
  const Floor floor = Make(77, FloorKind::kRevoked, 5, 6, 2);
  base::ByteArray<kFloorBytes> bytes;
  ASSERT_EQ(*base::EncodeWhole(bytes, floor), kFloorBytes);
  auto again = base::DecodeWhole<Floor>(bytes);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->key, floor.key);
  EXPECT_EQ(again->kind, floor.kind);
  EXPECT_EQ(again->reason, floor.reason);
  EXPECT_EQ(again->record_leaf, floor.record_leaf);
  EXPECT_EQ(again->token_leaf, floor.token_leaf);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(base::DecodeWhole<Floor>(base::Bytes(bytes).first(size)).ok());
  }
  base::ByteArray<kFloorBytes + 1> longer{};
  EXPECT_FALSE(base::DecodeWhole<Floor>(longer).ok());
  EXPECT_FALSE(IsFloorKind(0));
  EXPECT_TRUE(IsFloorKind(1) && IsFloorKind(5));
  EXPECT_FALSE(IsFloorKind(6));
}

Floor Set(uint64_t key, FloorKind kind, uint64_t set, uint16_t institution,
          uint64_t token = 0) {
  return {Key(key), kind, 0, 1, token, set, institution, 0};
}

TEST(Floors, AFloorGoesWhenNoKekOfBeforeItIsLeft) {
  Floors floors;
  OldestKeks oldest;
  oldest.fill(kNoKek);
  oldest[0] = oldest[1] = 50;
  oldest[2] = 80;
  ASSERT_TRUE(floors.Raise(Set(1, FloorKind::kErased, 49, 1), true));
  ASSERT_TRUE(floors.Raise(Set(2, FloorKind::kErased, 50, 1), true));
  ASSERT_TRUE(floors.Raise(Set(3, FloorKind::kRevoked, 79, 2), true));
  ASSERT_TRUE(floors.Raise(Set(4, FloorKind::kRevision, 99, 3), true));
  EXPECT_EQ(floors.Drop(oldest, 0), 3u);
  EXPECT_EQ(floors.size(), 1u);
  EXPECT_NE(floors.Find(Key(2)), nullptr);
  // Raised again later, it stays for the later keys, too.
  ASSERT_TRUE(floors.Raise(Set(2, FloorKind::kRevision, 90, 1), true));
  oldest[0] = oldest[1] = 60;
  EXPECT_EQ(floors.Drop(oldest, 0), 0u);
  oldest[1] = 91;
  EXPECT_EQ(floors.Drop(oldest, 0), 1u);
  EXPECT_EQ(floors.size(), 0u);
}

TEST(Floors, ASubjectsFloorWaitsForEveryInstitution) {
  Floors floors;
  OldestKeks oldest;
  oldest.fill(kNoKek);
  oldest[0] = 10;
  EXPECT_FALSE(floors.has_subjects());
  ASSERT_TRUE(floors.Raise(Set(1, FloorKind::kErased, 20, 0), true));
  EXPECT_TRUE(floors.has_subjects());
  EXPECT_EQ(floors.Drop(oldest, 0), 0u);
  oldest[0] = 21;
  EXPECT_EQ(floors.Drop(oldest, 0), 1u);
  EXPECT_FALSE(floors.has_subjects());
  ASSERT_TRUE(floors.Raise(Set(1, FloorKind::kErased, 20, 0), true));
  floors.Clear();
  EXPECT_FALSE(floors.has_subjects());
}

TEST(Floors, TokensHoldAFloorAndANamesFloorIsOverWithThem) {
  Floors floors;
  OldestKeks oldest;
  oldest.fill(kNoKek);
  ASSERT_TRUE(floors.Raise(Set(1, FloorKind::kRevoked, 5, 1, 30), true));
  ASSERT_TRUE(floors.Raise(Set(2, FloorKind::kTokens, 5, 0, 30), true));
  EXPECT_FALSE(floors.has_subjects());
  EXPECT_EQ(floors.Drop(oldest, 29), 0u);
  oldest[0] = oldest[1] = 0;
  EXPECT_EQ(floors.Drop(oldest, 30), 1u);
  EXPECT_EQ(floors.Find(Key(2)), nullptr);
  oldest.fill(kNoKek);
  EXPECT_EQ(floors.Drop(oldest, 30), 1u);
}

TEST(Floors, AnErasedFloorWaitsForNoToken) {
  Floors floors;
  OldestKeks oldest;
  oldest.fill(kNoKek);
  ASSERT_TRUE(floors.Raise(Set(1, FloorKind::kErased, 5, 1, 30), true));
  EXPECT_EQ(floors.Drop(oldest, 0), 1u);
}

Floor Erased(uint64_t key, uint64_t set, uint16_t institution, uint32_t at) {
  Floor floor = Set(key, FloorKind::kErased, set, institution);
  floor.erased_at = at;
  return floor;
}

TEST(Floors, FinalErasuresAreCountedByInstitution) {
  Floors floors;
  OldestKeks oldest;
  oldest.fill(kNoKek);
  oldest[0] = oldest[2] = 50;
  ASSERT_TRUE(floors.Raise(Erased(1, 49, 1, 7), true));
  ASSERT_TRUE(floors.Raise(Erased(2, 60, 1, 7), true));
  ASSERT_TRUE(floors.Raise(Erased(3, 50, 2, 7), true));
  ASSERT_TRUE(floors.Raise(Erased(4, 49, 0, 7), true));
  ASSERT_TRUE(floors.Raise(Erased(5, 50, 0, 7), true));
  ASSERT_TRUE(floors.Raise(Erased(6, 1, 0xffff, 7), true));
  ASSERT_TRUE(floors.Raise(Set(7, FloorKind::kRevoked, 1, 1), true));
  ErasureCounts counts;
  floors.CountFinal(oldest, counts);
  EXPECT_EQ(counts[0], 1u);
  EXPECT_EQ(counts[1], 2u);
  EXPECT_EQ(counts[2], 0u);
  EXPECT_EQ(floors.Drop(oldest, 0), 4u);
  floors.CountFinal(oldest, counts);
  EXPECT_EQ(counts[0] + counts[1], 0u);
}

TEST(Floors, TheFirstErasureThatNoRotationFollowedIsKept) {
  Floors floors;
  OldestKeks sealing;
  sealing.fill(0);
  ErasureTimes first;
  ASSERT_TRUE(floors.Raise(Set(9, FloorKind::kRevoked, 10, 1), true));
  floors.FirstErasures(sealing, first);
  EXPECT_EQ(first[1], 0u);
  ASSERT_TRUE(floors.Raise(Erased(1, 10, 1, 100), true));
  ASSERT_TRUE(floors.Raise(Erased(2, 20, 1, 200), true));
  ASSERT_TRUE(floors.Raise(Erased(3, 30, 0, 300), true));
  ASSERT_TRUE(floors.Raise(Set(8, FloorKind::kRevoked, 40, 1), true));
  sealing[1] = 10;  // rotated, but not after it
  floors.FirstErasures(sealing, first);
  EXPECT_EQ(first[0], 0u);
  EXPECT_EQ(first[1], 100u);
  EXPECT_EQ(first[2], 300u);
  EXPECT_EQ(first[base::kInstitutionsMax], 300u);
  sealing[1] = 11;  // rotated after the first erasure
  floors.FirstErasures(sealing, first);
  EXPECT_EQ(first[1], 200u);
  sealing[1] = 25;
  floors.FirstErasures(sealing, first);
  EXPECT_EQ(first[1], 300u) << "a subject's is of every institution";
  sealing[1] = 31;
  floors.FirstErasures(sealing, first);
  EXPECT_EQ(first[1], 0u);
  // Erased once more: not before that, and since the first time.
  ASSERT_TRUE(floors.Raise(Erased(1, 40, 1, 400), true));
  floors.FirstErasures(sealing, first);
  EXPECT_EQ(first[1], 100u);
}

// A place that no keyring has, or two of them for one key: kept for longer,
// never for less.
TEST(Floors, StrangePlacesAreKept) {
  Floors floors;
  OldestKeks oldest;
  oldest.fill(kNoKek);
  ASSERT_TRUE(floors.Raise(Set(1, FloorKind::kErased, 5, 0xffff), true));
  EXPECT_EQ(floors.Drop(oldest, 0), 0u);
  ASSERT_TRUE(floors.Raise(Set(2, FloorKind::kErased, 5, 1), true));
  ASSERT_TRUE(floors.Raise(Set(2, FloorKind::kErased, 6, 2), true));
  EXPECT_EQ(floors.Find(Key(2))->institution, 0);
  EXPECT_TRUE(floors.has_subjects());
  EXPECT_EQ(floors.Find(Key(2))->set_leaf, 6u);
}

TEST(Floors, EncodedAndBackItIsTheSameAndAsLongAsItSays) {
  const Floor floor{Key(7), FloorKind::kRevoked, 2, 11, 12, 13, 14, 15};
  uint8_t bytes[kFloorBytes];
  auto size = base::EncodeWhole(base::MutableBytes(bytes), floor);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, kFloorBytes);
  auto back = base::DecodeWhole<Floor>(base::Bytes(bytes));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->key, floor.key);
  EXPECT_EQ(back->kind, floor.kind);
  EXPECT_EQ(back->reason, 2);
  EXPECT_EQ(back->record_leaf, 11u);
  EXPECT_EQ(back->token_leaf, 12u);
  EXPECT_EQ(back->set_leaf, 13u);
  EXPECT_EQ(back->institution, 14);
  for (size_t cut = 0; cut < kFloorBytes; ++cut) {
    EXPECT_FALSE(base::DecodeWhole<Floor>(base::Bytes(bytes, cut)).ok());
  }
}

}  // namespace
}  // namespace coffer::keeper
