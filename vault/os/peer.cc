#include "vault/os/peer.h"

#include <sys/socket.h>

#include <cerrno>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

namespace coffer::os {

using base::Code;
using base::Fail;

base::Result<PeerCredentials> ReadPeerCredentials(int socket) {
  PeerCredentials peer;
  ucred credentials = {};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 ||
      size != sizeof credentials || credentials.uid == static_cast<uid_t>(-1)) {
    return Fail(Code::kIo, "cannot read the peer's credentials");
  }
  peer.pid = credentials.pid;
  peer.uid = credentials.uid;
  peer.gid = credentials.gid;

  static_assert(sizeof(gid_t) == sizeof(uint32_t));
  size = sizeof peer.groups.items;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.items.data(),
                 &size) < 0) {
    if (errno != ERANGE) {
      return Fail(Code::kIo, "cannot read the peer's groups");
    }
    peer.groups_truncated = true;
    peer.groups.items = {};
    return peer;
  }
  peer.groups.size = static_cast<uint16_t>(size / sizeof(gid_t));
  return peer;
}

}  // namespace coffer::os
