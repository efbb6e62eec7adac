// The steps of every route: what is asked of the store and the keeper, in which
// order, and what is replied. The order keeps a crash from reviving or wrongly
// killing a link:
//   kill (revoke, erase): the keeper's answer, the reply, then the store
//   replace: the keeper's answer, the store's commit, kCommitted, the reply
//   create: the keeper's answer, the store's commit, the reply
// Runs in the gate. Refuses what the api room refuses to parse; every other
// decision is the keeper's.
#pragma once

#include "vault/gate/turn.h"
#include "vault/wire/policy.h"

namespace coffer::gate {

// --- Links -------------------------------------------------------------------
void StartCreate(Turn& turn, Exchange& exchange, const HttpRequest& request);
void OnCreateHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnCreate(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartRead(Turn& turn, Exchange& exchange, std::string_view link);
void OnRead(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartList(Turn& turn, Exchange& exchange, std::string_view query);
void OnListHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnListRead(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartReplace(Turn& turn, Exchange& exchange, const HttpRequest& request,
                  std::string_view link);
void OnReplace(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnCommitted(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
// After the store's commit of a create or a replace.
void OnWritten(Turn& turn, Exchange& exchange, const StoreWrite& write,
               bool committed);

// --- Kills -------------------------------------------------------------------
void StartRevokeConsent(Turn& turn, Exchange& exchange,
                        const HttpRequest& request, std::string_view link);
void OnRevokeConsent(Turn& turn, Exchange& exchange,
                     const KeeperAnswer& answer);
void StartEraseLink(Turn& turn, Exchange& exchange, const HttpRequest& request,
                    std::string_view link);
void OnEraseLink(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartEraseSubject(Turn& turn, Exchange& exchange,
                       const HttpRequest& request, std::string_view subject);
void OnEraseHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnEraseSubject(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);

// --- Past consents -----------------------------------------------------------
void StartConsents(Turn& turn, Exchange& exchange, std::string_view subject,
                   std::string_view query);
void OnConsentsHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnConsentsTell(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);

// --- Tokens ------------------------------------------------------------------
void StartIssue(Turn& turn, Exchange& exchange, const HttpRequest& request);
void OnIssue(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartIssueBatch(Turn& turn, Exchange& exchange,
                     const HttpRequest& request);
void OnIssueOfBatch(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
// Redeem and introspect.
void StartShownToken(Turn& turn, Exchange& exchange,
                     const HttpRequest& request);
void OnLocate(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnRedeem(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void OnIntrospect(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartRevokeToken(Turn& turn, Exchange& exchange,
                      const HttpRequest& request);
void OnRevokeToken(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);

// --- The vault itself --------------------------------------------------------
void StartKeys(Turn& turn, Exchange& exchange);
void OnKeys(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
void StartStatus(Turn& turn, Exchange& exchange);  // health, status, metrics
void OnStatus(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);

// --- A customer's ledger -----------------------------------------------------
void StartLedger(Turn& turn, Exchange& exchange, std::string_view subject,
                 std::string_view query);
void OnLedgerHash(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
// Once the uses up to that answer's leaf are in the store, or not in time.
void OnUsesDerived(Turn& turn, Exchange& exchange);
void OnLedgerTags(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);

// --- Shared ------------------------------------------------------------------
// False when the exchange was finished with the keeper's refusal.
bool Allowed(Turn& turn, Exchange& exchange, const KeeperAnswer& answer);
// The link that a path names; false when the exchange was finished (404).
bool ParsePathLink(Turn& turn, Exchange& exchange, std::string_view text);
// Finishes with the parser's detail.
void FinishUnparsed(Turn& turn, Exchange& exchange, const base::Error& error);

}  // namespace coffer::gate
