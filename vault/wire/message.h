// Everything the gate can ask the keeper. One closed list; the keeper answers
// in order, one batch of answers for one batch of items, after the leaves of
// the batch are durable.
//
//   batch   := bytes u32 | format u8 | sequence u64 | count u16 | item*
//   item    := op u8 | fields
//   answers := bytes u32 | format u8 | sequence u64 | count u16 | state u8
//              | answer*
//   answer  := op u8 | rule u8 | leaf u64 | fields when rule is kAllowed
//
// `bytes` counts what follows it. An item that is unknown, malformed, too long,
// or a batch with trailing bytes ends the keeper. Bounds are in
// crypto/base/limits.h; none comes from the peer. At most kBatchesInFlightMax
// batches may be unanswered. An answer is at most its item's size plus
// kAnswerExtraBytesMax.
//
// Identity is never in a message: an item names a connection that the keeper
// accepted itself. Text and Bytes are views into the frame.
#pragma once

#include "vault/wire/consent.h"
#include "vault/wire/customer.h"
#include "vault/wire/frame.h"
#include "vault/wire/keys.h"
#include "vault/wire/leaf.h"
#include "vault/wire/names.h"
#include "vault/wire/record.h"
#include "vault/wire/rule.h"
#include "vault/wire/upkeep.h"

namespace coffer::wire {

enum class Op : uint8_t {
  kStatus = 1,
  kHash = 2,
  kCreate = 3,
  kRead = 4,
  kReplaceBankToken = 5,
  kReplaceConsent = 6,
  kCommitted = 7,
  kNotCommitted = 8,
  kRevokeConsent = 9,
  kEraseLink = 10,
  kEraseSubject = 11,
  kIssue = 12,
  kLocate = 13,
  kRedeem = 14,
  kIntrospect = 15,
  kRevokeToken = 16,
  kKeys = 17,
  // The store's upkeep, see upkeep.h
  kWork = 18,
  kRewrap = 19,
  kSettle = 20,
  kDrained = 21,
  kAdopted = 22,
  // What a customer may ask, and what has to end, see customer.h
  kTags = 23,
  kLeaves = 24,
  kBury = 25,
  kHistory = 26,
};

// --- kStatus: the keeper's state, for health and status. No connection.
struct StatusItem {
  template <typename Coder, typename Self>
  static void Fields(Coder&, Self&) {}
};
struct StatusAnswer {
  VaultState state = VaultState::kSealed;
  bool clock_accepted = true;  // false: 503 `clock` until accepted
  ByteArray<16> vault_id{};    // zeros while uninitialised
  uint64_t leaves = 0;         // next leaf index
  uint64_t now = 0;            // the keeper's clock, seconds
  uint32_t floors = 0;
  uint32_t connections = 0;
  uint32_t brakes = 0;            // that hold now
  uint64_t budget_refusals = 0;   // since the keeper's start
  uint32_t budget_links = 0;      // counted now; kBudgetLinksMax at most
  uint32_t erasures_overdue = 0;  // past their horizon, and not final

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.state);
    coder.Flag(self.clock_accepted);
    coder.Fixed(self.vault_id);
    coder.Number(self.leaves);
    coder.Number(self.now);
    coder.Number(self.floors);
    coder.Number(self.connections);
    coder.Number(self.brakes);
    coder.Number(self.budget_refusals);
    coder.Number(self.budget_links);
    coder.Number(self.erasures_overdue);
  }
};

// --- kHash: keyed hashes the gate needs to look things up: of a subject (needs
// read or erase, and leaves a leaf) or of an Idempotency-Key (needs create).
struct HashItem {
  ConnectionId connection = 0;
  uint16_t right = 0;        // the LinkRight that the request needs
  std::string_view subject;  // may be empty
  std::string_view route;    // with idempotency_key: mixed into its hash
  std::string_view idempotency_key;  // may be empty
  Bytes body;                        // the request's body, with idempotency_key

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Number(self.right);
    coder.Text(self.subject, base::kSubjectBytesMax);
    coder.Text(self.route, 64);
    coder.Text(self.idempotency_key, base::kIdempotencyKeyBytesMax);
    coder.LongBytes(self.body, base::kHttpBodyBytesMax);
  }
};
struct HashAnswer {
  SubjectHash subject{};        // zeros without a subject
  ByteArray<16> idempotency{};  // of caller, route and key
  ByteArray<16> body{};         // of the body
  std::string_view caller;      // policy name of the asker
  bool all_links = false;       // the caller's all_links right

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.subject);
    coder.Fixed(self.idempotency);
    coder.Fixed(self.body);
    coder.Text(self.caller, base::kNameBytesMax);
    coder.Flag(self.all_links);
  }
};

// --- kCreate: the gate commits the record before it answers, or sends
// kNotCommitted.
struct CreateItem {
  ConnectionId connection = 0;
  std::string_view institution;
  std::string_view subject;
  Bytes bank_token;  // or, if `sealed`, the v4.local token around it
  Consent consent;
  bool sealed = false;
  std::string_view idempotency_key = {};  // bound by a sealed upload, or empty
  std::string_view signed_consent = {};   // v4.public, or empty

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Text(self.subject, base::kSubjectBytesMax);
    coder.ShortBytes(self.bank_token, base::kSealedBankTokenBytesMax);
    coder.Struct(self.consent);
    coder.Flag(self.sealed);
    coder.Text(self.idempotency_key, base::kIdempotencyKeyBytesMax);
    coder.Text(self.signed_consent, base::kSignedConsentBytesMax);
  }
};
using CreateAnswer = NewRecord;

// --- kRead: metadata and consent of one link, never a token
struct LinkItem {
  ConnectionId connection = 0;
  LinkId link{};
  StoredLink stored;  // without token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Struct(self.stored);
  }
};
struct ReadItem : LinkItem {};
struct ReadAnswer {
  LinkId link{};
  uint32_t revision = 0;
  uint64_t created_at = 0;
  uint64_t updated_at = 0;
  uint64_t expires_at = 0;  // the consent's end
  std::string_view institution;
  InstitutionState institution_state = InstitutionState::kActive;
  std::string_view linker;
  Consent consent;
  ConsentStatus status = ConsentStatus::kActive;
  RevocationReason reason = RevocationReason::kNone;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Number(self.revision);
    coder.Number(self.created_at);
    coder.Number(self.updated_at);
    coder.Number(self.expires_at);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Number(self.institution_state);
    coder.Text(self.linker, base::kNameBytesMax);
    coder.Struct(self.consent);
    coder.Number(self.status);
    coder.Number(self.reason);
  }
};

// --- kReplaceBankToken, kReplaceConsent: the gate commits the new record, then
// sends kCommitted (whose answer releases the caller's) or kNotCommitted. Until
// then the link takes no other write but a kill.
struct ReplaceBankTokenItem {
  ConnectionId connection = 0;
  LinkId link{};
  uint32_t if_match = 0;
  Bytes bank_token;   // or, if `sealed`, the v4.local token around it
  StoredLink stored;  // without token_box
  bool sealed = false;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Number(self.if_match);
    coder.ShortBytes(self.bank_token, base::kSealedBankTokenBytesMax);
    coder.Struct(self.stored);
    coder.Flag(self.sealed);
  }
};
struct ReplaceConsentItem {
  ConnectionId connection = 0;
  LinkId link{};
  uint32_t if_match = 0;
  Consent consent;
  StoredLink stored;                     // with token_box
  std::string_view signed_consent = {};  // v4.public, or empty

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Number(self.if_match);
    coder.Struct(self.consent);
    coder.Struct(self.stored);
    coder.Text(self.signed_consent, base::kSignedConsentBytesMax);
  }
};
struct ReplaceAnswer : NewRecord {
  Bytes history;  // of the consent that was replaced; see customer.h

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    NewRecord::Fields(coder, self);
    coder.ShortBytes(self.history, base::kHistoryBytesMax);
  }
};

// --- kCommitted, kNotCommitted: what became of a write; `leaf` is its index.
struct CommitItem {
  LinkId link{};
  uint64_t leaf = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Number(self.leaf);
  }
};
struct EmptyAnswer {
  template <typename Coder, typename Self>
  static void Fields(Coder&, Self&) {}
};

// --- kRevokeConsent: a kill. Its answer may be given at once; the new record
// (status REVOKED, no bank token) is then stored, and retried.
struct RevokeConsentItem {
  ConnectionId connection = 0;
  LinkId link{};
  RevocationReason reason = RevocationReason::kUserAction;
  StoredLink stored;  // without token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Number(self.reason);
    coder.Struct(self.stored);
  }
};
using RevokeConsentAnswer = NewRecord;

// --- kEraseLink, kEraseSubject: kills, see customer.h

// --- kIssue
enum class TokenFormat : uint8_t { kLocal = 1, kPublic = 2 };
struct IssueItem {
  ConnectionId connection = 0;
  LinkId link{};
  std::string_view purpose;
  NameList scope;  // empty: all that is allowed
  std::string_view audience;
  uint32_t expires_in = 0;  // 0: the default
  TokenFormat format = TokenFormat::kLocal;
  bool single_use = false;
  StoredLink stored;  // without token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Fixed(self.link);
    coder.Text(self.purpose, base::kNameBytesMax);
    coder.Texts(self.scope, base::kNameBytesMax);
    coder.Text(self.audience, base::kNameBytesMax);
    coder.Number(self.expires_in);
    coder.Number(self.format);
    coder.Flag(self.single_use);
    coder.Struct(self.stored);
  }
};
struct IssueAnswer {
  std::string_view token;
  uint32_t expires_in = 0;
  std::string_view scope;  // space-separated

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Text(self.token, base::kTokenBytesMax);
    coder.Number(self.expires_in);
    coder.Text(self.scope, kScopeTextBytesMax);
  }
};

// --- kLocate: which link a token is for, so that the gate can fetch it. Says
// so only to those who may go on to redeem or introspect; a refusal is final,
// and `then` says for which request its leaf is.
struct LocateItem {
  ConnectionId connection = 0;
  Op then = Op::kRedeem;  // or kIntrospect
  std::string_view token;
  std::string_view audience;  // introspect by the issuer; else empty

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Number(self.then);
    coder.Text(self.token, base::kTokenBytesMax);
    coder.Text(self.audience, base::kNameBytesMax);
  }
};
struct LocateAnswer {
  LinkId link{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
  }
};

// --- kRedeem, kIntrospect: everything is decided anew
struct RedeemItem {
  ConnectionId connection = 0;
  std::string_view token;
  StoredLink stored;  // with token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Text(self.token, base::kTokenBytesMax);
    coder.Struct(self.stored);
  }
};
struct RedeemAnswer {
  Bytes bank_token;  // or, if `sealed`, the v4.local token around it
  LinkId link{};
  uint32_t revision = 0;  // for the connector's If-Match
  std::string_view institution;
  std::string_view purpose;
  std::string_view scope;
  uint32_t expires_in = 0;
  uint32_t lookback_period_days = 0;  // 0: the consent names none
  bool sealed = false;                // to the caller's seal_to

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.ShortBytes(self.bank_token, base::kSealedBankTokenBytesMax);
    coder.Fixed(self.link);
    coder.Number(self.revision);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Text(self.purpose, base::kNameBytesMax);
    coder.Text(self.scope, kScopeTextBytesMax);
    coder.Number(self.expires_in);
    coder.Number(self.lookback_period_days);
    coder.Flag(self.sealed);
  }
};
struct IntrospectItem {
  ConnectionId connection = 0;
  std::string_view token;
  std::string_view audience;
  StoredLink stored;  // without token_box

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Text(self.token, base::kTokenBytesMax);
    coder.Text(self.audience, base::kNameBytesMax);
    coder.Struct(self.stored);
  }
};
struct IntrospectAnswer {
  LinkId link{};
  std::string_view client_id;
  std::string_view audience;
  std::string_view purpose;
  std::string_view scope;
  std::string_view jti;
  uint64_t issued_at = 0;
  uint64_t expires_at = 0;
  uint32_t lookback_period_days = 0;  // 0: none

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Text(self.client_id, base::kNameBytesMax);
    coder.Text(self.audience, base::kNameBytesMax);
    coder.Text(self.purpose, base::kNameBytesMax);
    coder.Text(self.scope, kScopeTextBytesMax);
    coder.Text(self.jti, 32);
    coder.Number(self.issued_at);
    coder.Number(self.expires_at);
    coder.Number(self.lookback_period_days);
  }
};

// --- kRevokeToken: kAllowed also for a token that is none (RFC 7009).
struct RevokeTokenItem {
  ConnectionId connection = 0;
  std::string_view token;
  std::string_view audience;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
    coder.Text(self.token, base::kTokenBytesMax);
    coder.Text(self.audience, base::kNameBytesMax);
  }
};

// --- kKeys: public keys, for any known caller.
struct KeysItem {
  ConnectionId connection = 0;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.connection);
  }
};
struct KeysAnswer {
  base::BoundedList<PublicKeyRow, 8> tokens;  // v4.public
  PublicKeyRow ingest;
  PublicKeyRow evidence;
  // What a caller needs to seal and to sign: its own name, and the vault's id.
  std::string_view caller;
  ByteArray<16> vault_id{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Structs(self.tokens);
    coder.Struct(self.ingest);
    coder.Struct(self.evidence);
    coder.Text(self.caller, base::kNameBytesMax);
    coder.Fixed(self.vault_id);
  }
};

struct AnswerHeader {
  Op op = Op::kStatus;
  Rule rule = Rule::kAllowed;
  uint64_t leaf = kNoLeaf;  // the decision's index; kNoLeaf when it has none

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.op);
    coder.Number(self.rule);
    coder.Number(self.leaf);
  }
};
inline constexpr size_t kAnswerHeaderBytes = 1 + 1 + 8;

}  // namespace coffer::wire
