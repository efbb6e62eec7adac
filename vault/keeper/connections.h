// Who is connected. The keeper accepts on every socket, reads the peer from the
// kernel itself, gives the connection a number that is never used again, and
// keeps its own descriptor until the peer hangs up; then the identity is gone.
// The limits on connections are here. Fixed tables; nothing is allocated later.
#pragma once

#include <memory>

#include "vault/keeper/decision.h"
#include "vault/os/descriptor.h"
#include "vault/os/peer.h"
#include "vault/wire/message.h"

namespace coffer::keeper {

enum class Listener : uint8_t { kCaller = 0, kMonitor = 1, kOperator = 2 };
inline constexpr size_t kListeners = 3;
// Of the operators' places, so that another one finds room.
inline constexpr size_t kOperatorConnectionsPerUidMax =
    base::kOperatorConnectionsMax - 2;

struct Connection {
  wire::ConnectionId id = 0;  // 0: this place is free
  Listener listener = Listener::kCaller;
  os::FileDescriptor fd;
  os::PeerCredentials peer;
  // Whom the policy of that generation says it is; 0: not asked yet.
  uint64_t matched_under = 0;
  CallerMatch match;
};

class Connections {
 public:
  Connections();

  // Takes the accepted socket. nullptr, and the socket is closed unanswered,
  // when a limit is reached or the kernel names no peer.
  Connection* Add(Listener listener, os::FileDescriptor fd);
  // nullptr when that number hung up or never was.
  Connection* Find(wire::ConnectionId id);
  void Remove(Connection& connection);
  size_t count(Listener listener) const {
    return counts_[static_cast<size_t>(listener)];
  }

  // The caller that `policy` says it is; asked again when `generation` changed.
  static const CallerMatch& Match(Connection& connection, const Policy& policy,
                                  uint64_t generation);

 private:
  static constexpr size_t kPlaces = 512;  // a power of two above all limits

  std::unique_ptr<Connection[]> places_;
  size_t counts_[kListeners]{};
  uint64_t next_serial_ = 1;
};

}  // namespace coffer::keeper
