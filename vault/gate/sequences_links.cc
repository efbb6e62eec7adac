#include <algorithm>

#include "vault/gate/sequences.h"

namespace coffer::gate {

using wire::Op;

namespace {

constexpr api::Problem kKeyInUse{
    409, "conflict", "Conflict",
    "a request with this Idempotency-Key is in progress; retry in a moment", 1};

void AskCreate(Turn& turn, Exchange& exchange) {
  const auto& request = std::get<api::CreateRequest>(exchange.kept);
  wire::CreateItem item;
  item.connection = exchange.peer;
  item.institution = request.institution;
  item.subject = request.subject;
  item.bank_token = request.bank_token;
  item.sealed = request.sealed;
  item.consent = request.consent;
  item.idempotency_key = exchange.idempotency_key;
  item.signed_consent = exchange.signed_consent;
  turn.Ask(exchange, Step::kCreate, Op::kCreate, item);
  exchange.kept = std::monostate();
}

void FinishWritten(Turn& turn, Exchange& exchange, uint16_t status) {
  api::WriteWritten(exchange.body, exchange.link, exchange.revision);
  exchange.reply.etag = exchange.revision;
  turn.Finish(exchange, status);
}

}  // namespace

bool Allowed(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (answer.header.rule == wire::Rule::kAllowed) return true;
  turn.FinishProblem(exchange,
                     api::ProblemOf(answer.header.rule, turn.VaultNow()),
                     answer.header.leaf);
  return false;
}

void FinishUnparsed(Turn& turn, Exchange& exchange, const base::Error& error) {
  turn.FinishProblem(exchange, api::ProblemOf(error));
}

bool ParsePathLink(Turn& turn, Exchange& exchange, std::string_view text) {
  base::Result<wire::LinkId> link = wire::ParseLink(text);
  if (!link.ok()) {
    turn.FinishProblem(exchange, api::ProblemOf(wire::Rule::kLinkUnknown));
    return false;
  }
  exchange.link = *link;
  return true;
}

// --- POST /v1/links ----------------------------------------------------------

void StartCreate(Turn& turn, Exchange& exchange, const HttpRequest& request) {
  if (request.has_idempotency_key) {
    base::Status key = api::CheckIdempotencyKey(request.idempotency_key);
    if (!key.ok()) return FinishUnparsed(turn, exchange, key.error());
  }
  auto parsed = api::ParseCreate(request.body);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  exchange.kept = std::move(*parsed);
  exchange.signed_consent = request.signed_consent;
  if (!request.has_idempotency_key) return AskCreate(turn, exchange);
  exchange.idempotency_key = request.idempotency_key;
  wire::HashItem item;
  item.connection = exchange.peer;
  item.right = wire::kRightCreate;
  item.route = exchange.route->pattern;
  item.idempotency_key = request.idempotency_key;
  item.body = base::AsBytes(request.body);
  turn.Ask(exchange, Step::kCreateHash, Op::kHash, item);
}

void OnCreateHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::HashAnswer hash;
  answer.fields->Struct(hash);
  if (answer.fields->failed()) return;
  exchange.idempotency = hash.idempotency;
  exchange.body_hash = hash.body;
  if (!turn.HoldIdempotency(exchange)) {
    return turn.FinishProblem(exchange, kKeyInUse);
  }
  auto found = turn.store().GetIdempotency(exchange.idempotency,
                                           turn.clock().WallSeconds());
  if (found.ok()) {
    if (found->body != exchange.body_hash) {
      return turn.FinishProblem(exchange, api::kIdempotencyConflict);
    }
    exchange.link = found->link;
    exchange.revision = found->revision;
    return FinishWritten(turn, exchange, 201);
  }
  if (found.error().code != base::Code::kNotFound) {
    return turn.FinishProblem(exchange, api::kStoreFailed);
  }
  AskCreate(turn, exchange);
}

void OnCreate(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::CreateAnswer created;
  answer.fields->Struct(created);
  if (answer.fields->failed()) return;
  StoreWrite write = StoreWrite::Put(created, answer.header.leaf);
  if (exchange.idempotent) {
    write.with_idempotency = true;
    write.idempotency = exchange.idempotency;
    write.entry.body = exchange.body_hash;
    write.entry.expires_at =
        turn.clock().WallSeconds() + base::kIdempotencySecondsMax;
    write.entry.link = created.link;
    write.entry.revision = created.revision;
  }
  turn.Write(exchange, std::move(write));
}

// --- GET /v1/links/{link} ----------------------------------------------------

void StartRead(Turn& turn, Exchange& exchange, std::string_view link) {
  if (!ParsePathLink(turn, exchange, link)) return;
  FetchedLink fetched;
  if (!turn.Fetch(exchange, exchange.link, false, fetched)) return;
  wire::ReadItem item{exchange.peer, exchange.link, fetched.view()};
  turn.Ask(exchange, Step::kRead, Op::kRead, item);
}

void OnRead(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::ReadAnswer read;
  answer.fields->Struct(read);
  if (answer.fields->failed()) return;
  api::WriteLink(exchange.body, read);
  exchange.reply.etag = read.revision;
  turn.Finish(exchange, 200);
}

// --- GET /v1/links?subject=S -------------------------------------------------

void StartList(Turn& turn, Exchange& exchange, std::string_view query) {
  auto parsed = api::ParseListQuery(query);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  wire::HashItem item;
  item.connection = exchange.peer;
  item.right = wire::kRightRead;
  item.subject = parsed->subject.view();
  exchange.link = parsed->after.value_or(wire::LinkId{});
  exchange.waiting = parsed->limit;
  turn.Ask(exchange, Step::kListHash, Op::kHash, item);
}

void OnListHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::HashAnswer hash;
  answer.fields->Struct(hash);
  if (answer.fields->failed()) return;
  size_t most = exchange.waiting;
  auto links = turn.store().SubjectLinks(hash.subject, exchange.link, most + 1);
  if (!links.ok()) return turn.FinishProblem(exchange, api::kStoreFailed);
  if (links->size() > most) {
    links->resize(most);
    exchange.next = links->back();
  }
  exchange.waiting = 0;
  exchange.list.emplace(exchange.body);
  for (const wire::LinkId& link : *links) {
    auto fetched = turn.Fetch(link, false);
    if (!fetched.ok()) {
      // What was asked already is answered to nobody.
      return turn.FinishProblem(exchange, api::kStoreDamaged);
    }
    wire::ReadItem item{exchange.peer, link, fetched->view()};
    turn.Ask(exchange, Step::kListRead, Op::kRead, item);
    ++exchange.waiting;
  }
  if (exchange.waiting == 0) {
    exchange.list->End(exchange.next);
    turn.Finish(exchange, 200);
  }
}

void OnListRead(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  --exchange.waiting;
  wire::Rule rule = answer.header.rule;
  if (rule == wire::Rule::kAllowed) {
    wire::ReadAnswer read;
    answer.fields->Struct(read);
    if (answer.fields->failed()) return;
    if (!exchange.done) exchange.list->Add(read);
  } else if (wire::VerdictOf(rule) != wire::Verdict::kNotFound) {
    // Another linker's links are left out; a link that cannot be read is not.
    if (!exchange.done) {
      turn.FinishProblem(exchange, api::ProblemOf(rule), answer.header.leaf);
    }
  }
  if (exchange.waiting == 0 && !exchange.done) {
    exchange.list->End(exchange.next);
    turn.Finish(exchange, 200);
  }
}

// --- PUT /v1/links/{link}/bank_token, /consent -------------------------------

void StartReplace(Turn& turn, Exchange& exchange, const HttpRequest& request,
                  std::string_view link) {
  if (!ParsePathLink(turn, exchange, link)) return;
  if (!request.has_if_match) {
    return turn.FinishProblem(exchange, api::kPreconditionRequired);
  }
  auto if_match = api::ParseIfMatch(request.if_match);
  if (!if_match.ok()) return FinishUnparsed(turn, exchange, if_match.error());
  FetchedLink fetched;
  if (exchange.route->id == RouteId::kReplaceBankToken) {
    auto parsed = api::ParseReplaceBankToken(request.body);
    if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
    if (!turn.Fetch(exchange, exchange.link, false, fetched)) return;
    wire::ReplaceBankTokenItem item{exchange.peer,  exchange.link,
                                    *if_match,      parsed->bank_token,
                                    fetched.view(), parsed->sealed};
    turn.Ask(exchange, Step::kReplace, Op::kReplaceBankToken, item);
    return;
  }
  auto parsed = api::ParseConsent(request.body);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  if (!turn.Fetch(exchange, exchange.link, true, fetched)) return;
  wire::ReplaceConsentItem item{exchange.peer,  exchange.link,
                                *if_match,      parsed->consent,
                                fetched.view(), request.signed_consent};
  turn.Ask(exchange, Step::kReplace, Op::kReplaceConsent, item);
}

void OnReplace(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::ReplaceAnswer replaced;
  answer.fields->Struct(replaced);
  if (answer.fields->failed()) return;
  StoreWrite write = StoreWrite::Put(replaced, answer.header.leaf);
  write.history.assign(replaced.history.begin(), replaced.history.end());
  turn.Write(exchange, std::move(write));
}

void OnWritten(Turn& turn, Exchange& exchange, const StoreWrite& write,
               bool committed) {
  if (!committed) {
    turn.AskNotCommitted(write.link, write.leaf);
    return turn.FinishProblem(exchange, api::kStoreFailed, write.leaf);
  }
  exchange.link = write.link;
  exchange.revision = write.revision;
  exchange.leaf = write.leaf;
  if (exchange.route->id == RouteId::kCreateLink) {
    return FinishWritten(turn, exchange, 201);
  }
  // The floor that ends the former record comes with the keeper's answer.
  wire::CommitItem item{write.link, write.leaf};
  turn.Ask(exchange, Step::kCommitted, Op::kCommitted, item);
}

void OnCommitted(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (answer.header.rule != wire::Rule::kAllowed) {
    return turn.FinishProblem(exchange, api::ProblemOf(answer.header.rule),
                              exchange.leaf);
  }
  FinishWritten(turn, exchange, 200);
}

}  // namespace coffer::gate
