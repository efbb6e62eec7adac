#include "crypto/passphrase.h"

#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using base::Code;

PassphraseParameters Lowest() {
  PassphraseParameters parameters;
  parameters.memory_bytes = kPassphraseMemoryMin;
  parameters.passes = kPassphrasePassesMin;
  parameters.salt = {1, 2, 3};
  return parameters;
}

Buffer Secret(std::string_view passphrase, const PassphraseParameters& with) {
  Buffer secret(32);
  EXPECT_TRUE(
      SecretFromPassphrase(secret, base::AsBytes(passphrase), with).ok());
  return secret;
}

TEST(Passphrase, TheSecretDependsOnPassphraseSaltAndParameters) {
  const Buffer secret = Secret("correct horse", Lowest());
  EXPECT_FALSE(AllZero(secret));
  EXPECT_EQ(Secret("correct horse", Lowest()), secret);
  EXPECT_NE(Secret("correct Horse", Lowest()), secret);
  PassphraseParameters other = Lowest();
  other.salt[15] = 1;
  EXPECT_NE(Secret("correct horse", other), secret);
  other = Lowest();
  other.passes += 1;
  EXPECT_NE(Secret("correct horse", other), secret);
  other = Lowest();
  other.memory_bytes += 1 << 20;
  EXPECT_NE(Secret("correct horse", other), secret);
}

TEST(Passphrase, ParametersOutOfBoundsAreRefusedBeforeAnyWork) {
  ByteArray<32> secret;
  const auto refused = [&](uint64_t memory, uint32_t passes) {
    PassphraseParameters parameters;
    parameters.memory_bytes = memory;
    parameters.passes = passes;
    return CodeOf(
        SecretFromPassphrase(secret, base::AsBytes("long enough"), parameters));
  };
  EXPECT_EQ(refused(kPassphraseMemoryMin - 1, 2), Code::kInvalid);
  EXPECT_EQ(refused(0, 2), Code::kInvalid);
  EXPECT_EQ(refused(kPassphraseMemoryMax + 1, 2), Code::kInvalid);
  EXPECT_EQ(refused(~uint64_t{0}, 2), Code::kInvalid);
  EXPECT_EQ(refused(kPassphraseMemoryMin, 1), Code::kInvalid);
  EXPECT_EQ(refused(kPassphraseMemoryMin, 0), Code::kInvalid);
  EXPECT_EQ(refused(kPassphraseMemoryMin, kPassphrasePassesMax + 1),
            Code::kInvalid);
  EXPECT_EQ(refused(kPassphraseMemoryMin, ~uint32_t{0}), Code::kInvalid);
}

TEST(Passphrase, HasEightToAThousandAndTwentyFourBytes) {
  ByteArray<32> secret;
  for (size_t size : {size_t{0}, kPassphraseBytesMin - 1,
                      kPassphraseBytesMax + 1, size_t{100000}}) {
    EXPECT_EQ(CodeOf(SecretFromPassphrase(secret, Pattern(size), Lowest())),
              Code::kInvalid)
        << size;
  }
  EXPECT_TRUE(
      SecretFromPassphrase(secret, Pattern(kPassphraseBytesMin), Lowest())
          .ok());
  EXPECT_TRUE(
      SecretFromPassphrase(secret, Pattern(kPassphraseBytesMax), Lowest())
          .ok());
}

}  // namespace
}  // namespace coffer::crypto
