// X25519 (RFC 7748), for k4.seal. Internal to crypto.
#pragma once

#include "crypto/base/bytes.h"

namespace coffer::crypto {

// Writes 32 bytes. kDenied when the shared secret is all zero, which only a
// point of low order gives; `shared` is zero then.
base::Status X25519(base::MutableBytes shared, base::Bytes scalar,
                    base::Bytes point);

}  // namespace coffer::crypto
