#include "vault/keeper/connections.h"

namespace coffer::keeper {
namespace {

constexpr size_t kLimits[kListeners] = {
    base::kCallerConnectionsMax,
    base::kMonitorConnectionsMax,
    base::kOperatorConnectionsMax,
};
constexpr size_t kOfOneUid[kListeners] = {
    base::kCallerConnectionsPerUidMax,
    base::kMonitorConnectionsMax,
    kOperatorConnectionsPerUidMax,
};
static_assert(base::kCallerConnectionsMax + base::kMonitorConnectionsMax +
                  base::kOperatorConnectionsMax <
              512);

}  // namespace

Connections::Connections() : places_(new Connection[kPlaces]) {}

Connection* Connections::Add(Listener listener, os::FileDescriptor fd) {
  const size_t kind = static_cast<size_t>(listener);
  if (counts_[kind] >= kLimits[kind]) return nullptr;
  auto peer = os::ReadPeerCredentials(fd.get());
  if (!peer.ok()) return nullptr;
  size_t free_place = kPlaces;
  size_t same_uid = 0;
  for (size_t i = 0; i < kPlaces; ++i) {
    const Connection& other = places_[i];
    if (other.id == 0) {
      if (free_place == kPlaces) free_place = i;
    } else if (other.listener == listener && other.peer.uid == peer->uid) {
      ++same_uid;
    }
  }
  if (same_uid >= kOfOneUid[kind]) return nullptr;
  COFFER_CHECK(free_place < kPlaces);
  Connection& connection = places_[free_place];
  // The place is part of the number, so that a number is looked up directly.
  connection.id = next_serial_++ * kPlaces + free_place;
  connection.listener = listener;
  connection.fd = std::move(fd);
  connection.peer = *peer;
  connection.matched_under = 0;
  ++counts_[kind];
  return &connection;
}

Connection* Connections::Find(wire::ConnectionId id) {
  Connection& connection = places_[id % kPlaces];
  return id != 0 && connection.id == id ? &connection : nullptr;
}

void Connections::Remove(Connection& connection) {
  --counts_[static_cast<size_t>(connection.listener)];
  connection.id = 0;
  connection.fd.Reset();
  connection.peer = os::PeerCredentials{};
}

const CallerMatch& Connections::Match(Connection& connection,
                                      const Policy& policy,
                                      uint64_t generation) {
  if (connection.matched_under != generation) {
    Identity identity;
    identity.uid = connection.peer.uid;
    identity.gid = connection.peer.gid;
    identity.groups = connection.peer.groups.begin();
    identity.groups_size = connection.peer.groups.size;
    identity.nameless = connection.peer.pid == 0;
    connection.match = MatchCaller(policy, identity);
    connection.matched_under = generation;
  }
  return connection.match;
}

}  // namespace coffer::keeper
