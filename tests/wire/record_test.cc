// Records at rest, leaves and the table of rules.

#include "vault/wire/record.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/wire/shapes.h"
#include "vault/wire/leaf.h"
#include "vault/wire/rule.h"

namespace coffer::wire {
namespace {

using base::Code;

template <typename T>
Code CodeOf(const base::Result<T>& result) {
  return result.ok() ? Code{} : result.error().code;
}

// The three things at rest share a rule: a later format is told apart from
// malformed bytes, and nothing but whole bytes decodes.
template <typename T>
void ExpectStrict(std::vector<uint8_t> bytes, uint8_t format,
                  base::Result<T> (*decode)(Bytes)) {
  bytes[0] = format;
  ASSERT_TRUE(decode(bytes).ok());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(CodeOf(decode(Bytes(bytes.data(), size))), Code::kInvalid);
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    auto decoded = decode(bytes);
    if (decoded.ok()) {
      EXPECT_TRUE(EncodesTo(*decoded, bytes)) << bit;
    }
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(CodeOf(decode(longer)), Code::kInvalid);
  bytes[0] = static_cast<uint8_t>(format + 1);
  EXPECT_EQ(CodeOf(decode(bytes)), Code::kNewerFormat);
  EXPECT_EQ(CodeOf(decode(Bytes(bytes.data(), 1))), Code::kNewerFormat);
  bytes[0] = 0;
  EXPECT_EQ(CodeOf(decode(bytes)), Code::kInvalid);
}

TEST(Records, HeadsAreStrict) {
  ExpectStrict<RecordHead>(SampleBytes<RecordHead>(Fill::kTypical),
                           kRecordFormat, DecodeRecordHead);
}

TEST(Records, WrapsAreStrict) {
  ExpectStrict<Wrap>(SampleBytes<Wrap>(Fill::kTypical), kWrapFormat,
                     DecodeWrap);
}

TEST(Records, SizesAboveTheLimitsAreRefused) {
  RecordHead head;
  const std::vector<uint8_t> box(base::kRecordHeadBytesMax);
  head.metadata_box = box;
  std::vector<uint8_t> bytes(2 * base::kRecordHeadBytesMax);
  auto size = base::EncodeWhole(bytes, head);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(CodeOf(DecodeRecordHead(Bytes(bytes.data(), *size))),
            Code::kInvalid);
  const size_t without_box = *size - box.size();
  head.metadata_box = Bytes(box).first(base::kRecordHeadBytesMax - without_box);
  size = base::EncodeWhole(bytes, head);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, base::kRecordHeadBytesMax);
  EXPECT_TRUE(DecodeRecordHead(Bytes(bytes.data(), *size)).ok());
}

TEST(Records, TheLargestWrapFitsItsLimit) {
  EXPECT_LE(SampleBytes<Wrap>(Fill::kLargest).size(), base::kWrapBytesMax);
}

std::vector<uint8_t> GoodLeaf() {
  Filler filler(Fill::kTypical);
  Leaf leaf;
  filler.Struct(leaf);
  leaf.format = kLeafFormat;
  leaf.kind = LeafKind::kTokenIssue;
  leaf.rule = Rule::kAllowed;
  std::vector<uint8_t> bytes(base::kLeafBytesMax);
  auto size = base::EncodeWhole(bytes, leaf);
  COFFER_CHECK(size.ok());
  bytes.resize(*size);
  return bytes;
}

TEST(Leaves, AreStrict) {
  ExpectStrict<Leaf>(GoodLeaf(), kLeafFormat, DecodeLeaf);
}

TEST(Leaves, TheLargestOneFitsItsLimit) {
  EXPECT_LE(SampleBytes<Leaf>(Fill::kLargest).size(), base::kLeafBytesMax);
}

TEST(Leaves, UnknownKindsAndRulesAreRefused) {
  auto bytes = GoodLeaf();
  for (int number = 0; number < 256; ++number) {
    const auto byte = static_cast<uint8_t>(number);
    auto other = bytes;
    other[1] = byte;
    EXPECT_EQ(DecodeLeaf(other).ok(), IsLeafKind(byte)) << number;
    other = bytes;
    other[2] = byte;
    EXPECT_EQ(DecodeLeaf(other).ok(), IsRule(byte)) << number;
  }
}

TEST(Leaves, KindsHaveTextsOfTheirOwn) {
  std::set<std::string_view> texts;
  int kinds = 0;
  for (int number = 0; number < 256; ++number) {
    const auto byte = static_cast<uint8_t>(number);
    if (!IsLeafKind(byte)) continue;
    ++kinds;
    const std::string_view text = LeafKindText(static_cast<LeafKind>(byte));
    EXPECT_TRUE(texts.insert(text).second) << text;
    EXPECT_NE(text.find('.'), std::string_view::npos) << text;
  }
  EXPECT_GE(kinds, 20);
}

TEST(Leaves, ThoseOfKeysOperationsAndCustomersNameNoLink) {
  for (LeafKind kind : {LeafKind::kTokenIssue, LeafKind::kTokenRedeem,
                        LeafKind::kLinkErase, LeafKind::kLinkLedger,
                        LeafKind::kLinkExpire, LeafKind::kConsentSettle}) {
    EXPECT_TRUE(NamesLink(kind)) << LeafKindText(kind);
  }
  // Their tag is another's, or none.
  for (LeafKind kind : {LeafKind::kKeyRotate, LeafKind::kKeyDestroy,
                        LeafKind::kOperationApprove, LeafKind::kSubjectErase,
                        LeafKind::kSubjectList, LeafKind::kUnseal,
                        LeafKind::kNotCommitted, LeafKind::kBrakeTrip}) {
    EXPECT_FALSE(NamesLink(kind)) << LeafKindText(kind);
  }
}

// Every enumerator, in its order; a new one is added here and in rule.cc.
constexpr Rule kRules[] = {
    Rule::kAllowed,
    Rule::kSealed,
    Rule::kClock,
    Rule::kGone,
    Rule::kFloorsFull,
    Rule::kJournalFull,
    Rule::kTooManyPending,
    Rule::kSpentTokensFull,
    Rule::kUnknownCaller,
    Rule::kAmbiguousCaller,
    Rule::kNoLinkRight,
    Rule::kNoRedeemRight,
    Rule::kNoIssueRule,
    Rule::kRuleInstitution,
    Rule::kAudienceNotInRule,
    Rule::kForeignNamespace,
    Rule::kMalformedRequest,
    Rule::kUnknownPurpose,
    Rule::kUnknownInstitution,
    Rule::kUnknownCluster,
    Rule::kUnknownAudience,
    Rule::kSingleUsePublic,
    Rule::kRevisionMismatch,
    Rule::kAlreadyRevoked,
    Rule::kUploadNotAuthentic,
    Rule::kUploadStale,
    Rule::kPurposeProhibited,
    Rule::kCeilingPurpose,
    Rule::kCeilingCluster,
    Rule::kInstitutionSuspended,
    Rule::kInstitutionWithdrawn,
    Rule::kPurposeCluster,
    Rule::kRuleCluster,
    Rule::kConsentPurpose,
    Rule::kConsentCluster,
    Rule::kConsentExpired,
    Rule::kConsentRevoked,
    Rule::kConsentUsed,
    Rule::kConsentEmptyScope,
    Rule::kConsentNotSigned,
    Rule::kConsentNotAuthentic,
    Rule::kConsentSignatureStale,
    Rule::kLinkUnknown,
    Rule::kLinkOfAnotherLinker,
    Rule::kLinkErased,
    Rule::kRecordStale,
    Rule::kRecordDamaged,
    Rule::kKeyUnavailable,
    Rule::kKeyDestroyed,
    Rule::kKeyNotToRewrap,
    Rule::kNotEnded,
    Rule::kTokenMalformed,
    Rule::kTokenNotAuthentic,
    Rule::kTokenExpired,
    Rule::kTokenBeforeUnseal,
    Rule::kTokenRevoked,
    Rule::kTokenSpent,
    Rule::kTokenPurposeNotRedeemable,
    Rule::kTokenOtherClient,
    Rule::kBudgetRate,
    Rule::kBudgetLinksHour,
    Rule::kBudgetLinksDay,
    Rule::kBudgetLinksFull,
};

TEST(Rules, EachHasARowAndATextOfItsOwn) {
  std::set<std::string_view> texts;
  std::set<uint8_t> numbers;
  for (Rule rule : kRules) {
    numbers.insert(static_cast<uint8_t>(rule));
    EXPECT_TRUE(IsRule(static_cast<uint8_t>(rule)));
    const std::string_view text = RuleText(rule);
    EXPECT_NE(text, "unknown_rule");
    EXPECT_TRUE(texts.insert(text).second) << text;
    for (char c : text) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '_') << text;
    EXPECT_EQ(VerdictOf(rule) == Verdict::kOk, rule == Rule::kAllowed) << text;
  }
  for (int number = 0; number < 256; ++number) {
    const auto byte = static_cast<uint8_t>(number);
    EXPECT_EQ(IsRule(byte), numbers.count(byte) == 1) << number;
  }
}

TEST(Rules, AnUnknownNumberIsARefusal) {
  EXPECT_EQ(VerdictOf(static_cast<Rule>(255)), Verdict::kAccessDenied);
  EXPECT_EQ(RuleText(static_cast<Rule>(255)), "unknown_rule");
}

TEST(Rules, CallersAreToldWhatTheContractSays) {
  EXPECT_EQ(VerdictOf(Rule::kSealed), Verdict::kUnavailable);
  EXPECT_EQ(VerdictOf(Rule::kUnknownCaller), Verdict::kUnauthorizedClient);
  EXPECT_EQ(VerdictOf(Rule::kRuleInstitution), Verdict::kUnauthorizedClient);
  EXPECT_EQ(VerdictOf(Rule::kAudienceNotInRule), Verdict::kInvalidTarget);
  EXPECT_EQ(VerdictOf(Rule::kUnknownPurpose), Verdict::kInvalidRequest);
  EXPECT_EQ(VerdictOf(Rule::kPurposeProhibited), Verdict::kAccessDenied);
  EXPECT_EQ(VerdictOf(Rule::kCeilingCluster), Verdict::kAccessDenied);
  EXPECT_EQ(VerdictOf(Rule::kConsentRevoked), Verdict::kInvalidGrant);
  EXPECT_EQ(VerdictOf(Rule::kConsentCluster), Verdict::kInvalidScope);
  EXPECT_EQ(VerdictOf(Rule::kLinkOfAnotherLinker),
            VerdictOf(Rule::kLinkErased));
  EXPECT_EQ(VerdictOf(Rule::kLinkUnknown), Verdict::kNotFound);
  EXPECT_EQ(VerdictOf(Rule::kRevisionMismatch), Verdict::kPreconditionFailed);
  EXPECT_EQ(VerdictOf(Rule::kAlreadyRevoked), Verdict::kConflict);
  // One answer for every token that is not good.
  for (uint8_t number = 60; number <= 67; ++number) {
    EXPECT_EQ(VerdictOf(static_cast<Rule>(number)), Verdict::kInvalidToken);
  }
}

}  // namespace
}  // namespace coffer::wire
