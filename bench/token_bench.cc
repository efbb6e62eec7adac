// Tokens: v4.local and v4.public at the sizes the vault makes, and the parts a
// v4.local token cannot do without.
// links: coffer_crypto
#include <benchmark/benchmark.h>

#include <vector>

#include "crypto/base64.h"
#include "crypto/kdf.h"
#include "crypto/paseto.h"
#include "crypto/random.h"

namespace coffer::crypto {
namespace {

using Buffer = std::vector<uint8_t>;

constexpr std::string_view kFooter =
    R"({"kid":"k4.lid.iVtYQDjr5gEijCSjJC3fQaJm7nCeQSeaty0Jixy8dbsk"})";
constexpr std::string_view kAudience = "connector";

struct Bench {
  Bench() {
    COFFER_CHECK(Initialise().ok());
    auto made = base::SecretArena::Create(8);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    local = LocalTokenKey(*arena);
    signing = SigningKey(*arena);
    RandomKey(local);
    GenerateSigningKey(signing);
  }
  std::unique_ptr<base::SecretArena> arena;
  LocalTokenKey local;
  SigningKey signing;
  Buffer payload = Buffer(40000, 'p');
  Buffer token = Buffer(60000);
  Buffer out = Buffer(60000);
};

void LocalEncode(benchmark::State& state) {
  Bench bench;
  const Bytes payload =
      Bytes(bench.payload).first(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    auto size = EncodeLocal(bench.token, bench.local, payload,
                            base::AsBytes(kFooter), base::AsBytes(kAudience));
    benchmark::DoNotOptimize(size.value());
  }
}
BENCHMARK(LocalEncode)->Arg(250)->Arg(2000)->Arg(16384);

void LocalDecode(benchmark::State& state) {
  Bench bench;
  const Bytes payload =
      Bytes(bench.payload).first(static_cast<size_t>(state.range(0)));
  const auto size =
      EncodeLocal(bench.token, bench.local, payload, base::AsBytes(kFooter),
                  base::AsBytes(kAudience));
  const std::string_view token = base::AsText(Bytes(bench.token).first(*size));
  for (auto _ : state) {
    auto read = DecodeLocal(bench.out, bench.local, token,
                            base::AsBytes(kFooter), base::AsBytes(kAudience));
    benchmark::DoNotOptimize(read.value());
  }
}
BENCHMARK(LocalDecode)->Arg(250)->Arg(2000)->Arg(16384);

void PublicSign(benchmark::State& state) {
  Bench bench;
  const Bytes payload = Bytes(bench.payload).first(250);
  for (auto _ : state) {
    auto size = SignPublic(bench.token, bench.signing, payload,
                           base::AsBytes(kFooter), base::AsBytes(kAudience));
    benchmark::DoNotOptimize(size.value());
  }
}
BENCHMARK(PublicSign);

void PublicVerify(benchmark::State& state) {
  Bench bench;
  const PublicKey key = PublicKeyOf(bench.signing);
  const auto size =
      SignPublic(bench.token, bench.signing, Bytes(bench.payload).first(250),
                 base::AsBytes(kFooter), base::AsBytes(kAudience));
  const std::string_view token = base::AsText(Bytes(bench.token).first(*size));
  for (auto _ : state) {
    auto read = VerifyPublic(bench.out, key, token, base::AsBytes(kFooter),
                             base::AsBytes(kAudience));
    benchmark::DoNotOptimize(read.value());
  }
}
BENCHMARK(PublicVerify);

void Seal(benchmark::State& state) {
  Bench bench;
  const PublicKey to = PublicKeyOf(bench.signing);
  SealedKey sealed;
  for (auto _ : state) {
    benchmark::DoNotOptimize(SealKey(sealed, bench.local, to).ok());
  }
}
BENCHMARK(Seal);

void Unseal(benchmark::State& state) {
  Bench bench;
  SealedKey sealed;
  COFFER_CHECK(SealKey(sealed, bench.local, PublicKeyOf(bench.signing)).ok());
  LocalTokenKey key(*bench.arena);
  for (auto _ : state) {
    benchmark::DoNotOptimize(UnsealKey(key, sealed, bench.signing).ok());
  }
}
BENCHMARK(Unseal);

// --- Parts ------------------------------------------------------------------
void Base64Encode(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) {
    EncodeBase64(bench.token.data(), Bytes(bench.payload).first(314));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(Base64Encode);

void Base64Decode(benchmark::State& state) {
  Bench bench;
  const std::string text =
      base::EncodeBase64Url(Bytes(bench.payload).first(314));
  const MutableBytes out = MutableBytes(bench.out).first(314);
  for (auto _ : state) {
    benchmark::DoNotOptimize(DecodeBase64({out}, text).ok());
  }
}
BENCHMARK(Base64Decode);

void Random32(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) {
    Random(MutableBytes(bench.out).first(32));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(Random32);

}  // namespace
}  // namespace coffer::crypto
