// keeper.state: the clear header and the one sealed body from which a vault is
// unsealed. Runs in the keeper, on an inherited descriptor. Refuses foreign,
// damaged and later files with a message that names keeper.state; a torn write
// of the newer slot leaves the older in force.
//
//   file   := slot (32 MiB) | slot (32 MiB)   one in force, the other is zeros
//   slot   := block (4096 bytes) | body box
//   block  := magic "COFFERS\n" | format u8 | body box bytes u32
//             | generation u64 | vault id 16 | journal position
//             | count u16 | seal slot* | quorum's threshold u8
//             | zeros | checksum 32 (the last)
//   seal slot := slot header | public key 32 | sealed root 96
//
//   checksum = BLAKE2b-32("coffer state checksum", block before it, body box)
//   body box = XChaCha20-Poly1305 under the root key, associated data: the
//              block before its checksum, so the clear fields are bound by it
//
// Magic, format, body bytes, generation and checksum keep their places in every
// format. A write goes to the slot that is not in force and is synced, the
// body before the block; only then is the other overwritten with zeros and
// synced. What the body holds is not this file's business.
#pragma once

#include <memory>

#include "crypto/paserk.h"
#include "crypto/secret_key.h"
#include "vault/keeper/journal_format.h"
#include "vault/wire/operator_message.h"

namespace coffer::keeper {

inline constexpr uint8_t kStateFormat = 1;
inline constexpr uint64_t kStateSlotBytes = 32 << 20;
inline constexpr size_t kStateBlockBytes = 4096;
inline constexpr size_t kStateBodyBytesMax = 31 << 20;

// One way to recover the root key.
struct StateSlot {
  wire::SlotHeader header;
  crypto::PublicKey public_key{};
  crypto::SealedKey sealed_root{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.header);
    coder.Fixed(self.public_key);
    coder.Fixed(self.sealed_root);
  }
};

// The clear part. Value. Authentic only once OpenBody has succeeded.
struct StateHeader {
  uint64_t generation = 0;  // set by Write
  VaultId vault_id{};
  JournalPosition journal;
  base::BoundedList<StateSlot, base::kSlotsMax> slots;
  // Of the rule in the body: known while sealed, so that sealing is no way
  // round it.
  uint8_t quorum_threshold = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.generation);
    coder.Fixed(self.vault_id);
    coder.Struct(self.journal);
    coder.Structs(self.slots);
    coder.Number(self.quorum_threshold);
  }
};

enum class StateFound : uint8_t {
  kEmpty,      // uninitialised
  kWhole,      // one slot in force
  kRecovered,  // a write was cut short; the newest whole slot is in force
};

// Resource: one 32 MiB buffer, made by the constructor; pages that are never
// used are never resident. The descriptor stays the owner's.
class StateFile {
 public:
  StateFile(FileOps& files, int fd);
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;

  // Once, before the sandbox. After kRecovered the slot in force has been
  // synced again and the other overwritten. kInvalid (foreign), kDamaged,
  // kNewerFormat, kIo.
  base::Result<StateFound> Open();
  bool initialised() const { return active_ >= 0; }
  // Requires initialised().
  const StateHeader& header() const;

  // `plaintext` is a view into body_buffer(); it holds until the next call.
  // kDenied when header or body are not authentic under this root.
  base::Status OpenBody(const crypto::RootKey& root, Bytes& plaintext);
  // Where the next body is encoded: kStateBodyBytesMax bytes.
  MutableBytes body_buffer();
  // Seals the first `body_bytes` of body_buffer() in place and makes it the
  // state in force with a raised generation. Durable on return. After kIo or
  // kFull the older state or this one is in force: treat it as fatal or write
  // again; generation() says which. The buffer's content is used up.
  base::Status Write(const crypto::RootKey& root, const StateHeader& header,
                     size_t body_bytes);
  // Overwrites what OpenBody or an encoder left in the buffer.
  void WipeBody();
  // Zeroize: overwrites both slots with zeros, the blocks that hold the sealed
  // roots before all else. Goes on after an error, and tells it at the end.
  base::Status Destroy();

  uint64_t generation() const { return initialised() ? header_.generation : 0; }
  // Of the last call that failed; for the log.
  int last_errno() const { return last_errno_; }

 private:
  enum class Verdict : uint8_t {
    kBlank,
    kWhole,
    kNewer,
    kForeign,
    kDamaged,
  };
  struct Reading {
    Verdict verdict = Verdict::kBlank;
    uint64_t generation = 0;
    uint64_t used_bytes = 0;  // of the slot
    bool remains = false;     // blank, but what followed the block still stands
  };

  base::Result<Reading> ReadSlot(int slot);
  base::Result<bool> Remains(int slot);
  base::Result<StateFound> Settle(const Reading& a, const Reading& b);
  base::Status Secure();
  base::Status Load(int slot);
  bool WriteSlot(int slot, uint64_t used_bytes);
  base::Status EraseSlot(int slot, uint64_t bytes);
  base::Error Io(base::Literal message);

  FileOps& files_;
  const int fd_;
  std::unique_ptr<uint8_t[]> buffer_;  // one slot
  size_t buffer_used_ = 0;
  ByteArray<kStateBlockBytes> block_{};  // of the slot in force
  StateHeader header_;
  int active_ = -1;  // slot in force
  uint64_t used_bytes_[2]{};
  bool reserved_ = false;
  int last_errno_ = 0;
};

}  // namespace coffer::keeper
