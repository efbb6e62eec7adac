// Published known answers, read from where COFFER_VECTORS points. Skipped, and
// saying so, where there are none.
#include <algorithm>

#include "crypto/aead.h"
#include "crypto/base64.h"
#include "crypto/ed25519.h"
#include "crypto/paseto.h"
#include "crypto/x25519.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using boost::json::object;

class PublishedVectors : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = PublishedVectors_();
    if (!folder) GTEST_SKIP() << "skipped: no vectors";
    folder_ = *folder;
  }
  static std::optional<std::string> PublishedVectors_() {
    return crypto::PublishedVectors();
  }
  boost::json::array Tests(const std::string& path) {
    return ReadJson(folder_ + path).at("tests").as_array();
  }
  // Wycheproof keeps its tests in groups.
  boost::json::array Groups(const std::string& path) {
    return ReadJson(folder_ + path).at("testGroups").as_array();
  }
  SigningKey KeyPair(Bytes both) { return KeyOf<SigningKey>(*arena_, both); }

  std::string folder_;
  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
};

std::string Name(const object& test) {
  return test.contains("name")
             ? Text(test, "name")
             : "tcId " + std::to_string(test.at("tcId").as_int64());
}

bool Matches(const base::Result<size_t>& size, Bytes out, Bytes expected) {
  return size.ok() && *size == expected.size() &&
         base::Equal(out.first(*size), expected);
}

TEST_F(PublishedVectors, PasetoVersion4) {
  size_t good = 0;
  const auto tests = Tests("/v4.json");
  for (const auto& value : tests) {
    const object& test = value.as_object();
    const std::string token = Text(test, "token");
    const std::string payload = Text(test, "payload");
    const Bytes expected = base::AsBytes(payload);
    const std::string footer_text = Text(test, "footer");
    const std::string implicit_text = Text(test, "implicit-assertion");
    const Bytes footer = base::AsBytes(footer_text);
    const Bytes implicit = base::AsBytes(implicit_text);
    const bool must_fail = test.at("expect-fail").as_bool();
    const bool is_local = test.contains("key");
    Buffer read(2000), made(2000);
    const auto size =
        is_local
            ? DecodeLocalRaw(read, HexMember(test, "key"), token, footer,
                             implicit)
            : VerifyPublic(read, ToArray<32>(HexMember(test, "public-key")),
                           token, footer, implicit);
    bool as_told = must_fail ? !size.ok() : Matches(size, read, expected);
    if (!must_fail) {
      const auto written =
          is_local ? EncodeLocalRaw(made, HexMember(test, "key"),
                                    HexMember(test, "nonce"), expected, footer,
                                    implicit)
                   : SignPublic(made, KeyPair(HexMember(test, "secret-key")),
                                expected, footer, implicit);
      as_told = as_told && Matches(written, made, base::AsBytes(token));
    }
    EXPECT_TRUE(as_told) << Name(test);
    good += as_told;
  }
  std::printf("PASETO v4: %zu of %zu\n", good, tests.size());
  EXPECT_EQ(good, 17u);
}

// Keys of another length have no type here; a test that wants such a key
// refused holds when it cannot be a key at all.
TEST_F(PublishedVectors, PaserkIdsAndPublicKeys) {
  size_t good = 0;
  size_t all = 0;
  for (const char* kind : {"lid", "pid", "public"}) {
    const auto tests = Tests(std::string("/PASERK/k4.") + kind + ".json");
    for (const auto& value : tests) {
      const object& test = value.as_object();
      const Buffer key = HexMember(test, "key");
      ++all;
      if (test.at("expect-fail").as_bool()) {
        good += key.size() != PublicKey{}.size();
        continue;
      }
      char text[kPaserkPublicTextBytes];
      size_t size = kPaserkIdTextBytes;
      const PublicKey raw = ToArray<32>(key);
      bool parsed = true;
      if (std::string_view(kind) == "lid") {
        FormatLocalId(text, LocalIdRaw(key));
      } else if (std::string_view(kind) == "pid") {
        FormatPublicId(text, PublicId(raw));
      } else {
        FormatPublicKey(text, raw);
        size = kPaserkPublicTextBytes;
        const auto back = ParsePublicKey(Text(test, "paserk"));
        parsed = back.ok() && *back == raw;
      }
      const bool as_told =
          parsed && Text(test, "paserk") == std::string_view(text, size);
      EXPECT_TRUE(as_told) << Name(test);
      good += as_told;
    }
  }
  std::printf("PASERK k4.lid, k4.pid, k4.public: %zu of %zu\n", good, all);
  EXPECT_EQ(good, all);
  EXPECT_EQ(all, 13u);
}

TEST_F(PublishedVectors, PaserkSeal) {
  size_t good = 0;
  const auto tests = Tests("/PASERK/k4.seal.json");
  for (const auto& value : tests) {
    const object& test = value.as_object();
    const SigningKey receiver = KeyPair(HexMember(test, "sealing-secret-key"));
    const std::string text = Text(test, "paserk");
    SealedKey sealed;
    Buffer key(32);
    const bool opened = text.substr(0, 8) == "k4.seal." &&
                        DecodeBase64({sealed}, text.substr(8)).ok() &&
                        UnsealKeyRaw(key, sealed, receiver).ok();
    const bool as_told = test.at("expect-fail").as_bool()
                             ? !opened
                             : opened && key == HexMember(test, "unsealed");
    EXPECT_TRUE(as_told) << Name(test);
    good += as_told;
  }
  std::printf("PASERK k4.seal: %zu of %zu\n", good, tests.size());
  EXPECT_EQ(good, 4u);
}

TEST_F(PublishedVectors, WycheproofXChaCha20Poly1305) {
  size_t good = 0, all = 0, refused = 0, other_nonces = 0;
  for (const auto& group : Groups("/wycheproof/xchacha20_poly1305_test.json")) {
    for (const auto& value : group.at("tests").as_array()) {
      const object& test = value.as_object();
      Buffer box = HexMember(test, "iv");
      const bool other_nonce = box.size() != 24;
      for (const char* part : {"ct", "tag"}) {
        const Buffer bytes = HexMember(test, part);
        box.insert(box.end(), bytes.begin(), bytes.end());
      }
      const Buffer text = HexMember(test, "msg");
      const Buffer data = HexMember(test, "aad");
      Buffer out(box.size());
      const auto size = OpenBoxRaw(out, HexMember(test, "key"), box, data);
      if (other_nonce) {
        ++other_nonces;
        refused += !size.ok();
        EXPECT_FALSE(size.ok()) << Name(test);
        continue;
      }
      const bool valid = Text(test, "result") == "valid";
      const bool as_told = valid ? Matches(size, out, text) : !size.ok();
      EXPECT_TRUE(as_told) << Name(test);
      ++all;
      good += as_told;
    }
  }
  std::printf(
      "Wycheproof XChaCha20-Poly1305: %zu of %zu, and %zu of %zu with another "
      "nonce size refused\n",
      good, all, refused, other_nonces);
  EXPECT_EQ(good, 306u);
  EXPECT_EQ(refused, 9u);
}

TEST_F(PublishedVectors, WycheproofEd25519) {
  size_t good = 0, all = 0;
  for (const auto& group : Groups("/wycheproof/ed25519_test.json")) {
    const PublicKey key =
        ToArray<32>(HexMember(group.at("publicKey").as_object(), "pk"));
    for (const auto& value : group.at("tests").as_array()) {
      const object& test = value.as_object();
      const bool valid =
          SignatureValid(HexMember(test, "sig"), key, HexMember(test, "msg"));
      const bool as_told = valid == (Text(test, "result") == "valid");
      EXPECT_TRUE(as_told) << Name(test);
      ++all;
      good += as_told;
    }
  }
  std::printf("Wycheproof Ed25519: %zu of %zu\n", good, all);
  EXPECT_EQ(good, 151u);
}

TEST_F(PublishedVectors, WycheproofX25519) {
  size_t good = 0, all = 0, zero = 0;
  for (const auto& group : Groups("/wycheproof/x25519_test.json")) {
    for (const auto& value : group.at("tests").as_array()) {
      const object& test = value.as_object();
      const Buffer expected = HexMember(test, "shared");
      ByteArray<32> shared;
      const auto status =
          X25519(shared, HexMember(test, "private"), HexMember(test, "public"));
      const bool all_zero = AllZero(expected);
      const bool as_told = all_zero
                               ? CodeOf(status) == base::Code::kDenied
                               : status.ok() && base::Equal(shared, expected);
      EXPECT_TRUE(as_told) << Name(test);
      ++all;
      zero += all_zero;
      good += as_told;
    }
  }
  std::printf(
      "Wycheproof X25519: %zu of %zu, of them %zu all-zero secrets refused\n",
      good, all, zero);
  EXPECT_EQ(good, 518u);
  EXPECT_GT(zero, 0u);
}

// Why keys are looked up by an id that commits to the key, and never tried:
// one box, two keys, two plaintexts.
TEST_F(PublishedVectors, ABoxThatOpensUnderTwoKeysIsToldApartByTheirIds) {
  const auto file = ReadJson(folder_ + "/salamander.json");
  const object& test = file.as_object();
  Buffer box = HexMember(test, "nonce");
  for (const char* part : {"ct", "tag"}) {
    const Buffer bytes = HexMember(test, part);
    box.insert(box.end(), bytes.begin(), bytes.end());
  }
  const Buffer one = HexMember(test, "k1"), two = HexMember(test, "k2");
  const Buffer data = HexMember(test, "ad");
  Buffer first(100), second(100);
  const auto first_size = OpenBoxRaw(first, one, box, data);
  const auto second_size = OpenBoxRaw(second, two, box, data);
  ASSERT_TRUE(first_size.ok() && second_size.ok());
  EXPECT_NE(first, second);
  // A keyring that holds only the second key has nothing by the first's id.
  EXPECT_NE(LocalIdRaw(one), LocalIdRaw(two));
  std::printf("salamander: opens under both keys, ids differ\n");
}

}  // namespace
}  // namespace coffer::crypto
