// One write transaction of the LMDB store, for lmdb_store.cc alone. Runs in the
// gate. The first failure of a write stays and fails the commit.
#pragma once

#include <span>

#include "vault/store/lmdb_environment.h"

namespace coffer::store {

// Resource: aborts its transaction at its end unless committed.
class LmdbBatch final : public WriteBatch {
 public:
  explicit LmdbBatch(LmdbEnvironment& environment)
      : environment_(environment) {}
  ~LmdbBatch() override;

  Status Begin();
  Status Commit();

  Status PutLink(const LinkId& link, Bytes head, Bytes wrap,
                 Bytes token_box) override;
  Status EraseLink(const LinkId& link) override;
  Result<bool> ReplaceWrap(std::string_view institution, const LinkId& link,
                           Bytes expected, Bytes fresh) override;
  Result<bool> EraseDead(std::string_view institution, const LinkId& link,
                         Bytes expected) override;
  Status PutIdempotency(const IdempotencyHash& key,
                        const IdempotencyEntry& entry) override;
  Status SweepIdempotency(uint64_t now, size_t most) override;
  Status PutUse(const UseKey& key, Bytes leaf) override;
  Status SweepUses(uint32_t day, size_t most) override;
  Status ClearUses() override;
  Status PutHistory(Bytes row) override;
  Status SweepHistory(uint64_t now, size_t most) override;
  Status PutState(std::string_view name, Bytes value) override;

 private:
  // The keys under which an old record of a link stands in the other tables.
  struct OldKeys {
    bool found = false;
    RowKey wrap;
    RowKey subject;
    RowKey expiry;
  };

  // Wraps under one KEK, as they will be when this is committed.
  struct Count {
    wire::KeyId kek{};
    uint64_t before = 0;
    uint64_t links = 0;
  };

  int FindOldKeys(const LinkId& link, OldKeys& old);
  // Erases all but the wrap.
  int EraseRows(const LinkId& link, const OldKeys& old);
  // At the wrap's row, or MDB_NOTFOUND.
  int FindWrap(const RowKey& key, MDB_val& value);
  int FindCount(const wire::KeyId& kek, size_t& at);
  int CountPut(Bytes wrap);
  // Takes the wraps at these keys out of the counts, or none of them:
  // kUncounted.
  int Uncount(std::span<const RowKey* const> keys);
  int WriteCounts();
  void CloseCursor();
  int Put(Table table, Bytes key, Bytes value);
  int PutRow(const LinkId& link, Bytes head, Bytes token_box);
  // A row that is not there is no error.
  int Delete(Table table, Bytes key);
  int SweepOneHistory(MDB_cursor* cursor, uint64_t now);
  int SweepOneUse(MDB_cursor* cursor, uint32_t day);
  int SweepOne(MDB_cursor* cursor, uint64_t now);
  template <typename Call>
  Status Write(const Call& call);
  // As Write, where there is room.
  template <typename Call>
  Status Add(const Call& call);

  LmdbEnvironment& environment_;
  MDB_txn* transaction_ = nullptr;
  MDB_cursor* wraps_ = nullptr;  // for walks in order
  std::vector<Count> counts_;
  size_t last_count_ = 0;
  bool has_room_ = false;
  bool has_room_for_uses_ = false;
  Status failed_;  // the first failure; ok while there is none
};

}  // namespace coffer::store
