// Under valgrind's memcheck, with the secret and the shares' values marked as
// undefined: a branch or an index that depends on them is an error that
// memcheck counts. Exit code 0: splitting and combining have none, and the
// controls, which have one each, were told. 77: not under valgrind.
#include <valgrind/memcheck.h>

#include <cstdio>

#include "crypto/gf256.h"
#include "crypto/random.h"
#include "crypto/shamir.h"

namespace coffer::crypto {
namespace {

constexpr uint8_t kCount = 5;
constexpr uint8_t kThreshold = 3;
const ShareSetId kSet{1, 2, 3};

// For the controls: arithmetic as one would write it without care.
uint8_t MultiplyWithBranches(uint8_t a, uint8_t b) {
  unsigned power = a;
  unsigned product = 0;
  for (int i = 0; i < 8; ++i) {
    if ((b >> i & 1) != 0) {
      product ^= power;
      asm volatile("" : "+r"(product));
    }
    power <<= 1;
    if (power > 255) power ^= 0x11b;
  }
  return static_cast<uint8_t>(product);
}
uint8_t LookUp(uint8_t a) {
  static uint8_t table[256];
  asm volatile("" : : "r"(table) : "memory");
  return table[a];
}

template <typename Run>
unsigned Errors(Run run) {
  const unsigned before = VALGRIND_COUNT_ERRORS;
  run();
  return VALGRIND_COUNT_ERRORS - before;
}

// The value's bytes only: all else of a share is public.
void HideValues(uint8_t* shares) {
  for (size_t i = 0; i < kCount; ++i) {
    VALGRIND_MAKE_MEM_UNDEFINED(shares + i * kShareBytes + 11, 32);
  }
}

int Run() {
  if (RUNNING_ON_VALGRIND == 0) {
    std::puts("skipped: not under valgrind");
    return 77;
  }
  uint8_t secret[32] = {1, 2, 3};
  uint8_t coefficients[(kThreshold - 1) * 32] = {4, 5, 6};
  uint8_t shares[kCount * kShareBytes] = {};
  const unsigned splitting = Errors([&] {
    VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    VALGRIND_MAKE_MEM_UNDEFINED(coefficients, sizeof coefficients);
    SplitSecretWith(shares, secret, coefficients, kSet, kThreshold);
  });
  VALGRIND_MAKE_MEM_DEFINED(secret, sizeof secret);
  VALGRIND_MAKE_MEM_DEFINED(shares, sizeof shares);
  uint8_t combined[32];
  const unsigned combining = Errors([&] {
    HideValues(shares);
    const Bytes three[] = {{shares, kShareBytes},
                           {shares + 2 * kShareBytes, kShareBytes},
                           {shares + 4 * kShareBytes, kShareBytes}};
    if (!CombineShares(combined, three).ok()) std::puts("refused");
  });
  VALGRIND_MAKE_MEM_DEFINED(shares, sizeof shares);
  VALGRIND_MAKE_MEM_DEFINED(combined, sizeof combined);
  uint8_t text[kShareTextBytes];
  const unsigned writing = Errors([&] {
    HideValues(shares);
    FormatShare(text, {shares, kShareBytes});
  });
  const unsigned branches = Errors([&] {
    VALGRIND_MAKE_MEM_UNDEFINED(secret, 1);
    secret[1] = MultiplyWithBranches(3, secret[0]);
  });
  const unsigned indices = Errors([&] {
    VALGRIND_MAKE_MEM_UNDEFINED(secret, 1);
    secret[1] = LookUp(secret[0]);
  });
  std::printf("split %u, combine %u, text %u; controls: branch %u, index %u\n",
              splitting, combining, writing, branches, indices);
  const uint8_t expected[32] = {1, 2, 3};
  const bool right = std::memcmp(combined, expected, 32) == 0;
  return right && splitting == 0 && combining == 0 && writing == 0 &&
                 branches > 0 && indices > 0
             ? 0
             : 1;
}

}  // namespace
}  // namespace coffer::crypto

int main() {
  if (!coffer::crypto::Initialise().ok()) return 1;
  return coffer::crypto::Run();
}
