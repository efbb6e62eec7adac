#include "crypto/secret_key.h"

#include <concepts>
#include <utility>

#include "crypto/kdf.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

static_assert(!std::copyable<Dek> && std::movable<Dek>);
static_assert(!std::equality_comparable<Dek>);
static_assert(!std::convertible_to<Dek, Bytes>);
static_assert(!std::convertible_to<Kek, Dek>);

TEST(SecretKey, TakesASlotAndGivesItBackWiped) {
  auto arena = MakeArena(2);
  const uint8_t* place = nullptr;
  {
    Dek key = KeyOf<Dek>(*arena, Pattern(32));
    place = SecretKeyBytes::View(key).data();
    EXPECT_TRUE(key.present());
    EXPECT_EQ(arena->free_slots(), 1u);
  }
  EXPECT_EQ(arena->free_slots(), 2u);
  EXPECT_TRUE(AllZero({place, 32}));
}

TEST(SecretKey, MovingLeavesNothingBehind) {
  auto arena = MakeArena(2);
  Dek from = KeyOf<Dek>(*arena, Pattern(32));
  Dek to(std::move(from));
  EXPECT_FALSE(from.present());  // NOLINT: the moved-from state is promised
  EXPECT_TRUE(to.present());
  Dek other = KeyOf<Dek>(*arena, Pattern(32, 2));
  EXPECT_EQ(arena->free_slots(), 0u);
  other = std::move(to);
  EXPECT_EQ(arena->free_slots(), 1u);
  EXPECT_TRUE(EqualConstantTime(SecretKeyBytes::View(other), Pattern(32)));
}

TEST(SecretKey, DestroyTwiceIsOnce) {
  auto arena = MakeArena(1);
  Dek key(*arena);
  key.Destroy();
  key.Destroy();
  EXPECT_FALSE(key.present());
  EXPECT_EQ(arena->free_slots(), 1u);
}

TEST(SecretKeyDeathTest, ReadingAnAbsentKeyEndsTheProcess) {
  Dek key;
  EXPECT_DEATH(SecretKeyBytes::View(key), "check failed");
  EXPECT_DEATH(SecretKeyBytes::Mutable(key), "check failed");
}

TEST(SecretKeyDeathTest, AFullArenaEndsTheProcess) {
  auto arena = MakeArena(1);
  Dek key(*arena);
  EXPECT_DEATH(Dek another(*arena), "check failed");
}

}  // namespace
}  // namespace coffer::crypto
