#include "vault/store/rows.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
    }
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

uint32_t Crc(uint32_t crc, Bytes bytes) {
  for (uint8_t byte : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xff];
  }
  return crc;
}
// The key is part of it, so that a row under another key is damage too.
uint32_t Checksum(Bytes key, Bytes value) {
  return ~Crc(Crc(0xffffffffu, key), value);
}

base::Error NewerRow() {
  return Fail(Code::kNewerFormat,
              "store: a row was written by a newer coffer; update this "
              "program");
}

}  // namespace

base::Error DamagedError() {
  return Fail(Code::kDamaged, "store: data.mdb is damaged; restore a backup");
}

RowKey& RowKey::Byte(uint8_t byte) { return Append({&byte, 1}); }

RowKey& RowKey::BigEndian(uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    Byte(static_cast<uint8_t>(number >> shift));
  }
  return *this;
}

RowKey& RowKey::Append(Bytes bytes) {
  COFFER_CHECK(bytes.size() <= bytes_.size() - size_);
  if (!bytes.empty()) {
    std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
  }
  size_ += bytes.size();
  return *this;
}

RowKey WrapKey(std::string_view institution, const LinkId& link) {
  RowKey key;
  key.Byte(static_cast<uint8_t>(institution.size()));
  return key.Append(base::AsBytes(institution)).Append(link);
}

RowKey SubjectKey(const SubjectHash& subject, const LinkId& link) {
  RowKey key;
  return key.Append(subject).Append(link);
}

RowKey ExpiryKey(uint64_t expires_at, Bytes hash_or_link) {
  RowKey key;
  return key.BigEndian(expires_at).Append(hash_or_link);
}

RowKey HistoryRowKey(const SubjectHash& subject, const HistoryKey& key) {
  RowKey row;
  return row.Append(subject).Append(key.link).BigEndian(key.leaf);
}

RowKey HistoryEndKey(uint64_t keep_until, Bytes history_key) {
  RowKey row;
  return row.BigEndian(keep_until).Append(history_key);
}

HistoryKey HistoryKeyOf(Bytes row_key) {
  COFFER_CHECK(row_key.size() == kHistoryKeyBytes);
  HistoryKey key;
  std::memcpy(key.link.data(), row_key.data() + 16, key.link.size());
  for (uint8_t byte : row_key.last(8)) key.leaf = key.leaf << 8 | byte;
  return key;
}

Result<wire::HistoryRow> CheckHistory(Bytes row) {
  auto fields = wire::DecodeHistoryRow(row);
  if (!fields.ok() || row.size() > base::kHistoryBytesMax) {
    return Fail(Code::kInvalid, "store: no past consent");
  }
  return *fields;
}

RowKey UseRowKey(const UseKey& key) {
  RowKey row;
  for (int shift = 24; shift >= 0; shift -= 8) {
    row.Byte(static_cast<uint8_t>(key.day >> shift));
  }
  return row.Append(key.tag).BigEndian(key.index);
}

Result<UseKey> DecodeUseKey(Bytes key) {
  if (key.size() != kUseKeyBytes) return DamagedError();
  UseKey out;
  for (uint8_t byte : key.first(4)) out.day = out.day << 8 | byte;
  std::memcpy(out.tag.data(), key.data() + 4, out.tag.size());
  for (uint8_t byte : key.last(8)) out.index = out.index << 8 | byte;
  return out;
}

Result<wire::RecordHead> CheckLinkParts(const LinkId& link, Bytes head,
                                        Bytes wrap, Bytes token_box) {
  auto fields = wire::DecodeRecordHead(head);
  auto wrapped = wire::DecodeWrap(wrap);
  if (!fields.ok() || !wrapped.ok()) {
    return Fail(Code::kInvalid, "store: no record, or no wrap");
  }
  if (fields->link != link || fields->institution.empty() ||
      !Belongs(*wrapped, *fields)) {
    return Fail(Code::kInvalid, "store: the parts are of another link");
  }
  if (token_box.size() > base::kTokenBoxBytesMax) {
    return Fail(Code::kInvalid, "store: the bank token is too long");
  }
  return *fields;
}

Result<WrapMove> CheckWrapMove(Bytes expected, Bytes fresh) {
  auto from = wire::DecodeWrap(expected);
  auto to = wire::DecodeWrap(fresh);
  if (!from.ok() || !to.ok() || from->leaf != to->leaf ||
      from->revision != to->revision || from->linker != to->linker ||
      from->subject != to->subject) {
    return Fail(Code::kInvalid, "store: not the same wrap under another key");
  }
  return WrapMove{from->kek, to->kek};
}

void WriteLinkRowHeader(uint8_t* out, size_t head_size) {
  out[0] = kRowFormat;
  out[1] = static_cast<uint8_t>(head_size);
  out[2] = static_cast<uint8_t>(head_size >> 8);
}

Result<LinkRow> DecodeLinkRow(const LinkId& link, Bytes row) {
  if (row.size() < kLinkRowHeaderBytes || row.size() > kLinkRowBytesMax) {
    return DamagedError();
  }
  if (row[0] > kRowFormat) return NewerRow();
  const size_t head_size = static_cast<size_t>(row[1]) | row[2] << 8;
  const Bytes parts = row.subspan(kLinkRowHeaderBytes);
  if (row[0] != kRowFormat || head_size > parts.size()) return DamagedError();
  LinkRow out;
  out.head = parts.first(head_size);
  out.token_box = parts.subspan(head_size);
  auto fields = wire::DecodeRecordHead(out.head);
  if (!fields.ok()) {
    if (fields.error().code == Code::kNewerFormat) return fields.error();
    return DamagedError();
  }
  if (fields->link != link || out.token_box.size() > base::kTokenBoxBytesMax) {
    return DamagedError();
  }
  out.fields = *fields;
  return out;
}

std::array<uint8_t, kIdempotencyRowBytes> EncodeIdempotency(
    const IdempotencyHash& key, const IdempotencyEntry& entry) {
  std::array<uint8_t, kIdempotencyRowBytes> row{};
  base::Encoder encoder(row);
  encoder.Number(kRowFormat);
  encoder.Fixed(entry.body);
  encoder.Number(entry.expires_at);
  encoder.Fixed(entry.link);
  encoder.Number(entry.revision);
  encoder.Number(Checksum(key, encoder.written()));
  COFFER_CHECK(!encoder.failed() && encoder.used() == row.size());
  return row;
}

Result<IdempotencyEntry> DecodeIdempotency(const IdempotencyHash& key,
                                           Bytes row) {
  if (row.empty()) return DamagedError();
  if (row[0] > kRowFormat) return NewerRow();
  IdempotencyEntry entry;
  uint8_t format = 0;
  uint32_t checksum = 0;
  base::Decoder decoder(row);
  decoder.Number(format);
  decoder.Fixed(entry.body);
  decoder.Number(entry.expires_at);
  decoder.Fixed(entry.link);
  decoder.Number(entry.revision);
  decoder.Number(checksum);
  if (!decoder.finished() || format != kRowFormat ||
      checksum != Checksum(key, row.first(row.size() - 4))) {
    return DamagedError();
  }
  return entry;
}

std::array<uint8_t, kCountRowBytes> EncodeCount(const wire::KeyId& kek,
                                                uint64_t links) {
  std::array<uint8_t, kCountRowBytes> row{};
  base::Encoder encoder(row);
  encoder.Number(links);
  encoder.Number(Checksum(kek, encoder.written()));
  COFFER_CHECK(!encoder.failed() && encoder.used() == row.size());
  return row;
}

Result<wire::KekCount> DecodeCount(Bytes kek, Bytes row) {
  wire::KekCount count;
  uint32_t checksum = 0;
  base::Decoder decoder(row);
  decoder.Number(count.links);
  decoder.Number(checksum);
  if (!decoder.finished() || kek.size() != count.kek.size() ||
      count.links == 0 || checksum != Checksum(kek, row.first(8))) {
    return DamagedError();
  }
  std::memcpy(count.kek.data(), kek.data(), kek.size());
  return count;
}

Status CheckStateName(std::string_view name) {
  if (name.empty() || name.size() > kStateNameBytesMax || name == kFormatName) {
    return Fail(Code::kInvalid, "store: not a name of a state row");
  }
  return {};
}

std::vector<uint8_t> EncodeState(std::string_view name, Bytes value) {
  std::vector<uint8_t> row(4 + value.size());
  base::Encoder encoder(row);
  encoder.Number(Checksum(base::AsBytes(name), value));
  encoder.Append(value);
  COFFER_CHECK(!encoder.failed());
  return row;
}

Result<Bytes> DecodeState(std::string_view name, Bytes row) {
  uint32_t checksum = 0;
  base::Decoder decoder(row);
  decoder.Number(checksum);
  if (decoder.failed() ||
      checksum != Checksum(base::AsBytes(name), decoder.rest())) {
    return DamagedError();
  }
  return decoder.rest();
}

}  // namespace coffer::store
