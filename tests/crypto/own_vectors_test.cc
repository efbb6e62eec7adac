// The committed vectors of tests/vectors, made by an independent
// implementation (make_vectors.py there).
#include "crypto/base64.h"
#include "crypto/paseto.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using boost::json::object;

const std::string kFolder = COFFER_OWN_VECTORS;

class OwnVectors : public testing::Test {
 protected:
  SigningKey FromSeed(Bytes seed) {
    SigningKey key(*arena_);
    SigningKeyFromSeedRaw(SecretKeyBytes::Mutable(key), seed);
    return key;
  }
  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
};

TEST_F(OwnVectors, TokensOfAnIndependentImplementationAreOursByteForByte) {
  const auto file = ReadJson(kFolder + "/paseto.json");
  size_t good = 0;
  const auto& tests = file.at("tests").as_array();
  for (const auto& value : tests) {
    const object& test = value.as_object();
    const std::string token = Text(test, "token");
    const Buffer payload = HexMember(test, "payload");
    const Buffer footer = HexMember(test, "footer");
    const Buffer implicit = HexMember(test, "implicit_assertion");
    Buffer made(token.size()), read(payload.size());
    base::Result<size_t> size = size_t{0};
    if (test.contains("nonce")) {
      const Buffer key = HexMember(test, "key");
      size = EncodeLocalRaw(made, key, HexMember(test, "nonce"), payload,
                            footer, implicit);
      ASSERT_TRUE(DecodeLocalRaw(read, key, token, footer, implicit).ok());
    } else {
      const SigningKey key = FromSeed(HexMember(test, "seed"));
      const PublicKey named = ToArray<32>(HexMember(test, "public_key"));
      EXPECT_EQ(PublicKeyOf(key), named);
      size = SignPublic(made, key, payload, footer, implicit);
      ASSERT_TRUE(VerifyPublic(read, named, token, footer, implicit).ok());
    }
    ASSERT_TRUE(size.ok());
    EXPECT_EQ(base::AsText(made), token) << Text(test, "name");
    EXPECT_EQ(read, payload);
    good += base::AsText(made) == token && read == payload;
  }
  std::printf("own PASETO vectors: %zu of %zu\n", good, tests.size());
  EXPECT_EQ(good, 80u);
}

TEST_F(OwnVectors, IdsAndPublicKeysAreOurs) {
  const auto file = ReadJson(kFolder + "/paserk.json");
  size_t good = 0;
  for (const auto& value : file.at("local").as_array()) {
    char text[kPaserkIdTextBytes];
    FormatLocalId(text, LocalIdRaw(HexMember(value.as_object(), "key")));
    good +=
        Text(value.as_object(), "lid") == std::string_view(text, sizeof text);
  }
  for (const auto& value : file.at("public").as_array()) {
    const object& test = value.as_object();
    const PublicKey key = ToArray<32>(HexMember(test, "key"));
    EXPECT_EQ(PublicKeyOf(FromSeed(HexMember(test, "seed"))), key);
    char id[kPaserkIdTextBytes], text[kPaserkPublicTextBytes];
    FormatPublicId(id, PublicId(key));
    FormatPublicKey(text, key);
    good += Text(test, "pid") == std::string_view(id, sizeof id);
    good += Text(test, "public") == std::string_view(text, sizeof text);
  }
  std::printf("own PASERK ids and keys: %zu of 24\n", good);
  EXPECT_EQ(good, 24u);
}

TEST_F(OwnVectors, KeysSealedByAnIndependentImplementationOpen) {
  const auto file = ReadJson(kFolder + "/paserk.json");
  size_t good = 0;
  for (const auto& value : file.at("seal").as_array()) {
    const object& test = value.as_object();
    const std::string text = Text(test, "text");
    SealedKey sealed;
    ASSERT_EQ(text.substr(0, 8), "k4.seal.");
    ASSERT_TRUE(DecodeBase64({sealed}, text.substr(8)).ok());
    const SigningKey receiver = FromSeed(HexMember(test, "seed"));
    EXPECT_EQ(PublicKeyOf(receiver),
              ToArray<32>(HexMember(test, "public_key")));
    Buffer key(32);
    ASSERT_TRUE(UnsealKeyRaw(key, sealed, receiver).ok());
    EXPECT_EQ(key, HexMember(test, "key"));
    good += key == HexMember(test, "key");
  }
  std::printf("own PASERK seals: %zu of 8\n", good);
  EXPECT_EQ(good, 8u);
}

}  // namespace
}  // namespace coffer::crypto
