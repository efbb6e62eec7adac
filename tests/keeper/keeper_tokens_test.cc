// The gate's operations on access tokens: each one's way and its refusals.
#include "crypto/paseto.h"
#include "crypto/random.h"
#include "tests/keeper/keeper_fixture.h"

namespace coffer::keeper_test {
namespace {

using wire::TokenFormat;

class TokensTest : public KeeperFixture {
 protected:
  // What a caller must not tell apart: any token that is no good.
  void ExpectNoGood(std::string_view token, const KeptLink& link, Rule inside) {
    auto reply = Redeem(token, link);
    EXPECT_EQ(reply.rule(), Rule::kTokenNotAuthentic);
    EXPECT_EQ(wire::RuleText(LastRule()), wire::RuleText(inside));
  }
};

TEST_F(TokensTest, IssueCutsLifetimesAndAnswersWhatIsInTheToken) {
  const KeptLink link = Create();
  As("messenger");
  const struct {
    uint32_t wish, given;
    TokenFormat format;
  } cases[] = {{0, 60, TokenFormat::kLocal},    {1, 1, TokenFormat::kLocal},
               {300, 300, TokenFormat::kLocal}, {301, 300, TokenFormat::kLocal},
               {~0u, 300, TokenFormat::kLocal}, {0, 60, TokenFormat::kPublic},
               {61, 60, TokenFormat::kPublic},  {59, 59, TokenFormat::kPublic}};
  for (const auto& each : cases) {
    wire::IssueItem item = IssueItem(link);
    item.expires_in = each.wish;
    item.format = each.format;
    auto issued = TryIssue(item);
    ASSERT_TRUE(issued.allowed());
    EXPECT_EQ(issued.fields.expires_in, each.given) << each.wish;
    EXPECT_EQ(issued.fields.scope, "ACCOUNT_DETAILED");
    auto seen = Introspect(issued.fields.token, link, "connector");
    ASSERT_TRUE(seen.allowed());
    EXPECT_EQ(seen.fields.expires_at - seen.fields.issued_at, each.given);
    EXPECT_EQ(seen.fields.client_id, "messenger");
    EXPECT_EQ(seen.fields.audience, "connector");
    EXPECT_EQ(seen.fields.purpose, "balance_display");
    EXPECT_EQ(seen.fields.link, link.link);
    EXPECT_EQ(seen.fields.jti.size(), 22u);
  }
}

TEST_F(TokensTest, IssueRefusals) {
  const KeptLink link = Create();
  As("messenger");
  const std::pair<Rule, void (*)(wire::IssueItem&)> cases[] = {
      {Rule::kMalformedRequest,
       [](auto& i) { i.format = static_cast<TokenFormat>(0); }},
      {Rule::kSingleUsePublic,
       [](auto& i) {
         i.format = TokenFormat::kPublic;
         i.single_use = true;
       }},
      {Rule::kUnknownPurpose, [](auto& i) { i.purpose = "x"; }},
      {Rule::kUnknownAudience, [](auto& i) { i.audience = "x"; }},
      {Rule::kUnknownCluster, [](auto& i) { i.scope.push_back("x"); }},
      {Rule::kPurposeProhibited, [](auto& i) { i.purpose = "advertising"; }},
      {Rule::kAudienceNotInRule, [](auto& i) { i.audience = "linker"; }},
      {Rule::kLinkUnknown, [](auto& i) { i.stored = {}; }},
      {Rule::kRecordDamaged, [](auto& i) { i.link[9] ^= 1; }},
      {Rule::kRecordDamaged,
       [](auto& i) { i.stored.wrap = i.stored.wrap.first(9); }},
      {Rule::kConsentPurpose, [](auto& i) { i.purpose = "purchase_tracking"; }},
      {Rule::kPurposeCluster,
       [](auto& i) { i.scope.push_back("TRANSACTIONS"); }},
      {Rule::kConsentCluster,
       [](auto& i) { i.scope.push_back("ACCOUNT_BASIC"); }},
  };
  for (const auto& [rule, change] : cases) {
    wire::IssueItem item = IssueItem(link);
    change(item);
    EXPECT_EQ(wire::RuleText(TryIssue(item).rule()), wire::RuleText(rule));
  }
  As("linker");
  EXPECT_EQ(TryIssue(IssueItem(link)).rule(), Rule::kNoIssueRule);
}

TEST_F(TokensTest, OnlyTheAudienceRedeemsAndOnlyWhatItMay) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  wire::IssueItem item = IssueItem(link);
  item.audience = "auditor";  // who may redeem, but not this purpose
  const std::string for_auditor = Token(item);
  item.audience = "messenger";  // who may redeem nothing
  const std::string for_itself = Token(item);
  EXPECT_EQ(Redeem(for_itself, link).rule(), Rule::kNoRedeemRight);
  EXPECT_EQ(Redeem(token, link).rule(), Rule::kNoRedeemRight);
  As("auditor");
  ExpectNoGood(token, link, Rule::kTokenNotAuthentic);
  ExpectNoGood(for_auditor, link, Rule::kTokenPurposeNotRedeemable);
  As("connector");
  ExpectNoGood(for_auditor, link, Rule::kTokenNotAuthentic);
  ExpectNoGood("", link, Rule::kTokenMalformed);
  ExpectNoGood("v4.local.AAAA", link, Rule::kTokenMalformed);
  KeptLink none = link;
  none.head = none.wrap = none.token_box = {};
  ExpectNoGood(token, none, Rule::kLinkUnknown);
  auto redeemed = Redeem(token, link);
  ASSERT_TRUE(redeemed.allowed());
  EXPECT_EQ(redeemed.fields.institution, "citi");
  EXPECT_EQ(redeemed.fields.purpose, "balance_display");
  EXPECT_EQ(redeemed.fields.scope, "ACCOUNT_DETAILED");
  EXPECT_EQ(redeemed.fields.link, link.link);
}

TEST_F(TokensTest, TokenWithAnotherLinksRecordIsRefused) {
  const KeptLink link = Create(), other = Create();
  As("messenger");
  const std::string token = Token(link);
  As("connector");
  // The gate's store is damaged or lies: told as such, nothing is given.
  EXPECT_EQ(Redeem(token, other).rule(), Rule::kRecordDamaged);
  KeptLink mixed = link;
  mixed.token_box = other.token_box;
  EXPECT_EQ(Redeem(token, mixed).rule(), Rule::kRecordDamaged);
}

TEST_F(TokensTest, EverythingIsDecidedAnewWhenATokenIsUsed) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  auto policy = FiveCallers("connector");
  policy->rules.size = 0;
  Load(*policy);
  ExpectNoGood(token, link, Rule::kNoIssueRule);
  policy = FiveCallers("connector");
  policy->institutions[0].clusters = 1;
  Load(*policy);
  ExpectNoGood(token, link, Rule::kCeilingCluster);
  policy = FiveCallers("connector");
  policy->institutions[0].purposes = 2;
  Load(*policy);
  ExpectNoGood(token, link, Rule::kCeilingPurpose);
  policy = FiveCallers("connector");
  policy->callers[1].name = wire::Name("renamed");
  Load(*policy);
  ExpectNoGood(token, link, Rule::kUnknownCaller);
  policy = FiveCallers("connector");
  policy->callers[2].redeem = 2;
  Load(*policy);
  ExpectNoGood(token, link, Rule::kTokenPurposeNotRedeemable);
  Load(*FiveCallers("connector"));
  EXPECT_TRUE(Redeem(token, link).allowed());
}

TEST_F(TokensTest, IntrospectAnswersTheAudienceAndTheIssuerAndNobodyElse) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  EXPECT_FALSE(Introspect(token, link).allowed());  // it is not the audience
  EXPECT_TRUE(Introspect(token, link, "connector").allowed());
  EXPECT_FALSE(Introspect(token, link, "auditor").allowed());
  As("connector");
  EXPECT_TRUE(Introspect(token, link).allowed());
  // Naming an audience is for the issuer.
  EXPECT_FALSE(Introspect(token, link, "connector").allowed());
  EXPECT_EQ(LastRule(), Rule::kTokenOtherClient);
  As("auditor");
  for (const char* audience : {"", "connector", "auditor"}) {
    auto reply = Introspect(token, link, audience);
    EXPECT_EQ(reply.rule(), Rule::kTokenNotAuthentic);
  }
  As("linker");
  ASSERT_TRUE(Revoke(link).allowed());
  As("connector");
  EXPECT_EQ(Introspect(token, link).rule(), Rule::kTokenNotAuthentic);
}

TEST_F(TokensTest, LocateTellsTheLinkOnlyToWhoMayGoOn) {
  const KeptLink link = Create();
  As("messenger");
  const std::string token = Token(link);
  auto locate = [&](Op then, std::string_view audience = {}) {
    return keeper_.One<wire::LocateAnswer>(
        Op::kLocate, wire::LocateItem{caller_.id, then, token, audience});
  };
  EXPECT_EQ(locate(Op::kRedeem).rule(), Rule::kNoRedeemRight);
  EXPECT_EQ(locate(Op::kIntrospect).rule(), Rule::kTokenNotAuthentic);
  EXPECT_EQ(locate(Op::kIntrospect, "connector").fields.link, link.link);
  As("auditor");
  EXPECT_EQ(locate(Op::kRedeem).rule(), Rule::kTokenNotAuthentic);
  As("connector");
  auto located = locate(Op::kRedeem);
  EXPECT_EQ(located.fields.link, link.link);
  EXPECT_EQ(located.header.leaf, wire::kNoLeaf);
}

TEST_F(TokensTest, RevokedTokenIsDeadAndTheOthersLive) {
  const KeptLink link = Create();
  As("messenger");
  const std::string one = Token(link), two = Token(link), three = Token(link);
  // By the issuer, who names the audience; without it the token is none.
  EXPECT_EQ(RevokeToken(one), Rule::kAllowed);
  EXPECT_EQ(LastRule(), Rule::kTokenNotAuthentic);
  EXPECT_EQ(RevokeToken(one, "connector"), Rule::kAllowed);
  EXPECT_EQ(LastRule(), Rule::kAllowed);
  // Unknown ones are no error either.
  EXPECT_EQ(RevokeToken("v4.local.nonsense", "connector"), Rule::kAllowed);
  EXPECT_EQ(RevokeToken(one, "connector"), Rule::kAllowed);
  EXPECT_EQ(LastRule(), Rule::kTokenRevoked);
  As("auditor");  // whose token it is not
  EXPECT_EQ(RevokeToken(two, "connector"), Rule::kAllowed);
  EXPECT_EQ(LastRule(), Rule::kTokenOtherClient);
  As("connector");
  ExpectNoGood(one, link, Rule::kTokenRevoked);
  EXPECT_TRUE(Redeem(two, link).allowed());
  EXPECT_EQ(RevokeToken(three), Rule::kAllowed);  // by the audience
  ExpectNoGood(three, link, Rule::kTokenRevoked);
  EXPECT_TRUE(Redeem(two, link).allowed());
}

TEST_F(TokensTest, SingleUseTokenIsRedeemedOnceEvenWithinOneBatch) {
  const KeptLink link = Create();
  As("messenger");
  wire::IssueItem item = IssueItem(link);
  item.single_use = true;
  const std::string token = Token(item), batched = Token(item);
  As("connector");
  EXPECT_TRUE(Introspect(token, link).allowed());  // looking is no use
  EXPECT_TRUE(Redeem(token, link).allowed());
  ExpectNoGood(token, link, Rule::kTokenSpent);
  EXPECT_FALSE(Introspect(token, link).allowed());
  Batch batch;
  const wire::RedeemItem redeem{caller_.id, batched, link.Stored(true)};
  for (int i = 0; i < 3; ++i) batch.Add(Op::kRedeem, redeem);
  auto frame = keeper_.Exchange(batch);
  ASSERT_NE(frame, nullptr);
  base::Decoder decoder{Bytes(*frame)};
  int allowed = 0;
  for (int i = 0; i < 3; ++i) {
    wire::AnswerHeader header;
    decoder.Struct(header);
    wire::RedeemAnswer answer;
    if (header.rule == Rule::kAllowed) decoder.Struct(answer);
    allowed += header.rule == Rule::kAllowed;
  }
  EXPECT_TRUE(decoder.finished());
  EXPECT_EQ(allowed, 1);
}

TEST_F(TokensTest, OneTimeConsentIsUsedUpByOneRedeemAndStaysSo) {
  wire::CreateItem create = CreateItem();
  create.consent.duration_type = wire::DurationType::kOneTime;
  create.consent.duration_period_days = 0;
  const KeptLink link = Create(create);
  As("messenger");
  const std::string one = Token(link), two = Token(link);
  As("connector");
  EXPECT_TRUE(Redeem(one, link).allowed());
  ExpectNoGood(one, link, Rule::kTokenRevoked);  // by the link's floor
  ExpectNoGood(two, link, Rule::kTokenRevoked);
  for (int restart = 0; restart < 2; ++restart) {
    As("messenger");
    EXPECT_EQ(TryIssue(IssueItem(link)).rule(), Rule::kConsentUsed);
    As("linker");
    EXPECT_EQ(Read(link).fields.status, wire::ConsentStatus::kUsed);
    EXPECT_EQ(ReplaceToken(link, "x", 1).rule(), Rule::kConsentUsed);
    EXPECT_EQ(ReplaceConsent(link, TestConsent(), 1).rule(),
              Rule::kConsentUsed);
    Restart();
  }
  EXPECT_TRUE(Revoke(link).allowed());
}

TEST_F(TokensTest, TokensOfBothFormatsFromBeforeTheLastUnsealAreVoid) {
  const KeptLink link = Create();
  As("messenger");
  wire::IssueItem item = IssueItem(link);
  const std::string local = Token(item);
  item.format = TokenFormat::kPublic;
  const std::string signed_one = Token(item);
  As("connector");
  EXPECT_TRUE(Redeem(signed_one, link).allowed());
  Restart();
  ExpectNoGood(local, link, Rule::kTokenNotAuthentic);
  ExpectNoGood(signed_one, link, Rule::kTokenBeforeUnseal);
  EXPECT_FALSE(Introspect(signed_one, link).allowed());
  EXPECT_EQ(RevokeToken(signed_one), Rule::kAllowed);
}

TEST_F(TokensTest, RevokedLinkEndsItsTokensAndNoOthers) {
  const KeptLink link = Create(), other = Create();
  As("messenger");
  const std::string dead = Token(link), live = Token(other);
  As("linker");
  ASSERT_TRUE(Revoke(link).allowed());
  As("connector");
  ExpectNoGood(dead, link, Rule::kTokenRevoked);
  EXPECT_TRUE(Redeem(live, other).allowed());
}

TEST_F(TokensTest, PublicTokensVerifyUnderTheKeysThatAreShown) {
  ASSERT_TRUE(crypto::Initialise().ok());
  const KeptLink link = Create();
  auto erased_link = Create();
  const std::string certificate(Erase(erased_link).fields.certificate);
  auto keys =
      keeper_.One<wire::KeysAnswer>(Op::kKeys, wire::KeysItem{caller_.id});
  ASSERT_TRUE(keys.allowed());
  ASSERT_EQ(keys.fields.tokens.size, 1);
  As("messenger");
  wire::IssueItem item = IssueItem(link);
  item.format = TokenFormat::kPublic;
  const std::string token = Token(item);
  auto verify = [](const wire::PublicKeyRow& row, std::string_view text,
                   std::string_view assertion) {
    auto key = crypto::ParsePublicKey(row.public_key);
    uint8_t payload[4096], footer[256];
    const size_t size = *crypto::PeekFooter(footer, text);
    return base::AsText(Bytes(footer, size)) ==
               "{\"kid\":\"" + std::string(row.kid) + "\"}" &&
           crypto::VerifyPublic(payload, *key, text, Bytes(footer, size),
                                base::AsBytes(assertion))
               .ok();
  };
  EXPECT_TRUE(verify(keys.fields.tokens[0], token, "connector"));
  EXPECT_FALSE(verify(keys.fields.tokens[0], token, "auditor"));
  EXPECT_FALSE(verify(keys.fields.evidence, token, "connector"));
  EXPECT_TRUE(verify(keys.fields.evidence, certificate, ""));
  EXPECT_FALSE(verify(keys.fields.ingest, certificate, ""));
  EXPECT_EQ(keys.fields.tokens[0].state, wire::KeyState::kActive);
  EXPECT_NE(keys.fields.ingest.kid, keys.fields.evidence.kid);
  EXPECT_EQ(keys.fields.caller, "linker");
  EXPECT_EQ(keys.fields.vault_id, keeper_.Status().vault_id);
}

}  // namespace
}  // namespace coffer::keeper_test
