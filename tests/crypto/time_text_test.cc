#include "crypto/base/time_text.h"

#include <gtest/gtest.h>
#include <time.h>

namespace coffer::base {
namespace {

TEST(TimeText, KnownTimes) {
  EXPECT_EQ(TimeText(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(TimeText(951782399), "2000-02-28T23:59:59Z");
  EXPECT_EQ(TimeText(951782400), "2000-02-29T00:00:00Z");
  EXPECT_EQ(TimeText(1785542400), "2026-08-01T00:00:00Z");
  EXPECT_EQ(TimeText(4294967296), "2106-02-07T06:28:16Z");
  EXPECT_EQ(TimeText(253402300799), "9999-12-31T23:59:59Z");
}

TEST(TimeText, PastTheYear9999StaysAtItsEnd) {
  EXPECT_EQ(TimeText(253402300800), "9999-12-31T23:59:59Z");
  EXPECT_EQ(TimeText(~uint64_t{0}), "9999-12-31T23:59:59Z");
}

TEST(TimeText, EveryDayToTheYear2500AgreesWithTheSystemAndRoundTrips) {
  for (uint64_t day = 0; day < 530 * 365; ++day) {
    const uint64_t seconds = day * 86400 + (day * 7919) % 86400;
    const time_t at = static_cast<time_t>(seconds);
    tm parts{};
    gmtime_r(&at, &parts);
    char expected[32];
    strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &parts);
    const std::string text = TimeText(seconds);
    ASSERT_EQ(text, expected);
    auto back = ParseTime(text);
    ASSERT_TRUE(back.ok()) << text;
    ASSERT_EQ(*back, seconds);
  }
}

TEST(TimeText, LeapDaysExistInLeapYearsOnly) {
  for (const char* good :
       {"2000-02-29", "2024-02-29", "2096-02-29", "2400-02-29"}) {
    EXPECT_TRUE(ParseTime(std::string(good) + "T00:00:00Z").ok()) << good;
  }
  for (const char* bad :
       {"1999-02-29", "2023-02-29", "2100-02-29", "2200-02-29", "2024-02-30"}) {
    EXPECT_FALSE(ParseTime(std::string(bad) + "T00:00:00Z").ok()) << bad;
  }
}

TEST(TimeText, WhatIsNotATimeIsRefused) {
  for (const char* text : {"",
                           "2026-08-01",
                           "2026-08-01T00:00:00",
                           "2026-08-01T00:00:00z",
                           "2026-08-01t00:00:00Z",
                           "2026-08-01 00:00:00Z",
                           "2026-08-01T00:00:60Z",
                           "2026-08-01T00:60:00Z",
                           "2026-08-01T24:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-08-00T00:00:00Z",
                           "2026-08-32T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "1969-12-31T23:59:59Z",
                           "2026/08/01T00:00:00Z",
                           "2026-08-01T00:00:00+",
                           "-026-08-01T00:00:00Z",
                           "+026-08-01T00:00:00Z",
                           "2026-08-01T00:00:0 Z",
                           "2026-08-01T00.00.00Z",
                           "2026-08-01T00:00:00.0Z",
                           "2026-08-01T00:00:00+00:00"}) {
    auto result = ParseTime(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().code, Code::kInvalid);
  }
}

TEST(TimeText, TruncationsAndTrailingBytesAreRefused) {
  const std::string text = "2026-08-01T12:34:56Z";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ParseTime(text.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParseTime(text + "Z").ok());
  EXPECT_FALSE(ParseTime(text + std::string(1, '\0')).ok());
}

TEST(TimeText, AChangedCharacterIsRefusedOrAnotherTimeInThatVeryForm) {
  const std::string text = "2026-08-01T12:34:56Z";
  for (size_t place = 0; place < text.size(); ++place) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = text;
      changed[place] = static_cast<char>(value);
      auto result = ParseTime(changed);
      if (result.ok()) {
        EXPECT_EQ(TimeText(*result), changed);
      }
    }
  }
}

}  // namespace
}  // namespace coffer::base
