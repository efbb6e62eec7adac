// Ten thousand single bits: in records as a store returns them, in keeper.state
// with its slots and keyring, in the journal. None leads to another decision or
// another plaintext, and none is told as a link that is not there.
#include <gtest/gtest.h>

#include <random>

#include "tests/keeper/vault_world.h"

namespace coffer::keeper_test {
namespace {

using wire::Rule;
using wire::VaultState;

constexpr int kRecordFlips = 8000;
#ifdef COFFER_SANITIZED
constexpr int kRestarts = 20;
#else
constexpr int kRestarts = 1000;
#endif
constexpr int kStateFlips = kRestarts;
constexpr int kJournalFlips = kRestarts;

class BitFlips : public testing::Test {
 protected:
  BitFlips() {
    world_.Operate();
    link_ = world_.Create();
    revoked_ = world_.Create();
    COFFER_CHECK(world_.Revoke(revoked_) == Rule::kAllowed);
    // The revocation is not in the last batch, which may be cut as torn.
    COFFER_CHECK(world_.Issue(link_).allowed());
  }
  // Flips one bit of `bytes` and tells where.
  size_t Flip(MutableBytes bytes) {
    const size_t bit = dice_() % (bytes.size() * 8);
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    return bit;
  }
  // What the files say decides as before.
  void ExpectTheSameDecisions(size_t bit) {
    auto issued = world_.Issue(link_);
    ASSERT_EQ(issued.rule(), Rule::kAllowed) << "bit " << bit;
    auto redeemed = world_.Redeem(issued.fields.token, link_);
    ASSERT_TRUE(redeemed.allowed()) << "bit " << bit;
    const wire::CreateItem made = TestCreate(0);
    EXPECT_TRUE(base::Equal(redeemed.fields.bank_token, made.bank_token));
    EXPECT_EQ(world_.Issue(revoked_).rule(), Rule::kConsentRevoked)
        << "bit " << bit;
  }
  // Restarts on files in which one bit of fd's first `used` bytes is flipped.
  // True when it came up: then every decision is as before.
  bool SurvivesFlipIn(int fd, size_t from, size_t used) {
    const std::vector<uint8_t> good = world_.files.file(fd).cache;
    std::map<int, keeper::FakeFiles::File> kept;
    for (int each : {kState, kJournalA, kJournalB}) {
      kept[each] = world_.files.file(each);
    }
    const size_t bit =
        Flip(MutableBytes(world_.files.file(fd).cache).subspan(from, used));
    const base::Status opened = world_.Reopen();
    const bool up = opened.ok();
    if (up) {
      ExpectTheSameDecisions(bit);
    } else {
      const std::string said = opened.error().message;
      EXPECT_TRUE(said.starts_with("keeper.state") ||
                  said.starts_with("journal"))
          << said;
    }
    world_.EndParts();
    for (auto& [each, file] : kept) world_.files.file(each) = file;
    return up;
  }

  World world_;
  KeptLink link_, revoked_;
  std::mt19937 dice_{20181219};
};

TEST_F(BitFlips, InARecordAreRefusedAndToldApartFromNotFound) {
  auto issued = world_.Issue(link_);
  ASSERT_TRUE(issued.allowed());
  const std::string token(issued.fields.token);
  int refused = 0;
  for (int i = 0; i < kRecordFlips; ++i) {
    KeptLink flipped = link_;
    std::vector<uint8_t>* parts[] = {&flipped.head, &flipped.wrap,
                                     &flipped.token_box};
    const size_t bit = Flip(*parts[i % 3]);
    const Rule rule = i % 3 == 2 ? world_.Redeem(token, flipped).rule()
                                 : world_.Issue(flipped).rule();
    refused += rule == Rule::kRecordDamaged || rule == Rule::kKeyUnavailable;
    ASSERT_TRUE(rule == Rule::kRecordDamaged || rule == Rule::kKeyUnavailable)
        << "bit " << bit << " of part " << i % 3 << ": "
        << wire::RuleText(rule);
  }
  EXPECT_EQ(refused, kRecordFlips);
  std::cout << "bits flipped in records: " << refused << " of " << kRecordFlips
            << " refused\n";
  // Control: the record itself opens.
  EXPECT_TRUE(world_.Redeem(token, link_).allowed());
}

TEST_F(BitFlips, InKeeperStateAreNamedOrChangeNothing) {
  ASSERT_TRUE(world_.Reopen().ok());
  std::vector<uint8_t>& file = world_.files.file(kState).cache;
  size_t slot = file[0] == 'C' ? 0 : keeper::kStateSlotBytes;
  uint32_t body = 0;
  base::Decoder decoder(Bytes(file).subspan(slot + 9));
  decoder.Number(body);
  int survived = 0;
  for (int i = 0; i < kStateFlips; ++i) {
    // Every other one in the block with the seal slots.
    survived += SurvivesFlipIn(kState, slot,
                               i % 2 == 0 ? keeper::kStateBlockBytes
                                          : keeper::kStateBlockBytes + body);
  }
  std::cout << "bits flipped in keeper.state: " << kStateFlips - survived
            << " of " << kStateFlips << " refused by name, " << survived
            << " changed nothing\n";
  EXPECT_EQ(survived, 0);
  EXPECT_TRUE(world_.Reopen().ok());  // control: unflipped it opens
}

TEST_F(BitFlips, InTheJournalAreNamedOrCutTheTornTailAlone) {
  const size_t used = world_.files.file(kJournalA).cache.size();
  int survived = 0;
  for (int i = 0; i < kJournalFlips; ++i) {
    survived += SurvivesFlipIn(kJournalA, 0, used);
  }
  std::cout << "bits flipped in the journal: " << kJournalFlips - survived
            << " of " << kJournalFlips << " refused by name, " << survived
            << " in what a restart does not need\n";
  EXPECT_LT(survived, kJournalFlips);
  EXPECT_TRUE(world_.Reopen().ok());
}

}  // namespace
}  // namespace coffer::keeper_test
