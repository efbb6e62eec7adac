// What operators do to keys and institutions, and what time does to them:
// rotation, compromise, planned destruction, withdrawal. Runs in the keeper's
// main thread, only while no batch is under way. Refuses what the key's state
// does not allow (key_state.h), and a rotation while one is under way: at most
// two versions of a KEK live, but for a compromise.
//
// Every change is a leaf first, then the keyring, then the state file. A state
// that cannot be written latches the error state.
#pragma once

#include "vault/keeper/vault.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

// How long after its end a signing key is kept: until the last thing made
// under it is over. 0: for good.
uint64_t SignerKeptSeconds(SigningUse use);

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
  // What Destroy and ChangeInstitution refuse, before anything is changed.
  Status MayDestroy(const wire::KeyQuestion& question) const;
  Status MayChange(const wire::InstitutionQuestion& question) const;

  // Something waits for a moment between batches: a drained KEK, a rotation or
  // destruction whose time has come. Looks at most once a second.
  bool due() const;
  void CarryOutDue();

 private:
  // --- key_service.cc
  Status Log(wire::LeafKind kind, uint32_t uid, std::string_view institution,
             const KeyId& id, uint32_t detail);
  Status Finish(Status written);
  Status MayRotate(int institution) const;
  Status AddKek(int institution, uint32_t uid);
  Result<uint32_t> RotateInstitutions(uint32_t uid);
  Status AddSigner(SigningUse use, uint32_t uid);
  Result<uint32_t> RotateSigner(SigningUse use, uint32_t uid);
  Status MayDestroy(const KekEntry& kek) const;
  Status Withdraw(int institution, uint32_t uid);

  // --- key_upkeep.cc
  // When a rotation begins so that every erasure of the institution is final
  // in time, as of the last look; 0: none is wanted.
  uint64_t RotateForErasure(int institution) const;
  struct Due {
    bool drained = false;  // KEKs without a wrap
    bool destroy = false;  // planned, or a signer whose time is over
    bool rotate = false;   // by age, or for an erasure
    bool floors = false;   // too many: every institution rotates
    bool horizon = false;  // the tokens' horizon moves
    bool any() const {
      return drained || destroy || rotate || floors || horizon;
    }
  };
  Due Look() const;
  bool IsOld(int institution) const;
  void LookAtErasures(uint64_t boot) const;
  bool IsOver(const SigningEntry& signer) const;
  bool ManyFloors() const;
  Status EndDrained();
  Status DestroyDue();
  Status Gone();
  void DropFloors();
  void RotateDue(bool all);
  void MoveHorizon();

  Vault& vault_;
  mutable uint64_t looked_at_ = 0;  // milliseconds since boot
  mutable bool due_ = false;
  mutable ErasureTimes erasures_{};   // as of the last look
  mutable uint64_t erasures_at_ = 0;  // milliseconds since boot
  uint64_t rotated_for_floors_at_ = 0;
  // Two marks of the journal: every token from before the first has expired.
  uint64_t epoch_ = 0;  // the unseal that they are of
  uint64_t horizon_leaf_ = 0;
  uint64_t mark_leaf_ = 0;
  uint64_t mark_at_ = 0;  // milliseconds since boot
};

}  // namespace coffer::keeper
