// Steps of the host's clock, by a year, by seconds, and while it slept: at
// unseal and while the vault serves. What has expired stays so, nothing is
// swept early, and an operator always has the last word.
#include <gtest/gtest.h>

#include <random>

#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kYear = 365 * kDay;

// The world's two clocks and the time that has really passed.
class ClockWorld : public RotationWorld {
 public:
  // `follows_wall`: the control. A vault that judged by the wall clock would
  // see this boot clock.
  explicit ClockWorld(bool follows_wall = false)
      : follows_wall_(follows_wall) {}

  void Pass(int64_t seconds) {
    passed += seconds;
    clock.Advance(static_cast<uint64_t>(seconds));
  }
  // The wall clock is off by so much from now on.
  void SetError(int64_t seconds) {
    Shift(clock.wall_seconds, seconds - error);
    if (follows_wall_) {
      Shift(clock.boot_milliseconds, (seconds - error) * 1000);
    }
    error = seconds;
  }
  // Started again after a boot: its clock begins anew.
  base::Status Reboot() {
    clock.boot_milliseconds = 5000;
    return Reopen();
  }
  base::Status SealAndUnseal() {
    COFFER_TRY(vault().Seal(0));
    return Unseal();
  }
  Rule Bury(const KeptLink& link) {
    return One<wire::BuryAnswer>(Op::kBury,
                                 wire::BuryItem{link.link, link.Stored(false)})
        .rule();
  }

  int64_t passed = 0;
  int64_t error = 0;

 private:
  static void Shift(uint64_t& time, int64_t by) {
    time = static_cast<uint64_t>(static_cast<int64_t>(time) + by);
  }

  const bool follows_wall_;
};

struct Shown {
  std::string token;
  int64_t issued = 0;
  int64_t lifetime = 0;
  int epoch = 0;
};

// What a random walk found.
struct Figures {
  int steps = 0;
  int expired_shown = 0;
  int expired_accepted = 0;
  int live_shown = 0;
  int live_refused = 0;
  int swept = 0;
  int let_through = 0;  // while the clock was not accepted
  int waits = 0;        // unseals after which an operator had to look
};

class Walk {
 public:
  Walk(uint32_t seed, bool follows_wall) : random_(seed), world_(follows_wall) {
    world_.Operate();
    link_ = world_.Create();
  }

  Figures Run(int steps) {
    for (; figures_.steps < steps; ++figures_.steps) Step();
    return figures_;
  }

 private:
  int64_t Error() {
    constexpr int64_t kErrors[] = {0,  0,     1,          -1,      5,
                                   -5, kYear, -kYear,     -6,      6 * kDay,
                                   60, -3600, -30 * kDay, 8 * kDay};
    return kErrors[random_() % std::size(kErrors)];
  }

  void Step() {
    switch (random_() % 6) {
      case 0:
        world_.Pass(static_cast<int64_t>(random_() % 90));
        break;
      case 1:  // while it serves
        world_.SetError(Error());
        break;
      case 2:  // a night in the lid
        world_.Pass(static_cast<int64_t>(random_() % 1200));
        break;
      default:
        if (random_() % 4 == 0) Unseal();
    }
    Ask();
  }

  void Unseal() {
    world_.SetError(Error());
    const auto way = random_() % 3;
    const base::Status opened = way == 0   ? world_.SealAndUnseal()
                                : way == 1 ? world_.Reopen()
                                           : world_.Reboot();
    COFFER_CHECK(opened.ok());
    ++epoch_;
    if (world_.vault().clock_accepted()) return;
    ++figures_.waits;
    // No token goes out or in, nothing is swept; kills and reading go on.
    figures_.let_through += world_.Issue(link_).rule() != Rule::kClock;
    figures_.let_through += world_.Bury(link_) != Rule::kClock;
    figures_.live_refused += !world_.ReadLink(link_).allowed();
    Ask();
    world_.SetError(0);
    COFFER_CHECK(world_.vault().AcceptClock(0).ok());
    ++epoch_;
  }

  // Shows every token that was ever given, as long as it is told apart from a
  // live one, and asks for another.
  void Ask() {
    for (const Shown& shown : shown_) {
      const int64_t age = world_.passed - shown.issued;
      const bool dead = shown.epoch != epoch_ || age > shown.lifetime + 1;
      const bool live = shown.epoch == epoch_ && age + 1 < shown.lifetime;
      const bool accepted = world_.Redeem(shown.token, link_).allowed();
      figures_.expired_shown += dead;
      figures_.expired_accepted += dead && accepted;
      figures_.live_shown += live;
      figures_.live_refused += live && !accepted;
    }
    if (shown_.size() > 12) shown_.erase(shown_.begin(), shown_.begin() + 6);
    if (world_.Bury(link_) == Rule::kAllowed) {
      ++figures_.swept;
      // Only the control comes here: the next link is of the right time.
      world_.SetError(0);
      COFFER_CHECK(world_.Reopen().ok() && world_.vault().AcceptClock(0).ok());
      ++epoch_;
      link_ = world_.Create();
      shown_.clear();
    }
    if (!world_.vault().clock_accepted()) return;
    auto issued = world_.Issue(link_);
    if (!issued.allowed()) {
      ++figures_.live_refused;
      return;
    }
    shown_.push_back({std::string(issued.fields.token), world_.passed,
                      issued.fields.expires_in, epoch_});
  }

  std::mt19937 random_;
  ClockWorld world_;
  KeptLink link_;
  std::vector<Shown> shown_;
  int epoch_ = 0;
  Figures figures_;
};

TEST(Clock, NoStepGivesLifeToWhatHasExpiredOrEndsWhatLives) {
  const Figures found = Walk(20260801, false).Run(1000);
  std::printf(
      "steps %d: %d expired shown, %d expired accepted; %d live shown, %d live "
      "refused; %d swept wrongly; an operator was asked %d times\n",
      found.steps, found.expired_shown, found.expired_accepted,
      found.live_shown, found.live_refused, found.swept, found.waits);
  EXPECT_EQ(found.expired_accepted, 0);
  EXPECT_EQ(found.live_refused, 0);
  EXPECT_EQ(found.swept, 0);
  EXPECT_EQ(found.let_through, 0);
  EXPECT_GT(found.expired_shown, 1000);
  EXPECT_GT(found.live_shown, 1000);
  EXPECT_GT(found.waits, 20);
}

TEST(Clock, AVaultThatFollowsTheWallClockIsCaught) {
  const Figures found = Walk(20260801, true).Run(1000);
  std::printf(
      "control, a clock that follows the wall: %d expired accepted, %d live "
      "refused, %d swept wrongly\n",
      found.expired_accepted, found.live_refused, found.swept);
  EXPECT_GT(found.expired_accepted, 0);
  EXPECT_GT(found.live_refused, 0);
  EXPECT_GT(found.swept, 0);
}

TEST(Clock, StepsWhileTheVaultServesChangeNothing) {
  ClockWorld world;
  world.Operate();
  const KeptLink link = world.Create();
  const uint64_t begin = world.vault().Now();
  int64_t passed = 0;
  for (int64_t error : {kYear, -kYear, int64_t{5}, int64_t{-5}, kDay, -kDay}) {
    world.SetError(error);
    EXPECT_TRUE(world.vault().clock_accepted());
    EXPECT_EQ(world.vault().Now(), begin + static_cast<uint64_t>(passed));
    auto issued = world.Issue(link);
    ASSERT_TRUE(issued.allowed());
    const std::string token(issued.fields.token);
    EXPECT_TRUE(world.Redeem(token, link).allowed());
    world.Pass(issued.fields.expires_in + 1);
    passed += issued.fields.expires_in + 1;
    EXPECT_FALSE(world.Redeem(token, link).allowed());
  }
}

TEST(Clock, TimeGoesOnWhileTheHostSleeps) {
  ClockWorld world;
  world.Operate();
  const KeptLink link = world.Create();
  const std::string token(world.Issue(link).fields.token);
  // The wall clock is set again some time after waking.
  world.Pass(8 * 3600);
  world.SetError(-8 * 3600);
  EXPECT_FALSE(world.Redeem(token, link).allowed());
  world.Pass(90 * kDay);
  EXPECT_EQ(world.Issue(link).rule(), Rule::kConsentExpired);
}

TEST(Clock, AnOrdinaryCorrectionDisturbsNothing) {
  for (int64_t error : {-5, -1, 0, 1, 5}) {
    ClockWorld world;
    world.Operate();
    const KeptLink link = world.Create();
    for (int again = 0; again < 5; ++again) {
      world.Pass(10);
      const uint64_t before = world.vault().Now();
      // Forth and back, so that both directions meet a recorded time.
      world.SetError(again % 2 == 0 ? error : 0);
      ASSERT_TRUE((again % 3 == 0 ? world.Reboot() : world.Reopen()).ok());
      EXPECT_TRUE(world.vault().clock_accepted()) << error;
      EXPECT_GE(world.vault().Now() + 10, before) << error;
      EXPECT_TRUE(world.Opens(link)) << error;
      EXPECT_EQ(world.Bury(link), Rule::kNotEnded) << error;
    }
  }
}

TEST(Clock, AtUnsealTheBoundsAreExact) {
  const struct {
    int64_t error;
    bool accepted;
  } cases[] = {{-kYear, false}, {-6, false},          {-5, true},
               {0, true},       {7 * kDay, true},     {7 * kDay + 1, false},
               {kYear, false},  {100 * kYear, false}, {-40 * kYear, false}};
  for (const auto& one : cases) {
    ClockWorld world;
    world.Operate();
    const KeptLink link = world.Create();
    const std::string token(world.Issue(link).fields.token);
    world.SetError(one.error);
    ASSERT_TRUE(world.Reboot().ok());
    EXPECT_EQ(world.vault().clock_accepted(), one.accepted) << one.error;
    EXPECT_FALSE(world.Redeem(token, link).allowed()) << one.error;
    EXPECT_EQ(world.Opens(link), one.accepted) << one.error;
    EXPECT_EQ(world.Bury(link), one.accepted ? Rule::kNotEnded : Rule::kClock);
  }
}

TEST(Clock, AVaultThatWaitsForItsClockCanStillBeReadRevokedErasedAndSealed) {
  for (int64_t error : {kYear, -kYear}) {
    ClockWorld world;
    world.Operate();
    const KeptLink link = world.Create();
    const KeptLink other = world.Create();
    const KeptLink third = world.Create();
    world.SetError(error);
    ASSERT_TRUE(world.Reboot().ok());
    ASSERT_FALSE(world.vault().clock_accepted());
    EXPECT_TRUE(world.ReadLink(link).allowed());
    EXPECT_EQ(world.Revoke(other), Rule::kAllowed);
    EXPECT_EQ(world.EraseLink(third), Rule::kAllowed);
    // Waiting outlasts a seal and a restart, until the host is right again.
    ASSERT_TRUE(world.SealAndUnseal().ok());
    EXPECT_FALSE(world.vault().clock_accepted());
    world.SetError(0);
    ASSERT_TRUE(world.Reboot().ok());
    EXPECT_TRUE(world.vault().clock_accepted());
    EXPECT_TRUE(world.Opens(link));
    EXPECT_EQ(world.Issue(other).rule(), Rule::kConsentRevoked);
    EXPECT_EQ(world.Issue(third).rule(), Rule::kLinkErased);
  }
}

TEST(Clock, AConsentOfATimeToComeOpensNothingUntilItIsGivenAnew) {
  ClockWorld world;
  world.Operate();
  world.SetError(kYear);
  ASSERT_TRUE(world.Reboot().ok());
  ASSERT_TRUE(world.vault().AcceptClock(0).ok());
  const KeptLink link = world.Create();
  EXPECT_TRUE(world.Issue(link).allowed());
  world.SetError(0);
  ASSERT_TRUE(world.vault().AcceptClock(0).ok());
  EXPECT_EQ(world.Issue(link).rule(), Rule::kClock);
  // Its days of use are those of before: the ledger looks back.
  wire::TagsItem ask{world.caller, link.link, link.Stored(false), 0};
  const auto tags = world.One<wire::TagsAnswer>(Op::kTags, ask);
  ASSERT_TRUE(tags.allowed());
  const uint64_t today = world.vault().Now() / base::kDaySeconds;
  EXPECT_EQ(tags.fields.tags.size, base::kLinkTagsMax);
  EXPECT_EQ(tags.fields.first_day, today - (base::kLinkTagsMax - 1));
  EXPECT_FALSE(tags.fields.more);
  wire::ReplaceConsentItem item;
  item.connection = world.caller;
  item.link = link.link;
  item.if_match = 1;
  item.consent = TestConsent();
  item.stored = link.Stored(true);
  const auto replaced =
      world.One<wire::ReplaceAnswer>(Op::kReplaceConsent, item);
  ASSERT_TRUE(replaced.allowed());
  EXPECT_TRUE(world.Issue(KeptLink(replaced.fields)).allowed());
}

TEST(Clock, AnOperatorEndsTheWaitAndIsNotHeldToAMistake) {
  ClockWorld world;
  world.Operate();
  const KeptLink link = world.Create();
  world.SetError(kYear);
  ASSERT_TRUE(world.Reboot().ok());
  EXPECT_EQ(world.Issue(link).rule(), Rule::kClock);
  // Taken by mistake: the consent is past its date, as it seems.
  ASSERT_TRUE(world.vault().AcceptClock(0).ok());
  EXPECT_EQ(world.Issue(link).rule(), Rule::kConsentExpired);
  world.SetError(0);
  EXPECT_EQ(world.Issue(link).rule(), Rule::kConsentExpired);
  ASSERT_TRUE(world.vault().AcceptClock(0).ok());
  auto issued = world.Issue(link);
  ASSERT_TRUE(issued.allowed());
  const std::string token(issued.fields.token);
  EXPECT_TRUE(world.Redeem(token, link).allowed());
  // Each acceptance is an epoch of its own.
  ASSERT_TRUE(world.vault().AcceptClock(0).ok());
  EXPECT_FALSE(world.Redeem(token, link).allowed());
  EXPECT_EQ(world.Tail(2)[0].kind, wire::LeafKind::kClockAccept);
  // And it holds at the next unseal.
  ASSERT_TRUE(world.Reboot().ok());
  EXPECT_TRUE(world.vault().clock_accepted());
  EXPECT_TRUE(world.Opens(link));
}

}  // namespace
}  // namespace coffer::keeper_test
