#include "crypto/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace coffer::base {
namespace {

Status FailWith(Code code) { return Fail(code, "a reason"); }
Status TryBoth(Status first, Status second, int& steps) {
  COFFER_TRY(first);
  ++steps;
  COFFER_TRY(second);
  ++steps;
  return {};
}

TEST(Result, AValueIsOkAndAnErrorIsNot) {
  Result<int> good = 7;
  Result<int> bad = Fail(Code::kNotFound, "nothing here");
  EXPECT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 7);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, Code::kNotFound);
  EXPECT_STREQ(bad.error().message, "nothing here");
}

TEST(Result, AStatusStartsOk) {
  Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_FALSE(FailWith(Code::kIo).ok());
}

TEST(Result, AMoveOnlyValueMovesOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 3);
}

TEST(Result, TryReturnsTheFirstErrorAndStops) {
  int steps = 0;
  EXPECT_TRUE(TryBoth({}, {}, steps).ok());
  EXPECT_EQ(steps, 2);
  steps = 0;
  Status status = TryBoth(FailWith(Code::kFull), FailWith(Code::kIo), steps);
  EXPECT_EQ(status.error().code, Code::kFull);
  EXPECT_EQ(steps, 0);
  EXPECT_EQ(TryBoth({}, FailWith(Code::kIo), steps).error().code, Code::kIo);
  EXPECT_EQ(steps, 1);
}

TEST(ResultDeathTest, ReadingTheWrongSideEndsTheProcess) {
  Result<int> good = 7;
  Result<int> bad = Fail(Code::kIo, "no");
  EXPECT_DEATH({ [[maybe_unused]] int value = bad.value(); }, "check failed");
  EXPECT_DEATH({ [[maybe_unused]] Error error = good.error(); },
               "check failed");
}

TEST(CheckDeathTest, AFailedCheckNamesItsPlaceAndText) {
  EXPECT_DEATH(COFFER_CHECK(1 + 1 == 3),
               "result_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace coffer::base
