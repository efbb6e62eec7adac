#include "vault/keeper/quorum.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;

Quorum::Quorum(Vault& vault) : vault_(vault) {}
bool Quorum::Guards(wire::OperatorOp, Bytes) const { return false; }
Status Quorum::Propose(wire::OperatorOp, Bytes, uint32_t,
                       wire::AwaitingAnswer&) {
  return Fail(Code::kInvalid, "not in this version");
}
Status Quorum::List(wire::OperationListAnswer&) { return {}; }
Status Quorum::Show(const wire::OperationId&, wire::OperationShowAnswer&) {
  return Fail(Code::kInvalid, "not in this version");
}
Status Quorum::Cancel(const wire::OperationId&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status Quorum::Approve(const wire::ApproveQuestion&, uint32_t,
                       wire::ApproveAnswer&, Approved&) {
  return Fail(Code::kInvalid, "not in this version");
}
void Quorum::Forget(const wire::OperationId&) {}
void Quorum::Tick() {}
uint8_t Quorum::awaiting() const { return 0; }

}  // namespace coffer::keeper
