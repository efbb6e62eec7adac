#include "vault/keeper/slot_service.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "crypto/kdf.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using wire::LeafKind;
using wire::SlotKind;
using wire::VaultState;

namespace {

crypto::ShareSet SetOf(const wire::SlotHeader& header) {
  crypto::ShareSet set;
  std::copy_n(header.salt.begin(), set.id.size(), set.id.begin());
  set.threshold = header.threshold;
  set.checks = {header.shares.begin(), header.shares.size};
  return set;
}

// Up to `out.size()` bytes, what a pipe's other end gives until it is closed.
// kUnreachable: too late.
Result<size_t> ReadWithin(int fd, base::MutableBytes out, base::Clock& clock,
                          int seconds) {
  const uint64_t end =
      clock.BootMilliseconds() + static_cast<uint64_t>(seconds) * 1000;
  size_t size = 0;
  while (size < out.size()) {
    const uint64_t now = clock.BootMilliseconds();
    if (now >= end) return Fail(Code::kUnreachable, "too late");
    pollfd readable{fd, POLLIN, 0};
    const int ready = poll(&readable, 1, static_cast<int>(end - now));
    if (ready == 0) return Fail(Code::kUnreachable, "too late");
    if (ready < 0 && errno != EINTR) return Fail(Code::kIo, "cannot wait");
    if (ready < 0) continue;
    const ssize_t got = read(fd, out.data() + size, out.size() - size);
    if (got == 0) break;
    if (got < 0 && errno != EINTR && errno != EAGAIN) {
      return Fail(Code::kIo, "cannot read");
    }
    if (got > 0) size += static_cast<size_t>(got);
  }
  return size;
}

wire::Leaf SlotLeaf(LeafKind kind, uint8_t slot, uint32_t uid) {
  wire::Leaf leaf;
  leaf.kind = kind;
  leaf.uid = uid;
  leaf.detail = slot;
  return leaf;
}

}  // namespace

// --- Failures in a row, of each slot

uint64_t SlotService::NowSeconds() const {
  return vault_.clock().BootMilliseconds() / 1000;
}

SlotService::Row& SlotService::RowOf(uint8_t slot) {
  return rows_[slot <= base::kSlotsMax ? slot : kNoSlot];
}

// Before any cryptography with the secret.
Status SlotService::CheckPause(uint8_t slot) {
  const Row& row = RowOf(slot);
  if (row.failures < base::kUnsealFailuresFree ||
      NowSeconds() >= row.failed_at + base::kUnsealPauseSeconds) {
    return {};
  }
  return Fail(Code::kConflict,
              "too many wrong attempts: one every 10 seconds is looked at; "
              "wait and try again");
}

// Only what was wrong counts, and not what was damaged or came at a wrong time.
Status SlotService::Judge(Status outcome, uint8_t slot) {
  Row& row = RowOf(slot);
  if (outcome.ok()) {
    row.failures = 0;
  } else if (outcome.error().code == Code::kDenied) {
    ++row.failures;
    row.failed_at = NowSeconds();
  }
  return outcome;
}

Status SlotService::CheckSealed() const {
  if (vault_.state() == VaultState::kSealed) return {};
  return vault_.state() == VaultState::kOperational
             ? Fail(Code::kConflict, "already unsealed")
             : Fail(Code::kConflict, "not sealed; see `coffer status`");
}

// --- Opening

Status SlotService::Unseal(const wire::OpenQuestion& question, uint32_t uid) {
  const uint8_t asked = question.slot.id;
  COFFER_TRY(CheckSealed());
  COFFER_TRY(CheckPause(asked));
  Status opened = asked != kNoSlot ? vault_.Unseal(question, uid)
                                   : UnsealItsSlot(question, uid);
  if (vault_.state() != VaultState::kSealed) ForgetShares();
  // What does not authenticate once the root is open is no wrong secret.
  if (vault_.state() == VaultState::kError) return opened;
  return Judge(opened, asked);
}

Status SlotService::UnsealItsSlot(const wire::OpenQuestion& question,
                                  uint32_t uid) {
  crypto::SlotSecret secret(vault_.arena());
  secret.Fill(question.secret);
  const uint8_t slot = SlotOfSecret(secret);
  if (slot != kNoSlot) return vault_.UnsealWith(slot, secret, uid);
  vault_.CountUnsealFailure(uid);
  return Fail(Code::kDenied,
              "this secret is of no key-file or PKCS#11 slot of the vault");
}

// The public key tells; nothing is tried in turn.
uint8_t SlotService::SlotOfSecret(const crypto::SlotSecret& secret) const {
  const StateHeader& header = vault_.header();
  for (const StateSlot& slot : header.slots) {
    if ((slot.header.kind == SlotKind::kKeyFile ||
         slot.header.kind == SlotKind::kPkcs11) &&
        SlotPublicKey(vault_.arena(), secret, slot.header, header.vault_id) ==
            slot.public_key) {
      return slot.header.id;
    }
  }
  return kNoSlot;
}

// Looked at only while the row of its slot, or of none, does not have to wait.
Result<const StateSlot*> SlotService::SlotOfShare(Bytes share, uint32_t uid) {
  auto head = crypto::ReadShare(share);
  const StateSlot* found = nullptr;
  for (const StateSlot& slot : vault_.header().slots) {
    if (head.ok() && slot.header.kind == SlotKind::kShamir &&
        SetOf(slot.header).id == head->set) {
      found = &slot;
    }
  }
  const uint8_t row = found != nullptr ? found->header.id : kNoSlot;
  Status may = CheckPause(row);
  if (!may.ok()) return may.error();
  if (!head.ok()) return CountShare(head.error(), row, uid);
  if (found == nullptr) {
    return CountShare(
        Fail(Code::kNotFound, "share: of no seal slot of this vault"), row,
        uid);
  }
  auto read = crypto::ReadShareOf(SetOf(found->header), share);
  if (!read.ok()) return CountShare(read.error(), row, uid);
  return found;
}

// A share that was refused is an attempt, whatever was wrong with it.
base::Error SlotService::CountShare(base::Error error, uint8_t slot,
                                    uint32_t uid) {
  vault_.CountUnsealFailure(uid);
  Row& row = RowOf(slot);
  ++row.failures;
  row.failed_at = NowSeconds();
  return error;
}

Status SlotService::GiveShare(Bytes share, uint32_t uid,
                              wire::ShareAnswer& answer) {
  COFFER_TRY(CheckSealed());
  Tick();
  auto slot = SlotOfShare(share, uid);
  if (!slot.ok()) return slot.error();
  const wire::SlotHeader& header = (*slot)->header;
  if (given_ != 0 && slot_ != header.id) {
    return Fail(Code::kConflict,
                "shares of another slot were given; complete them, or take "
                "them back: coffer unseal --cancel --share-file F");
  }
  const uint8_t index = crypto::ReadShare(share)->index;
  bool known = false;
  for (size_t i = 0; i < given_; ++i) known |= indices_[i] == index;
  if (!known) {
    slot_ = header.id;
    needed_ = header.threshold;
    given_at_ = NowSeconds();
    indices_[given_] = index;
    shares_[given_] = crypto::SealShare(vault_.arena());
    shares_[given_].Fill(share);
    ++given_;
  }
  answer.slot = slot_;
  answer.needed = needed_;
  answer.given = given_;
  if (given_ < needed_) return {};
  COFFER_TRY(CombineGiven(uid));
  answer.given = 0;
  answer.opened = true;
  return {};
}

Status SlotService::CombineGiven(uint32_t uid) {
  crypto::SlotSecret secret(vault_.arena());
  Status combined = crypto::CombineShares(secret, {shares_, given_});
  const uint8_t slot = slot_;
  ForgetShares();
  COFFER_CHECK(combined.ok());
  Status opened = vault_.UnsealWith(slot, secret, uid);
  if (vault_.state() == VaultState::kError) return opened;
  return Judge(opened, slot);
}

Status SlotService::CancelShares(Bytes share, uint32_t uid) {
  Tick();
  if (given_ == 0) {
    return Fail(Code::kNotFound, "no shares were given; nothing to take back");
  }
  auto slot = SlotOfShare(share, uid);
  if (!slot.ok()) return slot.error();
  if ((*slot)->header.id != slot_) {
    return Fail(Code::kConflict,
                "share: of another slot than the shares that were given");
  }
  ForgetShares();
  return {};
}

void SlotService::ForgetShares() {
  for (crypto::SealShare& share : shares_) share.Destroy();
  given_ = 0;
  needed_ = 0;
  slot_ = 0;
}

void SlotService::Tick() {
  if (given_ == 0) return;
  if (vault_.state() != VaultState::kSealed ||
      NowSeconds() >= given_at_ + base::kShareSecondsMax) {
    ForgetShares();
  }
}

void SlotService::FillStatus(wire::OperatorStatus& status) const {
  status.shares_given = given_;
  status.shares_needed = needed_;
}

// --- At start

Status SlotService::UnsealFrom(int fd, int wait_seconds) {
  struct stat found = {};
  if (fstat(fd, &found) != 0 || S_ISCHR(found.st_mode) ||
      vault_.state() != VaultState::kSealed) {
    return {};
  }
  uint8_t bytes[crypto::kSharedSecretBytes + 1];
  auto size = ReadWithin(fd, bytes, vault_.clock(), wait_seconds);
  Status opened;
  if (!size.ok()) {
    opened = Fail(Code::kIo, "unseal at start: the secret did not come");
  } else if (*size == 0 && S_ISFIFO(found.st_mode)) {
    opened = Fail(Code::kIo,
                  "unseal at start: coffer-pkcs11 gave no secret; its line "
                  "says why");
  } else if (*size != crypto::kSharedSecretBytes) {
    opened = Fail(Code::kInvalid,
                  "unseal at start: a key file or credential has 32 bytes");
  } else {
    crypto::SlotSecret secret(vault_.arena());
    secret.Fill(Bytes(bytes, *size));
    opened = UnsealAtStart(secret);
  }
  base::Wipe(bytes);
  return opened;
}

Status SlotService::UnsealAtStart(const crypto::SlotSecret& secret) {
  const uint8_t slot = SlotOfSecret(secret);
  if (slot != kNoSlot) return vault_.UnsealWith(slot, secret, kKeeperUid);
  vault_.CountUnsealFailure(kKeeperUid);
  return Fail(Code::kDenied,
              "unseal at start: the secret opens no key-file or PKCS#11 slot; "
              "run coffer unseal");
}

// --- Changing

Status SlotService::Prepare(const wire::SlotQuestion& question,
                            PreparedSlot& prepared) {
  if (vault_.state() != VaultState::kOperational) {
    return Fail(Code::kSealed, "sealed; unseal first");
  }
  COFFER_TRY(CheckSlotHeader(question.slot));
  StateSlot slot;
  slot.header = question.slot;
  slot.header.made_at = vault_.Now();
  slot.header.id = 1;
  while (vault_.FindSlot(slot.header.id) != nullptr) ++slot.header.id;
  if (slot.header.id > base::kSlotsMax) {
    return Fail(Code::kFull, "all 8 seal slots are taken; remove one first");
  }
  for (const StateSlot& other : vault_.header().slots) {
    if (other.header.salt == slot.header.salt) {
      return Fail(Code::kConflict, "slot: another one has this salt");
    }
  }
  crypto::SlotSecret secret(vault_.arena());
  secret.Fill(question.secret);
  COFFER_TRY(
      MakeSlot(slot, vault_.arena(), secret, vault_.root(), vault_.vault_id()));
  prepared.header = slot.header;
  prepared.public_key = slot.public_key;
  return {};
}

Result<uint8_t> SlotService::Add(const PreparedSlot& prepared, uint32_t uid) {
  if (vault_.state() != VaultState::kOperational) {
    return Fail(Code::kSealed, "sealed; unseal first");
  }
  const uint8_t id = prepared.header.id;
  if (vault_.FindSlot(id) != nullptr) {
    return Fail(Code::kConflict,
                "the seal slots have changed meanwhile; add it again");
  }
  StateSlot slot;
  slot.header = prepared.header;
  slot.public_key = prepared.public_key;
  COFFER_TRY(crypto::SealKey(slot.sealed_root, vault_.root(), slot.public_key));
  COFFER_TRY(vault_.Record(SlotLeaf(LeafKind::kSlotAdd, id, uid)));
  vault_.header().slots.push_back(slot);
  Status written = vault_.WriteKeys();
  if (!written.ok()) return vault_.Latch(written.error());
  return id;
}

Status SlotService::MayRemove(uint8_t slot) const {
  if (vault_.state() != VaultState::kOperational) {
    return Fail(Code::kSealed, "sealed; unseal first");
  }
  if (vault_.FindSlot(slot) == nullptr) {
    return Fail(Code::kNotFound, "no seal slot of that id");
  }
  if (vault_.header().slots.size == 1) {
    return Fail(Code::kConflict,
                "the last seal slot cannot be removed; add another first");
  }
  return {};
}

Status SlotService::Remove(uint8_t slot, uint32_t uid) {
  COFFER_TRY(MayRemove(slot));
  auto& slots = vault_.header().slots;
  COFFER_TRY(vault_.Record(SlotLeaf(LeafKind::kSlotRemove, slot, uid)));
  auto kept = slots;
  kept.size = 0;
  for (const StateSlot& each : slots) {
    if (each.header.id != slot) kept.push_back(each);
  }
  slots = kept;
  Status replaced = vault_.ReplaceRoot();
  if (!replaced.ok()) return vault_.Latch(replaced.error());
  return {};
}

Status SlotService::Test(const wire::SlotQuestion& question, uint32_t uid) {
  if (vault_.state() != VaultState::kOperational) {
    return Fail(Code::kSealed, "sealed; unseal first");
  }
  COFFER_TRY(CheckPause(question.slot.id));
  const StateSlot* slot = vault_.FindSlot(question.slot.id);
  if (slot == nullptr) return Fail(Code::kNotFound, "no seal slot of that id");
  crypto::SlotSecret secret(vault_.arena());
  secret.Fill(question.secret);
  crypto::RootKey root(vault_.arena());
  Status opened =
      OpenRoot(root, vault_.arena(), *slot, secret, vault_.vault_id());
  if (opened.ok() && crypto::LocalId(root) != crypto::LocalId(vault_.root())) {
    opened = Fail(Code::kDamaged,
                  "this slot is damaged: it opens another root; remove it and "
                  "add it again");
  }
  wire::Leaf leaf = SlotLeaf(LeafKind::kSlotTest, slot->header.id, uid);
  if (!opened.ok()) leaf.rule = wire::Rule::kKeyUnavailable;
  Status judged = Judge(opened, slot->header.id);
  COFFER_TRY(vault_.Record(leaf));
  return judged;
}

}  // namespace coffer::keeper
