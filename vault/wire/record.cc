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

}  // namespace coffer::wire
