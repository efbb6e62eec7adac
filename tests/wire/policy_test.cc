#include "vault/wire/policy.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/wire/sample_policy.h"
#include "tests/wire/shapes.h"

namespace coffer::wire {
namespace {

using base::Code;

TEST(Policies, ASoundOneComesBack) {
  auto policy = MakeSamplePolicy();
  ASSERT_TRUE(CheckPolicy(*policy).ok());
  const auto bytes = PolicyToBytes(*policy);
  auto back = std::make_unique<Policy>();
  ASSERT_TRUE(DecodePolicy(*back, bytes).ok());
  EXPECT_EQ(PolicyToBytes(*back), bytes);
  EXPECT_EQ(back->purposes[0].name.view(), "balance_display");
  EXPECT_TRUE(back->purposes[2].prohibited);
  EXPECT_EQ(back->callers[1].identity, 1002u);
  EXPECT_TRUE(back->rules[0].institutions.Has(0));
  EXPECT_FALSE(back->rules[0].institutions.Has(1));
}

TEST(Policies, AnEmptyOneIsSound) {
  EXPECT_TRUE(CheckPolicy(*std::make_unique<Policy>()).ok());
}

TEST(Policies, PlacesAreFoundByName) {
  auto policy = MakeSamplePolicy();
  EXPECT_EQ(FindCluster(*policy, "ACCOUNT_DETAILED"), 1);
  EXPECT_EQ(FindPurpose(*policy, "fraud_alert"), 1);
  EXPECT_EQ(FindInstitution(*policy, "jpmorgan"), 1);
  EXPECT_EQ(FindCaller(*policy, "connector"), 2);
  EXPECT_EQ(FindCluster(*policy, "account_detailed"), -1);
  EXPECT_EQ(FindPurpose(*policy, ""), -1);
  EXPECT_EQ(FindInstitution(*policy, "jp"), -1);
  EXPECT_EQ(FindCaller(*policy, "connectors"), -1);
}

struct Fault {
  const char* what;
  std::function<void(Policy&)> make;
  const char* says;
};

constexpr char kNames[] = "a name is malformed or stands twice";

TEST(Policies, EveryFaultIsRefused) {
  const Fault faults[] = {
      {"cluster named twice", [](Policy& p) { p.clusters[1] = p.clusters[0]; },
       kNames},
      {"purpose named twice",
       [](Policy& p) { p.purposes[1].name = p.purposes[0].name; }, kNames},
      {"bank named twice",
       [](Policy& p) { p.institutions[1].name = p.institutions[0].name; },
       kNames},
      {"caller named twice",
       [](Policy& p) { p.callers[1].name = p.callers[0].name; }, kNames},
      {"cluster without a name", [](Policy& p) { p.clusters[0].Assign(""); },
       kNames},
      {"purpose with a space",
       [](Policy& p) { p.purposes[0].name.Assign("a b"); }, kNames},
      {"bank with a slash",
       [](Policy& p) { p.institutions[0].name.Assign("a/b"); }, kNames},
      {"caller with a comma",
       [](Policy& p) { p.callers[0].name.Assign("a,b"); }, kNames},
      {"purpose's cluster out of the table",
       [](Policy& p) { p.purposes[0].clusters = 4; }, "a purpose's clusters"},
      {"prohibited purpose's cluster out of the table",
       [](Policy& p) { p.purposes[2].clusters = 4; }, "a purpose's clusters"},
      {"purpose without clusters",
       [](Policy& p) { p.purposes[0].clusters = 0; }, "a purpose is out"},
      {"purpose without a lifetime",
       [](Policy& p) { p.purposes[0].ttl_seconds_max = 0; },
       "a purpose is out"},
      {"purpose with too long a lifetime",
       [](Policy& p) {
         p.purposes[0].ttl_seconds_max = base::kTokenSecondsMax + 1;
       },
       "a purpose is out"},
      {"bank's purpose out of the table",
       [](Policy& p) { p.institutions[0].purposes = 8; },
       "an institution's ceiling"},
      {"bank's cluster out of the table",
       [](Policy& p) { p.institutions[0].clusters = 4; },
       "an institution's ceiling"},
      {"bank that allows a prohibited purpose",
       [](Policy& p) { p.institutions[0].purposes = 4; },
       "an institution's ceiling"},
      {"caller of no kind",
       [](Policy& p) {
         p.callers[0].identity_kind = static_cast<IdentityKind>(3);
       },
       "no uid or gid"},
      {"caller with an unknown right",
       [](Policy& p) { p.callers[0].link_rights = kLinkRightsAll + 1; },
       "a caller's rights"},
      {"caller that redeems out of the table",
       [](Policy& p) { p.callers[2].redeem = 8; }, "a caller's rights"},
      {"caller that redeems a prohibited purpose",
       [](Policy& p) { p.callers[2].redeem = 4; }, "a caller's rights"},
      {"two callers of one uid",
       [](Policy& p) { p.callers[1].identity = p.callers[0].identity; },
       "two callers share"},
      {"rule of no caller", [](Policy& p) { p.rules[0].caller = 3; },
       "an issue rule"},
      {"rule for no audience", [](Policy& p) { p.rules[0].audience = 3; },
       "an issue rule"},
      {"rule for no purpose", [](Policy& p) { p.rules[0].purpose = 3; },
       "an issue rule"},
      {"rule for a prohibited purpose",
       [](Policy& p) { p.rules[0].purpose = 2; }, "an issue rule"},
      {"rule's cluster out of the table",
       [](Policy& p) { p.rules[0].clusters = 4; }, "an issue rule"},
      {"rule's bank out of the table",
       [](Policy& p) { p.rules[0].institutions.Add(2); }, "an issue rule"},
      {"rule's last bank out of the table",
       [](Policy& p) { p.rules[0].institutions.Add(255); }, "an issue rule"},
  };
  for (const Fault& fault : faults) {
    auto policy = MakeSamplePolicy();
    fault.make(*policy);
    auto checked = CheckPolicy(*policy);
    ASSERT_FALSE(checked.ok()) << fault.what;
    EXPECT_EQ(checked.error().code, Code::kInvalid) << fault.what;
    EXPECT_NE(std::string(checked.error().message).find(fault.says),
              std::string::npos)
        << fault.what << ": " << checked.error().message;
    auto decoded = std::make_unique<Policy>();
    EXPECT_FALSE(DecodePolicy(*decoded, PolicyToBytes(*policy)).ok())
        << fault.what;
  }
}

TEST(Policies, AUidAndAGidMayBeTheSameNumber) {
  auto policy = MakeSamplePolicy();
  policy->callers[1].identity = policy->callers[0].identity;
  policy->callers[1].identity_kind = IdentityKind::kGid;
  EXPECT_TRUE(CheckPolicy(*policy).ok());
}

TEST(Policies, FullTablesAreSound) {
  auto policy = std::make_unique<Policy>();
  const auto name = [](const char* kind, size_t i) {
    return Name(kind + std::to_string(i));
  };
  for (size_t i = 0; i < base::kClustersMax; ++i) {
    ASSERT_TRUE(policy->clusters.push_back(name("c", i)));
  }
  for (size_t i = 0; i < base::kPurposesMax; ++i) {
    PolicyPurpose purpose;
    purpose.name = name("p", i);
    purpose.clusters = ~ClusterSet{0};
    purpose.ttl_seconds_max = base::kTokenSecondsMax;
    ASSERT_TRUE(policy->purposes.push_back(purpose));
  }
  for (size_t i = 0; i < base::kInstitutionsMax; ++i) {
    PolicyInstitution institution;
    institution.name = name("i", i);
    institution.display_name.Assign(std::string(64, 'd'));
    institution.purposes = ~PurposeSet{0};
    institution.clusters = ~ClusterSet{0};
    ASSERT_TRUE(policy->institutions.push_back(institution));
  }
  for (size_t i = 0; i < base::kCallersMax; ++i) {
    PolicyCaller caller;
    caller.name = name("u", i);
    caller.identity = static_cast<uint32_t>(i);
    caller.redeem = ~PurposeSet{0};
    ASSERT_TRUE(policy->callers.push_back(caller));
  }
  IssueRule rule;
  for (size_t i = 0; i < base::kInstitutionsMax; ++i) rule.institutions.Add(i);
  rule.clusters = ~ClusterSet{0};
  while (policy->rules.push_back(rule)) {
  }
  EXPECT_TRUE(CheckPolicy(*policy).ok());
  auto back = std::make_unique<Policy>();
  EXPECT_TRUE(DecodePolicy(*back, PolicyToBytes(*policy)).ok());
}

TEST(Policies, ALaterFormatIsRefusedByName) {
  auto bytes = PolicyToBytes(*MakeSamplePolicy());
  auto policy = std::make_unique<Policy>();
  bytes[0] = kPolicyFormat + 1;
  auto decoded = DecodePolicy(*policy, bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, Code::kNewerFormat);
  bytes[0] = 0;
  decoded = DecodePolicy(*policy, bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, Code::kInvalid);
}

TEST(Policies, TruncationsTrailingAndTooManyBytesAreRefused) {
  auto bytes = PolicyToBytes(*MakeSamplePolicy());
  auto policy = std::make_unique<Policy>();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodePolicy(*policy, Bytes(bytes.data(), size)).ok()) << size;
  }
  bytes.push_back(0);
  EXPECT_FALSE(DecodePolicy(*policy, bytes).ok());
  bytes.resize(base::kPolicyBytesMax + 1);
  EXPECT_FALSE(DecodePolicy(*policy, bytes).ok());
}

TEST(Policies, AFlippedBitIsRefusedOrStillSound) {
  auto bytes = PolicyToBytes(*MakeSamplePolicy());
  auto policy = std::make_unique<Policy>();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    if (DecodePolicy(*policy, bytes).ok()) {
      EXPECT_TRUE(CheckPolicy(*policy).ok());
      EXPECT_TRUE(EncodesTo(*policy, bytes)) << bit;
    }
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
}

TEST(InstitutionSets, HoldAnyPlace) {
  InstitutionSet set;
  InstitutionSet other;
  for (size_t i = 0; i < base::kInstitutionsMax; ++i) {
    EXPECT_FALSE(set.Has(i));
    set.Add(i);
    EXPECT_TRUE(set.Has(i));
    EXPECT_FALSE(set.Intersects(other));
  }
  other.Add(255);
  EXPECT_TRUE(set.Intersects(other));
}

}  // namespace
}  // namespace coffer::wire
