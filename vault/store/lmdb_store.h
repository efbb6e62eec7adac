// The store on disk: LMDB in a directory of the gate's own (data.mdb, lock.mdb;
// rows in rows.h). Runs in the gate, on one thread, opened before its sandbox.
// Refuses a store that is foreign, written by a newer coffer, or damaged.
//
// LMDB has no checksums, so damage shows where it is met: as kDamaged, as bytes
// the keeper refuses, or as a link that is not found. A call that runs into a
// fault of the map (a file cut short under us, a dying disk) is kDamaged, and
// so is every later one.
#pragma once

#include <memory>
#include <string>

#include "vault/store/store.h"

namespace coffer::store {

class LmdbEnvironment;

// Resource: owns the environment; one per process and directory.
class LmdbStore final : public Store {
 public:
  // Makes the directory (0700) and an empty store when there is none, whole or
  // not at all. `map_bytes` is where adding ends (at least 128 KiB, rounded up
  // to 64 KiB); erasing may use 32 MiB more. Address space and not memory.
  // kInvalid: no store of
  // coffer's; kNewerFormat; kDamaged; kFull; kIo.
  static Result<std::unique_ptr<LmdbStore>> Open(const std::string& directory,
                                                 size_t map_bytes);
  ~LmdbStore() override;

  Result<LinkBytes> GetLink(const LinkId& link, bool with_token_box) override;
  Result<std::vector<LinkId>> SubjectLinks(const SubjectHash& subject,
                                           const LinkId& after,
                                           size_t most) override;
  Result<IdempotencyEntry> GetIdempotency(const IdempotencyHash& key,
                                          uint64_t now) override;
  Result<std::vector<Use>> Uses(const UseKey& from, size_t most) override;
  Result<std::vector<HistoryBytes>> History(const SubjectHash& subject,
                                            const HistoryKey& after,
                                            size_t most) override;
  Result<std::vector<ExpiredLink>> ExpiredLinks(uint64_t now,
                                                const ExpiredLink& after,
                                                size_t most) override;
  Result<std::vector<uint8_t>> GetState(std::string_view name) override;
  Result<uint64_t> CountLinks() override;
  Result<std::vector<wire::KekCount>> CountWraps() override;
  Status WalkWraps(std::string_view institution, const LinkId& after,
                   size_t most, WrapPage& page) override;
  Status Commit(const std::function<Status(WriteBatch&)>& fill) override;
  // Looks for `incoming.mdb` in the directory, renames it to data.mdb, syncs
  // the directory and opens it.
  Status Adopt(const VaultId& vault, const StoreDigest& digest) override;

 private:
  LmdbStore(std::string directory,
            std::unique_ptr<LmdbEnvironment> environment);

  const std::string directory_;
  std::unique_ptr<LmdbEnvironment> environment_;
};

}  // namespace coffer::store
