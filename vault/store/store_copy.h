// Backups of a store: a snapshot of one that may be in use, row by row, and a
// new one made of such rows, to be put in force by Store::Adopt. Runs in the
// command line, as a user that may write the store's directory. Refuses what
// opening a store refuses, and rows that are no links.
//
// Views that a reader gives are good until its next call.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vault/store/store.h"

namespace coffer::store {

class LmdbEnvironment;
class LmdbBatch;
class Snapshot;

struct LinkCopy {
  LinkId link{};
  Bytes head;
  Bytes wrap;
  Bytes token_box;
};

// Resource: one snapshot of the store in `directory`, from Open on. While it
// lives the store in use cannot use freed pages again, so it grows.
class StoreReader {
 public:
  static Result<std::unique_ptr<StoreReader>> Open(
      const std::string& directory);
  ~StoreReader();

  // The next link in the order of their ids; false at the end. After kDamaged
  // or kNewerFormat, which are of one row, the next call goes on behind it;
  // other failures end it.
  Result<bool> Next(LinkCopy& out);
  // The next past consent, of which kDamaged likewise is one row; false at the
  // end.
  Result<bool> NextHistory(Bytes& row);
  Result<std::vector<uint8_t>> GetState(std::string_view name);
  Result<uint64_t> CountLinks();
  Result<std::vector<wire::KekCount>> CountWraps();

 private:
  explicit StoreReader(std::unique_ptr<Snapshot> snapshot);

  std::unique_ptr<Snapshot> snapshot_;
};

// Resource: builds beside the store in `directory` and puts it in place as
// incoming.mdb when finished; what was not finished goes away at its end, or
// with the next one. The file belongs to the directory's owner.
class StoreBuilder {
 public:
  // `map_bytes`: as LmdbStore's, for the commits made here.
  static Result<std::unique_ptr<StoreBuilder>> Create(
      const std::string& directory, size_t map_bytes);
  ~StoreBuilder();

  // Any order; ascending by link is fastest.
  Status Add(const LinkCopy& row);
  // A past consent; one that is there already is put again.
  Status AddHistory(Bytes row);
  // Writes the rows that Adopt asks for, syncs, and leaves incoming.mdb in
  // place of an earlier one. Nothing can be added after it.
  Status Finish(const VaultId& vault, const StoreDigest& digest);
  // Takes away an incoming.mdb that nothing is to come of.
  static void Discard(const std::string& directory);

 private:
  StoreBuilder(std::string directory,
               std::unique_ptr<LmdbEnvironment> environment);
  Status Begin();
  Status Added();
  Status Flush();
  std::string Place(const char* name) const;
  void RemovePlace();

  const std::string directory_;
  std::unique_ptr<LmdbEnvironment> environment_;
  std::unique_ptr<LmdbBatch> batch_;
  size_t added_ = 0;  // to the batch
};

}  // namespace coffer::store
