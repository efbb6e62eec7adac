// The seal slots: opening the vault through one, and changing them online. Runs
// in the keeper's main thread, only while no batch is under way. Refuses, and
// counts, wrong secrets and shares; after kUnsealFailuresFree of them in a row
// at one slot, only one attempt at it every kUnsealPauseSeconds is looked at.
// Shares wait in secret memory, of one slot at a time.
#pragma once

#include "crypto/shamir.h"
#include "vault/keeper/vault.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

// A slot that has opened the root once, without its secret. Value.
struct PreparedSlot {
  wire::SlotHeader header;
  crypto::PublicKey public_key{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.header);
    coder.Fixed(self.public_key);
  }
};

class SlotService {
 public:
  explicit SlotService(Vault& vault) : vault_(vault) {}

  // Slot 0: the key-file or PKCS#11 slot that this secret is of.
  Status Unseal(const wire::OpenQuestion& question, uint32_t uid);
  // One share of a Shamir slot; the one that completes a set opens the vault.
  // One given before changes nothing; one of another slot waits until these are
  // used, forgotten or taken back.
  Status GiveShare(Bytes share, uint32_t uid, wire::ShareAnswer& answer);
  // Forgets the shares given; only for who holds one of the same set.
  Status CancelShares(Bytes share, uint32_t uid);
  // Before the sandbox: what the launcher hands over to open the vault at
  // start; a character device says that there is nothing. An error leaves the
  // vault sealed.
  static constexpr int kUnsealWaitSeconds = 15;
  Status UnsealFrom(int fd, int wait_seconds = kUnsealWaitSeconds);

  // Operational only. Prepare proves that the secret opens the root; Add makes
  // the slot count and tells its id.
  Status Prepare(const wire::SlotQuestion& question, PreparedSlot& prepared);
  Result<uint8_t> Add(const PreparedSlot& prepared, uint32_t uid);
  // Never the last one. A fresh root follows, so that the slot, in any copy of
  // the state, opens nothing of the new one.
  // What Remove refuses, before anything is changed.
  Status MayRemove(uint8_t slot) const;
  Status Remove(uint8_t slot, uint32_t uid);
  // Opens the root by the slot, and changes nothing.
  Status Test(const wire::SlotQuestion& question, uint32_t uid);

  // For what else takes a slot's secret: kConflict while attempts have to wait,
  // and how one ended. Each slot has a row of its own, so that a success at one
  // gives no attempts at another; what names none shares row kNoSlot.
  static constexpr uint8_t kNoSlot = 0;
  Status CheckPause(uint8_t slot = kNoSlot);
  Status Judge(Status outcome, uint8_t slot = kNoSlot);

  void FillStatus(wire::OperatorStatus& status) const;
  // Forgets shares that waited for too long, or are of no more use.
  void Tick();

 private:
  Status CheckSealed() const;
  Result<const StateSlot*> SlotOfShare(Bytes share, uint32_t uid);
  base::Error CountShare(base::Error error, uint8_t slot, uint32_t uid);
  Status CombineGiven(uint32_t uid);
  Status UnsealItsSlot(const wire::OpenQuestion& question, uint32_t uid);
  Status UnsealAtStart(const crypto::SlotSecret& secret);
  uint8_t SlotOfSecret(const crypto::SlotSecret& secret) const;
  void ForgetShares();
  uint64_t NowSeconds() const;

  struct Row {
    uint32_t failures = 0;
    uint64_t failed_at = 0;  // seconds since boot
  };
  Row& RowOf(uint8_t slot);

  Vault& vault_;
  Row rows_[base::kSlotsMax + 1];
  // Shares of one slot, in the order they came.
  crypto::SealShare shares_[base::kSharesMax];
  uint8_t indices_[base::kSharesMax]{};
  uint8_t given_ = 0;
  uint8_t needed_ = 0;
  uint8_t slot_ = 0;
  uint64_t given_at_ = 0;  // the last one, seconds since boot
};

}  // namespace coffer::keeper
