// Access tokens: issue, redeem, introspect, revoke.
#include "vault/gate/sequences.h"

namespace coffer::gate {

using wire::Op;

namespace {

wire::IssueItem IssueItemOf(const Exchange& exchange,
                            const api::TokenWish& wish,
                            const FetchedLink& fetched) {
  return {exchange.peer, wish.link,       wish.purpose,
          wish.scope,    wish.audience,   wish.expires_in,
          wish.format,   wish.single_use, fetched.view()};
}

// Writes the faults that stand before `index`, or all that are left.
void WriteFaults(Exchange& exchange, size_t index) {
  while (exchange.faults_written < exchange.faults.size()) {
    const auto& fault = exchange.faults[exchange.faults_written];
    if (fault.index >= index) return;
    exchange.batch->Add(fault.problem, wire::kNoLeaf);
    ++exchange.faults_written;
  }
}

void FinishBatch(Turn& turn, Exchange& exchange) {
  WriteFaults(exchange, SIZE_MAX);
  exchange.batch->End();
  turn.Finish(exchange, 200);
}

void FinishInactive(Turn& turn, Exchange& exchange) {
  exchange.body.Append(api::kInactiveBody);
  turn.Finish(exchange, 200);
}

// A refused introspection is {"active":false}, but for a caller that may not
// ask and a vault that is not serving.
void RefuseIntrospect(Turn& turn, Exchange& exchange,
                      const KeeperAnswer& answer) {
  switch (wire::VerdictOf(answer.header.rule)) {
    case wire::Verdict::kUnauthorizedClient:
    case wire::Verdict::kUnavailable:
    case wire::Verdict::kGone:
    case wire::Verdict::kDamaged:
      return turn.FinishProblem(exchange, api::ProblemOf(answer.header.rule),
                                answer.header.leaf);
    default:
      return FinishInactive(turn, exchange);
  }
}

void Refuse(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (exchange.route->id == RouteId::kIntrospect) {
    return RefuseIntrospect(turn, exchange, answer);
  }
  turn.FinishProblem(exchange, api::RedeemProblemOf(answer.header.rule),
                     answer.header.leaf);
}

}  // namespace

// --- POST /v1/token ----------------------------------------------------------

void StartIssue(Turn& turn, Exchange& exchange, const HttpRequest& request) {
  auto parsed = api::ParseToken(request.body);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  FetchedLink fetched;
  if (!turn.Fetch(exchange, parsed->wish.link, false, fetched)) return;
  turn.Ask(exchange, Step::kIssue, Op::kIssue,
           IssueItemOf(exchange, parsed->wish, fetched));
}

void OnIssue(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  wire::IssueAnswer issued;
  answer.fields->Struct(issued);
  if (answer.fields->failed()) return;
  api::WriteToken(exchange.body, issued);
  turn.Finish(exchange, 200);
}

// --- POST /v1/token/batch ----------------------------------------------------

void StartIssueBatch(Turn& turn, Exchange& exchange,
                     const HttpRequest& request) {
  auto parsed = api::ParseTokenBatch(request.body);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  exchange.batch.emplace(exchange.body);
  for (size_t i = 0; i < parsed->wishes.size(); ++i) {
    uint16_t index = static_cast<uint16_t>(i);
    const auto& wish = parsed->wishes[i];
    if (!wish.ok()) {
      exchange.faults.push_back({index, api::ProblemOf(wish.error())});
      continue;
    }
    auto fetched = turn.Fetch(wish->link, false);
    if (!fetched.ok()) {
      exchange.faults.push_back({index, api::kStoreDamaged});
      continue;
    }
    turn.Ask(exchange, Step::kIssueOfBatch, Op::kIssue,
             IssueItemOf(exchange, *wish, *fetched), index);
    ++exchange.waiting;
  }
  if (exchange.waiting == 0) FinishBatch(turn, exchange);
}

void OnIssueOfBatch(Turn& turn, Exchange& exchange,
                    const KeeperAnswer& answer) {
  WriteFaults(exchange, answer.to.index);
  if (answer.header.rule == wire::Rule::kAllowed) {
    wire::IssueAnswer issued;
    answer.fields->Struct(issued);
    if (answer.fields->failed()) return;
    exchange.batch->Add(issued);
  } else {
    exchange.batch->Add(api::ProblemOf(answer.header.rule, turn.VaultNow()),
                        answer.header.leaf);
  }
  if (--exchange.waiting == 0) FinishBatch(turn, exchange);
}

// --- POST /v1/redeem, /v1/introspect -----------------------------------------

void StartShownToken(Turn& turn, Exchange& exchange,
                     const HttpRequest& request) {
  bool redeem = exchange.route->id == RouteId::kRedeem;
  auto parsed = redeem ? api::ParseRedeem(request.body)
                       : api::ParseIntrospect(request.body);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  wire::LocateItem item;
  item.connection = exchange.peer;
  item.then = redeem ? Op::kRedeem : Op::kIntrospect;
  item.token = parsed->token;
  item.audience = parsed->audience;
  turn.Ask(exchange, redeem ? Step::kRedeemLocate : Step::kIntrospectLocate,
           Op::kLocate, item);
  exchange.kept = std::move(*parsed);
}

void OnLocate(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (answer.header.rule != wire::Rule::kAllowed) {
    return Refuse(turn, exchange, answer);
  }
  wire::LocateAnswer located;
  answer.fields->Struct(located);
  if (answer.fields->failed()) return;
  bool redeem = exchange.route->id == RouteId::kRedeem;
  FetchedLink fetched;
  if (!turn.Fetch(exchange, located.link, redeem, fetched)) return;
  const auto& shown = std::get<api::ShownTokenRequest>(exchange.kept);
  if (redeem) {
    wire::RedeemItem item{exchange.peer, shown.token, fetched.view()};
    turn.Ask(exchange, Step::kRedeem, Op::kRedeem, item);
  } else {
    wire::IntrospectItem item{exchange.peer, shown.token, shown.audience,
                              fetched.view()};
    turn.Ask(exchange, Step::kIntrospect, Op::kIntrospect, item);
  }
  exchange.kept = std::monostate();
}

void OnRedeem(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (answer.header.rule != wire::Rule::kAllowed) {
    return Refuse(turn, exchange, answer);
  }
  wire::RedeemAnswer redeemed;
  answer.fields->Struct(redeemed);
  if (answer.fields->failed()) return;
  api::WriteRedeemed(exchange.body, redeemed);
  turn.Finish(exchange, 200);
}

void OnIntrospect(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (answer.header.rule != wire::Rule::kAllowed) {
    return Refuse(turn, exchange, answer);
  }
  wire::IntrospectAnswer active;
  answer.fields->Struct(active);
  if (answer.fields->failed()) return;
  api::WriteActive(exchange.body, active);
  turn.Finish(exchange, 200);
}

// --- POST /v1/revoke ---------------------------------------------------------

void StartRevokeToken(Turn& turn, Exchange& exchange,
                      const HttpRequest& request) {
  auto parsed = api::ParseRevoke(request.body);
  if (!parsed.ok()) return FinishUnparsed(turn, exchange, parsed.error());
  wire::RevokeTokenItem item{exchange.peer, parsed->token, parsed->audience};
  turn.Ask(exchange, Step::kRevokeToken, Op::kRevokeToken, item);
}

void OnRevokeToken(Turn& turn, Exchange& exchange, const KeeperAnswer& answer) {
  if (!Allowed(turn, exchange, answer)) return;
  exchange.body.Append("{}");
  turn.Finish(exchange, 200);
}

}  // namespace coffer::gate
