#include "cli/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "crypto/kdf.h"
#include "crypto/random.h"

namespace coffer::cli {
namespace {

using base::Bytes;
using base::Code;
using base::Fail;
using base::Status;

constexpr std::string_view kMagic = "COFFERB\n";
enum Part : uint8_t {
  kHeader = 1,
  kPolicy = 2,
  kLinks = 3,
  kEnd = 4,
  kHistory = 5
};
constexpr size_t kPartHeadBytes = 1 + 4;
constexpr size_t kHeaderBodyBytes = 1 + 16 + 4 * 8;
constexpr size_t kCountBytes = 2;

struct PartHead {
  uint64_t place = 0;
  uint8_t kind = 0;
  uint32_t bytes = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.place);
    coder.Number(self.kind);
    coder.Number(self.bytes);
  }
};
struct End {
  uint64_t links = 0;
  BackupDigest digest{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.links);
    coder.Fixed(self.digest);
  }
};

BackupDigest Checksum(uint64_t place, uint8_t kind, Bytes body) {
  base::ByteArray<8 + kPartHeadBytes> head{};
  PartHead fields{place, kind, static_cast<uint32_t>(body.size())};
  COFFER_CHECK(base::EncodeWhole(head, fields).ok());
  BackupDigest checksum{};
  crypto::Hash(checksum, "coffer backup part", {head, body});
  return checksum;
}

void Extend(BackupDigest& chain, const BackupDigest& checksum) {
  BackupDigest next{};
  crypto::Hash(next, "coffer backup chain", {chain, checksum});
  chain = next;
}

BackupDigest DigestOf(const BackupDigest& header, const BackupDigest& chain) {
  BackupDigest digest{};
  crypto::Hash(digest, "coffer backup", {header, chain});
  return digest;
}

base::Error Damaged() {
  return Fail(Code::kDamaged, "it is damaged or cut short");
}

// The head of a part as it stands in the file.
base::ByteArray<kPartHeadBytes> EncodeHead(uint8_t kind, size_t bytes) {
  base::ByteArray<kPartHeadBytes> head{};
  base::Encoder encoder{base::MutableBytes(head)};
  encoder.Number(kind);
  encoder.Number(static_cast<uint32_t>(bytes));
  return head;
}

Status SyncParent(const std::string& path) {
  std::string parent = std::filesystem::path(path).parent_path().string();
  os::FileDescriptor directory(open(parent.empty() ? "." : parent.c_str(),
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) {
    return Fail(Code::kIo, "its folder cannot be synced");
  }
  return {};
}

}  // namespace

Status CheckLink(const wire::JudgedLink& link) {
  auto head = wire::DecodeRecordHead(link.stored.head);
  if (!head.ok()) return head.error();
  auto wrap = wire::DecodeWrap(link.stored.wrap);
  if (!wrap.ok()) return wrap.error();
  if (head->link != link.link || !wire::Belongs(*wrap, *head) ||
      link.stored.token_box.size() > base::kTokenBoxBytesMax) {
    return Fail(Code::kInvalid, "a link's parts do not belong together");
  }
  return {};
}

base::Result<BackupWriter> BackupWriter::Create(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) {
    errno = EEXIST;
    return Fail(Code::kConflict, "there is such a file; name a new one");
  }
  BackupWriter writer;
  writer.path_ = path;
  base::ByteArray<8> random{};
  crypto::Random(random);
  std::string temporary = path + ".new-" + base::EncodeHex(random);
  writer.file_.Reset(open(temporary.c_str(),
                          O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                          0600));
  if (!writer.file_.valid()) return Fail(Code::kIo, "it cannot be made");
  writer.temporary_ = temporary;
  if (fchmod(writer.file_.get(), 0600) != 0) {
    return Fail(Code::kIo, "its mode cannot be set");
  }
  // The header's place; it is known at the end.
  std::vector<uint8_t> place(kMagic.size() + kPartHeadBytes + kHeaderBodyBytes +
                             32);
  COFFER_TRY(os::WriteFull(writer.file_.get(), place));
  return writer;
}

BackupWriter::~BackupWriter() {
  if (file_.valid()) unlink(temporary_.c_str());
}

Status BackupWriter::WritePart(uint8_t kind, Bytes body) {
  const BackupDigest checksum = Checksum(place_++, kind, body);
  Extend(chain_, checksum);
  COFFER_TRY(os::WriteFull(file_.get(), EncodeHead(kind, body.size())));
  COFFER_TRY(os::WriteFull(file_.get(), body));
  return os::WriteFull(file_.get(), checksum);
}

Status BackupWriter::Policy(Bytes policy) {
  COFFER_CHECK(place_ == 1);
  return WritePart(kPolicy, policy);
}

Status BackupWriter::Add(const wire::JudgedLink& link) {
  COFFER_TRY(CheckLink(link));
  COFFER_CHECK(!history_);
  if (links_ > 0 && link.link <= last_) {
    return Fail(Code::kInvalid, "the links do not come in order");
  }
  size_t most = 16 + 3 * 2 + link.stored.head.size() + link.stored.wrap.size() +
                link.stored.token_box.size();
  if (count_ == base::kJudgedLinksMax ||
      kCountBytes + body_.size() + most > kBackupPartBytesMax) {
    COFFER_TRY(Flush());
  }
  size_t used = body_.size();
  body_.resize(used + most);
  auto size = base::EncodeWhole(base::MutableBytes(body_).subspan(used), link);
  if (!size.ok()) return size.error();
  body_.resize(used + *size);
  ++count_;
  ++links_;
  last_ = link.link;
  return {};
}

Status BackupWriter::AddHistory(Bytes row) {
  if (!wire::DecodeHistoryRow(row).ok()) {
    return Fail(Code::kInvalid, "a past consent is none");
  }
  if (!history_ ||
      kCountBytes + body_.size() + 2 + row.size() > kBackupPartBytesMax ||
      count_ == UINT16_MAX) {
    COFFER_TRY(Flush());
  }
  history_ = true;
  body_.push_back(static_cast<uint8_t>(row.size()));
  body_.push_back(static_cast<uint8_t>(row.size() >> 8));
  body_.insert(body_.end(), row.begin(), row.end());
  ++count_;
  return {};
}

Status BackupWriter::Flush() {
  if (count_ == 0) return {};
  const uint8_t count[] = {static_cast<uint8_t>(count_),
                           static_cast<uint8_t>(count_ >> 8)};
  body_.insert(body_.begin(), std::begin(count), std::end(count));
  Status written = WritePart(history_ ? kHistory : kLinks, body_);
  body_.clear();
  count_ = 0;
  return written;
}

Status BackupWriter::Finish(BackupHeader header) {
  COFFER_TRY(Flush());
  header.links = links_;
  base::ByteArray<kHeaderBodyBytes> body{};
  COFFER_CHECK(base::EncodeWhole(body, header).ok());
  const BackupDigest checksum = Checksum(0, kHeader, body);
  End end{links_, DigestOf(checksum, chain_)};
  base::ByteArray<40> end_body{};
  COFFER_CHECK(base::EncodeWhole(end_body, end).ok());
  COFFER_TRY(WritePart(kEnd, end_body));
  std::vector<uint8_t> head(kMagic.begin(), kMagic.end());
  const auto part = EncodeHead(kHeader, body.size());
  head.insert(head.end(), part.begin(), part.end());
  head.insert(head.end(), body.begin(), body.end());
  head.insert(head.end(), checksum.begin(), checksum.end());
  if (pwrite(file_.get(), head.data(), head.size(), 0) !=
          static_cast<ssize_t>(head.size()) ||
      fsync(file_.get()) != 0) {
    return Fail(Code::kIo, "it cannot be written");
  }
  // Never over a file that came meanwhile.
  int renamed = renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(),
                          RENAME_NOREPLACE);
  if (renamed != 0 && errno == EINVAL) {  // not on this file system
    renamed = rename(temporary_.c_str(), path_.c_str());
  }
  if (renamed != 0) return Fail(Code::kIo, "it cannot be put in place");
  file_.Reset();
  return SyncParent(path_);
}

base::Result<uint8_t> BackupReader::ReadPart() {
  base::ByteArray<kPartHeadBytes> head{};
  if (!os::ReadFull(file_.get(), head).ok()) return Damaged();
  uint8_t kind = 0;
  uint32_t bytes = 0;
  base::Decoder decoder{Bytes(head)};
  decoder.Number(kind);
  decoder.Number(bytes);
  if (bytes > kBackupPartBytesMax) return Damaged();
  body_.resize(bytes);
  if (!os::ReadFull(file_.get(), body_).ok() ||
      !os::ReadFull(file_.get(), checksum_).ok() ||
      checksum_ != Checksum(place_, kind, body_)) {
    return Damaged();
  }
  ++place_;
  return kind;
}

base::Result<BackupReader> BackupReader::Open(os::FileDescriptor file) {
  BackupReader reader;
  reader.file_ = std::move(file);
  base::ByteArray<kMagic.size()> magic{};
  if (!os::ReadFull(reader.file_.get(), magic).ok() ||
      base::AsText(magic) != kMagic) {
    return Fail(Code::kInvalid, "it is no backup of coffer");
  }
  auto kind = reader.ReadPart();
  if (!kind.ok()) return kind.error();
  if (*kind != kHeader || reader.body_.empty()) return Damaged();
  if (reader.body_[0] > kBackupFormat) {
    return Fail(Code::kNewerFormat, "written by a newer coffer");
  }
  auto header = base::DecodeWhole<BackupHeader>(reader.body_);
  if (!header.ok() || header->format != kBackupFormat) return Damaged();
  reader.header_ = *header;
  reader.header_checksum_ = reader.checksum_;
  kind = reader.ReadPart();
  if (!kind.ok()) return kind.error();
  if (*kind != kPolicy) return Damaged();
  Extend(reader.chain_, reader.checksum_);
  reader.policy_ = reader.body_;
  auto policy = std::make_unique<wire::Policy>();
  COFFER_TRY(wire::DecodePolicy(*policy, reader.policy_));
  return reader;
}

Status BackupReader::ReadEnd() {
  auto end = base::DecodeWhole<End>(body_);
  uint8_t behind = 0;
  if (!end.ok() || end->links != read_ || header_.links != read_ ||
      end->digest != DigestOf(header_checksum_, chain_) ||
      ::read(file_.get(), &behind, 1) != 0) {
    return Damaged();
  }
  digest_ = end->digest;
  ended_ = true;
  return {};
}

Status BackupReader::ReadHistory() {
  in_history_ = true;
  Extend(chain_, checksum_);
  base::Decoder decoder{Bytes(body_)};
  uint16_t count = 0;
  decoder.Number(count);
  if (count == 0) return Damaged();
  for (uint16_t i = 0; i < count && !decoder.failed(); ++i) {
    Bytes row;
    decoder.ShortBytes(row, base::kHistoryBytesMax);
    if (decoder.failed() || !wire::DecodeHistoryRow(row).ok()) return Damaged();
    if (take_history_) COFFER_TRY(take_history_(row));
  }
  return decoder.finished() ? Status() : Status(Damaged());
}

base::Result<bool> BackupReader::Next(wire::JudgeQuestion& links) {
  if (ended_) return false;
  auto kind = ReadPart();
  while (kind.ok() && *kind == kHistory) {
    COFFER_TRY(ReadHistory());
    kind = ReadPart();
  }
  if (!kind.ok()) return kind.error();
  if (*kind == kEnd) {
    COFFER_TRY(ReadEnd());
    return false;
  }
  if (*kind != kLinks || in_history_) return Damaged();
  Extend(chain_, checksum_);
  auto decoded = base::DecodeWhole<wire::JudgeQuestion>(body_);
  if (!decoded.ok() || decoded->links.empty()) return Damaged();
  links = *decoded;
  for (const wire::JudgedLink& link : links.links) {
    if (!CheckLink(link).ok()) return Damaged();
    if (read_ > 0 && link.link <= last_) return Damaged();
    last_ = link.link;
    ++read_;
  }
  return true;
}

}  // namespace coffer::cli
