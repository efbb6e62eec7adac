// Counters of the gate and their Prometheus text. Runs in the gate; shown on
// the monitor socket. Names no caller, link, subject or institution.
#pragma once

#include <array>
#include <cstdint>

#include "vault/api/text_builder.h"
#include "vault/gate/routes.h"
#include "vault/wire/message.h"

namespace coffer::gate {

// What the counters do not hold themselves.
struct MetricsNow {
  wire::StatusAnswer vault;
  wire::VaultState state = wire::VaultState::kStarting;
  uint64_t links = 0;
  uint64_t batches = 0;
  uint64_t items = 0;
  uint64_t retries = 0;
  uint64_t connections = 0;
  uint64_t in_progress = 0;
  uint64_t uptime_seconds = 0;
};

class Metrics {
 public:
  void CountRequest(RouteId route, uint16_t status) {
    size_t status_class = status / 100u;
    if (status_class > 5) status_class = 5;
    ++requests_[static_cast<size_t>(route)][status_class];
  }
  void CountCommit(size_t writes, bool committed) {
    ++commits_;
    committed_writes_ += committed ? writes : 0;
    failed_commits_ += committed ? 0 : 1;
  }
  void Write(api::TextBuilder& out, const MetricsNow& now) const;
  uint64_t commits() const { return commits_; }

  uint64_t connections = 0;
  // The store's upkeep.
  uint64_t rewrapped = 0;
  uint64_t swept = 0;
  uint64_t expired = 0;
  uint64_t rewrap_damaged = 0;
  uint64_t uses_behind = 0;  // leaves not derived yet, uses.h
  uint64_t started_at = 0;   // milliseconds of the boot clock

 private:
  std::array<std::array<uint64_t, 6>, kRouteCount> requests_{};
  uint64_t commits_ = 0;
  uint64_t committed_writes_ = 0;
  uint64_t failed_commits_ = 0;
};

inline constexpr std::string_view kMetricsType =
    "text/plain; version=0.0.4; charset=utf-8";

}  // namespace coffer::gate
