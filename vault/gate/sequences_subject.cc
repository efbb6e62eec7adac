// What is told of a customer: who used the links, when, for what.
#include <algorithm>

#include "vault/gate/sequences.h"

namespace coffer::gate {

using wire::Op;

namespace {

constexpr size_t kLinksAtOnce = 64;

constexpr api::Problem kCursorAhead{
    400, "invalid_request", "Invalid request",
    "after is the `next` of an earlier answer of this vault"};

// The first leaf that may be on this page.
uint64_t FirstIndex(const LedgerSearch& search) {
  return search.query.after ? search.query.after->after + 1 : 0;
}

// Keeps the earliest, one more than a page holds: it tells that more follow.
void Prune(LedgerSearch& search) {
  const size_t most = search.query.limit + 1;
  if (search.found.size() <= most) return;
  std::nth_element(
      search.found.begin(), search.found.begin() + static_cast<long>(most),
      search.found.end(),
      [](const auto& a, const auto& b) { return a.index < b.index; });
  search.found.resize(most);
}

// The uses of one link on the days of the answer.
base::Status Collect(Turn& turn, LedgerSearch& search, const wire::LinkId& link,
                     uint64_t until, const wire::TagsAnswer& tags) {
  const size_t most = search.query.limit + 1;
  for (size_t i = 0; i < tags.tags.size; ++i) {
    const store::UseKey from{tags.first_day + static_cast<uint32_t>(i),
                             tags.tags[i], FirstIndex(search)};
    auto uses = turn.store().Uses(from, most);
    if (!uses.ok()) return uses.error();
    for (store::Use& use : *uses) {
      if (use.index >= until) break;
      search.found.push_back({use.index, link, std::move(use.leaf)});
    }
    if (search.found.size() > 4 * most) Prune(search);
  }
  return {};
}

void FinishLedger(Turn& turn, Exchange& exchange) {
  LedgerSearch& search = *exchange.ledger;
  Prune(search);
  std::sort(search.found.begin(), search.found.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  std::optional<api::LedgerCursor> next;
  if (search.found.size() > search.query.limit) {
    search.found.resize(search.query.limit);
    next = {exchange.leaf, search.found.back().index};
  }
  api::LedgerWriter writer(exchange.body);
  for (const LedgerSearch::Found& found : search.found) {
    auto leaf = wire::DecodeLeaf(found.leaf);
    if (!leaf.ok() || leaf->index != found.index) {
      search.complete = false;
      continue;
    }
    writer.Add(found.link, *leaf);
  }
  writer.End(search.complete, next);
  turn.Finish(exchange, 200);
}

void AskTags(Turn& turn, Exchange& exchange, uint16_t place,
             uint32_t from_day) {
  const wire::LinkId& link = exchange.links[place];
  auto fetched = turn.Fetch(link, false);
  if (!fetched.ok() || !fetched->bytes.found()) {
    // Erased meanwhile, or damaged.
    exchange.ledger->complete &= fetched.ok();
    return;
  }
  wire::TagsItem item{exchange.peer, link, fetched->view(), from_day};
  turn.Ask(exchange, Step::kLedgerTags, Op::kTags, item, place);
  ++exchange.waiting;
}

// The next links of the customer, until some are asked about or none is left.
void GoOn(Turn& turn, Exchange& exchange) {
  const store::SubjectHash& subject = exchange.ledger->subject;
  while (exchange.waiting == 0) {
    auto links =
        turn.store().SubjectLinks(subject, exchange.link, kLinksAtOnce);
    if (!links.ok()) return turn.FinishProblem(exchange, api::kStoreFailed);
    if (links->empty()) return FinishLedger(turn, exchange);
    exchange.link = links->back();
    exchange.links = std::move(*links);
    for (size_t i = 0; i < exchange.links.size(); ++i) {
      AskTags(turn, exchange, static_cast<uint16_t>(i), 0);
    }
  }
}

// What a link's own state refuses; the others' entries are told all the same.
bool IsOfLinkAlone(wire::Rule rule) {
  switch (rule) {
    case wire::Rule::kInstitutionWithdrawn:
    case wire::Rule::kKeyDestroyed:
    case wire::Rule::kKeyUnavailable:
    case wire::Rule::kRecordDamaged:
    case wire::Rule::kRecordStale:
      return true;
    default:
      return false;
  }
}

}  // namespace

// --- GET /v1/subjects/{subject}/ledger ---------------------------------------

void StartLedger(Turn& turn, Exchange& exchange, std::string_view subject,
                 std::string_view query) {
  auto parsed = api::ParseSubjectSegment(subject);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  auto page = api::ParseLedgerQuery(query);
  if (!page.ok()) return FinishUnparsed(turn, exchange, page.error());
  exchange.ledger.emplace();
  exchange.ledger->query = *page;
  wire::HashItem item;
  item.connection = exchange.peer;
  item.right = wire::kRightRead;
  item.subject = parsed->view();
  turn.Ask(exchange, Step::kLedgerHash, Op::kHash, item);
}

void OnLedgerHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::HashAnswer hash;
  answer.fields->Struct(hash);
  if (answer.fields->failed()) return;
  LedgerSearch& search = *exchange.ledger;
  search.subject = hash.subject;
  exchange.leaf = answer.header.leaf;
  if (search.query.after) {
    if (search.query.after->until > exchange.leaf) {
      return turn.FinishProblem(exchange, kCursorAhead);
    }
    exchange.leaf = search.query.after->until;
  }
  turn.AwaitUses(exchange, exchange.leaf);
}

void OnUsesDerived(Turn& turn, Exchange& exchange) {
  exchange.ledger->complete = turn.uses_derived(exchange.leaf);
  GoOn(turn, exchange);
}

void OnLedgerTags(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  --exchange.waiting;
  const wire::Rule rule = answer.header.rule;
  if (rule == wire::Rule::kAllowed) {
    wire::TagsAnswer tags;
    answer.fields->Struct(tags);
    if (answer.fields->failed() || exchange.done) return;
    const wire::LinkId link = exchange.links[answer.to.index];
    if (!Collect(turn, *exchange.ledger, link, exchange.leaf, tags).ok()) {
      return turn.FinishProblem(exchange, api::kStoreDamaged);
    }
    if (tags.more) {
      AskTags(turn, exchange, answer.to.index,
              tags.first_day + static_cast<uint32_t>(tags.tags.size));
    }
  } else if (exchange.done) {
    return;
  } else if (IsOfLinkAlone(rule)) {
    exchange.ledger->complete = false;
  } else if (wire::VerdictOf(rule) != wire::Verdict::kNotFound) {
    // Another linker's links are left out.
    return turn.FinishProblem(exchange, api::ProblemOf(rule),
                              answer.header.leaf);
  }
  if (exchange.waiting == 0) GoOn(turn, exchange);
}

}  // namespace coffer::gate
