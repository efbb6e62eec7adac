// Full maps, full disks and failing writes: an error that says which, nothing
// half written, and a store that goes on when there is room again.

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "store_test_support.h"

namespace coffer::store {
namespace {

using base::Code;

constexpr size_t kSmallMapBytes = 128 * 1024;

TEST(LmdbFull, AFullMapIsKFullAndWritesNothing) {
  TempDirectory directory;
  uint32_t written = 0;
  {
    auto store = LmdbStore::Open(directory.path(), kSmallMapBytes);
    ASSERT_TRUE(store.ok()) << MessageOf(store);
    Status status;
    while ((status = Put(**store, MakeSample(written))).ok()) {
      ASSERT_LT(++written, 10000u);
    }
    EXPECT_EQ(CodeOf(status), Code::kFull);
    EXPECT_NE(MessageOf(status).find("size limit"), std::string::npos);
    EXPECT_GT(written, 30u);
    EXPECT_EQ(*(*store)->CountLinks(), written);
    EXPECT_FALSE((*store)->GetLink(MakeLink(written), false)->found());
    for (uint32_t i = 0; i < written; ++i) ExpectHas(**store, MakeSample(i));
    EXPECT_EQ(CodeOf((*store)->Commit([](WriteBatch& batch) {
                return batch.PutState("n", Buffer{1});
              })),
              Code::kFull);
    EXPECT_TRUE((*store)->GetState("n")->empty());
  }
  // A larger limit makes room.
  auto larger = LmdbStore::Open(directory.path(), 4 * kSmallMapBytes);
  ASSERT_TRUE(larger.ok()) << MessageOf(larger);
  EXPECT_EQ(*(*larger)->CountLinks(), written);
  EXPECT_TRUE(Put(**larger, MakeSample(written)).ok());
}

TEST(LmdbFull, ABatchAboveTheReserveFailsWholeThoughItsFillGoesOn) {
  TempDirectory directory;
  auto store = LmdbStore::Open(directory.path(), kSmallMapBytes);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(CodeOf((*store)->Commit([&](WriteBatch& batch) -> Status {
              for (uint32_t i = 0; i < 2500; ++i) {
                Sample large = MakeSample(i);
                large.token_box_bytes = base::kTokenBoxBytesMax;
                (void)large.PutInto(batch);
              }
              return {};
            })),
            Code::kFull);
  EXPECT_EQ(*(*store)->CountLinks(), 0u);
}

TEST(LmdbFull, EveryLinkOfAFullStoreCanBeErasedAndPutAgain) {
  TempDirectory directory;
  auto store = LmdbStore::Open(directory.path(), kSmallMapBytes);
  ASSERT_TRUE(store.ok());
  uint32_t written = 0;
  while (Put(**store, MakeSample(written)).ok()) ++written;
  for (uint32_t i = 0; i < written; ++i) {
    const Status erased = (*store)->Commit(
        [i](WriteBatch& batch) { return batch.EraseLink(MakeLink(i)); });
    ASSERT_TRUE(erased.ok()) << i << ": " << MessageOf(erased);
  }
  for (uint32_t i = 0; i < written; ++i) {
    ASSERT_TRUE(Put(**store, MakeSample(i)).ok()) << i;
  }
  EXPECT_EQ(CodeOf(Put(**store, MakeSample(50000))), Code::kFull);
  EXPECT_LT(std::filesystem::file_size(directory.Path("data.mdb")),
            2 * kSmallMapBytes);
}

// The most that a file of this process may grow to stands for a full disk.
TEST(LmdbFull, AFullDiskIsToldAndTheStoreGoesOnAfterwards) {
  TempDirectory directory;
  EXPECT_EQ(
      RunInChild([&] {
        signal(SIGXFSZ, SIG_IGN);
        auto store = LmdbStore::Open(directory.path(), kTestMapBytes);
        if (!store.ok()) return 1;
        struct rlimit limit {};
        getrlimit(RLIMIT_FSIZE, &limit);
        const rlim_t before = limit.rlim_cur;
        limit.rlim_cur = 300 * 1024;
        setrlimit(RLIMIT_FSIZE, &limit);
        uint32_t written = 0;
        Status status;
        while ((status = Put(**store, MakeSample(written))).ok()) {
          if (++written > 5000) return 2;
        }
        // A write cut short is EIO to LMDB, and its outcome unknown.
        if (CodeOf(status) != Code::kFull && CodeOf(status) != Code::kIo) {
          return 3;
        }
        if (CodeOf(Put(**store, MakeSample(written))) == Code{}) return 4;
        limit.rlim_cur = before;
        setrlimit(RLIMIT_FSIZE, &limit);
        if (*(*store)->CountLinks() != written) return 5;
        if (!Put(**store, MakeSample(written)).ok()) return 6;
        for (uint32_t i = 0; i <= written; ++i) {
          auto found = (*store)->GetLink(MakeLink(i), true);
          if (!found.ok() || found->head != MakeSample(i).Head()) return 7;
        }
        return 0;
      }),
      0);
}

// Every descriptor of the store's data.mdb in this process.
std::vector<int> DataDescriptors(const TempDirectory& directory) {
  std::vector<int> found;
  for (int fd = 0; fd < 256; ++fd) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(
        "/proc/self/fd/" + std::to_string(fd), ignored);
    if (target == directory.Path("data.mdb")) found.push_back(fd);
  }
  return found;
}

// Writes to `fds` end with what the kernel says of `path`.
int PutWithDescriptorsOf(const char* path, int flags, size_t which,
                         const TempDirectory& directory, Code expected) {
  auto store = LmdbStore::Open(directory.path(), kTestMapBytes);
  if (!store.ok() || !Put(**store, MakeSample(1)).ok()) return 1;
  const std::vector<int> fds = DataDescriptors(directory);
  if (fds.size() != 2) return 2;
  const int before = dup(fds[which]);
  const int other = open(path, flags | O_CLOEXEC);
  dup2(other, fds[which]);
  const Status failed = Put(**store, MakeSample(2));
  if (CodeOf(failed) != expected) return 3;
  dup2(before, fds[which]);
  close(before);
  close(other);
  // The next call opens anew where it must.
  if (!Put(**store, MakeSample(3)).ok()) return 4;
  auto first = (*store)->GetLink(MakeLink(1), true);
  auto third = (*store)->GetLink(MakeLink(3), true);
  if (!first.ok() || first->head != MakeSample(1).Head()) return 5;
  if (!third.ok() || third->head != MakeSample(3).Head()) return 6;
  auto second = (*store)->GetLink(MakeLink(2), true);
  if (!second.ok()) return 7;
  return expected == Code::kFull && second->found() ? 8 : 0;
}

TEST(LmdbFailure, NoSpaceForPagesIsKFull) {
  TempDirectory directory;
  EXPECT_EQ(RunInChild([&] {
              return PutWithDescriptorsOf("/dev/full", O_WRONLY, 0, directory,
                                          Code::kFull);
            }),
            0);
}

TEST(LmdbFailure, AFailedWriteOfPagesIsUnknownAndTheNextCallReopens) {
  TempDirectory directory;
  EXPECT_EQ(RunInChild([&] {
              return PutWithDescriptorsOf("/dev/zero", O_RDONLY, 0, directory,
                                          Code::kIo);
            }),
            0);
}

TEST(LmdbFailure, AFailedWriteOfTheMetaPageIsUnknownAndTheNextCallReopens) {
  TempDirectory directory;
  EXPECT_EQ(RunInChild([&] {
              return PutWithDescriptorsOf("/dev/zero", O_RDONLY, 1, directory,
                                          Code::kIo);
            }),
            0);
}

TEST(LmdbFailure, NoSpaceForTheMetaPageIsUnknown) {
  TempDirectory directory;
  EXPECT_EQ(RunInChild([&] {
              return PutWithDescriptorsOf("/dev/full", O_WRONLY, 1, directory,
                                          Code::kIo);
            }),
            0);
}

// LMDB leaves pages unwritten that a transaction took at the file's end and
// freed again: a file can be shorter than LMDB's last page, and whole.
TEST(LmdbFailure, AFileShortOfFreePagesOpensAndOneShortOfOthersDoesNot) {
  TempDirectory directory;
  const auto erase = [](LmdbStore& store, uint32_t from, uint32_t to) {
    return store.Commit([=](WriteBatch& batch) -> Status {
      for (uint32_t i = from; i < to; ++i) {
        COFFER_TRY(batch.EraseLink(MakeLink(i)));
      }
      return {};
    });
  };
  {
    auto store = LmdbStore::Open(directory.path(), kTestMapBytes);
    ASSERT_TRUE(store.ok());
    for (uint32_t i = 0; i < 200; ++i) {
      ASSERT_TRUE(Put(**store, MakeSample(i)).ok());
    }
    for (uint32_t i = 1; i < 200; i += 20) {
      ASSERT_TRUE(erase(**store, i, i + 20).ok());
    }
  }
  const Buffer whole = ReadFile(directory.Path("data.mdb"));
  int opened = 0;
  int refused = 0;
  for (size_t size = whole.size(); size > 4096; size -= 4096) {
    TempDirectory cut;
    WriteFile(cut.Path("data.mdb"),
              Buffer(whole.begin(), whole.begin() + size));
    auto store = LmdbStore::Open(cut.path(), kTestMapBytes);
    if (!store.ok()) {
      EXPECT_EQ(CodeOf(store), Code::kDamaged);
      ++refused;
      continue;
    }
    EXPECT_EQ(refused, 0);
    ++opened;
    ExpectHas(**store, MakeSample(0));
    for (uint32_t i = 300; i < 340; ++i) {
      ASSERT_TRUE(Put(**store, MakeSample(i)).ok());
      ExpectHas(**store, MakeSample(i));
    }
  }
  std::printf("cut page by page: %d opened, %d refused\n", opened, refused);
  EXPECT_GT(opened, 1);
  EXPECT_GT(refused, 1);
}

}  // namespace
}  // namespace coffer::store
