// What the tests of seal slots share: a keeper in process whose slot service
// follows its restarts, and slots of every kind. Tests only.
#pragma once

#include <gtest/gtest.h>

#include "tests/keeper/vault_world.h"
#include "vault/keeper/slot_service.h"

namespace coffer::keeper_test {

using base::Code;
using wire::SlotKind;

inline Code CodeOf(const base::Status& status) {
  return status.ok() ? Code{0} : status.error().code;
}

// The secret of slots made with this number; slot 1 of a World has 7.
inline wire::ByteArray<32> SecretOf(uint8_t number) {
  wire::ByteArray<32> secret;
  secret.fill(number);
  return secret;
}

inline wire::SlotHeader HeaderOf(SlotKind kind, uint8_t number) {
  wire::SlotHeader header;
  header.kind = kind;
  header.salt.fill(number);
  if (kind == SlotKind::kPassphrase) {
    header.argon2_memory_bytes = 64 << 20;
    header.argon2_passes = 2;
  } else if (kind == SlotKind::kPkcs11) {
    header.key_label.Assign("seal");
  }
  return header;
}

// A Shamir slot's header with its shares.
struct ShamirSet {
  ShamirSet(uint8_t threshold, uint8_t count, uint8_t number)
      : bytes(count * crypto::kShareBytes),
        header(HeaderOf(SlotKind::kShamir, number)),
        secret(SecretOf(number)) {
    crypto::ShareSetId id;
    id.fill(number);
    crypto::SplitSecret(bytes, secret, id, threshold);
    header.threshold = threshold;
    for (uint8_t i = 0; i < count; ++i) {
      header.shares.push_back(crypto::CheckOfShare(At(i)));
    }
  }
  Bytes At(size_t i) const {
    return Bytes(bytes).subspan(i * crypto::kShareBytes, crypto::kShareBytes);
  }

  std::vector<uint8_t> bytes;
  wire::SlotHeader header;
  wire::ByteArray<32> secret;
};

class SlotTest : public testing::Test {
 protected:
  SlotTest() {
    world_.Operate();
    Renew();
  }
  // A restart, as killed.
  void Restart() {
    slots_.reset();
    ASSERT_TRUE(world_.Restart().ok());
    Renew();
  }
  void Renew() {
    slots_ = std::make_unique<keeper::SlotService>(world_.vault());
  }

  base::Result<uint8_t> Add(const wire::SlotHeader& header,
                            const wire::ByteArray<32>& secret) {
    keeper::PreparedSlot prepared;
    COFFER_TRY(slots_->Prepare({header, secret}, prepared));
    return slots_->Add(prepared, 0);
  }
  base::Result<uint8_t> Add(SlotKind kind, uint8_t number) {
    return Add(HeaderOf(kind, number), SecretOf(number));
  }
  base::Status Unseal(uint8_t slot, uint8_t number) {
    wire::OpenQuestion question;
    question.slot.id = slot;
    question.secret = SecretOf(number);
    return slots_->Unseal(question, 4711);
  }
  base::Status Test(uint8_t slot, uint8_t number) {
    wire::SlotQuestion question;
    question.slot.id = slot;
    question.secret = SecretOf(number);
    return slots_->Test(question, 4711);
  }
  wire::VaultState state() { return world_.vault().state(); }
  wire::OperatorStatus Status() {
    wire::OperatorStatus status;
    world_.vault().FillStatus(status);
    slots_->FillStatus(status);
    return status;
  }
  std::vector<int> Ids() {
    std::vector<int> ids;
    for (const auto& slot : world_.vault().header().slots) {
      ids.push_back(slot.header.id);
    }
    return ids;
  }

  World world_;
  std::unique_ptr<keeper::SlotService> slots_;
};

}  // namespace coffer::keeper_test
