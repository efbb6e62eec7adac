#include "cli/store_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "cli/text.h"
#include "vault/store/store_copy.h"

namespace coffer::cli {
namespace {

using base::Bytes;
using base::Status;

constexpr uint32_t kDone = 0xfffffffe;
constexpr uint32_t kFailed = 0xffffffff;
constexpr size_t kFrameBytesMax = 16 + 3 * 2 + base::kRecordHeadBytesMax +
                                  base::kWrapBytesMax + base::kTokenBoxBytesMax;
constexpr size_t kTextBytesMax = 512;
// How long a child may take to end: a second.
constexpr int kGraceSteps = 200;
constexpr useconds_t kGraceStepMicroseconds = 5000;

Status SendDone(int fd, uint64_t left_out) {
  std::array<uint8_t, 4 + 8> out;
  base::Encoder encoder{base::MutableBytes(out)};
  encoder.Number(kDone);
  encoder.Number(left_out);
  return os::WriteFull(fd, encoder.written());
}
template <typename T>
Status SendFrame(int fd, const T& item) {
  std::array<uint8_t, 4 + kFrameBytesMax> out;
  base::Encoder encoder{base::MutableBytes(out)};
  encoder.Number(uint32_t{0});
  encoder.Struct(item);
  COFFER_CHECK(!encoder.failed());
  base::Encoder(base::MutableBytes(out).first(4))
      .Number(static_cast<uint32_t>(encoder.used() - 4));
  return os::WriteFull(fd, encoder.written());
}

// A past consent on its way.
struct HistoryFrame {
  Bytes row;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.ShortBytes(self.row, base::kHistoryBytesMax);
  }
};

void SendFailure(int fd, std::string_view text) {
  std::array<uint8_t, 4 + 2 + kTextBytesMax> out;
  base::Encoder encoder{base::MutableBytes(out)};
  encoder.Number(kFailed);
  encoder.Text(text.substr(0, kTextBytesMax), kTextBytesMax);
  // The parent may be gone; then nobody is to be told.
  (void)os::WriteFull(fd, encoder.written()).ok();
}

Failure Broken() {
  return {Exit::kRefused,
          "the process at the store ended, or said what it "
          "should not",
          "look at the store's directory and the kernel's log"};
}

// Away from the operator's terminal and all else that is open.
bool KeepOnly(int fd) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 3 || null < 0 || setsid() < 0) return false;
  for (int standard : {0, 1, 2}) {
    if (dup2(null, standard) < 0) return false;
  }
  const unsigned kept = static_cast<unsigned>(fd);
  return (kept == 3 || close_range(3, kept - 1, 0) == 0) &&
         close_range(kept + 1, ~0u, 0) == 0;
}

[[noreturn]] void RunChild(int fd, const std::string& directory,
                           const os::Identity& owner, os::StoreUse use,
                           pid_t parent, const StoreChild::Work& work) {
  fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (!KeepOnly(fd)) _exit(1);
  if (!os::BecomeUser(owner).ok()) {
    SendFailure(fd, "this user may not become the store's owner; run as root");
    _exit(1);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of user clears it
  if (getppid() != parent) _exit(1);
  base::Status caged = os::EnterStoreCage(use, directory.c_str());
  if (!caged.ok()) {
    SendFailure(fd, caged.error().message);
    _exit(1);
  }
  auto done = work(fd);
  if (!done.ok()) {
    SendFailure(fd, done.error().message);
    _exit(1);
  }
  Status sent = SendDone(fd, *done);
  _exit(sent.ok() ? 0 : 1);
}

}  // namespace

StoreChild::StoreChild(StoreChild&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      socket_(std::move(other.socket_)),
      frame_(std::move(other.frame_)) {}

// It ends when the socket does, after it took away what it did not finish; one
// that does not end is made to.
StoreChild::~StoreChild() {
  socket_.Reset();
  if (pid_ <= 0) return;
  int status = 0;
  for (int i = 0; i < kGraceSteps; ++i) {
    if (waitpid(pid_, &status, WNOHANG) != 0) return;
    usleep(kGraceStepMicroseconds);
  }
  kill(pid_, SIGKILL);
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

Outcome<StoreChild> StoreChild::Start(const std::string& directory,
                                      os::StoreUse use, const Work& work) {
  os::FileDescriptor opened(
      open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat owner {};
  if (!opened.valid() || fstat(opened.get(), &owner) != 0) {
    return Failure{Exit::kRefused,
                   "there is no store in " + Printable(directory),
                   "name the vault's configuration with --config, and run as "
                   "root"};
  }
  auto pair = os::MakeStreamPair();
  if (!pair.ok()) return Failure{Exit::kRefused, "no socket is to be had", ""};
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return Failure{Exit::kRefused, "no process is to be had", ""};
  if (pid == 0) {
    RunChild(pair->there.get(), directory, {owner.st_uid, owner.st_gid}, use,
             parent, work);
  }
  return StoreChild(pid, std::move(pair->here));
}

Outcome<Bytes> StoreChild::Receive(uint64_t& left_out) {
  base::ByteArray<4> head{};
  uint32_t size = 0;
  if (!os::ReadFull(fd(), head).ok()) return Broken();
  base::Decoder(head).Number(size);
  if (size == kDone) {
    base::ByteArray<8> count{};
    if (!os::ReadFull(fd(), count).ok()) return Broken();
    base::Decoder(count).Number(left_out);
    return Bytes();
  }
  if (size == kFailed) {
    base::ByteArray<2> bytes{};
    uint16_t length = 0;
    if (!os::ReadFull(fd(), bytes).ok()) return Broken();
    base::Decoder(bytes).Number(length);
    if (length > kTextBytesMax) return Broken();
    frame_.resize(length);
    if (!os::ReadFull(fd(), frame_).ok()) return Broken();
    return Failure{Exit::kRefused, Printable(base::AsText(frame_)), ""};
  }
  if (size == 0 || size > kFrameBytesMax) return Broken();
  frame_.resize(size);
  if (!os::ReadFull(fd(), frame_).ok()) return Broken();
  return Bytes(frame_);
}

namespace {

base::Result<uint64_t> StreamHistory(store::StoreReader& reader, int fd) {
  uint64_t damaged = 0;
  for (;;) {
    HistoryFrame frame;
    auto more = reader.NextHistory(frame.row);
    if (!more.ok()) {
      if (more.error().code != base::Code::kDamaged) return more.error();
      ++damaged;
      continue;
    }
    if (!*more) return damaged;
    COFFER_TRY(SendFrame(fd, frame));
  }
}

base::Result<uint64_t> StreamStore(const std::string& directory,
                                   bool with_links, int fd) {
  auto reader = store::StoreReader::Open(directory);
  if (!reader.ok()) return reader.error();
  StoreFacts facts;
  auto links = (*reader)->CountLinks();
  if (!links.ok()) return links.error();
  facts.links = *links;
  auto digest = (*reader)->GetState(store::kIncomingRow);
  if (digest.ok() && digest->size() == facts.digest.size()) {
    facts.restored = true;
    std::copy(digest->begin(), digest->end(), facts.digest.begin());
  }
  COFFER_TRY(SendFrame(fd, facts));
  uint64_t damaged = 0;
  while (with_links) {
    store::LinkCopy row;
    auto more = (*reader)->Next(row);
    if (!more.ok()) {
      if (more.error().code != base::Code::kDamaged) return more.error();
      ++damaged;
      continue;
    }
    if (!*more) break;
    wire::JudgedLink link{row.link, {row.head, row.wrap, row.token_box}};
    COFFER_TRY(SendFrame(fd, link));
  }
  COFFER_TRY(SendDone(fd, damaged));
  return StreamHistory(**reader, fd);
}

base::Result<uint64_t> BuildStore(const std::string& directory,
                                  size_t map_bytes,
                                  const base::ByteArray<16>& vault_id,
                                  const BackupDigest& digest, int fd) {
  auto builder = store::StoreBuilder::Create(directory, map_bytes);
  if (!builder.ok()) return builder.error();
  std::vector<uint8_t> frame;
  for (int ends = 0; ends < 2;) {
    base::ByteArray<4> head{};
    uint32_t size = 0;
    COFFER_TRY(os::ReadFull(fd, head));
    base::Decoder(head).Number(size);
    if (size == kDone) {
      base::ByteArray<8> count{};  // of no use here
      COFFER_TRY(os::ReadFull(fd, count));
      ++ends;
      continue;
    }
    COFFER_CHECK(size <= kFrameBytesMax);
    frame.resize(size);
    COFFER_TRY(os::ReadFull(fd, frame));
    if (ends == 1) {
      auto history = base::DecodeWhole<HistoryFrame>(frame);
      if (!history.ok()) return history.error();
      COFFER_TRY((*builder)->AddHistory(history->row));
      continue;
    }
    auto link = base::DecodeWhole<wire::JudgedLink>(frame);
    if (!link.ok()) return link.error();
    COFFER_TRY((*builder)->Add({link->link, link->stored.head,
                                link->stored.wrap, link->stored.token_box}));
  }
  COFFER_TRY((*builder)->Finish(vault_id, digest));
  return uint64_t{0};
}

}  // namespace

Outcome<LiveStore> LiveStore::Open(const std::string& directory, bool links) {
  auto child = StoreChild::Start(directory, os::StoreUse::kReads, [&](int fd) {
    return StreamStore(directory, links, fd);
  });
  if (!child.ok()) return child.failure();
  LiveStore live(std::move(*child));
  uint64_t ended = 0;
  auto frame = live.child_.Receive(ended);
  if (!frame.ok()) return frame.failure();
  auto facts = base::DecodeWhole<StoreFacts>(*frame);
  if (!facts.ok()) return Broken();
  live.facts_ = *facts;
  return live;
}

Outcome<bool> LiveStore::Next(wire::JudgedLink& link) {
  auto frame = child_.Receive(damaged_);
  if (!frame.ok()) return frame.failure();
  if (frame->empty()) return false;
  auto decoded = base::DecodeWhole<wire::JudgedLink>(*frame);
  if (!decoded.ok() || !CheckLink(*decoded).ok() ||
      (any_ && decoded->link <= last_)) {
    return Broken();
  }
  link = *decoded;
  last_ = link.link;
  any_ = true;
  return true;
}

Outcome<bool> LiveStore::NextHistory(Bytes& row) {
  auto frame = child_.Receive(history_damaged_);
  if (!frame.ok()) return frame.failure();
  if (frame->empty()) return false;
  auto decoded = base::DecodeWhole<HistoryFrame>(*frame);
  if (!decoded.ok() || !wire::DecodeHistoryRow(decoded->row).ok()) {
    return Broken();
  }
  row = decoded->row;
  return true;
}

Outcome<IncomingStore> IncomingStore::Create(
    const std::string& directory, uint64_t map_bytes,
    const base::ByteArray<16>& vault_id, const BackupDigest& digest) {
  auto child = StoreChild::Start(directory, os::StoreUse::kBuilds, [&](int fd) {
    return BuildStore(directory, map_bytes, vault_id, digest, fd);
  });
  if (!child.ok()) return child.failure();
  return IncomingStore(std::move(*child));
}

void IncomingStore::Discard(const std::string& directory) {
  auto child = StoreChild::Start(directory, os::StoreUse::kBuilds,
                                 [&](int) -> base::Result<uint64_t> {
                                   store::StoreBuilder::Discard(directory);
                                   return uint64_t{0};
                                 });
  uint64_t ended = 0;
  if (child.ok()) (void)child->Receive(ended).ok();
}

// It ended before its time, and may have said why.
Done IncomingStore::Said() {
  uint64_t ended = 0;
  auto said = child_.Receive(ended);
  return said.ok() ? Broken() : said.failure();
}

Done IncomingStore::Add(const wire::JudgedLink& link) {
  if (SendFrame(child_.fd(), link).ok()) return base::Nothing{};
  return Said();
}

Done IncomingStore::AddHistory(Bytes row) {
  if (!links_ended_ && !SendDone(child_.fd(), 0).ok()) return Said();
  links_ended_ = true;
  if (SendFrame(child_.fd(), HistoryFrame{row}).ok()) return base::Nothing{};
  return Said();
}

Done IncomingStore::Finish() {
  if (!links_ended_) (void)SendDone(child_.fd(), 0).ok();
  (void)SendDone(child_.fd(), 0).ok();
  uint64_t ended = 0;
  auto said = child_.Receive(ended);
  if (!said.ok()) return said.failure();
  if (!said->empty()) return Broken();
  return base::Nothing{};
}

}  // namespace coffer::cli
