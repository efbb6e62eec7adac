#include "vault/wire/record.h"

namespace coffer::wire {

using base::Code;
using base::Fail;

base::Result<RecordHead> DecodeRecordHead(Bytes bytes) {
  if (!bytes.empty() && bytes[0] > kRecordFormat) {
    return Fail(Code::kNewerFormat,
                "record: written by a newer coffer; update this program");
  }
  if (bytes.empty() || bytes[0] != kRecordFormat ||
      bytes.size() > base::kRecordHeadBytesMax) {
    return Fail(Code::kInvalid, "record: malformed");
  }
  return base::DecodeWhole<RecordHead>(bytes);
}

base::Result<Wrap> DecodeWrap(Bytes bytes) {
  if (!bytes.empty() && bytes[0] > kWrapFormat) {
    return Fail(Code::kNewerFormat,
                "wrap: written by a newer coffer; update this program");
  }
  if (bytes.empty() || bytes[0] != kWrapFormat ||
      bytes.size() > base::kWrapBytesMax) {
    return Fail(Code::kInvalid, "wrap: malformed");
  }
  return base::DecodeWhole<Wrap>(bytes);
}

bool Belongs(const Wrap& wrap, const RecordHead& head) {
  return wrap.leaf == head.leaf && wrap.revision == head.revision &&
         wrap.linker == head.linker && wrap.subject == head.subject;
}

void ReplaceKek(base::MutableBytes wrap, const KeyId& kek, Bytes box) {
  COFFER_CHECK(wrap.size() > 1 + kek.size() + kWrapBoxBytes &&
               box.size() == kWrapBoxBytes);
  std::memcpy(wrap.data() + 1, kek.data(), kek.size());
  std::memcpy(wrap.data() + wrap.size() - box.size(), box.data(), box.size());
}

}  // namespace coffer::wire
