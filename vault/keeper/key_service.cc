#include "vault/keeper/key_service.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;

Status KeyService::List(const wire::KeyListQuestion&,
                        wire::KeyListAnswer&) const {
  return Fail(Code::kInvalid, "not in this version");
}
Status KeyService::ListInstitutions(const wire::KeyListQuestion&,
                                    wire::InstitutionListAnswer&) const {
  return Fail(Code::kInvalid, "not in this version");
}
Result<uint32_t> KeyService::Rotate(const wire::RotateQuestion&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status KeyService::Compromise(const wire::KeyQuestion&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Result<uint64_t> KeyService::Destroy(const wire::KeyQuestion&, uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
Status KeyService::ChangeInstitution(const wire::InstitutionQuestion&,
                                     uint32_t) {
  return Fail(Code::kInvalid, "not in this version");
}
bool KeyService::due() const { return false; }
void KeyService::CarryOutDue() {}

}  // namespace coffer::keeper
