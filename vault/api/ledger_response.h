// The body of GET /v1/subjects/{subject}/ledger: who used a customer's links,
// when, for what. Runs in the gate; the CLI reads what is written here. Reveals
// nothing but what stands in the leaves of links that the asker may read.
#pragma once

#include "vault/api/request.h"

namespace coffer::api {

// {"entries":[...],"complete":true,"next":"..."}
class LedgerWriter {
 public:
  explicit LedgerWriter(TextBuilder& out);
  void Add(const wire::LinkId& link, const wire::Leaf& leaf);
  // `complete`: nothing is missing on this page. `next`: more follow.
  void End(bool complete, const std::optional<LedgerCursor>& next);

 private:
  JsonWriter json_;
};

}  // namespace coffer::api
