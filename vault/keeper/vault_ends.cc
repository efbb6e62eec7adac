// How a vault begins anew and how it ends: import, a failed self-test, zeroize.
#include <algorithm>

#include "crypto/kdf.h"
#include "vault/keeper/text_writer.h"
#include "vault/keeper/vault.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;
using wire::VaultState;

Status Vault::Import(const KeyExport& head, Bytes sealed,
                     const crypto::RootKey& root,
                     const wire::OpenQuestion& question, uint32_t uid) {
  if (state_ != VaultState::kUninitialised) {
    return Fail(Code::kConflict, "already initialised; nothing was changed");
  }
  COFFER_TRY(DecodeNextPolicy(question.policy));
  COFFER_TRY(wire::CheckQuorum(question.quorum));
  // A fresh root: this vault's state and the lost one's are not each other's.
  StateHeader header;
  header.vault_id = head.vault_id;
  header.slots = head.slots;
  crypto::RootKey fresh(arena_);
  crypto::RandomKey(fresh);
  for (StateSlot& slot : header.slots) {
    COFFER_TRY(crypto::SealKey(slot.sealed_root, fresh, slot.public_key));
  }
  Status opened = keyring_.Open(sealed, root, head.vault_id);
  if (!opened.ok()) {
    Forget();
    return opened;
  }
  // The lost vault's floors are not known: its records are taken as the store
  // has them, and none of them asks for one.
  keyring_.StartFromLeaf(FirstLeafAfter(head.next_leaf));
  keyring_.ForgetWalks();
  root_ = std::move(fresh);
  header_ = header;
  highest_time_ = std::max(clock_.WallSeconds(), head.made_at);
  // What the lost vault took until now was good for as long.
  used_until_ = highest_time_ + base::kFreshSeconds;
  // Losing a machine is no way round the rule that was in force.
  quorum_ = head.quorum.threshold != 0 ? head.quorum : question.quorum;
  keyring_generation_ = head.generation + 1;
  exported_generation_ = head.generation;
  return Begin(wire::LeafKind::kImport, question.policy,
               FirstLeafAfter(head.next_leaf), uid);
}

Status Vault::LogSelfTest(uint32_t uid, const crypto::SelfTestReport& report) {
  uint32_t failed = 0;
  for (size_t i = 0; i < report.size; ++i) failed += !report.rows[i].passed;
  Status logged;
  if (state_ == VaultState::kOperational) {
    logged = AddOperatorLeaf(wire::LeafKind::kSelfTest, uid, failed);
  }
  if (!report.passed()) return LatchSelfTest(report);
  return logged;
}

// The reason names what failed; it stays until the program is replaced.
base::Error Vault::LatchSelfTest(const crypto::SelfTestReport& report) {
  constexpr std::string_view kAdvice =
      "; replace this program or this machine, then restart";
  TextWriter reason(self_test_reason_, sizeof self_test_reason_ - 1);
  reason.Add("self-test failed: ");
  const char* between = "";
  for (size_t i = 0; i < report.size; ++i) {
    const std::string_view name = report.rows[i].algorithm;
    const size_t rest =
        sizeof self_test_reason_ - 1 - reason.size() - kAdvice.size();
    if (report.rows[i].passed || name.size() + 2 > rest) continue;
    reason.Add(between).Add(name);
    between = ", ";
  }
  reason.Add(kAdvice);
  self_test_reason_[reason.size()] = '\0';
  return Latch({Code::kDamaged, self_test_reason_});
}

Status Vault::Destroy() {
  if (!state_file_.initialised()) {
    return Fail(Code::kConflict,
                "no state was opened here; remove keeper.state by hand");
  }
  arena_.WipeAll();
  Forget();
  Status gone = state_file_.Destroy();
  state_ = VaultState::kError;
  error_reason_ = "zeroized";
  return gone;
}

}  // namespace coffer::keeper
