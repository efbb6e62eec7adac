// What a customer had opted into: the past consents of the links.
#include "vault/gate/sequences.h"

namespace coffer::gate {

using wire::Op;

// --- GET /v1/subjects/{subject}/consents -------------------------------------

void StartConsents(Turn& turn, Exchange& exchange, std::string_view subject,
                   std::string_view query) {
  auto parsed = api::ParseSubjectSegment(subject);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  auto page = api::ParseConsentsQuery(query);
  if (!page.ok()) return FinishUnparsed(turn, exchange, page.error());
  exchange.consents_after = page->after.value_or(api::ConsentsCursor{});
  exchange.waiting = page->limit;
  wire::HashItem item;
  item.connection = exchange.peer;
  item.right = wire::kRightRead;
  item.subject = parsed->view();
  turn.Ask(exchange, Step::kConsentsHash, Op::kHash, item);
}

void OnConsentsHash(Turn& turn, Exchange& exchange,
                    const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::HashAnswer hash;
  answer.fields->Struct(hash);
  if (answer.fields->failed()) return;
  const size_t most = exchange.waiting;
  exchange.waiting = 0;
  const api::ConsentsCursor& after = exchange.consents_after;
  auto rows =
      turn.store().History(hash.subject, {after.link, after.leaf}, most + 1);
  if (!rows.ok()) return turn.FinishProblem(exchange, api::kStoreFailed);
  exchange.consents.emplace(exchange.body);
  exchange.consents_more = rows->size() > most;
  if (exchange.consents_more) {
    rows->resize(most);
    exchange.consents_after = {rows->back().key.link, rows->back().key.leaf};
  }
  for (const store::HistoryBytes& row : *rows) {
    wire::HistoryItem item{exchange.peer, row.row};
    turn.Ask(exchange, Step::kConsentsTell, Op::kHistory, item);
    ++exchange.waiting;
  }
  if (exchange.waiting > 0) return;
  exchange.consents->End(nullptr);
  turn.Finish(exchange, 200);
}

void OnConsentsTell(Turn& turn, Exchange& exchange,
                    const KeeperAnswer& answer) {
  --exchange.waiting;
  const wire::Rule rule = answer.header.rule;
  if (rule == wire::Rule::kAllowed) {
    wire::PastConsent past;
    answer.fields->Struct(past);
    if (answer.fields->failed()) return;
    if (!exchange.done) exchange.consents->Add(past);
  } else if (wire::VerdictOf(rule) != wire::Verdict::kNotFound) {
    // Another linker's, and one past its retention, are left out.
    if (!exchange.done) {
      turn.FinishProblem(exchange, api::ProblemOf(rule), answer.header.leaf);
    }
  }
  if (exchange.waiting > 0 || exchange.done) return;
  exchange.consents->End(exchange.consents_more ? &exchange.consents_after
                                                : nullptr);
  turn.Finish(exchange, 200);
}

}  // namespace coffer::gate
