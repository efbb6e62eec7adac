// What a run of the load generator does, as its command line says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coffer::bench {

enum class Kind { kIssue, kBatch, kCreate, kRedeem, kRead };

struct LoadOptions {
  std::string socket;
  Kind kind = Kind::kIssue;
  uint32_t connections = 64;
  uint32_t depth = 1;          // requests in flight on one connection
  double seconds = 2;          // of measuring
  double warmup_seconds = -1;  // before it, unmeasured; -1: by default
  uint64_t count_max = 0;      // requests in all; 0: only time bounds
  double rate = 0;             // requests a second; 0: closed loop
  uint32_t batch = 64;         // tokens in one request of kBatch
  uint32_t prepare = 256;      // links or tokens it makes first by itself
  uint32_t made_up = 0;        // values invented instead, for the floors
  std::string values;          // file with one link or token a line, instead
  std::string save;            // file for the links or tokens of the answers
  std::string institution = "citi";
  std::string purpose = "balance_display";
  std::string cluster = "ACCOUNT_DETAILED";
  std::string audience = "dev";
  bool histogram = false;
  uint64_t seed = 1;
};

const char* KindName(Kind kind);

// A number of 0 to 10^12; false for any other text.
bool ParseNumber(std::string_view text, double& number);

// Fills `options`; false after a message on standard error.
bool ParseOptions(int argc, char** argv, LoadOptions& options);

}  // namespace coffer::bench
