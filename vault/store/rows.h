// The bytes of the store's rows: what each table's keys and values look like.
// Runs in the gate. Refuses values that are no such bytes (kDamaged) or of a
// later format (kNewerFormat).
//
//   table                key                           value
//   links                link 16                       link_row
//   wraps                institution_size u8           wrap (wire/record.h)
//                        | institution | link 16
//   subjects             subject 16 | link 16          empty
//   expiries             expires_at u64 | link 16      empty
//   idempotency          hash 16                       idempotency_row
//   idempotency_expiries expires_at u64 | hash 16      empty
//   kek_counts           kek 16                        links u64 | checksum u32
//   uses                 day u32 | tag 16 | index u64  leaf (wire/leaf.h)
//   history              subject 16 | link 16          history (customer.h)
//                        | leaf u64
//   history_ends         keep_until u64 | subject 16   empty
//                        | link 16 | leaf u64
//   state                name 1 to 64                  checksum u32 | bytes
//   state                "format"                      u8, kStoreFormat
//
//   link_row        := row_format u8 | head_size u16 | head | token_box
//   idempotency_row := row_format u8 | body 16 | expires_at u64 | link 16
//                      | revision u32 | checksum u32
//
// Numbers are little-endian but for those in keys, which are big-endian so that
// the earliest comes first. Wraps are dense by institution, so that rotating
// one bank's key walks one stretch of one small table. How many of them are
// under each KEK is counted in every commit; there is no row for none. Uses are
// by day, so that those of today stand together and the oldest come first. The
// keeper authenticates links and wraps; a checksum (CRC-32 of the key and what
// stands before or after it) tells damage apart where no key protects a row.
#pragma once

#include <vector>

#include "vault/store/store.h"

namespace coffer::store {

inline constexpr uint8_t kStoreFormat = 3;
inline constexpr uint8_t kRowFormat = 1;
inline constexpr std::string_view kFormatName = "format";
inline constexpr size_t kStateNameBytesMax = 64;
inline constexpr size_t kLinkRowHeaderBytes = 1 + 2;
inline constexpr size_t kLinkRowBytesMax =
    kLinkRowHeaderBytes + base::kRecordHeadBytesMax + base::kTokenBoxBytesMax;
inline constexpr size_t kIdempotencyRowBytes = 1 + 16 + 8 + 16 + 4 + 4;
inline constexpr size_t kCountRowBytes = 8 + 4;

base::Error DamagedError();

// A key of a few dozen bytes, built in place.
class RowKey {
 public:
  RowKey& Byte(uint8_t byte);
  RowKey& BigEndian(uint64_t number);
  RowKey& Append(Bytes bytes);
  Bytes view() const { return {bytes_.data(), size_}; }

 private:
  std::array<uint8_t, 64> bytes_{};
  size_t size_ = 0;
};

RowKey WrapKey(std::string_view institution, const LinkId& link);
RowKey SubjectKey(const SubjectHash& subject, const LinkId& link);
RowKey ExpiryKey(uint64_t expires_at, Bytes hash_or_link);
inline constexpr size_t kUseKeyBytes = 4 + 16 + 8;
RowKey HistoryRowKey(const SubjectHash& subject, const HistoryKey& key);
RowKey HistoryEndKey(uint64_t keep_until, Bytes history_key);
inline constexpr size_t kHistoryKeyBytes = 16 + 16 + 8;
// The key's own part of a row's key; requires its size.
HistoryKey HistoryKeyOf(Bytes row_key);
// Views into `row`; kInvalid.
Result<wire::HistoryRow> CheckHistory(Bytes row);
RowKey UseRowKey(const UseKey& key);
// kDamaged.
Result<UseKey> DecodeUseKey(Bytes key);

// What PutLink is given: decodes, names this link, within the limits
// (kInvalid). Views into `head`.
Result<wire::RecordHead> CheckLinkParts(const LinkId& link, Bytes head,
                                        Bytes wrap, Bytes token_box);

// What ReplaceWrap is given: both decode and differ in KEK and box alone
// (kInvalid).
struct WrapMove {
  wire::KeyId from{};
  wire::KeyId to{};
};
Result<WrapMove> CheckWrapMove(Bytes expected, Bytes fresh);

struct LinkRow {
  Bytes head;
  Bytes token_box;
  wire::RecordHead fields;  // decoded from head
};
// Views into `row`.
Result<LinkRow> DecodeLinkRow(const LinkId& link, Bytes row);
void WriteLinkRowHeader(uint8_t* out, size_t head_size);

std::array<uint8_t, kIdempotencyRowBytes> EncodeIdempotency(
    const IdempotencyHash& key, const IdempotencyEntry& entry);
Result<IdempotencyEntry> DecodeIdempotency(const IdempotencyHash& key,
                                           Bytes row);

std::array<uint8_t, kCountRowBytes> EncodeCount(const wire::KeyId& kek,
                                                uint64_t links);
Result<wire::KekCount> DecodeCount(Bytes kek, Bytes row);

// kInvalid for an empty, too long or reserved name.
Status CheckStateName(std::string_view name);
std::vector<uint8_t> EncodeState(std::string_view name, Bytes value);
// The value's bytes, a view into `row`.
Result<Bytes> DecodeState(std::string_view name, Bytes row);

}  // namespace coffer::store
