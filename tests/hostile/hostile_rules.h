// The policies under which the hostile gate works, as plain tables that the
// model judges by; compiled into wire::Policy only for the keeper to load. For
// tests only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vault/wire/policy.h"

namespace coffer::hostile {

inline constexpr int kNobody = -1;
inline constexpr const char* kPurposes[] = {
    "balance_display", "purchase_tracking", "advertising", "no_such_purpose"};
inline constexpr int kKnownPurposes = 3;
inline constexpr const char* kClusters[] = {"ACCOUNT_BASIC", "ACCOUNT_DETAILED",
                                            "TRANSACTIONS", "NO_SUCH_CLUSTER"};
inline constexpr int kKnownClusters = 3;
inline constexpr const char* kInstitutions[] = {"citi", "jpmorgan",
                                                "us_bancorp", "no_such_bank"};
inline constexpr int kKnownInstitutions = 3;

struct CallerRow {
  std::string name;
  uint32_t id = 0;
  bool by_gid = false;
  uint16_t rights = 0;
  uint32_t redeem = 0;     // bit: purpose
  bool sealed_to = false;  // bank tokens go to it sealed
  bool signs = false;      // what it creates, consents and erases
};
struct GrantRow {
  std::string caller, audience;
  int purpose = 0;
  uint32_t institutions = 0, clusters = 0;
  uint32_t links_per_hour = 0, links_per_day = 0, tokens_per_second = 0;
};
struct PurposeRow {
  uint32_t clusters = 0, seconds_max = 0;
  bool prohibited = false;
};
struct InstitutionRow {
  uint32_t purposes = 0, clusters = 0;
};

struct Rules {
  std::vector<CallerRow> callers;
  std::vector<GrantRow> grants;
  PurposeRow purposes[kKnownPurposes];
  InstitutionRow institutions[kKnownInstitutions];

  const CallerRow* Find(std::string_view name) const;
};

// One connected process: the uid it runs as, and whom the rules take it for.
struct Peer {
  uint32_t uid = 0;
  std::string name;  // empty: a stranger, or ambiguous; nothing is allowed
};

inline constexpr int kVariants = 6;
// `alone`: the present user is one caller with every right; else several users.
Rules MakeRules(bool alone, int variant);
std::vector<Peer> MakePeers(bool alone);
// Of those that bank tokens are sealed to, and of those that sign.
struct CallerKeys {
  wire::ByteArray<32> reader{}, signer{};
};
std::unique_ptr<wire::Policy> Compile(const Rules& rules,
                                      const CallerKeys& keys);

// The place of a name; -1 when it is not one of the first `count`.
int Place(std::string_view name, const char* const* names, int count);

}  // namespace coffer::hostile
