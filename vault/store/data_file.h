// What the first pages of data.mdb say, read before LMDB maps the file: LMDB
// believes them, and reading a map past the file's end ends the process. Runs
// in the gate. Refuses a file that is no LMDB store (kInvalid), of another LMDB
// (kNewerFormat), cut short or with page headers that cannot be (kDamaged).
//
//   page      := number u64 | pad u16 | flags u16 | lower u16 | upper u16
//   meta_page := page | magic u32 | version u32 | address u64 | map_bytes u64
//                | free_table | main_table | last_page u64 | transaction u64
//   table     := page_bytes u32 | flags u16 | depth u16 | counts 4 x u64
//                | root u64
//
// Two meta pages in turn stand at the file's start; all in the machine's order.
#pragma once

#include <cstdint>

#include "crypto/base/result.h"

namespace coffer::store {

struct DataFile {
  uint32_t page_bytes = 0;
  uint64_t last_page = 0;
  uint64_t file_bytes = 0;
  uint64_t transaction = 0;  // the last committed
  // LMDB leaves a page that was taken and freed in one transaction unwritten,
  // so the pages from here to last_page may rightly be missing; only free ones.
  uint64_t first_missing_page = 0;
  bool is_short() const { return first_missing_page <= last_page; }
  uint64_t full_bytes() const { return (last_page + 1) * page_bytes; }
};

// Reads with pread; the descriptor stays the caller's.
base::Result<DataFile> InspectDataFile(int fd);

}  // namespace coffer::store
