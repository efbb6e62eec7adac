// What the policy tests share: a small sound policy, fake identities, and the
// findings as text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vault/api/policy_file.h"

namespace coffer::api {

inline IdentityLookup FakeIdentities() {
  IdentityLookup lookup;
  lookup.uid_of_user = [](const std::string& name) -> std::optional<uint32_t> {
    if (name == "linker") return 1001;
    if (name == "root") return 0;
    return std::nullopt;
  };
  lookup.gid_of_group = [](const std::string& name) -> std::optional<uint32_t> {
    if (name == "bots") return 2001;
    return std::nullopt;
  };
  return lookup;
}

// Lines 1 to 23; tests change one line and look for its number.
inline constexpr char kSmallPolicy[] = R"([purposes.balance_display]
data_clusters = ["ACCOUNT_BASIC", "ACCOUNT_DETAILED"]
max_ttl = "5m"
[purposes.chat]
data_clusters = ["x_chat"]
[purposes.advertising]
prohibited = true

[institutions.citi]
name = "Citi"
purposes = ["balance_display"]
data_clusters = ["ACCOUNT_BASIC"]

[callers.linker]
user = "linker"
links = ["create", "read", "update", "erase"]
[callers.messenger]
uid = 1002
issue = [{ purpose = "balance_display", audience = "connector" }]
[callers.connector]
gid = 1003
redeem = ["balance_display"]
links = ["update_bank_token"]
)";

struct Compiled {
  bool ok = false;
  std::unique_ptr<wire::Policy> policy = std::make_unique<wire::Policy>();
  Findings findings;
  std::string text;  // every finding, a line each
};

inline Compiled Compile(std::string_view text) {
  Compiled compiled;
  compiled.ok = CompilePolicy(*compiled.policy, text, FakeIdentities(),
                              compiled.findings);
  for (const Finding& finding : compiled.findings.items) {
    compiled.text += FindingText("p", finding) + "\n";
  }
  return compiled;
}

// The findings of kSmallPolicy with one text replaced.
inline std::string FindingsWith(std::string_view from, std::string_view to) {
  std::string text = kSmallPolicy;
  const size_t at = text.find(from);
  if (at == std::string::npos) return "not in the policy";
  return Compile(text.replace(at, from.size(), to)).text;
}

}  // namespace coffer::api
