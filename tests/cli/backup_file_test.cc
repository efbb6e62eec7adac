// The backup's bytes: written and read, and every damage found without keys.
#include "cli/backup_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/cli/backup_support.h"

namespace coffer::cli {
namespace {

using base::Code;

// What a whole reading of the file comes to.
struct ReadBack {
  base::Result<BackupHeader> header = BackupHeader{};
  std::vector<wire::LinkId> links;
  std::vector<std::vector<uint8_t>> history;
  size_t parts = 0;
  BackupDigest digest{};
};
ReadBack ReadAll(const std::string& path) {
  ReadBack all;
  os::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto reader = BackupReader::Open(std::move(file));
  if (!reader.ok()) {
    all.header = reader.error();
    return all;
  }
  all.header = reader->header();
  reader->OnHistory([&](base::Bytes row) -> base::Status {
    all.history.emplace_back(row.begin(), row.end());
    return {};
  });
  auto links = std::make_unique<wire::JudgeQuestion>();
  for (;;) {
    auto more = reader->Next(*links);
    if (!more.ok()) {
      all.header = more.error();
      return all;
    }
    if (!*more) break;
    ++all.parts;
    for (const wire::JudgedLink& link : links->links) {
      all.links.push_back(link.link);
    }
  }
  all.digest = reader->digest();
  // The end stays the end.
  EXPECT_FALSE(*reader->Next(*links));
  return all;
}

TEST(BackupFile, GivesBackWhatWasWritten) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  MakeBackup(path, 600);
  EXPECT_EQ(ModeOf(path), 0600u);
  ReadBack all = ReadAll(path);
  ASSERT_TRUE(all.header.ok()) << all.header.error().message;
  EXPECT_EQ(all.header->links, 600u);
  EXPECT_EQ(all.header->keyring_generation, 7u);
  EXPECT_EQ(all.header->next_leaf, 4242u);
  EXPECT_EQ(all.header->vault_id, kBackupVault);
  EXPECT_EQ(all.links.size(), 600u);
  EXPECT_EQ(all.parts, 3u);  // 256, 256 and 88
  ASSERT_EQ(all.history.size(), kBackupHistory);
  EXPECT_EQ(all.history[2], BackupHistory(2));
  EXPECT_NE(all.digest, BackupDigest{});
  MakeBackup(directory / "empty", 0);
  all = ReadAll(directory / "empty");
  ASSERT_TRUE(all.header.ok());
  EXPECT_TRUE(all.links.empty());
}

TEST(BackupFile, LargeLinksFillAQuestionAndNeverMore) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  MakeBackup(path, 70, base::kTokenBoxBytesMax);
  ReadBack all = ReadAll(path);
  ASSERT_TRUE(all.header.ok()) << all.header.error().message;
  EXPECT_EQ(all.links.size(), 70u);
  EXPECT_EQ(all.parts, 3u);
}

TEST(BackupFile, EveryTruncationIsFound) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  MakeBackup(path, 3);
  std::string whole = ReadFile(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    WriteFile(path, whole.substr(0, size));
    ASSERT_FALSE(ReadAll(path).header.ok()) << size;
  }
}

TEST(BackupFile, EveryFlippedBitAndEveryTrailingByteIsFound) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  MakeBackup(path, 2);
  std::string whole = ReadFile(path);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit : {0, 7}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      WriteFile(path, changed);
      ReadBack all = ReadAll(path);
      ASSERT_FALSE(all.header.ok()) << at;
      Code code = all.header.error().code;
      ASSERT_TRUE(code == Code::kDamaged || (at < 8 && code == Code::kInvalid))
          << at;
    }
  }
  WriteFile(path, whole + '\0');
  EXPECT_EQ(ReadAll(path).header.error().code, Code::kDamaged);
}

// The places of the parts: kind, bytes, body, checksum.
std::vector<std::string> PartsOf(const std::string& whole) {
  std::vector<std::string> parts;
  for (size_t at = 8; at < whole.size();) {
    uint32_t bytes = 0;
    base::Decoder(base::AsBytes(whole).subspan(at + 1)).Number(bytes);
    parts.push_back(whole.substr(at, 5 + bytes + 32));
    at += 5 + bytes + 32;
  }
  return parts;
}

TEST(BackupFile, PartsThatMovedOrAreGoneAreFound) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  MakeBackup(path, 600);
  std::string whole = ReadFile(path);
  std::vector<std::string> parts = PartsOf(whole);
  // Header, policy, three of links, one of past consents, end.
  ASSERT_EQ(parts.size(), 7u);
  auto refused = [&](std::vector<size_t> order) {
    std::string changed = whole.substr(0, 8);
    for (size_t i : order) changed += parts[i];
    WriteFile(path, changed);
    return !ReadAll(path).header.ok();
  };
  EXPECT_FALSE(refused({0, 1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 4, 3, 5, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 5, 4, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 5, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 4, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 4, 4, 5, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 4, 5, 5, 6}));
  EXPECT_TRUE(refused({0, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(refused({1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 4, 5, 6, 6}));
  EXPECT_TRUE(refused({0, 1, 2, 3, 4, 5}));
}

TEST(BackupFile, TheEndOfAnotherBackupIsFound) {
  TemporaryDirectory directory;
  MakeBackup(directory / "a", 600);
  MakeBackup(directory / "b", 600, 77);
  std::vector<std::string> a = PartsOf(ReadFile(directory / "a"));
  std::vector<std::string> b = PartsOf(ReadFile(directory / "b"));
  std::string mixed = "COFFERB\n";
  for (size_t i = 0; i < a.size(); ++i) mixed += i == 3 ? b[i] : a[i];
  WriteFile(directory / "c", mixed);
  EXPECT_FALSE(ReadAll(directory / "c").header.ok());
}

TEST(BackupWriter, TakesLinksInOrderOnlyAndWritesOverNothing) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  WriteFile(path, "mine");
  EXPECT_EQ(BackupWriter::Create(path).error().code, Code::kConflict);
  EXPECT_EQ(ReadFile(path), "mine");
  std::filesystem::remove(path);
  {
    auto writer = BackupWriter::Create(path);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Policy(BackupPolicy()).ok());
    BackupSample two(2);
    BackupSample one(1);
    EXPECT_TRUE(writer->Add(two.link()).ok());
    EXPECT_FALSE(writer->Add(two.link()).ok());
    EXPECT_FALSE(writer->Add(one.link()).ok());
    // Parts of two writes do not make a link.
    BackupSample three(3);
    wire::JudgedLink mixed = three.link();
    mixed.stored.wrap = two.link().stored.wrap;
    EXPECT_FALSE(writer->Add(mixed).ok());
    mixed = three.link();
    mixed.link = BackupSample(4).link().link;
    EXPECT_FALSE(writer->Add(mixed).ok());
  }
  // Not finished: not there, nor anything else.
  EXPECT_TRUE(std::filesystem::is_empty(directory / ""));
}

TEST(BackupFile, OfALaterFormatSaysSo) {
  TemporaryDirectory directory;
  std::string path = directory / "backup";
  BackupHeader header = SampleHeader();
  header.format = 2;
  MakeBackup(path, 1, 50, header);
  EXPECT_EQ(ReadAll(path).header.error().code, Code::kNewerFormat);
}

}  // namespace
}  // namespace coffer::cli
