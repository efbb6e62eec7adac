#include "vault/wire/customer.h"

namespace coffer::wire {

using base::Code;
using base::Fail;

base::Result<HistoryRow> DecodeHistoryRow(Bytes bytes) {
  if (!bytes.empty() && bytes[0] > kHistoryFormat) {
    return Fail(Code::kNewerFormat,
                "a past consent was written by a newer coffer");
  }
  auto row = base::DecodeWhole<HistoryRow>(bytes);
  if (!row.ok() || row->format != kHistoryFormat) {
    return Fail(Code::kInvalid, "a past consent is malformed");
  }
  return row;
}

std::string_view ConsentEndingText(ConsentEnding ending) {
  switch (ending) {
    case ConsentEnding::kReplaced:
      return "REPLACED";
    case ConsentEnding::kExpired:
      return "EXPIRED";
    case ConsentEnding::kRevoked:
      return "REVOKED";
    case ConsentEnding::kUsed:
      return "USED";
    case ConsentEnding::kErased:
      return "ERASED";
  }
  return "";
}

}  // namespace coffer::wire
