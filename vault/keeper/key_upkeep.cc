// What time does to keys: the ends of rotations and plans, rotation by age, by
// floors and for erasures, the horizon of tokens.
#include <algorithm>

#include "vault/keeper/key_service.h"

namespace coffer::keeper {

using wire::InstitutionState;
using wire::LeafKind;

namespace {

constexpr uint64_t kLookMilliseconds = 1000;
constexpr uint64_t kErasuresMilliseconds = 10 * 1000;
constexpr uint64_t kFloorsPauseMilliseconds = 60 * 1000;
constexpr size_t kManyFloors = base::kFloorsMax / 4 * 3;
// A second more than the longest token, for times are whole seconds.
constexpr uint64_t kHorizonMilliseconds = (base::kTokenSecondsMax + 1) * 1000;

}  // namespace

bool KeyService::due() const {
  if (vault_.state() != wire::VaultState::kOperational) return false;
  const uint64_t now = vault_.clock().BootMilliseconds();
  if (vault_.keyring().any_drained()) return true;
  if (looked_at_ == 0 || now >= looked_at_ + kLookMilliseconds) {
    looked_at_ = now;
    due_ = Look().any();
  }
  return due_;
}

void KeyService::CarryOutDue() {
  due_ = false;
  if (vault_.state() != wire::VaultState::kOperational) return;
  const Due due = Look();
  if (due.horizon) MoveHorizon();
  // Each latches the error state when it may have been half done. One that only
  // found no room is tried again.
  if (due.drained && !EndDrained().ok()) return;
  if (due.destroy && !DestroyDue().ok()) return;
  if (due.rotate || due.floors) RotateDue(due.floors);
}

KeyService::Due KeyService::Look() const {
  const Keyring& keyring = vault_.keyring();
  const uint64_t now = vault_.Now();
  const uint64_t boot = vault_.clock().BootMilliseconds();
  Due due;
  due.horizon =
      epoch_ != vault_.unseal_leaf() || boot >= mark_at_ + kHorizonMilliseconds;
  if (vault_.adoption().under_way()) return due;  // all else waits for it
  if (erasures_at_ == 0 || boot >= erasures_at_ + kErasuresMilliseconds) {
    LookAtErasures(boot);
  }
  for (size_t i = 0; i < keyring.keks(); ++i) {
    const KekEntry& kek = keyring.kek(i);
    due.drained |= kek.drained;
    due.destroy |=
        kek.destroy_at != 0 && now >= kek.destroy_at && MayDestroy(kek).ok();
  }
  for (size_t i = 0; i < keyring.signers(); ++i) {
    due.destroy |= IsOver(keyring.signer(i));
  }
  for (size_t i = 0; i < keyring.institutions(); ++i) {
    due.rotate |= IsOld(static_cast<int>(i));
  }
  due.floors = ManyFloors() &&
               (rotated_for_floors_at_ == 0 ||
                boot >= rotated_for_floors_at_ + kFloorsPauseMilliseconds);
  return due;
}

bool KeyService::ManyFloors() const {
  return vault_.floors().size() >= kManyFloors;
}

bool KeyService::IsOver(const SigningEntry& signer) const {
  if (MaySeal(signer.state) || !Lives(signer.state)) return false;
  const uint64_t now = vault_.Now();
  const uint64_t kept = SignerKeptSeconds(signer.use);
  return (signer.destroy_at != 0 && now >= signer.destroy_at) ||
         (kept != 0 && now >= signer.ended_at + kept);
}

bool KeyService::IsOld(int institution) const {
  const Keyring& keyring = vault_.keyring();
  const wire::Policy& policy = vault_.policy();
  const KekEntry* active = keyring.ActiveKek(institution);
  if (active == nullptr || !MayRotate(institution).ok()) return false;
  const uint64_t now = vault_.Now();
  const uint64_t erasure = RotateForErasure(institution);
  if (erasure != 0 && now >= erasure) return true;
  const int place =
      FindInstitution(policy, keyring.institution(institution).name.view());
  if (place < 0) return false;
  const uint32_t seconds =
      policy.institutions[static_cast<size_t>(place)].rotate_seconds;
  // A key made while the clock was ahead is no younger for that.
  return seconds != 0 && now >= std::min(active->created_at, now) + seconds;
}

void KeyService::LookAtErasures(uint64_t boot) const {
  const Keyring& keyring = vault_.keyring();
  OldestKeks sealing;
  sealing.fill(kNoKek);
  for (size_t i = 0; i < keyring.institutions(); ++i) {
    const KekEntry* active = keyring.ActiveKek(static_cast<int>(i));
    if (active != nullptr) sealing[i + 1] = active->created_leaf;
  }
  vault_.floors().FirstErasures(sealing, erasures_);
  erasures_at_ = boot;
}

// Half of the horizon is the walk's. At most one rotation in that time: what a
// younger key sealed before an erasure is due no earlier.
uint64_t KeyService::RotateForErasure(int institution) const {
  const uint64_t first = erasures_[static_cast<size_t>(institution) + 1];
  const KekEntry* active = vault_.keyring().ActiveKek(institution);
  if (first == 0 || active == nullptr) return 0;
  return std::max(first, std::min(active->created_at, vault_.Now())) +
         vault_.erasure_horizon_seconds() / 2;
}

// A walk met no wrap under them: the end of a rotation, or of a sweep. What is
// done before the journal has no room for more leaves is written all the same.
Status KeyService::EndDrained() {
  Keyring& keyring = vault_.keyring();
  keyring.ClearDrained();
  bool swept = false;
  bool destroyed = false;
  Status logged;
  for (size_t i = 0; i < keyring.keks() && logged.ok(); ++i) {
    KekEntry& kek = keyring.kek(i);
    if (!kek.drained) continue;
    const std::string_view name =
        keyring.institution(kek.institution).name.view();
    const bool lives = Lives(kek.state);
    logged = Log(LeafKind::kKeyDrained, kKeeperUid, name, kek.id, kek.version);
    if (logged.ok() && lives) {
      logged =
          Log(LeafKind::kKeyDestroy, kKeeperUid, name, kek.id, kek.version);
    }
    if (!logged.ok()) break;
    if (lives) keyring.Destroy(kek, vault_.Now());
    kek.swept = true;
    kek.drained = false;
    (lives ? destroyed : swept) = true;
  }
  if (destroyed) COFFER_TRY(Gone());
  if (swept && !destroyed) COFFER_TRY(Finish(vault_.WriteState()));
  return logged;
}

Status KeyService::DestroyDue() {
  Keyring& keyring = vault_.keyring();
  const uint64_t now = vault_.Now();
  bool destroyed = false;
  Status logged;
  for (size_t i = 0; i < keyring.keks() && logged.ok(); ++i) {
    KekEntry& kek = keyring.kek(i);
    // Looks again: links may have come back with an older store.
    if (kek.destroy_at == 0 || now < kek.destroy_at || !MayDestroy(kek).ok()) {
      continue;
    }
    logged = Log(LeafKind::kKeyDestroy, kKeeperUid,
                 keyring.institution(kek.institution).name.view(), kek.id,
                 kek.version);
    if (!logged.ok()) break;
    keyring.Destroy(kek, now);
    destroyed = true;
  }
  for (size_t i = 0; i < keyring.signers() && logged.ok(); ++i) {
    SigningEntry& signer = keyring.signer(i);
    if (!IsOver(signer)) continue;
    logged = Log(LeafKind::kKeyDestroy, kKeeperUid, "", ShortId(signer.id),
                 signer.version);
    if (!logged.ok()) break;
    keyring.Destroy(signer, now);
    destroyed = true;
  }
  if (destroyed) COFFER_TRY(Gone());
  return logged;
}

// A key was wiped: an older state file must not open with the live root.
Status KeyService::Gone() {
  DropFloors();
  return Finish(vault_.ReplaceRoot());
}

// What a destroyed KEK made final is told, and then forgotten. Where the
// journal has no room for that, both wait.
void KeyService::DropFloors() {
  const Keyring& keyring = vault_.keyring();
  OldestKeks oldest;
  keyring.FillOldest(oldest);
  ErasureCounts counts;
  vault_.floors().CountFinal(oldest, counts);
  Status told;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    std::string_view name;
    KeyId gone{};
    uint32_t version = 0;
    for (size_t k = 0; i != 0 && k < keyring.keks(); ++k) {
      const KekEntry& kek = keyring.kek(k);
      if (kek.institution != i - 1 || Lives(kek.state)) continue;
      name = keyring.institution(kek.institution).name.view();
      if (kek.version > version) gone = kek.id;
      version = std::max(version, kek.version);
    }
    if (told.ok()) {
      told = Log(LeafKind::kErasureFinal, kKeeperUid, name, gone, counts[i]);
    }
    if (!told.ok()) oldest[i] = 0;
  }
  vault_.DropFloors(oldest, horizon_leaf_);
}

void KeyService::RotateDue(bool all) {
  const uint64_t boot = vault_.clock().BootMilliseconds();
  if (all) {
    rotated_for_floors_at_ = boot;
    if (!RotateInstitutions(kKeeperUid).ok()) return;
  }
  uint32_t started = 0;
  for (size_t i = 0; i < vault_.keyring().institutions(); ++i) {
    const int place = static_cast<int>(i);
    if (!IsOld(place)) continue;
    if (!AddKek(place, kKeeperUid).ok()) break;
    ++started;
  }
  if (started > 0) static_cast<void>(Finish(vault_.WriteKeys()));
}

// Floors that only void tokens go, and so do others that waited for that.
void KeyService::MoveHorizon() {
  const uint64_t boot = vault_.clock().BootMilliseconds();
  if (epoch_ != vault_.unseal_leaf()) {
    epoch_ = vault_.unseal_leaf();
    horizon_leaf_ = 0;
  } else {
    horizon_leaf_ = mark_leaf_;
  }
  mark_leaf_ = vault_.next_leaf();
  mark_at_ = boot;
  DropFloors();
}

}  // namespace coffer::keeper
