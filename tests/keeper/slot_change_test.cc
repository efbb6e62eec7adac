// Slots added, removed and tested while the vault is open; what a header may
// say; a damaged slot beside a good one; every write that can fail.
#include "tests/keeper/slot_support.h"

namespace coffer::keeper_test {
namespace {

using keeper::PreparedSlot;
using wire::LeafKind;
using wire::Rule;
using wire::VaultState;

class SlotChange : public SlotTest {};

TEST_F(SlotChange, EveryKindOfSlotOpensTheVaultAlone) {
  const ShamirSet set(2, 3, 30);
  EXPECT_EQ(*Add(SlotKind::kPassphrase, 10), 2);
  EXPECT_EQ(*Add(SlotKind::kKeyFile, 20), 3);
  EXPECT_EQ(*Add(set.header, set.secret), 4);
  EXPECT_EQ(*Add(SlotKind::kPkcs11, 40), 5);
  const KeptLink link = world_.Create();
  for (auto [slot, number] : {std::pair<uint8_t, uint8_t>{1, 7},
                              {2, 10},
                              {3, 20},
                              {4, 30},
                              {5, 40}}) {
    Restart();
    for (uint8_t other : std::initializer_list<uint8_t>{7, 10, 20, 30, 40}) {
      if (other == number) continue;
      EXPECT_EQ(CodeOf(Unseal(slot, other)), Code::kDenied) << int{slot};
    }
    ASSERT_TRUE(Unseal(slot, number).ok()) << int{slot};
    world_.caller = world_.Connect(geteuid());
    EXPECT_TRUE(world_.Issue(link).allowed());
  }
}

TEST_F(SlotChange, AddingLeavesALeafAndRaisesTheKeyringsGeneration) {
  const uint64_t before = world_.vault().keyring_generation();
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  EXPECT_EQ(world_.vault().keyring_generation(), before + 1);
  const wire::Leaf leaf = world_.Tail(1).front();
  EXPECT_EQ(leaf.kind, LeafKind::kSlotAdd);
  EXPECT_EQ(leaf.detail, 2u);
  EXPECT_EQ(world_.vault().FindSlot(2)->header.made_at,
            world_.clock.wall_seconds);
}

TEST_F(SlotChange, APreparedSlotIsNoneUntilItIsAdded) {
  PreparedSlot prepared;
  ASSERT_TRUE(
      slots_
          ->Prepare({HeaderOf(SlotKind::kKeyFile, 20), SecretOf(20)}, prepared)
          .ok());
  EXPECT_EQ(Ids(), std::vector<int>({1}));
  // Another takes the place that its key pair was made for.
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 30).ok());
  auto late = slots_->Add(prepared, 0);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, Code::kConflict);
  EXPECT_EQ(Ids(), std::vector<int>({1, 2}));
}

TEST_F(SlotChange, APreparedSlotOpensTheRootOfTheTimeItIsAdded) {
  PreparedSlot prepared;
  ASSERT_TRUE(
      slots_
          ->Prepare({HeaderOf(SlotKind::kKeyFile, 20), SecretOf(20)}, prepared)
          .ok());
  ASSERT_TRUE(world_.vault().ReplaceRoot().ok());
  ASSERT_TRUE(slots_->Add(prepared, 0).ok());
  Restart();
  EXPECT_TRUE(Unseal(2, 20).ok());
}

TEST_F(SlotChange, TakesTheLowestFreeIdAndEightAtMost) {
  for (uint8_t number = 20; number < 27; ++number) {
    EXPECT_EQ(*Add(SlotKind::kKeyFile, number), number - 18);
  }
  auto ninth = Add(SlotKind::kKeyFile, 40);
  ASSERT_FALSE(ninth.ok());
  EXPECT_EQ(ninth.error().code, Code::kFull);
  ASSERT_TRUE(slots_->Remove(5, 0).ok());
  EXPECT_EQ(*Add(SlotKind::kKeyFile, 40), 5);
}

TEST_F(SlotChange, EightSlotsOfSixteenSharesFitIntoTheState) {
  for (uint8_t number = 20; number < 27; ++number) {
    const ShamirSet set(16, 16, number);
    ASSERT_TRUE(Add(set.header, set.secret).ok());
  }
  ASSERT_TRUE(slots_->Remove(1, 0).ok());
  const ShamirSet set(16, 16, 27);
  ASSERT_TRUE(Add(set.header, set.secret).ok());
  Restart();
  EXPECT_TRUE(Unseal(8, 26).ok());
}

TEST_F(SlotChange, HeadersThatMixKindsOrLeaveTheirBoundsAreRefused) {
  const ShamirSet set(2, 3, 30);
  std::vector<wire::SlotHeader> bad;
  auto with = [&](wire::SlotHeader header, auto change) {
    change(header);
    bad.push_back(header);
  };
  const auto passphrase = HeaderOf(SlotKind::kPassphrase, 10);
  const auto file = HeaderOf(SlotKind::kKeyFile, 20);
  const auto device = HeaderOf(SlotKind::kPkcs11, 40);
  for (int kind : {0, 5, 255}) {
    with(file, [&](auto& h) { h.kind = static_cast<SlotKind>(kind); });
  }
  with(passphrase, [](auto& h) { h.argon2_memory_bytes = (64 << 20) - 1; });
  with(passphrase,
       [](auto& h) { h.argon2_memory_bytes = (uint64_t{4} << 30) + 1; });
  with(passphrase, [](auto& h) { h.argon2_passes = 1; });
  with(passphrase, [](auto& h) { h.argon2_passes = 17; });
  with(passphrase, [](auto& h) { h.threshold = 2; });
  with(passphrase, [](auto& h) { h.key_label.Assign("x"); });
  with(file, [](auto& h) { h.argon2_passes = 3; });
  with(file, [](auto& h) { h.argon2_memory_bytes = 64 << 20; });
  with(file, [&](auto& h) { h.shares = set.header.shares; });
  with(set.header, [](auto& h) { h.threshold = 1; });
  with(set.header, [](auto& h) { h.threshold = 4; });
  with(set.header, [](auto& h) { h.shares.size = 0; });
  with(set.header, [](auto& h) { h.argon2_passes = 3; });
  with(device, [](auto& h) { h.key_label.Assign(""); });
  with(device, [](auto& h) { h.threshold = 2; });
  for (const wire::SlotHeader& header : bad) {
    auto refused = Add(header, SecretOf(9));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kInvalid);
  }
  EXPECT_EQ(Ids(), std::vector<int>({1}));
}

TEST_F(SlotChange, ASaltIsUsedOnce) {
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  auto again = Add(SlotKind::kPkcs11, 20);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kConflict);
}

TEST_F(SlotChange, TheLastSlotAndOneThatIsNotThereCannotBeRemoved) {
  EXPECT_EQ(CodeOf(slots_->Remove(1, 0)), Code::kConflict);
  for (int id : {0, 2, 8, 255}) {
    EXPECT_EQ(CodeOf(slots_->Remove(static_cast<uint8_t>(id), 0)),
              Code::kNotFound);
  }
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  EXPECT_TRUE(slots_->Remove(1, 0).ok());
  EXPECT_EQ(CodeOf(slots_->Remove(2, 0)), Code::kConflict);
  Restart();
  EXPECT_EQ(CodeOf(Unseal(1, 7)), Code::kNotFound);
  EXPECT_TRUE(Unseal(2, 20).ok());
}

// Whether the row opens the state that is on disk.
base::Status OpensState(World& world, const keeper::StateSlot& row,
                        uint8_t number) {
  base::SecretArena& arena = *world.parts->arena;
  crypto::SlotSecret secret(arena);
  secret.Fill(SecretOf(number));
  crypto::RootKey root(arena);
  COFFER_TRY(
      keeper::OpenRoot(root, arena, row, secret, world.vault().vault_id()));
  keeper::StateFile state(world.files, kState);
  COFFER_TRY(state.Open());
  Bytes body;
  return state.OpenBody(root, body);
}

TEST_F(SlotChange, ARemovedSlotsOldRowOpensNothingOfTheNewState) {
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  const keeper::StateSlot removed = *world_.vault().FindSlot(2);
  const keeper::StateSlot kept_before = *world_.vault().FindSlot(1);
  EXPECT_TRUE(OpensState(world_, removed, 20).ok());  // the control
  ASSERT_TRUE(slots_->Remove(2, 0).ok());
  EXPECT_EQ(world_.Tail(1).front().kind, LeafKind::kSlotRemove);
  EXPECT_EQ(CodeOf(OpensState(world_, removed, 20)), Code::kDenied);
  EXPECT_EQ(CodeOf(OpensState(world_, kept_before, 7)), Code::kDenied);
  EXPECT_TRUE(OpensState(world_, *world_.vault().FindSlot(1), 7).ok());
}

TEST_F(SlotChange, TestOpensTheRootOnceAndChangesNothing) {
  ASSERT_TRUE(Add(SlotKind::kPkcs11, 40).ok());
  const uint64_t generation = Status().generation;
  EXPECT_TRUE(Test(2, 40).ok());
  wire::Leaf leaf = world_.Tail(1).front();
  EXPECT_EQ(leaf.kind, LeafKind::kSlotTest);
  EXPECT_EQ(leaf.detail, 2u);
  EXPECT_EQ(leaf.uid, 4711u);
  EXPECT_EQ(leaf.rule, Rule::kAllowed);
  EXPECT_EQ(CodeOf(Test(2, 41)), Code::kDenied);
  leaf = world_.Tail(1).front();
  EXPECT_EQ(leaf.kind, LeafKind::kSlotTest);
  EXPECT_EQ(leaf.rule, Rule::kKeyUnavailable);
  EXPECT_EQ(CodeOf(Test(3, 40)), Code::kNotFound);
  EXPECT_EQ(Status().generation, generation);
  EXPECT_EQ(state(), VaultState::kOperational);
}

TEST_F(SlotChange, NothingOfItWhileSealed) {
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  PreparedSlot prepared;
  EXPECT_EQ(CodeOf(slots_->Prepare(
                {HeaderOf(SlotKind::kKeyFile, 20), SecretOf(20)}, prepared)),
            Code::kSealed);
  auto added = slots_->Add(prepared, 0);
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, Code::kSealed);
  EXPECT_EQ(CodeOf(slots_->Remove(1, 0)), Code::kSealed);
  EXPECT_EQ(CodeOf(Test(1, 7)), Code::kSealed);
}

TEST_F(SlotChange, ADamagedSlotIsNamedAndTheOthersStillOpen) {
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 30).ok());
  auto& rows = world_.vault().header().slots;
  rows[1].sealed_root[95] ^= 1;
  rows[2].public_key = rows[0].public_key;
  ASSERT_TRUE(world_.vault().WriteKeys().ok());
  EXPECT_EQ(CodeOf(Test(2, 20)), Code::kDamaged);
  EXPECT_EQ(CodeOf(Test(3, 30)), Code::kDenied);
  // Sealed to the right key, and another root.
  const keeper::StateSlot good = rows[0];
  crypto::RootKey other(*world_.parts->arena);
  crypto::RandomKey(other);
  ASSERT_TRUE(
      crypto::SealKey(rows[0].sealed_root, other, rows[0].public_key).ok());
  EXPECT_EQ(CodeOf(Test(1, 7)), Code::kDamaged);
  rows[0] = good;
  other.Destroy();
  Restart();
  const base::Status damaged = Unseal(2, 20);
  EXPECT_EQ(CodeOf(damaged), Code::kDamaged);
  EXPECT_NE(std::string(damaged.error().message).find("slot is damaged"),
            std::string::npos);
  EXPECT_EQ(CodeOf(Unseal(3, 30)), Code::kDenied);
  EXPECT_EQ(state(), VaultState::kSealed);
  EXPECT_TRUE(Unseal(1, 7).ok());
}

// The n-th write fails, the process is killed there and started again.
TEST_F(SlotChange, AfterAKillAtAnyWriteTheSlotIsThereOrNotAndTheVaultOpens) {
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  for (bool adding : {true, false}) {
    bool done = false;
    for (int n = 1; !done && n < 50; ++n) {
      world_.files.writes_before_failure = n;
      done =
          adding ? Add(SlotKind::kKeyFile, 30).ok() : slots_->Remove(3, 0).ok();
      if (!done && state() == VaultState::kError) {
        EXPECT_FALSE(Status().reason.empty());
      }
      Restart();
      ASSERT_TRUE(Unseal(2, 20).ok()) << n;
      const bool there = world_.vault().FindSlot(3) != nullptr;
      if (done) {
        EXPECT_EQ(there, adding);
      }
      if (there) {
        EXPECT_TRUE(Test(3, 30).ok()) << n;
      }
      if (!done && there == adding) {  // durable, though not said
        ASSERT_TRUE(adding ? slots_->Remove(3, 0).ok()
                           : Add(SlotKind::kKeyFile, 30).ok());
      }
    }
    EXPECT_TRUE(done);
  }
}

}  // namespace
}  // namespace coffer::keeper_test
