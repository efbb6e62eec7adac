#include "vault/keeper/keyring.h"

#include <algorithm>

#include "crypto/kdf.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;

namespace {

constexpr size_t kNone = ~size_t{0};
constexpr int kAnyInstitution = -1;

// Every change of a state goes through here.
void Become(KeyState& state, KeyState next) {
  COFFER_CHECK(MayBecome(state, next));
  state = next;
}

}  // namespace

KeyId ShortId(const crypto::PaserkIdHash& hash) {
  KeyId id;
  std::memcpy(id.data(), hash.data(), id.size());
  return id;
}

NewKek::NewKek(base::SecretArena& arena) : key(arena) {
  crypto::RandomKey(key);
  id = ShortId(crypto::LocalId(key));
}

NewSigner::NewSigner(base::SecretArena& arena) : key(arena) {
  crypto::GenerateSigningKey(key);
  public_key = crypto::PublicKeyOf(key);
  id = crypto::PublicId(public_key);
}

Keyring::Keyring(base::SecretArena& arena)
    : arena_(arena),
      institutions_(new InstitutionKeys[base::kInstitutionsMax]),
      keks_(new KekEntry[base::kKeysMax]),
      signers_(new SigningEntry[kSignersMax]) {}

void Keyring::Generate(uint64_t now) {
  Clear();
  index_key_ = crypto::IndexKey(arena_);
  crypto::RandomKey(index_key_);
  journal_key_ = crypto::JournalKey(arena_);
  crypto::RandomKey(journal_key_);
  history_key_ = crypto::HistoryKey(arena_);
  crypto::RandomKey(history_key_);
  for (SigningUse use : {SigningUse::kToken, SigningUse::kEvidence,
                         SigningUse::kIngest, SigningUse::kAudit}) {
    AddSigner(use, NewSigner(arena_), now);
  }
}

Status Keyring::EnsureInstitution(std::string_view institution, uint64_t now,
                                  uint64_t leaf) {
  int place = FindInstitution(institution);
  if (place >= 0) return {};
  if (institutions_size_ == base::kInstitutionsMax ||
      (keks_size_ == base::kKeysMax && OldestSwept(kAnyInstitution) == kNone)) {
    return Fail(Code::kFull, "keyring: no room for another institution");
  }
  place = static_cast<int>(institutions_size_++);
  institutions_[place].name.Assign(institution);
  institutions_[place].state = wire::InstitutionState::kActive;
  AddKek(place, NewKek(arena_), now, leaf);
  return {};
}

// --- Institutions

int Keyring::FindInstitution(std::string_view name) const {
  for (size_t i = 0; i < institutions_size_; ++i) {
    if (institutions_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

const InstitutionKeys& Keyring::institution(int place) const {
  COFFER_CHECK(place >= 0 && static_cast<size_t>(place) < institutions_size_);
  return institutions_[static_cast<size_t>(place)];
}

void Keyring::SetState(int institution, wire::InstitutionState state) {
  COFFER_CHECK(institution >= 0 &&
               static_cast<size_t>(institution) < institutions_size_);
  institutions_[static_cast<size_t>(institution)].state = state;
}

// --- KEKs

const KekEntry* Keyring::ActiveKek(int institution) const {
  for (size_t i = 0; i < keks_size_; ++i) {
    if (keks_[i].institution == institution && MaySeal(keks_[i].state)) {
      return &keks_[i];
    }
  }
  return nullptr;
}

const KekEntry* Keyring::KekToOpen(int institution, const KeyId& id) const {
  for (size_t i = 0; i < keks_size_; ++i) {
    const KekEntry& kek = keks_[i];
    if (kek.institution != institution || kek.id != id) continue;
    return MayOpen(kek.state) ? &kek : nullptr;
  }
  return nullptr;
}

KekEntry* Keyring::FindKek(const KeyId& id) {
  for (size_t i = 0; i < keks_size_; ++i) {
    if (keks_[i].id == id) return &keks_[i];
  }
  return nullptr;
}

bool Keyring::IsDestroyed(int institution, const KeyId& id) const {
  for (size_t i = 0; i < keks_size_; ++i) {
    const KekEntry& kek = keks_[i];
    if (kek.institution == institution && kek.id == id) {
      return !Lives(kek.state);
    }
  }
  return false;
}

Keyring::Living Keyring::CountLiving(int institution) const {
  Living living;
  for (size_t i = 0; i < keks_size_; ++i) {
    if (keks_[i].institution != institution || !Lives(keks_[i].state)) continue;
    ++living.all;
    living.old += !MaySeal(keks_[i].state);
  }
  return living;
}

size_t Keyring::OldestSwept(int institution) const {
  for (size_t i = 0; i < keks_size_; ++i) {
    if (institution != kAnyInstitution && keks_[i].institution != institution) {
      continue;
    }
    if (keks_[i].swept) return i;
  }
  return kNone;
}

Status Keyring::CanAddKek(int institution) const {
  size_t versions = 0;
  for (size_t i = 0; i < keks_size_; ++i) {
    versions += keks_[i].institution == institution;
  }
  if (versions >= base::kKekVersionsMax && OldestSwept(institution) == kNone) {
    return Fail(Code::kFull,
                "8 versions of its KEK are still in use or being swept; wait "
                "for them to end");
  }
  if (keks_size_ == base::kKeysMax && OldestSwept(kAnyInstitution) == kNone) {
    return Fail(Code::kFull,
                "keyring: 1024 keys are in use; wait for rotations to end");
  }
  return {};
}

const KekEntry& Keyring::AddKek(int institution, NewKek fresh, uint64_t now,
                                uint64_t leaf) {
  COFFER_CHECK(CanAddKek(institution).ok());
  uint32_t version = 0;
  size_t versions = 0;
  for (size_t i = 0; i < keks_size_; ++i) {
    KekEntry& kek = keks_[i];
    if (kek.institution != institution) continue;
    ++versions;
    version = std::max(version, kek.version);
    if (!MaySeal(kek.state)) continue;
    Become(kek.state, KeyState::kDeactivated);
    kek.ended_at = now;
    kek.counted = false;  // the count was of before the last record under it
  }
  if (versions >= base::kKekVersionsMax) EraseKek(OldestSwept(institution));
  if (keks_size_ == base::kKeysMax) EraseKek(OldestSwept(kAnyInstitution));
  KekEntry& kek = keks_[keks_size_++];
  kek = KekEntry{};
  kek.id = fresh.id;
  kek.institution = static_cast<uint16_t>(institution);
  kek.version = version + 1;
  kek.state = KeyState::kActive;
  kek.created_at = now;
  kek.created_leaf = leaf;
  kek.key = std::move(fresh.key);
  return kek;
}

Status Keyring::Compromise(KekEntry& kek, uint64_t now) {
  if (!MayBecome(kek.state, KeyState::kCompromised)) {
    return Fail(Code::kConflict, "compromised already, or destroyed");
  }
  Become(kek.state, KeyState::kCompromised);
  if (kek.ended_at == 0) kek.ended_at = now;
  return {};
}

void Keyring::Destroy(KekEntry& kek, uint64_t now) {
  if (!Lives(kek.state)) return;
  if (MaySeal(kek.state)) Become(kek.state, KeyState::kDeactivated);
  Become(kek.state, KeyState::kDestroyed);
  kek.key.Destroy();
  kek.swept = kek.drained;
  kek.drained = false;
  kek.destroy_at = 0;
  if (kek.ended_at == 0) kek.ended_at = now;
}

void Keyring::FillOldest(OldestKeks& oldest) const {
  oldest.fill(kNoKek);
  for (size_t i = 0; i < keks_size_; ++i) {
    const KekEntry& kek = keks_[i];
    if (!Lives(kek.state)) continue;
    for (size_t place : {size_t{0}, kek.institution + size_t{1}}) {
      oldest[place] = std::min(oldest[place], kek.created_leaf);
    }
  }
}

void Keyring::MarkDrained(KekEntry& kek) {
  COFFER_CHECK(!MaySeal(kek.state));
  if (kek.swept) return;
  kek.drained = any_drained_ = true;
}

void Keyring::ForgetWalks() {
  any_drained_ = false;
  for (size_t i = 0; i < keks_size_; ++i) {
    keks_[i].drained = keks_[i].swept = keks_[i].counted = false;
  }
}

void Keyring::StartFromLeaf(uint64_t leaf) {
  for (size_t i = 0; i < keks_size_; ++i) {
    keks_[i].created_leaf = std::max(keks_[i].created_leaf, leaf);
  }
}

void Keyring::EraseKek(size_t i) {
  COFFER_CHECK(i < keks_size_ && !Lives(keks_[i].state));
  std::move(keks_.get() + i + 1, keks_.get() + keks_size_, keks_.get() + i);
  keks_[--keks_size_] = KekEntry{};
}

// --- Signing keys

const SigningEntry& Keyring::ActiveSigner(SigningUse use) const {
  for (size_t i = 0; i < signers_size_; ++i) {
    if (signers_[i].use == use && MaySeal(signers_[i].state)) {
      return signers_[i];
    }
  }
  COFFER_CHECK(false);
}

const SigningEntry* Keyring::SignerById(SigningUse use,
                                        const crypto::PaserkIdHash& id) const {
  for (size_t i = 0; i < signers_size_; ++i) {
    const SigningEntry& entry = signers_[i];
    if (entry.use != use || entry.id != id) continue;
    return MayVerify(entry.state) ? &entry : nullptr;
  }
  return nullptr;
}

SigningEntry* Keyring::FindSigner(const KeyId& id) {
  for (size_t i = 0; i < signers_size_; ++i) {
    if (ShortId(signers_[i].id) == id) return &signers_[i];
  }
  return nullptr;
}

// The row that makes room: the oldest destroyed; of what is only verified by
// outsiders, who keep the public key, else the oldest that ended.
size_t Keyring::OldestEnded(SigningUse use) const {
  size_t ended = kNone;
  for (size_t i = 0; i < signers_size_; ++i) {
    if (signers_[i].use != use || MaySeal(signers_[i].state)) continue;
    if (!Lives(signers_[i].state)) return i;
    if (ended == kNone) ended = i;
  }
  const bool by_outsiders =
      use == SigningUse::kEvidence || use == SigningUse::kAudit;
  return by_outsiders ? ended : kNone;
}

Status Keyring::CanAddSigner(SigningUse use) const {
  size_t rows = 0;
  for (size_t i = 0; i < signers_size_; ++i) rows += signers_[i].use == use;
  if (rows >= kSignersPerUse && OldestEnded(use) == kNone) {
    return Fail(Code::kFull,
                "8 keys of this use are still needed; wait some minutes");
  }
  return {};
}

const SigningEntry& Keyring::AddSigner(SigningUse use, NewSigner fresh,
                                       uint64_t now) {
  COFFER_CHECK(CanAddSigner(use).ok());
  uint32_t version = 0;
  size_t rows = 0;
  for (size_t i = 0; i < signers_size_; ++i) {
    SigningEntry& entry = signers_[i];
    if (entry.use != use) continue;
    ++rows;
    version = std::max(version, entry.version);
    if (!MaySeal(entry.state)) continue;
    Become(entry.state, KeyState::kDeactivated);
    entry.ended_at = now;
    // Sealed to it already, something may still be on its way in.
    if (use != SigningUse::kIngest) entry.key.Destroy();
  }
  if (rows >= kSignersPerUse) EraseSigner(OldestEnded(use));
  COFFER_CHECK(signers_size_ < kSignersMax);
  SigningEntry& entry = signers_[signers_size_++];
  entry = SigningEntry{};
  entry.use = use;
  entry.version = version + 1;
  entry.state = KeyState::kActive;
  entry.created_at = now;
  entry.id = fresh.id;
  entry.public_key = fresh.public_key;
  entry.key = std::move(fresh.key);
  return entry;
}

Status Keyring::Compromise(SigningEntry& signer, uint64_t now) {
  if (!MayBecome(signer.state, KeyState::kCompromised)) {
    return Fail(Code::kConflict, "compromised already, or destroyed");
  }
  Become(signer.state, KeyState::kCompromised);
  signer.key.Destroy();
  if (signer.ended_at == 0) signer.ended_at = now;
  return {};
}

void Keyring::Destroy(SigningEntry& signer, uint64_t now) {
  COFFER_CHECK(!MaySeal(signer.state));
  if (!Lives(signer.state)) return;
  Become(signer.state, KeyState::kDestroyed);
  signer.key.Destroy();
  signer.destroy_at = 0;
  if (signer.ended_at == 0) signer.ended_at = now;
}

void Keyring::EraseSigner(size_t i) {
  COFFER_CHECK(i < signers_size_);
  std::move(signers_.get() + i + 1, signers_.get() + signers_size_,
            signers_.get() + i);
  signers_[--signers_size_] = SigningEntry{};
}

void Keyring::Clear() {
  index_key_.Destroy();
  journal_key_.Destroy();
  history_key_.Destroy();
  for (size_t i = 0; i < keks_size_; ++i) keks_[i] = KekEntry{};
  for (size_t i = 0; i < signers_size_; ++i) signers_[i] = SigningEntry{};
  for (size_t i = 0; i < institutions_size_; ++i) {
    institutions_[i] = InstitutionKeys{};
  }
  keks_size_ = signers_size_ = institutions_size_ = 0;
  any_drained_ = false;
}

}  // namespace coffer::keeper
