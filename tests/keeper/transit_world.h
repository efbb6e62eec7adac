// A World whose caller seals its uploads and opens what is sealed to it. For
// tests only.
#pragma once

#include <string>

#include "crypto/paseto.h"
#include "tests/keeper/rotation_world.h"
#include "vault/wire/transit.h"

namespace coffer::keeper_test {

inline constexpr std::string_view kClearToken = "bank-token-sealed-canary";

// What an uploader can get wrong, one thing at a time.
struct UploadPlan {
  crypto::PublicKey to{};
  crypto::PaserkIdHash kid{};
  uint64_t issued_at = 0;
  std::string payload{kClearToken};
  wire::TransitFooter footer{};  // as it was written
};

class TransitWorld : public RotationWorld {
 public:
  // Of the ingest key in force, now.
  UploadPlan Plan() {
    UploadPlan plan;
    const keeper::SigningEntry& ingest =
        ring().ActiveSigner(keeper::SigningUse::kIngest);
    plan.to = ingest.public_key;
    plan.kid = ingest.id;
    plan.issued_at = vault().Now();
    return plan;
  }
  std::string Seal(UploadPlan& plan, Bytes assertion) {
    crypto::LocalTokenKey once(*parts->arena);
    crypto::RandomKey(once);
    plan.footer.issued_at = plan.issued_at;
    plan.footer.kid = plan.kid;
    COFFER_CHECK(crypto::SealKey(plan.footer.wpk, once, plan.to).ok());
    return Encode(plan, once, assertion);
  }
  static std::string Encode(const UploadPlan& plan,
                            const crypto::LocalTokenKey& once,
                            Bytes assertion) {
    char footer[wire::kTransitFooterBytes];
    wire::FormatTransitFooter(footer, plan.footer);
    std::string token(
        crypto::LocalTokenSize(plan.payload.size(), sizeof footer), '\0');
    auto size = crypto::EncodeLocal(
        {reinterpret_cast<uint8_t*>(token.data()), token.size()}, once,
        base::AsBytes(plan.payload), base::AsBytes({footer, sizeof footer}),
        assertion);
    COFFER_CHECK(size.ok() && *size == token.size());
    return token;
  }
  static wire::Pae Bound(const wire::CreateItem& item) {
    return wire::BindCreate("self", item.institution, item.subject,
                            item.consent.consent_id, item.idempotency_key);
  }
  std::string SealCreate(UploadPlan plan) {
    return Seal(plan, Bound(TestCreate(caller)).view());
  }
  std::string SealCreate() { return SealCreate(Plan()); }
  Reply<wire::NewRecord> Upload(wire::CreateItem item,
                                std::string_view sealed) {
    item.sealed = true;
    item.bank_token = base::AsBytes(sealed);
    return One<wire::NewRecord>(Op::kCreate, item);
  }
  Reply<wire::NewRecord> Upload(std::string_view sealed) {
    return Upload(TestCreate(caller), sealed);
  }
  std::string BankToken(const KeptLink& link) {
    auto issued = Issue(link);
    COFFER_CHECK(issued.allowed());
    auto redeemed = Redeem(issued.fields.token, link);
    COFFER_CHECK(redeemed.allowed() && !redeemed.fields.sealed);
    return std::string(base::AsText(redeemed.fields.bank_token));
  }
};

}  // namespace coffer::keeper_test
