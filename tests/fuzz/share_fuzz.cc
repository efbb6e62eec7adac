// A share as bytes and as text, as an operator brings it: what is read comes
// back, what is not a share is refused, and one alone or twice is never enough.
// Of 47 bytes the checksum is mended too, so that what lies behind it is met.
// links: coffer_crypto coffer_base
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "crypto/kdf.h"
#include "crypto/shamir.h"

namespace {

using namespace coffer;
using base::Bytes;

void Judge(Bytes input) {
  auto head = crypto::ReadShare(input);
  if (!head.ok()) return;
  if (input.size() != crypto::kShareBytes || head->index == 0 ||
      head->index > base::kSharesMax || head->threshold < 2 ||
      head->threshold > base::kSharesMax) {
    abort();
  }
  uint8_t share[crypto::kShareBytes];
  uint8_t text[crypto::kShareTextBytes];
  crypto::FormatShare(text, input);
  if (!crypto::ParseShare(share, base::AsText(text)).ok() ||
      !base::Equal(share, input)) {
    abort();
  }
  // Known with its check, foreign to another set.
  crypto::ShareCheck checks[base::kSharesMax]{};
  checks[head->index - 1] = crypto::CheckOfShare(input);
  crypto::ShareSet set{head->set, head->threshold, checks};
  if (!crypto::ReadShareOf(set, input).ok()) abort();
  checks[head->index - 1][0] ^= 1;
  if (crypto::ReadShareOf(set, input).ok()) abort();
  set.id[0] ^= 1;
  if (crypto::ReadShareOf(set, input).ok()) abort();
  uint8_t secret[crypto::kSharedSecretBytes];
  const Bytes once[] = {input};
  const Bytes twice[] = {input, input};
  if (crypto::CombineShares(secret, once).ok()) abort();
  if (crypto::CombineShares(secret, twice).ok()) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool ready = crypto::Initialise().ok();
  if (!ready) abort();
  const Bytes input(data, size);
  uint8_t share[crypto::kShareBytes];
  if (crypto::ParseShare(share, base::AsText(input)).ok()) {
    uint8_t text[crypto::kShareTextBytes];
    crypto::FormatShare(text, share);
    if (base::AsText(text) != base::AsText(input)) abort();
    Judge(share);
  }
  Judge(input);
  if (size == crypto::kShareBytes) {
    std::memcpy(share, data, size);
    crypto::ShareCheck sum;
    crypto::Hash(sum, "coffer share checksum", {input.first(size - 4)});
    std::memcpy(share + size - 4, sum.data(), 4);
    Judge(share);
  }
  return 0;
}
