// The keyring: sealed and opened whole, looked up by exact id, states enforced.
#include "vault/keeper/keyring.h"

#include "crypto/aead.h"
#include "crypto/ed25519.h"
#include "tests/keeper/keyring_support.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Encoder;

constexpr size_t kBoxBytes = 72;
// Where the names and states of the institutions stand: no key is theirs, the
// sealed body around the keyring vouches for them.
constexpr size_t kInstitutionsBegin = 1 + 3 * kBoxBytes;
constexpr size_t kInstitutionsEnd =
    kInstitutionsBegin + 2 + (2 + 4 + 1) + (2 + 8 + 1);
constexpr size_t kKekRowBytes = 16 + 2 + 4 + 1 + 1 + 4 * 8;

Buffer IndexHash(const Keyring& keyring) {
  Buffer hash(16);
  crypto::KeyedHash(hash, keyring.index_key(), "test", {});
  return hash;
}

TEST_F(KeyringTest, SealedKeyringOpensAsItWas) {
  Keyring again(*arena_);
  ASSERT_TRUE(again.Open(Sealed(), root_, kTestVault).ok());
  EXPECT_EQ(IndexHash(again), IndexHash(keyring_));
  EXPECT_EQ(again.signers(), 4u);
  for (const char* name : {"citi", "jpmorgan"}) {
    const int place = again.FindInstitution(name);
    ASSERT_GE(place, 0);
    EXPECT_EQ(again.ActiveKek(place)->id, keyring_.ActiveKek(place)->id);
    EXPECT_EQ(again.ActiveKek(place)->version, 1u);
  }
  for (SigningUse use : {SigningUse::kToken, SigningUse::kEvidence,
                         SigningUse::kIngest, SigningUse::kAudit}) {
    crypto::Signature signature;
    crypto::SignMessage(signature, again.ActiveSigner(use).key,
                        base::AsBytes("message"));
    EXPECT_TRUE(crypto::SignatureValid(signature,
                                       keyring_.ActiveSigner(use).public_key,
                                       base::AsBytes("message")));
  }
}

TEST_F(KeyringTest, AnotherRootOpensNothing) {
  Keyring again(*arena_);
  base::Status opened = again.Open(Sealed(), MakeRoot(*arena_), kTestVault);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kDenied);
}

TEST_F(KeyringTest, KeyringOfAnotherVaultIsRefused) {
  Keyring again(*arena_);
  EXPECT_FALSE(again.Open(Sealed(), root_, {1}).ok());
}

TEST_F(KeyringTest, EveryTruncationAndATrailingByteAreRefused) {
  const Buffer sealed = Sealed();
  Keyring again(*arena_);
  for (size_t size = 0; size < sealed.size(); ++size) {
    // An exact copy, so that a read past the end is seen.
    const Buffer cut(sealed.begin(), sealed.begin() + static_cast<long>(size));
    ASSERT_FALSE(again.Open(cut, root_, kTestVault).ok()) << size;
  }
  Buffer longer = sealed;
  longer.push_back(0);
  EXPECT_FALSE(again.Open(longer, root_, kTestVault).ok());
}

TEST_F(KeyringTest, EveryFlippedByteOfAKeyOrItsRowIsRefused) {
  const Buffer sealed = Sealed();
  Keyring again(*arena_);
  size_t refused = 0;
  for (size_t i = 0; i < sealed.size(); ++i) {
    if (i >= kInstitutionsBegin && i < kInstitutionsEnd) continue;
    Buffer flipped = sealed;
    flipped[i] ^= static_cast<uint8_t>(1 << i % 8);
    ASSERT_FALSE(again.Open(flipped, root_, kTestVault).ok()) << i;
    ++refused;
  }
  EXPECT_GT(refused, 900u);
}

TEST_F(KeyringTest, NewerFormatIsNamed) {
  Buffer sealed = Sealed();
  sealed[0] = 2;
  Keyring again(*arena_);
  base::Status opened = again.Open(sealed, root_, kTestVault);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kNewerFormat);
  sealed[0] = 0;
  EXPECT_EQ(again.Open(sealed, root_, kTestVault).error().code, Code::kInvalid);
}

TEST_F(KeyringTest, KeyMovedToAnotherRowIsRefused) {
  const Buffer sealed = Sealed();
  Keyring again(*arena_);
  // The two KEKs' boxes, then index and journal key's, change places.
  const size_t first = kInstitutionsEnd + 2 + kKekRowBytes;
  const size_t pairs[][2] = {{first, first + kBoxBytes + kKekRowBytes},
                             {1, 1 + kBoxBytes}};
  for (const auto& [one, other] : pairs) {
    Buffer swapped = sealed;
    std::swap_ranges(swapped.begin() + static_cast<long>(one),
                     swapped.begin() + static_cast<long>(one + kBoxBytes),
                     swapped.begin() + static_cast<long>(other));
    EXPECT_FALSE(again.Open(swapped, root_, kTestVault).ok());
  }
}

TEST_F(KeyringTest, EveryKeyOfANewVaultIsItsOwn) {
  Keyring other(*arena_);
  other.Generate(100);
  ASSERT_TRUE(other.EnsureInstitution("citi", 100).ok());
  EXPECT_NE(IndexHash(other), IndexHash(keyring_));
  EXPECT_NE(other.ActiveKek(0)->id, keyring_.ActiveKek(0)->id);
  EXPECT_NE(keyring_.ActiveKek(0)->id, keyring_.ActiveKek(1)->id);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NE(other.signer(i).id, keyring_.signer(i).id);
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(keyring_.signer(i).id, keyring_.signer(j).id);
    }
  }
}

TEST_F(KeyringTest, LookUpIsByExactIdAndInstitutionAndNeverByTrial) {
  const KeyId citi = keyring_.ActiveKek(0)->id;
  EXPECT_EQ(keyring_.KekToOpen(0, citi), keyring_.ActiveKek(0));
  EXPECT_EQ(keyring_.KekToOpen(1, citi), nullptr);
  EXPECT_EQ(keyring_.KekToOpen(-1, citi), nullptr);
  for (size_t i = 0; i < citi.size(); ++i) {
    KeyId other = citi;
    other[i] ^= 1;
    EXPECT_EQ(keyring_.KekToOpen(0, other), nullptr);
  }
  EXPECT_EQ(keyring_.FindInstitution("CITI"), -1);
  EXPECT_EQ(keyring_.FindInstitution("cit"), -1);
}

TEST_F(KeyringTest, SignerServesOneUseOnly) {
  const auto& id = keyring_.ActiveSigner(SigningUse::kEvidence).id;
  EXPECT_NE(keyring_.SignerById(SigningUse::kEvidence, id), nullptr);
  EXPECT_EQ(keyring_.SignerById(SigningUse::kToken, id), nullptr);
}

TEST_F(KeyringTest, InstitutionIsAdmittedOnceAndTheTableIsBounded) {
  const KeyId citi = keyring_.ActiveKek(0)->id;
  ASSERT_TRUE(keyring_.EnsureInstitution("citi", 200).ok());
  EXPECT_EQ(keyring_.ActiveKek(0)->id, citi);
  auto arena = base::SecretArena::Create(base::kInstitutionsMax + 16);
  Keyring full(**arena);
  full.Generate(1);
  for (size_t i = 0; i < base::kInstitutionsMax; ++i) {
    ASSERT_TRUE(full.EnsureInstitution("bank" + std::to_string(i), 1).ok());
  }
  base::Status refused = full.EnsureInstitution("another", 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kFull);
  EXPECT_TRUE(full.EnsureInstitution("bank7", 1).ok());
}

TEST_F(KeyringTest, ClearGivesEveryKeysMemoryBack) {
  const size_t before = arena_->free_slots();
  Keyring other(*arena_);
  other.Generate(100);
  ASSERT_TRUE(other.EnsureInstitution("citi", 100).ok());
  EXPECT_EQ(arena_->free_slots(), before - 8);
  other.Clear();
  EXPECT_EQ(arena_->free_slots(), before);
  EXPECT_EQ(other.FindInstitution("citi"), -1);
  // Also after a keyring that was refused halfway.
  Buffer sealed = Sealed();
  sealed.pop_back();
  EXPECT_FALSE(other.Open(sealed, root_, kTestVault).ok());
  other.Clear();
  EXPECT_EQ(arena_->free_slots(), before);
}

// A keyring written here, field by field, as its file says: KEKs and token keys
// in each state.
class HandMadeKeyring : public KeyringTest {
 protected:
  Bytes Context(std::string_view label, Bytes row) {
    Encoder encoder{base::MutableBytes(context_)};
    encoder.Text("coffer keyring", 32);
    encoder.Number(uint8_t{1});
    encoder.Fixed(kTestVault);
    encoder.Text(label, 32);
    encoder.Append(row);
    return encoder.written();
  }
  template <typename Tag, size_t N>
  void Box(Encoder& out, const crypto::SecretKey<Tag, N>& key,
           std::string_view label, Bytes row) {
    Buffer box(N + crypto::kBoxExtraBytes);
    COFFER_CHECK(crypto::WrapKey(box, root_, key, Context(label, row)).ok());
    out.Append(row);
    out.Append(box);
  }
  template <typename Key>
  void PlainBox(Encoder& out, std::string_view label) {
    Key key(*arena_);
    crypto::RandomKey(key);
    // Rows of keys that have none: an empty KEK row.
    Buffer row(kKekRowBytes);
    row[16 + 2 + 4] = static_cast<uint8_t>(KeyState::kActive);
    Buffer box(kBoxBytes);
    COFFER_CHECK(crypto::WrapKey(box, root_, key, Context(label, row)).ok());
    out.Append(box);
  }
  Buffer Make(const std::vector<KeyState>& states) {
    Buffer bytes(16 * 1024);
    Encoder out{base::MutableBytes(bytes)};
    out.Number(uint8_t{1});
    PlainBox<crypto::IndexKey>(out, "index key");
    PlainBox<crypto::JournalKey>(out, "journal key");
    PlainBox<crypto::HistoryKey>(out, "history key");
    out.Number(uint16_t{1});
    out.Text("citi", 32);
    out.Number(wire::InstitutionState::kActive);
    out.Number(static_cast<uint16_t>(states.size()));
    uint32_t version = 1;
    for (KeyState state : states) {
      crypto::Kek key(*arena_);
      crypto::RandomKey(key);
      keks.push_back(ShortId(crypto::LocalId(key)));
      Buffer row_bytes(kKekRowBytes);
      Encoder row{base::MutableBytes(row_bytes)};
      row.Fixed(keks.back());
      row.Number(uint16_t{0});
      row.Number(version++);
      row.Number(state);
      row.Flag(false);
      for (int i = 0; i < 4; ++i) row.Number(uint64_t{100});
      if (state == KeyState::kDestroyed) {
        out.Append(row_bytes);
      } else {
        Box(out, key, "kek", row_bytes);
      }
    }
    std::vector<std::pair<SigningUse, KeyState>> rows;
    for (KeyState state : states) rows.push_back({SigningUse::kToken, state});
    for (SigningUse use :
         {SigningUse::kEvidence, SigningUse::kIngest, SigningUse::kAudit}) {
      rows.push_back({use, KeyState::kActive});
    }
    out.Number(static_cast<uint16_t>(rows.size()));
    for (const auto& [use, state] : rows) {
      crypto::SigningKey key(*arena_);
      crypto::GenerateSigningKey(key);
      const crypto::PublicKey public_key = crypto::PublicKeyOf(key);
      signers.push_back(crypto::PublicId(public_key));
      Buffer row_bytes(1 + 4 + 1 + 3 * 8 + 1 + 32);
      Encoder row{base::MutableBytes(row_bytes)};
      const bool has_key = state == KeyState::kActive;
      row.Number(use);
      row.Number(uint32_t{1});
      row.Number(state);
      row.Number(uint64_t{100});
      row.Number(uint64_t{0});
      row.Number(uint64_t{0});
      row.Flag(has_key);
      row.Fixed(public_key);
      if (has_key) {
        Box(out, key, "signing key", row_bytes);
      } else {
        out.Append(row_bytes);
      }
    }
    COFFER_CHECK(!out.failed());
    bytes.resize(out.used());
    return bytes;
  }

  uint8_t context_[256];
  std::vector<KeyId> keks;
  std::vector<crypto::PaserkIdHash> signers;
};

TEST_F(HandMadeKeyring, StatesDecideWhatAKeyMayDo) {
  const struct {
    KeyState state;
    bool seals, opens, verifies;
  } cases[] = {{KeyState::kPreActivation, false, false, false},
               {KeyState::kActive, true, true, true},
               {KeyState::kSuspended, false, false, false},
               {KeyState::kDeactivated, false, true, true},
               {KeyState::kCompromised, false, true, false},
               {KeyState::kDestroyed, false, false, false}};
  std::vector<KeyState> states;
  for (const auto& each : cases) states.push_back(each.state);
  ASSERT_TRUE(keyring_.Open(Make(states), root_, kTestVault).ok());
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(keyring_.KekToOpen(0, keks[i]) != nullptr, cases[i].opens) << i;
    EXPECT_EQ(keyring_.SignerById(SigningUse::kToken, signers[i]) != nullptr,
              cases[i].verifies)
        << i;
    EXPECT_EQ(keyring_.ActiveKek(0)->id == keks[i], cases[i].seals) << i;
  }
}

TEST_F(HandMadeKeyring, WithoutAnActiveKeyNothingIsSealed) {
  keyring_.Destroy(keyring_.kek(0), 200);
  Keyring again(*arena_);
  ASSERT_TRUE(again.Open(Sealed(), root_, kTestVault).ok());
  EXPECT_EQ(again.ActiveKek(0), nullptr);
  EXPECT_NE(again.ActiveKek(1), nullptr);
}

TEST_F(HandMadeKeyring, StateThatIsNoneIsRefused) {
  for (int state : {0, 7, 99, 255}) {
    base::Status opened =
        keyring_.Open(Make({KeyState::kActive, static_cast<KeyState>(state)}),
                      root_, kTestVault);
    ASSERT_FALSE(opened.ok()) << state;
    EXPECT_EQ(opened.error().code, Code::kInvalid) << state;
  }
}

TEST_F(HandMadeKeyring, UseWithoutExactlyOneActiveKeyIsRefused) {
  EXPECT_FALSE(
      keyring_.Open(Make({KeyState::kDeactivated}), root_, kTestVault).ok());
  EXPECT_FALSE(
      keyring_
          .Open(Make({KeyState::kActive, KeyState::kActive}), root_, kTestVault)
          .ok());
}

TEST_F(HandMadeKeyring, RowThatNamesAnotherKeyIsRefused) {
  Buffer row(kKekRowBytes);  // an id of zeros is no key's
  row[16 + 2 + 4] = static_cast<uint8_t>(KeyState::kActive);
  Buffer bytes(4096);
  Encoder out{base::MutableBytes(bytes)};
  out.Number(uint8_t{1});
  PlainBox<crypto::IndexKey>(out, "index key");
  PlainBox<crypto::JournalKey>(out, "journal key");
  PlainBox<crypto::HistoryKey>(out, "history key");
  out.Number(uint16_t{1});
  out.Text("citi", 32);
  out.Number(wire::InstitutionState::kActive);
  out.Number(uint16_t{1});
  crypto::Kek key(*arena_);
  crypto::RandomKey(key);
  Box(out, key, "kek", row);
  out.Number(uint16_t{0});
  bytes.resize(out.used());
  base::Status opened = keyring_.Open(bytes, root_, kTestVault);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace coffer::keeper
