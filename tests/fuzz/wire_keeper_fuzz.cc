// What the gate reads from the keeper.
// links: coffer_wire

#include "tests/fuzz/wire_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  coffer::wire::WalkAnswers({data, size});
  return 0;
}
