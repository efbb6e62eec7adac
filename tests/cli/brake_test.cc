// brake list: every page of it, and what its figures say.
#include "tests/cli/harness.h"
#include "vault/wire/operator_limits.h"

namespace coffer::cli {
namespace {

using wire::OperatorOp;

// A keeper with this many brakes, of which 64 fit into one answer. The first
// was released twice.
struct Brakes {
  Brakes(Coffer& coffer, uint32_t count)
      : keeper(coffer.operator_socket(),
               [count](OperatorOp op, base::Bytes fields) {
                 EXPECT_EQ(op, OperatorOp::kBrakeList);
                 return Answer(count, fields);
               }) {}

  static KeeperAnswer Answer(uint32_t count, base::Bytes fields) {
    auto question = base::DecodeWhole<wire::BrakeListQuestion>(fields);
    if (!question.ok()) return {wire::OperatorCode::kMalformed, "", {}, false};
    wire::BrakeListAnswer answer;
    for (uint32_t i = question->from; i < count; ++i) {
      wire::BrakeRow row;
      row.id = {0, 0, 0, 0, 0, static_cast<uint8_t>(i)};
      row.caller = i < 2 ? "app" : "an_app_with_quite_a_long_name";
      row.purpose = i < 2 ? "receipts" : "purchase_tracking_of_everything";
      row.limit = 1000;
      row.counted = 1000;
      if (i == 0) row.releases = 2;
      if (i == 0) row.counted = 3000;
      row.tripped_at = 1785542400;
      row.ends_at = row.tripped_at + 3600;
      if (answer.rows.push_back(row)) continue;
      answer.next = i;
      break;
    }
    return KeeperAnswer::Of(answer);
  }

  FakeKeeper keeper;
};

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(BrakeList, GoesOnToTheLastPage) {
  Coffer coffer;
  Brakes brakes(coffer, 150);
  ASSERT_EQ(coffer.RunHere({"brake", "list"}), Exit::kDone) << coffer.err();
  EXPECT_TRUE(Fits80(coffer.out()));
  EXPECT_EQ(CountOf(coffer.out(), "\n"), 151u);  // with the headings
  EXPECT_NE(coffer.out().find("000000000095"), std::string::npos);
  EXPECT_EQ(brakes.keeper.asked(OperatorOp::kBrakeList), 3);
  ASSERT_EQ(coffer.RunHere({"brake", "list", "--json"}), Exit::kDone);
  EXPECT_EQ(CountOf(coffer.out(), "\"id\":"), 150u);
}

TEST(BrakeList, SaysWhatReleasesGave) {
  Coffer coffer;
  Brakes brakes(coffer, 2);
  ASSERT_EQ(coffer.RunHere({"brake", "list"}), Exit::kDone) << coffer.err();
  EXPECT_NE(coffer.out().find(" 3,000 of 1,000+2,000 "), std::string::npos)
      << coffer.out();
  EXPECT_NE(coffer.out().find(" 1,000 of 1,000 "), std::string::npos);
  EXPECT_NE(coffer.out().find(" 01:00Z\n"), std::string::npos);
  ASSERT_EQ(coffer.RunHere({"brake", "list", "--json"}), Exit::kDone);
  EXPECT_NE(coffer.out().find("\"limit\":1000,\"releases\":2,"
                              "\"counted\":3000,"),
            std::string::npos)
      << coffer.out();
}

TEST(BrakeList, SaysWhenNoneHolds) {
  Coffer coffer;
  Brakes brakes(coffer, 0);
  ASSERT_EQ(coffer.RunHere({"brake", "list"}), Exit::kDone) << coffer.err();
  EXPECT_EQ(coffer.out(), "No brake holds\n");
}

}  // namespace
}  // namespace coffer::cli
