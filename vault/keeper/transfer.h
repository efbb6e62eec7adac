// What crosses between this vault and files elsewhere: the key export, a vault
// made from one, the judgement of a backup's links, a restore, and the end of
// it all. Runs in the keeper's main thread, only while no batch is under way.
//
//   export := magic "COFFERK\n" | format u8 | vault id 16 | generation u64
//             | made_at u64 | next leaf u64 | count u16 | seal slot*
//             | box of the keyring under the root, all before as associated
//               data
#pragma once

#include "vault/keeper/operation.h"
#include "vault/wire/operator_keys.h"

namespace coffer::keeper {

class Transfer {
 public:
  explicit Transfer(Operation::Shared& shared) : shared_(shared) {}

  // Encodes into `out`; the size. Records the generation as exported.
  Result<size_t> Export(base::MutableBytes out, uint32_t uid);
  // An uninitialised vault becomes the one of the export, operational; leaves
  // go on far above any that it had given. The id of the slot that opened it.
  Result<uint8_t> Import(const wire::ImportQuestion& question, uint32_t uid);
  Status Judge(const wire::JudgeQuestion& question, wire::JudgeAnswer& answer);
  // Tells the gate, through kWork, to put the prepared store in force.
  Status Restore(const wire::RestoreQuestion& question, uint32_t uid,
                 wire::RestoreAnswer& answer);
  // Wipes every key in memory and the state on disk, then ends the process.
  [[noreturn]] void Zeroize(uint32_t uid);

 private:
  Operation::Shared& shared_;
};

}  // namespace coffer::keeper
