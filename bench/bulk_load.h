// Fills a data directory with links by the million: every record is made by the
// real keeper and opens through the API. Refuses to go on after the first
// record that the keeper would not make.
#pragma once

#include <cstdint>
#include <string>

namespace coffer::bench {

struct BulkOptions {
  std::string data_dir;  // absolute
  uint64_t links = 0;
  std::string institution = "citi";
  std::string save;  // file for a sample of the links, one a line
  uint64_t save_count = 10000;
};

// Fills `options`; false after a message on standard error.
bool ParseBulkOptions(int argc, char** argv, BulkOptions& options);

// False after a message on standard error. Prints one line of JSON.
bool BulkLoad(const BulkOptions& options);

}  // namespace coffer::bench
