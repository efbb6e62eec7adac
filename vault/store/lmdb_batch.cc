#include "vault/store/lmdb_batch.h"

namespace coffer::store {
namespace {

// No LMDB code: a wrap that is to go was never counted. Spoils nothing.
constexpr int kUncounted = -101;

}  // namespace

LmdbBatch::~LmdbBatch() {
  if (transaction_ == nullptr) return;
  CloseCursor();
  environment_.Abort(transaction_);
}

Status LmdbBatch::Begin() {
  const int code = environment_.BeginWrite(&transaction_);
  if (code == 0) return {};
  transaction_ = nullptr;
  return ErrorOf(code);
}

void LmdbBatch::CloseCursor() {
  if (wraps_ == nullptr) return;
  environment_.Run([this] {
    mdb_cursor_close(wraps_);
    return 0;
  });
  wraps_ = nullptr;
}

Status LmdbBatch::Commit() {
  COFFER_TRY(failed_);
  COFFER_TRY(Write([this] { return WriteCounts(); }));
  CloseCursor();
  MDB_txn* transaction = transaction_;
  transaction_ = nullptr;
  return environment_.Commit(transaction);
}

template <typename Call>
Status LmdbBatch::Write(const Call& call) {
  COFFER_TRY(failed_);
  const int code = environment_.Run(call);
  if (code == kUncounted) return DamagedError();
  if (code != 0) failed_ = ErrorOf(code);
  return failed_;
}

template <typename Call>
Status LmdbBatch::Add(const Call& call) {
  COFFER_TRY(failed_);
  if (!has_room_) failed_ = environment_.CheckRoom();
  has_room_ = failed_.ok();
  return Write(call);
}

int LmdbBatch::Put(Table table, Bytes key, Bytes value) {
  MDB_val key_val = ToVal(key);
  MDB_val value_val = ToVal(value);
  return mdb_put(transaction_, environment_.table(table), &key_val, &value_val,
                 0);
}

int LmdbBatch::Delete(Table table, Bytes key) {
  MDB_val key_val = ToVal(key);
  const int code =
      mdb_del(transaction_, environment_.table(table), &key_val, nullptr);
  return code == MDB_NOTFOUND ? 0 : code;
}

// The link's row is written in place of LMDB's choosing: one copy.
int LmdbBatch::PutRow(const LinkId& link, Bytes head, Bytes token_box) {
  MDB_val key = ToVal(link);
  MDB_val value{kLinkRowHeaderBytes + head.size() + token_box.size(), nullptr};
  const int code = mdb_put(transaction_, environment_.table(Table::kLinks),
                           &key, &value, MDB_RESERVE);
  if (code != 0) return code;
  uint8_t* out = static_cast<uint8_t*>(value.mv_data);
  WriteLinkRowHeader(out, head.size());
  out += kLinkRowHeaderBytes;
  std::memcpy(out, head.data(), head.size());
  if (!token_box.empty()) {
    std::memcpy(out + head.size(), token_box.data(), token_box.size());
  }
  return 0;
}

// A row that does not decode says nothing of its keys; it can still be replaced
// or erased, and what it leaves in the other tables leads nowhere.
int LmdbBatch::FindOldKeys(const LinkId& link, OldKeys& old) {
  MDB_val key = ToVal(link);
  MDB_val value{};
  const int code =
      mdb_get(transaction_, environment_.table(Table::kLinks), &key, &value);
  if (code == MDB_NOTFOUND) return 0;
  if (code != 0) return code;
  auto row = DecodeLinkRow(link, FromVal(value));
  if (!row.ok()) return 0;
  old.found = true;
  old.wrap = WrapKey(row->fields.institution, link);
  old.subject = SubjectKey(row->fields.subject, link);
  old.expiry = ExpiryKey(row->fields.expires_at, link);
  return 0;
}

Status LmdbBatch::PutLink(const LinkId& link, Bytes head, Bytes wrap,
                          Bytes token_box) {
  auto fields = CheckLinkParts(link, head, wrap, token_box);
  if (!fields.ok()) return fields.error();
  const RowKey wrap_key = WrapKey(fields->institution, link);
  const RowKey subject_key = SubjectKey(fields->subject, link);
  const RowKey expiry_key = ExpiryKey(fields->expires_at, link);
  return Add([&] {
    OldKeys old;
    int code = FindOldKeys(link, old);
    const bool moved =
        old.found && !base::Equal(old.wrap.view(), wrap_key.view());
    const RowKey* replaced[] = {&wrap_key, &old.wrap};
    if (code == 0) code = Uncount({replaced, moved ? 2u : 1u});
    if (code == 0) code = CountPut(wrap);
    const auto move = [&](Table table, const RowKey& from, const RowKey& to,
                          Bytes value) {
      if (code == 0 && old.found && !base::Equal(from.view(), to.view())) {
        code = Delete(table, from.view());
      }
      if (code == 0) code = Put(table, to.view(), value);
    };
    move(Table::kWraps, old.wrap, wrap_key, wrap);
    move(Table::kSubjects, old.subject, subject_key, {});
    move(Table::kExpiries, old.expiry, expiry_key, {});
    return code == 0 ? PutRow(link, head, token_box) : code;
  });
}

int LmdbBatch::EraseRows(const LinkId& link, const OldKeys& old) {
  int code = 0;
  if (old.found) code = Delete(Table::kSubjects, old.subject.view());
  if (code == 0 && old.found) {
    code = Delete(Table::kExpiries, old.expiry.view());
  }
  return code == 0 ? Delete(Table::kLinks, link) : code;
}

Status LmdbBatch::EraseLink(const LinkId& link) {
  return Write([&] {
    OldKeys old;
    int code = FindOldKeys(link, old);
    const RowKey* replaced[] = {&old.wrap};
    if (code == 0 && old.found) code = Uncount(replaced);
    if (code == 0 && old.found) code = Delete(Table::kWraps, old.wrap.view());
    return code == 0 ? EraseRows(link, old) : code;
  });
}

Status LmdbBatch::PutIdempotency(const IdempotencyHash& key,
                                 const IdempotencyEntry& entry) {
  const auto row = EncodeIdempotency(key, entry);
  const RowKey expiry = ExpiryKey(entry.expires_at, key);
  return Add([&] {
    MDB_val key_val = ToVal(key);
    MDB_val value{};
    int code = mdb_get(transaction_, environment_.table(Table::kIdempotency),
                       &key_val, &value);
    if (code == 0) {
      auto old = DecodeIdempotency(key, FromVal(value));
      if (old.ok() && old->expires_at != entry.expires_at) {
        code = Delete(Table::kIdempotencyExpiries,
                      ExpiryKey(old->expires_at, key).view());
      }
    }
    if (code == MDB_NOTFOUND) code = 0;
    if (code == 0) {
      code = Put(Table::kIdempotencyExpiries, expiry.view(), {});
    }
    return code == 0 ? Put(Table::kIdempotency, key, row) : code;
  });
}

// MDB_NOTFOUND when nothing is left that ended.
int LmdbBatch::SweepOne(MDB_cursor* cursor, uint64_t now) {
  MDB_val key{};
  MDB_val value{};
  int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  if (code != 0) return code;
  const Bytes expiry = FromVal(key);
  IdempotencyHash hash{};
  if (expiry.size() != 8 + hash.size()) return MDB_CORRUPTED;
  uint64_t expires_at = 0;
  for (uint8_t byte : expiry.first(8)) expires_at = expires_at << 8 | byte;
  if (expires_at >= now) return MDB_NOTFOUND;
  std::memcpy(hash.data(), expiry.data() + 8, hash.size());
  code = mdb_cursor_del(cursor, 0);
  return code == 0 ? Delete(Table::kIdempotency, hash) : code;
}

Status LmdbBatch::SweepIdempotency(uint64_t now, size_t most) {
  return Write([&] {
    MDB_cursor* cursor = nullptr;
    int code = mdb_cursor_open(
        transaction_, environment_.table(Table::kIdempotencyExpiries), &cursor);
    if (code != 0) return code;
    for (size_t i = 0; i < most && code == 0; ++i) {
      code = SweepOne(cursor, now);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
  });
}

Status LmdbBatch::PutState(std::string_view name, Bytes value) {
  COFFER_TRY(CheckStateName(name));
  const std::vector<uint8_t> row = EncodeState(name, value);
  return Add([&] { return Put(Table::kState, base::AsBytes(name), row); });
}

}  // namespace coffer::store
