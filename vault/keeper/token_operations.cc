#include "vault/keeper/token_operations.h"

#include "crypto/kdf.h"
#include "crypto/random.h"
#include "vault/keeper/key_service.h"
#include "vault/keeper/sealed_transit.h"

namespace coffer::keeper {
namespace {

using wire::LeafKind;
using wire::Rule;
using wire::TokenFormat;

// A token as shown to us, opened.
struct ShownToken {
  Claims claims;
  uint8_t payload[kClaimsBytesMax + 1];
};

// What the gate, and so the caller, may know of a refusal about a token.
Rule Shown(Rule rule) {
  switch (wire::VerdictOf(rule)) {
    case wire::Verdict::kUnavailable:
    case wire::Verdict::kDamaged:
      return rule;
    default:
      return Rule::kTokenNotAuthentic;
  }
}

bool IsVoid(const Vault& vault, const wire::ByteArray<16>& key,
            uint64_t epoch) {
  const Floor* floor = vault.floors().Find(key);
  return floor != nullptr && epoch < floor->token_leaf;
}

bool IsVoid(const Vault& vault, wire::TokenGroup group, std::string_view name,
            uint64_t epoch) {
  return vault.floors().has_names() &&
         IsVoid(vault, NameFloorKey(vault.keyring(), group, name), epoch);
}

// Opens the token and checks all that needs no record. `audience` is empty
// where the asker is the audience; else the asker must have issued it.
Rule OpenToken(Operation& operation, std::string_view token,
               std::string_view audience, ShownToken& shown) {
  Vault& vault = operation.s.vault;
  const bool by_issuer = !audience.empty();
  Rule rule = ReadToken(token, by_issuer ? audience : operation.asker.name,
                        vault.local_tokens(), vault.keyring(), shown.payload,
                        shown.claims);
  if (rule != Rule::kAllowed) return rule;
  const Claims& claims = shown.claims;
  operation.leaf.purpose = claims.purpose;
  operation.leaf.audience = claims.audience;
  if (by_issuer && claims.client_id != operation.asker.name) {
    return Rule::kTokenOtherClient;
  }
  if (vault.Now() >= claims.expires_at) return Rule::kTokenExpired;
  if (claims.epoch < vault.unseal_leaf()) return Rule::kTokenBeforeUnseal;
  if (vault.spent_tokens().Contains(claims.jti)) {
    return claims.single_use ? Rule::kTokenSpent : Rule::kTokenRevoked;
  }
  if (IsVoid(vault, claims.link, claims.epoch) ||
      IsVoid(vault, wire::TokenGroup::kCaller, claims.client_id,
             claims.epoch) ||
      IsVoid(vault, wire::TokenGroup::kPurpose, claims.purpose, claims.epoch)) {
    return Rule::kTokenRevoked;
  }
  return Rule::kAllowed;
}

// The token's grant decided again, over the record as it is now.
Rule DecideAgain(Operation& operation, const Claims& claims,
                 const wire::StoredLink& stored) {
  const wire::Policy& policy = operation.policy();
  AccessRequest request;
  request.caller = FindCaller(policy, claims.client_id);
  request.purpose = FindPurpose(policy, claims.purpose);
  request.audience = FindCaller(policy, claims.audience);
  request.scope_given = true;
  if (request.caller < 0) return Rule::kUnknownCaller;
  if (!ParseScope(policy, claims.scope, request.scope)) {
    return Rule::kUnknownCluster;
  }
  Rule rule = DecideWithoutLink(policy, request);
  if (rule == Rule::kAllowed) rule = operation.Open(claims.link, stored);
  if (rule != Rule::kAllowed) return rule;
  if (IsVoid(operation.s.vault, wire::TokenGroup::kInstitution,
             operation.s.opened.head.institution, claims.epoch)) {
    return Rule::kTokenRevoked;
  }
  operation.leaf.scope = claims.scope;
  return DecideWithLink(policy, request, operation.Facts(),
                        operation.s.vault.Now())
      .rule;
}

Rule DecideRedeemer(const Operation& operation, std::string_view purpose) {
  const int place = FindPurpose(operation.policy(), purpose);
  const bool may = place >= 0 && ((operation.who().redeem >> place) & 1) != 0;
  return may ? Rule::kAllowed : Rule::kTokenPurposeNotRedeemable;
}

// The clock goes on between the check and the answer.
uint32_t SecondsLeft(const Vault& vault, const Claims& claims) {
  const uint64_t now = vault.Now();
  return now < claims.expires_at
             ? static_cast<uint32_t>(claims.expires_at - now)
             : 0;
}

// A one-time consent is used up by its first redeem: durable before the answer.
Rule UseUp(Operation& operation) {
  Vault& vault = operation.s.vault;
  Floor floor{};
  floor.key = operation.s.opened.head.link;
  floor.kind = FloorKind::kUsed;
  floor.record_leaf = floor.token_leaf = operation.leaf_index();
  floor.institution = FloorInstitution(operation.s.opened.institution);
  if (!vault.RaiseFloor(floor, true)) return Rule::kFloorsFull;
  operation.s.pending.Overtake(floor.key, Rule::kConsentUsed);
  return Rule::kAllowed;
}

Rule SpendOnce(Operation& operation, const Claims& claims) {
  Vault& vault = operation.s.vault;
  const int client = FindCaller(operation.policy(), claims.client_id);
  auto added =
      vault.spent_tokens().Add(claims.jti, claims.expires_at,
                               static_cast<uint16_t>(client), vault.Now());
  return added.ok() ? Rule::kAllowed : Rule::kSpentTokensFull;
}

Rule DecideIssue(Operation& operation, const wire::IssueItem& item,
                 uint64_t now, AccessRequest& request, Access& access) {
  Vault& vault = operation.s.vault;
  const wire::Policy& policy = operation.policy();
  if (item.format != TokenFormat::kLocal &&
      item.format != TokenFormat::kPublic) {
    return Rule::kMalformedRequest;
  }
  if (item.single_use && item.format == TokenFormat::kPublic) {
    return Rule::kSingleUsePublic;
  }
  Rule rule = ResolveRequest(policy, operation.asker.caller, item.purpose,
                             item.audience, item.scope, request);
  // Only names of the policy enter the leaf, never what a caller made up.
  if (request.purpose >= 0) operation.leaf.purpose = item.purpose;
  if (request.audience >= 0) operation.leaf.audience = item.audience;
  if (rule != Rule::kAllowed) return rule;
  rule = DecideWithoutLink(policy, request);
  if (rule != Rule::kAllowed) return rule;
  if (!vault.clock_accepted()) return Rule::kClock;
  rule = operation.Open(item.link, item.stored);
  if (rule != Rule::kAllowed) return rule;
  access = DecideWithLink(policy, request, operation.Facts(), now);
  if (access.rule != Rule::kAllowed) return access.rule;
  if (item.single_use &&
      !vault.spent_tokens().HasRoom(
          static_cast<uint16_t>(operation.asker.caller), now)) {
    return Rule::kSpentTokensFull;
  }
  // Last, so that only what all else allows is counted.
  return vault.Spend(request.caller, request.purpose, item.link,
                     operation.leaf.uid);
}

}  // namespace

void Issue(Shared& shared, const wire::IssueItem& item, AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kTokenIssue);
  if (!operation.Enter(item.connection)) return;
  Vault& vault = shared.vault;
  AccessRequest request;
  Access access;
  // One reading of the clock, so that no lifetime passes the consent's end.
  const uint64_t now = vault.Now();
  Rule rule = DecideIssue(operation, item, now, request, access);
  if (rule != Rule::kAllowed) return operation.Refuse(rule);

  uint32_t ttl =
      item.expires_in == 0 ? base::kTokenSecondsDefault : item.expires_in;
  if (ttl > access.ttl_seconds_max) ttl = access.ttl_seconds_max;
  if (item.format == TokenFormat::kPublic &&
      ttl > base::kPublicTokenSecondsMax) {
    ttl = base::kPublicTokenSecondsMax;
  }
  char scope[wire::kScopeTextBytesMax];
  Claims claims;
  claims.link = item.link;
  claims.audience = item.audience;
  claims.issued_at = now;
  claims.expires_at = claims.issued_at + ttl;
  crypto::Random(claims.jti);
  claims.purpose = item.purpose;
  claims.scope = {scope, FormatScope(scope, operation.policy(), access.scope)};
  claims.client_id = operation.asker.name;
  claims.epoch = operation.leaf_index();
  claims.lookback_period_days =
      shared.opened.metadata.consent.lookback_period_days;
  claims.single_use = item.single_use;
  uint8_t token[base::kTokenBytesMax];
  auto size = WriteToken(token, claims, item.format, vault.local_tokens(),
                         vault.keyring());
  COFFER_CHECK(size.ok());
  operation.leaf.scope = claims.scope;
  operation.leaf.detail = ttl;
  wire::IssueAnswer issued;
  issued.token = base::AsText(Bytes(token, *size));
  issued.expires_in = ttl;
  issued.scope = claims.scope;
  operation.Allow(issued);
}

void Locate(Shared& shared, const wire::LocateItem& item,
            AnswerWriter& answer) {
  const bool redeem = item.then == wire::Op::kRedeem;
  Operation operation(
      shared, answer,
      redeem ? LeafKind::kTokenRedeem : LeafKind::kTokenIntrospect);
  if (!operation.Enter(item.connection)) return;
  if (redeem && operation.who().redeem == 0) {
    return operation.Refuse(Rule::kNoRedeemRight);
  }
  ShownToken shown;
  Rule rule = OpenToken(operation, item.token,
                        redeem ? std::string_view() : item.audience, shown);
  if (rule == Rule::kAllowed && redeem) {
    rule = DecideRedeemer(operation, shown.claims.purpose);
  }
  if (rule != Rule::kAllowed) return operation.RefuseAs(rule, Shown(rule));
  wire::LocateAnswer located;
  located.link = shown.claims.link;
  operation.AllowUnlogged(located);
}

void Redeem(Shared& shared, const wire::RedeemItem& item,
            AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kTokenRedeem);
  if (!operation.Enter(item.connection)) return;
  Vault& vault = shared.vault;
  if (operation.who().redeem == 0) {
    return operation.Refuse(Rule::kNoRedeemRight);
  }
  if (!vault.clock_accepted()) return operation.Refuse(Rule::kClock);
  ShownToken shown;
  const Claims& claims = shown.claims;
  const OpenedLink& opened = shared.opened;
  uint8_t plaintext[base::kBankTokenBytesMax + 34];
  uint8_t sealed[base::kSealedBankTokenBytesMax];
  Bytes bank_token;
  Rule rule = OpenToken(operation, item.token, {}, shown);
  if (rule == Rule::kAllowed) rule = DecideRedeemer(operation, claims.purpose);
  if (rule == Rule::kAllowed)
    rule = DecideAgain(operation, claims, item.stored);
  if (rule == Rule::kAllowed) {
    rule = OpenBankToken(opened, item.stored.token_box, plaintext, bank_token);
  }
  if (rule == Rule::kAllowed && claims.single_use) {
    rule = SpendOnce(operation, claims);
  }
  if (rule == Rule::kAllowed &&
      opened.metadata.consent.duration_type == wire::DurationType::kOneTime) {
    rule = UseUp(operation);
  }
  if (rule == Rule::kAllowed) {
    wire::RedeemAnswer redeemed;
    redeemed.bank_token = bank_token;
    redeemed.sealed = operation.who().seal_to != crypto::PublicKey{};
    if (redeemed.sealed) {
      redeemed.bank_token = {
          sealed, SealForRedeem(vault, sealed, bank_token,
                                operation.who().seal_to, item.token)};
    }
    redeemed.link = claims.link;
    redeemed.revision = opened.head.revision;
    redeemed.institution = opened.head.institution;
    redeemed.purpose = claims.purpose;
    redeemed.scope = claims.scope;
    redeemed.expires_in = SecondsLeft(vault, claims);
    redeemed.lookback_period_days =
        opened.metadata.consent.lookback_period_days;
    operation.Allow(redeemed);
  } else {
    operation.RefuseAs(rule, Shown(rule));
  }
  base::Wipe(plaintext);
}

void Introspect(Shared& shared, const wire::IntrospectItem& item,
                AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kTokenIntrospect);
  if (!operation.Enter(item.connection)) return;
  ShownToken shown;
  Rule rule = OpenToken(operation, item.token, item.audience, shown);
  if (rule == Rule::kAllowed) {
    rule = DecideAgain(operation, shown.claims, item.stored);
  }
  if (rule != Rule::kAllowed) return operation.RefuseAs(rule, Shown(rule));
  const Claims& claims = shown.claims;
  char jti[22];
  base::EncodeBase64Url(jti, claims.jti);
  wire::IntrospectAnswer active;
  active.link = claims.link;
  active.client_id = claims.client_id;
  active.audience = claims.audience;
  active.purpose = claims.purpose;
  active.scope = claims.scope;
  active.jti = {jti, sizeof jti};
  active.issued_at = claims.issued_at;
  active.expires_at = claims.expires_at;
  active.lookback_period_days =
      shared.opened.metadata.consent.lookback_period_days;
  operation.Allow(active);
}

void RevokeToken(Shared& shared, const wire::RevokeTokenItem& item,
                 AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kTokenRevoke, true);
  if (!operation.Enter(item.connection)) return;
  Vault& vault = shared.vault;
  ShownToken shown;
  const Claims& claims = shown.claims;
  Rule rule = OpenToken(operation, item.token, item.audience, shown);
  if (rule != Rule::kAllowed) {
    // RFC 7009: nothing to revoke is no error; the leaf says what it was.
    return operation.AllowAs(rule, wire::EmptyAnswer{});
  }
  const int client = FindCaller(operation.policy(), claims.client_id);
  auto added = base::Status(
      base::Fail(base::Code::kFull, "the client is no caller any more"));
  if (client >= 0) {
    added =
        vault.spent_tokens().Add(claims.jti, claims.expires_at,
                                 static_cast<uint16_t>(client), vault.Now());
  }
  if (!added.ok() && added.error().code == base::Code::kFull) {
    // No room to remember one token: all of its client's end.
    Floor floor{};
    floor.key = NameFloorKey(vault.keyring(), wire::TokenGroup::kCaller,
                             claims.client_id);
    floor.kind = FloorKind::kTokens;
    floor.token_leaf = operation.leaf_index();
    if (!vault.RaiseFloor(floor, true)) {
      // Whose link it is for, only the store could say.
      vault.SuspendForRoom(0);
      return operation.Refuse(Rule::kFloorsFull);
    }
  }
  operation.Allow(wire::EmptyAnswer{});
}

void Keys(Shared& shared, const wire::KeysItem& item, AnswerWriter& answer) {
  Operation operation(shared, answer, LeafKind::kKeyList);
  if (!operation.Enter(item.connection)) return;
  constexpr size_t kRowsMax = Keyring::kSignersMax;
  char kids[kRowsMax][crypto::kPaserkIdTextBytes];
  char keys[kRowsMax][crypto::kPaserkPublicTextBytes];
  wire::KeysAnswer list;
  list.caller = operation.asker.name;
  list.vault_id = shared.vault.vault_id();
  const Keyring& keyring = shared.vault.keyring();
  for (size_t i = 0; i < keyring.signers(); ++i) {
    const SigningEntry& signer = keyring.signer(i);
    if (!Lives(signer.state)) continue;
    crypto::FormatPublicId(kids[i], signer.id);
    crypto::FormatPublicKey(keys[i], signer.public_key);
    wire::PublicKeyRow row;
    row.kid = {kids[i], sizeof kids[i]};
    row.public_key = {keys[i], sizeof keys[i]};
    row.state = signer.state;
    row.not_before = signer.created_at;
    const bool active = MaySeal(signer.state);
    // What was signed before its end is good for a while, unless others may
    // have signed, too.
    row.not_after = signer.ended_at;
    if (!active && MayVerify(signer.state)) {
      row.not_after += SignerKeptSeconds(signer.use);
    }
    if (signer.use == SigningUse::kToken) list.tokens.push_back(row);
    if (signer.use == SigningUse::kIngest && active) list.ingest = row;
    if (signer.use == SigningUse::kEvidence && active) list.evidence = row;
  }
  operation.AllowUnlogged(list);
}

}  // namespace coffer::keeper
