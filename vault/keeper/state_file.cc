#include "vault/keeper/state_file.h"

#include <algorithm>
#include <cerrno>

#include "crypto/aead.h"
#include "crypto/kdf.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using base::Status;

namespace {

constexpr ByteArray<8> kMagic = {'C', 'O', 'F', 'F', 'E', 'R', 'S', '\n'};
constexpr size_t kChecksumOffset = kStateBlockBytes - 32;
constexpr size_t kNonceBytes = 24;
constexpr size_t kBodyOffset = kStateBlockBytes + kNonceBytes;
static_assert(kStateBlockBytes + kStateBodyBytesMax + crypto::kBoxExtraBytes <=
              kStateSlotBytes);

struct BlockHead {
  ByteArray<8> magic = kMagic;
  uint8_t format = kStateFormat;
  uint32_t body_bytes = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.magic);
    coder.Number(self.format);
    coder.Number(self.body_bytes);
  }
};

ByteArray<32> Checksum(Bytes block, Bytes box) {
  ByteArray<32> checksum;
  crypto::Hash(checksum, "coffer state checksum",
               {block.first(kChecksumOffset), box});
  return checksum;
}

bool HeaderHolds(const StateHeader& header) {
  uint32_t seen = 0;
  for (const StateSlot& slot : header.slots) {
    const wire::SlotHeader& told = slot.header;
    if (told.id < 1 || told.id > base::kSlotsMax || (seen >> told.id & 1) ||
        wire::SlotKindText(told.kind).empty()) {
      return false;
    }
    seen |= uint32_t{1} << told.id;
  }
  return header.generation > 0;
}

bool DecodeBlock(Bytes block, StateHeader& header) {
  base::Decoder decoder(block.first(kChecksumOffset));
  BlockHead head;
  BlockHead::Fields(decoder, head);
  StateHeader::Fields(decoder, header);
  return !decoder.failed() && IsZero(decoder.rest()) && HeaderHolds(header);
}

constexpr uint64_t SlotOffset(int slot) {
  return static_cast<uint64_t>(slot) * kStateSlotBytes;
}

}  // namespace

StateFile::StateFile(FileOps& files, int fd)
    : files_(files), fd_(fd), buffer_(new uint8_t[kStateSlotBytes]) {}

base::Error StateFile::Io(base::Literal message) {
  last_errno_ = errno;
  return Fail(Code::kIo, message);
}

const StateHeader& StateFile::header() const {
  COFFER_CHECK(initialised());
  return header_;
}

// --- Opening

// Reads a slot into the buffer and judges it.
base::Result<StateFile::Reading> StateFile::ReadSlot(int slot) {
  MutableBytes block(buffer_.get(), kStateBlockBytes);
  std::fill(block.begin(), block.end(), uint8_t{0});
  if (ReadUpTo(files_, fd_, block, SlotOffset(slot)) < 0) {
    return Io("keeper.state: cannot be read");
  }
  Reading reading;
  reading.used_bytes = kStateSlotBytes;
  if (IsZero(block)) {
    auto remains = Remains(slot);
    if (!remains.ok()) return remains.error();
    reading.remains = *remains;
    return reading;
  }
  BlockHead head;
  base::Decoder decoder(block);
  BlockHead::Fields(decoder, head);
  decoder.Number(reading.generation);
  reading.verdict =
      head.magic == kMagic ? Verdict::kDamaged : Verdict::kForeign;
  if (head.magic != kMagic ||
      head.body_bytes > kStateSlotBytes - kStateBlockBytes) {
    return reading;
  }
  MutableBytes box(buffer_.get() + kStateBlockBytes, head.body_bytes);
  ssize_t count =
      ReadUpTo(files_, fd_, box, SlotOffset(slot) + kStateBlockBytes);
  if (count < 0) return Io("keeper.state: cannot be read");
  if (static_cast<size_t>(count) < box.size() ||
      !base::Equal(Checksum(block, box), block.subspan(kChecksumOffset))) {
    return reading;
  }
  reading.used_bytes = kStateBlockBytes + box.size();
  StateHeader header;
  if (head.format > kStateFormat) {
    reading.verdict = Verdict::kNewer;
  } else if (head.format == kStateFormat &&
             box.size() >= crypto::kBoxExtraBytes &&
             box.size() <= kStateBodyBytesMax + crypto::kBoxExtraBytes &&
             DecodeBlock(block, header)) {
    reading.verdict = Verdict::kWhole;
  }
  return reading;
}

// A blank block may stand before a body: of a write that was cut short, or of
// an erasure. Read in pieces, so that little of the buffer becomes resident.
base::Result<bool> StateFile::Remains(int slot) {
  constexpr uint64_t kPiece = 64 * 1024;
  MutableBytes piece(buffer_.get(), kPiece);
  for (uint64_t at = 0; at < kStateSlotBytes; at += kPiece) {
    const ssize_t count = ReadUpTo(files_, fd_, piece, SlotOffset(slot) + at);
    if (count < 0) return Io("keeper.state: cannot be read");
    const size_t size = static_cast<size_t>(count);
    if (!IsZero(piece.first(size))) return true;
    if (size < kPiece) break;
  }
  return false;
}

base::Result<StateFound> StateFile::Open() {
  COFFER_CHECK(!initialised());
  const int64_t size = files_.Size(fd_);
  if (size < 0) return Io("keeper.state: cannot be read");
  reserved_ = size >= static_cast<int64_t>(2 * kStateSlotBytes);
  Reading readings[2];
  for (int slot = 0; slot < 2; ++slot) {
    auto reading = ReadSlot(slot);
    if (!reading.ok()) return reading.error();
    readings[slot] = *reading;
  }
  return Settle(readings[0], readings[1]);
}

base::Result<StateFound> StateFile::Settle(const Reading& a, const Reading& b) {
  auto usable = [](const Reading& reading) {
    return reading.verdict == Verdict::kWhole ||
           reading.verdict == Verdict::kNewer;
  };
  if (!usable(a) && !usable(b)) {
    if (a.verdict == Verdict::kBlank && b.verdict == Verdict::kBlank) {
      return StateFound::kEmpty;
    }
    if (a.verdict == Verdict::kDamaged || b.verdict == Verdict::kDamaged) {
      return Fail(Code::kDamaged,
                  "keeper.state: damaged; restore it from a copy");
    }
    return Fail(Code::kInvalid,
                "keeper.state: not a state file of coffer; restore the "
                "vault's own");
  }
  const bool second = usable(b) && (!usable(a) || b.generation > a.generation);
  const Reading& newest = second ? b : a;
  const Reading& other = second ? a : b;
  if (newest.verdict == Verdict::kNewer) {
    return Fail(Code::kNewerFormat,
                "keeper.state: written by a newer coffer; use that version");
  }
  COFFER_TRY(Load(second ? 1 : 0));
  if (other.verdict != Verdict::kBlank) {
    COFFER_TRY(Secure());
    COFFER_TRY(EraseSlot(1 - active_, other.used_bytes));
    return StateFound::kRecovered;
  }
  if (header_.generation == 1) COFFER_TRY(Secure());
  if (other.remains) {
    COFFER_TRY(EraseSlot(1 - active_, other.used_bytes));
    return StateFound::kRecovered;
  }
  return StateFound::kWhole;
}

// Takes the slot, as it stands in the file, into force.
Status StateFile::Load(int slot) {
  auto reading = ReadSlot(slot);
  if (!reading.ok()) return reading.error();
  if (reading->verdict != Verdict::kWhole) {
    return Fail(Code::kDamaged, "keeper.state: changed while it was opened");
  }
  std::copy_n(buffer_.get(), kStateBlockBytes, block_.begin());
  COFFER_CHECK(DecodeBlock(block_, header_));
  active_ = slot;
  used_bytes_[slot] = reading->used_bytes;
  return {};
}

// A sync that failed before a restart may have left the slot in force whole in
// the page cache and not on the disk. That can be so while the other slot still
// stands, or after the first write ever: write it again, the same bytes.
Status StateFile::Secure() {
  if (!WriteSlot(active_, used_bytes_[active_])) {
    return Io("keeper.state: cannot be written");
  }
  return {};
}

Status StateFile::EraseSlot(int slot, uint64_t bytes) {
  if (!WriteZeros(files_, fd_, SlotOffset(slot), bytes) ||
      files_.DataSync(fd_) != 0) {
    return Io("keeper.state: its superseded half cannot be overwritten");
  }
  used_bytes_[slot] = 0;
  return {};
}

// --- The body

MutableBytes StateFile::body_buffer() {
  buffer_used_ = kStateBodyBytesMax;
  return {buffer_.get() + kBodyOffset, kStateBodyBytesMax};
}

void StateFile::WipeBody() {
  base::Wipe({buffer_.get() + kBodyOffset, buffer_used_});
  buffer_used_ = 0;
}

Status StateFile::Destroy() {
  WipeBody();
  bool zeros = true;
  for (int slot : {0, 1}) {
    zeros &= WriteZeros(files_, fd_, SlotOffset(slot), kStateBlockBytes);
  }
  zeros &= files_.DataSync(fd_) == 0;
  const uint64_t used =
      std::max<uint64_t>({used_bytes_[0], used_bytes_[1], kStateBlockBytes});
  for (int slot : {0, 1}) {
    zeros &= WriteZeros(files_, fd_, SlotOffset(slot), used);
  }
  zeros &= files_.DataSync(fd_) == 0;
  active_ = -1;
  header_ = StateHeader{};
  block_.fill(0);
  if (!zeros) return Io("keeper.state: cannot be overwritten");
  return {};
}

Status StateFile::OpenBody(const crypto::RootKey& root, Bytes& plaintext) {
  COFFER_CHECK(initialised());
  MutableBytes box(buffer_.get() + kStateBlockBytes,
                   used_bytes_[active_] - kStateBlockBytes);
  ssize_t count =
      ReadUpTo(files_, fd_, box, SlotOffset(active_) + kStateBlockBytes);
  if (count < 0) return Io("keeper.state: cannot be read");
  // In place: libsodium verifies first, then writes over the ciphertext.
  MutableBytes out(buffer_.get() + kBodyOffset,
                   box.size() - crypto::kBoxExtraBytes);
  buffer_used_ = out.size();
  if (static_cast<size_t>(count) < box.size() ||
      !crypto::OpenBox(out, root, box, Bytes(block_).first(kChecksumOffset))
           .ok()) {
    return Fail(Code::kDenied,
                "keeper.state: not authentic; restore it from a copy");
  }
  plaintext = out;
  return {};
}

// The body is on the disk before the block that makes it count, so that a first
// write that is cut short leaves an uninitialised file.
bool StateFile::WriteSlot(int slot, uint64_t used_bytes) {
  Bytes whole(buffer_.get(), used_bytes);
  return WriteAll(files_, fd_, whole.subspan(kStateBlockBytes),
                  SlotOffset(slot) + kStateBlockBytes) &&
         files_.DataSync(fd_) == 0 &&
         WriteAll(files_, fd_, whole.first(kStateBlockBytes),
                  SlotOffset(slot)) &&
         files_.DataSync(fd_) == 0;
}

Status StateFile::Write(const crypto::RootKey& root, const StateHeader& header,
                        size_t body_bytes) {
  COFFER_CHECK(body_bytes <= kStateBodyBytesMax);
  if (!reserved_ && files_.Reserve(fd_, 0, 2 * kStateSlotBytes) != 0) {
    last_errno_ = errno;
    return Fail(Code::kFull,
                "keeper.state: no room can be reserved; free disk space");
  }
  reserved_ = true;
  StateHeader next = header;
  next.generation = generation() + 1;
  COFFER_CHECK(HeaderHolds(next));
  const size_t box_bytes = body_bytes + crypto::kBoxExtraBytes;
  MutableBytes block(buffer_.get(), kStateBlockBytes);
  std::fill(block.begin(), block.end(), uint8_t{0});
  base::Encoder encoder(block.first(kChecksumOffset));
  BlockHead head;
  head.body_bytes = static_cast<uint32_t>(box_bytes);
  encoder.Struct(head);
  encoder.Struct(next);
  COFFER_CHECK(!encoder.failed());
  MutableBytes box(buffer_.get() + kStateBlockBytes, box_bytes);
  // In place: the body already stands where its ciphertext goes.
  auto sealed = crypto::SealBox(box, root, box.subspan(kNonceBytes, body_bytes),
                                block.first(kChecksumOffset));
  COFFER_CHECK(sealed.ok() && *sealed == box_bytes);
  buffer_used_ = 0;
  const ByteArray<32> checksum = Checksum(block, box);
  std::copy(checksum.begin(), checksum.end(), block.begin() + kChecksumOffset);

  const int target = active_ < 0 ? 0 : 1 - active_;
  const uint64_t used = kStateBlockBytes + box_bytes;
  used_bytes_[target] = std::max(used_bytes_[target], used);
  if (!WriteSlot(target, used)) return Io("keeper.state: cannot be written");
  const int stale = active_;
  active_ = target;
  used_bytes_[target] = used;
  header_ = next;
  std::copy(block.begin(), block.end(), block_.begin());
  if (stale < 0) return {};
  return EraseSlot(stale, used_bytes_[stale]);
}

}  // namespace coffer::keeper
