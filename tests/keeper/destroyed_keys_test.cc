// A destroyed key is gone: every earlier byte of the keeper's three files and
// every earlier record, held against the live root and keyring, opens nothing;
// nor does an earlier root open what is live. The control leaves the root as it
// was, and is caught.
#include <gtest/gtest.h>

#include "crypto/aead.h"
#include "tests/keeper/rotation_world.h"

namespace coffer::keeper_test {
namespace {

class DestroyedKeysTest : public testing::Test {
 protected:
  struct Held {
    keeper::FakeFiles::File state;
    std::vector<KeptLink> records;
  };
  DestroyedKeysTest() { world_.Operate(); }

  void Hold() {
    Held held;
    held.state = world_.files.file(kState);
    for (const auto& [id, link] : world_.store) held.records.push_back(link);
    held_.push_back(std::move(held));
  }
  // Whether the state's body opens under this root.
  static bool StateOpens(const keeper::FakeFiles::File& file,
                         const crypto::RootKey& root) {
    keeper::FakeFiles files;
    files.file(kState) = file;
    keeper::StateFile state(files, kState);
    Bytes body;
    return state.Open().ok() && state.OpenBody(root, body).ok();
  }
  // Whether any living KEK, by trial, opens the record's DEK.
  bool KekOpens(const KeptLink& link) {
    auto head = wire::DecodeRecordHead(link.head);
    auto wrap = wire::DecodeWrap(link.wrap);
    crypto::Dek dek(*world_.parts->arena);
    for (size_t i = 0; i < world_.ring().keks(); ++i) {
      const KekEntry& kek = world_.ring().kek(i);
      if (!kek.key.present()) continue;
      for (const wire::KeyId& id : {kek.id, wrap->kek}) {
        uint8_t context[320];
        base::Encoder encoder{MutableBytes(context)};
        encoder.Text("coffer wrap", 64);
        encoder.Number(wire::kWrapFormat);
        encoder.Text(head->institution, 32);
        encoder.Fixed(id);
        encoder.Fixed(head->link);
        encoder.Text(head->linker, 32);
        encoder.Fixed(head->subject);
        encoder.Number(head->revision);
        encoder.Number(head->leaf);
        if (crypto::UnwrapKey(dek, kek.key, wrap->box, encoder.written())
                .ok()) {
          return true;
        }
      }
    }
    return false;
  }
  // How much of what is held opens with what is live.
  size_t Opening() {
    size_t opening = 0;
    for (const Held& held : held_) {
      opening += StateOpens(held.state, world_.vault().root());
      for (const KeptLink& link : held.records) opening += KekOpens(link);
    }
    return opening;
  }
  // An earlier state, opened by one who has the slot's secret too, gives an
  // earlier root: whether that opens the live state.
  bool EarlierRootOpensLive(const Held& held) {
    World thief;
    for (int file : {kJournalA, kJournalB}) {
      thief.files.file(file) = world_.files.file(file);
    }
    thief.files.file(kState) = held.state;
    COFFER_CHECK(thief.Start().ok());
    COFFER_CHECK(thief.Unseal().ok());
    return StateOpens(world_.files.file(kState), thief.vault().root());
  }
  // The bytes that are live now.
  bool LiveOpens() {
    return StateOpens(world_.files.file(kState), world_.vault().root());
  }

  RotationWorld world_;
  std::vector<Held> held_;
};

TEST_F(DestroyedKeysTest, NothingEarlierOpensAfterARotation) {
  for (int i = 0; i < 5; ++i) world_.Add();
  Hold();
  ASSERT_TRUE(world_.Rotate().ok());
  Hold();
  // Before the end all of it opens: the search finds what is there.
  EXPECT_EQ(Opening(), 2 * (1u + 5u));
  for (const auto& [id, link] : world_.store) {
    const KeptLink before = link;
    world_.Treat(id, "citi");
    EXPECT_TRUE(KekOpens(before));
  }
  ASSERT_EQ(world_.Drain(world_.Version(1)->id), Rule::kAllowed);
  world_.Quiet();
  ASSERT_EQ(world_.StateOf(1), KeyState::kDestroyed);
  EXPECT_EQ(Opening(), 0u);
  EXPECT_TRUE(LiveOpens());
  for (const Held& held : held_) EXPECT_FALSE(EarlierRootOpensLive(held));
  for (const KeptLink& link : held_[0].records) {
    EXPECT_EQ(world_.Issue(link).rule(), Rule::kKeyDestroyed);
  }
  // The file has no second copy of a state: the stale slot is zeros.
  const auto& bytes = world_.files.file(kState).cache;
  size_t states = 0;
  for (size_t slot : {size_t{0}, size_t{keeper::kStateSlotBytes}}) {
    states += bytes.size() > slot && bytes[slot] == 'C';
  }
  EXPECT_EQ(states, 1u);
}

TEST_F(DestroyedKeysTest, NothingEarlierOpensAfterAWithdrawal) {
  for (int i = 0; i < 5; ++i) world_.Add();
  Hold();
  ASSERT_TRUE(world_.Change(wire::InstitutionAction::kWithdraw).ok());
  EXPECT_EQ(Opening(), 0u);
  EXPECT_FALSE(EarlierRootOpensLive(held_[0]));
  ASSERT_TRUE(world_.Change(wire::InstitutionAction::kAdmit).ok());
  EXPECT_EQ(Opening(), 0u);
  ASSERT_TRUE(world_.Reopen().ok());
  EXPECT_EQ(Opening(), 0u);
}

TEST_F(DestroyedKeysTest, NothingEarlierOpensAfterARekeyOrANewSigner) {
  for (auto target : {wire::RotateTarget::kRoot, wire::RotateTarget::kToken,
                      wire::RotateTarget::kEvidence}) {
    held_.clear();
    Hold();
    ASSERT_TRUE(world_.RotateUse(target).ok());
    EXPECT_EQ(Opening(), 0u);
    EXPECT_FALSE(EarlierRootOpensLive(held_[0]));
    ASSERT_TRUE(world_.Reopen().ok());
    EXPECT_TRUE(LiveOpens());
  }
}

// The control: the key is wiped and the state written under the same root.
TEST_F(DestroyedKeysTest, ControlWithoutANewRootIsCaught) {
  world_.Add();
  Hold();
  world_.ring().Destroy(world_.ring().kek(0), world_.vault().Now());
  ASSERT_TRUE(world_.vault().WriteKeys().ok());
  EXPECT_GT(Opening(), 0u);
  EXPECT_TRUE(EarlierRootOpensLive(held_[0]));
}

}  // namespace
}  // namespace coffer::keeper_test
