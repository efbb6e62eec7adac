// Opening: wrong secrets are counted and slowed down; shares one by one; what
// the launcher hands over at start.
#include <fcntl.h>

#include <thread>

#include "tests/keeper/slot_support.h"

namespace coffer::keeper_test {
namespace {

using wire::LeafKind;
using wire::VaultState;

// --- Failures in a row

class SlotUnseal : public SlotTest {};

TEST_F(SlotUnseal, AfterFiveFailuresOneAttemptEveryTenSecondsIsLookedAt) {
  Restart();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(CodeOf(Unseal(1, 8)), Code::kDenied);
  // Not looked at: even the right secret does not open.
  EXPECT_EQ(CodeOf(Unseal(1, 7)), Code::kConflict);
  world_.clock.Advance(9);
  EXPECT_EQ(CodeOf(Unseal(1, 7)), Code::kConflict);
  world_.clock.Advance(1);
  EXPECT_EQ(CodeOf(Unseal(1, 8)), Code::kDenied);
  EXPECT_EQ(CodeOf(Unseal(1, 7)), Code::kConflict);
  EXPECT_EQ(Status().unseal_failures, 6u);
  world_.clock.Advance(10);
  EXPECT_TRUE(Unseal(1, 7).ok());
  const auto leaves = world_.Tail(2);
  EXPECT_EQ(leaves[0].kind, LeafKind::kUnsealFailed);
  EXPECT_EQ(leaves[0].detail, 6u);
  EXPECT_EQ(leaves[1].kind, LeafKind::kUnseal);
}

TEST_F(SlotUnseal, ASuccessEndsTheRow) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(CodeOf(Test(1, 8)), Code::kDenied);
  EXPECT_TRUE(Test(1, 7).ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(CodeOf(Test(1, 8)), Code::kDenied);
  EXPECT_EQ(CodeOf(Test(1, 7)), Code::kConflict);
  world_.clock.Advance(10);
  EXPECT_TRUE(Test(1, 7).ok());
}

TEST_F(SlotUnseal, ASuccessAtOneSlotGivesNoAttemptsAtAnother) {
  ASSERT_EQ(*Add(SlotKind::kPassphrase, 20), 2);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(CodeOf(Test(2, 8)), Code::kDenied);
    EXPECT_TRUE(Test(1, 7).ok());
  }
  EXPECT_EQ(CodeOf(Test(2, 20)), Code::kConflict);
  EXPECT_TRUE(slots_->CheckPause().ok());  // nor does an import wait for it
  Restart();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(CodeOf(Unseal(2, 8)), Code::kDenied);
  EXPECT_EQ(CodeOf(Unseal(2, 20)), Code::kConflict);
  EXPECT_TRUE(Unseal(1, 7).ok());
}

TEST_F(SlotUnseal, SlotZeroIsTheOneThatTheSecretIsOf) {
  ASSERT_EQ(*Add(SlotKind::kKeyFile, 20), 2);
  ASSERT_EQ(*Add(SlotKind::kPkcs11, 30), 3);
  ASSERT_EQ(*Add(SlotKind::kPassphrase, 40), 4);
  for (uint8_t number : std::initializer_list<uint8_t>{7, 20, 30}) {
    Restart();
    EXPECT_TRUE(Unseal(0, number).ok()) << int{number};
  }
  Restart();
  // Argon2id's work is a slot's own: a passphrase needs its slot.
  EXPECT_EQ(CodeOf(Unseal(0, 40)), Code::kDenied);
  EXPECT_EQ(Status().unseal_failures, 1u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(CodeOf(Unseal(0, 8)), Code::kDenied);
  EXPECT_EQ(CodeOf(Unseal(0, 7)), Code::kConflict);
  EXPECT_TRUE(Unseal(1, 7).ok());
}

TEST_F(SlotUnseal, WhatIsNoAttemptDoesNotCount) {
  Restart();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(CodeOf(Unseal(9, 7)), Code::kNotFound);
  }
  EXPECT_TRUE(Unseal(1, 7).ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(CodeOf(Unseal(1, 7)), Code::kConflict);
  }
  EXPECT_TRUE(Test(1, 7).ok());
}

// --- Shares

class SlotShares : public SlotTest {
 protected:
  void AddSets() {
    ASSERT_EQ(*Add(three_.header, three_.secret), 2);
    ASSERT_EQ(*Add(two_.header, two_.secret), 3);
    Restart();
  }
  base::Status Give(Bytes share) {
    answer_ = wire::ShareAnswer{};
    return slots_->GiveShare(share, 4711, answer_);
  }
  std::pair<int, int> Progress() {
    return {Status().shares_given, Status().shares_needed};
  }

  const ShamirSet three_{3, 5, 30};
  const ShamirSet two_{2, 2, 40};
  wire::ShareAnswer answer_;
};

TEST_F(SlotShares, EveryThreeOfFiveOpenTheVaultInAnyOrder) {
  AddSets();
  for (uint32_t subset = 0; subset < 32; ++subset) {
    std::vector<size_t> chosen;
    for (size_t i = 0; i < 5; ++i) {
      if ((subset >> i & 1) != 0) chosen.push_back(i);
    }
    if (chosen.size() != 3) continue;
    if (subset % 2 == 0) std::reverse(chosen.begin(), chosen.end());
    ASSERT_TRUE(Give(three_.At(chosen[0])).ok());
    EXPECT_EQ(Progress(), std::pair(1, 3));
    ASSERT_TRUE(Give(three_.At(chosen[1])).ok());
    EXPECT_EQ(answer_.given, 2);
    EXPECT_EQ(answer_.needed, 3);
    EXPECT_EQ(answer_.slot, 2);
    EXPECT_FALSE(answer_.opened);
    EXPECT_EQ(state(), VaultState::kSealed);
    ASSERT_TRUE(Give(three_.At(chosen[2])).ok());
    EXPECT_TRUE(answer_.opened);
    EXPECT_EQ(answer_.given, 0);
    EXPECT_EQ(state(), VaultState::kOperational);
    EXPECT_EQ(Progress(), std::pair(0, 0));
    ASSERT_TRUE(world_.vault().Seal(0).ok());
  }
}

TEST_F(SlotShares, TheSameShareTwiceIsOne) {
  AddSets();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Give(three_.At(0)).ok());
    EXPECT_EQ(answer_.given, 1);
  }
  EXPECT_EQ(Status().unseal_failures, 0u);
}

TEST_F(SlotShares, ABadShareIsToldAtOnceAndCountedAndLeavesTheOthers) {
  AddSets();
  ASSERT_TRUE(Give(three_.At(0)).ok());
  std::vector<uint8_t> share(three_.At(1).begin(), three_.At(1).end());
  share[20] ^= 1;
  EXPECT_EQ(CodeOf(Give(share)), Code::kDamaged);  // mistyped
  wire::ByteArray<16> sum;
  crypto::Hash(sum, "coffer share checksum", {Bytes(share).first(43)});
  std::copy_n(sum.begin(), 4, share.end() - 4);
  EXPECT_EQ(CodeOf(Give(share)), Code::kDenied);  // altered
  EXPECT_EQ(CodeOf(Give(ShamirSet(3, 5, 99).At(1))), Code::kNotFound);
  EXPECT_EQ(CodeOf(Give({})), Code::kInvalid);
  EXPECT_EQ(Status().unseal_failures, 4u);
  EXPECT_EQ(Progress(), std::pair(1, 3));
  ASSERT_TRUE(Give(three_.At(1)).ok());
  ASSERT_TRUE(Give(three_.At(2)).ok());
  EXPECT_TRUE(answer_.opened);
}

TEST_F(SlotShares, BadSharesAreSlowedDownAndGoodOnesAreNot) {
  AddSets();
  const ShamirSet made_up(3, 5, 30);  // of the same id
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(CodeOf(Give(made_up.At(0))), Code::kDenied);
  }
  EXPECT_EQ(CodeOf(Give(three_.At(0))), Code::kConflict);
  EXPECT_EQ(CodeOf(slots_->CancelShares(three_.At(0), 0)), Code::kNotFound);
  EXPECT_EQ(Progress(), std::pair(0, 0));
  // Other slots' shares, and what is no share, have rows of their own.
  EXPECT_TRUE(Give(two_.At(0)).ok());
  EXPECT_TRUE(slots_->CancelShares(two_.At(1), 0).ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(CodeOf(Give({})), Code::kInvalid);
  EXPECT_EQ(CodeOf(Give({})), Code::kConflict);
  EXPECT_TRUE(Give(two_.At(0)).ok());
  EXPECT_TRUE(slots_->CancelShares(two_.At(1), 0).ok());
  world_.clock.Advance(10);
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(Give(three_.At(i)).ok());
  EXPECT_TRUE(answer_.opened);
}

TEST_F(SlotShares, AreForgottenTenMinutesAfterTheLast) {
  AddSets();
  const size_t free = world_.parts->arena->free_slots();
  ASSERT_TRUE(Give(three_.At(0)).ok());
  world_.clock.Advance(599);
  slots_->Tick();
  EXPECT_EQ(Progress(), std::pair(1, 3));
  ASSERT_TRUE(Give(three_.At(1)).ok());
  world_.clock.Advance(599);
  slots_->Tick();
  EXPECT_EQ(Progress(), std::pair(2, 3));
  world_.clock.Advance(1);
  slots_->Tick();
  EXPECT_EQ(Progress(), std::pair(0, 0));
  EXPECT_EQ(world_.parts->arena->free_slots(), free);
  ASSERT_TRUE(Give(three_.At(2)).ok());
  EXPECT_EQ(answer_.given, 1);
}

TEST_F(SlotShares, OfAnotherSlotHaveToWait) {
  AddSets();
  ASSERT_TRUE(Give(three_.At(0)).ok());
  EXPECT_EQ(CodeOf(Give(two_.At(0))), Code::kConflict);
  EXPECT_EQ(Progress(), std::pair(1, 3));
  world_.clock.Advance(600);
  ASSERT_TRUE(Give(two_.At(0)).ok());
  ASSERT_TRUE(Give(two_.At(1)).ok());
  EXPECT_TRUE(answer_.opened);
  EXPECT_EQ(answer_.slot, 3);
}

TEST_F(SlotShares, OnlyWhoHoldsOneOfTheSetTakesThemBack) {
  AddSets();
  EXPECT_EQ(CodeOf(slots_->CancelShares(three_.At(0), 0)), Code::kNotFound);
  ASSERT_TRUE(Give(three_.At(0)).ok());
  EXPECT_EQ(CodeOf(slots_->CancelShares({}, 0)), Code::kInvalid);
  EXPECT_EQ(CodeOf(slots_->CancelShares(two_.At(0), 0)), Code::kConflict);
  EXPECT_EQ(CodeOf(slots_->CancelShares(ShamirSet(3, 5, 30).At(0), 0)),
            Code::kDenied);
  EXPECT_EQ(Progress(), std::pair(1, 3));
  // Any of the set, given before or not.
  EXPECT_TRUE(slots_->CancelShares(three_.At(4), 0).ok());
  EXPECT_EQ(Progress(), std::pair(0, 0));
}

TEST_F(SlotShares, AreForgottenWhenAnotherSlotOpensTheVault) {
  AddSets();
  const size_t free = world_.parts->arena->free_slots();
  ASSERT_TRUE(Give(three_.At(0)).ok());
  ASSERT_TRUE(Give(three_.At(1)).ok());
  EXPECT_EQ(world_.parts->arena->free_slots(), free - 2);
  ASSERT_TRUE(Unseal(1, 7).ok());
  EXPECT_EQ(Progress(), std::pair(0, 0));
  EXPECT_EQ(CodeOf(Give(three_.At(2))), Code::kConflict);
  ASSERT_TRUE(world_.vault().Seal(0).ok());
  EXPECT_EQ(world_.parts->arena->free_slots(), free);
}

TEST_F(SlotShares, ASlotThatItsSharesDoNotOpenSaysSoAndForgetsThem) {
  ASSERT_EQ(*Add(three_.header, three_.secret), 2);
  auto& row = world_.vault().header().slots[1];
  row.public_key = world_.vault().header().slots[0].public_key;
  ASSERT_TRUE(world_.vault().WriteKeys().ok());
  Restart();
  ASSERT_TRUE(Give(three_.At(0)).ok());
  ASSERT_TRUE(Give(three_.At(1)).ok());
  EXPECT_EQ(CodeOf(Give(three_.At(2))), Code::kDenied);
  EXPECT_EQ(Progress(), std::pair(0, 0));
  EXPECT_EQ(Status().unseal_failures, 1u);
  EXPECT_TRUE(Unseal(1, 7).ok());
}

// --- At start

class SlotAtStart : public SlotTest {
 protected:
  // A pipe that holds these bytes, its other end closed.
  os::FileDescriptor Pipe(size_t size, uint8_t number) {
    int ends[2];
    COFFER_CHECK(pipe2(ends, O_CLOEXEC) == 0);
    const std::vector<uint8_t> bytes(size, number);
    COFFER_CHECK(write(ends[1], bytes.data(), size) ==
                 static_cast<ssize_t>(size));
    close(ends[1]);
    return os::FileDescriptor(ends[0]);
  }
  // A plain file.
  os::FileDescriptor File(size_t size, uint8_t number) {
    char path[] = "/tmp/coffer-slot-test-XXXXXX";
    os::FileDescriptor fd(mkstemp(path));
    unlink(path);
    const std::vector<uint8_t> bytes(size, number);
    COFFER_CHECK(os::WriteFull(fd.get(), bytes).ok());
    COFFER_CHECK(lseek(fd.get(), 0, SEEK_SET) == 0);
    return fd;
  }
  base::Status From(const os::FileDescriptor& fd) {
    return slots_->UnsealFrom(fd.get(), 1);
  }
};

TEST_F(SlotAtStart, AKeyFileOrADeviceOpensItsOwnSlot) {
  ASSERT_TRUE(Add(SlotKind::kPassphrase, 10).ok());
  ASSERT_TRUE(Add(SlotKind::kPkcs11, 40).ok());
  ASSERT_TRUE(Add(SlotKind::kKeyFile, 20).ok());
  for (uint8_t number : std::initializer_list<uint8_t>{7, 40, 20}) {
    for (bool pipe : {true, false}) {
      Restart();
      ASSERT_TRUE(From(pipe ? Pipe(32, number) : File(32, number)).ok());
      EXPECT_EQ(state(), VaultState::kOperational);
      const wire::Leaf leaf = world_.Tail(1).front();
      EXPECT_EQ(leaf.kind, LeafKind::kUnseal);
      EXPECT_EQ(leaf.uid, keeper::kKeeperUid);
    }
  }
  // A passphrase's slot is none that opens at start, whatever its secret.
  Restart();
  EXPECT_EQ(CodeOf(From(File(32, 10))), Code::kDenied);
  EXPECT_EQ(state(), VaultState::kSealed);
}

TEST_F(SlotAtStart, NothingToOpenWithIsNoFault) {
  Restart();
  EXPECT_TRUE(
      From(os::FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC))).ok());
  EXPECT_EQ(state(), VaultState::kSealed);
  EXPECT_TRUE(Unseal(1, 7).ok());
  // Nor is a key file of a vault that is open, or not yet made.
  EXPECT_TRUE(From(File(32, 7)).ok());
  World empty;
  ASSERT_TRUE(empty.Start().ok());
  keeper::SlotService slots(empty.vault());
  EXPECT_TRUE(slots.UnsealFrom(File(32, 7).get()).ok());
  EXPECT_EQ(empty.vault().state(), VaultState::kUninitialised);
}

TEST_F(SlotAtStart, AWrongSecretIsCountedAndTheVaultStaysUsable) {
  Restart();
  const base::Status opened = From(File(32, 8));
  EXPECT_EQ(CodeOf(opened), Code::kDenied);
  EXPECT_STREQ(opened.error().message,
               "unseal at start: the secret opens no key-file or PKCS#11 slot; "
               "run coffer unseal");
  EXPECT_EQ(Status().unseal_failures, 1u);
  EXPECT_TRUE(Unseal(1, 7).ok());
}

TEST_F(SlotAtStart, OtherSizesAreRefusedAndAnEmptyPipeIsTheHelpers) {
  Restart();
  for (size_t size : {0u, 1u, 31u, 33u, 64u}) {
    EXPECT_EQ(CodeOf(From(File(size, 7))), Code::kInvalid) << size;
    EXPECT_EQ(CodeOf(From(Pipe(size, 7))),
              size == 0 ? Code::kIo : Code::kInvalid)
        << size;
  }
  EXPECT_EQ(state(), VaultState::kSealed);
  EXPECT_EQ(Status().unseal_failures, 0u);
}

TEST_F(SlotAtStart, ASecretThatComesInPiecesIsTakenAndOneThatDoesNotIsLeft) {
  Restart();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  os::FileDescriptor reader(ends[0]);
  os::FileDescriptor writer(ends[1]);
  const base::Status late = From(reader);  // after a second
  EXPECT_EQ(CodeOf(late), Code::kIo);
  EXPECT_NE(std::string(late.error().message).find("did not come"),
            std::string::npos);
  std::thread slow([&] {
    for (int i = 0; i < 32; ++i) {
      const uint8_t byte = 7;
      EXPECT_EQ(write(writer.get(), &byte, 1), 1);
      usleep(1000);
    }
    writer.Reset();
  });
  EXPECT_TRUE(From(reader).ok());
  slow.join();
  EXPECT_EQ(state(), VaultState::kOperational);
}

}  // namespace
}  // namespace coffer::keeper_test
