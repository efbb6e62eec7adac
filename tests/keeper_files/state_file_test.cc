#include "vault/keeper/state_file.h"

#include <optional>

#include "crypto/aead.h"
#include "tests/keeper_files/journal_support.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Status;

constexpr int kFd = 3;

class StateFileTest : public testing::Test {
 protected:
  static StateHeader Header() {
    StateHeader header;
    header.vault_id = kVault;
    header.journal.leaf = 12;
    StateSlot slot;
    slot.header.id = 2;
    slot.header.kind = wire::SlotKind::kPassphrase;
    slot.header.argon2_memory_bytes = 1 << 28;
    slot.header.argon2_passes = 3;
    slot.public_key[0] = 7;
    slot.sealed_root[95] = 9;
    header.slots.push_back(slot);
    return header;
  }
  static std::string Body(uint64_t generation, size_t size = 3000) {
    return std::string(size, static_cast<char>('a' + generation % 26));
  }
  Status Write(StateFile& state, const std::string& body) {
    MutableBytes buffer = state.body_buffer();
    std::copy(body.begin(), body.end(), buffer.begin());
    return state.Write(keys_.root, Header(), body.size());
  }
  // Writes until the generation is `generation`.
  void WriteUpTo(uint64_t generation) {
    StateFile state(files_, kFd);
    ASSERT_TRUE(state.Open().ok());
    while (state.generation() < generation) {
      ASSERT_TRUE(Write(state, Body(state.generation() + 1)).ok());
    }
    files_.EndProcess();
  }
  // What a new process finds: the generation, with its own body.
  uint64_t GenerationAfterRestart(
      std::optional<StateFound> expected = std::nullopt) {
    StateFile state(files_, kFd);
    auto found = state.Open();
    EXPECT_TRUE(found.ok()) << found.error().message;
    if (!found.ok()) return 0;
    if (expected) {
      EXPECT_EQ(*found, *expected);
    }
    if (!state.initialised()) return 0;
    Bytes body;
    Status opened = state.OpenBody(keys_.root, body);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(base::AsText(body), Body(state.generation()));
    return state.generation();
  }
  Code OpenFault(std::string* message = nullptr) {
    StateFile state(files_, kFd);
    auto found = state.Open();
    if (found.ok()) return Code{0};
    if (message != nullptr) *message = found.error().message;
    return found.error().code;
  }
  MutableBytes Slot(int slot) {
    std::vector<uint8_t>& bytes = files_.file(kFd).cache;
    bytes.resize(2 * kStateSlotBytes);
    return MutableBytes(bytes).subspan(slot * kStateSlotBytes, kStateSlotBytes);
  }

  TestKeys keys_;
  FakeFiles files_;
};

TEST_F(StateFileTest, AnEmptyFileIsAnUninitialisedVault) {
  StateFile state(files_, kFd);
  auto found = state.Open();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, StateFound::kEmpty);
  EXPECT_FALSE(state.initialised());
  EXPECT_EQ(state.generation(), 0u);
}

TEST_F(StateFileTest, WhatWasWrittenIsReadAfterARestart) {
  WriteUpTo(1);
  StateFile state(files_, kFd);
  auto found = state.Open();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, StateFound::kWhole);
  EXPECT_EQ(state.generation(), 1u);
  EXPECT_EQ(state.header().vault_id, kVault);
  EXPECT_EQ(state.header().journal.leaf, 12u);
  ASSERT_EQ(state.header().slots.size, 1);
  EXPECT_EQ(state.header().slots[0].header.argon2_memory_bytes, 1u << 28);
  EXPECT_EQ(state.header().slots[0].public_key[0], 7);
  EXPECT_EQ(state.header().slots[0].sealed_root[95], 9);
  Bytes body;
  ASSERT_TRUE(state.OpenBody(keys_.root, body).ok());
  EXPECT_EQ(base::AsText(body), Body(1));
  EXPECT_EQ(body.data(), state.body_buffer().data());
}

TEST_F(StateFileTest, EveryWriteRaisesTheGenerationAndOverwritesTheOther) {
  for (uint64_t generation = 1; generation <= 5; ++generation) {
    WriteUpTo(generation);
    EXPECT_EQ(GenerationAfterRestart(StateFound::kWhole), generation);
    const int active = static_cast<int>((generation + 1) % 2);
    EXPECT_FALSE(IsZero(Slot(active)));
    EXPECT_TRUE(IsZero(Slot(1 - active)));
  }
}

TEST_F(StateFileTest, EmptyAndLargestBodiesAreKept) {
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  for (size_t size : {size_t{0}, kStateBodyBytesMax, size_t{1}}) {
    const std::string body = Body(state.generation(), size);
    ASSERT_TRUE(Write(state, body).ok());
    Bytes read;
    ASSERT_TRUE(state.OpenBody(keys_.root, read).ok());
    EXPECT_TRUE(base::AsText(read) == body);
  }
  EXPECT_TRUE(IsZero(Slot(1)));
}

TEST_F(StateFileTest, NeitherBodyNorItsRemainsStandInClear) {
  WriteUpTo(2);
  const std::string_view file = base::AsText(files_.file(kFd).cache);
  EXPECT_EQ(file.find("aaaa"), std::string_view::npos);
  EXPECT_EQ(file.find("bbbb"), std::string_view::npos);
  EXPECT_EQ(file.find("cccc"), std::string_view::npos);
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  Bytes body;
  ASSERT_TRUE(state.OpenBody(keys_.root, body).ok());
  EXPECT_FALSE(IsZero(body));
  state.WipeBody();
  EXPECT_TRUE(IsZero(body));
}

TEST_F(StateFileTest, AnotherRootOpensNothing) {
  WriteUpTo(1);
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  Bytes body;
  Status opened = state.OpenBody(keys_.other_root, body);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kDenied);
  EXPECT_TRUE(body.empty());
  EXPECT_TRUE(state.OpenBody(keys_.root, body).ok());
}

// --- Damage -----------------------------------------------------------------

TEST_F(StateFileTest, EveryFlippedByteIsRefusedWithAMessage) {
  WriteUpTo(1);
  const size_t used = kStateBlockBytes + crypto::kBoxExtraBytes + 3000;
  for (size_t i = 0; i < used; i += i < 1600 ? 1 : 37) {
    Slot(0)[i] ^= 4;
    std::string message;
    EXPECT_EQ(OpenFault(&message), i < 8 ? Code::kInvalid : Code::kDamaged);
    EXPECT_EQ(message.substr(0, 14), "keeper.state: ");
    Slot(0)[i] ^= 4;
  }
  EXPECT_EQ(GenerationAfterRestart(StateFound::kWhole), 1u);
}

// Makes a slot's checksum right again, as anyone could.
void Recompute(MutableBytes slot, size_t body_bytes) {
  ByteArray<32> checksum;
  crypto::Hash(checksum, "coffer state checksum",
               {slot.first(kStateBlockBytes - 32),
                slot.subspan(kStateBlockBytes, body_bytes)});
  std::copy(checksum.begin(), checksum.end(),
            slot.begin() + kStateBlockBytes - 32);
}

TEST_F(StateFileTest, ClearFieldsAreBoundToTheBody) {
  WriteUpTo(1);
  const size_t box = 3000 + crypto::kBoxExtraBytes;
  const std::vector<uint8_t> good(Slot(0).begin(), Slot(0).end());
  int opened = 0;
  for (size_t i = 13; i < 350; ++i) {
    Slot(0)[i] ^= 1;
    Recompute(Slot(0), box);
    StateFile state(files_, kFd);
    if (state.Open().ok()) {
      ++opened;
      Bytes body;
      EXPECT_EQ(state.OpenBody(keys_.root, body).error().code, Code::kDenied);
    }
    std::copy(good.begin(), good.end(), Slot(0).begin());
  }
  EXPECT_GT(opened, 200);
}

TEST_F(StateFileTest, ABodyFromAnotherGenerationIsDenied) {
  WriteUpTo(1);
  const size_t box = 3000 + crypto::kBoxExtraBytes;
  const std::vector<uint8_t> old(Slot(0).begin(), Slot(0).end());
  WriteUpTo(3);
  std::copy_n(old.begin() + kStateBlockBytes, box,
              Slot(0).begin() + kStateBlockBytes);
  Recompute(Slot(0), box);
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  EXPECT_EQ(state.generation(), 3u);
  Bytes body;
  EXPECT_EQ(state.OpenBody(keys_.root, body).error().code, Code::kDenied);
}

TEST_F(StateFileTest, ATruncatedFileIsRefused) {
  WriteUpTo(1);
  const std::vector<uint8_t> good = files_.file(kFd).cache;
  for (size_t size = 1; size < good.size(); size += 61) {
    files_.file(kFd).cache.assign(good.begin(), good.begin() + size);
    files_.file(kFd).size = size;
    const bool whole = size >= kStateBlockBytes + 40 + 3000;
    EXPECT_EQ(OpenFault() == Code{0}, whole) << size;
  }
}

TEST_F(StateFileTest, AForeignFileIsRefusedAndLeftAlone) {
  const std::vector<uint8_t> foreign(9000, 'x');
  files_.file(kFd).cache = foreign;
  files_.file(kFd).size = foreign.size();
  std::string message;
  EXPECT_EQ(OpenFault(&message), Code::kInvalid);
  EXPECT_NE(message.find("not a state file"), std::string::npos);
  EXPECT_EQ(files_.file(kFd).cache, foreign);
}

TEST_F(StateFileTest, ALaterFormatIsRefusedByName) {
  for (int stale_present = 0; stale_present < 2; ++stale_present) {
    WriteUpTo(2);
    if (stale_present == 1) {  // an older slot of this format beside it
      std::vector<uint8_t> newer(Slot(1).begin(), Slot(1).end());
      WriteUpTo(3);
      std::copy(newer.begin(), newer.end(), Slot(1).begin());
      Slot(1)[13] = 200;
    }
    Slot(1)[8] = kStateFormat + 1;
    Recompute(Slot(1), 3000 + crypto::kBoxExtraBytes);
    std::string message;
    EXPECT_EQ(OpenFault(&message), Code::kNewerFormat);
    EXPECT_EQ(message,
              "keeper.state: written by a newer coffer; use that version");
    files_.file(kFd) = {};
  }
}

TEST_F(StateFileTest, AReadThatFailsIsNoDamage) {
  WriteUpTo(1);
  for (int n = 1; n < 6; ++n) {
    files_.reads_before_failure = n;
    const Code code = OpenFault();
    if (files_.reads_before_failure > 0) break;
    EXPECT_EQ(code, Code::kIo) << n;
  }
}

// --- Crashes ----------------------------------------------------------------

// The n-th call of a write fails or the power goes there; whatever remains, one
// of the two generations is whole afterwards, and the new one if it was told.
TEST_F(StateFileTest, APowerCutAtAnyStepOfAWriteLeavesOneWholeState) {
#ifdef COFFER_SANITIZED
  constexpr int kRounds = 4;  // slow there
#else
  constexpr int kRounds = 12;
#endif
  std::mt19937 dice(5);
  for (uint64_t before = 0; before < 3; ++before) {
    for (int step = 1; step <= 8; ++step) {
      for (int round = 0; round < kRounds; ++round) {
        files_.file(kFd) = {};
        WriteUpTo(before);
        StateFile state(files_, kFd);
        ASSERT_TRUE(state.Open().ok());
        (step % 2 == 0 ? files_.syncs_before_failure
                       : files_.writes_before_failure) = (step + 1) / 2;
        files_.cut_at_failed_sync = round % 2 == 0;
        files_.short_calls = round % 4 == 3 && step % 2 == 0;
        const bool done = Write(state, Body(before + 1)).ok();
        const bool passed = state.generation() == before + 1;
        if (round % 3 == 0) {
          files_.EndProcess();
        } else {
          files_.CutPower(dice);
        }
        // The remains of an init that was never acknowledged may be refused.
        if (before == 0 && !done && OpenFault() != Code{0}) {
          continue;
        }
        const uint64_t found = GenerationAfterRestart();
        EXPECT_TRUE(found == before || found == before + 1) << found;
        if (done || passed) {
          EXPECT_EQ(found, before + 1);
        }
        // And it lasts.
        files_.CutPower(dice);
        EXPECT_EQ(GenerationAfterRestart(), found);
        if (found == 0) continue;
        // The other slot's block.
        std::vector<uint8_t> block(kStateBlockBytes, 1);
        const uint64_t at = found % 2 * kStateSlotBytes;
        ReadUpTo(files_, kFd, MutableBytes(block), at);
        EXPECT_TRUE(IsZero(block));
      }
    }
  }
}

TEST_F(StateFileTest, ATornNewerSlotLeavesTheOlderInForce) {
  WriteUpTo(1);
  const std::vector<uint8_t> first(Slot(0).begin(), Slot(0).end());
  WriteUpTo(2);
  std::copy(first.begin(), first.end(), Slot(0).begin());
  EXPECT_EQ(GenerationAfterRestart(StateFound::kRecovered), 2u);
  EXPECT_TRUE(IsZero(Slot(0)));
  EXPECT_EQ(GenerationAfterRestart(StateFound::kWhole), 2u);
  std::copy(first.begin(), first.end(), Slot(0).begin());
  Slot(1)[kStateBlockBytes + 500] ^= 1;
  EXPECT_EQ(GenerationAfterRestart(StateFound::kRecovered), 1u);
  EXPECT_TRUE(IsZero(Slot(1)));
  EXPECT_EQ(GenerationAfterRestart(StateFound::kWhole), 1u);
}

// The power went inside the erasure: the block was gone, its body was not.
TEST_F(StateFileTest, ABodyWithoutItsBlockIsErasedAtTheNextStart) {
  WriteUpTo(1);
  const std::vector<uint8_t> first(Slot(0).begin(), Slot(0).end());
  WriteUpTo(2);
  std::copy(first.begin() + kStateBlockBytes, first.end(),
            Slot(0).begin() + kStateBlockBytes);
  EXPECT_EQ(GenerationAfterRestart(StateFound::kRecovered), 2u);
  EXPECT_TRUE(IsZero(Slot(0)));
  EXPECT_EQ(GenerationAfterRestart(StateFound::kWhole), 2u);
  // Whatever stands at the very end of the area, too.
  Slot(0)[kStateSlotBytes - 1] = 1;
  EXPECT_EQ(GenerationAfterRestart(StateFound::kRecovered), 2u);
  EXPECT_TRUE(IsZero(Slot(0)));
}

TEST_F(StateFileTest, DestroyZeroesBothSlotsAsFarAsEitherWasUsed) {
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  ASSERT_TRUE(Write(state, Body(1, 100000)).ok());
  std::fill_n(Slot(1).begin() + 50000, 1000, uint8_t{7});
  ASSERT_TRUE(state.Destroy().ok());
  EXPECT_TRUE(IsZero(Slot(0)));
  EXPECT_TRUE(IsZero(Slot(1)));
}

TEST_F(StateFileTest, ARecoveryThatCannotBeWrittenIsAnError) {
  WriteUpTo(1);
  const std::vector<uint8_t> first(Slot(0).begin(), Slot(0).end());
  WriteUpTo(2);
  std::copy(first.begin(), first.end(), Slot(0).begin());
  files_.all_syncs_fail = true;
  EXPECT_EQ(OpenFault(), Code::kIo);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), Slot(0).begin()));
  files_.ForgetFailures();
  EXPECT_EQ(GenerationAfterRestart(StateFound::kRecovered), 2u);
}

TEST_F(StateFileTest, AWriteMayBeTriedAgain) {
  WriteUpTo(1);
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  files_.syncs_before_failure = 1;
  EXPECT_EQ(Write(state, Body(9, 6000)).error().code, Code::kIo);
  EXPECT_EQ(state.last_errno(), EIO);
  EXPECT_EQ(state.generation(), 1u);
  ASSERT_TRUE(Write(state, Body(2)).ok());
  std::mt19937 dice(1);
  files_.CutPower(dice);
  EXPECT_EQ(GenerationAfterRestart(StateFound::kWhole), 2u);
}

TEST_F(StateFileTest, AFullDiskIsToldBeforeAnythingIsWritten) {
  StateFile state(files_, kFd);
  ASSERT_TRUE(state.Open().ok());
  files_.disk_full = true;
  const int writes = files_.writes;
  EXPECT_EQ(Write(state, Body(1)).error().code, Code::kFull);
  EXPECT_EQ(files_.writes, writes);
  files_.disk_full = false;
  ASSERT_TRUE(Write(state, Body(1)).ok());
  files_.disk_full = true;  // reserved: needs no more room
  ASSERT_TRUE(Write(state, Body(2)).ok());
}

}  // namespace
}  // namespace coffer::keeper
