#include "vault/wire/consent.h"

namespace coffer::wire {
namespace {

using base::Code;
using base::Fail;

base::Status CheckNames(const NameList& names) {
  for (size_t i = 0; i < names.size; ++i) {
    if (!IsName(names[i])) return Fail(Code::kInvalid, "not a name");
    for (size_t j = 0; j < i; ++j) {
      if (names[i] == names[j])
        return Fail(Code::kInvalid, "a name stands twice");
    }
  }
  return {};
}

}  // namespace

base::Status CheckConsent(const Consent& consent) {
  if (consent.consent_id.empty() ||
      consent.consent_id.size() > base::kConsentIdBytesMax) {
    return Fail(Code::kInvalid, "consentId is 1 to 256 bytes");
  }
  if (consent.purposes.empty()) {
    return Fail(Code::kInvalid, "purposes names at least one purpose");
  }
  if (consent.clusters.empty()) {
    return Fail(Code::kInvalid, "dataClusters names at least one cluster");
  }
  COFFER_TRY(CheckNames(consent.purposes));
  COFFER_TRY(CheckNames(consent.clusters));
  if (consent.duration_period_days > base::kDurationPeriodDaysMax) {
    return Fail(Code::kInvalid, "durationPeriod is at most 366 days");
  }
  if (consent.lookback_period_days > base::kLookbackPeriodDaysMax) {
    return Fail(Code::kInvalid, "lookbackPeriod is at most 3660 days");
  }
  switch (consent.duration_type) {
    case DurationType::kOneTime:
      return {};
    case DurationType::kTimeBound:
      if (consent.duration_period_days == 0) {
        return Fail(Code::kInvalid, "TIME_BOUND needs durationPeriod, in days");
      }
      return {};
    case DurationType::kPersistent:
      if (consent.duration_period_days != 0) {
        return Fail(Code::kInvalid, "PERSISTENT takes no durationPeriod");
      }
      return {};
  }
  return Fail(Code::kInvalid,
              "durationType is ONE_TIME, TIME_BOUND or PERSISTENT");
}

uint64_t ConsentEnd(const Consent& consent, uint64_t granted_at,
                    uint32_t persistent_days) {
  uint64_t days = consent.duration_period_days;
  if (consent.duration_type == DurationType::kPersistent) {
    days = persistent_days;
  } else if (days == 0) {
    days = base::kOneTimeDays;
  }
  return granted_at + days * base::kDaySeconds;
}

std::string_view DurationTypeText(DurationType type) {
  switch (type) {
    case DurationType::kOneTime:
      return "ONE_TIME";
    case DurationType::kTimeBound:
      return "TIME_BOUND";
    case DurationType::kPersistent:
      return "PERSISTENT";
  }
  return "";
}

std::string_view ConsentStatusText(ConsentStatus status) {
  switch (status) {
    case ConsentStatus::kActive:
      return "ACTIVE";
    case ConsentStatus::kExpired:
      return "EXPIRED";
    case ConsentStatus::kRevoked:
      return "REVOKED";
    case ConsentStatus::kUsed:
      return "EXPIRED";
  }
  return "";
}

std::string_view RevocationReasonText(RevocationReason reason) {
  switch (reason) {
    case RevocationReason::kNone:
      return "";
    case RevocationReason::kUserAction:
      return "USER_ACTION";
    case RevocationReason::kBusinessRule:
      return "BUSINESS_RULE";
  }
  return "";
}

}  // namespace coffer::wire
