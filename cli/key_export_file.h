// A key export as `coffer` sees it: the clear header, so that the right slot's
// secret can be asked for. The keeper alone opens what is sealed in it
// (vault/keeper/transfer.h). Runs in the CLI only. Refuses what is no export.
//
//   export := magic "COFFERK\n" | format u8 | vault id 16 | generation u64
//             | made_at u64 | next leaf u64 | count u16 | seal slot* | box
//   seal slot := slot header | public key 32 | sealed root 96
#pragma once

#include <vector>

#include "cli/outcome.h"
#include "vault/wire/operator_keys.h"

namespace coffer::cli {

struct KeyExport {
  std::vector<uint8_t> bytes;
  base::ByteArray<16> vault_id{};
  uint64_t generation = 0;
  uint64_t made_at = 0;
  base::BoundedList<wire::SlotHeader, base::kSlotsMax> slots;
};

base::Result<KeyExport> DecodeKeyExport(base::Bytes bytes);
Outcome<KeyExport> ReadKeyExport(const std::string& path);

}  // namespace coffer::cli
