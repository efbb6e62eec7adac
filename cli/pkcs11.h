// A PKCS#11 slot's secret: asked of the helper coffer-pkcs11, a short-lived
// process that alone maps the vendor's module. Runs in the CLI only. Refuses a
// configuration without module, token and key, and a helper that is not beside
// this program or in ../libexec/coffer.
#pragma once

#include "cli/slot_secret.h"

namespace coffer::cli {

// Fills in secret.secret, and of a new slot the key's label; PIN from [unseal]
// pkcs11_pin_file, or a prompt. A failure says whether PIN, device or token is
// at fault.
// `make`: for a new slot; the key is made in the device where it is not there.
Done SecretFromDevice(const Invocation& invocation, const Settings& settings,
                      bool make, SlotSecret& secret);

}  // namespace coffer::cli
