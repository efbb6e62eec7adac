// The frames between gate and keeper: what stands before the items and answers
// of vault/wire/message.h, and what travels with a passed connection. Refuses
// nothing by itself; the bounds are in crypto/base/limits.h.
#pragma once

#include "vault/wire/names.h"

namespace coffer::wire {

inline constexpr uint8_t kMessageFormat = 1;
inline constexpr size_t kBatchHeaderBytes = 4 + 1 + 8 + 2;
inline constexpr size_t kAnswersHeaderBytes = kBatchHeaderBytes + 1;

// --- The descriptor channel: with each accepted connection of the caller or
// monitor socket the keeper sends a duplicate (SCM_RIGHTS) and these bytes.
enum class SocketKind : uint8_t { kCaller = 1, kMonitor = 2 };
struct Arrival {
  ConnectionId connection = 0;
  SocketKind socket = SocketKind::kCaller;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Number(self.socket);
  }
};
inline constexpr size_t kArrivalBytes = 9;

// --- Batch headers
struct BatchHeader {
  uint32_t bytes = 0;  // after this field
  uint8_t format = kMessageFormat;
  uint64_t sequence = 0;  // 1, 2, 3, ...
  uint16_t count = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.bytes);
    coder.Number(self.format);
    coder.Number(self.sequence);
    coder.Number(self.count);
  }
};

}  // namespace coffer::wire
