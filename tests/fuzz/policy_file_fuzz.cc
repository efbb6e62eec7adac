// policy.toml: a text that compiles gives a policy that the keeper's own
// checks accept, and decompiles to a text that compiles to the same bytes.
// links: coffer_api coffer_wire
#include <cstdint>
#include <memory>

#include "crypto/base/check.h"
#include "vault/api/policy_file.h"

namespace {

using namespace coffer;

// Known by the length of its name, so that a fuzzer finds known ones.
std::optional<uint32_t> Lookup(const std::string& name) {
  if (name.size() > 8) return std::nullopt;
  return static_cast<uint32_t>(name.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const api::IdentityLookup lookup{Lookup, Lookup};
  auto policy = std::make_unique<wire::Policy>();
  api::Findings findings;
  const bool ok = api::CompilePolicy(*policy, text, lookup, findings);
  COFFER_CHECK(ok == findings.ok());
  for (const api::Finding& finding : findings.items) {
    for (char c : api::FindingText("policy.toml", finding)) {
      COFFER_CHECK(static_cast<uint8_t>(c) >= 0x20);
    }
  }
  if (!ok) return 0;
  auto bytes = api::EncodePolicy(*policy);
  COFFER_CHECK(bytes.ok());
  auto decoded = std::make_unique<wire::Policy>();
  COFFER_CHECK(wire::DecodePolicy(*decoded, *bytes).ok());
  (void)api::PolicyJson(*policy);
  api::Findings none;
  COFFER_CHECK(api::CompilePolicy(*decoded, api::DecompilePolicy(*policy),
                                  lookup, none));
  auto again = api::EncodePolicy(*decoded);
  COFFER_CHECK(again.ok() && *again == *bytes);
  return 0;
}
