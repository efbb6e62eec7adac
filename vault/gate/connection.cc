#include "vault/gate/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace coffer::gate {
namespace {

std::string_view StatusLine(uint16_t status) {
  switch (status) {
    case 200:
      return "HTTP/1.1 200 OK\r\n";
    case 201:
      return "HTTP/1.1 201 Created\r\n";
    case 204:
      return "HTTP/1.1 204 No Content\r\n";
    case 400:
      return "HTTP/1.1 400 Bad Request\r\n";
    case 403:
      return "HTTP/1.1 403 Forbidden\r\n";
    case 404:
      return "HTTP/1.1 404 Not Found\r\n";
    case 405:
      return "HTTP/1.1 405 Method Not Allowed\r\n";
    case 408:
      return "HTTP/1.1 408 Request Timeout\r\n";
    case 409:
      return "HTTP/1.1 409 Conflict\r\n";
    case 411:
      return "HTTP/1.1 411 Length Required\r\n";
    case 412:
      return "HTTP/1.1 412 Precondition Failed\r\n";
    case 413:
      return "HTTP/1.1 413 Content Too Large\r\n";
    case 415:
      return "HTTP/1.1 415 Unsupported Media Type\r\n";
    case 428:
      return "HTTP/1.1 428 Precondition Required\r\n";
    case 429:
      return "HTTP/1.1 429 Too Many Requests\r\n";
    case 431:
      return "HTTP/1.1 431 Request Header Fields Too Large\r\n";
    case 503:
      return "HTTP/1.1 503 Service Unavailable\r\n";
    default:
      return "HTTP/1.1 500 Internal Server Error\r\n";
  }
}

IoOutcome OutcomeOfErrno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return IoOutcome::kWouldBlock;
  }
  return IoOutcome::kFailed;
}

}  // namespace

Connection::Connection(os::FileDescriptor fd, wire::ConnectionId peer_id,
                       RouteFlag on_socket, uint64_t now)
    : peer(peer_id),
      socket(on_socket),
      phase_since(now),
      written_at(now),
      fd_(std::move(fd)) {}

Connection::~Connection() { shutdown(fd_.get(), SHUT_RDWR); }

IoOutcome Connection::Read() {
  base::MutableBytes space = input.Space();
  ssize_t got = recv(fd_.get(), space.data(), space.size(), MSG_DONTWAIT);
  if (got < 0) return OutcomeOfErrno();
  if (got == 0) return IoOutcome::kEnded;
  input.Filled(static_cast<size_t>(got));
  return IoOutcome::kProgress;
}

IoOutcome Connection::Discard() {
  char bytes[16384];
  ssize_t got = recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got < 0) return OutcomeOfErrno();
  if (got == 0) return IoOutcome::kEnded;
  base::Wipe({reinterpret_cast<uint8_t*>(bytes), static_cast<size_t>(got)});
  discarded += static_cast<size_t>(got);
  return IoOutcome::kProgress;
}

IoOutcome Connection::Write() {
  while (!output.empty()) {
    std::string_view bytes = output.view();
    ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(),
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return OutcomeOfErrno();
    output.Drop(static_cast<size_t>(sent));
  }
  output.ShrinkAbove(kOutputHighWater);
  return IoOutcome::kProgress;
}

bool Connection::MayOverlap(const Route* route) const {
  if (under_way.empty()) return true;
  if (route == nullptr || !route->Has(kMayOverlap)) return false;
  for (const Exchange* other : under_way) {
    if (other->route != nullptr && !other->route->Has(kMayOverlap)) {
      return false;
    }
  }
  return true;
}

void Connection::AppendReply(const Exchange& exchange) {
  const Reply& reply = exchange.reply;
  output.Append(StatusLine(reply.status));
  if (!reply.content_type.empty()) {
    output.Append("Content-Type: ");
    output.Append(reply.content_type);
    output.Append("\r\nContent-Length: ");
    output.AppendNumber(exchange.body.size());
    output.Append("\r\nCache-Control: no-store\r\n");
  }
  if (reply.etag != 0) {
    output.Append("ETag: \"");
    output.AppendNumber(reply.etag);
    output.Append("\"\r\n");
  }
  if (reply.retry_after_seconds != 0) {
    output.Append("Retry-After: ");
    output.AppendNumber(reply.retry_after_seconds);
    output.Append("\r\n");
  }
  if (reply.allow[0] != '\0') {
    output.Append("Allow: ");
    output.Append(reply.allow.data());
    output.Append("\r\n");
  }
  if (!exchange.keep_alive) {
    output.Append("Connection: close\r\n");
    ending = true;
    linger = linger || exchange.linger;
  } else if (exchange.old_version) {
    output.Append("Connection: keep-alive\r\n");
  }
  output.Append("\r\n");
  if (!exchange.head) output.Append(exchange.body.view());
}

}  // namespace coffer::gate
