// policy.toml: compiled to wire::Policy, and a compiled policy back to text.
// Runs in the CLI (and in cofferd --dev). Refuses the file whole, with every
// fault and its line: anything unknown, undefined names, a grant of a
// prohibited purpose, two callers of one uid or gid, sizes above the keeper's
// tables, rules that overlap, and options that this version does not keep.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "vault/api/findings.h"
#include "vault/wire/policy.h"

namespace coffer::api {

inline constexpr size_t kPolicyTextBytesMax = 1 << 20;

// How user and group names become numbers; nullopt for an unknown name.
struct IdentityLookup {
  std::function<std::optional<uint32_t>(const std::string&)> uid_of_user;
  std::function<std::optional<uint32_t>(const std::string&)> gid_of_group;
};
// The system's own, through getpwnam_r and getgrnam_r.
IdentityLookup SystemIdentities();

// Compiles into `out`, which is of use only when it returns true (no fault).
// Callers of an unknown user or group are left out with a warning, and with
// them the rules that name them as audience.
bool CompilePolicy(wire::Policy& out, std::string_view text,
                   const IdentityLookup& identities, Findings& findings);

// The bytes that the keeper takes; at most kPolicyBytesMax.
base::Result<std::vector<uint8_t>> EncodePolicy(const wire::Policy& policy);

// As policy.toml again (uids and gids as numbers): compiling it gives the same
// policy.
std::string DecompilePolicy(const wire::Policy& policy);
// One JSON object: clusters, purposes, institutions, callers.
std::string PolicyJson(const wire::Policy& policy);

// The policy of `cofferd --dev`: the sample's purposes and institutions, and
// one caller "dev" with this uid that is linker, product and connector at once.
std::string DevPolicyText(uint32_t uid);
// The sample of packaging/policy.toml, whole.
std::string_view SamplePolicyText();

}  // namespace coffer::api
