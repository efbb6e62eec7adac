// One caller's or monitor's connection: the requests that are read, those under
// way in their order, and the bytes that go out. Runs in the gate. The keeper
// holds a duplicate of the descriptor, so a connection ends by shutdown(2).
#pragma once

#include <deque>

#include "vault/gate/exchange.h"
#include "vault/gate/http.h"
#include "vault/gate/out_buffer.h"
#include "vault/os/descriptor.h"

namespace coffer::gate {

enum class IoOutcome : uint8_t { kProgress, kWouldBlock, kEnded, kFailed };

// Resource: owns its descriptor.
class Connection {
 public:
  // Bytes that may wait to be sent before no further request is begun.
  static constexpr size_t kOutputHighWater = 64 * 1024;
  // Requests of one connection under way at once.
  static constexpr size_t kUnderWayMax = 16;

  Connection(os::FileDescriptor fd, wire::ConnectionId peer, RouteFlag socket,
             uint64_t now);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_.get(); }
  // Reads once into the input.
  IoOutcome Read();
  // Reads and forgets, while the client still sends what was refused.
  IoOutcome Discard();
  // Sends what is there, as far as the socket takes it.
  IoOutcome Write();
  // Moves the finished exchanges at the front into the output, and hands each
  // to `release`.
  template <typename Release>
  void TakeReplies(Release&& release) {
    while (!under_way.empty() && under_way.front()->done) {
      AppendReply(*under_way.front());
      release(*under_way.front());
      under_way.pop_front();
    }
  }
  // True while a further request may begin.
  bool MayBegin() const {
    return !last_request && !ending && under_way.size() < kUnderWayMax &&
           output.size() <= kOutputHighWater;
  }
  // Whether the request that is read may be under way beside the others.
  bool MayOverlap(const Route* route) const;

  const wire::ConnectionId peer;
  const RouteFlag socket;
  uint32_t slot = 0;
  HttpInput input;
  OutBuffer output;
  std::deque<Exchange*> under_way;  // in the order of the requests
  bool input_ended = false;         // the client sends no more
  bool last_request = false;        // none is begun after this one
  bool ending = false;              // close when the output is sent
  bool linger = false;              // the client may still be sending
  bool discarding = false;
  bool stalled = false;        // a request waits for something of ours
  bool touched = false;        // stands in the server's list of this turn
  uint64_t status_needed = 0;  // of Turn::AskStatus; 0: none
  uint32_t events = 0;         // what epoll watches for
  HttpPhase phase = HttpPhase::kIdle;
  uint64_t phase_since = 0;  // milliseconds of the boot clock
  uint64_t written_at = 0;   // when output last went out
  size_t discarded = 0;

 private:
  void AppendReply(const Exchange& exchange);

  os::FileDescriptor fd_;
};

}  // namespace coffer::gate
