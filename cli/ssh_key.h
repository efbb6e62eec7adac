// SSH public keys as OpenSSH writes them, and the quorum's rule that is made of
// them: the [quorum] of coffer.toml. Runs in the CLI only. Refuses keys that
// are not Ed25519, two approvers of one name or key, and what the keeper would
// refuse.
#pragma once

#include "cli/settings.h"
#include "crypto/paserk.h"
#include "vault/wire/operator_message.h"

namespace coffer::cli {

// RFC 4251 strings: u32 big-endian size and bytes. Reads one off the front of
// `in`; false when there is none.
bool TakeSshString(base::Bytes& in, base::Bytes& out);
// Base64 as SSH files have it, with padding.
base::Result<std::vector<uint8_t>> DecodeSshBase64(std::string_view text);
// The 32 bytes of an "ssh-ed25519" public key blob; kInvalid for any other.
base::Result<crypto::PublicKey> Ed25519OfSshBlob(base::Bytes blob);

struct SshPublicKey {
  crypto::PublicKey key{};
  std::string comment;
};
// One "ssh-ed25519 AAAA... comment" line.
base::Result<SshPublicKey> ParseSshPublicKey(std::string_view line);

// An approver's name is its key's comment where that is a valid name, else the
// file's name without its ending.
Outcome<wire::QuorumRule> ReadQuorumRule(const Settings& settings);
// "off", or "2 of alice, bob, carol".
std::string QuorumText(const wire::QuorumRule& rule);

}  // namespace coffer::cli
