// New records on their way into the store, parted by link id: each part fills
// one stretch of the store's tables, so that a store of any size is written
// once and not once for every commit. Files in a directory, removed at the end.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "vault/wire/record.h"

namespace coffer::bench {

// Resource: owns its files.
class BulkSpill {
 public:
  // As many parts as `links` need; ends the program when files cannot be made.
  BulkSpill(std::string directory, uint64_t links);
  ~BulkSpill();
  BulkSpill(const BulkSpill&) = delete;
  BulkSpill& operator=(const BulkSpill&) = delete;

  void Add(const wire::NewRecord& record);
  size_t parts() const { return files_.size(); }
  // All bytes of a part: encoded NewRecords. Adding is over.
  std::vector<uint8_t> Take(size_t part);

 private:
  std::string PathOf(size_t part) const;

  std::string directory_;
  std::vector<std::FILE*> files_;
};

}  // namespace coffer::bench
