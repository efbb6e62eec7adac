// Audit leaves, as the journal's readers and the command line decode them.
// links: coffer_wire

#include "tests/wire/shapes.h"
#include "vault/wire/leaf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer::wire;
  const Bytes bytes(data, size);
  auto leaf = DecodeLeaf(bytes);
  if (!leaf.ok()) return 0;
  COFFER_CHECK(EncodesTo(*leaf, bytes));
  COFFER_CHECK(!LeafKindText(leaf->kind).empty());
  COFFER_CHECK(RuleText(leaf->rule) != "unknown_rule");
  return 0;
}
