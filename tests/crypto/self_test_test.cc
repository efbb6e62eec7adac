#include "crypto/self_test.h"

#include <set>
#include <string>

#include "crypto/self_test_fault.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

TEST(SelfTest, EveryRowPassesAndEveryAlgorithmHasOne) {
  auto arena = MakeArena(4);
  const SelfTestReport report = RunSelfTests(*arena);
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(report.size, 12u);
  std::set<std::string_view> names;
  for (size_t i = 0; i < report.size; ++i) {
    EXPECT_TRUE(report.rows[i].passed) << report.rows[i].algorithm;
    names.insert(report.rows[i].algorithm);
  }
  EXPECT_EQ(names.size(), report.size);
  EXPECT_EQ(arena->free_slots(), 4u);
}

TEST(SelfTest, AWrongAnswerFailsItsRowAndNoOther) {
  auto arena = MakeArena(4);
  const size_t rows = RunSelfTests(*arena).size;
  for (size_t faulty = 0; faulty < rows; ++faulty) {
    const SelfTestReport report = RunSelfTestsWithFault(*arena, faulty);
    EXPECT_FALSE(report.passed());
    for (size_t i = 0; i < report.size; ++i) {
      EXPECT_EQ(report.rows[i].passed, i != faulty)
          << report.rows[i].algorithm << " with a fault in row " << faulty;
    }
  }
}

TEST(SelfTest, AnEmptyReportHasNotPassed) {
  EXPECT_FALSE(SelfTestReport{}.passed());
}

}  // namespace
}  // namespace coffer::crypto
