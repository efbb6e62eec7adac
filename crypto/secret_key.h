// SecretKey<Tag>: a key tagged by its purpose, living in a SecretArena slot,
// move-only, wiped at its end. No ==, no printing, no way to its bytes but
// crypto/secret_key_bytes.h, whose includers are a checked list. Keeper and
// CLI only.
#pragma once

#include <cstring>
#include <utility>

#include "crypto/base/secret_bytes.h"

namespace coffer::crypto {

using base::ByteArray;
using base::Bytes;
using base::MutableBytes;

class SecretKeyBytes;  // crypto/secret_key_bytes.h

template <typename Tag, size_t N = 32>
class SecretKey {
 public:
  static_assert(N <= base::SecretArena::kSlotBytes);
  static constexpr size_t kBytes = N;

  SecretKey() = default;
  explicit SecretKey(base::SecretArena& arena)
      : arena_(&arena), slot_(arena.Acquire()) {
    COFFER_CHECK(slot_ != nullptr);
  }
  ~SecretKey() { Destroy(); }
  SecretKey(SecretKey&& other) noexcept
      : arena_(std::exchange(other.arena_, nullptr)),
        slot_(std::exchange(other.slot_, nullptr)) {}
  SecretKey& operator=(SecretKey&& other) noexcept {
    if (this != &other) {
      Destroy();
      arena_ = std::exchange(other.arena_, nullptr);
      slot_ = std::exchange(other.slot_, nullptr);
    }
    return *this;
  }
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;

  bool present() const { return slot_ != nullptr; }
  // Takes the bytes in; requires exactly N. The giver wipes its own.
  void Fill(Bytes bytes) {
    COFFER_CHECK(slot_ != nullptr && bytes.size() == N);
    std::memcpy(slot_, bytes.data(), N);
  }
  // Zeros the key and keeps the slot.
  void Wipe() {
    if (slot_ != nullptr) base::Wipe({slot_, N});
  }
  // Wipes and gives the slot back.
  void Destroy() {
    if (slot_ != nullptr) arena_->Release(slot_);
    slot_ = nullptr;
    arena_ = nullptr;
  }

 private:
  friend class SecretKeyBytes;
  base::SecretArena* arena_ = nullptr;
  uint8_t* slot_ = nullptr;
};

// The purposes. See docs/design.md for who wraps whom.
struct RootKeyTag {};
struct KekTag {};
struct DekTag {};
struct SlotSecretTag {};
struct IndexKeyTag {};
struct HistoryKeyTag {};
struct JournalKeyTag {};
struct LocalTokenKeyTag {};
struct LinkAuditKeyTag {};
struct SigningKeyTag {};  // Ed25519, libsodium's 64-byte form: seed || public

using RootKey = SecretKey<RootKeyTag>;
using Kek = SecretKey<KekTag>;
using Dek = SecretKey<DekTag>;
using SlotSecret = SecretKey<SlotSecretTag>;
using IndexKey = SecretKey<IndexKeyTag>;
using HistoryKey = SecretKey<HistoryKeyTag>;
using JournalKey = SecretKey<JournalKeyTag>;
using LocalTokenKey = SecretKey<LocalTokenKeyTag>;
using LinkAuditKey = SecretKey<LinkAuditKeyTag>;
using SigningKey = SecretKey<SigningKeyTag, 64>;

}  // namespace coffer::crypto
