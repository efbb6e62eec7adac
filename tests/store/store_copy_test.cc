// Backups: a snapshot of a store in use, a new store made of it, and that one
// put in force.
#include "vault/store/store_copy.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "store_test_support.h"
#include "vault/os/gate_cage.h"
#include "vault/store/lmdb_store.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace coffer::store {
namespace {

using base::Code;

constexpr VaultId kVault{4, 2};
constexpr StoreDigest kDigest{9, 9};

std::unique_ptr<LmdbStore> OpenIn(const TempDirectory& directory) {
  auto opened = LmdbStore::Open(directory.path(), kTestMapBytes);
  EXPECT_TRUE(opened.ok()) << MessageOf(opened);
  return opened.ok() ? std::move(*opened) : nullptr;
}

void PutMany(Store& store, uint32_t from, uint32_t to) {
  ASSERT_TRUE(store
                  .Commit([&](WriteBatch& batch) -> Status {
                    for (uint32_t i = from; i < to; ++i) {
                      COFFER_TRY(MakeSample(i, i % 7).PutInto(batch));
                    }
                    return {};
                  })
                  .ok());
}

void PutVault(Store& store, const VaultId& vault) {
  ASSERT_TRUE(store
                  .Commit([&](WriteBatch& batch) {
                    return batch.PutState(kVaultIdRow, vault);
                  })
                  .ok());
}

// Links that the reader gives; fails the test where they are not the samples'.
std::vector<LinkId> ReadAll(StoreReader& reader) {
  std::vector<LinkId> links;
  LinkCopy row;
  while (true) {
    auto next = reader.Next(row);
    EXPECT_TRUE(next.ok()) << MessageOf(next);
    if (!next.ok() || !*next) return links;
    links.push_back(row.link);
    EXPECT_TRUE(wire::DecodeRecordHead(row.head).ok());
    EXPECT_TRUE(wire::DecodeWrap(row.wrap).ok());
  }
}

// Builds incoming.mdb of links [from, to).
void Build(const TempDirectory& directory, uint32_t from, uint32_t to,
           const VaultId& vault = kVault, const StoreDigest& digest = kDigest) {
  auto builder = StoreBuilder::Create(directory.path(), kTestMapBytes);
  ASSERT_TRUE(builder.ok()) << MessageOf(builder);
  for (uint32_t i = from; i < to; ++i) {
    const Sample sample = MakeSample(i, i % 7);
    const Buffer head = sample.Head();
    const Buffer wrap = sample.Wrap();
    const Buffer box = sample.TokenBox();
    ASSERT_TRUE((*builder)->Add({sample.link, head, wrap, box}).ok());
  }
  auto finished = (*builder)->Finish(vault, digest);
  ASSERT_TRUE(finished.ok()) << MessageOf(finished);
}

TEST(StoreReader, GivesEveryLinkOfItsSnapshotInOrder) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 300);
  PutVault(*store, kVault);
  auto reader = StoreReader::Open(directory.path());
  ASSERT_TRUE(reader.ok()) << MessageOf(reader);
  PutMany(*store, 300, 400);
  ASSERT_TRUE(store
                  ->Commit([&](WriteBatch& batch) {
                    return batch.EraseLink(MakeLink(5));
                  })
                  .ok());
  EXPECT_EQ(*(*reader)->CountLinks(), 300u);
  EXPECT_EQ((*reader)->CountWraps()->at(0).links, 300u);
  auto vault = (*reader)->GetState(kVaultIdRow);
  EXPECT_TRUE(base::Equal(*vault, kVault));
  LinkCopy row;
  for (uint32_t i = 0; i < 300; ++i) {
    auto next = (*reader)->Next(row);
    ASSERT_TRUE(next.ok() && *next);
    const Sample sample = MakeSample(i, i % 7);
    EXPECT_EQ(row.link, sample.link);
    EXPECT_TRUE(base::Equal(row.head, sample.Head()));
    EXPECT_TRUE(base::Equal(row.wrap, sample.Wrap()));
    EXPECT_TRUE(base::Equal(row.token_box, sample.TokenBox()));
  }
  auto end = (*reader)->Next(row);
  EXPECT_TRUE(end.ok() && !*end);
  ExpectHas(*store, MakeSample(399, 399 % 7));
}

TEST(StoreReader, ReadsBesideTheOwnersProcess) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 50);
  EXPECT_EQ(RunInChild([&] {
              auto reader = StoreReader::Open(directory.path());
              return reader.ok() && ReadAll(**reader).size() == 50 ? 7 : 1;
            }),
            7);
  PutMany(*store, 50, 60);
  EXPECT_EQ(*store->CountLinks(), 60u);
}

TEST(StoreReader, ADamagedRowIsNamedAndTheNextOneRead) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 20);
  store.reset();
  // The format byte of one wrap, found by its box.
  Buffer bytes = ReadFile(directory.Path("data.mdb"));
  const Buffer wrap = MakeSample(7, 0).Wrap();
  auto at = std::search(bytes.begin(), bytes.end(), wrap.begin(), wrap.end());
  ASSERT_NE(at, bytes.end());
  *at = 0;
  WriteFile(directory.Path("data.mdb"), bytes);
  auto reader = StoreReader::Open(directory.path());
  ASSERT_TRUE(reader.ok());
  LinkCopy row;
  for (uint32_t i = 0; i < 20; ++i) {
    auto next = (*reader)->Next(row);
    EXPECT_EQ(next.ok(), i != 7);
    if (!next.ok()) {
      EXPECT_EQ(CodeOf(next), Code::kDamaged);
    }
  }
  EXPECT_FALSE(*(*reader)->Next(row));
}

TEST(StoreReader, WhatIsNoStoreIsRefused) {
  TempDirectory directory;
  EXPECT_EQ(CodeOf(StoreReader::Open(directory.path())), Code::kNotFound);
  WriteFile(directory.Path("data.mdb"), Buffer(9000, 'x'));
  EXPECT_EQ(CodeOf(StoreReader::Open(directory.path())), Code::kInvalid);
}

TEST(StoreBuilder, WhatWasNotFinishedGoesAway) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  const auto before = directory.Names();
  {
    auto builder = StoreBuilder::Create(directory.path(), kTestMapBytes);
    const Sample sample = MakeSample(1);
    const Buffer head = sample.Head();
    const Buffer wrap = sample.Wrap();
    ASSERT_TRUE((*builder)->Add({sample.link, head, wrap, {}}).ok());
    EXPECT_EQ(CodeOf((*builder)->Add({sample.link, wrap, head, {}})),
              Code::kInvalid);
  }
  EXPECT_EQ(directory.Names(), before);
}

Buffer HistoryOf(uint32_t link) {
  wire::HistoryRow row;
  row.subject = MakeSubject(3);
  row.link = MakeLink(link);
  row.leaf = 1;
  row.keep_until = 900;
  const Buffer box = Pattern(60, link);
  row.box = box;
  Buffer bytes(base::kHistoryBytesMax);
  bytes.resize(*base::EncodeWhole(base::MutableBytes(bytes), row));
  return bytes;
}

TEST(StoreBuilder, ACopyIsTheSameStore) {
  TempDirectory from;
  auto store = OpenIn(from);
  PutMany(*store, 0, 9000);  // more than one commit
  ASSERT_TRUE(store
                  ->Commit([](WriteBatch& batch) -> Status {
                    for (uint32_t i = 0; i < 50; ++i) {
                      COFFER_TRY(batch.PutHistory(HistoryOf(i)));
                    }
                    return {};
                  })
                  .ok());
  TempDirectory to;
  auto reader = StoreReader::Open(from.path());
  auto builder = StoreBuilder::Create(to.path(), kTestMapBytes);
  LinkCopy row;
  while (*(*reader)->Next(row)) ASSERT_TRUE((*builder)->Add(row).ok());
  Bytes history;
  while (*(*reader)->NextHistory(history)) {
    ASSERT_TRUE((*builder)->AddHistory(history).ok());
  }
  ASSERT_TRUE((*builder)->Finish(kVault, kDigest).ok());
  builder->reset();
  EXPECT_EQ(to.Names(), std::vector<std::string>{"incoming.mdb"});
  auto fresh = OpenIn(to);
  ASSERT_TRUE(fresh->Adopt(kVault, kDigest).ok());
  for (uint32_t i : {0u, 1u, 5000u, 8999u}) {
    ExpectHas(*fresh, MakeSample(i, i % 7));
  }
  EXPECT_EQ(*fresh->CountLinks(), 9000u);
  EXPECT_EQ(fresh->CountWraps()->at(0).links, 9000u);
  const auto past = fresh->History(MakeSubject(3), {}, 99);
  ASSERT_EQ(past->size(), 50u);
  EXPECT_EQ(past->at(7).row, HistoryOf(7));
  EXPECT_EQ(fresh->SubjectLinks(MakeSubject(3), {}, 9999)->size(), 1286u);
}

// --- Adopt -------------------------------------------------------------------

TEST(StoreAdopt, PutsTheNewStoreInForceForGood) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 100);
  PutVault(*store, kVault);
  Build(directory, 500, 520);
  auto adopted = store->Adopt(kVault, kDigest);
  ASSERT_TRUE(adopted.ok()) << MessageOf(adopted);
  EXPECT_EQ(*store->CountLinks(), 20u);
  // Until the next start the one before can be put back by hand.
  ASSERT_TRUE(std::filesystem::exists(directory.Path("data.mdb.old")));
  TempDirectory before;
  std::filesystem::copy(directory.Path("data.mdb.old"),
                        before.Path("data.mdb"));
  EXPECT_EQ(*OpenIn(before)->CountLinks(), 100u);
  PutMany(*store, 0, 10);
  EXPECT_EQ(*store->CountLinks(), 30u);
  // Nobody heard of it, and it is asked for again: nothing is lost.
  ASSERT_TRUE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 30u);
  store = nullptr;
  store = OpenIn(directory);
  EXPECT_EQ(*store->CountLinks(), 30u);
  EXPECT_EQ(directory.Names(),
            (std::vector<std::string>{"data.mdb", "lock.mdb"}));
}

TEST(StoreAdopt, AnotherDigestOrVaultIsRefusedAndTheOldStoreStays) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 100);
  EXPECT_EQ(CodeOf(store->Adopt(kVault, kDigest)), Code::kNotFound);
  Build(directory, 500, 520);
  EXPECT_EQ(CodeOf(store->Adopt(kVault, {1})), Code::kConflict);
  EXPECT_EQ(CodeOf(store->Adopt({1}, kDigest)), Code::kConflict);
  EXPECT_EQ(*store->CountLinks(), 100u);
  PutMany(*store, 100, 101);
  EXPECT_EQ(*store->CountLinks(), 101u);
  EXPECT_TRUE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 20u);
}

// An environment that faulted is left in its middle until the process ends: no
// leak that the sanitizer is to tell.
struct LeavesWhatFaulted {
#if defined(__SANITIZE_ADDRESS__)
  __lsan::ScopedDisabler disabler;
#endif
  LeavesWhatFaulted() {}
};

TEST(StoreAdopt, ADamagedOneIsRefusedAndTheOldStoreStays) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "skipped: the thread sanitizer takes the guard's signal";
#endif
  const LeavesWhatFaulted leaves;
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 100);
  Build(directory, 500, 520);
  const Buffer whole = ReadFile(directory.Path("incoming.mdb"));
  for (size_t size :
       {size_t{0}, size_t{100}, size_t{4096}, size_t{8192}, whole.size() / 2}) {
    WriteFile(directory.Path("incoming.mdb"),
              Buffer(whole.begin(),
                     whole.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_FALSE(store->Adopt(kVault, kDigest).ok()) << size;
    EXPECT_EQ(*store->CountLinks(), 100u);
  }
  WriteFile(directory.Path("incoming.mdb"), Buffer(9000, 'x'));
  EXPECT_EQ(CodeOf(store->Adopt(kVault, kDigest)), Code::kInvalid);
  unlink(directory.Path("incoming.mdb").c_str());
  ASSERT_EQ(symlink("/etc/passwd", directory.Path("incoming.mdb").c_str()), 0);
  EXPECT_FALSE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 100u);
}

TEST(StoreAdopt, ReplacesADamagedStoreToo) {
  const LeavesWhatFaulted leaves;
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 2000);
  Build(directory, 500, 520);
  ASSERT_EQ(truncate(directory.Path("data.mdb").c_str(), 8192), 0);
  EXPECT_EQ(CodeOf(store->GetLink(MakeLink(3), true)), Code::kDamaged);
  ASSERT_TRUE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 20u);
  PutMany(*store, 0, 10);
  ExpectHas(*store, MakeSample(3, 3));
}

TEST(StoreAdopt, AKillBeforeOrAfterTheRenameLeavesOneWholeStore) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 100);
  Build(directory, 500, 520);
  store = nullptr;
  std::filesystem::rename(directory.Path("lock.mdb"),
                          directory.Path("lock.mdb.old"));
  store = OpenIn(directory);
  EXPECT_EQ(*store->CountLinks(), 100u);
  PutMany(*store, 100, 101);
  store = nullptr;
  std::filesystem::rename(directory.Path("lock.mdb"),
                          directory.Path("lock.mdb.old"));
  std::filesystem::rename(directory.Path("incoming.mdb"),
                          directory.Path("data.mdb"));
  store = OpenIn(directory);
  EXPECT_EQ(*store->CountLinks(), 20u);
  EXPECT_TRUE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 20u);
}

TEST(StoreAdopt, AKillBeforeTheOldOneGotItsNameIsNoRefusal) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  PutMany(*store, 0, 100);
  Build(directory, 500, 520);
  store = nullptr;
  std::filesystem::rename(directory.Path("data.mdb"), directory.Path("old"));
  std::filesystem::rename(directory.Path("incoming.mdb"),
                          directory.Path("data.mdb"));
  std::filesystem::rename(directory.Path("old"),
                          directory.Path("incoming.mdb"));
  unlink(directory.Path("lock.mdb").c_str());
  store = OpenIn(directory);
  EXPECT_TRUE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 20u);
}

// What fails once the new one is in place is neither a yes nor a no.
TEST(StoreAdopt, AFailureBehindTheRenameIsAskedAgainAndNeverARefusal) {
  TempDirectory directory;
  EXPECT_EQ(
      RunInChild([&] {
        if (geteuid() == 0 &&
            (chown(directory.path().c_str(), 4321, 4321) != 0 ||
             setresgid(4321, 4321, 4321) != 0 ||
             setresuid(4321, 4321, 4321) != 0)) {
          return 1;
        }
        auto store = OpenIn(directory);
        PutMany(*store, 0, 100);
        Build(directory, 500, 520);
        // Files can be renamed; the directory cannot be opened for its sync.
        if (chmod(directory.path().c_str(), 0300) != 0) return 2;
        for (int i = 0; i < 2; ++i) {
          if (CodeOf(store->Adopt(kVault, kDigest)) != Code::kUnreachable) {
            return 3;
          }
          if (store->CountLinks().ok()) return 4;
        }
        if (chmod(directory.path().c_str(), 0700) != 0) return 5;
        if (!store->Adopt(kVault, kDigest).ok()) return 6;
        return *store->CountLinks() == 20 ? 7 : 8;
      }),
      7);
}

TEST(StoreAdopt, WorksInTheGatesCage) {
  TempDirectory directory;
  TempDirectory audit;
  EXPECT_EQ(
      RunInChild([&] {
        auto store = OpenIn(directory);
        PutMany(*store, 0, 100);
        Build(directory, 500, 520);
        if (!os::EnterGateFiles(directory.path().c_str(), audit.path().c_str())
                 .ok() ||
            !os::EnterGateSyscalls().ok()) {
          return 1;
        }
        if (store->Adopt(kVault, {1}).ok()) return 2;
        if (!store->Adopt(kVault, kDigest).ok()) return 3;
        if (!store->Adopt(kVault, kDigest).ok()) return 4;
        PutMany(*store, 0, 10);
        return *store->CountLinks() == 30 ? 7 : 5;
      }),
      7);
}

// A backup that is still reading keeps the old lock file, and the old store.
TEST(StoreAdopt, AReaderOfTheOldStoreDisturbsNeither) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  for (uint32_t i = 0; i < 9; ++i) PutMany(*store, i * 10, i * 10 + 10);
  int go[2];
  int done[2];
  ASSERT_EQ(pipe(go), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    auto reader = StoreReader::Open(directory.path());
    char byte = reader.ok() ? 'y' : 'n';
    if (write(done[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(2);
    _exit(ReadAll(**reader).size() == 90 ? 0 : 3);
  }
  char byte = 'n';
  ASSERT_EQ(read(done[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  Build(directory, 500, 520);
  ASSERT_TRUE(store->Adopt(kVault, kDigest).ok());
  EXPECT_EQ(*store->CountLinks(), 20u);
  // Of the new store's last transaction, whatever the old one counted.
  EXPECT_TRUE(base::Equal(*store->GetState(kVaultIdRow), kVault));
  for (uint32_t i = 0; i < 9; ++i) PutMany(*store, i * 10, i * 10 + 10);
  EXPECT_EQ(*store->CountLinks(), 110u);
  ASSERT_EQ(write(go[1], &byte, 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  for (int fd : {go[0], go[1], done[0], done[1]}) close(fd);
  store = nullptr;
  EXPECT_EQ(*OpenIn(directory)->CountLinks(), 110u);
}

}  // namespace
}  // namespace coffer::store
