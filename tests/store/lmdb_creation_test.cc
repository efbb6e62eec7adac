// A store comes into being whole or not at all, and what is no store of this
// program's is refused by name.

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "store_test_support.h"
#include "vault/store/rows.h"

namespace coffer::store {
namespace {

using base::Code;

constexpr size_t kPageBytes = 4096;
constexpr const char* kTables[] = {
    "links",        "wraps",       "subjects",
    "expiries",     "idempotency", "idempotency_expiries",
    "kek_counts",   "uses",        "history",
    "history_ends", "state"};
constexpr size_t kTableCount = std::size(kTables);

Result<std::unique_ptr<LmdbStore>> OpenIn(const TempDirectory& directory) {
  return LmdbStore::Open(directory.path(), kTestMapBytes);
}

TEST(LmdbCreation, MakesTwoPrivateFilesAndNothingElse) {
  TempDirectory parent;
  const std::string path = parent.Path("store");
  ASSERT_TRUE(LmdbStore::Open(path, kTestMapBytes).ok());
  struct stat file {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0700u);
  ASSERT_EQ(stat((path + "/data.mdb").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
  ASSERT_EQ(stat((path + "/lock.mdb").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600u);
  size_t names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    names += entry.exists() ? 1 : 0;
  }
  EXPECT_EQ(names, 2u);
}

TEST(LmdbCreation, WithoutAParentDirectoryIsAnError) {
  TempDirectory parent;
  auto store = LmdbStore::Open(parent.Path("a/b"), kTestMapBytes);
  EXPECT_EQ(CodeOf(store), Code::kIo);
}

TEST(LmdbCreation, CommittedLinksAreThereAfterReopening) {
  TempDirectory directory;
  for (uint32_t i = 0; i < 5; ++i) {
    auto store = OpenIn(directory);
    ASSERT_TRUE(store.ok()) << MessageOf(store);
    for (uint32_t j = 0; j < i; ++j) ExpectHas(**store, MakeSample(j));
    ASSERT_TRUE(Put(**store, MakeSample(i)).ok());
  }
}

TEST(LmdbCreation, LeftoversOfAKilledStartAreRemoved) {
  TempDirectory directory;
  for (size_t size : {size_t{0}, size_t{100}, 2 * kPageBytes}) {
    WriteFile(directory.Path("data.mdb.new"), Pattern(size, 1));
    WriteFile(directory.Path("data.mdb.new-lock"), Pattern(size, 2));
    auto store = OpenIn(directory);
    ASSERT_TRUE(store.ok()) << MessageOf(store);
    EXPECT_EQ(directory.Names(),
              (std::vector<std::string>{"data.mdb", "lock.mdb"}));
    std::filesystem::remove(directory.Path("data.mdb"));
  }
}

// Opens the store in a child that is killed at its n-th system call. False when
// the child came to its end before.
bool KillAtSystemCall(const std::string& path, int n) {
  const pid_t child = fork();
  COFFER_CHECK(child >= 0);
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
    raise(SIGSTOP);
    auto store = LmdbStore::Open(path, kTestMapBytes);
    if (store.ok()) (void)Put(**store, MakeSample(1));
    _exit(0);
  }
  int status = 0;
  COFFER_CHECK(waitpid(child, &status, 0) == child);
  for (int i = 0; i < n && WIFSTOPPED(status); ++i) {
    if (ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0) break;
    COFFER_CHECK(waitpid(child, &status, 0) == child);
  }
  if (!WIFSTOPPED(status)) return false;
  kill(child, SIGKILL);
  COFFER_CHECK(waitpid(child, &status, 0) == child);
  return true;
}

TEST(LmdbCreation, KilledAtAnySystemCallLeavesAStoreThatOpens) {
  int kills = 0;
  for (int n = 1;; ++n) {
    TempDirectory directory;
    const bool killed = KillAtSystemCall(directory.path(), n);
    auto store = OpenIn(directory);
    ASSERT_TRUE(store.ok())
        << "killed at call " << n << ": " << MessageOf(store);
    ASSERT_TRUE(Put(**store, MakeSample(2)).ok());
    ExpectHas(**store, MakeSample(2));
    EXPECT_EQ(directory.Names(),
              (std::vector<std::string>{"data.mdb", "lock.mdb"}));
    if (!killed) break;
    ++kills;
  }
  std::printf("killed at %d system calls\n", kills);
#ifndef COFFER_SANITIZED
  EXPECT_GT(kills, 60);
#endif
}

TEST(LmdbCreation, EveryDescriptorIsClosedOnExec) {
  TempDirectory directory;
  auto store = OpenIn(directory);
  ASSERT_TRUE(store.ok());
  int found = 0;
  for (int fd = 0; fd < 256; ++fd) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(
        "/proc/self/fd/" + std::to_string(fd), ignored);
    if (target.string().rfind(directory.path(), 0) != 0) continue;
    ++found;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << target;
  }
  EXPECT_GE(found, 2);
}

TEST(LmdbCreation, AForeignFileIsRefusedByName) {
  const std::string expected =
      "store: data.mdb is not a store of coffer's; set data_dir to another "
      "directory, or restore a backup";
  for (size_t size : {size_t{200}, 3 * kPageBytes}) {
    TempDirectory directory;
    WriteFile(directory.Path("data.mdb"), Pattern(size, 3));
    auto store = OpenIn(directory);
    EXPECT_EQ(MessageOf(store), expected);
    EXPECT_EQ(CodeOf(store), Code::kInvalid);
    EXPECT_EQ(ReadFile(directory.Path("data.mdb")), Pattern(size, 3));
  }
}

TEST(LmdbCreation, AnEmptyFileIsDamage) {
  TempDirectory directory;
  WriteFile(directory.Path("data.mdb"), {});
  auto store = OpenIn(directory);
  EXPECT_EQ(MessageOf(store), "store: data.mdb is damaged; restore a backup");
}

// An LMDB file with these tables, and a `state` row "format" if one is given.
void MakeLmdb(const TempDirectory& directory, size_t tables, int format,
              unsigned table_flags = 0) {
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  ASSERT_EQ(mdb_env_create(&environment), 0);
  ASSERT_EQ(mdb_env_set_maxdbs(environment, 12), 0);
  ASSERT_EQ(mdb_env_open(environment, directory.path().c_str(), 0, 0600), 0);
  ASSERT_EQ(mdb_txn_begin(environment, nullptr, 0, &transaction), 0);
  MDB_dbi table = 0;
  for (size_t i = kTableCount - tables; i < kTableCount; ++i) {
    const unsigned flags = i == 0 ? table_flags : 0;
    ASSERT_EQ(mdb_dbi_open(transaction, kTables[i], MDB_CREATE | flags, &table),
              0);
  }
  if (tables == 0) {
    ASSERT_EQ(mdb_dbi_open(transaction, "theirs", MDB_CREATE, &table), 0);
  }
  char name[] = "format";
  uint8_t number = static_cast<uint8_t>(format);
  MDB_val key{6, name};
  MDB_val value{1, &number};
  if (format >= 0) {
    ASSERT_EQ(mdb_put(transaction, table, &key, &value, 0), 0);
  }
  ASSERT_EQ(mdb_txn_commit(transaction), 0);
  mdb_env_close(environment);
}

struct Refusal {
  const char* what;
  size_t tables;
  int format;
  unsigned table_flags;
  Code code;
  const char* says;
};

TEST(LmdbCreation, OtherLmdbFilesAreRefusedByName) {
  const Refusal refusals[] = {
      {"another program's", 0, -1, 0, Code::kInvalid, "not a store"},
      {"without a format", kTableCount, -1, 0, Code::kInvalid, "not a store"},
      {"newer", kTableCount, kStoreFormat + 1, 0, Code::kNewerFormat,
       "written by a newer coffer; update this program"},
      {"format 0", kTableCount, 0, 0, Code::kDamaged,
       "damaged; restore a backup"},
      {"format before", kTableCount, kStoreFormat - 1, 0, Code::kDamaged,
       "damaged; restore a backup"},
      {"a table missing", kTableCount - 1, kStoreFormat, 0, Code::kDamaged,
       "damaged; restore a backup"},
      {"a table of another kind", kTableCount, kStoreFormat, MDB_DUPSORT,
       Code::kDamaged, "damaged; restore a backup"},
  };
  for (const Refusal& refusal : refusals) {
    TempDirectory directory;
    MakeLmdb(directory, refusal.tables, refusal.format, refusal.table_flags);
    const Buffer before = ReadFile(directory.Path("data.mdb"));
    auto store = OpenIn(directory);
    EXPECT_EQ(CodeOf(store), refusal.code) << refusal.what;
    EXPECT_NE(MessageOf(store).find(refusal.says), std::string::npos)
        << refusal.what << ": " << MessageOf(store);
    EXPECT_EQ(ReadFile(directory.Path("data.mdb")), before) << refusal.what;
  }
  TempDirectory directory;
  MakeLmdb(directory, kTableCount, kStoreFormat);
  EXPECT_TRUE(OpenIn(directory).ok());
}

TEST(LmdbCreation, AnotherVersionOfLmdbIsRefusedByName) {
  TempDirectory directory;
  ASSERT_TRUE(OpenIn(directory).ok());
  Buffer bytes = ReadFile(directory.Path("data.mdb"));
  bytes[20] = 2;
  bytes[kPageBytes + 20] = 2;
  WriteFile(directory.Path("data.mdb"), bytes);
  auto store = OpenIn(directory);
  EXPECT_EQ(CodeOf(store), Code::kNewerFormat);
  EXPECT_NE(MessageOf(store).find("another version of LMDB"),
            std::string::npos);
}

TEST(LmdbCreation, AnyFlippedBitOfTheMetaPagesIsRefusedOrHarmless) {
  TempDirectory directory;
  {
    auto store = OpenIn(directory);
    ASSERT_TRUE(store.ok());
    for (uint32_t i = 0; i < 20; ++i) {
      ASSERT_TRUE(Put(**store, MakeSample(i)).ok());
    }
  }
  const Buffer whole = ReadFile(directory.Path("data.mdb"));
  int crashes = 0;
  int refused = 0;
  for (size_t bit = 0; bit < 152 * 8; bit += 5) {
    for (size_t page = 0; page < 2; ++page) {
      Buffer bytes = whole;
      bytes[page * kPageBytes + bit / 8] ^=
          static_cast<uint8_t>(1u << (bit % 8));
      TempDirectory damaged;
      WriteFile(damaged.Path("data.mdb"), bytes);
      const int ended = RunInChild([&] {
        auto store = OpenIn(damaged);
        if (!store.ok()) return 1;
        for (uint32_t i = 0; i < 20; ++i) {
          (void)(*store)->GetLink(MakeLink(i), true);
        }
        [[maybe_unused]] LmdbStore* left = store->release();
        return 0;
      });
      if (ended > 1) ++crashes;
      if (ended == 1) ++refused;
    }
  }
  std::printf("meta pages: %d flips, %d refused, %d ended the process\n",
              152 * 8 * 2 / 5, refused, crashes);
  EXPECT_EQ(crashes, 0);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace coffer::store
