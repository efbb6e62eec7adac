// What a linker signs: one spelling, one request, one vault, once.
#include "vault/wire/signed_consent.h"

#include <gtest/gtest.h>

#include "tests/crypto/stack_search.h"
#include "tests/keeper/transit_world.h"

namespace coffer::keeper_test {
namespace {

using wire::ConsentStatement;

std::string Rendered(const ConsentStatement& statement) {
  char text[wire::kConsentStatementBytesMax];
  return {text, wire::RenderStatement(text, statement).size};
}

TEST(ConsentStatement, HasTheTextOfTheDocuments) {
  wire::Consent consent = TestConsent();
  consent.lookback_period_days = 60;
  consent.purposes.push_back("b");
  const wire::LinkId link{};
  ConsentStatement create;
  create.caller = "linker";
  create.consent = &consent;
  create.issued_at = 1785542400;
  create.institution = "citi";
  create.subject = "cust-7731";
  const std::string shown =
      "{\"consentId\":\"c-1\",\"dataClusters\":[\"ACCOUNT_DETAILED\"],"
      "\"durationPeriod\":90,\"durationType\":\"TIME_BOUND\","
      "\"lookbackPeriod\":60,\"purposes\":[\"balance_display\",\"b\"]}";
  EXPECT_EQ(Rendered(create),
            "{\"caller\":\"linker\",\"consent\":" + shown +
                ",\"iat\":\"2026-08-01T00:00:00Z\",\"institution\":\"citi\","
                "\"op\":\"create\",\"subject\":\"cust-7731\"}");
  ConsentStatement replace;
  replace.caller = "linker";
  replace.consent = &consent;
  replace.link = &link;
  replace.revision = 4294967295;
  EXPECT_EQ(Rendered(replace),
            "{\"caller\":\"linker\",\"consent\":" + shown +
                ",\"iat\":\"1970-01-01T00:00:00Z\","
                "\"link\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\",\"op\":\"consent\","
                "\"revision\":4294967295}");
  replace.consent = nullptr;
  EXPECT_EQ(Rendered(replace),
            "{\"caller\":\"linker\",\"iat\":\"1970-01-01T00:00:00Z\","
            "\"link\":\"lnk_AAAAAAAAAAAAAAAAAAAAAA\",\"op\":\"erase\"}");
  replace.link = nullptr;
  replace.subject = "s";
  EXPECT_EQ(Rendered(replace),
            "{\"caller\":\"linker\",\"iat\":\"1970-01-01T00:00:00Z\","
            "\"op\":\"erase\",\"subject\":\"s\"}");
  consent.duration_type = wire::DurationType::kPersistent;
  consent.duration_period_days = consent.lookback_period_days = 0;
  EXPECT_EQ(Rendered(create).find("Period"), std::string::npos);
}

TEST(ConsentStatement, EscapesAsRfc8785DoesAndHoldsTheLargest) {
  ConsentStatement erase;
  erase.caller = "c";
  erase.subject = "\"\\/\b\f\n\r\t\x01\x1f\x7f\xe2\x82\xac";
  EXPECT_NE(Rendered(erase).find("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f"
                                 "\xe2\x82\xac\""),
            std::string::npos);
  wire::Consent consent;
  const std::string control(256, '\x01');
  std::vector<std::string> names;
  for (int i = 0; i < 32; ++i) names.push_back(std::string(32, 'n'));
  for (const std::string& name : names) {
    consent.purposes.push_back(name);
    consent.clusters.push_back(name);
  }
  consent.consent_id = control;
  consent.duration_period_days = consent.lookback_period_days = 3660;
  ConsentStatement create;
  create.caller = create.institution = names[0];
  create.consent = &consent;
  create.subject = control;
  EXPECT_LE(Rendered(create).size(), wire::kConsentStatementBytesMax);
}

class SignedConsentTest : public testing::Test {
 protected:
  SignedConsentTest() {
    world_.Operate();
    arena_ = std::move(base::SecretArena::Create(8)).value();
    key_ = crypto::SigningKey(*arena_);
    crypto::GenerateSigningKey(key_);
    stranger_ = crypto::SigningKey(*arena_);
    crypto::GenerateSigningKey(stranger_);
    LoadWith(crypto::PublicKeyOf(key_));
  }
  void LoadWith(const crypto::PublicKey& key) {
    auto policy = std::make_unique<wire::Policy>(TestPolicy());
    policy->callers[0].consent_key = key;
    COFFER_CHECK(world_.LoadPolicy(Encode(*policy)).ok());
  }
  std::string Sign(std::string_view payload, const crypto::SigningKey& key,
                   std::string_view assertion, std::string_view footer = {}) {
    std::string token(crypto::PublicTokenSize(payload.size(), footer.size()),
                      '\0');
    auto size = crypto::SignPublic(
        {reinterpret_cast<uint8_t*>(token.data()), token.size()}, key,
        base::AsBytes(payload), base::AsBytes(footer),
        base::AsBytes(assertion));
    COFFER_CHECK(size.ok());
    return token;
  }
  std::string Vault() { return base::EncodeHex(world_.vault().vault_id()); }
  std::string Sign(ConsentStatement statement) {
    if (statement.caller.empty()) statement.caller = "self";
    if (statement.issued_at == 0) statement.issued_at = world_.vault().Now();
    return Sign(Rendered(statement), key_, Vault());
  }
  static ConsentStatement Said(const wire::CreateItem& item) {
    ConsentStatement statement;
    statement.consent = &item.consent;
    statement.institution = item.institution;
    statement.subject = item.subject;
    return statement;
  }
  Reply<wire::NewRecord> Create(wire::CreateItem item, std::string_view token) {
    item.signed_consent = token;
    return world_.One<wire::NewRecord>(Op::kCreate, item);
  }
  void Expect(Rule rule, const wire::CreateItem& item, std::string_view token) {
    EXPECT_EQ(wire::RuleText(Create(item, token).rule()), wire::RuleText(rule));
  }
  KeptLink Link() {
    const wire::CreateItem item = TestCreate(world_.caller);
    world_.clock.Advance(1);  // the same signed twice is used
    return KeptLink(Create(item, Sign(Said(item))).fields);
  }
  Rule ReplaceConsent(const KeptLink& link, const wire::Consent& consent,
                      uint32_t if_match, std::string_view token) {
    wire::ReplaceConsentItem item;
    item.connection = world_.caller;
    item.link = link.link;
    item.if_match = if_match;
    item.consent = consent;
    item.stored = link.Stored(true);
    item.signed_consent = token;
    return world_.One<wire::ReplaceAnswer>(Op::kReplaceConsent, item).rule();
  }
  Rule EraseLink(const KeptLink& link, std::string_view token) {
    wire::EraseLinkItem item;
    item.connection = world_.caller;
    item.link = link.link;
    item.stored = link.Stored(false);
    item.signed_consent = token;
    return world_.One<wire::EraseAnswer>(Op::kEraseLink, item).rule();
  }
  Rule EraseSubject(std::string_view subject, std::string_view token) {
    wire::EraseSubjectItem item;
    item.connection = world_.caller;
    item.subject = subject;
    item.links = 1;
    item.signed_consent = token;
    return world_.One<wire::EraseAnswer>(Op::kEraseSubject, item).rule();
  }

  TransitWorld world_;
  std::unique_ptr<base::SecretArena> arena_;
  crypto::SigningKey key_, stranger_;
};

TEST_F(SignedConsentTest, CreateNeedsTheSignatureOfJustThis) {
  const wire::CreateItem good = TestCreate(world_.caller);
  const std::string token = Sign(Said(good));
  Expect(Rule::kConsentNotSigned, good, "");
  const std::pair<const char*, void (*)(wire::CreateItem&)> cases[] = {
      {"institution", [](auto& i) { i.institution = "jpmorgan"; }},
      {"subject", [](auto& i) { i.subject = "cust-7732"; }},
      {"id", [](auto& i) { i.consent.consent_id = "c-2"; }},
      {"purpose", [](auto& i) { i.consent.purposes[0] = "purchase_tracking"; }},
      {"wider",
       [](auto& i) { i.consent.purposes.push_back("purchase_tracking"); }},
      {"cluster", [](auto& i) { i.consent.clusters[0] = "ACCOUNT_BASIC"; }},
      {"clusters",
       [](auto& i) { i.consent.clusters.push_back("ACCOUNT_BASIC"); }},
      {"longer", [](auto& i) { i.consent.duration_period_days = 91; }},
      {"one time",
       [](auto& i) { i.consent.duration_type = wire::DurationType::kOneTime; }},
      {"lookback", [](auto& i) { i.consent.lookback_period_days = 1; }}};
  for (const auto& [name, change] : cases) {
    wire::CreateItem item = good;
    change(item);
    SCOPED_TRACE(name);
    Expect(Rule::kConsentNotAuthentic, item, token);
  }
  Expect(Rule::kAllowed, good, token);
  Expect(Rule::kConsentSignatureStale, good, token);
}

TEST_F(SignedConsentTest, AnotherKeyVaultCallerFormOrSpellingIsNotAuthentic) {
  const wire::CreateItem good = TestCreate(world_.caller);
  ConsentStatement statement = Said(good);
  statement.caller = "self";
  statement.issued_at = world_.vault().Now();
  const std::string text = Rendered(statement);
  Expect(Rule::kConsentNotAuthentic, good, Sign(text, stranger_, Vault()));
  Expect(Rule::kConsentNotAuthentic, good, Sign(text, key_, ""));
  Expect(Rule::kConsentNotAuthentic, good,
         Sign(text, key_, std::string(32, '0')));
  Expect(Rule::kConsentNotAuthentic, good, Sign(text, key_, Vault(), "{}"));
  statement.caller = "other";
  Expect(Rule::kConsentNotAuthentic, good,
         Sign(Rendered(statement), key_, Vault()));
  for (const std::string& other :
       {text + " ", " " + text, text.substr(0, text.size() - 1),
        std::string("{}"), std::string(), std::string(6000, 'x')}) {
    Expect(Rule::kConsentNotAuthentic, good, Sign(other, key_, Vault()));
  }
  const size_t time = text.find("\"iat\"") + 7;
  for (size_t i = 0; i < text.size(); ++i) {
    // Another time is a time; all else is not what is asked.
    if (i >= time && i < time + base::kTimeTextBytes) continue;
    std::string other = text;
    other[i] = other[i] == '1' ? '2' : '1';
    SCOPED_TRACE(i);
    Expect(Rule::kConsentNotAuthentic, good, Sign(other, key_, Vault()));
  }
  for (const char* token : {"x", "v4.public.", "v4.local.AAAA"}) {
    Expect(Rule::kConsentNotAuthentic, good, token);
  }
  Expect(Rule::kAllowed, good, Sign(text, key_, Vault()));
}

TEST_F(SignedConsentTest, EveryChangedByteOfATokenIsRefused) {
  const wire::CreateItem good = TestCreate(world_.caller);
  const std::string token = Sign(Said(good));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    Expect(Rule::kConsentNotAuthentic, good, other);
    if (i > 0) Expect(Rule::kConsentNotAuthentic, good, token.substr(0, i));
  }
  Expect(Rule::kConsentNotAuthentic, good, token + "A");
  Expect(Rule::kAllowed, good, token);
}

TEST_F(SignedConsentTest, SignatureIsGoodForFiveMinutesAndNotFromBefore) {
  const wire::CreateItem good = TestCreate(world_.caller);
  const std::string token = Sign(Said(good));
  world_.clock.Advance(301);
  Expect(Rule::kConsentSignatureStale, good, token);
  ConsentStatement ahead = Said(good);
  ahead.issued_at = world_.vault().Now() + keeper::kFreshAheadSeconds + 1;
  Expect(Rule::kConsentSignatureStale, good, Sign(ahead));
  const std::string unused = Sign(Said(good));
  world_.clock.Advance(1);
  ASSERT_TRUE(world_.Reopen().ok());
  Expect(Rule::kConsentSignatureStale, good, unused);
  world_.clock.Advance(keeper::kFreshAheadSeconds + 1);
  Expect(Rule::kAllowed, good, Sign(Said(good)));
}

TEST_F(SignedConsentTest, ReplacementIsOfOneLinkAndRevision) {
  const KeptLink link = Link(), other = Link();
  wire::Consent wide = TestConsent();
  wide.clusters.push_back("ACCOUNT_BASIC");
  ConsentStatement statement;
  statement.consent = &wide;
  statement.link = &link.link;
  statement.revision = 1;
  const std::string token = Sign(statement);
  EXPECT_EQ(ReplaceConsent(link, wide, 1, ""), Rule::kConsentNotSigned);
  EXPECT_EQ(ReplaceConsent(link, TestConsent(), 1, token),
            Rule::kConsentNotAuthentic);
  EXPECT_EQ(ReplaceConsent(other, wide, 1, token), Rule::kConsentNotAuthentic);
  // A race that is lost uses nothing up.
  EXPECT_EQ(ReplaceConsent(link, wide, 2, token), Rule::kRevisionMismatch);
  statement.revision = 2;
  EXPECT_EQ(ReplaceConsent(link, wide, 1, Sign(statement)),
            Rule::kConsentNotAuthentic);
  EXPECT_EQ(ReplaceConsent(link, wide, 1, token), Rule::kAllowed);
}

TEST_F(SignedConsentTest, ErasuresAreSignedForTheirLinkOrSubject) {
  const KeptLink link = Link(), other = Link();
  ConsentStatement of_link;
  of_link.link = &link.link;
  ConsentStatement of_subject;
  of_subject.subject = "cust-7731";
  EXPECT_EQ(EraseLink(link, ""), Rule::kConsentNotSigned);
  EXPECT_EQ(EraseLink(other, Sign(of_link)), Rule::kConsentNotAuthentic);
  EXPECT_EQ(EraseLink(link, Sign(of_subject)), Rule::kConsentNotAuthentic);
  EXPECT_EQ(EraseLink(link, Sign(of_link)), Rule::kAllowed);
  EXPECT_EQ(EraseSubject("cust-7731", ""), Rule::kConsentNotSigned);
  EXPECT_EQ(EraseSubject("cust-7732", Sign(of_subject)),
            Rule::kConsentNotAuthentic);
  const std::string token = Sign(of_subject);
  EXPECT_EQ(EraseSubject("cust-7731", token), Rule::kAllowed);
  EXPECT_EQ(EraseSubject("cust-7731", token), Rule::kConsentSignatureStale);
}

TEST_F(SignedConsentTest, RevocationNeedsNoneAndClearCallersMayNotSend) {
  EXPECT_EQ(world_.Revoke(Link()), Rule::kAllowed);
  const KeptLink link = Link();
  LoadWith({});
  const wire::CreateItem good = TestCreate(world_.caller);
  Expect(Rule::kMalformedRequest, good, Sign(Said(good)));
  ConsentStatement of_link;
  of_link.link = &link.link;
  EXPECT_EQ(EraseLink(link, Sign(of_link)), Rule::kMalformedRequest);
  EXPECT_EQ(EraseLink(link, ""), Rule::kAllowed);
  Expect(Rule::kAllowed, good, "");
}

TEST_F(SignedConsentTest, SignedAndSealedGoTogether) {
  wire::CreateItem item = TestCreate(world_.caller);
  const std::string token = Sign(Said(item));
  const std::string sealed = world_.SealCreate();
  item.signed_consent = token;
  UploadPlan wrong = world_.Plan();
  wrong.kid[0] ^= 1;
  // What is refused for the one uses the other not up.
  EXPECT_EQ(world_.Upload(item, world_.SealCreate(wrong)).rule(),
            Rule::kUploadNotAuthentic);
  auto reply = world_.Upload(item, sealed);
  ASSERT_TRUE(reply.allowed());
  EXPECT_EQ(world_.BankToken(KeptLink(reply.fields)), kClearToken);
}

TEST_F(SignedConsentTest, WhatTheCustomerSignedIsNotLeftOnTheStack) {
#ifdef COFFER_SANITIZED
  GTEST_SKIP() << "skipped: a sanitizer keeps its own frames";
#endif
  const std::string id = "consent-that-is-left-nowhere-on-the-stack";
  wire::CreateItem item = TestCreate(world_.caller);
  item.consent.consent_id = id;
  const std::string token = Sign(Said(item));
  item.signed_consent = token;
  const std::string forged = Sign(Said(TestCreate(world_.caller)));
  EXPECT_EQ(Residue(base::AsBytes(id),
                    [&] {
                      world_.One<wire::NewRecord>(Op::kCreate, item);
                      item.signed_consent = forged;
                      world_.One<wire::NewRecord>(Op::kCreate, item);
                    }),
            0u);
  // The control: what is not wiped is found.
  EXPECT_GT(Residue(base::AsBytes(id),
                    [&] {
                      char text[wire::kConsentStatementBytesMax];
                      wire::RenderStatement(text, Said(item));
                      asm volatile("" : : "r"(text) : "memory");
                    }),
            0u);
}

}  // namespace
}  // namespace coffer::keeper_test
