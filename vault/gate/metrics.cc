#include "vault/gate/metrics.h"

namespace coffer::gate {
namespace {

struct Family {
  api::TextBuilder& out;

  void Head(std::string_view name, std::string_view type,
            std::string_view help) {
    out.Append("# HELP ");
    out.Append(name);
    out.Append(' ');
    out.Append(help);
    out.Append("\n# TYPE ");
    out.Append(name);
    out.Append(' ');
    out.Append(type);
    out.Append('\n');
  }
  void One(std::string_view name, std::string_view type, std::string_view help,
           uint64_t value) {
    Head(name, type, help);
    out.Append(name);
    out.Append(' ');
    out.AppendNumber(value);
    out.Append('\n');
  }
};

constexpr std::string_view kClasses[] = {"0xx", "1xx", "2xx",
                                         "3xx", "4xx", "5xx"};

}  // namespace

void Metrics::Write(api::TextBuilder& out, const MetricsNow& now) const {
  Family family{out};
  family.Head("coffer_state", "gauge", "1 for the state the vault is in.");
  for (auto state :
       {wire::VaultState::kUninitialised, wire::VaultState::kSealed,
        wire::VaultState::kStarting, wire::VaultState::kOperational,
        wire::VaultState::kError}) {
    out.Append("coffer_state{state=\"");
    out.Append(wire::VaultStateText(state));
    out.Append(state == now.state ? "\"} 1\n" : "\"} 0\n");
  }
  family.One("coffer_clock_accepted", "gauge",
             "0 while the clock waits for `coffer clock accept`.",
             now.vault.clock_accepted ? 1 : 0);
  family.One("coffer_leaves_total", "counter", "Leaves of the audit log.",
             now.vault.leaves);
  family.One("coffer_floors", "gauge", "Floors in the keeper's table.",
             now.vault.floors);
  family.One("coffer_brakes_tripped", "gauge",
             "Budgets whose brake holds now; see `coffer brake list`.",
             now.vault.brakes);
  family.One("coffer_budget_refusals_total", "counter",
             "Tokens that a budget refused, since the keeper's start.",
             now.vault.budget_refusals);
  family.One("coffer_budget_links", "gauge",
             "Links that budgets count now; refused at 1048576.",
             now.vault.budget_links);
  family.One("coffer_erasures_overdue", "gauge",
             "Erasures past their horizon whose key still lives.",
             now.vault.erasures_overdue);
  family.One("coffer_links", "gauge", "Links in the store.", now.links);
  family.One("coffer_connections", "gauge", "Open connections.",
             now.connections);
  family.One("coffer_requests_in_progress", "gauge", "Requests under way.",
             now.in_progress);
  family.One("coffer_keeper_batches_total", "counter",
             "Batches sent to the keeper.", now.batches);
  family.One("coffer_keeper_items_total", "counter", "Items in these batches.",
             now.items);
  family.One("coffer_store_commits_total", "counter",
             "Transactions of the store.", commits_);
  family.One("coffer_store_failed_commits_total", "counter",
             "Transactions that the store did not confirm.", failed_commits_);
  family.One("coffer_store_writes_total", "counter",
             "Writes in confirmed transactions.", committed_writes_);
  family.One("coffer_store_pending_retries", "gauge",
             "Writes after a revocation or erasure that the store still owes.",
             now.retries);
  family.One("coffer_rewrapped_total", "counter",
             "Links moved to another key of their institution.", rewrapped);
  family.One("coffer_swept_total", "counter",
             "Dead records that were erased in the background.", swept);
  family.One("coffer_expired_total", "counter",
             "Links that were erased because their consent had ended.",
             expired);
  family.One("coffer_rewrap_damaged", "gauge",
             "Links that could not be moved to another key: damaged.",
             rewrap_damaged);
  family.One("coffer_uses_behind", "gauge",
             "Leaves of the audit log that the ledger does not have yet.",
             uses_behind);
  family.One("coffer_uptime_seconds", "gauge", "Since the gate started.",
             now.uptime_seconds);
  family.Head("coffer_requests_total", "counter",
              "Requests by route and class of status.");
  for (size_t route = 0; route < kRouteCount; ++route) {
    for (size_t status_class = 1; status_class < 6; ++status_class) {
      uint64_t count = requests_[route][status_class];
      if (count == 0) continue;
      out.Append("coffer_requests_total{route=\"");
      out.Append(RouteText(static_cast<RouteId>(route)));
      out.Append("\",status=\"");
      out.Append(kClasses[status_class]);
      out.Append("\"} ");
      out.AppendNumber(count);
      out.Append('\n');
    }
  }
}

}  // namespace coffer::gate
