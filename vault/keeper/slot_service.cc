#include "vault/keeper/slot_service.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;

Status SlotService::Unseal(const wire::OpenQuestion& question, uint32_t uid) {
  return vault_.Unseal(question, uid);
}
Status SlotService::GiveShare(Bytes, uint32_t, wire::ShareAnswer&) {
  return Fail(Code::kInvalid, "not in this version");
}
Status SlotService::CancelShares(Bytes, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status SlotService::UnsealFrom(int) {
  return Fail(Code::kInvalid, "not in this version");
}
Status SlotService::Prepare(const wire::SlotQuestion&, PreparedSlot&) {
  return Fail(Code::kInvalid, "not in this version");
}
Result<uint8_t> SlotService::Add(const PreparedSlot&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status SlotService::Remove(uint8_t, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status SlotService::Test(const wire::SlotQuestion&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
void SlotService::FillStatus(wire::OperatorStatus&) const {}
void SlotService::Tick() {}

}  // namespace coffer::keeper
