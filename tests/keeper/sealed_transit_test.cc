// Bank tokens sealed on their way in and out, by the keeper's own rules.
#include "vault/keeper/sealed_transit.h"

#include <gtest/gtest.h>

#include "tests/keeper/transit_world.h"

namespace coffer::keeper_test {
namespace {

class TransitTest : public testing::Test {
 protected:
  TransitTest() { world_.Operate(); }
  void Expect(Rule rule, std::string_view sealed) {
    EXPECT_EQ(wire::RuleText(world_.Upload(sealed).rule()),
              wire::RuleText(rule));
  }
  TransitWorld world_;
};

TEST_F(TransitTest, SealedUploadIsStoredAndRedeems) {
  auto reply = world_.Upload(world_.SealCreate());
  ASSERT_TRUE(reply.allowed());
  EXPECT_EQ(world_.BankToken(KeptLink(reply.fields)), kClearToken);
}

TEST_F(TransitTest, SealedReplacementIsBoundToItsLinkAndRevision) {
  const KeptLink link = world_.Add(), other = world_.Add();
  const auto replace = [&](const KeptLink& to, uint32_t if_match,
                           std::string_view sealed) {
    wire::ReplaceBankTokenItem item;
    item.connection = world_.caller;
    item.link = to.link;
    item.if_match = if_match;
    item.bank_token = base::AsBytes(sealed);
    item.sealed = true;
    item.stored = to.Stored(false);
    return world_.One<wire::ReplaceAnswer>(Op::kReplaceBankToken, item);
  };
  const auto seal = [&](const KeptLink& to, uint32_t if_match) {
    UploadPlan plan = world_.Plan();
    return world_.Seal(plan,
                       wire::BindReplace("self", to.link, if_match).view());
  };
  const std::string sealed = seal(link, 1);
  EXPECT_EQ(replace(other, 1, sealed).rule(), Rule::kUploadNotAuthentic);
  EXPECT_EQ(replace(link, 1, seal(link, 2)).rule(), Rule::kUploadNotAuthentic);
  EXPECT_EQ(replace(link, 1, world_.SealCreate()).rule(),
            Rule::kUploadNotAuthentic);
  // A race that is lost uses nothing up.
  EXPECT_EQ(replace(link, 2, sealed).rule(), Rule::kRevisionMismatch);
  auto replaced = replace(link, 1, sealed);
  ASSERT_TRUE(replaced.allowed());
  // Even where the store lost the write, an upload is good once.
  wire::CommitItem lost{link.link, KeptLink(replaced.fields).leaf()};
  world_.One<wire::EmptyAnswer>(Op::kNotCommitted, lost);
  EXPECT_EQ(replace(link, 1, sealed).rule(), Rule::kUploadStale);
  EXPECT_EQ(world_.BankToken(KeptLink(replaced.fields)), kClearToken);
}

TEST_F(TransitTest, UploadForAnotherRequestIsNotAuthentic) {
  const std::string sealed = world_.SealCreate();
  const wire::CreateItem good = TestCreate(world_.caller);
  const std::pair<const char*, void (*)(wire::CreateItem&)> cases[] = {
      {"institution", [](auto& i) { i.institution = "jpmorgan"; }},
      {"subject", [](auto& i) { i.subject = "cust-7732"; }},
      {"consent", [](auto& i) { i.consent.consent_id = "c-2"; }},
      {"key", [](auto& i) { i.idempotency_key = "k"; }},
      // Parts that run together otherwise.
      {"moved", [](auto& i) {
         i.subject = "cust-7731c";
         i.consent.consent_id = "-1";
       }}};
  for (const auto& [name, change] : cases) {
    wire::CreateItem item = good;
    change(item);
    EXPECT_EQ(world_.Upload(item, sealed).rule(), Rule::kUploadNotAuthentic)
        << name;
  }
  UploadPlan plan = world_.Plan();
  Expect(Rule::kUploadNotAuthentic,
         world_.Seal(plan,
                     wire::BindCreate("other", good.institution, good.subject,
                                      good.consent.consent_id, "")
                         .view()));
  Expect(Rule::kAllowed, sealed);
}

TEST_F(TransitTest, UploadIsGoodOnceAndForFiveMinutes) {
  const std::string sealed = world_.SealCreate();
  Expect(Rule::kAllowed, sealed);
  Expect(Rule::kUploadStale, sealed);
  const std::string second = world_.SealCreate();
  const std::string third = world_.SealCreate();
  world_.clock.Advance(300);
  Expect(Rule::kUploadStale, sealed);
  Expect(Rule::kAllowed, second);
  world_.clock.Advance(1);
  Expect(Rule::kUploadStale, second);
  Expect(Rule::kUploadStale, third);
  UploadPlan ahead = world_.Plan();
  ahead.issued_at += keeper::kFreshAheadSeconds;
  Expect(Rule::kAllowed, world_.SealCreate(ahead));
  ahead.issued_at += 1;
  Expect(Rule::kUploadStale, world_.SealCreate(ahead));
}

TEST_F(TransitTest, NothingFromBeforeAnUnsealIsTaken) {
  const std::string used = world_.SealCreate();
  const std::string unused = world_.SealCreate();
  UploadPlan plan = world_.Plan();
  plan.issued_at += keeper::kFreshAheadSeconds;
  const std::string ahead = world_.SealCreate(plan);
  Expect(Rule::kAllowed, used);
  Expect(Rule::kAllowed, ahead);
  world_.clock.Advance(1);
  ASSERT_TRUE(world_.Reopen().ok());
  for (uint64_t second = 1; second <= 9; ++second) {
    Expect(Rule::kUploadStale, used);
    Expect(Rule::kUploadStale, unused);
    Expect(Rule::kUploadStale, ahead);
    world_.clock.Advance(1);
  }
  Expect(Rule::kAllowed, world_.SealCreate());
}

TEST_F(TransitTest, ClockSetBackGivesNoUploadBack) {
  const std::string used = world_.SealCreate();
  Expect(Rule::kAllowed, used);
  world_.clock.wall_seconds -= 100;
  ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
  for (int i = 0; i < 110; ++i) {
    Expect(Rule::kUploadStale, used);
    world_.clock.Advance(1);
  }
  Expect(Rule::kAllowed, world_.SealCreate());
}

TEST_F(TransitTest, ClockSetBackGivesNoUploadBackAfterRestarts) {
  for (const bool clean : {false, true}) {
    const std::string used = world_.SealCreate();
    Expect(Rule::kAllowed, used);
    if (clean) {
      ASSERT_TRUE(world_.vault().Stop().ok());
    }
    ASSERT_TRUE(world_.Reopen().ok());
    world_.clock.wall_seconds -= 100;
    ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
    ASSERT_TRUE(world_.Reopen().ok());
    ASSERT_TRUE(world_.vault().clock_accepted());
    for (int i = 0; i < 110; ++i) {
      Expect(Rule::kUploadStale, used);
      world_.clock.Advance(1);
    }
    Expect(Rule::kAllowed, world_.SealCreate());
  }
}

TEST_F(TransitTest, ClockAcceptedByMistakeIsNotHeldAgainstUploads) {
  constexpr uint64_t kYear = 365 * base::kDaySeconds;
  Expect(Rule::kAllowed, world_.SealCreate());
  world_.clock.wall_seconds += kYear;
  ASSERT_TRUE(world_.Reopen().ok());
  ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  world_.clock.wall_seconds -= kYear;
  ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
  ASSERT_TRUE(world_.Reopen().ok());
  world_.clock.Advance(7);
  Expect(Rule::kAllowed, world_.SealCreate());
}

TEST_F(TransitTest, AfterAnUnsealTheFirstGoodSecondIsExact) {
  UploadPlan plan = world_.Plan();
  const uint64_t used_at = plan.issued_at;
  Expect(Rule::kAllowed, world_.SealCreate(plan));
  ASSERT_TRUE(world_.Reopen().ok());
  world_.clock.Advance(2);
  // Ahead by 5, and a second may pass between its leaf's time and its check.
  plan.issued_at = used_at + keeper::kFreshAheadSeconds + 1;
  Expect(Rule::kUploadStale, world_.SealCreate(plan));
  plan.issued_at += 1;
  Expect(Rule::kAllowed, world_.SealCreate(plan));
}

TEST_F(TransitTest, UploadWaitsForTheClockToBeAccepted) {
  world_.clock.Advance(base::kClockAheadSecondsMax + 100);
  ASSERT_TRUE(world_.Reopen().ok());
  const std::string sealed = world_.SealCreate();
  Expect(Rule::kClock, sealed);
  ASSERT_TRUE(world_.vault().AcceptClock(0).ok());
  Expect(Rule::kAllowed, world_.SealCreate());
}

TEST_F(TransitTest, OnlyTheIngestKeysOpenAndByTheirIds) {
  UploadPlan plan = world_.Plan();
  plan.kid[0] ^= 1;
  Expect(Rule::kUploadNotAuthentic, world_.SealCreate(plan));
  const auto& evidence =
      world_.ring().ActiveSigner(keeper::SigningUse::kEvidence);
  plan = world_.Plan();
  plan.to = evidence.public_key;  // sealed to another key than it says
  Expect(Rule::kUploadNotAuthentic, world_.SealCreate(plan));
  plan.kid = evidence.id;  // another use's key
  Expect(Rule::kUploadNotAuthentic, world_.SealCreate(plan));

  // After a rotation both are good, for as long as one may be on its way.
  const UploadPlan old = world_.Plan();
  ASSERT_TRUE(world_.RotateUse(wire::RotateTarget::kIngest).ok());
  Expect(Rule::kAllowed, world_.SealCreate(old));
  Expect(Rule::kAllowed, world_.SealCreate());
  world_.clock.Advance(601);
  world_.Quiet();
  UploadPlan late = old;
  late.issued_at = world_.vault().Now();
  Expect(Rule::kUploadNotAuthentic, world_.SealCreate(late));
  // A compromised one is not: somebody else could read what comes.
  UploadPlan known = world_.Plan();
  for (size_t i = 0; i < world_.ring().signers(); ++i) {
    auto& signer = world_.ring().signer(i);
    if (signer.id != known.kid) continue;
    ASSERT_TRUE(world_.ring().Compromise(signer, 1).ok());
  }
  Expect(Rule::kUploadNotAuthentic, world_.SealCreate(known));
}

TEST_F(TransitTest, AllZeroSharedSecretIsRefused) {
  // With an ephemeral key of low order, everybody knows the one-time key.
  UploadPlan plan = world_.Plan();
  world_.Seal(plan, {});
  const base::ByteArray<32> low_order[] = {
      {},
      {1},
      {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
       0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
       0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
  };
  crypto::LocalTokenKey once(*world_.parts->arena);
  crypto::RandomKey(once);
  for (const auto& point : low_order) {
    std::memcpy(plan.footer.wpk.data() + 32, point.data(), point.size());
    Expect(
        Rule::kUploadNotAuthentic,
        TransitWorld::Encode(
            plan, once, TransitWorld::Bound(TestCreate(world_.caller)).view()));
  }
}

TEST_F(TransitTest, EveryTruncationFlippedByteAndTrailingByteIsRefused) {
  const std::string sealed = world_.SealCreate();
  const auto expect = [&](std::string_view text, size_t at) {
    const Rule rule = world_.Upload(text).rule();
    EXPECT_TRUE(rule == Rule::kUploadNotAuthentic) << at;
  };
  for (size_t i = 1; i < sealed.size(); i += 3) expect(sealed.substr(0, i), i);
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    expect(changed, i);
  }
  expect(sealed + "A", 0);
  expect(sealed + ".", 0);
  expect("", 0);
  Expect(Rule::kAllowed, sealed);
}

TEST_F(TransitTest, FooterHasOneSpelling) {
  UploadPlan plan = world_.Plan();
  world_.Seal(plan, {});
  char text[wire::kTransitFooterBytes];
  wire::FormatTransitFooter(text, plan.footer);
  const std::string footer(text, sizeof text);
  auto parsed = wire::ParseTransitFooter(footer);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->issued_at, plan.issued_at);
  EXPECT_EQ(parsed->kid, plan.footer.kid);
  EXPECT_EQ(parsed->wpk, plan.footer.wpk);
  for (size_t i = 0; i < footer.size(); ++i) {
    EXPECT_FALSE(wire::ParseTransitFooter(footer.substr(0, i)).ok());
    std::string changed = footer;
    changed[i] = '~';
    EXPECT_FALSE(wire::ParseTransitFooter(changed).ok()) << i;
  }
  EXPECT_FALSE(wire::ParseTransitFooter(footer + " ").ok());
  EXPECT_FALSE(wire::ParseTransitFooter("").ok());
}

TEST_F(TransitTest, WhatIsInsideMustBeABankToken) {
  for (const std::string& payload :
       {std::string(), std::string("\xff\xfe"), std::string("\xc0\x80")}) {
    UploadPlan plan = world_.Plan();
    plan.payload = payload;
    Expect(Rule::kMalformedRequest, world_.SealCreate(plan));
  }
  for (const size_t size : {size_t{1}, base::kBankTokenBytesMax}) {
    UploadPlan plan = world_.Plan();
    plan.payload = std::string(size, 'x');
    auto reply = world_.Upload(world_.SealCreate(plan));
    ASSERT_TRUE(reply.allowed());
    EXPECT_EQ(world_.BankToken(KeptLink(reply.fields)), plan.payload);
  }
  UploadPlan plan = world_.Plan();
  plan.payload = std::string(base::kBankTokenBytesMax + 1, 'x');
  Expect(Rule::kUploadNotAuthentic, world_.SealCreate(plan));
  // The same of one in clear, whose place on the wire is larger than it.
  wire::CreateItem item = TestCreate(world_.caller);
  item.bank_token = base::AsBytes(plan.payload);
  EXPECT_EQ(world_.One<wire::NewRecord>(Op::kCreate, item).rule(),
            Rule::kMalformedRequest);
}

TEST_F(TransitTest, RedeemerWithAKeyGetsItSealedAndNoOtherWay) {
  auto policy = std::make_unique<wire::Policy>(TestPolicy());
  crypto::SigningKey reader(*world_.parts->arena);
  crypto::GenerateSigningKey(reader);
  policy->callers[0].seal_to = crypto::PublicKeyOf(reader);
  const KeptLink link = world_.Add();
  ASSERT_TRUE(world_.LoadPolicy(Encode(*policy)).ok());
  auto issued = world_.Issue(link);
  const std::string token(issued.fields.token);
  auto redeemed = world_.Redeem(token, link);
  ASSERT_TRUE(redeemed.allowed());
  ASSERT_TRUE(redeemed.fields.sealed);
  const std::string sealed(base::AsText(redeemed.fields.bank_token));
  EXPECT_EQ(sealed.find("bank-token"), std::string::npos);

  uint8_t footer[wire::kTransitFooterBytes];
  auto footer_size = crypto::PeekFooter(footer, sealed);
  ASSERT_TRUE(footer_size.ok());
  auto parsed = wire::ParseTransitFooter(base::AsText(footer));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->kid, crypto::PublicId(policy->callers[0].seal_to));
  EXPECT_EQ(parsed->issued_at, world_.vault().Now());
  crypto::LocalTokenKey once(*world_.parts->arena);
  ASSERT_TRUE(crypto::UnsealKey(once, parsed->wpk, reader).ok());
  uint8_t clear[base::kBankTokenBytesMax];
  const auto open = [&](std::string_view assertion) {
    return crypto::DecodeLocal(clear, once, sealed, footer,
                               base::AsBytes(assertion));
  };
  EXPECT_FALSE(open("").ok());
  EXPECT_FALSE(open(world_.Issue(link).fields.token).ok());
  auto size = open(token);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(base::AsText(Bytes(clear, *size)), "bank-token-canary");
  // Another key each time.
  auto again = world_.Redeem(token, link);
  EXPECT_NE(base::AsText(again.fields.bank_token), sealed);
}

TEST_F(TransitTest, PolicyWithAKeyThatIsNoneIsRefused) {
  auto policy = std::make_unique<wire::Policy>(TestPolicy());
  for (crypto::PublicKey* key :
       {&policy->callers[0].seal_to, &policy->callers[1].consent_key}) {
    for (const uint8_t first :
         {uint8_t{1}, uint8_t{2}}) {  // of low order; not on the curve
      *key = {};
      (*key)[0] = first;
      EXPECT_FALSE(world_.LoadPolicy(Encode(*policy)).ok());
    }
    *key = {};
  }
  EXPECT_TRUE(world_.LoadPolicy(Encode(*policy)).ok());
}

TEST_F(TransitTest, LookbackPeriodIsTheConsents) {
  wire::CreateItem item = TestCreate(world_.caller);
  for (const uint32_t days : {0u, 1u, 3660u}) {
    item.consent.lookback_period_days = days;
    const KeptLink link(world_.One<wire::NewRecord>(Op::kCreate, item).fields);
    const std::string token(world_.Issue(link).fields.token);
    EXPECT_EQ(world_.Redeem(token, link).fields.lookback_period_days, days);
    wire::IntrospectItem ask;
    ask.connection = world_.caller;
    ask.token = token;
    ask.stored = link.Stored(false);
    EXPECT_EQ(world_.One<wire::IntrospectAnswer>(Op::kIntrospect, ask)
                  .fields.lookback_period_days,
              days);
  }
}

}  // namespace
}  // namespace coffer::keeper_test
