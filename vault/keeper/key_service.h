// What operators do to keys and institutions, and what time does to them:
// rotation, compromise, planned destruction, withdrawal. Runs in the keeper's
// main thread, only while no batch is under way. Refuses what the key's state
// does not allow (key_state.h).
#pragma once

#include "vault/keeper/vault.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

class KeyService {
 public:
  explicit KeyService(Vault& vault) : vault_(vault) {}

  // Answers hold views into the keyring.
  Status List(const wire::KeyListQuestion& question,
              wire::KeyListAnswer& answer) const;
  Status ListInstitutions(const wire::KeyListQuestion& question,
                          wire::InstitutionListAnswer& answer) const;
  // How many new versions were made. All of it is durable on return.
  Result<uint32_t> Rotate(const wire::RotateQuestion& question, uint32_t uid);
  Status Compromise(const wire::KeyQuestion& question, uint32_t uid);
  // When it is carried out; 0: it was taken back, or done at once.
  Result<uint64_t> Destroy(const wire::KeyQuestion& question, uint32_t uid);
  Status ChangeInstitution(const wire::InstitutionQuestion& question,
                           uint32_t uid);

  // Something waits for a moment between batches: a drained KEK, a rotation or
  // destruction whose time has come.
  bool due() const;
  void CarryOutDue();

 private:
  Vault& vault_;
};

}  // namespace coffer::keeper
