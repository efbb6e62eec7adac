// The server's dealings with one connection: reading, beginning requests,
// replies, deadlines.
#include <sys/epoll.h>
#include <sys/socket.h>

#include "vault/gate/server.h"

namespace coffer::gate {
namespace {

constexpr size_t kBacklogMax = 8;  // batches that wait for the keeper
constexpr uint64_t kHeaderMilliseconds = base::kHeaderSecondsMax * 1000;
constexpr uint64_t kBodyMilliseconds = base::kBodySecondsMax * 1000;
constexpr uint64_t kIdleMilliseconds = base::kIdleSecondsMax * 1000;
constexpr uint64_t kWriteMilliseconds = 10'000;  // without any progress
constexpr uint64_t kLingerMilliseconds = 1'000;
constexpr uint64_t kCheckEvery = 100;  // milliseconds
constexpr size_t kDiscardMax = 1 << 20;

constexpr api::Problem kTakesNoBody{400, "invalid_request", "Invalid request",
                                    "this route takes no body"};
constexpr api::Problem kTakesNoQuery{400, "invalid_request", "Invalid request",
                                     "this route takes no query"};
constexpr api::Problem kTakesNoSignature{
    400, "invalid_request", "Invalid request",
    "this route checks no Signed-Consent; leave it out"};
constexpr api::Problem kNoSignature{
    400, "invalid_request", "Invalid request",
    "Signed-Consent is a v4.public token of at most 8192 bytes"};

const api::Problem& ProblemOfHttp(int status) {
  switch (status) {
    case 408:
      return api::kRequestTimeout;
    case 411:
      return api::kLengthRequired;
    case 413:
      return api::kBodyTooLarge;
    case 431:
      return api::kHeadersTooLarge;
    default:
      return api::kMalformedHttp;
  }
}

// application/json, perhaps with parameters such as charset.
bool IsJson(std::string_view type) {
  constexpr std::string_view kJson = api::kJsonType;
  if (type.size() < kJson.size()) return false;
  for (size_t i = 0; i < kJson.size(); ++i) {
    char letter = type[i];
    if (letter >= 'A' && letter <= 'Z') {
      letter = static_cast<char>(letter - 'A' + 'a');
    }
    if (letter != kJson[i]) return false;
  }
  std::string_view rest = type.substr(kJson.size());
  while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\t')) {
    rest.remove_prefix(1);
  }
  return rest.empty() || rest[0] == ';';
}

// What is wrong with a request before its route looks at it; null: nothing.
const api::Problem* EarlyProblem(const HttpRequest& request,
                                 const RouteMatch& match) {
  switch (match.outcome) {
    case MatchOutcome::kNoSuchPath:
      return &api::kNoSuchRoute;
    case MatchOutcome::kOtherMethod:
      return &api::kMethodNotAllowed;
    case MatchOutcome::kFound:
      break;
  }
  if (match.route->Has(kHasBody)) {
    if (!request.has_content_type || !IsJson(request.content_type)) {
      return &api::kUnsupportedMediaType;
    }
  } else if (!request.body.empty()) {
    return &kTakesNoBody;
  }
  if (match.has_query && !match.route->Has(kTakesQuery)) return &kTakesNoQuery;
  if (request.has_signed_consent) {
    if (!match.route->Has(kTakesSignature)) return &kTakesNoSignature;
    // Nobody is to believe that an empty one was checked.
    if (request.signed_consent.substr(0, 10) != "v4.public.") {
      return &kNoSignature;
    }
  }
  return nullptr;
}

}  // namespace

void Server::OnConnectionEvent(uint32_t slot, uint32_t events) {
  if (slot >= slots_.size() || slots_[slot] == nullptr) return;
  Connection& connection = *slots_[slot];
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return Close(connection);
  if (connection.discarding) return OnDiscard(connection);
  if ((events & EPOLLOUT) != 0) Touch(connection);
  if ((events & EPOLLIN) == 0) return;
  switch (connection.Read()) {
    case IoOutcome::kWouldBlock:
      return;
    case IoOutcome::kFailed:
      return Close(connection);
    case IoOutcome::kEnded:
      connection.input_ended = true;
      return Touch(connection);
    case IoOutcome::kProgress:
      break;
  }
  Process(connection);
}

void Server::OnDiscard(Connection& connection) {
  if (connection.Discard() == IoOutcome::kProgress &&
      connection.discarded < kDiscardMax) {
    return;
  }
  Close(connection);
}

void Server::Touch(Connection& connection) {
  if (connection.output.empty()) connection.written_at = now_;
  if (connection.touched) return;
  connection.touched = true;
  touched_.push_back(connection.slot);
}

void Server::Stall(Connection& connection) {
  if (connection.stalled) return;
  connection.stalled = true;
  stalled_.push_back(connection.slot);
  Touch(connection);
}

void Server::Process(Connection& connection) {
  while (!connection.last_request && !connection.ending) {
    if (!connection.MayBegin() || keeper_.backlog() > kBacklogMax) {
      if (!connection.input.empty()) Stall(connection);
      break;
    }
    HttpStep step = connection.input.Next();
    if (step == HttpStep::kNeedMore) {
      bool quiet = connection.under_way.empty() && connection.output.empty();
      if (quiet && connection.input.TakeContinue()) {
        Touch(connection);
        connection.output.Append("HTTP/1.1 100 Continue\r\n\r\n");
      }
      break;
    }
    if (step == HttpStep::kFault) {
      Refuse(connection, ProblemOfHttp(connection.input.fault()));
      break;
    }
    if (!BeginRequest(connection)) break;
  }
  UpdatePhase(connection);
}

Exchange& Server::NewExchange(Connection& connection) {
  Exchange& exchange = turn_.NewExchange();
  exchange.connection = &connection;
  exchange.peer = connection.peer;
  connection.under_way.push_back(&exchange);
  return exchange;
}

// Answers what is no request and ends the connection.
void Server::Refuse(Connection& connection, const api::Problem& problem) {
  Exchange& exchange = NewExchange(connection);
  exchange.keep_alive = false;
  exchange.linger = true;
  connection.last_request = true;
  turn_.FinishProblem(exchange, problem);
}

bool Server::WaitsForStatus(Connection& connection, const Route* route) {
  if (route == nullptr || route->Has(kAlsoSealed) || turn_.operational()) {
    return false;
  }
  if (connection.status_needed == 0) {
    connection.status_needed = turn_.AskStatus();
  }
  return turn_.status_answered() < connection.status_needed;
}

bool Server::BeginRequest(Connection& connection) {
  const HttpRequest& request = connection.input.request();
  RouteMatch match =
      MatchRoute(request.method, request.target, connection.socket);
  const api::Problem* problem = EarlyProblem(request, match);
  const Route* route = problem == nullptr ? match.route : nullptr;
  if (!connection.MayOverlap(route) || WaitsForStatus(connection, route)) {
    Stall(connection);
    return false;
  }
  Exchange& exchange = NewExchange(connection);
  exchange.route = match.route;
  exchange.head = match.head;
  exchange.old_version = request.old_version;
  exchange.keep_alive = request.keep_alive && !stopping_;
  if (!exchange.keep_alive) connection.last_request = true;
  if (problem != nullptr) {
    exchange.reply.allow = match.allow;
    turn_.FinishProblem(exchange, *problem);
  } else if (!route->Has(kAlsoSealed) && !turn_.operational()) {
    turn_.FinishProblem(exchange, api::ProblemOf(turn_.state()));
  } else {
    turn_.Start(exchange, request, match);
  }
  connection.status_needed = 0;
  // Bodies hold bank tokens and subjects; a path may hold a subject.
  connection.input.Consume(true);
  connection.phase = HttpPhase::kIdle;
  connection.phase_since = now_;
  return true;
}

void Server::Deliver() {
  for (Exchange* exchange : turn_.finished()) {
    if (exchange->connection == nullptr) {
      turn_.Release(*exchange);
      continue;
    }
    exchange->delivered = true;
    Touch(*exchange->connection);
  }
  turn_.finished().clear();
  for (uint32_t slot : touched_) {
    Connection* connection = slots_[slot].get();
    if (connection == nullptr || connection->under_way.empty()) continue;
    connection->TakeReplies(
        [this](Exchange& exchange) { turn_.Release(exchange); });
  }
}

void Server::ProcessStalled() {
  if (stalled_.empty()) return;
  std::vector<uint32_t> stalled;
  stalled.swap(stalled_);
  for (uint32_t slot : stalled) {
    Connection* connection = slots_[slot].get();
    if (connection == nullptr || !connection->stalled) continue;
    connection->stalled = false;
    Process(*connection);
    Touch(*connection);
  }
}

void Server::Flush() {
  std::vector<uint32_t> touched;
  touched.swap(touched_);
  for (uint32_t slot : touched) {
    Connection* connection = slots_[slot].get();
    if (connection == nullptr || !connection->touched) continue;
    connection->touched = false;
    FlushOne(*connection);
  }
  touched.clear();
  if (touched_.empty()) touched_.swap(touched);  // keeps the room
}

void Server::FlushOne(Connection& connection) {
  if (!connection.output.empty()) {
    size_t before = connection.output.size();
    IoOutcome outcome = connection.Write();
    if (outcome == IoOutcome::kFailed) return Close(connection);
    if (connection.output.size() < before) connection.written_at = now_;
  }
  bool sent = connection.output.empty();
  if (sent && connection.ending && !connection.discarding) {
    if (!connection.linger || connection.input_ended) return Close(connection);
    shutdown(connection.fd(), SHUT_WR);
    connection.discarding = true;
    connection.phase_since = now_;
  }
  if (sent && connection.under_way.empty() && !connection.discarding) {
    bool over = connection.input_ended && !connection.stalled;
    if (over || stopping_) return Close(connection);
  }
  // What stalled may go on now; a client that waits to send its body, too.
  bool waits = !connection.input.empty() && connection.MayBegin();
  if (connection.stalled && waits && sent) {
    again_ = again_ ||
             (connection.under_way.empty() && connection.status_needed == 0 &&
              keeper_.backlog() <= kBacklogMax);
  } else if (waits && sent && connection.under_way.empty() &&
             !connection.stalled) {
    Process(connection);
    again_ = again_ || connection.touched;
  }
  UpdateEvents(connection);
}

void Server::UpdatePhase(Connection& connection) {
  HttpPhase phase = connection.input.phase();
  if (connection.stalled) phase = HttpPhase::kIdle;
  if (phase == connection.phase) return;
  connection.phase = phase;
  connection.phase_since = now_;
}

void Server::CheckDeadlines() {
  if (now_ - checked_at_ < kCheckEvery) return;
  checked_at_ = now_;
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot] != nullptr) CheckDeadline(*slots_[slot]);
  }
  Deliver();
  Flush();
}

void Server::CheckDeadline(Connection& connection) {
  uint64_t waited = now_ - connection.phase_since;
  if (!connection.output.empty() &&
      now_ - connection.written_at > kWriteMilliseconds) {
    return Close(connection);
  }
  if (connection.discarding) {
    if (waited > kLingerMilliseconds) Close(connection);
    return;
  }
  if (connection.last_request || connection.stalled) return;
  switch (connection.phase) {
    case HttpPhase::kIdle: {
      bool quiet = connection.under_way.empty() && connection.output.empty();
      if (!quiet) {
        connection.phase_since = now_;
      } else if (waited > kIdleMilliseconds) {
        Close(connection);
      }
      return;
    }
    case HttpPhase::kHeader:
      if (waited > kHeaderMilliseconds)
        Refuse(connection, api::kRequestTimeout);
      return;
    case HttpPhase::kBody:
      if (waited > kBodyMilliseconds) Refuse(connection, api::kRequestTimeout);
      return;
  }
}

}  // namespace coffer::gate
