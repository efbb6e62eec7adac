// What a hostile gate can send the keeper.
// links: coffer_wire

#include "tests/fuzz/wire_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  coffer::wire::WalkBatch({data, size});
  return 0;
}
