// What crosses between this vault and files elsewhere: the key export
// (key_export.h), a vault made from one, the judgement of a backup's links, a
// restore, and the end of it all. Runs in the keeper's main thread, only while
// no batch is under way. Refuses an import into a vault that exists, and to
// zeroize without approval what a quorum guards, sealed or not.
#pragma once

#include <memory>

#include "vault/keeper/operation.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

// An outcome of a restore that nobody asked for is forgotten after this long,
// so that the same backup restored again later is never told of it.
inline constexpr uint64_t kRestoreAnswerSeconds = 60;

class Transfer {
 public:
  explicit Transfer(Operation::Shared& shared);

  // Encodes into `out`; the size.
  Result<size_t> Export(base::MutableBytes out, uint32_t uid);
  // The export of this generation is safe on disk.
  Status Exported(uint64_t generation);
  // An uninitialised vault becomes the one of the export, operational; leaves
  // go on far above any that it had given. The id of the slot that opened it.
  Result<uint8_t> Import(const wire::ImportQuestion& question, uint32_t uid);
  // The rule for each link; of what was opened nothing stays. Leaves no leaf
  // and raises no floor.
  Status Judge(const wire::JudgeQuestion& question, wire::JudgeAnswer& answer);
  // Tells the gate, through kWork, to put the prepared store in force; the
  // same question again asks how that went.
  Status Restore(const wire::RestoreQuestion& question, uint32_t uid,
                 wire::RestoreAnswer& answer);
  // Wipes every key in memory and the state on disk, then ends the process
  // with os::kZeroizedExit. Returns only to refuse.
  Status Zeroize();
  // On every slow tick.
  void Tick();

 private:
  wire::Rule JudgeLink(const wire::JudgedLink& judged);

  Operation::Shared& shared_;
  std::unique_ptr<uint8_t[]> keyring_;  // room for an export's, sealed
  uint64_t answered_at_ = 0;            // milliseconds; 0: no answer waits
};

}  // namespace coffer::keeper
