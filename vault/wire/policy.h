// The compiled policy: made by the CLI from policy.toml, held by the keeper in
// its own state, applied by keeper/decision. Names are resolved to numbers that
// are places in these tables; sets are bit masks over those places. The bytes
// start with a format version and are at most kPolicyBytesMax.
#pragma once

#include "vault/wire/names.h"

namespace coffer::wire {

inline constexpr uint8_t kPolicyFormat = 1;

using PurposeSet = uint64_t;  // bit i: policy.purposes[i]
using ClusterSet = uint32_t;  // bit i: policy.clusters[i]
static_assert(base::kPurposesMax <= 64 && base::kClustersMax <= 32);

struct InstitutionSet {  // bit i: policy.institutions[i]
  uint64_t words[4]{};
  static_assert(base::kInstitutionsMax <= 256);

  bool Has(size_t i) const { return (words[i / 64] >> (i % 64)) & 1; }
  void Add(size_t i) { words[i / 64] |= uint64_t{1} << (i % 64); }
  bool Intersects(const InstitutionSet& other) const {
    uint64_t common = 0;
    for (int i = 0; i < 4; ++i) common |= words[i] & other.words[i];
    return common != 0;
  }
  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    for (auto& word : self.words) coder.Number(word);
  }
};

struct PolicyPurpose {
  Name name;
  ClusterSet clusters = 0;       // 0 only where prohibited
  uint32_t ttl_seconds_max = 0;  // 1 to kTokenSecondsMax
  bool prohibited = false;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.name);
    coder.Number(self.clusters);
    coder.Number(self.ttl_seconds_max);
    coder.Flag(self.prohibited);
  }
};

struct PolicyInstitution {
  Name name;
  ShortText<base::kDisplayNameBytesMax> display_name;
  PurposeSet purposes = 0;  // the bank's own ceiling
  ClusterSet clusters = 0;
  uint32_t rotate_seconds = 0;  // a KEK of this age is rotated; 0: never

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.name);
    coder.Struct(self.display_name);
    coder.Number(self.purposes);
    coder.Number(self.clusters);
    coder.Number(self.rotate_seconds);
  }
};

enum LinkRight : uint16_t {
  kRightCreate = 1,
  kRightRead = 2,
  kRightUpdate = 4,
  kRightErase = 8,
  kRightUpdateBankToken = 16,
  kRightAllLinks = 32,  // widens read and erase beyond the caller's own links
};
inline constexpr uint16_t kLinkRightsAll = 63;

// What the kernel shows instead of a uid or gid that the reader's user
// namespace does not have.
inline constexpr uint32_t kOverflowId = 65534;
enum class IdentityKind : uint8_t { kUid = 1, kGid = 2 };

struct PolicyCaller {
  Name name;
  IdentityKind identity_kind = IdentityKind::kUid;
  uint32_t identity = 0;  // the uid or gid
  uint16_t link_rights = 0;
  PurposeSet redeem = 0;
  // A peer whom the kernel cannot name here: pid 0, or the overflow uid.
  bool foreign_namespaces = false;
  // Ed25519; zeros: none. What this caller creates, consents and erases is
  // signed with it.
  ByteArray<32> consent_key{};
  // Ed25519; zeros: none. Bank tokens go to this caller sealed to it, and no
  // other way.
  ByteArray<32> seal_to{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Struct(self.name);
    coder.Number(self.identity_kind);
    coder.Number(self.identity);
    coder.Number(self.link_rights);
    coder.Number(self.redeem);
    coder.Flag(self.foreign_namespaces);
    coder.Fixed(self.consent_key);
    coder.Fixed(self.seal_to);
  }
};

struct IssueRule {
  uint16_t caller = 0;    // place in policy.callers
  uint16_t purpose = 0;   // place in policy.purposes
  uint16_t audience = 0;  // place in policy.callers
  InstitutionSet institutions;
  ClusterSet clusters = 0;
  // Budgets of the caller and purpose, 0 for none; all its rules say the same.
  uint32_t distinct_links_per_hour = 0;
  uint32_t distinct_links_per_day = 0;
  uint32_t tokens_per_second = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.caller);
    coder.Number(self.purpose);
    coder.Number(self.audience);
    coder.Struct(self.institutions);
    coder.Number(self.clusters);
    coder.Number(self.distinct_links_per_hour);
    coder.Number(self.distinct_links_per_day);
    coder.Number(self.tokens_per_second);
  }
};

// Value; about 140 KiB: hold it on the heap or in static storage.
struct Policy {
  uint8_t format = kPolicyFormat;
  base::BoundedList<Name, base::kClustersMax> clusters;
  base::BoundedList<PolicyPurpose, base::kPurposesMax> purposes;
  base::BoundedList<PolicyInstitution, base::kInstitutionsMax> institutions;
  base::BoundedList<PolicyCaller, base::kCallersMax> callers;
  base::BoundedList<IssueRule, base::kIssueRulesMax> rules;
  // Between `key destroy` and the destruction.
  uint32_t destroy_wait_seconds = base::kDestroyWaitSecondsDefault;
  // Within this time of an erasure its KEK is rotated away and destroyed.
  uint32_t erasure_horizon_seconds = base::kErasureHorizonSecondsDefault;
  uint32_t persistent_days_max = base::kPersistentDaysMax;  // 1 or more
  uint32_t keep_expired_seconds = 0;  // from a consent's end to its erasure
  uint32_t history_days = base::kHistoryDaysDefault;  // 0: none is kept

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Number(self.destroy_wait_seconds);
    coder.Number(self.erasure_horizon_seconds);
    coder.Number(self.persistent_days_max);
    coder.Number(self.keep_expired_seconds);
    coder.Number(self.history_days);
    coder.Structs(self.clusters);
    coder.Structs(self.purposes);
    coder.Structs(self.institutions);
    coder.Structs(self.callers);
    coder.Structs(self.rules);
  }
};

// Places by name; -1 when there is none.
int FindCluster(const Policy& policy, std::string_view name);
int FindPurpose(const Policy& policy, std::string_view name);
int FindInstitution(const Policy& policy, std::string_view name);
int FindCaller(const Policy& policy, std::string_view name);

// What a caller may take for a purpose; 0: no limit.
struct BudgetLimits {
  uint32_t links_per_hour = 0;
  uint32_t links_per_day = 0;
  uint32_t tokens_per_second = 0;

  bool counts_links() const {
    return links_per_hour != 0 || links_per_day != 0;
  }
  bool any() const { return counts_links() || tokens_per_second != 0; }
};
// The smallest that the rules of this caller and purpose say.
BudgetLimits BudgetOf(const Policy& policy, size_t caller, size_t purpose);
// Distinct links that all budgets together may count at one time.
uint64_t BudgetLinks(const Policy& policy);

// Decodes into `out` and checks all that must hold whoever compiled it: bounds,
// names unique and well-formed, every place and mask within its table, no grant
// of a prohibited purpose, no uid or gid twice, budgets that fit the keeper's
// table. kNewerFormat for a later format.
base::Status DecodePolicy(Policy& out, Bytes bytes);
base::Status CheckPolicy(const Policy& policy);

}  // namespace coffer::wire
