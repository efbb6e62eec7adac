// What the journal's tests share: keys, a visitor that remembers, and a journal
// on files that fail on command.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "crypto/kdf.h"
#include "tests/keeper_files/fake_files.h"
#include "vault/keeper/journal.h"

namespace coffer::keeper {

inline constexpr int kFileA = 1;
inline constexpr int kFileB = 2;
inline constexpr VaultId kVault = {1, 2, 3, 4};

class TestKeys {
 public:
  TestKeys() {
    COFFER_CHECK(crypto::Initialise().ok());
    arena_ = std::move(base::SecretArena::Create(8)).value();
    journal = crypto::JournalKey(*arena_);
    other = crypto::JournalKey(*arena_);
    root = crypto::RootKey(*arena_);
    other_root = crypto::RootKey(*arena_);
    crypto::RandomKey(journal);
    crypto::RandomKey(other);
    crypto::RandomKey(root);
    crypto::RandomKey(other_root);
  }

 private:
  std::unique_ptr<base::SecretArena> arena_;

 public:
  crypto::JournalKey journal;
  crypto::JournalKey other;
  crypto::RootKey root;
  crypto::RootKey other_root;
};

class Remembering final : public JournalVisitor {
 public:
  base::Status OnLeaf(uint64_t index, Bytes leaf) override {
    EXPECT_EQ(index, first + leaves.size());
    leaves.emplace_back(base::AsText(leaf));
    order.emplace_back("leaf " + leaves.back());
    return {};
  }
  base::Status OnChange(Bytes change) override {
    order.emplace_back("change " + std::string(base::AsText(change)));
    return {};
  }
  uint64_t first = 0;
  std::vector<std::string> leaves;
  std::vector<std::string> order;
};

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> Make() {
    return std::make_unique<Journal>(files_, kFileA, kFileB, -1);
  }
  // A new vault's journal, ready.
  std::unique_ptr<Journal> Fresh() {
    auto journal = Make();
    EXPECT_TRUE(journal->OpenEmpty().ok());
    EXPECT_TRUE(journal->Create(kVault).ok());
    Remembering none;
    EXPECT_TRUE(journal->Replay(keys_.journal, {}, none).ok());
    EXPECT_TRUE(none.order.empty());
    return journal;
  }
  void Append(Journal& journal, const std::string& leaf) {
    ASSERT_TRUE(journal.AddLeaf(base::AsBytes(leaf)));
    ASSERT_TRUE(journal.SyncNow(keys_.journal).ok());
  }
  // One batch a leaf: "a", "bb", "ccc", ...
  void AppendLetters(Journal& journal, int count) {
    for (int i = 0; i < count; ++i) {
      Append(journal, std::string(i + 1, static_cast<char>('a' + i)));
    }
  }
  // What a new process finds from `from`.
  std::vector<std::string> LeavesAfterRestart(
      const JournalPosition& from = {}) {
    auto journal = Make();
    base::Status opened = journal->Open(kVault, from);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    Remembering seen;
    seen.first = from.leaf;
    if (opened.ok()) {
      base::Status replayed = journal->Replay(keys_.journal, from, seen);
      EXPECT_TRUE(replayed.ok()) << replayed.error().message;
    }
    return seen.leaves;
  }
  base::Code OpenFault(std::string* message = nullptr,
                       const JournalPosition& from = {}) {
    base::Status opened = Make()->Open(kVault, from);
    if (opened.ok()) return base::Code{0};
    if (message != nullptr) *message = opened.error().message;
    return opened.error().code;
  }
  std::vector<uint8_t>& a() { return files_.file(kFileA).cache; }

  TestKeys keys_;
  FakeFiles files_;
};

// Makes a batch's checksum right again after a change, as anyone could; returns
// the batch's size.
inline uint64_t Recompute(std::vector<uint8_t>& file, uint64_t offset) {
  MutableBytes rest = MutableBytes(file).subspan(offset);
  BatchHead head;
  base::Decoder decoder(rest);
  BatchHead::Fields(decoder, head);
  ByteArray<32> mac;
  std::copy_n(rest.begin() + kBatchHeadBytes + 32, 32, mac.begin());
  const ByteArray<32> checksum = BatchChecksum(
      BatchDigest(kVault, rest.first(kBatchHeadBytes),
                  rest.subspan(kBatchPayloadOffset, head.payload_bytes)),
      mac);
  std::copy(checksum.begin(), checksum.end(), rest.begin() + kBatchHeadBytes);
  return BatchBytes(head.payload_bytes);
}

inline std::vector<std::string> Letters(int count) {
  std::vector<std::string> leaves;
  for (int i = 0; i < count; ++i) {
    leaves.emplace_back(i + 1, static_cast<char>('a' + i));
  }
  return leaves;
}

}  // namespace coffer::keeper
