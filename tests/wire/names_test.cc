#include "vault/wire/names.h"

#include <gtest/gtest.h>

#include <set>

#include "vault/wire/consent.h"

namespace coffer::wire {
namespace {

TEST(Names, AreOneTo32OfAFewCharacters) {
  EXPECT_TRUE(IsName("a"));
  EXPECT_TRUE(IsName("Az09_.-"));
  EXPECT_TRUE(IsName(std::string(base::kNameBytesMax, 'n')));
  EXPECT_FALSE(IsName(""));
  EXPECT_FALSE(IsName(std::string(base::kNameBytesMax + 1, 'n')));
  for (int c = 0; c < 256; ++c) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                         c == '-';
    EXPECT_EQ(IsName(std::string("x") + static_cast<char>(c)), allowed) << c;
  }
}

TEST(Links, ComeBackFromTheirText) {
  LinkId link{};
  for (size_t i = 0; i < link.size(); ++i) {
    link[i] = static_cast<uint8_t>(i * 37);
  }
  const std::string text = LinkText(link);
  EXPECT_EQ(text.size(), kLinkTextBytes);
  EXPECT_EQ(text.substr(0, 4), "lnk_");
  auto back = ParseLink(text);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, link);
}

TEST(Links, OtherLengthsAndPrefixesAreRefused) {
  const std::string text = LinkText(LinkId{});
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(ParseLink(text.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(ParseLink(text + "A").ok());
  EXPECT_FALSE(ParseLink("LNK_" + text.substr(4)).ok());
  EXPECT_FALSE(ParseLink("lnk-" + text.substr(4)).ok());
  EXPECT_FALSE(ParseLink(text + "==").ok());
}

// 22 characters hold 132 bits: of the 64 last characters only the four whose
// low four bits are zero are canonical. Two texts never name one link.
TEST(Links, OnlyCanonicalTextsAreLinks) {
  const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text = LinkText(LinkId{});
  std::string accepted;
  for (int c = 0; c < 256; ++c) {
    text.back() = static_cast<char>(c);
    if (ParseLink(text).ok()) accepted += static_cast<char>(c);
  }
  EXPECT_EQ(accepted, "AQgw");
  text = LinkText(LinkId{});
  for (size_t i = 4; i + 1 < text.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string other = text;
      other[i] = static_cast<char>(c);
      EXPECT_EQ(
          ParseLink(other).ok(),
          c != 0 && alphabet.find(static_cast<char>(c)) != std::string::npos)
          << i << " " << c;
    }
  }
}

TEST(Links, AFlippedBitIsAnotherLinkOrNone) {
  const std::string text = LinkText(LinkId{1, 2, 3});
  const LinkId link{1, 2, 3};
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    auto back = ParseLink(flipped);
    if (back.ok()) {
      EXPECT_NE(*back, link) << bit;
    }
  }
}

TEST(ShortTexts, KeepWhatFits) {
  Name name("citi");
  EXPECT_EQ(name.view(), "citi");
  EXPECT_TRUE(name == "citi");
  name.Assign(std::string(40, 'x'));
  EXPECT_EQ(name.view().size(), base::kNameBytesMax);
  name.Assign("");
  EXPECT_EQ(name.view(), "");
}

TEST(VaultStates, HaveDistinctNames) {
  std::set<std::string_view> names;
  for (uint8_t state = 0; state <= 4; ++state) {
    names.insert(VaultStateText(static_cast<VaultState>(state)));
  }
  EXPECT_EQ(names.size(), 5u);
  EXPECT_EQ(VaultStateText(static_cast<VaultState>(9)), "error");
}

Consent GoodConsent() {
  Consent consent;
  consent.consent_id = "c-1";
  consent.purposes.push_back("balance_display");
  consent.clusters.push_back("ACCOUNT_DETAILED");
  consent.duration_type = DurationType::kTimeBound;
  consent.duration_period_days = 90;
  consent.lookback_period_days = 60;
  return consent;
}
bool Good(const Consent& consent) { return CheckConsent(consent).ok(); }

TEST(Consents, AGoodOnePasses) { EXPECT_TRUE(Good(GoodConsent())); }

TEST(Consents, IdsAreOneTo256Bytes) {
  Consent consent = GoodConsent();
  const std::string longest(base::kConsentIdBytesMax, 'c');
  consent.consent_id = longest;
  EXPECT_TRUE(Good(consent));
  const std::string longer = longest + "c";
  consent.consent_id = longer;
  EXPECT_FALSE(Good(consent));
  consent.consent_id = "";
  EXPECT_FALSE(Good(consent));
}

TEST(Consents, NameEachPurposeAndClusterOnce) {
  Consent consent = GoodConsent();
  consent.purposes.push_back("balance_display");
  EXPECT_FALSE(Good(consent));
  consent = GoodConsent();
  consent.clusters.push_back("ACCOUNT_DETAILED");
  EXPECT_FALSE(Good(consent));
  consent = GoodConsent();
  consent.purposes.push_back("fraud alerts");
  EXPECT_FALSE(Good(consent));
  consent = GoodConsent();
  consent.clusters.push_back("");
  EXPECT_FALSE(Good(consent));
  consent = GoodConsent();
  consent.purposes.size = 0;
  EXPECT_FALSE(Good(consent));
  consent = GoodConsent();
  consent.clusters.size = 0;
  EXPECT_FALSE(Good(consent));
}

TEST(Consents, DurationsFollowTheirType) {
  struct Case {
    DurationType type;
    uint32_t days;
    bool good;
  };
  const Case cases[] = {
      {DurationType::kTimeBound, 0, false},
      {DurationType::kTimeBound, 1, true},
      {DurationType::kTimeBound, base::kDurationPeriodDaysMax, true},
      {DurationType::kTimeBound, base::kDurationPeriodDaysMax + 1, false},
      {DurationType::kOneTime, 0, true},
      {DurationType::kOneTime, 1, true},
      {DurationType::kOneTime, base::kDurationPeriodDaysMax, true},
      {DurationType::kOneTime, base::kDurationPeriodDaysMax + 1, false},
      {DurationType::kPersistent, 0, true},
      {DurationType::kPersistent, 1, false},
      {static_cast<DurationType>(0), 1, false},
      {static_cast<DurationType>(4), 1, false},
      {static_cast<DurationType>(255), 0, false},
  };
  for (const Case& c : cases) {
    Consent consent = GoodConsent();
    consent.duration_type = c.type;
    consent.duration_period_days = c.days;
    EXPECT_EQ(Good(consent), c.good)
        << static_cast<int>(c.type) << " " << c.days;
  }
}

TEST(Consents, LookbackIsBounded) {
  Consent consent = GoodConsent();
  consent.lookback_period_days = base::kLookbackPeriodDaysMax;
  EXPECT_TRUE(Good(consent));
  consent.lookback_period_days = base::kLookbackPeriodDaysMax + 1;
  EXPECT_FALSE(Good(consent));
}

TEST(Consents, EndWhenTheirTypeSays) {
  Consent consent = GoodConsent();
  EXPECT_EQ(ConsentEnd(consent, 1000, 365), 1000u + 90 * 86400);
  consent.duration_type = DurationType::kPersistent;
  consent.duration_period_days = 0;
  EXPECT_EQ(ConsentEnd(consent, 1000, 365), 1000u + 365 * 86400);
  consent.duration_type = DurationType::kOneTime;
  EXPECT_EQ(ConsentEnd(consent, 1000, 365), 1000u + 86400);
  consent.duration_period_days = 3;
  EXPECT_EQ(ConsentEnd(consent, 1000, 365), 1000u + 3 * 86400);
}

TEST(Consents, WordsAreFdxs) {
  EXPECT_EQ(DurationTypeText(DurationType::kOneTime), "ONE_TIME");
  EXPECT_EQ(DurationTypeText(DurationType::kTimeBound), "TIME_BOUND");
  EXPECT_EQ(DurationTypeText(DurationType::kPersistent), "PERSISTENT");
  EXPECT_EQ(ConsentStatusText(ConsentStatus::kActive), "ACTIVE");
  EXPECT_EQ(ConsentStatusText(ConsentStatus::kExpired), "EXPIRED");
  EXPECT_EQ(ConsentStatusText(ConsentStatus::kRevoked), "REVOKED");
  EXPECT_EQ(ConsentStatusText(ConsentStatus::kUsed), "EXPIRED");
  EXPECT_EQ(RevocationReasonText(RevocationReason::kNone), "");
  EXPECT_EQ(RevocationReasonText(RevocationReason::kUserAction), "USER_ACTION");
  EXPECT_EQ(RevocationReasonText(RevocationReason::kBusinessRule),
            "BUSINESS_RULE");
}

}  // namespace
}  // namespace coffer::wire
