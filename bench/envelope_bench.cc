// The envelope: boxes, wrapped keys and keyed hashes, as every record needs
// them.
// links: coffer_crypto
#include <benchmark/benchmark.h>

#include <vector>

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/paserk.h"
#include "crypto/random.h"

namespace coffer::crypto {
namespace {

using Buffer = std::vector<uint8_t>;

struct Bench {
  Bench() {
    COFFER_CHECK(Initialise().ok());
    auto made = base::SecretArena::Create(8);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    kek = Kek(*arena);
    next_kek = Kek(*arena);
    dek = Dek(*arena);
    RandomKey(kek);
    RandomKey(next_kek);
    RandomKey(dek);
  }
  std::unique_ptr<base::SecretArena> arena;
  Kek kek;
  Kek next_kek;
  Dek dek;
  Buffer data = Buffer(120, 'a');  // about what a record is bound to
  Buffer text = Buffer(20000, 't');
  Buffer box = Buffer(20000 + kBoxExtraBytes);
  Buffer out = Buffer(20000);
};

void BoxSeal(benchmark::State& state) {
  Bench bench;
  const Bytes text =
      Bytes(bench.text).first(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    auto size = SealBox(bench.box, bench.dek, text, bench.data);
    benchmark::DoNotOptimize(size.value());
  }
}
BENCHMARK(BoxSeal)->Arg(32)->Arg(300)->Arg(16384);

void BoxOpen(benchmark::State& state) {
  Bench bench;
  const auto size = SealBox(
      bench.box, bench.dek,
      Bytes(bench.text).first(static_cast<size_t>(state.range(0))), bench.data);
  const Bytes box = Bytes(bench.box).first(*size);
  for (auto _ : state) {
    auto opened = OpenBox(bench.out, bench.dek, box, bench.data);
    benchmark::DoNotOptimize(opened.value());
  }
}
BENCHMARK(BoxOpen)->Arg(32)->Arg(300)->Arg(16384);

void Wrap(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) {
    auto size = WrapKey(bench.box, bench.kek, bench.dek, bench.data);
    benchmark::DoNotOptimize(size.value());
  }
}
BENCHMARK(Wrap);

void Unwrap(benchmark::State& state) {
  Bench bench;
  const auto size = WrapKey(bench.box, bench.kek, bench.dek, bench.data);
  const Bytes box = Bytes(bench.box).first(*size);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        UnwrapKey(bench.dek, bench.kek, box, bench.data).ok());
  }
}
BENCHMARK(Unwrap);

// One link of a rotation.
void Rewrap(benchmark::State& state) {
  Bench bench;
  Buffer wrap(32 + kBoxExtraBytes);
  COFFER_CHECK(WrapKey(wrap, bench.kek, bench.dek, bench.data).ok());
  for (auto _ : state) {
    COFFER_CHECK(UnwrapKey(bench.dek, bench.kek, wrap, bench.data).ok());
    auto size = WrapKey(bench.box, bench.next_kek, bench.dek, bench.data);
    benchmark::DoNotOptimize(size.value());
  }
}
BENCHMARK(Rewrap);

void KeyedHash16(benchmark::State& state) {
  Bench bench;
  ByteArray<16> out;
  const Bytes subject = base::AsBytes("cust-7731");
  for (auto _ : state) {
    KeyedHash(out, bench.dek, "coffer subject", {subject});
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(KeyedHash16);

void KeyId(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) benchmark::DoNotOptimize(LocalId(bench.kek));
}
BENCHMARK(KeyId);

}  // namespace
}  // namespace coffer::crypto
