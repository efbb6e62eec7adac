// What the keeper reads from an operator, and an operator from the keeper: the
// first byte says which.
// links: coffer_wire

#include "tests/fuzz/wire_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const coffer::wire::Bytes body(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    coffer::wire::WalkQuestion(body);
  } else {
    coffer::wire::WalkReply(body);
  }
  return 0;
}
