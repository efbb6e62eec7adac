// What the vault tells of itself, and of what is overdue.
#include <algorithm>

#include "crypto/kdf.h"
#include "vault/keeper/vault.h"

namespace coffer::keeper {

using wire::VaultState;

void Vault::FillStatus(wire::OperatorStatus& status) const {
  const bool open = state_ == VaultState::kOperational;
  status.state = state_;
  status.version = COFFER_VERSION;
  status.reason = error_reason_;
  status.vault_id = header_.vault_id;
  status.generation = state_file_.generation();
  status.leaves = journal_.next_leaf();
  status.wall = clock_.WallSeconds();
  status.now = open ? Now() : status.wall;
  status.clock_accepted = clock_accepted_;
  status.unseal_failures = unseal_failures_;
  status.floors = static_cast<uint32_t>(floors_.size());
  status.floors_max = static_cast<uint32_t>(base::kFloorsMax);
  status.journal_bytes = journal_.bytes();
  status.journal_reserved_bytes = journal_.reserved_bytes();
  status.memfd_secret = arena_.is_memfd_secret();
  if (open) {
    crypto::Hash(status.policy_digest, "coffer policy", {policy_bytes()});
    status.evidence_key = {evidence_key_, sizeof evidence_key_};
    status.ingest_kid = {ingest_kid_, sizeof ingest_kid_};
    status.quorum = quorum_;
    status.brakes = static_cast<uint8_t>(
        std::min<uint32_t>(budgets_.Holding(status.now), 255));
    status.erasures_overdue = OverdueErasures();
    status.keyring_generation = keyring_generation_;
    status.exported_generation = exported_generation_;
  }
  for (const StateSlot& slot : header_.slots) {
    status.slots.push_back(slot.header);
  }
}

uint32_t Vault::OverdueErasures() const {
  if (floors_.erasures() == 0) return 0;
  const uint64_t now = Now();
  ErasureTimes oldest;
  oldest.fill(now);
  for (size_t i = 0; i < keyring_.keks(); ++i) {
    const KekEntry& kek = keyring_.kek(i);
    if (!Lives(kek.state)) continue;
    // One made while the clock was ahead puts nothing off.
    const uint64_t made_at = kek.created_at <= now ? kek.created_at : 0;
    for (size_t place : {size_t{0}, size_t{kek.institution} + 1}) {
      oldest[place] = std::min(oldest[place], made_at);
    }
  }
  return floors_.CountOverdue(oldest, erasure_horizon_, now);
}

}  // namespace coffer::keeper
