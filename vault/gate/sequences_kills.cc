// Revocation and erasure: final from the keeper's answer on.
#include "vault/gate/sequences.h"

namespace coffer::gate {

using wire::Op;

namespace {

constexpr size_t kErasePage = 256;

// All links of the subject that the asker may erase.
base::Status CollectErasable(Turn& turn, const wire::HashAnswer& asker,
                             std::vector<wire::LinkId>& out) {
  wire::LinkId after{};
  while (true) {
    auto page = turn.store().SubjectLinks(asker.subject, after, kErasePage);
    if (!page.ok()) return page.error();
    for (const wire::LinkId& link : *page) {
      if (turn.IsErased(link)) continue;
      if (!asker.all_links) {
        auto fetched = turn.Fetch(link, false);
        if (!fetched.ok()) return fetched.error();
        auto head = wire::DecodeRecordHead(fetched->bytes.head);
        if (!head.ok()) return head.error();
        if (head->linker != asker.caller) continue;
      }
      out.push_back(link);
    }
    if (page->size() < kErasePage) return {};
    after = page->back();
  }
}

}  // namespace

// --- PUT /v1/links/{link}/consent/revocation ---------------------------------

void StartRevokeConsent(Turn& turn, Exchange& exchange,
                        const HttpRequest& request, std::string_view link) {
  if (!ParsePathLink(turn, exchange, link)) return;
  auto reason = api::ParseRevocation(request.body);
  if (!reason.ok()) return FinishUnparsed(turn, exchange, reason.error());
  FetchedLink fetched;
  if (!turn.Fetch(exchange, exchange.link, false, fetched)) return;
  wire::RevokeConsentItem item{exchange.peer, exchange.link, *reason,
                               fetched.view()};
  turn.Ask(exchange, Step::kRevokeConsent, Op::kRevokeConsent, item);
}

void OnRevokeConsent(Turn& turn, Exchange& exchange,
                     const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::RevokeConsentAnswer revoked;
  answer.fields->Struct(revoked);
  if (answer.fields->failed()) return;
  turn.WriteKill(StoreWrite::Put(revoked, answer.header.leaf));
  turn.Finish(exchange, 204, "");
}

// --- DELETE /v1/links/{link} -------------------------------------------------

void StartEraseLink(Turn& turn, Exchange& exchange, const HttpRequest& request,
                    std::string_view link) {
  if (!ParsePathLink(turn, exchange, link)) return;
  FetchedLink fetched;
  if (!turn.Fetch(exchange, exchange.link, false, fetched)) return;
  wire::EraseLinkItem item{exchange.peer, exchange.link, fetched.view(),
                           request.signed_consent};
  turn.Ask(exchange, Step::kEraseLink, Op::kEraseLink, item);
}

void OnEraseLink(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::EraseAnswer erased;
  answer.fields->Struct(erased);
  if (answer.fields->failed()) return;
  turn.Bury(exchange.link);
  api::WriteErased(exchange.body, 1, erased.certificate);
  turn.Finish(exchange, 200);
}

// --- DELETE /v1/subjects/{subject} -------------------------------------------

void StartEraseSubject(Turn& turn, Exchange& exchange,
                       const HttpRequest& request, std::string_view subject) {
  auto parsed = api::ParseSubjectSegment(subject);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  wire::HashItem item;
  item.connection = exchange.peer;
  item.right = wire::kRightErase;
  item.subject = parsed->view();
  turn.Ask(exchange, Step::kEraseHash, Op::kHash, item);
  exchange.signed_consent = request.signed_consent;
  exchange.kept = *parsed;
}

void OnEraseHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::HashAnswer hash;
  answer.fields->Struct(hash);
  if (answer.fields->failed()) return;
  base::Status collected = CollectErasable(turn, hash, exchange.links);
  if (!collected.ok()) {
    return turn.FinishProblem(exchange, api::kStoreDamaged);
  }
  wire::EraseSubjectItem item;
  item.connection = exchange.peer;
  item.subject = std::get<api::SubjectText>(exchange.kept).view();
  item.links = static_cast<uint32_t>(exchange.links.size());
  item.signed_consent = exchange.signed_consent;
  // What the certificate is to name. The views last until Ask.
  std::vector<FetchedLink> shown;
  shown.reserve(base::kErasedRowsMax);
  for (const wire::LinkId& link : exchange.links) {
    if (item.rows.size == base::kErasedRowsMax) break;
    auto fetched = turn.Fetch(link, false);
    if (!fetched.ok()) continue;
    auto head = wire::DecodeRecordHead(fetched->bytes.head);
    if (!head.ok()) continue;
    shown.push_back(std::move(*fetched));
    item.rows.push_back({link, head->institution, shown.back().bytes.wrap});
  }
  turn.Ask(exchange, Step::kEraseSubject, Op::kEraseSubject, item);
  exchange.kept = std::monostate();
}

void OnEraseSubject(Turn& turn, Exchange& exchange,
                    const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::EraseAnswer erased;
  answer.fields->Struct(erased);
  if (answer.fields->failed()) return;
  for (const wire::LinkId& link : exchange.links) turn.Bury(link);
  api::WriteErased(exchange.body, exchange.links.size(), erased.certificate);
  turn.Finish(exchange, 200);
}

}  // namespace coffer::gate
