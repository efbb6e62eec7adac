// What an erasure leaves behind: the certificate, and its end by rotation.
#include <gtest/gtest.h>

#include "crypto/base/time_text.h"
#include "crypto/paseto.h"
#include "tests/keeper/rotation_world.h"
#include "vault/keeper/evidence.h"

namespace coffer::keeper_test {
namespace {

class ErasureTest : public ::testing::Test {
 protected:
  void SetUp() override { world_.Operate(); }

  // The certificate's claims, if the evidence key signed it.
  std::string Claims(std::string_view certificate) {
    wire::OperatorStatus status;
    world_.vault().FillStatus(status);
    auto key = crypto::ParsePublicKey(status.evidence_key);
    if (!key.ok()) return "";
    std::vector<uint8_t> payload(crypto::kSignedBytesMax), footer(1024);
    auto foot = crypto::PeekFooter(footer, certificate);
    if (!foot.ok()) return "";
    auto size = crypto::VerifyPublic(payload, *key, certificate,
                                     Bytes(footer).first(*foot), {});
    if (!size.ok()) return "";
    return std::string(base::AsText(Bytes(payload).first(*size)));
  }
  static std::string Text(const wire::LinkId& link) {
    char text[wire::kLinkTextBytes];
    wire::FormatLink(text, link);
    return {text, sizeof text};
  }
  static size_t Count(std::string_view text, std::string_view part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != text.npos;
         at = text.find(part, at + 1)) {
      ++count;
    }
    return count;
  }
  static wire::ErasedRow RowOf(const KeptLink& link,
                               std::string_view institution = "citi") {
    return {link.link, institution, link.wrap};
  }
  std::string EraseSubject(const std::vector<wire::ErasedRow>& rows) {
    wire::EraseSubjectItem item;
    item.connection = world_.caller;
    item.subject = "cust-7731";
    item.links = 9;
    for (const wire::ErasedRow& row : rows) item.rows.push_back(row);
    auto erased = world_.One<wire::EraseAnswer>(Op::kEraseSubject, item);
    if (!erased.allowed()) return "";
    return Claims(erased.fields.certificate);
  }

  RotationWorld world_;
};

TEST_F(ErasureTest, CertificateNamesTheLinkItsKeyAndTheDateItIsFinal) {
  const KeptLink link = world_.Add();
  wire::EraseLinkItem item{world_.caller, link.link, link.Stored(false)};
  auto erased = world_.One<wire::EraseAnswer>(Op::kEraseLink, item);
  ASSERT_TRUE(erased.allowed());
  const std::string claims = Claims(erased.fields.certificate);
  char by[base::kTimeTextBytes];
  base::FormatTime(by,
                   world_.vault().Now() + base::kErasureHorizonSecondsDefault);
  EXPECT_NE(claims.find("\"final_by\":\"" + std::string(by, sizeof by)),
            claims.npos)
      << claims;
  EXPECT_NE(claims.find("\"leaf\":" + std::to_string(erased.header.leaf) + ","),
            claims.npos)
      << claims;
  EXPECT_NE(claims.find("\"keys\":[{\"kek\":\"" + base::EncodeHex(KekOf(link)) +
                        "\",\"institution\":\"citi\",\"links\":[\"" +
                        Text(link.link) + "\"]}]"),
            claims.npos)
      << claims;
}

TEST_F(ErasureTest, SubjectsCertificateNamesWhatProvesToBeTheSubjects) {
  std::vector<KeptLink> own;
  for (int i = 0; i < 3; ++i) own.push_back(world_.Add());
  std::sort(own.begin(), own.end(),
            [](const auto& a, const auto& b) { return a.link < b.link; });
  const KeptLink other = world_.Add("citi", "cust-2");
  // A wrap that says it is of this subject, and is not.
  KeptLink liar = other;
  auto says = *wire::DecodeWrap(own[0].wrap);
  auto wrap = *wire::DecodeWrap(other.wrap);
  wrap.subject = says.subject;
  liar.wrap.resize(base::kWrapBytesMax);
  liar.wrap.resize(*base::EncodeWhole(base::MutableBytes(liar.wrap), wrap));
  // One of the subject's, under another link's name.
  KeptLink renamed = own[1];
  renamed.link = other.link;
  std::vector<wire::ErasedRow> rows = {
      RowOf(own[0]), RowOf(own[0]), RowOf(own[1], "nobody"),
      RowOf(own[2]), RowOf(own[1]), RowOf(other),
      RowOf(liar),   RowOf(renamed)};
  rows.push_back({own[2].link, "citi", base::AsBytes("no wrap")});
  const std::string claims = EraseSubject(rows);
  EXPECT_EQ(Count(claims, "lnk_"), 2u) << claims;
  EXPECT_EQ(Count(claims, Text(own[0].link)), 1u);
  EXPECT_EQ(Count(claims, Text(own[2].link)), 1u);
  EXPECT_NE(claims.find("\"links_reported\":9"), claims.npos);
  // What it does not name is erased all the same.
  EXPECT_EQ(world_.ReadLink(own[1]).rule(), Rule::kLinkErased);
  EXPECT_TRUE(world_.ReadLink(other).allowed());
}

TEST_F(ErasureTest, LargestCertificateFits) {
  wire::SubjectHash subject;
  subject.fill(0xab);
  const std::string name(base::kNameBytesMax, 'n');
  uint8_t text[keeper::kCertificateBytesMax];
  for (size_t keks :
       {size_t{1}, keeper::kErasedKeksSure, base::kErasedRowsMax}) {
    keeper::Erasure erasure;
    erasure.subject = &subject;
    erasure.linker = name;
    erasure.reported = ~uint32_t{0};
    for (size_t i = 0; i < base::kErasedRowsMax; ++i) {
      keeper::ErasedLink link{{}, name, {}};
      link.link[15] = static_cast<uint8_t>(i + 1);
      link.kek[0] = static_cast<uint8_t>(i % keks);
      ASSERT_TRUE(erasure.links.push_back(link));
    }
    const std::string_view certificate = keeper::WriteCertificate(
        text, world_.vault(), erasure, ~uint64_t{0} - 1);
    EXPECT_LE(certificate.size(), base::kCertificateTextBytesMax);
    const std::string claims = Claims(certificate);
    ASSERT_NE(claims, "");
    EXPECT_EQ(claims.substr(claims.size() - 4), "]}]}") << keks;
    EXPECT_NE(claims.find("\"linker\":\"" + name + "\""), claims.npos);
    const size_t named = Count(claims, "lnk_");
    printf("erasure: %zu of %zu links under %zu keys named, %zu bytes\n", named,
           base::kErasedRowsMax, keks, certificate.size());
    EXPECT_EQ(named == base::kErasedRowsMax, keks <= keeper::kErasedKeksSure);
    EXPECT_GE(named, keeper::kErasedKeksSure);
  }
}

// --- The horizon -------------------------------------------------------------

class ErasureHorizonTest : public ErasureTest {
 protected:
  static constexpr uint64_t kHalf = base::kErasureHorizonSecondsDefault / 2;

  std::vector<wire::Leaf> Finals() {
    std::vector<wire::Leaf> finals;
    for (const wire::Leaf& leaf : world_.Tail(64)) {
      if (leaf.kind == wire::LeafKind::kErasureFinal) finals.push_back(leaf);
    }
    return finals;
  }
  void Pass(uint64_t seconds) {
    world_.clock.Advance(seconds);
    world_.Quiet();
  }
};

TEST_F(ErasureHorizonTest, HalfWayTheKeyIsRotatedAndItsEndIsTold) {
  const KeptLink kept = world_.Add(), gone = world_.Add();
  world_.Add("jpmorgan");
  world_.Quiet();
  ASSERT_EQ(world_.EraseLink(gone), Rule::kAllowed);
  const wire::KeyId old = KekOf(gone);
  Pass(kHalf - 20);
  EXPECT_EQ(world_.Version(2), nullptr);
  // A restart in between forgets nothing.
  ASSERT_TRUE(world_.Reopen().ok());
  Pass(40);
  ASSERT_NE(world_.Version(2), nullptr);
  EXPECT_EQ(world_.Version(2, "jpmorgan"), nullptr);
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  EXPECT_TRUE(Finals().empty());
  world_.Walk();
  EXPECT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_EQ(world_.vault().floors().size(), 0u);
  const auto finals = Finals();
  ASSERT_EQ(finals.size(), 1u);
  EXPECT_EQ(finals[0].institution, "citi");
  EXPECT_EQ(finals[0].link_tag, old);
  EXPECT_EQ(finals[0].detail, 1u);
  EXPECT_EQ(world_.ReadLink(gone).rule(), Rule::kKeyDestroyed);
  EXPECT_TRUE(world_.ReadLink(world_.store[kept.link]).allowed());
  // And that was all: nothing is rotated for what is over.
  Pass(10 * kHalf);
  EXPECT_EQ(world_.Version(3), nullptr);
}

TEST_F(ErasureHorizonTest, ASubjectsErasureRotatesEveryInstitutionOnce) {
  world_.Add("citi", "cust-9");
  world_.Add("jpmorgan", "cust-9");
  ASSERT_EQ(world_.EraseSubject("cust-9"), Rule::kAllowed);
  Pass(kHalf + 11);
  EXPECT_EQ(world_.StateOf(1), KeyState::kDeactivated);
  EXPECT_EQ(world_.StateOf(1, "jpmorgan"), KeyState::kDeactivated);
  world_.Walk();
  const auto finals = Finals();
  ASSERT_EQ(finals.size(), 1u);
  EXPECT_EQ(finals[0].institution, "");
  EXPECT_EQ(finals[0].detail, 1u);
  Pass(10 * kHalf);
  EXPECT_EQ(world_.Version(3), nullptr);
}

// A gate that keeps wraps back puts the end off: that is seen.
TEST_F(ErasureHorizonTest, OneThatIsOverdueIsCountedUntilItIsFinal) {
  const KeptLink gone = world_.Add();
  world_.Add("citi", "cust-9");
  ASSERT_EQ(world_.EraseLink(gone), Rule::kAllowed);
  ASSERT_EQ(world_.EraseSubject("cust-9"), Rule::kAllowed);
  Pass(2 * kHalf);
  EXPECT_EQ(world_.vault().OverdueErasures(), 0u);
  Pass(1);
  EXPECT_EQ(world_.vault().OverdueErasures(), 2u);
  ASSERT_TRUE(world_.Reopen().ok());
  wire::OperatorStatus told;
  world_.vault().FillStatus(told);
  EXPECT_EQ(told.erasures_overdue, 2u);
  EXPECT_EQ(world_.One<wire::StatusAnswer>(Op::kStatus, wire::StatusItem{})
                .fields.erasures_overdue,
            2u);
  world_.Walk();
  EXPECT_EQ(world_.vault().OverdueErasures(), 0u);
}

TEST_F(ErasureHorizonTest, ALongerHorizonMovesNoDateThatWasGiven) {
  const KeptLink gone = world_.Add();
  ASSERT_EQ(world_.EraseLink(gone), Rule::kAllowed);
  wire::Policy policy = TestPolicy();
  policy.erasure_horizon_seconds = 20 * kHalf;
  ASSERT_TRUE(world_.LoadPolicy(Encode(policy)).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.vault().erasure_horizon_seconds(), 2 * kHalf);
  Pass(kHalf + 11);
  ASSERT_NE(world_.Version(2), nullptr);
  Pass(kHalf);
  EXPECT_EQ(world_.vault().OverdueErasures(), 1u);
  world_.Walk();
  EXPECT_EQ(world_.vault().OverdueErasures(), 0u);
  EXPECT_EQ(world_.vault().erasure_horizon_seconds(), 20 * kHalf);
  // A shorter one holds at once.
  ASSERT_EQ(world_.EraseLink(world_.Add()), Rule::kAllowed);
  ASSERT_TRUE(world_.LoadPolicy(Encode(TestPolicy())).ok());
  EXPECT_EQ(world_.vault().erasure_horizon_seconds(), 2 * kHalf);
}

// Erasing again and again rotates no more often than twice a horizon.
TEST_F(ErasureHorizonTest, RepeatedErasuresRotateAtMostTwiceAHorizon) {
  world_.Add("citi", "cust-9");
  for (int hour = 0; hour < 48; ++hour) {
    ASSERT_EQ(world_.EraseSubject("cust-9"), Rule::kAllowed);
    Pass(3600);
    // Also while a rotation is under way: its end is not this one's.
    ASSERT_EQ(world_.EraseSubject("cust-9"), Rule::kAllowed);
    world_.Walk();
    // What was erased first is long final.
    EXPECT_EQ(world_.vault().OverdueErasures(), 0u);
  }
  EXPECT_NE(world_.Version(4), nullptr);
  EXPECT_EQ(world_.Version(6), nullptr);
}

TEST_F(ErasureHorizonTest, KeyListTellsTheEarlierOfAgeAndErasure) {
  const KeptLink gone = world_.Add();
  ASSERT_EQ(world_.EraseLink(gone), Rule::kAllowed);
  auto list = std::make_unique<wire::KeyListAnswer>();
  ASSERT_TRUE(world_.keys().List({}, *list).ok());
  bool seen = false;
  for (const wire::KeyRow& row : list->rows) {
    if (row.id != KekOf(gone)) continue;
    seen = true;
    EXPECT_EQ(row.rotate_at, world_.vault().Now() + kHalf);
  }
  EXPECT_TRUE(seen);
}

// No leaf, no floor dropped: what cannot be told is not forgotten.
TEST_F(ErasureHorizonTest, EveryErasureIsCountedOnceOverRestarts) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(world_.EraseLink(world_.Add()), Rule::kAllowed);
  }
  ASSERT_TRUE(world_.Rotate().ok());
  ASSERT_EQ(world_.EraseLink(world_.Add()), Rule::kAllowed);
  world_.Walk();
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_TRUE(world_.Rotate().ok());
  world_.Walk();
  const auto finals = Finals();
  ASSERT_EQ(finals.size(), 2u);
  EXPECT_EQ(finals[0].detail, 3u);
  EXPECT_EQ(finals[1].detail, 1u);
}

}  // namespace
}  // namespace coffer::keeper_test
