// What a customer opted into, with FDX's names and meanings. The typed fields
// travel from the gate to the keeper; the keeper adds the dates and seals them.
#pragma once

#include "vault/wire/names.h"

namespace coffer::wire {

enum class DurationType : uint8_t {
  kOneTime = 1,
  kTimeBound = 2,
  kPersistent = 3
};
enum class ConsentStatus : uint8_t {
  kActive = 1,
  kExpired = 2,
  kRevoked = 3,
  kUsed = 4
};
enum class RevocationReason : uint8_t {
  kNone = 0,
  kUserAction = 1,
  kBusinessRule = 2
};

struct Consent {
  std::string_view consent_id;  // 1 to kConsentIdBytesMax bytes
  NameList purposes;            // 1 to kNameListMax, no name twice
  NameList clusters;            // 1 to kNameListMax, no name twice
  DurationType duration_type = DurationType::kTimeBound;
  uint32_t duration_period_days = 0;  // 0: not given
  uint32_t lookback_period_days = 0;  // 0: not given

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.consent_id, base::kConsentIdBytesMax);
    coder.Texts(self.purposes, base::kNameBytesMax);
    coder.Texts(self.clusters, base::kNameBytesMax);
    coder.Number(self.duration_type);
    coder.Number(self.duration_period_days);
    coder.Number(self.lookback_period_days);
  }
};

// Checks bounds, names and durations: TIME_BOUND needs a durationPeriod of 1 to
// kDurationPeriodDaysMax, ONE_TIME may have one, PERSISTENT has none. Used by
// the gate for a clear error and by the keeper because the gate may lie.
base::Status CheckConsent(const Consent& consent);

// When the consent ends, in seconds, if it was granted at `granted_at`.
// `persistent_days`: the policy's.
uint64_t ConsentEnd(const Consent& consent, uint64_t granted_at,
                    uint32_t persistent_days);

std::string_view DurationTypeText(DurationType type);      // "TIME_BOUND"
std::string_view ConsentStatusText(ConsentStatus status);  // FDX; used: EXPIRED
std::string_view RevocationReasonText(RevocationReason reason);

}  // namespace coffer::wire
