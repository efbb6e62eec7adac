// Who is at the other end of a Unix socket, as the kernel recorded it when the
// connection was made. Run by the keeper, by getsockopt alone. Refuses to
// guess: when the peer has more groups than fit, it has none and says so.
#pragma once

#include <cstdint>

#include "crypto/base/codec.h"
#include "crypto/base/limits.h"
#include "crypto/base/result.h"

namespace coffer::os {

struct PeerCredentials {
  // It may be another process by now. 0: of a pid namespace unknown here.
  int32_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  base::BoundedList<uint32_t, base::kGroupsMax> groups;  // supplementary
  bool groups_truncated = false;  // more than kGroupsMax; groups is empty
};

// kIo when the kernel gives no credentials (not a Unix socket).
base::Result<PeerCredentials> ReadPeerCredentials(int socket);

}  // namespace coffer::os
