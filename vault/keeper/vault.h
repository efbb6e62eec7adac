// The vault's state and what changes it: initialise, import, unseal, seal,
// policy, clock, zeroize. Runs in the keeper's main thread. Holds every key,
// the policy in force, the floors and the clock that decisions judge by; writes
// keeper.state, appends leaves and changes to the journal. Refuses whatever is
// not authentic, and then stays in the error state.
//
// The state's body (sealed by StateFile under the root key):
//   format u8 | highest_time u64 | used until u64 | erasure horizon u32
//   | journal position | policy bytes32 | quorum rule
//   | keyring generation u64 | exported generation u64
//   | keyring bytes32 | count u32 | floor* | budgets (budgets.h)
// A change in the journal: kind u8 | fields: kFloor: a floor; kBudget, kBrake:
// as in budgets.h; kInstitution: a suspended one's Floor::institution, u16.
#pragma once

#include <memory>

#include "crypto/base/clock.h"
#include "crypto/self_test.h"
#include "vault/keeper/access_token.h"
#include "vault/keeper/budgets.h"
#include "vault/keeper/floors.h"
#include "vault/keeper/fresh_once.h"
#include "vault/keeper/journal.h"
#include "vault/keeper/key_export.h"
#include "vault/keeper/keyring.h"
#include "vault/keeper/seal_slot.h"
#include "vault/keeper/spent_tokens.h"
#include "vault/wire/operator_message.h"

namespace coffer::keeper {

// The uid in leaves of what the keeper does by itself.
inline constexpr uint32_t kKeeperUid = 0xffffffff;

// How many leaves an unseal names that a crash kept from being carried out; the
// last one's revision says how many there are beyond it.
inline constexpr size_t kNotCarriedOutMax = 8;

// Numbers are part of the journal's format: append only.
enum class ChangeKind : uint8_t {
  kFloor = 1,
  kBudget = 2,
  kBrake = 3,
  kInstitution = 4,
};

// Suspended by the keeper itself.
struct InstitutionChange {
  uint16_t institution = 0;  // as in Floor

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.institution);
  }
};

// A store that lies ready to be put in force by the gate.
struct StoreAdoption {
  wire::ByteArray<32> digest{};  // zeros: none
  bool done = false;             // the gate has answered
  bool adopted = false;

  // Asked for and not answered: until then nothing may be taken for gone from
  // the store.
  bool under_way() const { return digest != wire::ByteArray<32>{} && !done; }
};

// Resource; everything it will ever need is made by the constructor.
class Vault {
 public:
  Vault(base::Clock& clock, base::SecretArena& arena, Journal& journal,
        StateFile& state_file);

  // Before the sandbox, at first the self-tests' report: one that has not
  // passed latches the error state, and the files are left alone. Then reads
  // their clear parts: ends uninitialised or sealed; an error names the file
  // and what to do, and the keeper ends.
  Status Start(const crypto::SelfTestReport& report);

  wire::VaultState state() const { return state_; }
  const char* error_reason() const { return error_reason_; }

  // --- Operators; only between batches
  // Each is durable, its leaf too, when it returns ok. `uid` is the operator's.
  Result<uint8_t> Init(const wire::OpenQuestion& question, uint32_t uid);
  // As Init, with the keys and slots of an export that `root` has opened, its
  // keyring in `sealed`; under a fresh root.
  Status Import(const KeyExport& head, Bytes sealed,
                const crypto::RootKey& root, const wire::OpenQuestion& question,
                uint32_t uid);
  Status Unseal(const wire::OpenQuestion& question, uint32_t uid);
  // Wrong secrets are counted. kDamaged with the vault still sealed: this slot
  // alone is broken.
  Status UnsealWith(uint8_t slot, const crypto::SlotSecret& secret,
                    uint32_t uid);
  void CountUnsealFailure(uint32_t uid);
  Status Seal(uint32_t uid);
  Status LoadPolicy(const wire::PolicyBytes& question, uint32_t uid);
  Status AcceptClock(uint32_t uid);
  // A failure latches the error state.
  Status LogSelfTest(uint32_t uid, const crypto::SelfTestReport& report);
  // Wipes every key and overwrites keeper.state, in this order; no leaf, so
  // that nothing can stop it. The caller ends the process.
  Status Destroy();
  // A clean end: the state file is brought up to date.
  Status Stop();

  // --- What decisions need; operational only
  const wire::Policy& policy() const { return *policy_; }
  // Raised whenever the policy is replaced; never 0.
  uint64_t policy_generation() const { return policy_generation_; }
  Bytes policy_bytes() const {
    return {policy_bytes_.get(), policy_bytes_size_};
  }
  const Keyring& keyring() const { return keyring_; }
  const Floors& floors() const { return floors_; }
  const Budgets& budgets() const { return budgets_; }
  SpentTokens& spent_tokens() { return spent_tokens_; }
  FreshOnce& fresh_once() { return fresh_once_; }
  const LocalTokenKeeper& local_tokens() const { return local_tokens_; }
  const wire::ByteArray<16>& vault_id() const;
  // Tokens of an earlier epoch are void.
  uint64_t unseal_leaf() const { return unseal_leaf_; }
  // Seconds; never steps back.
  uint64_t Now() const;
  bool clock_accepted() const { return clock_accepted_; }

  // --- For the services that change keys, slots and rules; between batches
  base::Clock& clock() { return clock_; }
  base::SecretArena& arena() { return arena_; }
  const crypto::RootKey& root() const { return root_; }
  Keyring& keyring() { return keyring_; }
  Floors& floors() { return floors_; }
  // The clear part, with the seal slots; WriteState makes a change durable.
  StateHeader& header() { return header_; }
  const StateHeader& header() const { return header_; }
  const StateSlot* FindSlot(uint8_t id) const;  // nullptr: none
  const wire::QuorumRule& quorum() const { return quorum_; }
  uint64_t keyring_generation() const { return keyring_generation_; }
  void MarkExported() { exported_generation_ = keyring_generation_; }
  StoreAdoption& adoption() { return adoption_; }
  const StoreAdoption& adoption() const { return adoption_; }
  // Appended and synced. kFull, and nothing is appended: no room on disk.
  Status Record(wire::Leaf leaf);
  // A new state in force, durable. An error may leave either in force: Latch.
  Status WriteState();
  // WriteState after a change of keys or slots: raises the generation.
  Status WriteKeys();
  // WriteKeys under a fresh root, sealed to every slot: what was written before
  // opens nothing of the new state.
  Status ReplaceRoot();
  // Floors that refuse nothing any more go, in memory and so from the next
  // state written; how many. Tokens from before `token_horizon` have expired.
  size_t DropFloors(const OldestKeks& oldest, uint64_t token_horizon);
  // The lowest that policy had since the erasures that are not final yet: their
  // date never moves later.
  uint32_t erasure_horizon_seconds() const { return erasure_horizon_; }
  // Erasures that are past it.
  uint32_t OverdueErasures() const;
  // Ends in the error state for good; returns the error.
  base::Error Latch(base::Error error);

  // --- Evidence and kills, into the batch being filled
  bool CanAppend(bool kill) const { return journal_.CanAppend(kill); }
  uint64_t next_leaf() const { return journal_.next_leaf(); }
  Status ReadLeaves(uint64_t from, wire::LeavesAnswer& answer) {
    return journal_.ReadLeaves(from, answer);
  }
  // Gives the leaf its index and, unless it has one, its time; requires
  // CanAppend.
  uint64_t AddLeaf(wire::Leaf& leaf);
  // In memory and in the journal's batch; set_leaf and erased_at are filled in.
  // False when the table is full.
  bool RaiseFloor(Floor floor, bool kill);
  bool CanRaiseFloor(const wire::ByteArray<16>& key, bool kill) const {
    return floors_.CanRaise(key, kill);
  }

  // --- Limits, vault_limits.cc
  // Takes one token of the caller's budget for the purpose (places in the
  // policy), or says which limit refuses it. What it counts, and a brake that
  // it trips, go into the batch. Requires CanAppend.
  wire::Rule Spend(int caller, int purpose, const wire::LinkId& link,
                   uint32_t uid);
  void ListBrakes(uint32_t from, wire::BrakeListAnswer& answer) const;
  Status ReleaseBrake(const wire::BrakeId& id, uint32_t uid);
  // Every token there is of the name is void, from now on.
  Status RevokeTokens(const wire::RevokeTokensQuestion& question, uint32_t uid);
  // A kill found no room for its floor: all that it was to end is suspended,
  // into the batch being filled. `institution` as in Floor.
  void SuspendForRoom(uint16_t institution);

  void FillStatus(wire::OperatorStatus& status) const;

 private:
  class Replayer;

  Status Begin(wire::LeafKind kind, Bytes policy, uint64_t first_leaf,
               uint32_t uid);
  base::Error LatchSelfTest(const crypto::SelfTestReport& report);
  Status OpenWith(const crypto::RootKey& root, Bytes body);
  Result<size_t> EncodeBody();
  // Into next_policy_, with the check that wire cannot make: of public keys.
  Status DecodeNextPolicy(Bytes compiled);
  Status SetPolicy(Bytes compiled);
  Status ReplayChange(Bytes bytes);
  void HoldHorizon(uint32_t before);
  bool Suspend(uint16_t institution);
  template <typename Change>
  void AddChange(ChangeKind kind, const Change& change);
  Status CheckRoomForKeys() const;
  void FormatShownKeys();
  Status Operate(wire::LeafKind kind, uint32_t uid);
  Status AddOperatorLeaf(wire::LeafKind kind, uint32_t uid, uint32_t detail);
  Status TellNotCarriedOut();
  void JudgeClock(uint64_t recorded);
  void Forget();

  base::Clock& clock_;
  base::SecretArena& arena_;
  Journal& journal_;
  StateFile& state_file_;

  wire::VaultState state_ = wire::VaultState::kSelfTest;
  const char* error_reason_ = "";
  StateHeader header_;
  crypto::RootKey root_;
  Keyring keyring_;
  wire::QuorumRule quorum_;
  StoreAdoption adoption_;
  uint64_t keyring_generation_ = 0;
  uint64_t exported_generation_ = 0;
  LocalTokenKeeper local_tokens_;
  Floors floors_;
  Budgets budgets_;
  SpentTokens spent_tokens_;
  FreshOnce fresh_once_;
  std::unique_ptr<wire::Policy> policy_;
  std::unique_ptr<wire::Policy> next_policy_;  // room to check another one
  std::unique_ptr<uint8_t[]> policy_bytes_;
  size_t policy_bytes_size_ = 0;
  uint64_t policy_generation_ = 1;
  // Leaves behind the state that a state should have followed.
  size_t not_carried_out_ = 0;
  uint64_t not_carried_out_leaves_[kNotCarriedOutMax]{};
  uint64_t unseal_leaf_ = 0;
  uint64_t time_base_ = 0;     // seconds, at boot_base_
  uint64_t boot_base_ = 0;     // milliseconds
  uint64_t highest_time_ = 0;  // recorded
  // Whatever was good once and was used was issued by then, whichever clock
  // was in force: kept over restarts and through AcceptClock.
  uint64_t used_until_ = 0;
  uint32_t erasure_horizon_ = 0;  // seconds
  bool clock_accepted_ = true;
  uint32_t unseal_failures_ = 0;
  uint32_t unseal_failure_uid_ = 0;  // of the last one
  char evidence_key_[crypto::kPaserkPublicTextBytes]{};
  char ingest_kid_[crypto::kPaserkIdTextBytes]{};
  char self_test_reason_[wire::kOperatorMessageBytesMax + 1]{};
};

}  // namespace coffer::keeper
