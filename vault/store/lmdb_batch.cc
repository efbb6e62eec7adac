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

// --- A walk's writes, and the counts -----------------------------------------

int LmdbBatch::FindWrap(const RowKey& key, MDB_val& value) {
  int code = 0;
  if (wraps_ == nullptr) {
    code = mdb_cursor_open(transaction_, environment_.table(Table::kWraps),
                           &wraps_);
  }
  MDB_val key_val = ToVal(key.view());
  return code == 0 ? mdb_cursor_get(wraps_, &key_val, &value, MDB_SET) : code;
}

int LmdbBatch::FindCount(const wire::KeyId& kek, size_t& at) {
  if (last_count_ < counts_.size() && counts_[last_count_].kek == kek) {
    at = last_count_;
    return 0;
  }
  for (at = 0; at < counts_.size(); ++at) {
    if (counts_[at].kek == kek) break;
  }
  last_count_ = at;
  if (at < counts_.size()) return 0;
  MDB_val key = ToVal(kek);
  MDB_val value{};
  const int code = mdb_get(transaction_, environment_.table(Table::kKekCounts),
                           &key, &value);
  if (code != 0 && code != MDB_NOTFOUND) return code;
  Count count{kek, 0, 0};
  if (code == 0) {
    auto row = DecodeCount(kek, FromVal(value));
    if (!row.ok()) return MDB_CORRUPTED;
    count.before = count.links = row->links;
  }
  counts_.push_back(count);
  return 0;
}

int LmdbBatch::CountPut(Bytes wrap) {
  auto fields = wire::DecodeWrap(wrap);
  size_t at = 0;
  const int code = FindCount(fields->kek, at);
  if (code == 0) ++counts_[at].links;
  return code;
}

// A wrap that does not decode was not put by this program, and not counted.
int LmdbBatch::Uncount(std::span<const RowKey* const> keys) {
  size_t taken[2];
  size_t count = 0;
  COFFER_CHECK(keys.size() <= 2);
  for (const RowKey* key : keys) {
    MDB_val value{};
    int code = FindWrap(*key, value);
    if (code == MDB_NOTFOUND) continue;
    if (code != 0) return code;
    auto wrap = wire::DecodeWrap(FromVal(value));
    if (!wrap.ok()) continue;
    size_t at = 0;
    code = FindCount(wrap->kek, at);
    if (code != 0) return code;
    if (counts_[at].links == 0) {
      while (count > 0) ++counts_[taken[--count]].links;
      return kUncounted;
    }
    --counts_[at].links;
    taken[count++] = at;
  }
  return 0;
}

int LmdbBatch::WriteCounts() {
  for (const Count& count : counts_) {
    if (count.links == count.before) continue;
    const int code = count.links == 0
                         ? Delete(Table::kKekCounts, count.kek)
                         : Put(Table::kKekCounts, count.kek,
                               EncodeCount(count.kek, count.links));
    if (code != 0) return code;
  }
  return 0;
}

Result<bool> LmdbBatch::ReplaceWrap(std::string_view institution,
                                    const LinkId& link, Bytes expected,
                                    Bytes fresh) {
  auto move = CheckWrapMove(expected, fresh);
  if (!move.ok()) return move.error();
  const RowKey key = WrapKey(institution, link);
  bool replaced = false;
  COFFER_TRY(Add([&] {
    MDB_val value{};
    int code = FindWrap(key, value);
    if (code == MDB_NOTFOUND) return 0;
    if (code != 0 || !base::Equal(FromVal(value), expected)) return code;
    size_t from = 0;
    size_t to = 0;
    code = FindCount(move->to, to);
    if (code == 0) code = FindCount(move->from, from);
    if (code == 0 && counts_[from].links == 0) code = kUncounted;
    if (code != 0) return code;
    MDB_val key_val = ToVal(key.view());
    MDB_val fresh_val = ToVal(fresh);
    code = mdb_cursor_put(wraps_, &key_val, &fresh_val, MDB_CURRENT);
    if (code != 0) return code;
    --counts_[from].links;
    ++counts_[to].links;
    replaced = true;
    return 0;
  }));
  return replaced;
}

// Also a wrap whose link's row is missing, unreadable or of another
// institution: a walk meets those too.
Result<bool> LmdbBatch::EraseDead(std::string_view institution,
                                  const LinkId& link, Bytes expected) {
  const RowKey key = WrapKey(institution, link);
  bool erased = false;
  COFFER_TRY(Write([&] {
    MDB_val value{};
    int code = FindWrap(key, value);
    if (code == MDB_NOTFOUND) return 0;
    if (code != 0 || !base::Equal(FromVal(value), expected)) return code;
    const RowKey* replaced[] = {&key};
    OldKeys old;
    code = Uncount(replaced);
    if (code == 0) code = FindOldKeys(link, old);
    if (code == 0) code = mdb_cursor_del(wraps_, 0);
    const bool whole = !old.found || base::Equal(old.wrap.view(), key.view());
    if (code == 0 && whole) code = EraseRows(link, old);
    erased = code == 0;
    return code;
  }));
  return erased;
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

Status LmdbBatch::PutUse(const UseKey& key, Bytes leaf) {
  if (leaf.empty() || leaf.size() > base::kLeafBytesMax) {
    return base::Fail(base::Code::kInvalid, "store: not a leaf");
  }
  COFFER_TRY(failed_);
  if (!has_room_for_uses_) failed_ = environment_.CheckRoom(9);
  has_room_for_uses_ = failed_.ok();
  const RowKey row = UseRowKey(key);
  return Write([&] { return Put(Table::kUses, row.view(), leaf); });
}

// MDB_NOTFOUND when nothing older is left.
int LmdbBatch::SweepOneUse(MDB_cursor* cursor, uint32_t day) {
  MDB_val key{};
  MDB_val value{};
  const int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  if (code != 0) return code;
  auto use = DecodeUseKey(FromVal(key));
  if (!use.ok()) return MDB_CORRUPTED;
  if (use->day >= day) return MDB_NOTFOUND;
  return mdb_cursor_del(cursor, 0);
}

Status LmdbBatch::SweepUses(uint32_t day, size_t most) {
  return Write([&] {
    MDB_cursor* cursor = nullptr;
    int code = mdb_cursor_open(transaction_, environment_.table(Table::kUses),
                               &cursor);
    if (code != 0) return code;
    for (size_t i = 0; i < most && code == 0; ++i) {
      code = SweepOneUse(cursor, day);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
  });
}

Status LmdbBatch::ClearUses() {
  return Write([&] {
    return mdb_drop(transaction_, environment_.table(Table::kUses), 0);
  });
}

Status LmdbBatch::PutHistory(Bytes row) {
  auto fields = CheckHistory(row);
  if (!fields.ok()) return fields.error();
  const RowKey key =
      HistoryRowKey(fields->subject, {fields->link, fields->leaf});
  const RowKey end = HistoryEndKey(fields->keep_until, key.view());
  return Write([&] {
    // Put once more, perhaps for another time: the earlier end goes.
    MDB_val key_val = ToVal(key.view());
    MDB_val value{};
    int code = mdb_get(transaction_, environment_.table(Table::kHistory),
                       &key_val, &value);
    if (code == 0) {
      auto old = CheckHistory(FromVal(value));
      if (old.ok() && old->keep_until != fields->keep_until) {
        code = Delete(Table::kHistoryEnds,
                      HistoryEndKey(old->keep_until, key.view()).view());
      }
    }
    if (code == MDB_NOTFOUND) code = 0;
    if (code == 0) code = Put(Table::kHistoryEnds, end.view(), {});
    return code == 0 ? Put(Table::kHistory, key.view(), row) : code;
  });
}

// MDB_NOTFOUND when nothing is left that ended.
int LmdbBatch::SweepOneHistory(MDB_cursor* cursor, uint64_t now) {
  MDB_val key{};
  MDB_val value{};
  int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  if (code != 0) return code;
  const Bytes row = FromVal(key);
  if (row.size() != 8 + kHistoryKeyBytes) return MDB_CORRUPTED;
  uint64_t keep_until = 0;
  for (uint8_t byte : row.first(8)) keep_until = keep_until << 8 | byte;
  if (keep_until >= now) return MDB_NOTFOUND;
  std::array<uint8_t, kHistoryKeyBytes> history;
  std::memcpy(history.data(), row.data() + 8, history.size());
  code = mdb_cursor_del(cursor, 0);
  return code == 0 ? Delete(Table::kHistory, history) : code;
}

Status LmdbBatch::SweepHistory(uint64_t now, size_t most) {
  return Write([&] {
    MDB_cursor* cursor = nullptr;
    int code = mdb_cursor_open(
        transaction_, environment_.table(Table::kHistoryEnds), &cursor);
    if (code != 0) return code;
    for (size_t i = 0; i < most && code == 0; ++i) {
      code = SweepOneHistory(cursor, now);
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
