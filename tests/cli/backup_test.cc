// backup create, check and restore against a live store on disk and a keeper
// that judges as a test wants.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "cli/store_child.h"
#include "tests/cli/backup_support.h"
#include "vault/wire/operator_keys.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::cli {
namespace {

using store::LmdbStore;
using wire::OperatorCode;
using wire::OperatorOp;
using wire::Rule;

// A vault: a store in data_dir, and a keeper.
struct Vault {
  explicit Vault(Coffer& coffer)
      : config(coffer.directory / "coffer.toml"),
        data(coffer.directory / "data"),
        policy(BackupPolicy()),
        fake(coffer.operator_socket(),
             [this](OperatorOp op, base::Bytes in) { return Answer(op, in); }) {
    std::filesystem::create_directory(data);
    WriteFile(config, "data_dir = \"" + data +
                          "\"\n[sockets]\noperator = { path = \"" +
                          coffer.operator_socket() + "\" }\n" +
                          "[limits]\nstore = \"64MiB\"\n");
    auto opened = LmdbStore::Open(data + "/store", store::kTestMapBytes);
    EXPECT_TRUE(opened.ok());
    store = std::move(*opened);
    EXPECT_TRUE(store
                    ->Commit([](store::WriteBatch& batch) {
                      return batch.PutState(store::kVaultIdRow, kBackupVault);
                    })
                    .ok());
  }

  KeeperAnswer Answer(OperatorOp op, base::Bytes in) {
    switch (op) {
      case OperatorOp::kStatus: {
        wire::OperatorStatus status;
        status.state = state;
        status.vault_id = vault_id;
        status.keyring_generation = 7;
        status.exported_generation = exported;
        status.leaves = 4242;
        status.now = 1785542400;
        return KeeperAnswer::Of(status);
      }
      case OperatorOp::kPolicyShow:
        return KeeperAnswer::Of(wire::PolicyBytes{policy, {}});
      case OperatorOp::kJudgeLinks: {
        auto question = std::make_unique<wire::JudgeQuestion>(
            *base::DecodeWhole<wire::JudgeQuestion>(in));
        wire::JudgeAnswer answer;
        for (const wire::JudgedLink& link : question->links) {
          EXPECT_FALSE(link.stored.token_box.empty());
          auto found = rules.find(link.link);
          answer.rules.push_back(found == rules.end() ? Rule::kAllowed
                                                      : found->second);
        }
        return KeeperAnswer::Of(answer);
      }
      case OperatorOp::kRestore: {
        restore = *base::DecodeWhole<wire::RestoreQuestion>(in);
        if (refuses) return {OperatorCode::kRefused, "not so", {}};
        if (awaits) {
          KeeperAnswer answer = KeeperAnswer::Of(wire::AwaitingAnswer{});
          answer.code = OperatorCode::kAwaitsApproval;
          return answer;
        }
        wire::RestoreAnswer answer;
        if (++polls == 2) {
          // As the gate does it.
          EXPECT_TRUE(store->Adopt(kBackupVault, restore.digest).ok());
          answer.done = !fails;
          answer.failed = fails;
        }
        return KeeperAnswer::Of(answer);
      }
      default:
        return {};
    }
  }

  void Put(uint32_t from, uint32_t to, uint32_t revision = 1) {
    for (uint32_t i = from; i <= to; ++i) {
      ASSERT_TRUE(
          store::Put(*store, BackupSample(i, 50, revision).sample()).ok());
    }
  }

  std::string config;
  std::string data;
  std::vector<uint8_t> policy;
  std::unique_ptr<LmdbStore> store;
  wire::VaultState state = wire::VaultState::kOperational;
  base::ByteArray<16> vault_id = kBackupVault;
  uint64_t exported = 7;
  std::map<wire::LinkId, Rule> rules;
  bool refuses = false;
  bool awaits = false;
  bool fails = false;
  int polls = 0;
  wire::RestoreQuestion restore;
  FakeKeeper fake;
};

std::vector<std::string> Backup(const Vault& vault, const std::string& verb,
                                const std::string& file) {
  return {"--config", vault.config, "backup", verb, file};
}

wire::LinkId LinkOf(uint32_t number) { return store::MakeLink(number); }

TEST(BackupCreate, CopiesAStoreInUse) {
  Coffer coffer;
  Vault vault(coffer);
  vault.Put(1, 700);
  std::string file = coffer.directory / "backup";
  ASSERT_EQ(coffer.Run(Backup(vault, "create", file)), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(ModeOf(file), 0600u);
  EXPECT_NE(coffer.out().find("700 links, of keyring generation 7"),
            std::string::npos)
      << coffer.out();
  EXPECT_EQ(coffer.err().find("never exported"), std::string::npos);
  // It goes on as it was.
  vault.Put(701, 702);
  EXPECT_EQ(coffer.Run(Backup(vault, "create", file)), Exit::kRefused);
  ASSERT_EQ(coffer.Run(Backup(vault, "check", file)), Exit::kDone)
      << coffer.err();
  EXPECT_NE(coffer.out().find("700"), std::string::npos);
}

TEST(BackupCreate, WarnsWhenTheKeysWereNeverExported) {
  Coffer coffer;
  Vault vault(coffer);
  vault.exported = 6;
  std::string file = coffer.directory / "backup";
  ASSERT_EQ(coffer.Run(Backup(vault, "create", file)), Exit::kDone);
  EXPECT_NE(coffer.err().find("generation 7 was never exported"),
            std::string::npos)
      << coffer.err();
  EXPECT_NE(coffer.err().find("coffer key export"), std::string::npos);
}

TEST(BackupCreate, WithoutAStoreLeavesNothingBehind) {
  Coffer coffer;
  Vault vault(coffer);
  vault.store.reset();
  std::filesystem::remove_all(vault.data + "/store");
  std::string folder = coffer.directory / "out";
  std::filesystem::create_directory(folder);
  EXPECT_EQ(coffer.Run(Backup(vault, "create", folder + "/b")), Exit::kRefused);
  EXPECT_NE(coffer.err().find("no store"), std::string::npos) << coffer.err();
  std::filesystem::create_directory(vault.data + "/store");
  EXPECT_EQ(coffer.Run(Backup(vault, "create", folder + "/b")), Exit::kRefused);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(BackupCheck, CountsEveryVerdictAndFailsOnDamage) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 300);
  vault.rules = {{LinkOf(1), Rule::kConsentRevoked},
                 {LinkOf(2), Rule::kLinkErased},
                 {LinkOf(3), Rule::kRecordStale},
                 {LinkOf(4), Rule::kKeyDestroyed},
                 {LinkOf(5), Rule::kConsentExpired}};
  ASSERT_EQ(coffer.Run(Backup(vault, "check", file)), Exit::kDone)
      << coffer.err();
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
  for (const char* words : {"whole", "295", "revoked", "erased", "replaced",
                            "destroyed key", "expired"}) {
    EXPECT_NE(coffer.out().find(words), std::string::npos) << words;
  }
  vault.rules[LinkOf(6)] = Rule::kRecordDamaged;
  EXPECT_EQ(coffer.Run(Backup(vault, "check", file)), Exit::kRefused);
  EXPECT_NE(coffer.out().find("DAMAGED"), std::string::npos);
  std::vector<std::string> words = Backup(vault, "check", file);
  words.push_back("--json");
  EXPECT_EQ(coffer.Run(words), Exit::kRefused);
  EXPECT_NE(coffer.out().find("\"damaged\":1"), std::string::npos);
  vault.rules.clear();
  vault.vault_id[0] ^= 1;
  EXPECT_EQ(coffer.Run(Backup(vault, "check", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("another vault"), std::string::npos);
}

TEST(BackupCheck, NeedsNoVaultAndFindsAFlippedBit) {
  Coffer coffer;
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 300);
  ASSERT_EQ(coffer.RunHere({"backup", "check", file}), Exit::kDone)
      << coffer.err();
  EXPECT_NE(coffer.out().find("shown to no vault"), std::string::npos)
      << coffer.out();
  std::string whole = ReadFile(file);
  whole[whole.size() / 2] = static_cast<char>(whole[whole.size() / 2] ^ 4);
  WriteFile(file, whole);
  EXPECT_EQ(coffer.RunHere({"backup", "check", file}), Exit::kRefused);
  EXPECT_NE(coffer.err().find("damaged or cut short"), std::string::npos);
}

TEST(BackupRestore, SaysWhatComesBackAndWhatDoesNotAndPutsItInForce) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 100);
  vault.Put(1, 50);      // as they were
  vault.Put(10, 12, 2);  // replaced since
  vault.Put(101, 104);   // stored since
  for (uint32_t i = 10; i <= 12; ++i) {
    vault.rules[LinkOf(i)] = Rule::kRecordStale;
  }
  vault.rules[LinkOf(60)] = Rule::kLinkErased;
  coffer.terminal.input_is_terminal = true;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_TRUE(Fits80(coffer.err())) << coffer.err();
  for (const char* words :
       {"  49  come back", "  47  stay as they are", "  4   do not come back",
        "  3   of these are in the store now", "  4   links stored since"}) {
    EXPECT_NE(coffer.err().find(words), std::string::npos) << words << "\n"
                                                           << coffer.err();
  }
  EXPECT_EQ(vault.fake.asked(OperatorOp::kRestore), 0);
  EXPECT_FALSE(std::filesystem::exists(vault.data + "/store/incoming.mdb"));
  coffer.terminal.says_yes = true;
  ASSERT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(vault.restore.links, 100u);
  EXPECT_EQ(vault.restore.lost, 4u);
  EXPECT_EQ(vault.restore.dead, 4u);
  EXPECT_EQ(vault.restore.made_at, 1785542400u);
  EXPECT_EQ(vault.restore.keyring_generation, 7u);
  EXPECT_EQ(vault.polls, 2);
  EXPECT_EQ(*vault.store->CountLinks(), 100u);
  store::ExpectHas(*vault.store, BackupSample(100).sample());
  // Again there is nothing to do.
  ASSERT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kDone);
  EXPECT_NE(coffer.out().find("in force"), std::string::npos);
  EXPECT_EQ(vault.polls, 2);
}

TEST(BackupRestore, ThatOnlyEndsLinksNeedsToBeToldEvenWithoutATerminal) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 3);
  vault.Put(1, 3);
  for (uint32_t i = 1; i <= 3; ++i) {
    vault.rules[LinkOf(i)] = Rule::kKeyDestroyed;
  }
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("brings nothing back and ends 3 links"),
            std::string::npos)
      << coffer.err();
  EXPECT_EQ(vault.fake.asked(OperatorOp::kRestore), 0);
  EXPECT_FALSE(std::filesystem::exists(vault.data + "/store/incoming.mdb"));
  std::vector<std::string> words = Backup(vault, "restore", file);
  words.push_back("--yes");
  ASSERT_EQ(coffer.Run(words), Exit::kDone) << coffer.err();
  EXPECT_EQ(coffer.out().rfind("Restored: 0 links open; 0 came back, 3 ended, "
                               "0 stored since lost.\n",
                               0),
            0u)
      << coffer.out();
  EXPECT_TRUE(Fits80(coffer.out())) << coffer.out();
}

TEST(BackupRestore, CountsWhatStaysRevokedApartAndLabelsEachPass) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 3);
  vault.Put(1, 3, 2);
  vault.rules[LinkOf(1)] = Rule::kConsentRevoked;
  vault.rules[LinkOf(3)] = Rule::kLinkErased;  // and not swept yet
  ASSERT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(coffer.err().find("END"), std::string::npos) << coffer.err();
  for (const char* words :
       {"  1  go back to another revision",
        "  1  stays revoked; its metadata goes back to an earlier revision",
        "reading: 3 of 3\n", "asking: 3 of 3\n", "writing: 3 of 3\n"}) {
    EXPECT_NE(coffer.err().find(words), std::string::npos) << words << "\n"
                                                           << coffer.err();
  }
}

TEST(BackupRestore, AwaitsApprovalWithTheStoreLyingReady) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 10);
  vault.awaits = true;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("coffer op approve"), std::string::npos)
      << coffer.err();
  EXPECT_TRUE(std::filesystem::exists(vault.data + "/store/incoming.mdb"));
  // Approved and carried out: the same command says so.
  ASSERT_TRUE(vault.store->Adopt(kBackupVault, vault.restore.digest).ok());
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kDone)
      << coffer.err();
  EXPECT_EQ(vault.fake.asked(OperatorOp::kRestore), 1);
}

TEST(BackupRestore, RefusesADamagedOneAndOneOfAnotherVault) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 10);
  vault.vault_id[3] ^= 1;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("another vault"), std::string::npos);
  vault.vault_id = kBackupVault;
  std::string whole = ReadFile(file);
  WriteFile(file, whole.substr(0, whole.size() - 1));
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_EQ(vault.fake.asked(OperatorOp::kJudgeLinks), 0);
  WriteFile(file, whole);
  vault.state = wire::VaultState::kUninitialised;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("coffer init --keys"), std::string::npos);
  vault.state = wire::VaultState::kSealed;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kSealed);
}

TEST(BackupRestore, AFailureOfTheGateIsTold) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 10);
  vault.fails = true;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("could not be put in force"), std::string::npos);
}

TEST(BackupRestore, WhatIsRefusedLeavesNothingBehindAndSaysToRunItAgain) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 10);
  vault.refuses = true;
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
  EXPECT_NE(coffer.err().find("not so; then run this again"), std::string::npos)
      << coffer.err();
  EXPECT_FALSE(std::filesystem::exists(vault.data + "/store/incoming.mdb"));
}

TEST(BackupRestore, OnlyOneAtATimeBuildsInTheStoresDirectory) {
  Coffer coffer;
  Vault vault(coffer);
  std::string file = coffer.directory / "backup";
  MakeBackup(file, 10);
  {
    os::FileDescriptor other(
        open((vault.data + "/store").c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_EQ(flock(other.get(), LOCK_EX | LOCK_NB), 0);
    EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kRefused);
    EXPECT_NE(coffer.err().find("another restore is under way"),
              std::string::npos)
        << coffer.err();
  }
  EXPECT_EQ(coffer.Run(Backup(vault, "restore", file)), Exit::kDone);
}

// --- The child at the store, when it is not what it should be

TEST(StoreChild, WhatIsNoLinkEndsTheReading) {
  TemporaryDirectory directory;
  for (int fault = 0; fault < 5; ++fault) {
    const auto work = [&](int fd) {
      std::vector<uint8_t> bytes;
      if (fault == 0) bytes = {0, 0, 0, 0};
      if (fault == 1) bytes = {0xff, 0xff, 0xff, 0x7f};
      if (fault == 2) bytes = {9, 0, 0, 0, 1};
      if (fault == 3) bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
      (void)os::WriteFull(fd, bytes).ok();
      if (fault < 4) _exit(0);
      return base::Result<uint64_t>(
          base::Fail(base::Code::kIo, "the disk\x1b[2J is dying"));
    };
    auto child = StoreChild::Start(directory / "", os::StoreUse::kReads, work);
    ASSERT_TRUE(child.ok());
    uint64_t left_out = 0;
    auto frame = child->Receive(left_out);
    ASSERT_FALSE(frame.ok()) << fault;
    EXPECT_EQ(frame.failure().what.find('\x1b'), std::string::npos);
    if (fault == 4) {
      EXPECT_NE(frame.failure().what.find("is dying"), std::string::npos);
    }
  }
}

TEST(StoreChild, HasNoTerminalNoDescriptorsAndACage) {
  TemporaryDirectory directory;
  // What it finds, and then what it may not ask.
  enum { kDescriptors, kForeignFile, kSocket, kCases };
  for (int test = 0; test < kCases; ++test) {
    auto child = StoreChild::Start(
        directory / "", os::StoreUse::kReads,
        [&](int fd) -> base::Result<uint64_t> {
          if (test == kForeignFile) {
            const int other = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
            return static_cast<uint64_t>(other < 0 ? 1 : 0);
          }
          if (test == kSocket) {
            return static_cast<uint64_t>(socket(AF_UNIX, SOCK_STREAM, 0));
          }
          struct stat null {};
          struct stat found {};
          (void)stat("/dev/null", &null);
          uint64_t good = 0;
          for (int each = 0; each < 64; ++each) {
            if (fstat(each, &found) != 0) continue;
            if (each == fd || (each < 3 && S_ISCHR(found.st_mode) &&
                               found.st_rdev == null.st_rdev)) {
              ++good;
            } else {
              good += 100;
            }
          }
          return good;
        });
    ASSERT_TRUE(child.ok());
    uint64_t told = 0;
    auto frame = child->Receive(told);
    if (test == kSocket) {
      EXPECT_EQ(frame.ok(), os::SeccompIsLeftOut());
      continue;
    }
    ASSERT_TRUE(frame.ok()) << frame.failure().what;
    EXPECT_EQ(told, test == kDescriptors ? 4u : 1u) << test;
  }
}

TEST(StoreChild, OneThatNeverEndsIsEnded) {
  TemporaryDirectory directory;
  const auto begun = std::chrono::steady_clock::now();
  {
    auto child = StoreChild::Start(directory / "", os::StoreUse::kReads,
                                   [](int) -> base::Result<uint64_t> {
                                     for (;;) asm volatile("");
                                   });
    ASSERT_TRUE(child.ok());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(9));
}

TEST(StoreChild, RunsAsTheOwnerOfTheDirectory) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  TemporaryDirectory directory;
  std::string store = directory / "store";
  std::filesystem::create_directory(store);
  ASSERT_EQ(chown(store.c_str(), 4321, 4322), 0);
  ASSERT_EQ(chmod((directory / "").c_str(), 0755), 0);
  auto child = StoreChild::Start(store, os::StoreUse::kBuilds, [&](int fd) {
    os::FileDescriptor made(
        open((store + "/made").c_str(), O_RDWR | O_CREAT, 0600));
    struct stat found {};
    (void)fstat(made.get(), &found);
    uint32_t ids[] = {8, found.st_uid, found.st_gid};
    (void)os::WriteFull(fd, {reinterpret_cast<const uint8_t*>(ids), sizeof ids})
        .ok();
    return base::Result<uint64_t>(uint64_t{3});
  });
  ASSERT_TRUE(child.ok());
  uint64_t left_out = 0;
  auto frame = child->Receive(left_out);
  ASSERT_TRUE(frame.ok());
  uint32_t ids[2];
  ASSERT_EQ(frame->size(), sizeof ids);
  std::memcpy(ids, frame->data(), sizeof ids);
  EXPECT_EQ(ids[0], 4321u);
  EXPECT_EQ(ids[1], 4322u);
  frame = child->Receive(left_out);
  ASSERT_TRUE(frame.ok());
  EXPECT_TRUE(frame->empty());
  EXPECT_EQ(left_out, 3u);
}

}  // namespace
}  // namespace coffer::cli
