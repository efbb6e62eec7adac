#include "vault/store/lmdb_store.h"

#include "vault/store/lmdb_batch.h"
#include "vault/store/lmdb_environment.h"

namespace coffer::store {
namespace {

using base::Code;
using base::Fail;

void Copy(std::vector<uint8_t>& out, Bytes bytes) {
  // Grown before the map is read, so that a fault interrupts nothing but this
  // copy.
  out.resize(bytes.size());
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
}

// Copies rows from `start`'s institution, the first link above `after`.
int FillPage(MDB_cursor* cursor, const RowKey& start, const LinkId& after,
             size_t most, WrapPage& page) {
  const Bytes prefix = start.view().first(start.view().size() - after.size());
  MDB_val key = ToVal(start.view());
  MDB_val value{};
  MDB_cursor_op step = MDB_SET_RANGE;
  size_t used = 0;
  LinkId last = after;
  while (page.count < most) {
    const int result = mdb_cursor_get(cursor, &key, &value, step);
    if (result == MDB_NOTFOUND) page.last = true;
    if (result != 0) return page.last ? 0 : result;
    const Bytes row = FromVal(key);
    if (row.size() < prefix.size() ||
        !base::Equal(row.first(prefix.size()), prefix)) {
      page.last = true;
      return 0;
    }
    if (row.size() != prefix.size() + last.size()) return MDB_CORRUPTED;
    LinkId link;
    std::memcpy(link.data(), row.data() + prefix.size(), link.size());
    if (link > last) {
      const bool fits = value.mv_size <= base::kWrapBytesMax;
      const size_t size = fits ? value.mv_size : 0;
      WrapPage::Row& out = page.rows[page.count++];
      out.link = link;
      out.at = static_cast<uint32_t>(used);
      out.size = static_cast<uint16_t>(size);
      if (size > 0) std::memcpy(&page.bytes[used], value.mv_data, size);
      used += size;
    } else if (step == MDB_NEXT) {
      return MDB_CORRUPTED;  // no order: perhaps without an end
    }
    last = link;
    step = MDB_NEXT;
  }
  return 0;
}

}  // namespace

LmdbStore::LmdbStore(std::string directory,
                     std::unique_ptr<LmdbEnvironment> environment)
    : directory_(std::move(directory)), environment_(std::move(environment)) {}
LmdbStore::~LmdbStore() = default;

Result<std::unique_ptr<LmdbStore>> LmdbStore::Open(const std::string& directory,
                                                   size_t map_bytes) {
  auto environment = LmdbEnvironment::Open(directory, map_bytes);
  if (!environment.ok()) return environment.error();
  return std::unique_ptr<LmdbStore>(
      new LmdbStore(directory, std::move(*environment)));
}

Result<LinkBytes> LmdbStore::GetLink(const LinkId& link, bool with_token_box) {
  COFFER_TRY(environment_->Ready());
  LinkBytes out;
  Status decoded;
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_val key = ToVal(link);
    MDB_val value{};
    int result =
        mdb_get(reader, environment_->table(Table::kLinks), &key, &value);
    if (result != 0) return result;
    auto row = DecodeLinkRow(link, FromVal(value));
    if (!row.ok()) {
      decoded = row.error();
      return 0;
    }
    const RowKey wrap_key = WrapKey(row->fields.institution, link);
    MDB_val wrap_val = ToVal(wrap_key.view());
    MDB_val wrap_value{};
    result = mdb_get(reader, environment_->table(Table::kWraps), &wrap_val,
                     &wrap_value);
    if (result == MDB_NOTFOUND) decoded = DamagedError();
    if (result != 0) return result;
    auto wrap = wire::DecodeWrap(FromVal(wrap_value));
    if (!wrap.ok() || !Belongs(*wrap, row->fields)) {
      decoded = !wrap.ok() && wrap.error().code == Code::kNewerFormat
                    ? wrap.error()
                    : DamagedError();
      return 0;
    }
    Copy(out.head, row->head);
    Copy(out.wrap, FromVal(wrap_value));
    if (with_token_box) Copy(out.token_box, row->token_box);
    return 0;
  });
  COFFER_TRY(decoded);
  if (code == MDB_NOTFOUND) return LinkBytes{};
  if (code != 0) return ErrorOf(code);
  return out;
}

Result<std::vector<LinkId>> LmdbStore::SubjectLinks(const SubjectHash& subject,
                                                    const LinkId& after,
                                                    size_t most) {
  COFFER_TRY(environment_->Ready());
  std::vector<LinkId> links;
  const RowKey start = SubjectKey(subject, after);
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_cursor* cursor = nullptr;
    int result =
        mdb_cursor_open(reader, environment_->table(Table::kSubjects), &cursor);
    if (result != 0) return result;
    MDB_val key = ToVal(start.view());
    MDB_val value{};
    LinkId last = after;
    MDB_cursor_op step = MDB_SET_RANGE;
    while (links.size() < most) {
      result = mdb_cursor_get(cursor, &key, &value, step);
      if (result != 0) break;
      const Bytes row = FromVal(key);
      if (row.size() != subject.size() + last.size()) {
        result = MDB_CORRUPTED;
        break;
      }
      if (!base::Equal(row.first(subject.size()), subject)) break;
      LinkId link;
      std::memcpy(link.data(), row.data() + subject.size(), link.size());
      if (link > last) {
        links.push_back(link);
      } else if (step == MDB_NEXT) {
        result = MDB_CORRUPTED;  // no order: perhaps without an end
        break;
      }
      last = link;
      step = MDB_NEXT;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
  });
  if (code != 0) return ErrorOf(code);
  return links;
}

Result<IdempotencyEntry> LmdbStore::GetIdempotency(const IdempotencyHash& key,
                                                   uint64_t now) {
  COFFER_TRY(environment_->Ready());
  Result<IdempotencyEntry> entry =
      Fail(Code::kNotFound, "store: no such idempotency key");
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_val key_val = ToVal(key);
    MDB_val value{};
    const int result = mdb_get(reader, environment_->table(Table::kIdempotency),
                               &key_val, &value);
    if (result == 0) entry = DecodeIdempotency(key, FromVal(value));
    return result;
  });
  if (code != 0 && code != MDB_NOTFOUND) return ErrorOf(code);
  if (entry.ok() && entry->expires_at < now) {
    return Fail(Code::kNotFound, "store: the idempotency key has ended");
  }
  return entry;
}

Result<std::vector<Use>> LmdbStore::Uses(const UseKey& from, size_t most) {
  COFFER_TRY(environment_->Ready());
  std::vector<Use> uses;
  const RowKey start = UseRowKey(from);
  const Bytes prefix = start.view().first(kUseKeyBytes - sizeof from.index);
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_cursor* cursor = nullptr;
    int result =
        mdb_cursor_open(reader, environment_->table(Table::kUses), &cursor);
    if (result != 0) return result;
    MDB_val key = ToVal(start.view());
    MDB_val value{};
    MDB_cursor_op step = MDB_SET_RANGE;
    while (uses.size() < most) {
      result = mdb_cursor_get(cursor, &key, &value, step);
      if (result != 0) break;
      auto use = DecodeUseKey(FromVal(key));
      const bool sound =
          use.ok() && value.mv_size <= base::kLeafBytesMax &&
          use->index >= (uses.empty() ? from.index : uses.back().index + 1);
      if (use.ok() && !base::Equal(FromVal(key).first(prefix.size()), prefix)) {
        break;
      }
      if (!sound) {
        result = MDB_CORRUPTED;
        break;
      }
      uses.push_back({use->index, {}});
      Copy(uses.back().leaf, FromVal(value));
      step = MDB_NEXT;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
  });
  if (code != 0) return ErrorOf(code);
  return uses;
}

Result<std::vector<HistoryBytes>> LmdbStore::History(const SubjectHash& subject,
                                                     const HistoryKey& after,
                                                     size_t most) {
  COFFER_TRY(environment_->Ready());
  std::vector<HistoryBytes> rows;
  const RowKey start = HistoryRowKey(subject, after);
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_cursor* cursor = nullptr;
    int result =
        mdb_cursor_open(reader, environment_->table(Table::kHistory), &cursor);
    if (result != 0) return result;
    MDB_val key = ToVal(start.view());
    MDB_val value{};
    RowKey last = start;
    MDB_cursor_op step = MDB_SET_RANGE;
    while (rows.size() < most) {
      result = mdb_cursor_get(cursor, &key, &value, step);
      if (result != 0) break;
      const Bytes row = FromVal(key);
      const int order =
          row.size() == kHistoryKeyBytes
              ? std::memcmp(row.data(), last.view().data(), row.size())
              : -1;
      if (order < 0 || (order == 0 && step == MDB_NEXT) ||
          value.mv_size > base::kHistoryBytesMax) {
        result = MDB_CORRUPTED;
        break;
      }
      if (!base::Equal(row.first(subject.size()), subject)) break;
      if (order > 0) {
        rows.push_back({HistoryKeyOf(row), {}});
        Copy(rows.back().row, FromVal(value));
      }
      last = HistoryRowKey(subject, HistoryKeyOf(row));
      step = MDB_NEXT;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
  });
  if (code != 0) return ErrorOf(code);
  return rows;
}

Result<std::vector<ExpiredLink>> LmdbStore::ExpiredLinks(
    uint64_t now, const ExpiredLink& after, size_t most) {
  COFFER_TRY(environment_->Ready());
  std::vector<ExpiredLink> links;
  const RowKey start = ExpiryKey(after.expires_at, after.link);
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_cursor* cursor = nullptr;
    int result =
        mdb_cursor_open(reader, environment_->table(Table::kExpiries), &cursor);
    if (result != 0) return result;
    MDB_val key = ToVal(start.view());
    MDB_val value{};
    RowKey last = start;
    MDB_cursor_op step = MDB_SET_RANGE;
    while (links.size() < most) {
      result = mdb_cursor_get(cursor, &key, &value, step);
      if (result != 0) break;
      const Bytes row = FromVal(key);
      ExpiredLink one;
      const int order =
          row.size() == 8 + one.link.size()
              ? std::memcmp(row.data(), last.view().data(), row.size())
              : -1;
      if (order < 0 || (order == 0 && step == MDB_NEXT)) {
        result = MDB_CORRUPTED;  // no order: perhaps without an end
        break;
      }
      for (uint8_t byte : row.first(8)) {
        one.expires_at = one.expires_at << 8 | byte;
      }
      std::memcpy(one.link.data(), row.data() + 8, one.link.size());
      if (one.expires_at > now) break;
      if (order > 0) links.push_back(one);
      last = ExpiryKey(one.expires_at, one.link);
      step = MDB_NEXT;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
  });
  if (code != 0) return ErrorOf(code);
  return links;
}

Result<std::vector<uint8_t>> LmdbStore::GetState(std::string_view name) {
  COFFER_TRY(CheckStateName(name));
  COFFER_TRY(environment_->Ready());
  return environment_->ReadState(name);
}

Result<uint64_t> LmdbStore::CountLinks() {
  COFFER_TRY(environment_->Ready());
  MDB_stat table{};
  const int code = environment_->Read([&](MDB_txn* reader) {
    return mdb_stat(reader, environment_->table(Table::kLinks), &table);
  });
  if (code != 0) return ErrorOf(code);
  return static_cast<uint64_t>(table.ms_entries);
}

Result<std::vector<wire::KekCount>> LmdbStore::CountWraps() {
  COFFER_TRY(environment_->Ready());
  std::vector<wire::KekCount> counts;
  Status decoded;
  const int code = environment_->Read([&](MDB_txn* reader) {
    return ReadCounts(reader, environment_->table(Table::kKekCounts), counts,
                      decoded);
  });
  COFFER_TRY(decoded);
  if (code != 0) return ErrorOf(code);
  return counts;
}

Status LmdbStore::WalkWraps(std::string_view institution, const LinkId& after,
                            size_t most, WrapPage& page) {
  COFFER_TRY(environment_->Ready());
  // Room for all of them before the map is read.
  page.rows.resize(most);
  page.bytes.resize(most * base::kWrapBytesMax);
  page.count = 0;
  page.last = false;
  const RowKey start = WrapKey(institution, after);
  const int code = environment_->Read([&](MDB_txn* reader) {
    MDB_cursor* cursor = nullptr;
    int result =
        mdb_cursor_open(reader, environment_->table(Table::kWraps), &cursor);
    if (result != 0) return result;
    result = FillPage(cursor, start, after, most, page);
    mdb_cursor_close(cursor);
    return result;
  });
  if (code != 0) return ErrorOf(code);
  return {};
}

Status LmdbStore::Adopt(const VaultId& vault, const StoreDigest& digest) {
  const auto check = [&](LmdbEnvironment& environment) -> Status {
    auto has_vault = environment.ReadState(kVaultIdRow);
    if (!has_vault.ok()) return has_vault.error();
    auto has_digest = environment.ReadState(kIncomingRow);
    if (!has_digest.ok()) return has_digest.error();
    if (base::Equal(*has_vault, vault) && base::Equal(*has_digest, digest)) {
      return {};
    }
    return Fail(Code::kConflict, "store: the one that lies ready is another");
  };
  Status lies_ready = Fail(Code::kIo, "store: another one is put in place");
  if (!environment_->adopting()) {
    auto incoming = LmdbEnvironment::OpenToRead(
        directory_, LmdbEnvironment::Access::kIncoming);
    lies_ready = incoming.ok() ? check(**incoming) : incoming.error();
    if (incoming.ok()) incoming->reset();
    if (lies_ready.ok()) lies_ready = environment_->Adopt();
    if (lies_ready.ok()) return {};
  }
  // Perhaps it happened before, and nobody heard of it.
  Status ready = environment_->Ready();
  if (environment_->adopting()) {
    return base::Error{Code::kUnreachable, ready.error().message};
  }
  if (ready.ok() && check(*environment_).ok()) return {};
  return lies_ready;
}

Status LmdbStore::Commit(const std::function<Status(WriteBatch&)>& fill) {
  COFFER_TRY(environment_->Ready());
  LmdbBatch batch(*environment_);
  COFFER_TRY(batch.Begin());
  COFFER_TRY(fill(batch));
  return batch.Commit();
}

}  // namespace coffer::store
