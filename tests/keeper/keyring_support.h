// Keys for tests of what is sealed under them: an arena and a keyring of two
// institutions.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "crypto/kdf.h"
#include "vault/keeper/keyring.h"

namespace coffer::keeper {

using Buffer = std::vector<uint8_t>;

inline constexpr wire::ByteArray<16> kTestVault = {9, 8, 7};

class KeyringTest : public testing::Test {
 protected:
  KeyringTest()
      : arena_(MakeArena()), keyring_(*arena_), root_(MakeRoot(*arena_)) {
    keyring_.Generate(100);
    for (const char* name : {"citi", "jpmorgan"}) {
      COFFER_CHECK(keyring_.EnsureInstitution(name, 100).ok());
    }
  }
  static std::unique_ptr<base::SecretArena> MakeArena() {
    COFFER_CHECK(crypto::Initialise().ok());
    auto arena = base::SecretArena::Create(128);
    COFFER_CHECK(arena.ok());
    return std::move(arena).value();
  }
  static crypto::RootKey MakeRoot(base::SecretArena& arena) {
    crypto::RootKey root(arena);
    crypto::RandomKey(root);
    return root;
  }
  Buffer Sealed() const {
    Buffer bytes(64 * 1024);
    auto size = keyring_.Seal(bytes, root_, kTestVault);
    COFFER_CHECK(size.ok());
    bytes.resize(*size);
    return bytes;
  }

  std::unique_ptr<base::SecretArena> arena_;
  Keyring keyring_;
  crypto::RootKey root_;
};

}  // namespace coffer::keeper
