// The table of what is good once.
#include "vault/keeper/fresh_once.h"

#include <gtest/gtest.h>

namespace coffer::keeper {
namespace {

FreshOnce::Item Numbered(uint64_t number, uint64_t issued_at) {
  FreshOnce::Item item{};
  std::memcpy(item.key.data(), &number, sizeof number);
  item.issued_at = issued_at;
  return item;
}

TEST(FreshOnce, FullTableTakesKillsOnAndIsEmptiedByTime) {
  constexpr size_t kOrdinary = base::kFreshUsedMax - base::kFreshUsedMax / 10;
  FreshOnce fresh;
  fresh.Begin(1000);
  uint64_t used = 0;
  for (; fresh.HasRoom(false, 1000); ++used) fresh.Use(Numbered(used, 1000));
  EXPECT_EQ(used, kOrdinary);
  for (; fresh.HasRoom(true, 1000); ++used) fresh.Use(Numbered(used, 1001));
  EXPECT_EQ(used, base::kFreshUsedMax);
  EXPECT_FALSE(fresh.HasRoom(true, 1300));
  EXPECT_FALSE(fresh.HasRoom(false, 1300));
  EXPECT_TRUE(fresh.HasRoom(false, 1301));
  EXPECT_EQ(fresh.size(), base::kFreshUsedMax - kOrdinary);
  // What is still good is still known.
  EXPECT_FALSE(fresh.IsFresh(Numbered(kOrdinary, 1001), 1301));
  EXPECT_TRUE(fresh.IsFresh(Numbered(used, 1001), 1301));
  // A clock that was set back has not to pass then again to make room.
  fresh.Begin(500);
  EXPECT_EQ(fresh.size(), 0u);
  for (used = 0; fresh.HasRoom(true, 500); ++used) {
    fresh.Use(Numbered(used, 500));
  }
  EXPECT_TRUE(fresh.HasRoom(true, 801));
}

TEST(FreshOnce, NewestIsOfWhatWasUsedSinceBegin) {
  FreshOnce fresh;
  fresh.Begin(1000);
  EXPECT_EQ(fresh.newest(), 0u);
  fresh.Use(Numbered(1, 1200));
  fresh.Use(Numbered(2, 1100));
  EXPECT_EQ(fresh.newest(), 1200u);
  fresh.Begin(900);
  EXPECT_EQ(fresh.newest(), 0u);
}

TEST(FreshOnce, ItemsAreTheTextsAlone) {
  const auto text = base::AsBytes("v4.local.a");
  EXPECT_EQ(FreshOnce::ItemOf(text, 1).key, FreshOnce::ItemOf(text, 2).key);
  EXPECT_NE(FreshOnce::ItemOf(text, 1).key,
            FreshOnce::ItemOf(base::AsBytes("v4.local.b"), 1).key);
}

}  // namespace
}  // namespace coffer::keeper
