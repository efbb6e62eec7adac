// A seal slot's secret on its way between a person, files or a device and the
// keeper: made for a new slot, or had again for one that there is. Runs in the
// CLI only. Refuses Argon2id parameters outside the limits, flags of another
// kind of slot, and files that would be written over.
#pragma once

#include "cli/settings.h"
#include "vault/wire/operator_keys.h"

namespace coffer::cli {

// Resource: wipes the secret at its end.
struct SlotSecret {
  wire::SlotHeader slot;
  base::ByteArray<32> secret{};
  std::vector<std::string> made_files;  // by this run: key file, shares

  SlotSecret() = default;
  ~SlotSecret() { base::Wipe(secret); }
  SlotSecret(const SlotSecret&) = delete;
  SlotSecret& operator=(const SlotSecret&) = delete;
  // After a refusal: what was made for nothing goes.
  void RemoveMadeFiles();
};

// A question whose member `secret` is wiped at its end.
template <typename Question>
struct Wiped : Question {
  Wiped() = default;
  ~Wiped() { base::Wipe(this->secret); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
};

// "passphrase", "keyfile", "shamir" or "pkcs11", the flags checked against it.
Outcome<wire::SlotKind> NewSlotKind(const Invocation& invocation,
                                    const std::string& word);

// Fills in header and secret of a new slot; its kind is set. Shares have been
// read again and combined before this returns.
Done MakeSlotSecret(const Invocation& invocation, const Settings& settings,
                    SlotSecret& secret);

using SlotList = base::BoundedList<wire::SlotHeader, base::kSlotsMax>;
// Which slot the flags, or the configuration, mean; `wanted` 0: any. Where
// several key files fit, `secret_tells` gives one of id 0: its own secret says
// which it is.
Outcome<wire::SlotHeader> ChooseSlot(const Invocation& invocation,
                                     const Settings& settings,
                                     const SlotList& slots, uint64_t wanted,
                                     bool secret_tells = false);

// Has the secret of `secret.slot`, a slot of the vault, again.
Done ReadSlotSecret(const Invocation& invocation, const Settings& settings,
                    SlotSecret& secret);

// "2 shamir (3 of 5 shares)".
std::string SlotText(const wire::SlotHeader& slot);

}  // namespace coffer::cli
