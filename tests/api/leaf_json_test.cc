#include "vault/api/leaf_json.h"

#include <gtest/gtest.h>

namespace coffer::api {
namespace {

wire::Leaf Refusal() {
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kTokenIssue;
  leaf.rule = wire::Rule::kPurposeProhibited;
  leaf.index = 1042;
  leaf.time = 1785542400;
  leaf.uid = 1002;
  leaf.caller = "messenger";
  leaf.institution = "citi";
  leaf.purpose = "advertising";
  leaf.audience = "connector";
  leaf.scope = "ACCOUNT_BASIC";
  leaf.link_tag.fill(0xab);
  leaf.revision = 2;
  return leaf;
}

std::string Json(const wire::Leaf& leaf) {
  TextBuilder out;
  WriteLeaf(out, leaf);
  return std::string(out.view());
}

TEST(LeafJson, HasEveryFieldThatTheLeafHas) {
  EXPECT_EQ(Json(Refusal()),
            "{\"index\":1042,\"time\":\"2026-08-01T00:00:00Z\",\"kind\":"
            "\"token.issue\",\"outcome\":\"refused\",\"rule\":"
            "\"purpose_prohibited\",\"uid\":1002,\"caller\":\"messenger\","
            "\"institution\":\"citi\",\"purpose\":\"advertising\",\"audience\":"
            "\"connector\",\"scope\":\"ACCOUNT_BASIC\",\"link_tag\":"
            "\"abababababababababababababababab\",\"revision\":2}");
}

TEST(LeafJson, LeavesOutWhatIsEmpty) {
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kSeal;
  EXPECT_EQ(Json(leaf),
            "{\"index\":0,\"time\":\"1970-01-01T00:00:00Z\",\"kind\":"
            "\"vault.seal\",\"outcome\":\"allowed\",\"rule\":\"allowed\","
            "\"uid\":0}");
}

TEST(LeafJson, NamesTheDetailByItsKind) {
  wire::Leaf leaf;
  leaf.detail = 1;
  const auto has = [&](wire::LeafKind kind, const std::string& text) {
    leaf.kind = kind;
    return Json(leaf).find(text) != std::string::npos;
  };
  EXPECT_TRUE(
      has(wire::LeafKind::kConsentRevoke, "\"reason\":\"USER_ACTION\""));
  EXPECT_TRUE(has(wire::LeafKind::kUnsealFailed, "\"attempts\":1"));
  EXPECT_TRUE(has(wire::LeafKind::kSubjectErase, "\"links\":1"));
  EXPECT_TRUE(has(wire::LeafKind::kTokenIssue, "\"expires_in\":1"));
  EXPECT_TRUE(has(wire::LeafKind::kNotCommitted, "\"write\":1"));
  EXPECT_TRUE(has(wire::LeafKind::kSeal, "\"detail\":1"));
}

TEST(LeafLine, SaysWhoWhatAndWhy) {
  EXPECT_EQ(LeafLine(Refusal()),
            "  1042 2026-08-01T00:00:00Z token.issue purpose_prohibited "
            "messenger advertisin~");
  wire::Leaf leaf = Refusal();
  leaf.rule = wire::Rule::kAllowed;
  leaf.scope = "";
  EXPECT_EQ(LeafLine(leaf),
            "  1042 2026-08-01T00:00:00Z token.issue ok messenger advertising "
            "citi connector");
  leaf = wire::Leaf{};
  leaf.kind = wire::LeafKind::kUnseal;
  EXPECT_EQ(LeafLine(leaf),
            "     0 1970-01-01T00:00:00Z vault.unseal ok uid=0");
  leaf.uid = 0xffffffff;
  EXPECT_EQ(LeafLine(leaf),
            "     0 1970-01-01T00:00:00Z vault.unseal ok by itself");
}

TEST(LeafLine, OfOperatorsWhoEndOrReleaseSaysWhoDidAndWhat) {
  wire::Leaf leaf;
  leaf.index = 7;
  leaf.time = 1785542400;
  leaf.uid = 7;
  leaf.kind = wire::LeafKind::kTokensRevoke;
  const std::string start = "     7 2026-08-01T00:00:00Z ";
  leaf.caller = "connector";
  EXPECT_EQ(LeafLine(leaf),
            start + "token.revoke_group ok uid=7 caller=connector");
  EXPECT_NE(Json(leaf).find(R"("uid":7,"tokens_of":{"caller":"connector"})"),
            std::string::npos)
      << Json(leaf);
  leaf.caller = {};
  leaf.institution = "citi";
  EXPECT_EQ(LeafLine(leaf),
            start + "token.revoke_group ok uid=7 institution=citi");
  leaf.institution = {};
  leaf.purpose = "receipts";
  EXPECT_NE(Json(leaf).find(R"("tokens_of":{"purpose":"receipts"})"),
            std::string::npos)
      << Json(leaf);
  leaf.caller = "messenger";
  leaf.kind = wire::LeafKind::kBrakeRelease;
  EXPECT_EQ(LeafLine(leaf),
            start + "brake.release ok uid=7 messenger receipts");
}

TEST(LeafLine, OfFailedUnsealsCountsThem) {
  wire::Leaf leaf;
  leaf.kind = wire::LeafKind::kUnsealFailed;
  leaf.detail = 3;
  leaf.uid = 1000;
  EXPECT_EQ(LeafLine(leaf),
            "     0 1970-01-01T00:00:00Z vault.unseal_failed attempts=3 "
            "uid=1000");
  leaf.uid = 0xffffffff;
  EXPECT_EQ(LeafLine(leaf),
            "     0 1970-01-01T00:00:00Z vault.unseal_failed attempts=3 "
            "by itself");
}

TEST(LeafLine, CutsAtTheLastColumn) {
  wire::Leaf leaf = Refusal();
  for (size_t size = 1; size <= 65; ++size) {
    const std::string caller(size, 'w');
    leaf.caller = caller;
    const std::string line = LeafLine(leaf);
    EXPECT_LE(line.size(), kLeafLineBytesMax);
    if (line.size() < kLeafLineBytesMax) {
      EXPECT_TRUE(line.ends_with("ACCOUNT_BASIC")) << line;
    }
  }
  leaf.purpose = leaf.institution = leaf.audience = leaf.scope = {};
  const std::string fits(21, 'w');  // up to the last column
  leaf.caller = fits;
  EXPECT_EQ(LeafLine(leaf).size(), kLeafLineBytesMax);
  EXPECT_EQ(LeafLine(leaf).back(), 'w');
  const std::string over(22, 'w');
  leaf.caller = over;
  EXPECT_EQ(LeafLine(leaf).size(), kLeafLineBytesMax);
  EXPECT_EQ(LeafLine(leaf).back(), '~');
}

TEST(LeafLine, IsNeverWiderThanATerminal) {
  wire::Leaf leaf = Refusal();
  const std::string wide(65, 'w');
  leaf.caller = wide;
  leaf.index = ~uint64_t{0};
  for (int kind = 0; kind < 256; ++kind) {
    if (!wire::IsLeafKind(static_cast<uint8_t>(kind))) continue;
    for (int rule = 0; rule < 256; ++rule) {
      if (!wire::IsRule(static_cast<uint8_t>(rule))) continue;
      leaf.kind = static_cast<wire::LeafKind>(kind);
      leaf.rule = static_cast<wire::Rule>(rule);
      EXPECT_LE(LeafLine(leaf).size(), kLeafLineBytesMax);
    }
  }
}

}  // namespace
}  // namespace coffer::api
