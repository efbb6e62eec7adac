// An approver's signature over an operation's statement, made by `ssh-keygen -Y
// sign -n coffer` (with a private key file, or through ssh-agent where F is a
// public one) and read back. Runs in the CLI only, which never sees the private
// key. Refuses anything but an Ed25519 signature of namespace "coffer" with
// SHA-512 that verifies over the very statement.
#pragma once

#include "cli/context.h"
#include "crypto/ed25519.h"

namespace coffer::cli {

struct SshSignature {
  crypto::PublicKey key{};
  crypto::Signature signature{};
};

// The armored text that ssh-keygen writes:
//   "-----BEGIN SSH SIGNATURE-----" | base64, in lines | "-----END ..."
//   blob := "SSHSIG" | version u32 = 1 | string public key | string namespace
//           | string reserved | string hash | string signature
// Does not verify.
base::Result<SshSignature> ParseSshSignature(std::string_view armored);

Outcome<SshSignature> SignWithSsh(const Invocation& invocation,
                                  std::string_view statement,
                                  const std::string& key_file);

}  // namespace coffer::cli
