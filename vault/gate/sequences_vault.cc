// Keys, health, status and metrics.
#include "vault/gate/sequences.h"

namespace coffer::gate {

using wire::Op;

void StartKeys(Turn& turn, Exchange& exchange) {
  turn.Ask(exchange, Step::kKeys, Op::kKeys, wire::KeysItem{exchange.peer});
}

void OnKeys(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::KeysAnswer keys;
  answer.fields->Struct(keys);
  if (answer.fields->failed()) return;
  api::WriteKeys(exchange.body, keys);
  turn.Finish(exchange, 200);
}

void StartStatus(Turn& turn, Exchange& exchange) {
  turn.Ask(exchange, Step::kStatus, Op::kStatus, wire::StatusItem{});
}

// The turn has taken the keeper's fields already.
void OnStatus(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  switch (exchange.route->id) {
    case RouteId::kStatus: {
      wire::StatusAnswer status = turn.status();
      status.state = turn.state();
      api::WriteStatus(exchange.body, status);
      return turn.Finish(exchange, 200);
    }
    case RouteId::kMetrics: {
      MetricsNow now;
      now.vault = turn.status();
      now.state = turn.state();
      now.links = turn.LinkCount();
      now.batches = turn.keeper().batches();
      now.items = turn.keeper().items();
      now.retries = turn.retries().size();
      now.connections = turn.metrics().connections;
      now.in_progress = turn.in_progress();
      now.uptime_seconds =
          (turn.clock().BootMilliseconds() - turn.metrics().started_at) / 1000;
      turn.metrics().Write(exchange.body, now);
      return turn.Finish(exchange, 200, kMetricsType);
    }
    default: {
      uint16_t status = api::WriteHealth(exchange.body, turn.state());
      exchange.reply.retry_after_seconds = status == 503 ? 1 : 0;
      return turn.Finish(exchange, status);
    }
  }
}

}  // namespace coffer::gate
