// links: coffer_gate
// The gate's HTTP layer: bytes in pieces, as a client may send them, through
// the parser, the routes and what reads targets and headers. The first byte
// says how the rest is cut.
#include <cstdint>
#include <string>

#include "vault/api/request.h"
#include "vault/gate/http.h"
#include "vault/gate/routes.h"

namespace {

using coffer::gate::HttpInput;
using coffer::gate::HttpRequest;
using coffer::gate::HttpStep;
namespace base = coffer::base;

size_t PieceBytes(uint8_t cut, size_t left) {
  constexpr size_t kPieces[] = {1, 2, 3, 7, 64, 500, 4096, 1 << 20};
  size_t piece = kPieces[cut % 8];
  return piece < left ? piece : left;
}

void LookAt(const HttpRequest& request) {
  COFFER_CHECK(request.body.size() <= base::kHttpBodyBytesMax);
  COFFER_CHECK(request.method.size() + request.target.size() <=
               base::kHttpHeaderBytesMax);
  for (auto socket : {coffer::gate::kOnCaller, coffer::gate::kOnMonitor}) {
    auto match =
        coffer::gate::MatchRoute(request.method, request.target, socket);
    bool found = match.outcome == coffer::gate::MatchOutcome::kFound;
    COFFER_CHECK(found == (match.route != nullptr));
    if (!found) continue;
    auto subject = coffer::api::ParseSubjectSegment(match.parameter);
    COFFER_CHECK(!subject.ok() || !subject->view().empty());
    auto link = coffer::wire::ParseLink(match.parameter);
    COFFER_CHECK(!link.ok() ||
                 coffer::wire::LinkText(*link) == match.parameter);
    auto query = coffer::api::ParseListQuery(match.query);
    COFFER_CHECK(!query.ok() || match.has_query);
  }
  if (coffer::api::CheckIdempotencyKey(request.idempotency_key).ok()) {
    COFFER_CHECK(request.has_idempotency_key);
  }
  if (coffer::api::ParseIfMatch(request.if_match).ok()) {
    COFFER_CHECK(request.has_if_match);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  uint8_t cut = data[0];
  size_t at = 1;
  HttpInput input;
  while (true) {
    HttpStep step = input.Next();
    if (step == HttpStep::kFault) {
      int fault = input.fault();
      COFFER_CHECK(fault == 400 || fault == 411 || fault == 413 ||
                   fault == 431);
      return 0;
    }
    if (step == HttpStep::kRequest) {
      LookAt(input.request());
      input.Consume((cut & 8) != 0);
      continue;
    }
    input.TakeContinue();
    input.phase();
    if (at == size) return 0;
    base::MutableBytes space = input.Space();
    COFFER_CHECK(!space.empty());
    COFFER_CHECK(space.size() <=
                 base::kHttpBodyBytesMax + HttpInput::kInitialBytes);
    size_t piece = PieceBytes(cut, size - at);
    if (piece > space.size()) piece = space.size();
    std::memcpy(space.data(), data + at, piece);
    input.Filled(piece);
    at += piece;
  }
}
