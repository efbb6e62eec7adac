#include "crypto/base/secret_bytes.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coffer::base {
namespace {

constexpr size_t kSlot = SecretArena::kSlotBytes;

std::unique_ptr<SecretArena> MakeArena(size_t slots) {
  auto arena = SecretArena::Create(slots);
  COFFER_CHECK(arena.ok());
  return std::move(arena).value();
}

bool AllZero(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

TEST(SecretArena, HandsOutDistinctZeroedSlotsAndThenNone) {
  auto arena = MakeArena(5);
  EXPECT_EQ(arena->free_slots(), 5u);
  std::set<uint8_t*> slots;
  for (int i = 0; i < 5; ++i) {
    uint8_t* slot = arena->Acquire();
    ASSERT_NE(slot, nullptr);
    EXPECT_TRUE(AllZero(slot, kSlot));
    std::memset(slot, 0xaa, kSlot);
    slots.insert(slot);
  }
  EXPECT_EQ(slots.size(), 5u);
  EXPECT_EQ(arena->free_slots(), 0u);
  EXPECT_EQ(arena->Acquire(), nullptr);
  arena->Release(*slots.begin());
  EXPECT_EQ(arena->free_slots(), 1u);
  EXPECT_EQ(arena->Acquire(), *slots.begin());
}

TEST(SecretArena, ASlotIsWipedWhenItIsGivenBack) {
  auto arena = MakeArena(2);
  uint8_t* slot = arena->Acquire();
  std::memset(slot, 0xaa, kSlot);
  arena->Release(slot);
  EXPECT_TRUE(AllZero(slot, kSlot));  // the arena still maps it
}

TEST(SecretArena, WipeAllReachesEverySlotInUse) {
  auto arena = MakeArena(100);
  std::vector<uint8_t*> slots;
  for (int i = 0; i < 100; ++i) {
    slots.push_back(arena->Acquire());
    std::memset(slots.back(), 0xaa, kSlot);
  }
  arena->WipeAll();
  for (uint8_t* slot : slots) EXPECT_TRUE(AllZero(slot, kSlot));
}

TEST(SecretArena, SaysTruthfullyWhetherTheKernelKeepsItFromItself) {
  const long descriptor = syscall(SYS_memfd_secret, 0);
  if (descriptor >= 0) close(static_cast<int>(descriptor));
  auto arena = MakeArena(1);
  EXPECT_EQ(arena->is_memfd_secret(), descriptor >= 0);
  std::printf("memfd_secret: %s\n", arena->is_memfd_secret() ? "yes" : "no");
}

TEST(SecretArena, MemfdSecretIsNotReadByProcessVmReadv) {
  auto arena = MakeArena(1);
  if (!arena->is_memfd_secret()) GTEST_SKIP() << "skipped: no memfd_secret";
  uint8_t* slot = arena->Acquire();
  slot[0] = 0x5a;
  uint8_t copy = 0;
  iovec local{&copy, 1};
  iovec remote{slot, 1};
  EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
  uint8_t ordinary = 0x5a;  // the control: ordinary memory is read
  remote.iov_base = &ordinary;
  EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 1);
}

// The permissions of the mapping at an address, as the kernel lists them.
std::string PermissionsAt(const volatile uint8_t* address) {
  std::ifstream maps("/proc/self/maps");
  const uintptr_t at = reinterpret_cast<uintptr_t>(address);
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    const uintptr_t begin = std::strtoull(line.c_str(), &rest, 16);
    const uintptr_t end = std::strtoull(rest + 1, &rest, 16);
    if (begin <= at && at < end) return std::string(rest + 1, 4);
  }
  return "none";
}

TEST(SecretArena, LiesBetweenTwoGuardPagesOfItsOwn) {
  const size_t slots = static_cast<size_t>(sysconf(_SC_PAGESIZE)) / kSlot;
  auto arena = MakeArena(slots);
  const uint8_t* first = arena->Acquire();
  EXPECT_EQ(PermissionsAt(first).substr(0, 3), "rw-");
  EXPECT_EQ(PermissionsAt(first - 1), "---p");
  EXPECT_EQ(PermissionsAt(first + slots * kSlot), "---p");
}

TEST(SecretArena, LeavesNoDescriptorOpen) {
  const int before = dup(0);
  close(before);
  auto arena = MakeArena(1);
  const int after = dup(0);
  close(after);
  EXPECT_EQ(before, after);
}

// A child that may lock nothing gets an error, not unlocked memory.
TEST(SecretArena, MemoryThatCannotBeLockedIsRefused) {
#ifdef COFFER_SANITIZED
  GTEST_SKIP() << "skipped: the sanitizer makes mlock do nothing";
#endif
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(3);
    if (geteuid() == 0 && setuid(65534) != 0) _exit(4);
    auto arena = SecretArena::Create(4);
    _exit(!arena.ok() && arena.error().code == Code::kIo ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SecretArena, AForkedChildDoesNotCarryTheKeys) {
  auto arena = MakeArena(1);
  uint8_t* slot = arena->Acquire();
  slot[0] = 0x5a;
  const pid_t child = fork();
  if (child == 0) {
    close(2);  // a sanitizer's report of the expected fault
    volatile uint8_t* read = slot;
    _exit(*read == 0x5a ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

class SecretArenaDeathTest : public testing::Test {
 protected:
  // The child starts anew, since a plain fork has no arena to touch.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { GTEST_FLAG_SET(death_test_style, "fast"); }
};

TEST_F(SecretArenaDeathTest, ABytePastEitherEndEndsTheProcess) {
  const size_t slots = static_cast<size_t>(sysconf(_SC_PAGESIZE)) / kSlot;
  auto arena = MakeArena(slots);
  volatile uint8_t* first = arena->Acquire();
  volatile uint8_t* end = first + slots * kSlot;
  EXPECT_EXIT(
      {
        first[0] = 1;
        end[-1] = 1;
        _exit(7);
      },
      testing::ExitedWithCode(7), "");
  EXPECT_DEATH(first[-1] = 1, "");
  EXPECT_DEATH(end[0] = 1, "");
}

TEST_F(SecretArenaDeathTest, GivingBackWhatIsNoSlotEndsTheProcess) {
  auto arena = MakeArena(2);
  uint8_t* slot = arena->Acquire();
  EXPECT_DEATH(arena->Release(slot + 1), "check failed");
  EXPECT_DEATH(arena->Release(slot + 2 * kSlot), "check failed");
  EXPECT_DEATH(arena->Release(slot - kSlot), "check failed");
  EXPECT_DEATH(
      {
        arena->Release(slot);
        arena->Release(slot);
      },
      "check failed");
}

TEST(SecretBuffer, TakesWhatFitsAndNothingElse) {
  SecretBuffer buffer(4);
  EXPECT_TRUE(buffer.Append(AsBytes("abc")));
  EXPECT_FALSE(buffer.Append(AsBytes("de")));
  EXPECT_EQ(AsText(buffer.view()), "abc");
  EXPECT_TRUE(buffer.Append(AsBytes("d")));
  EXPECT_TRUE(buffer.Append({}));
  EXPECT_EQ(buffer.size(), buffer.capacity());
  SecretBuffer none;
  EXPECT_FALSE(none.Append(AsBytes("a")));
  EXPECT_TRUE(none.Append({}));
}

TEST(SecretBuffer, ShrinkingAndClearingWipe) {
  SecretBuffer buffer(8);
  ASSERT_TRUE(buffer.Append(AsBytes("abcdefgh")));
  const uint8_t* bytes = buffer.view().data();
  buffer.Resize(3);
  EXPECT_TRUE(AllZero(bytes + 3, 5));
  EXPECT_EQ(AsText(buffer.view()), "abc");
  buffer.Clear();
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_TRUE(AllZero(bytes, 8));
}

TEST(SecretBuffer, MovesAndLeavesNothingBehind) {
  SecretBuffer from(4);
  ASSERT_TRUE(from.Append(AsBytes("abcd")));
  SecretBuffer to(std::move(from));
  EXPECT_EQ(AsText(to.view()), "abcd");
  EXPECT_EQ(from.size(), 0u);  // NOLINT: the moved-from state is promised
  EXPECT_EQ(from.capacity(), 0u);
  SecretBuffer other(2);
  ASSERT_TRUE(other.Append(AsBytes("xy")));
  other = std::move(to);
  EXPECT_EQ(AsText(other.view()), "abcd");
  EXPECT_EQ(other.capacity(), 4u);
}

TEST(SecretBufferDeathTest, ResizingAboveTheCapacityEndsTheProcess) {
  SecretBuffer buffer(4);
  EXPECT_DEATH(buffer.Resize(5), "check failed");
}

TEST(Wipe, ZeroesTheBytesAndTakesNone) {
  ByteArray<16> bytes;
  bytes.fill(0xaa);
  Wipe(bytes);
  EXPECT_TRUE(AllZero(bytes.data(), bytes.size()));
  Wipe({});
}

}  // namespace
}  // namespace coffer::base
