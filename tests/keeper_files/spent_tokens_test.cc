#include "vault/keeper/spent_tokens.h"

#include <gtest/gtest.h>

namespace coffer::keeper {
namespace {

using base::Code;

TokenId Id(uint64_t number) {
  TokenId jti{};
  std::memcpy(jti.data() + 8, &number, sizeof number);
  return jti;
}

TEST(SpentTokens, ATokenIsSpentOnce) {
  SpentTokens spent;
  EXPECT_FALSE(spent.Contains(Id(1)));
  ASSERT_TRUE(spent.Add(Id(1), 160, 0, 100).ok());
  EXPECT_TRUE(spent.Contains(Id(1)));
  EXPECT_FALSE(spent.Contains(Id(2)));
  EXPECT_EQ(spent.Add(Id(1), 160, 0, 100).error().code, Code::kConflict);
  EXPECT_EQ(spent.Add(Id(1), 160, 1, 100).error().code, Code::kConflict);
}

TEST(SpentTokens, ACallersShareIsBoundedAndOthersStillHaveRoom) {
  SpentTokens spent;
  for (uint64_t i = 0; i < base::kSpentTokensPerCallerMax; ++i) {
    ASSERT_TRUE(spent.Add(Id(i), 160, 3, 100).ok());
  }
  EXPECT_FALSE(spent.HasRoom(3, 100));
  EXPECT_EQ(spent.Add(Id(1 << 20), 160, 3, 101).error().code, Code::kFull);
  EXPECT_FALSE(spent.Contains(Id(1 << 20)));
  EXPECT_TRUE(spent.HasRoom(4, 101));
  EXPECT_TRUE(spent.Add(Id(1 << 20), 160, 4, 101).ok());
}

TEST(SpentTokens, TheWholeIsBounded) {
  SpentTokens spent;
  for (uint64_t i = 0; i < base::kSpentTokensMax; ++i) {
    ASSERT_TRUE(spent.Add(Id(i), 160, static_cast<uint16_t>(i % 8), 100).ok());
  }
  EXPECT_EQ(spent.Add(Id(1 << 20), 160, 9, 101).error().code, Code::kFull);
  EXPECT_EQ(spent.size(), base::kSpentTokensMax);
}

TEST(SpentTokens, ExpiredOnesGiveTheirRoomBackAndLivingOnesStay) {
  SpentTokens spent;
  for (uint64_t i = 0; i < base::kSpentTokensPerCallerMax; ++i) {
    ASSERT_TRUE(spent.Add(Id(i), i % 2 == 0 ? 160 : 1000, 3, 100).ok());
  }
  EXPECT_FALSE(spent.HasRoom(3, 159));
  // A token is good before its `exp`, so at 160 it needs no remembering.
  EXPECT_TRUE(spent.Add(Id(1 << 20), 1000, 3, 160).ok());
  EXPECT_EQ(spent.size(), base::kSpentTokensPerCallerMax / 2 + 1);
  for (uint64_t i = 0; i < base::kSpentTokensPerCallerMax; ++i) {
    ASSERT_EQ(spent.Contains(Id(i)), i % 2 == 1) << i;
  }
}

TEST(SpentTokens, ClearForgetsAll) {
  SpentTokens spent;
  for (uint64_t i = 0; i < base::kSpentTokensPerCallerMax; ++i) {
    ASSERT_TRUE(spent.Add(Id(i), 160, 3, 100).ok());
  }
  EXPECT_FALSE(spent.HasRoom(3, 100));
  spent.Clear();
  EXPECT_EQ(spent.size(), 0u);
  EXPECT_FALSE(spent.Contains(Id(1)));
  EXPECT_TRUE(spent.Add(Id(1), 160, 3, 100).ok());
}

}  // namespace
}  // namespace coffer::keeper
