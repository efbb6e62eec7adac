// What the vault says to the links of a backup: asks the keeper about many of
// them at once and counts the answers. Runs in the CLI only.
#pragma once

#include <array>

#include "cli/operator_client.h"
#include "vault/api/json.h"
#include "vault/wire/operator_keys.h"

namespace coffer::cli {

enum class LinkFate : size_t {
  kOpens,
  kRevoked,
  kUsed,
  kExpired,
  kErased,
  kReplaced,   // a later write of the link is in force
  kDestroyed,  // its key was
  kUnknownKey,
  kDamaged,
  kOther,
};
inline constexpr size_t kLinkFates = 10;

LinkFate FateOf(wire::Rule rule);
std::string_view FateText(LinkFate fate);  // for people
std::string_view FateKey(LinkFate fate);   // for JSON

// Value.
class LinkFates {
 public:
  void Add(wire::Rule rule) { ++counts_[static_cast<size_t>(FateOf(rule))]; }
  uint64_t of(LinkFate fate) const {
    return counts_[static_cast<size_t>(fate)];
  }
  uint64_t all() const;
  // Of no use again, though whole.
  uint64_t dead() const;
  // Damaged, or of no key that this vault has.
  uint64_t bad() const;
  std::string Text() const;
  void Write(api::JsonWriter& json) const;  // members of an object

 private:
  std::array<uint64_t, kLinkFates> counts_{};
};

// The answers, in order of the links.
Outcome<wire::JudgeAnswer> JudgeLinks(OperatorClient& client,
                                      const wire::JudgeQuestion& links);

}  // namespace coffer::cli
