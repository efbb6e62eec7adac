#include "vault/keeper/key_service.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using wire::InstitutionAction;
using wire::InstitutionState;
using wire::KeyUse;
using wire::LeafKind;
using wire::RotateTarget;

namespace {

KeyUse UseOf(SigningUse use) {
  switch (use) {
    case SigningUse::kToken:
      return KeyUse::kToken;
    case SigningUse::kEvidence:
      return KeyUse::kEvidence;
    case SigningUse::kIngest:
      return KeyUse::kIngest;
    case SigningUse::kAudit:
      return KeyUse::kAudit;
  }
  return KeyUse::kAudit;
}

// When a KEK of this age is rotated; 0: never by itself.
uint64_t RotateAt(const wire::Policy& policy, const InstitutionKeys& keys,
                  const KekEntry& kek) {
  const int place = FindInstitution(policy, keys.name.view());
  if (place < 0 || !MaySeal(kek.state)) return 0;
  const uint32_t seconds =
      policy.institutions[static_cast<size_t>(place)].rotate_seconds;
  return seconds == 0 ? 0 : kek.created_at + seconds;
}

wire::KeyRow RowOf(const SigningEntry& signer) {
  wire::KeyRow row;
  row.use = UseOf(signer.use);
  row.id = ShortId(signer.id);
  row.version = signer.version;
  row.state = signer.state;
  row.created_at = signer.created_at;
  row.ended_at = signer.ended_at;
  row.destroy_at = signer.destroy_at;
  return row;
}

}  // namespace

uint64_t SignerKeptSeconds(SigningUse use) {
  switch (use) {
    case SigningUse::kToken:
      return base::kPublicTokenSecondsMax;
    case SigningUse::kIngest:
      return 600;  // an upload on its way, and its retries
    case SigningUse::kEvidence:
    case SigningUse::kAudit:
      return 0;
  }
  return 0;
}

// --- Lists

Status KeyService::List(const wire::KeyListQuestion& question,
                        wire::KeyListAnswer& answer) const {
  const Keyring& keyring = vault_.keyring();
  LookAtErasures(vault_.clock().BootMilliseconds());
  answer.now = vault_.Now();
  uint32_t place = 0;
  auto add = [&](const wire::KeyRow& row) {
    if (place++ < question.from) return true;
    if (answer.rows.push_back(row)) return true;
    answer.next = place - 1;
    return false;
  };
  for (size_t i = 0; i < keyring.institutions(); ++i) {
    const InstitutionKeys& keys = keyring.institution(static_cast<int>(i));
    for (size_t k = 0; k < keyring.keks(); ++k) {
      const KekEntry& kek = keyring.kek(k);
      if (kek.institution != i) continue;
      wire::KeyRow row;
      row.id = kek.id;
      row.institution = keys.name.view();
      row.version = kek.version;
      row.state = kek.state;
      row.created_at = kek.created_at;
      row.ended_at = kek.ended_at;
      row.rotate_at = RotateAt(vault_.policy(), keys, kek);
      const uint64_t erasure =
          MaySeal(kek.state) ? RotateForErasure(static_cast<int>(i)) : 0;
      if (erasure != 0 && (row.rotate_at == 0 || erasure < row.rotate_at)) {
        row.rotate_at = erasure;
      }
      row.destroy_at = kek.destroy_at;
      row.counted = kek.counted;
      row.links = kek.links;
      if (!add(row)) return {};
    }
  }
  for (size_t i = 0; i < keyring.signers(); ++i) {
    if (!add(RowOf(keyring.signer(i)))) return {};
  }
  return {};
}

Status KeyService::ListInstitutions(const wire::KeyListQuestion& question,
                                    wire::InstitutionListAnswer& answer) const {
  const Keyring& keyring = vault_.keyring();
  for (size_t i = question.from; i < keyring.institutions(); ++i) {
    const InstitutionKeys& keys = keyring.institution(static_cast<int>(i));
    wire::InstitutionRow row;
    row.name = keys.name.view();
    row.state = keys.state;
    row.in_policy = FindInstitution(vault_.policy(), keys.name.view()) >= 0;
    row.counted = true;
    for (size_t k = 0; k < keyring.keks(); ++k) {
      const KekEntry& kek = keyring.kek(k);
      if (kek.institution != i) continue;
      row.counted &= kek.counted;
      if (MaySeal(kek.state)) {
        row.active = kek.id;
        row.version = kek.version;
      } else if (Lives(kek.state)) {
        row.to_rewrap += kek.links;
      }
      (Lives(kek.state) ? row.links : row.dead) += kek.links;
    }
    if (!answer.rows.push_back(row)) {
      answer.next = static_cast<uint32_t>(i);
      return {};
    }
  }
  return {};
}

// --- Rotation

Status KeyService::Log(LeafKind kind, uint32_t uid,
                       std::string_view institution, const KeyId& id,
                       uint32_t detail) {
  wire::Leaf leaf;
  leaf.kind = kind;
  leaf.uid = uid;
  leaf.institution = institution;
  leaf.link_tag = id;
  leaf.detail = detail;
  return vault_.Record(leaf);
}

// What could not be written may be in force or not: only a restart tells.
Status KeyService::Finish(Status written) {
  if (!written.ok()) return vault_.Latch(written.error());
  return {};
}

Status KeyService::MayRotate(int institution) const {
  const Keyring& keyring = vault_.keyring();
  if (keyring.institution(institution).state == InstitutionState::kWithdrawn) {
    return Fail(Code::kConflict,
                "the institution was withdrawn; see `coffer institution "
                "admit`");
  }
  if (keyring.CountLiving(institution).old > 0) {
    return Fail(Code::kConflict,
                "a rotation of it is under way; `coffer key list` shows what "
                "is left");
  }
  return keyring.CanAddKek(institution);
}

// A new active version, in memory; its leaf is durable.
Status KeyService::AddKek(int institution, uint32_t uid) {
  Keyring& keyring = vault_.keyring();
  COFFER_TRY(keyring.CanAddKek(institution));
  uint32_t version = 0;
  for (size_t i = 0; i < keyring.keks(); ++i) {
    const KekEntry& kek = keyring.kek(i);
    if (kek.institution == institution && kek.version > version) {
      version = kek.version;
    }
  }
  NewKek fresh(keyring.arena());
  COFFER_TRY(Log(LeafKind::kKeyRotate, uid,
                 keyring.institution(institution).name.view(), fresh.id,
                 version + 1));
  keyring.AddKek(institution, std::move(fresh), vault_.Now(),
                 vault_.next_leaf());
  return {};
}

Result<uint32_t> KeyService::RotateInstitutions(uint32_t uid) {
  uint32_t started = 0;
  Status refused;
  for (size_t i = 0; i < vault_.keyring().institutions(); ++i) {
    const int place = static_cast<int>(i);
    if (!MayRotate(place).ok()) continue;
    refused = AddKek(place, uid);
    if (!refused.ok()) break;
    ++started;
  }
  // What has begun goes on, also where the journal had no room for more.
  if (started > 0) COFFER_TRY(Finish(vault_.WriteKeys()));
  if (started == 0 && !refused.ok()) return refused.error();
  return started;
}

Status KeyService::AddSigner(SigningUse use, uint32_t uid) {
  Keyring& keyring = vault_.keyring();
  COFFER_TRY(keyring.CanAddSigner(use));
  NewSigner fresh(keyring.arena());
  COFFER_TRY(Log(LeafKind::kKeyRotate, uid, "", ShortId(fresh.id),
                 keyring.ActiveSigner(use).version + 1));
  keyring.AddSigner(use, std::move(fresh), vault_.Now());
  return {};
}

// The old one's private half is gone, or soon will be.
Result<uint32_t> KeyService::RotateSigner(SigningUse use, uint32_t uid) {
  COFFER_TRY(AddSigner(use, uid));
  COFFER_TRY(Gone());
  return 1u;
}

Result<uint32_t> KeyService::Rotate(const wire::RotateQuestion& question,
                                    uint32_t uid) {
  switch (question.target) {
    case RotateTarget::kInstitution: {
      const int place = vault_.keyring().FindInstitution(question.institution);
      if (place < 0) return Fail(Code::kNotFound, "no such institution");
      COFFER_TRY(MayRotate(place));
      COFFER_TRY(AddKek(place, uid));
      break;
    }
    case RotateTarget::kAll:
      return RotateInstitutions(uid);
    case RotateTarget::kToken:
      return RotateSigner(SigningUse::kToken, uid);
    case RotateTarget::kEvidence:
      return RotateSigner(SigningUse::kEvidence, uid);
    case RotateTarget::kIngest:
      return RotateSigner(SigningUse::kIngest, uid);
    case RotateTarget::kAudit:
      return RotateSigner(SigningUse::kAudit, uid);
    case RotateTarget::kRoot:
      COFFER_TRY(Log(LeafKind::kRootReplace, uid, "", KeyId{}, 0));
      COFFER_TRY(Finish(vault_.ReplaceRoot()));
      return 1u;
    default:
      return Fail(Code::kInvalid, "no such key to rotate");
  }
  COFFER_TRY(Finish(vault_.WriteKeys()));
  return 1u;
}

// --- Compromise and destruction

Status KeyService::Compromise(const wire::KeyQuestion& question, uint32_t uid) {
  Keyring& keyring = vault_.keyring();
  KekEntry* kek = keyring.FindKek(question.id);
  SigningEntry* signer =
      kek == nullptr ? keyring.FindSigner(question.id) : nullptr;
  if (kek == nullptr && signer == nullptr) {
    return Fail(Code::kNotFound, "no key of that id; see `coffer key list`");
  }
  const KeyState state = kek != nullptr ? kek->state : signer->state;
  if (!MayBecome(state, KeyState::kCompromised)) {
    return Fail(Code::kConflict,
                state == KeyState::kDestroyed
                    ? base::Literal("that key is destroyed already")
                    : base::Literal("that key is marked compromised already"));
  }
  const bool active = MaySeal(state);
  if (active) {
    COFFER_TRY(kek != nullptr ? keyring.CanAddKek(kek->institution)
                              : keyring.CanAddSigner(signer->use));
  }
  const uint64_t now = vault_.Now();
  if (kek != nullptr) {
    const int institution = kek->institution;
    COFFER_TRY(Log(LeafKind::kKeyCompromise, uid,
                   keyring.institution(institution).name.view(), kek->id,
                   kek->version));
    // The new version first: without room for its leaf nothing has changed.
    if (active) COFFER_TRY(AddKek(institution, uid));
    kek = keyring.FindKek(question.id);
    COFFER_CHECK(kek != nullptr && keyring.Compromise(*kek, now).ok());
  } else {
    const SigningUse use = signer->use;
    COFFER_TRY(
        Log(LeafKind::kKeyCompromise, uid, "", question.id, signer->version));
    if (active) COFFER_TRY(AddSigner(use, uid));
    signer = keyring.FindSigner(question.id);
    COFFER_CHECK(signer != nullptr && keyring.Compromise(*signer, now).ok());
    return Gone();
  }
  return Finish(vault_.WriteKeys());
}

Status KeyService::MayDestroy(const KekEntry& kek) const {
  if (MaySeal(kek.state)) {
    return Fail(Code::kConflict,
                "the active key: rotate first, or withdraw the institution");
  }
  if (vault_.adoption().under_way()) {
    return Fail(Code::kConflict, "a restore is under way; wait for it");
  }
  if (!kek.counted) {
    return Fail(Code::kConflict,
                "the store has not told yet how many links depend on it; try "
                "again in a moment");
  }
  if (kek.links > 0) {
    return Fail(Code::kConflict,
                "links depend on it; rotation rewraps them, `coffer key list` "
                "shows what is left");
  }
  return {};
}

Status KeyService::MayDestroy(const wire::KeyQuestion& question) const {
  Keyring& keyring = vault_.keyring();
  const KekEntry* kek = keyring.FindKek(question.id);
  const SigningEntry* signer =
      kek == nullptr ? keyring.FindSigner(question.id) : nullptr;
  if (kek == nullptr && signer == nullptr) {
    return Fail(Code::kNotFound, "no key of that id; see `coffer key list`");
  }
  const KeyState state = kek != nullptr ? kek->state : signer->state;
  if (!Lives(state)) return Fail(Code::kConflict, "destroyed already");
  const bool planned =
      (kek != nullptr ? kek->destroy_at : signer->destroy_at) != 0;
  if (question.cancel) {
    if (planned) return {};
    return Fail(Code::kConflict, "no destruction of it is planned");
  }
  if (planned) {
    return Fail(Code::kConflict, "its destruction is planned already");
  }
  if (kek != nullptr) return MayDestroy(*kek);
  if (MaySeal(state)) {
    return Fail(Code::kConflict, "the active key: rotate first");
  }
  return {};
}

Result<uint64_t> KeyService::Destroy(const wire::KeyQuestion& question,
                                     uint32_t uid) {
  COFFER_TRY(MayDestroy(question));
  Keyring& keyring = vault_.keyring();
  KekEntry* kek = keyring.FindKek(question.id);
  SigningEntry* signer =
      kek == nullptr ? keyring.FindSigner(question.id) : nullptr;
  uint64_t& planned = kek != nullptr ? kek->destroy_at : signer->destroy_at;
  const std::string_view institution =
      kek != nullptr ? keyring.institution(kek->institution).name.view() : "";
  if (question.cancel) {
    COFFER_TRY(
        Log(LeafKind::kKeyDestroyCancel, uid, institution, question.id, 0));
    planned = 0;
    COFFER_TRY(Finish(vault_.WriteKeys()));
    return uint64_t{0};
  }
  const uint32_t wait = vault_.policy().destroy_wait_seconds;
  COFFER_TRY(
      Log(LeafKind::kKeyDestroyPlan, uid, institution, question.id, wait));
  planned = vault_.Now() + wait;
  const uint64_t when = planned;
  if (wait == 0) {
    COFFER_TRY(DestroyDue());
    return uint64_t{0};
  }
  COFFER_TRY(Finish(vault_.WriteKeys()));
  return when;
}

// --- Institutions

Status KeyService::Withdraw(int institution, uint32_t uid) {
  Keyring& keyring = vault_.keyring();
  const std::string_view name = keyring.institution(institution).name.view();
  const KekEntry* active = keyring.ActiveKek(institution);
  COFFER_TRY(Log(LeafKind::kInstitutionWithdraw, uid, name,
                 active != nullptr ? active->id : KeyId{},
                 active != nullptr ? active->version : 0));
  for (size_t i = 0; i < keyring.keks(); ++i) {
    if (keyring.kek(i).institution == institution) {
      keyring.Destroy(keyring.kek(i), vault_.Now());
    }
  }
  keyring.SetState(institution, InstitutionState::kWithdrawn);
  return Gone();
}

Status KeyService::MayChange(const wire::InstitutionQuestion& question) const {
  const Keyring& keyring = vault_.keyring();
  const int place = keyring.FindInstitution(question.name);
  if (place < 0) {
    return Fail(Code::kNotFound, "no such institution; the policy admits them");
  }
  if (keyring.institution(place).state == InstitutionState::kWithdrawn &&
      question.action != InstitutionAction::kAdmit) {
    return Fail(Code::kConflict, "the institution was withdrawn");
  }
  // It would go on with links that a kill could not end.
  if (question.action == InstitutionAction::kResume && vault_.floors().full()) {
    return Fail(Code::kFull,
                "the floors are full; run coffer key rotate --all, and resume "
                "once it has ended");
  }
  return {};
}

Status KeyService::ChangeInstitution(const wire::InstitutionQuestion& question,
                                     uint32_t uid) {
  COFFER_TRY(MayChange(question));
  Keyring& keyring = vault_.keyring();
  const int place = keyring.FindInstitution(question.name);
  const InstitutionState state = keyring.institution(place).state;
  const std::string_view name = keyring.institution(place).name.view();
  switch (question.action) {
    case InstitutionAction::kSuspend:
      if (state == InstitutionState::kSuspended) {
        return Fail(Code::kConflict, "suspended already");
      }
      COFFER_TRY(Log(LeafKind::kInstitutionSuspend, uid, name, KeyId{}, 0));
      keyring.SetState(place, InstitutionState::kSuspended);
      return Finish(vault_.WriteKeys());
    case InstitutionAction::kResume:
      if (state != InstitutionState::kSuspended) {
        return Fail(Code::kConflict, "not suspended");
      }
      COFFER_TRY(Log(LeafKind::kInstitutionResume, uid, name, KeyId{}, 0));
      keyring.SetState(place, InstitutionState::kActive);
      return Finish(vault_.WriteKeys());
    case InstitutionAction::kWithdraw:
      return Withdraw(place, uid);
    case InstitutionAction::kAdmit:
      if (state != InstitutionState::kWithdrawn) {
        return Fail(Code::kConflict, "not withdrawn: nothing to admit");
      }
      COFFER_TRY(keyring.CanAddKek(place));
      COFFER_TRY(Log(LeafKind::kInstitutionAdmit, uid, name, KeyId{}, 0));
      COFFER_TRY(AddKek(place, uid));
      keyring.SetState(place, InstitutionState::kActive);
      return Finish(vault_.WriteKeys());
  }
  return Fail(Code::kInvalid, "no such action");
}

}  // namespace coffer::keeper
