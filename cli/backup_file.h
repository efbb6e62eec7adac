// A backup: policy and links of a vault in a file of their own, as the keeper
// sealed them; no key is in it. Runs in the CLI only. Written under a temporary
// name and put in place whole; read without keys, and any truncation, flipped
// bit, trailing byte, or row out of order refuses it (kDamaged; kNewerFormat
// for a later format).
//
//   file   := magic "COFFERB\n" | part(header) | part(policy) | part(links)*
//             | part(history)* | part(end)
//   part   := kind u8 | bytes u32 | body | checksum 32
//   header := format u8 | vault id 16 | made_at u64 | keyring generation u64
//             | next leaf u64 | links u64
//   policy := the compiled policy (vault/wire/policy.h)
//   links  := count u16 | link*            1 to 256, ascending by id
//   link   := id 16 | head bytes16 | wrap bytes16 | token_box bytes16
//   history := count u16 | (past consent bytes16)*    vault/wire/customer.h
//   end    := links u64 | digest 32
//
//   checksum = BLAKE2b-32("coffer backup part", place u64 | kind | bytes, body)
//   digest   = BLAKE2b-32("coffer backup", header's checksum, chain), where
//   chain    = BLAKE2b-32("coffer backup chain", chain before, checksum) over
//              the parts after the header; 32 zeros at first
//
// Numbers are little-endian. kind: 1 header, 2 policy, 3 links, 4 end, 5
// history. A part of links is, byte for byte, the question that asks the keeper
// to judge them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vault/os/descriptor.h"
#include "vault/wire/customer.h"
#include "vault/wire/operator_keys.h"
#include "vault/wire/policy.h"

namespace coffer::cli {

inline constexpr uint8_t kBackupFormat = 1;
// Of a part's body: fills a frame of the operator socket, with its head.
inline constexpr size_t kBackupPartBytesMax = base::kOperatorFrameBytesMax - 64;

using BackupDigest = base::ByteArray<32>;

struct BackupHeader {
  uint8_t format = kBackupFormat;
  base::ByteArray<16> vault_id{};
  uint64_t made_at = 0;
  uint64_t keyring_generation = 0;  // of the key export that opens it
  uint64_t next_leaf = 0;
  uint64_t links = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Fixed(self.vault_id);
    coder.Number(self.made_at);
    coder.Number(self.keyring_generation);
    coder.Number(self.next_leaf);
    coder.Number(self.links);
  }
};

// kInvalid unless the parts decode, are of this link and of one write.
base::Status CheckLink(const wire::JudgedLink& link);

// Resource: a file that is being made; what was not finished goes at its end.
class BackupWriter {
 public:
  // kConflict when `path` exists; kIo with errno set.
  static base::Result<BackupWriter> Create(const std::string& path);
  ~BackupWriter();
  BackupWriter(BackupWriter&& other) noexcept = default;
  BackupWriter& operator=(BackupWriter&&) = delete;

  base::Status Policy(base::Bytes policy);  // first, once
  // kInvalid: CheckLink, or not above the one before.
  base::Status Add(const wire::JudgedLink& link);
  // After the links. kInvalid: it is none.
  base::Status AddHistory(base::Bytes row);
  uint64_t links() const { return links_; }
  // Durable and in place when ok; fills in header.links.
  base::Status Finish(BackupHeader header);

 private:
  BackupWriter() = default;
  base::Status Flush();
  base::Status WritePart(uint8_t kind, base::Bytes body);

  std::string path_;
  std::string temporary_;
  os::FileDescriptor file_;    // valid: the temporary file is there
  std::vector<uint8_t> body_;  // links collected for the next part
  bool history_ = false;       // what is collected is of past consents
  uint16_t count_ = 0;
  wire::LinkId last_{};
  uint64_t links_ = 0;
  uint64_t place_ = 1;
  BackupDigest chain_{};
};

// Resource: reads a file once from its beginning, with bounded memory.
class BackupReader {
 public:
  static base::Result<BackupReader> Open(os::FileDescriptor file);

  const BackupHeader& header() const { return header_; }
  base::Bytes policy() const { return policy_; }
  // Past consents on the way to the end go there.
  using TakeHistory = std::function<base::Status(base::Bytes row)>;
  void OnHistory(TakeHistory take) { take_history_ = std::move(take); }
  // The next links; false at the end, when all of it was found whole. Views
  // are good until the next call.
  base::Result<bool> Next(wire::JudgeQuestion& links);
  // Of use once Next has said false.
  const BackupDigest& digest() const { return digest_; }
  uint64_t read() const { return read_; }  // links so far

 private:
  BackupReader() = default;
  base::Result<uint8_t> ReadPart();
  base::Status ReadEnd();
  base::Status ReadHistory();

  os::FileDescriptor file_;
  BackupHeader header_;
  std::vector<uint8_t> policy_;
  std::vector<uint8_t> body_;
  base::ByteArray<32> checksum_{};  // of the part read last
  base::ByteArray<32> header_checksum_{};
  wire::LinkId last_{};
  uint64_t read_ = 0;
  uint64_t place_ = 0;
  BackupDigest chain_{};
  BackupDigest digest_{};
  bool ended_ = false;
  bool in_history_ = false;
  TakeHistory take_history_;
};

}  // namespace coffer::cli
