#include "vault/keeper/vault.h"

#include <algorithm>

#include "crypto/kdf.h"
#include "crypto/random.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Decoder;
using base::Encoder;
using base::Fail;
using base::MutableBytes;
using wire::ByteArray;
using wire::Leaf;
using wire::LeafKind;
using wire::VaultState;

constexpr uint8_t kBodyFormat = 1;

// The largest state there can be has room: no kill fails for want of it.
constexpr size_t kBodyHeadBytesMax = 4096;  // all that is not named here
static_assert(kBodyHeadBytesMax + base::kPolicyBytesMax +
                  base::kKeyExportBytesMax + base::kFloorsMax * kFloorBytes +
                  kBudgetsBytesMax <=
              kStateBodyBytesMax);

// Of what a new state follows at once, or it has not happened.
bool WantsState(LeafKind kind) {
  switch (kind) {
    case LeafKind::kPolicyLoad:
    case LeafKind::kClockAccept:
    case LeafKind::kSlotAdd:
    case LeafKind::kSlotRemove:
    case LeafKind::kRestore:
    case LeafKind::kQuorum:
    case LeafKind::kKeyRotate:
    case LeafKind::kKeyCompromise:
    case LeafKind::kKeyDestroyPlan:
    case LeafKind::kKeyDestroyCancel:
    case LeafKind::kKeyDestroy:
    case LeafKind::kRootReplace:
    case LeafKind::kInstitutionSuspend:
    case LeafKind::kInstitutionResume:
    case LeafKind::kInstitutionWithdraw:
    case LeafKind::kInstitutionAdmit:
    case LeafKind::kErasureFinal:
      return true;
    default:
      return false;
  }
}

// Of what may have used something up that is good once.
bool MayUseOnce(const Leaf& leaf) {
  switch (leaf.kind) {
    case LeafKind::kLinkCreate:
    case LeafKind::kBankTokenReplace:
    case LeafKind::kConsentReplace:
    case LeafKind::kLinkErase:
    case LeafKind::kSubjectErase:
      return leaf.rule == wire::Rule::kAllowed;
    default:
      return false;
  }
}

}  // namespace

// Applies the journal's changes after the state file's snapshot.
class Vault::Replayer final : public JournalVisitor {
 public:
  explicit Replayer(Vault& vault) : vault_(vault) {}

  Status OnLeaf(uint64_t, Bytes bytes) override {
    auto leaf = wire::DecodeLeaf(bytes);
    if (!leaf.ok()) return leaf.error();
    if (leaf->time > vault_.highest_time_) vault_.highest_time_ = leaf->time;
    // A second more: a leaf may have its time before the check.
    if (MayUseOnce(*leaf)) {
      vault_.used_until_ =
          std::max(vault_.used_until_, leaf->time + kFreshAheadSeconds + 1);
    }
    // What the keeper suspends by itself is a change of its own.
    if (!WantsState(leaf->kind) || leaf->rule != wire::Rule::kAllowed) {
      return {};
    }
    const size_t place = vault_.not_carried_out_++;
    if (place < kNotCarriedOutMax) {
      vault_.not_carried_out_leaves_[place] = leaf->index;
    }
    return {};
  }
  Status OnChange(Bytes bytes) override { return vault_.ReplayChange(bytes); }

 private:
  Vault& vault_;
};

Vault::Vault(base::Clock& clock, base::SecretArena& arena, Journal& journal,
             StateFile& state_file)
    : clock_(clock),
      arena_(arena),
      journal_(journal),
      state_file_(state_file),
      keyring_(arena),
      local_tokens_(arena),
      policy_(new wire::Policy),
      next_policy_(new wire::Policy),
      policy_bytes_(new uint8_t[base::kPolicyBytesMax]) {}

Status Vault::Start(const crypto::SelfTestReport& report) {
  if (!report.passed()) {
    LatchSelfTest(report);
    return {};
  }
  auto found = state_file_.Open();
  if (!found.ok()) return found.error();
  if (*found == StateFound::kEmpty) {
    COFFER_TRY(journal_.OpenEmpty());
    state_ = VaultState::kUninitialised;
    return {};
  }
  header_ = state_file_.header();
  COFFER_TRY(journal_.Open(header_.vault_id, header_.journal));
  state_ = VaultState::kSealed;
  return {};
}

const ByteArray<16>& Vault::vault_id() const { return header_.vault_id; }

uint64_t Vault::Now() const {
  return time_base_ + (clock_.BootMilliseconds() - boot_base_) / 1000;
}

void Vault::JudgeClock(uint64_t recorded) {
  const uint64_t wall = clock_.WallSeconds();
  clock_accepted_ = wall + base::kClockBackSecondsMax >= recorded &&
                    wall <= recorded + base::kClockAheadSecondsMax;
  // Until an operator takes the wall clock, the recorded time goes on.
  time_base_ = clock_accepted_ && wall > recorded ? wall : recorded;
  boot_base_ = clock_.BootMilliseconds();
}

// --- Operators

Result<uint8_t> Vault::Init(const wire::OpenQuestion& question, uint32_t uid) {
  if (state_ != VaultState::kUninitialised) {
    return Fail(Code::kConflict, "already initialised; nothing was changed");
  }
  COFFER_TRY(CheckSlotHeader(question.slot));
  COFFER_TRY(DecodeNextPolicy(question.policy));
  COFFER_TRY(wire::CheckQuorum(question.quorum));

  StateHeader header;
  crypto::Random(header.vault_id);
  StateSlot slot;
  slot.header = question.slot;
  slot.header.id = 1;
  crypto::SlotSecret secret(arena_);
  secret.Fill(question.secret);
  crypto::RootKey root(arena_);
  crypto::RandomKey(root);
  COFFER_TRY(MakeSlot(slot, arena_, secret, root, header.vault_id));
  header.slots.push_back(slot);

  root_ = std::move(root);
  header_ = header;
  highest_time_ = clock_.WallSeconds();
  used_until_ = 0;
  keyring_.Generate(highest_time_);
  quorum_ = question.quorum;
  keyring_generation_ = 1;
  exported_generation_ = 0;
  COFFER_TRY(Begin(LeafKind::kInit, question.policy, 0, uid));
  return slot.header.id;
}

// The last steps of init and import: the first state and the first leaf.
Status Vault::Begin(LeafKind kind, Bytes policy, uint64_t first_leaf,
                    uint32_t uid) {
  JudgeClock(highest_time_);
  floors_.Clear();
  budgets_.Clear();
  auto finish = [&]() -> Status {
    COFFER_TRY(SetPolicy(policy));
    COFFER_TRY(journal_.Create(header_.vault_id, first_leaf));
    Replayer replayer(*this);
    COFFER_TRY(journal_.Replay(keyring_.journal_key(),
                               journal_.durable_position(), replayer));
    COFFER_TRY(WriteState());
    return Operate(kind, uid);
  };
  Status done = finish();
  if (done.ok()) return done;
  // Once the journal exists only a restart tells what became durable.
  if (journal_.state() != JournalState::kClosed) return Latch(done.error());
  Forget();
  state_ = VaultState::kUninitialised;
  return done;
}

const StateSlot* Vault::FindSlot(uint8_t id) const {
  for (const StateSlot& slot : header_.slots) {
    if (slot.header.id == id) return &slot;
  }
  return nullptr;
}

Status Vault::Unseal(const wire::OpenQuestion& question, uint32_t uid) {
  crypto::SlotSecret secret(arena_);
  secret.Fill(question.secret);
  return UnsealWith(question.slot.id, secret, uid);
}

Status Vault::UnsealWith(uint8_t slot_id, const crypto::SlotSecret& secret,
                         uint32_t uid) {
  if (state_ == VaultState::kOperational) {
    return Fail(Code::kConflict, "already unsealed");
  }
  if (state_ != VaultState::kSealed) {
    return Fail(Code::kConflict, "not sealed; see `coffer status`");
  }
  const StateSlot* slot = FindSlot(slot_id);
  if (slot == nullptr) return Fail(Code::kNotFound, "no seal slot of that id");
  crypto::RootKey root(arena_);
  Status found = OpenRoot(root, arena_, *slot, secret, header_.vault_id);
  if (!found.ok()) {
    CountUnsealFailure(uid);
    return found;
  }
  Bytes body;
  Status opened = state_file_.OpenBody(root, body);
  if (opened.ok()) opened = OpenWith(root, body);
  state_file_.WipeBody();
  if (!opened.ok()) return Latch(opened.error());
  root_ = std::move(root);
  JudgeClock(highest_time_);
  Status operating = TellNotCarriedOut();
  if (operating.ok()) operating = Operate(LeafKind::kUnseal, uid);
  if (!operating.ok()) return Latch(operating.error());
  return operating;
}

void Vault::CountUnsealFailure(uint32_t uid) {
  ++unseal_failures_;
  unseal_failure_uid_ = uid;
}

Status Vault::OpenWith(const crypto::RootKey& root, Bytes body) {
  Decoder decoder(body);
  uint8_t format = 0;
  decoder.Number(format);
  if (format > kBodyFormat) {
    return Fail(Code::kNewerFormat,
                "keeper.state: written by a newer coffer; update this program");
  }
  JournalPosition position;
  Bytes policy;
  Bytes keyring;
  uint32_t count = 0;
  decoder.Number(highest_time_);
  decoder.Number(used_until_);
  uint32_t horizon = 0;
  decoder.Number(horizon);
  decoder.Struct(position);
  decoder.LongBytes(policy, base::kPolicyBytesMax);
  decoder.Struct(quorum_);
  decoder.Number(keyring_generation_);
  decoder.Number(exported_generation_);
  decoder.LongBytes(keyring, kStateBodyBytesMax);
  decoder.Number(count);
  if (decoder.failed() || format != kBodyFormat) {
    return Fail(Code::kDamaged, "keeper.state: malformed; restore a backup");
  }
  COFFER_TRY(keyring_.Open(keyring, root, header_.vault_id));
  COFFER_TRY(DecodeNextPolicy(policy));
  // What follows asks for the time; judged again once the journal is read.
  JudgeClock(highest_time_);
  floors_.Clear();
  budgets_.Clear();
  COFFER_TRY(SetPolicy(policy));
  for (uint32_t i = 0; i < count && !decoder.failed(); ++i) {
    Floor floor{};
    decoder.Struct(floor);
    if (decoder.failed() || !floors_.Raise(floor, true)) {
      return Fail(Code::kDamaged, "keeper.state: floors are malformed");
    }
  }
  COFFER_TRY(budgets_.Decode(decoder));
  if (!decoder.finished()) {
    return Fail(Code::kDamaged, "keeper.state: malformed; restore a backup");
  }
  not_carried_out_ = 0;
  Replayer replayer(*this);
  COFFER_TRY(journal_.Replay(keyring_.journal_key(), position, replayer));
  HoldHorizon(horizon);
  return {};
}

// The last steps of init and unseal: the leaf that starts a new epoch, a fresh
// v4.local key, and a snapshot from which the next replay starts.
Status Vault::Operate(LeafKind kind, uint32_t uid) {
  if (unseal_failures_ != 0) {
    COFFER_TRY(AddOperatorLeaf(LeafKind::kUnsealFailed, unseal_failure_uid_,
                               unseal_failures_));
    unseal_failures_ = 0;
  }
  const uint64_t leaf = journal_.next_leaf();
  COFFER_TRY(AddOperatorLeaf(kind, uid, 0));
  COFFER_TRY(WriteState());
  unseal_leaf_ = leaf;
  spent_tokens_.Clear();
  fresh_once_.Begin(std::max(time_base_, used_until_ + 1));
  local_tokens_.Renew();
  FormatShownKeys();
  state_ = VaultState::kOperational;
  return {};
}

Status Vault::Seal(uint32_t uid) {
  if (state_ != VaultState::kOperational) {
    return Fail(Code::kSealed, "not unsealed");
  }
  // The keys go whatever the disk says; what could not be written is told.
  Status logged = AddOperatorLeaf(LeafKind::kSeal, uid, 0);
  Status written = logged.ok() ? WriteState() : Status();
  Forget();
  state_ = VaultState::kSealed;
  if (!logged.ok()) {
    return Fail(Code::kFull, "sealed, but the journal has no room to say so");
  }
  if (!written.ok()) {
    return Fail(Code::kIo, "sealed, but keeper.state could not be written");
  }
  return {};
}

Status Vault::Stop() {
  if (state_ != VaultState::kOperational) return {};
  COFFER_TRY(journal_.SyncNow(keyring_.journal_key()));
  COFFER_TRY(WriteState());
  Forget();
  state_ = VaultState::kSealed;
  return {};
}

Status Vault::LoadPolicy(const wire::PolicyBytes& question, uint32_t uid) {
  if (state_ != VaultState::kOperational) {
    return Fail(Code::kSealed, "sealed; unseal first");
  }
  COFFER_TRY(DecodeNextPolicy(question.policy));
  COFFER_TRY(wire::CheckQuorum(question.quorum));
  COFFER_TRY(CheckRoomForKeys());
  COFFER_TRY(budgets_.Prepare(*next_policy_, keyring_.index_key(), Now()));
  // The leaves first: no policy and no rule is in force without one.
  if (!(question.quorum == quorum_)) {
    COFFER_TRY(
        AddOperatorLeaf(LeafKind::kQuorum, uid, question.quorum.threshold));
  }
  COFFER_TRY(AddOperatorLeaf(LeafKind::kPolicyLoad, uid, 0));
  const size_t institutions = keyring_.institutions();
  COFFER_TRY(SetPolicy(question.policy));
  quorum_ = question.quorum;
  // A new institution has a key that no key export holds.
  Status written =
      keyring_.institutions() == institutions ? WriteState() : WriteKeys();
  if (!written.ok()) return Latch(written.error());
  return {};
}

Status Vault::AcceptClock(uint32_t uid) {
  if (state_ != VaultState::kOperational) {
    return Fail(Code::kSealed, "sealed; unseal first");
  }
  if (!journal_.CanRecord()) {
    return Fail(Code::kFull, "the journal cannot grow; free disk space");
  }
  time_base_ = clock_.WallSeconds();
  boot_base_ = clock_.BootMilliseconds();
  highest_time_ = time_base_;
  clock_accepted_ = true;
  budgets_.PutBack(time_base_);
  // A step back must not give life back to tokens: a new epoch begins.
  Status operating = Operate(LeafKind::kClockAccept, uid);
  if (!operating.ok()) return Latch(operating.error());
  return {};
}

// --- Parts

Status Vault::SetPolicy(Bytes compiled) {
  for (const wire::PolicyInstitution& institution :
       next_policy_->institutions) {
    COFFER_TRY(keyring_.EnsureInstitution(institution.name.view(), Now(),
                                          journal_.next_leaf()));
  }
  COFFER_TRY(budgets_.Prepare(*next_policy_, keyring_.index_key(), Now()));
  budgets_.Bind(clock_.BootMilliseconds());
  std::swap(policy_, next_policy_);
  std::memcpy(policy_bytes_.get(), compiled.data(), compiled.size());
  policy_bytes_size_ = compiled.size();
  ++policy_generation_;
  HoldHorizon(erasure_horizon_);
  return {};
}

Result<size_t> Vault::EncodeBody() {
  MutableBytes out = state_file_.body_buffer();
  Encoder encoder(out);
  encoder.Number(kBodyFormat);
  const uint64_t now = Now();
  if (now > highest_time_) highest_time_ = now;
  encoder.Number(highest_time_);
  used_until_ = std::max(used_until_, fresh_once_.newest());
  encoder.Number(used_until_);
  encoder.Number(erasure_horizon_);
  encoder.Struct(journal_.durable_position());
  encoder.LongBytes(policy_bytes(), base::kPolicyBytesMax);
  encoder.Struct(quorum_);
  encoder.Number(keyring_generation_);
  encoder.Number(exported_generation_);
  // The keyring's size is known once it stands behind it.
  const size_t size_at = encoder.used();
  auto keyring =
      keyring_.Seal(out.subspan(size_at + 4), root_, header_.vault_id);
  if (!keyring.ok()) return keyring.error();
  encoder.Number(static_cast<uint32_t>(*keyring));
  Encoder rest(out.subspan(size_at + 4 + *keyring));
  rest.Number(static_cast<uint32_t>(floors_.size()));
  for (const Floor& floor : floors_) rest.Struct(floor);
  budgets_.Encode(rest, now);
  if (encoder.failed() || rest.failed()) {
    return Fail(Code::kTooLarge, "keeper.state: the state is too large");
  }
  return size_at + 4 + *keyring + rest.used();
}

// Requires that nothing is left to submit or in flight.
Status Vault::WriteState() {
  auto size = EncodeBody();
  if (!size.ok()) return size.error();
  header_.journal = journal_.durable_position();
  header_.quorum_threshold = quorum_.threshold;
  COFFER_TRY(state_file_.Write(root_, header_, *size));
  header_ = state_file_.header();
  return {};
}

void Vault::Forget() {
  root_.Destroy();
  keyring_.Clear();
  local_tokens_.Destroy();
  floors_.Clear();
  budgets_.Clear();
  spent_tokens_.Clear();
  *policy_ = wire::Policy{};
  quorum_ = wire::QuorumRule{};
  policy_bytes_size_ = 0;
  ++policy_generation_;
}

base::Error Vault::Latch(base::Error error) {
  Forget();
  state_ = VaultState::kError;
  error_reason_ = error.message;
  return error;
}

}  // namespace coffer::keeper
