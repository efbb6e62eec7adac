// Every limit that a peer can meet, in one place, with its unit; bounds of one
// part alone stand in that part. Sizes are bytes and times are seconds where
// the name says no other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace coffer::base {

// --- Names and identifiers -------------------------------------------------
inline constexpr size_t kNameBytesMax = 32;         // policy names, clusters
inline constexpr size_t kDisplayNameBytesMax = 64;  // institutions' names
inline constexpr size_t kSubjectBytesMax = 256;
inline constexpr size_t kConsentIdBytesMax = 256;
inline constexpr size_t kIdempotencyKeyBytesMax = 128;
inline constexpr size_t kBankTokenBytesMax = 16384;
// A v4.local token around the largest bank token, with its footer, in base64.
inline constexpr size_t kSealedBankTokenBytesMax = 22528;
inline constexpr size_t kSignedConsentBytesMax = 8192;  // a header's value
inline constexpr uint64_t kIdempotencySecondsMax = 24 * 3600;

// --- Consent (FDX periods are days) ----------------------------------------
inline constexpr uint32_t kDurationPeriodDaysMax = 366;
inline constexpr uint32_t kLookbackPeriodDaysMax = 3660;
inline constexpr uint32_t kPersistentDaysMax = 365;  // 12 CFR 1033: one year
inline constexpr uint32_t kOneTimeDays = 1;  // unless durationPeriod says
inline constexpr uint32_t kHistoryDaysDefault = 1095;  // 12 CFR 1033: 3 years
inline constexpr uint32_t kHistoryDaysMax = 3660;
inline constexpr uint32_t kKeepExpiredSecondsMax = 90 * 24 * 3600;
// Sealed uploads and signed consents: good for so long after their `iat`, once.
inline constexpr uint64_t kFreshSeconds = 300;

// --- Access tokens ----------------------------------------------------------
inline constexpr uint32_t kTokenSecondsDefault = 60;
inline constexpr uint32_t kTokenSecondsMax = 900;  // FDX security profile
inline constexpr uint32_t kPublicTokenSecondsMax = 60;
inline constexpr size_t kTokenBytesMax = 4096;  // as presented, in base64
inline constexpr size_t kTokenBatchMax = 256;

// --- Policy tables ----------------------------------------------------------
inline constexpr size_t kPurposesMax = 64;
inline constexpr size_t kClustersMax = 32;
inline constexpr size_t kInstitutionsMax = 256;
inline constexpr size_t kCallersMax = 128;
inline constexpr size_t kIssueRulesMax = 1024;  // of all callers together
inline constexpr size_t kPolicyBytesMax = 256 * 1024;  // compiled

// --- Keeper's tables --------------------------------------------------------
inline constexpr size_t kKeysMax = 1024;
inline constexpr size_t kKekVersionsMax = 8;  // of one institution, all states
inline constexpr size_t kSlotsMax = 8;
inline constexpr size_t kSharesMax = 16;            // of one Shamir slot
inline constexpr size_t kApproversMax = 16;         // of a quorum
inline constexpr size_t kOperationsMax = 8;         // that await approval
inline constexpr size_t kStatementBytesMax = 2560;  // what an approver signs
inline constexpr size_t kFloorsMax = 131072;
inline constexpr size_t kFloorsForKills = kFloorsMax / 10;
// Links counted in the windows of all budgets together, at one time.
inline constexpr size_t kBudgetLinksMax = 1 << 20;
inline constexpr size_t kBudgetsMax = kIssueRulesMax;  // of caller and purpose
inline constexpr size_t kFreshUsedMax = 32768;  // uploads and consents, used
inline constexpr size_t kSpentTokensMax = 32768;
inline constexpr size_t kSpentTokensPerCallerMax = 8192;
inline constexpr size_t kPendingWritesMax = 4096;
inline constexpr size_t kGroupsMax = 64;  // of one peer; more match no group

// --- Connections ------------------------------------------------------------
inline constexpr size_t kCallerConnectionsMax = 256;
inline constexpr size_t kCallerConnectionsPerUidMax = 128;
inline constexpr size_t kMonitorConnectionsMax = 32;
inline constexpr size_t kOperatorConnectionsMax = 8;

// --- HTTP -------------------------------------------------------------------
inline constexpr size_t kHttpHeaderBytesMax = 8192;  // request line and headers
inline constexpr size_t kHttpHeadersMax = 32;
inline constexpr size_t kHttpBodyBytesMax = 65536;
inline constexpr uint32_t kHeaderSecondsMax = 2;
inline constexpr uint32_t kBodySecondsMax = 5;
inline constexpr uint32_t kIdleSecondsMax = 60;
inline constexpr size_t kJsonDepthMax = 8;
inline constexpr size_t kJsonKeysMax = 64;

// --- Frames -----------------------------------------------------------------
inline constexpr size_t kBatchItemsMax = 512;
inline constexpr size_t kBatchBytesMax = 1 << 20;     // gate to keeper
inline constexpr size_t kAnswerExtraBytesMax = 8192;  // an answer over its item
inline constexpr size_t kAnswerBatchBytesMax =
    kBatchBytesMax + kBatchItemsMax * kAnswerExtraBytesMax;
inline constexpr size_t kBatchesInFlightMax = 2;
inline constexpr size_t kRewrapRowsMax = 128;  // wraps in one item
inline constexpr size_t kWorkRowsMax = 16;
inline constexpr size_t kErasedRowsMax = 64;  // links that a certificate names
inline constexpr size_t kCertificateTextBytesMax = 8000;
inline constexpr size_t kLinkTagsMax = 400;  // days of a link, in one answer
inline constexpr size_t kLeavesMax = 32;     // audit leaves, in one answer
inline constexpr size_t kLeavesBytesMax = 8000;
inline constexpr size_t kBrakeRowsMax = 64;     // in one operator's answer
inline constexpr size_t kJudgedLinksMax = 256;  // in one operator's question
inline constexpr size_t kKeyRowsMax = 64;       // in one operator's answer
inline constexpr size_t kOperatorFrameBytesMax = 512 * 1024;
inline constexpr size_t kKeyExportBytesMax = 192 * 1024;

// --- Records ----------------------------------------------------------------
// Consent: 32 purposes and 32 clusters of 34 bytes, ids, and the box around it.
inline constexpr size_t kNameListMax = 32;  // purposes or clusters of a consent
inline constexpr size_t kRecordHeadBytesMax = 3584;
inline constexpr size_t kTokenBoxBytesMax = kBankTokenBytesMax + 128;
inline constexpr size_t kWrapBytesMax = 192;
inline constexpr size_t kLeafBytesMax = 1536;
inline constexpr size_t kHistoryBytesMax = 3840;  // one consent that was

// --- Seal slots and approvals -----------------------------------------------
inline constexpr uint32_t kShareSecondsMax = 600;   // without another share
inline constexpr uint32_t kUnsealFailuresFree = 5;  // then one every:
inline constexpr uint32_t kUnsealPauseSeconds = 10;
inline constexpr uint64_t kOperationSecondsMax = 24 * 3600;
inline constexpr uint32_t kDestroyWaitSecondsDefault = 7 * 24 * 3600;
inline constexpr uint32_t kDestroyWaitSecondsMax = 30 * 24 * 3600;
inline constexpr uint32_t kErasureHorizonSecondsDefault = 24 * 3600;
inline constexpr uint32_t kErasureHorizonSecondsMin = 600;
inline constexpr uint32_t kErasureHorizonSecondsMax = 30 * 24 * 3600;

// --- Ledger -----------------------------------------------------------------
inline constexpr uint64_t kDaySeconds = 86400;
inline constexpr uint32_t kUsesDays = 1095;  // 12 CFR 1033: 3 years

// --- Clock ------------------------------------------------------------------
inline constexpr uint64_t kClockBackSecondsMax = 5;
inline constexpr uint64_t kClockAheadSecondsMax = 7 * 24 * 3600;

}  // namespace coffer::base
