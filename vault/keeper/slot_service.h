// The seal slots: opening the vault through one, and changing them online. Runs
// in the keeper's main thread, only while no batch is under way. Refuses, and
// counts, wrong secrets; after kUnsealFailuresFree of them in a row only one
// attempt every kUnsealPauseSeconds is looked at.
#pragma once

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

  Status Unseal(const wire::OpenQuestion& question, uint32_t uid);
  // One share of a Shamir slot; the one that completes a set opens the vault.
  Status GiveShare(Bytes share, uint32_t uid, wire::ShareAnswer& answer);
  // Forgets the shares given; only for who holds one of the same set.
  Status CancelShares(Bytes share, uint32_t uid);
  // Before the sandbox: what the launcher hands over to open the vault at
  // start. An error leaves the vault sealed.
  Status UnsealFrom(int fd);

  // Operational only. Prepare proves that the secret opens the root; Add makes
  // the slot count and tells its id.
  Status Prepare(const wire::SlotQuestion& question, PreparedSlot& prepared);
  Result<uint8_t> Add(const PreparedSlot& prepared, uint32_t uid);
  Status Remove(uint8_t slot, uint32_t uid);
  Status Test(const wire::SlotQuestion& question, uint32_t uid);

  void FillStatus(wire::OperatorStatus& status) const;
  // Forgets shares that waited for too long.
  void Tick();

 private:
  Vault& vault_;
};

}  // namespace coffer::keeper
