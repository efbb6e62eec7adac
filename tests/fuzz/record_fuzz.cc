// Stored records: the head as the gate and the keeper decode it, the wrap, and
// the row in which the store keeps them. The first byte says which.
// links: coffer_store coffer_wire

#include "tests/wire/shapes.h"
#include "vault/store/rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  if (size == 0) return 0;
  const base::Bytes bytes(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    auto head = wire::DecodeRecordHead(bytes);
    if (head.ok()) COFFER_CHECK(wire::EncodesTo(*head, bytes));
  } else if (data[0] % 3 == 1) {
    auto wrap = wire::DecodeWrap(bytes);
    if (wrap.ok()) COFFER_CHECK(wire::EncodesTo(*wrap, bytes));
  } else {
    auto row = store::DecodeLinkRow(wire::LinkId{}, bytes);
    if (row.ok()) {
      COFFER_CHECK(row->head.size() + row->token_box.size() +
                       store::kLinkRowHeaderBytes ==
                   bytes.size());
      COFFER_CHECK(wire::EncodesTo(row->fields, row->head));
    }
    (void)store::DecodeIdempotency({}, bytes);
    (void)store::DecodeState("name", bytes);
  }
  return 0;
}
