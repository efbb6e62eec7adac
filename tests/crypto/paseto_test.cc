#include "crypto/paseto.h"

#include "crypto/kdf.h"
#include "tests/crypto/test_support.h"

namespace coffer::crypto {
namespace {

using base::AsBytes;
using base::Code;
using base::Result;

constexpr size_t kSizes[] = {0,   1,   2,   3,   31,  32,   33,   250,
                             319, 320, 321, 383, 384, 2000, 16384};

// Both kinds behind one face, so that every test runs over both.
class Paseto : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    RandomKey(local_);
    GenerateSigningKey(signing_);
  }
  bool is_local() const { return GetParam(); }
  size_t TokenSize(size_t payload, size_t footer) const {
    return is_local() ? LocalTokenSize(payload, footer)
                      : PublicTokenSize(payload, footer);
  }
  Result<size_t> Make(MutableBytes out, Bytes payload, Bytes footer = {},
                      Bytes implicit = {}) {
    return is_local() ? EncodeLocal(out, local_, payload, footer, implicit)
                      : SignPublic(out, signing_, payload, footer, implicit);
  }
  Result<size_t> Read(MutableBytes payload, std::string_view token,
                      Bytes footer = {}, Bytes implicit = {}) {
    return is_local() ? DecodeLocal(payload, local_, token, footer, implicit)
                      : VerifyPublic(payload, PublicKeyOf(signing_), token,
                                     footer, implicit);
  }
  std::string Token(Bytes payload, Bytes footer = {}, Bytes implicit = {}) {
    Buffer out(TokenSize(payload.size(), footer.size()) + 1, 0x7e);
    auto size = Make(out, payload, footer, implicit);
    EXPECT_TRUE(size.ok());
    EXPECT_EQ(*size, out.size() - 1);
    EXPECT_EQ(out.back(), 0x7e) << "wrote past its end";
    return std::string(out.begin(), out.end() - 1);
  }
  Code Refusal(std::string_view token, Bytes footer = {}, Bytes implicit = {}) {
    Buffer out(20000);
    const Code code = CodeOf(Read(out, token, footer, implicit));
    EXPECT_TRUE(code == Code{} || AllZero(out)) << "left something behind";
    return code;
  }

  std::unique_ptr<base::SecretArena> arena_ = MakeArena();
  LocalTokenKey local_{*arena_};
  SigningKey signing_{*arena_};
};
INSTANTIATE_TEST_SUITE_P(Kinds, Paseto, testing::Bool(), [](const auto& kind) {
  return kind.param ? "local" : "public";
});

TEST_P(Paseto, EverySizeRoundTripsWithAndWithoutSurroundings) {
  for (size_t size : kSizes) {
    const Buffer payload = Pattern(size);
    for (size_t around : {0, 1, 50, 500}) {
      const Buffer footer = Pattern(around, 2), implicit = Pattern(around, 3);
      const std::string token = Token(payload, footer, implicit);
      Buffer out(size);
      auto read = Read(out, token, footer, implicit);
      ASSERT_TRUE(read.ok()) << size << " " << around;
      ASSERT_EQ(*read, size);
      EXPECT_EQ(out, payload);
    }
  }
}

TEST_P(Paseto, EveryChangedCharacterIsRefused) {
  const Buffer payload = Pattern(100);
  const std::string token = Token(payload, AsBytes("footer"), AsBytes("aud"));
  for (size_t place = 0; place < token.size(); ++place) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = token;
      changed[place] = static_cast<char>(changed[place] ^ (1 << bit));
      EXPECT_NE(Refusal(changed, AsBytes("footer"), AsBytes("aud")), Code{})
          << place;
    }
  }
}

TEST_P(Paseto, EveryTruncationAndATrailingCharacterAreRefused) {
  for (std::string_view footer : {"", "footer"}) {
    const std::string token = Token(Pattern(100), AsBytes(footer));
    for (size_t size = 0; size < token.size(); ++size) {
      EXPECT_NE(Refusal(token.substr(0, size), AsBytes(footer)), Code{});
    }
    for (const char* more : {"A", "AA", "AAA", "AAAA", ".", "=", " ", "\n"}) {
      EXPECT_NE(Refusal(token + more, AsBytes(footer)), Code{}) << more;
    }
    EXPECT_NE(Refusal(token + std::string(1, '\0'), AsBytes(footer)), Code{});
  }
}

TEST_P(Paseto, AnotherKeyIsDenied) {
  const std::string token = Token(Pattern(100));
  RandomKey(local_);
  GenerateSigningKey(signing_);
  EXPECT_EQ(Refusal(token), Code::kDenied);
}

TEST_P(Paseto, AnotherImplicitAssertionIsDenied) {
  const std::string token = Token(Pattern(100), {}, AsBytes("connector"));
  for (const char* other : {"", "connecto", "connector2", "Connector"}) {
    EXPECT_EQ(Refusal(token, {}, AsBytes(other)), Code::kDenied) << other;
  }
}

TEST_P(Paseto, AnotherFooterIsDenied) {
  const std::string token = Token(Pattern(100), AsBytes("footer"));
  for (const char* other : {"", "foote", "footer2", "Footer"}) {
    EXPECT_EQ(Refusal(token, AsBytes(other)), Code::kDenied) << other;
  }
  EXPECT_EQ(Refusal(Token(Pattern(100)), AsBytes("footer")), Code::kDenied);
}

TEST_P(Paseto, AReplacedFooterIsDeniedThoughItIsTheExpectedOne) {
  const std::string token = Token(Pattern(100), AsBytes("footer"));
  const std::string body = token.substr(0, token.rfind('.') + 1);
  EXPECT_EQ(Refusal(body + base::EncodeBase64Url(AsBytes("Footer")),
                    AsBytes("Footer")),
            Code::kDenied);
}

TEST_P(Paseto, BytesDoNotMoveBetweenPayloadFooterAndAssertion) {
  const std::string token = Token(Pattern(100), AsBytes("ab"), AsBytes("cd"));
  const std::string body = token.substr(0, token.rfind('.'));
  EXPECT_EQ(Refusal(body + "." + base::EncodeBase64Url(AsBytes("abc")),
                    AsBytes("abc"), AsBytes("d")),
            Code::kDenied);
  EXPECT_EQ(Refusal(body, {}, AsBytes("abcd")), Code::kDenied);
}

TEST_P(Paseto, ATokenOfTheOtherKindOrVersionIsInvalid) {
  const std::string token = Token(Pattern(100));
  const std::string body = token.substr(token.rfind('.') + 1);
  for (const char* header :
       {"", "v3.local.", "v4.local", "v4.Local.", "V4.local.", "v4.secret.",
        "v4..", "v4.", "k4.local.", "v3.public.", " v4.local.", "v40.local."}) {
    EXPECT_EQ(Refusal(header + body), Code::kInvalid) << header;
  }
  const char* other = is_local() ? "v4.public." : "v4.local.";
  EXPECT_EQ(Refusal(other + body), Code::kInvalid);
}

TEST_P(Paseto, ANonCanonicalEncodingIsInvalid) {
  // 65 and 66 bytes of body end in a character with 4 and 2 spare bits.
  for (size_t size : {1, 2}) {
    std::string token = Token(Pattern(size));
    std::string same = token;
    int taken = 0;
    for (char last : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijk"
                                      "lmnopqrstuvwxyz0123456789-_")) {
      token.back() = last;
      taken += Refusal(token) == Code{};
    }
    EXPECT_EQ(taken, 1);
    // The footer, too.
    same = Token(Pattern(3), Pattern(size));
    taken = 0;
    for (char last : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijk"
                                      "lmnopqrstuvwxyz0123456789-_")) {
      same.back() = last;
      taken += Refusal(same, Pattern(size)) == Code{};
    }
    EXPECT_EQ(taken, 1);
  }
}

TEST_P(Paseto, AnEmptyOrSecondFooterIsInvalid) {
  EXPECT_EQ(Refusal(Token(Pattern(9)) + "."), Code::kInvalid);
  EXPECT_EQ(Refusal(Token(Pattern(9), AsBytes("f")) + ".", AsBytes("f")),
            Code::kInvalid);
  EXPECT_EQ(Refusal(Token(Pattern(9), AsBytes("f")) + ".Zg", AsBytes("f")),
            Code::kInvalid);
}

TEST_P(Paseto, APayloadThatDoesNotFitIsInvalid) {
  const std::string token = Token(Pattern(100));
  for (size_t room = 0; room < 100; ++room) {
    Buffer out(room);
    EXPECT_EQ(CodeOf(Read(out, token)), Code::kInvalid);
  }
}

TEST_P(Paseto, TooLittleRoomForTheTokenIsTooLargeAndNothingIsWritten) {
  const size_t size = TokenSize(100, 6);
  for (size_t room = 0; room < size; ++room) {
    Buffer out(room);
    EXPECT_EQ(CodeOf(Make(out, Pattern(100), AsBytes("footer"))),
              Code::kTooLarge);
    EXPECT_TRUE(AllZero(out));
  }
}

TEST_P(Paseto, ThirtyTwoKibibytesWorkAndWhatPassesTheBoundIsRefused) {
  const Buffer payload = Pattern(32 * 1024);
  const std::string token = Token(payload);
  Buffer out(payload.size());
  ASSERT_TRUE(Read(out, token).ok());
  EXPECT_EQ(out, payload);
  Buffer room(200000);
  EXPECT_EQ(CodeOf(Make(room, Pattern(37000))), Code::kTooLarge);
  EXPECT_EQ(CodeOf(Make(room, {}, Pattern(50000))), Code::kTooLarge);
  const std::string long_token =
      token.substr(0, 10) + std::string(kPasetoTextBytesMax, 'A');
  Buffer much(50000);
  EXPECT_EQ(CodeOf(Read(much, long_token)), Code::kInvalid);
}

TEST_P(Paseto, TheFooterCanBeReadBeforeTheKeyIsKnown) {
  Buffer out(100);
  auto size = PeekFooter(out, Token(Pattern(9), AsBytes("{\"kid\":\"x\"}")));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(base::AsText(Bytes(out).first(*size)), "{\"kid\":\"x\"}");
  size = PeekFooter(out, Token(Pattern(9)));
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(*size, 0u);
  const std::string token = Token(Pattern(9));
  for (const char* bad : {".", ".A", ".Zh", ".Zg.", ".Zg.Zg", ".Zg=", ".+w"}) {
    EXPECT_EQ(CodeOf(PeekFooter(out, token + bad)), Code::kInvalid) << bad;
  }
  EXPECT_EQ(CodeOf(PeekFooter(out, "v3.local.AA.Zg")), Code::kInvalid);
  EXPECT_EQ(CodeOf(PeekFooter(out, Token(Pattern(9), Pattern(101)))),
            Code::kInvalid);
}

TEST(PasetoLocal, TheSamePayloadNeverGivesTheSameToken) {
  auto arena = MakeArena();
  LocalTokenKey key(*arena);
  RandomKey(key);
  Buffer one(LocalTokenSize(10, 0)), two(one.size());
  ASSERT_TRUE(EncodeLocal(one, key, Pattern(10), {}, {}).ok());
  ASSERT_TRUE(EncodeLocal(two, key, Pattern(10), {}, {}).ok());
  // Differs from the nonce on, not only in the tag.
  EXPECT_FALSE(
      base::Equal(Bytes(one).subspan(9, 40), Bytes(two).subspan(9, 40)));
}

TEST(PasetoPublic, AssertionAndPayloadTogetherAreBounded) {
  auto arena = MakeArena();
  SigningKey key(*arena);
  GenerateSigningKey(key);
  Buffer out(100000);
  const Buffer most = Pattern(kSignedBytesMax - 10);
  EXPECT_TRUE(SignPublic(out, key, Pattern(5), Pattern(5), most).ok());
  EXPECT_EQ(CodeOf(SignPublic(out, key, Pattern(6), Pattern(5), most)),
            Code::kTooLarge);
  EXPECT_EQ(CodeOf(SignPublic(out, key, Pattern(5), Pattern(6), most)),
            Code::kTooLarge);
  auto size = SignPublic(out, key, Pattern(5), {}, {});
  Buffer payload(100);
  EXPECT_EQ(CodeOf(VerifyPublic(payload, PublicKeyOf(key),
                                base::AsText(Bytes(out).first(*size)), {},
                                Pattern(kSignedBytesMax - 4))),
            Code::kInvalid);
}

}  // namespace
}  // namespace coffer::crypto
