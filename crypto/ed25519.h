// Ed25519 (RFC 8032) over a whole message. Keeper and CLI only; never
// allocates. Refuses public keys of low order and signatures that are not in
// the one canonical form.
#pragma once

#include "crypto/paserk.h"

namespace coffer::crypto {

using Signature = ByteArray<64>;

void SignMessage(Signature& out, const SigningKey& key, Bytes message);
// False, too, for a signature that has not 64 bytes.
bool SignatureValid(Bytes signature, const PublicKey& key, Bytes message);

}  // namespace coffer::crypto
