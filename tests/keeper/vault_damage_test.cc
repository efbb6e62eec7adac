// Files that were damaged, forged or written by a later version: refused at the
// start where a checksum tells, in the latched error state where only keys can.
#include <gtest/gtest.h>

#include "tests/keeper/vault_world.h"

namespace coffer::keeper_test {
namespace {

using base::Code;
using keeper::BatchHead;
using wire::Rule;
using wire::VaultState;

class VaultDamageTest : public testing::Test {
 protected:
  VaultDamageTest() {
    world_.Operate();
    link_ = world_.Create();
  }
  std::vector<uint8_t>& State() { return world_.files.file(kState).cache; }
  std::vector<uint8_t>& JournalA() {
    return world_.files.file(kJournalA).cache;
  }
  // The slot of keeper.state that is in force, and its body's size.
  size_t ActiveSlot(uint32_t& body_bytes) {
    for (size_t slot : {size_t{0}, size_t{keeper::kStateSlotBytes}}) {
      if (State().size() <= slot || State()[slot] != 'C') continue;
      base::Decoder decoder(Bytes(State()).subspan(slot + 9));
      decoder.Number(body_bytes);
      return slot;
    }
    COFFER_CHECK(false);
  }
  // As anyone could: makes the plain checksum right again.
  void RepairStateChecksum() {
    uint32_t body = 0;
    const size_t slot = ActiveSlot(body);
    const size_t at = keeper::kStateBlockBytes - 32;
    MutableBytes whole = MutableBytes(State()).subspan(slot);
    crypto::Hash(
        whole.subspan(at, 32), "coffer state checksum",
        {whole.first(at), whole.subspan(keeper::kStateBlockBytes, body)});
  }
  // Offsets of the journal's batches.
  std::vector<size_t> Batches() {
    std::vector<size_t> offsets;
    size_t offset = keeper::kJournalHeaderBytes;
    while (offset + keeper::kBatchPayloadOffset < JournalA().size()) {
      BatchHead head = HeadAt(offset);
      if (head.magic != keeper::kBatchMagic) break;
      offsets.push_back(offset);
      offset += keeper::BatchBytes(head.payload_bytes);
    }
    return offsets;
  }
  BatchHead HeadAt(size_t offset) {
    BatchHead head;
    base::Decoder decoder(Bytes(JournalA()).subspan(offset));
    BatchHead::Fields(decoder, head);
    return head;
  }
  void RepairBatchChecksum(size_t offset) {
    MutableBytes batch = MutableBytes(JournalA()).subspan(offset);
    keeper::ByteArray<32> mac;
    std::copy_n(batch.begin() + keeper::kBatchHeadBytes + 32, 32, mac.begin());
    const auto digest = keeper::BatchDigest(
        world_.vault().vault_id(), batch.first(keeper::kBatchHeadBytes),
        batch.subspan(keeper::kBatchPayloadOffset,
                      HeadAt(offset).payload_bytes));
    const auto checksum = keeper::BatchChecksum(digest, mac);
    std::copy(checksum.begin(), checksum.end(),
              batch.begin() + keeper::kBatchHeadBytes);
  }
  void ExpectLatched(Code code) {
    base::Status unsealed = world_.Unseal();
    ASSERT_FALSE(unsealed.ok());
    EXPECT_EQ(unsealed.error().code, code) << unsealed.error().message;
    EXPECT_EQ(world_.vault().state(), VaultState::kError);
    EXPECT_STREQ(world_.vault().error_reason(), unsealed.error().message);
    // Latched: nothing is open, and no second attempt is made.
    EXPECT_EQ(world_.Unseal().error().code, Code::kConflict);
    EXPECT_EQ(world_.vault().policy().callers.size, 0u);
    EXPECT_EQ(world_.Issue(link_).rule(), Rule::kSealed);
    wire::OperatorStatus status;
    world_.vault().FillStatus(status);
    EXPECT_EQ(status.state, VaultState::kError);
    EXPECT_EQ(status.reason, unsealed.error().message);
  }

  World world_;
  KeptLink link_;
};

TEST_F(VaultDamageTest, DamagedBodyRefusesTheStart) {
  uint32_t body = 0;
  const size_t slot = ActiveSlot(body);
  State()[slot + keeper::kStateBlockBytes + body / 2] ^= 1;
  base::Status started = world_.Restart();
  ASSERT_FALSE(started.ok());
  EXPECT_NE(std::string(started.error().message).find("keeper.state"),
            std::string::npos);
}

TEST_F(VaultDamageTest, BodyChangedWithItsChecksumIsTheErrorState) {
  uint32_t body = 0;
  const size_t slot = ActiveSlot(body);
  State()[slot + keeper::kStateBlockBytes + body / 2] ^= 1;
  RepairStateChecksum();
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kDenied);
}

TEST_F(VaultDamageTest, ClearFieldChangedWithItsChecksumIsTheErrorState) {
  uint32_t body = 0;
  const size_t slot = ActiveSlot(body);
  State()[slot + 13] += 1;  // the generation
  RepairStateChecksum();
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kDenied);
}

TEST_F(VaultDamageTest, WrongSecretIsNotDamage) {
  ASSERT_TRUE(world_.Restart().ok());
  wire::OpenQuestion wrong = World::Question();
  wrong.secret.fill(8);
  EXPECT_EQ(world_.vault().Unseal(wrong, 0).error().code, Code::kDenied);
  EXPECT_EQ(world_.vault().state(), VaultState::kSealed);
  EXPECT_TRUE(world_.Unseal().ok());
}

// Places in the body, found by its grammar.
struct BodyPlaces {
  explicit BodyPlaces(const std::vector<uint8_t>& body) {
    base::Decoder decoder{Bytes(body)};
    decoder.Take(1 + 2 * 8 + 4);
    keeper::JournalPosition position;
    decoder.Struct(position);
    Bytes text;
    decoder.LongBytes(text, base::kPolicyBytesMax);
    policy = static_cast<size_t>(text.data() - body.data());
    wire::QuorumRule quorum;
    decoder.Struct(quorum);
    decoder.Take(2 * 8);  // the keyring's generations
    decoder.LongBytes(text, keeper::kStateBodyBytesMax);
    keyring = static_cast<size_t>(text.data() - body.data());
    COFFER_CHECK(!decoder.failed());
  }
  size_t policy = 0, keyring = 0;
};

TEST_F(VaultDamageTest, DamagedKeyringIsTheErrorState) {
  world_.ChangeBody([](std::vector<uint8_t>& body) {
    body[BodyPlaces(body).keyring + 10] ^= 1;
  });
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kDenied);
}

TEST_F(VaultDamageTest, BodyThatIsCutOrHasMoreIsTheErrorState) {
  world_.ChangeBody([](std::vector<uint8_t>& body) { body.push_back(0); });
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kDamaged);
  world_.ChangeBody([](std::vector<uint8_t>& body) {
    body.pop_back();
    body.pop_back();
  });
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kDamaged);
}

TEST_F(VaultDamageTest, EachNewerFormatIsNamed) {
  world_.ChangeBody([](std::vector<uint8_t>& body) { body[0] += 1; });
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kNewerFormat);
  world_.ChangeBody([](std::vector<uint8_t>& body) {
    body[0] -= 1;
    body[BodyPlaces(body).keyring] += 1;
  });
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kNewerFormat);
  EXPECT_NE(std::string(world_.vault().error_reason()).find("newer"),
            std::string::npos);
  world_.ChangeBody([](std::vector<uint8_t>& body) {
    body[BodyPlaces(body).keyring] -= 1;
    body[BodyPlaces(body).policy] += 1;
  });
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kNewerFormat);
  world_.ChangeBody(
      [](std::vector<uint8_t>& body) { body[BodyPlaces(body).policy] -= 1; });
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_TRUE(world_.Issue(link_).allowed());
}

TEST_F(VaultDamageTest, NewerStateFileAndNewerJournalRefuseTheStart) {
  uint32_t body = 0;
  const size_t slot = ActiveSlot(body);
  State()[slot + 8] += 1;
  RepairStateChecksum();
  base::Status started = world_.Restart();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kNewerFormat);
  State()[slot + 8] -= 1;
  RepairStateChecksum();
  // The journal's header says its format behind the magic.
  JournalA()[8] += 1;
  const size_t at = keeper::kJournalHeaderBytes - 32;
  crypto::Hash(MutableBytes(JournalA()).subspan(at, 32), "coffer journal file",
               {Bytes(JournalA()).first(at)});
  started = world_.Restart();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kNewerFormat);
}

TEST_F(VaultDamageTest, ForgedJournalBatchIsTheErrorState) {
  const std::vector<size_t> batches = Batches();
  ASSERT_GE(batches.size(), 2u);
  // The leaf's outcome in the last batch, checksum and all.
  JournalA()[batches.back() + keeper::kBatchPayloadOffset + 5] ^= 1;
  RepairBatchChecksum(batches.back());
  ASSERT_TRUE(world_.Restart().ok());
  ExpectLatched(Code::kDenied);
}

// The last batch may be cut, as whoever writes the disk can cut it; altered and
// taken for good it never is.
TEST_F(VaultDamageTest, FloorInTheLastBatchIsNeverTakenAltered) {
  ASSERT_EQ(world_.Revoke(link_), Rule::kAllowed);
  const size_t last = Batches().back();
  ASSERT_EQ(HeadAt(last).changes, 1u);
  const keeper::FakeFiles::File state = world_.files.file(kState),
                                journal = world_.files.file(kJournalA);
  size_t refused = 0, cut = 0;
  for (size_t i = 0; i < HeadAt(last).payload_bytes; i += 3) {
    world_.files.file(kState) = state;
    world_.files.file(kJournalA) = journal;
    JournalA()[last + keeper::kBatchPayloadOffset + i] ^= 0x41;
    RepairBatchChecksum(last);
    if (!world_.Restart().ok() || !world_.Unseal().ok()) {
      ++refused;
      continue;
    }
    ASSERT_EQ(world_.vault().floors().size(), 0u) << i;
    ++cut;
  }
  EXPECT_GT(refused, 10 * cut);
  world_.files.file(kState) = state;
  world_.files.file(kJournalA) = journal;
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.Issue(link_).rule(), Rule::kConsentRevoked);
}

TEST_F(VaultDamageTest, JournalOfAnotherVaultRefusesTheStart) {
  World other;
  other.Operate();
  for (int file : {kJournalA, kJournalB}) {
    world_.files.file(file) = other.files.file(file);
  }
  EXPECT_FALSE(world_.Restart().ok());
}

TEST_F(VaultDamageTest, LostStateFileIsNotAnEmptyVault) {
  world_.files.file(kState) = {};
  base::Status started = world_.Restart();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kConflict);
}

TEST_F(VaultDamageTest, StateOfYesterdayWithTodaysJournalStillKnowsTheFloors) {
  const keeper::FakeFiles::File yesterday = world_.files.file(kState);
  ASSERT_EQ(world_.Revoke(link_), Rule::kAllowed);
  ASSERT_TRUE(world_.vault().Stop().ok());
  world_.files.file(kState) = yesterday;
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(world_.Issue(link_).rule(), Rule::kConsentRevoked);
}

TEST_F(VaultDamageTest, FailedWriteOfAnOperatorsChangeIsNotAcknowledged) {
  for (int nth = 1; nth < 8; ++nth) {
    World world;
    world.Operate();
    const KeptLink link = world.Create();
    wire::Policy stricter = TestPolicy();
    stricter.rules.size = 0;
    world.files.writes_before_failure = nth;
    const bool done = world.LoadPolicy(Encode(stricter)).ok();
    ASSERT_TRUE(world.Reopen().ok()) << nth;
    const Rule rule = world.Issue(link).rule();
    if (done) {
      EXPECT_EQ(rule, Rule::kNoIssueRule) << nth;
    } else {
      EXPECT_TRUE(rule == Rule::kAllowed || rule == Rule::kNoIssueRule);
    }
  }
}

}  // namespace
}  // namespace coffer::keeper_test
