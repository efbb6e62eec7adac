#include "vault/keeper/transfer.h"

#include <unistd.h>

namespace coffer::keeper {

using base::Code;
using base::Fail;

Result<size_t> Transfer::Export(base::MutableBytes, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Result<uint8_t> Transfer::Import(const wire::ImportQuestion&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status Transfer::Judge(const wire::JudgeQuestion&, wire::JudgeAnswer&) {
  return Fail(Code::kInvalid, "not in this version");
}
Status Transfer::Restore(const wire::RestoreQuestion&, uint32_t,
                         wire::RestoreAnswer&) {
  return Fail(Code::kInvalid, "not in this version");
}
void Transfer::Zeroize(uint32_t) { _exit(0); }

}  // namespace coffer::keeper
