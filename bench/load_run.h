// One measured run of the load generator: one thread, one epoll, N connections.
// Closed loop: each connection keeps `depth` requests in flight. Fixed rate: a
// schedule that does not wait for answers; latency counts from the time a
// request was meant to leave, so that a stall is charged to all it delayed.
#pragma once

#include <string>
#include <vector>

#include "bench/load_histogram.h"
#include "bench/load_options.h"
#include "bench/load_requests.h"

namespace coffer::bench {

struct LoadReport {
  uint64_t requests = 0;        // answered within the measured time
  uint64_t requests_total = 0;  // answered in all, warm-up and tail included
  uint64_t errors = 0;          // not 2xx, in all; or never answered
  double seconds = 0;           // measured
  double cpu_seconds = 0;       // this process's, in all
  Histogram latency;
  std::string first_error;
  std::vector<std::string> saved;  // links or tokens of the answers
};

// `save_field`: keep this field of every answer ("link", "access_token"); empty
// for none. False after a message when the socket cannot be reached.
bool RunLoad(const LoadOptions& options, RequestMaker& maker,
             const std::string& save_field, LoadReport& report);

}  // namespace coffer::bench
