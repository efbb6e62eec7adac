// The store: what the gate keeps of links, in one narrow interface with two
// implementations (LMDB, and memory for tests), so that a third fits behind it.
// Runs in the gate. Every value is opaque, made and authenticated by the
// keeper; nothing read from here is believed before the keeper opened it.
//
// Reads see the last commit. Writes are collected in a WriteBatch and committed
// all or nothing; Commit returns only when they are durable.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vault/wire/customer.h"
#include "vault/wire/keys.h"
#include "vault/wire/record.h"

namespace coffer::store {

using base::Bytes;
using base::Result;
using base::Status;
using wire::LinkId;
using wire::SubjectHash;
using IdempotencyHash = wire::ByteArray<16>;
using VaultId = wire::ByteArray<16>;
using StoreDigest = wire::ByteArray<32>;

// Owned bytes of one link; all empty when the store has none.
struct LinkBytes {
  std::vector<uint8_t> head;
  std::vector<uint8_t> wrap;
  std::vector<uint8_t> token_box;
  bool found() const { return !head.empty(); }
};

struct IdempotencyEntry {
  wire::ByteArray<16> body{};  // keyed hash of the request's body
  uint64_t expires_at = 0;     // seconds
  LinkId link{};               // the answer to give again
  uint32_t revision = 0;
};

// One audit leaf that names a link, by the link's name of that day (see
// wire/leaf.h). The gate's copy: the keeper's journal has the leaf itself.
struct UseKey {
  uint32_t day = 0;  // UTC days since 1970
  wire::ByteArray<16> tag{};
  uint64_t index = 0;  // of the leaf
};
struct Use {
  uint64_t index = 0;
  std::vector<uint8_t> leaf;
};

// What is kept of a customer's consents is in the order of these; both from
// 0 on.
struct HistoryKey {
  LinkId link{};
  uint64_t leaf = 0;
  bool operator==(const HistoryKey&) const = default;
};
struct HistoryBytes {
  HistoryKey key;
  std::vector<uint8_t> row;  // wire/customer.h
};

// A link whose consent ended, as the head's clear date says.
struct ExpiredLink {
  uint64_t expires_at = 0;
  LinkId link{};
};

// Wraps of one institution as a walk found them, in the order of their links.
// Value, used again for page after page: it keeps its room.
struct WrapPage {
  struct Row {
    LinkId link{};
    uint32_t at = 0;  // in `bytes`
    uint16_t size = 0;
  };
  std::vector<Row> rows;
  size_t count = 0;  // of the rows in use
  std::vector<uint8_t> bytes;
  bool last = false;  // the walk's end was reached

  // Empty where the store has more bytes than any wrap.
  Bytes wrap(size_t i) const {
    return Bytes(bytes).subspan(rows[i].at, rows[i].size);
  }
};

// One turn's writes, in order; applied all or nothing. A write that is refused
// with kInvalid, or kDamaged because what it replaces was never counted, does
// nothing and spoils no other.
class WriteBatch {
 public:
  virtual ~WriteBatch() = default;
  // Puts all parts; the subject and expiry tables follow from the head.
  // kInvalid when the head or wrap does not decode or names another link.
  virtual Status PutLink(const LinkId& link, Bytes head, Bytes wrap,
                         Bytes token_box) = 0;
  // Deletes every trace; no error when there is none.
  virtual Status EraseLink(const LinkId& link) = 0;
  // Puts `fresh`, the same wrap under another KEK, in the place of `expected`.
  // False, and nothing happens, where the store has other bytes by now.
  // kInvalid when it is not the same wrap.
  virtual Result<bool> ReplaceWrap(std::string_view institution,
                                   const LinkId& link, Bytes expected,
                                   Bytes fresh) = 0;
  // EraseLink where the wrap still is `expected`; false where it is not.
  virtual Result<bool> EraseDead(std::string_view institution,
                                 const LinkId& link, Bytes expected) = 0;
  virtual Status PutIdempotency(const IdempotencyHash& key,
                                const IdempotencyEntry& entry) = 0;
  // Deletes at most `most` entries that ended before `now`.
  virtual Status SweepIdempotency(uint64_t now, size_t most) = 0;
  // At most base::kLeafBytesMax bytes. kFull once nine tenths of the store are
  // in use: links need the rest.
  virtual Status PutUse(const UseKey& key, Bytes leaf) = 0;
  // Deletes at most `most` uses of the days before `day`.
  virtual Status SweepUses(uint32_t day, size_t most) = 0;
  // Deletes all of them.
  virtual Status ClearUses() = 0;
  // What is kept of a consent, see wire/customer.h. May use the room that
  // erasing has: what it is of goes in the same commit. kInvalid.
  virtual Status PutHistory(Bytes row) = 0;
  // Deletes at most `most` of those kept until before `now`.
  virtual Status SweepHistory(uint64_t now, size_t most) = 0;
  virtual Status PutState(std::string_view name, Bytes value) = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // An unknown link is an ok result that is not found(). kDamaged when the
  // parts do not fit together, kNewerFormat, kIo.
  virtual Result<LinkBytes> GetLink(const LinkId& link,
                                    bool with_token_box) = 0;
  // At most `most` links of the subject, in id order, after `after` (all zeros:
  // from the first).
  virtual Result<std::vector<LinkId>> SubjectLinks(const SubjectHash& subject,
                                                   const LinkId& after,
                                                   size_t most) = 0;
  // kNotFound when there is none or it ended before `now`.
  virtual Result<IdempotencyEntry> GetIdempotency(const IdempotencyHash& key,
                                                  uint64_t now) = 0;
  // At most `most` uses of this day and tag, in order, the first at or after
  // `from.index`.
  virtual Result<std::vector<Use>> Uses(const UseKey& from, size_t most) = 0;
  // At most `most` of the subject's past consents, in order, after `after`.
  virtual Result<std::vector<HistoryBytes>> History(const SubjectHash& subject,
                                                    const HistoryKey& after,
                                                    size_t most) = 0;
  // At most `most` links whose consent ended at or before `now`, the earliest
  // first, after `after`.
  virtual Result<std::vector<ExpiredLink>> ExpiredLinks(
      uint64_t now, const ExpiredLink& after, size_t most) = 0;
  // Empty when never put.
  virtual Result<std::vector<uint8_t>> GetState(std::string_view name) = 0;
  virtual Result<uint64_t> CountLinks() = 0;
  // How many wraps stand under each KEK, exactly; none has no row.
  virtual Result<std::vector<wire::KekCount>> CountWraps() = 0;
  // At most `most` wraps of the institution, after `after` (all zeros: from
  // the first). kDamaged, kIo.
  virtual Status WalkWraps(std::string_view institution, const LinkId& after,
                           size_t most, WrapPage& page) = 0;

  // Runs `fill` and commits what it wrote; durable when ok. After kIo the
  // outcome is unknown: the next call reopens, and callers treat the write as
  // maybe done. kFull: disk or map is full, nothing was written.
  virtual Status Commit(const std::function<Status(WriteBatch&)>& fill) = 0;

  // Puts the store that a restore left beside this one in force, if it is of
  // this vault and its digest this one; again ok when it is so already.
  // Whatever happens, one of the two is in force, whole. kNotFound, kConflict
  // (another vault or digest), and what makes a store refuse to open: the one
  // before is kept. kUnreachable: the new one is in place, and neither safe nor
  // open yet; ask again.
  virtual Status Adopt(const VaultId& vault, const StoreDigest& digest) = 0;
};

// State rows: whose store it is, and of which restore it came.
inline constexpr std::string_view kVaultIdRow = "vault_id";
inline constexpr std::string_view kIncomingRow = "incoming";
// The next leaf of which the uses are to be derived: u64.
inline constexpr std::string_view kUsesToRow = "uses_to";

}  // namespace coffer::store
