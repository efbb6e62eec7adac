// Backups of sample links, for the tests of the CLI. Tests only.
#pragma once

#include "cli/backup_file.h"
#include "tests/cli/harness.h"
#include "tests/store/store_test_support.h"
#include "vault/api/policy_file.h"

namespace coffer::cli {

inline constexpr base::ByteArray<16> kBackupVault{4, 2};

// A sample of the store's tests, as a link of a backup.
class BackupSample {
 public:
  explicit BackupSample(uint32_t number, size_t token_box_bytes = 50,
                        uint32_t revision = 1)
      : sample_(store::MakeSample(number)) {
    sample_.token_box_bytes = token_box_bytes;
    sample_.revision = revision;
    head_ = sample_.Head();
    wrap_ = sample_.Wrap();
    box_ = sample_.TokenBox();
  }
  wire::JudgedLink link() const { return {sample_.link, {head_, wrap_, box_}}; }
  const store::Sample& sample() const { return sample_; }

 private:
  store::Sample sample_;
  store::Buffer head_;
  store::Buffer wrap_;
  store::Buffer box_;
};

inline std::vector<uint8_t> BackupPolicy() {
  auto policy = std::make_unique<wire::Policy>();
  api::Findings findings;
  EXPECT_TRUE(api::CompilePolicy(*policy, kPolicyText, api::IdentityLookup{},
                                 findings));
  return *api::EncodePolicy(*policy);
}

inline BackupHeader SampleHeader() {
  BackupHeader header;
  header.vault_id = kBackupVault;
  header.made_at = 1785542400;
  header.keyring_generation = 7;
  header.next_leaf = 4242;
  return header;
}

inline std::vector<uint8_t> BackupHistory(uint64_t leaf) {
  wire::HistoryRow row;
  row.leaf = leaf;
  const store::Buffer box = store::Pattern(60, leaf);
  row.box = box;
  std::vector<uint8_t> bytes(base::kHistoryBytesMax);
  bytes.resize(*base::EncodeWhole(base::MutableBytes(bytes), row));
  return bytes;
}
inline constexpr uint64_t kBackupHistory = 3;

// Links 1 to `links`, in the order of their ids, and some past consents.
inline void MakeBackup(const std::string& path, uint32_t links,
                       size_t token_box_bytes = 50,
                       const BackupHeader& header = SampleHeader()) {
  std::map<wire::LinkId, BackupSample> samples;
  for (uint32_t i = 1; i <= links; ++i) {
    BackupSample sample(i, token_box_bytes);
    samples.emplace(sample.sample().link, sample);
  }
  auto writer = BackupWriter::Create(path);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Policy(BackupPolicy()).ok());
  for (const auto& [link, sample] : samples) {
    ASSERT_TRUE(writer->Add(sample.link()).ok());
  }
  for (uint64_t i = 0; i < kBackupHistory; ++i) {
    ASSERT_TRUE(writer->AddHistory(BackupHistory(i)).ok());
  }
  ASSERT_TRUE(writer->Finish(header).ok());
}

}  // namespace coffer::cli
