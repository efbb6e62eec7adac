#include "crypto/shamir.h"

#include "crypto/base/codec.h"
#include "crypto/base64.h"
#include "crypto/gf256.h"
#include "crypto/kdf.h"
#include "crypto/secret_key_bytes.h"

namespace coffer::crypto {
namespace {

using base::Code;
using base::Fail;
using base::Status;

constexpr size_t kHeadBytes = 11;
constexpr size_t kChecksumBytes = 4;
static_assert(kHeadBytes + kSharedSecretBytes + kChecksumBytes == kShareBytes);

Bytes ValueOf(Bytes share) {
  return share.subspan(kHeadBytes, kSharedSecretBytes);
}

ByteArray<kChecksumBytes> ChecksumOf(Bytes share) {
  ByteArray<16> hash;
  Hash(hash, "coffer share checksum",
       {share.first(kShareBytes - kChecksumBytes)});
  ByteArray<kChecksumBytes> checksum;
  std::memcpy(checksum.data(), hash.data(), kChecksumBytes);
  return checksum;
}

// A share whose size and format were found right.
ShareHead HeadOf(Bytes share) {
  ShareHead head;
  base::Decoder decoder(share.subspan(1));
  decoder.Fixed(head.set);
  decoder.Number(head.threshold);
  decoder.Number(head.index);
  return head;
}

// out += factor * value
void AddMultiple(MutableBytes out, Bytes value, uint8_t factor) {
  for (size_t i = 0; i < kSharedSecretBytes; ++i) {
    out[i] = static_cast<uint8_t>(out[i] ^ FieldMultiply(value[i], factor));
  }
}

void MakeShare(MutableBytes share, Bytes secret, Bytes coefficients,
               const ShareHead& head) {
  base::Encoder encoder(share);
  encoder.Number(kShareFormat);
  encoder.Fixed(head.set);
  encoder.Number(head.threshold);
  encoder.Number(head.index);
  MutableBytes value = share.subspan(kHeadBytes, kSharedSecretBytes);
  std::memcpy(value.data(), secret.data(), value.size());
  uint8_t power = 1;
  for (size_t i = 0; i + 1 < head.threshold; ++i) {
    power = FieldMultiply(power, head.index);
    AddMultiple(value,
                coefficients.subspan(i * kSharedSecretBytes, value.size()),
                power);
  }
  const ByteArray<kChecksumBytes> checksum = ChecksumOf(share);
  std::memcpy(&share[kShareBytes - kChecksumBytes], checksum.data(),
              kChecksumBytes);
}

// Indices are public: what share `at` counts for at 0, after Lagrange.
uint8_t WeightOf(std::span<const uint8_t> indices, size_t at) {
  uint8_t weight = 1;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (i == at) continue;
    const uint8_t distance = indices[i] ^ indices[at];
    weight = FieldMultiply(weight,
                           FieldMultiply(indices[i], FieldInverse(distance)));
  }
  return weight;
}

}  // namespace

bool ShareCountsUsable(size_t threshold, size_t shares) {
  return threshold >= kThresholdMin && threshold <= shares &&
         shares <= base::kSharesMax;
}

void SplitSecret(MutableBytes shares, Bytes secret, const ShareSetId& set,
                 uint8_t threshold) {
  uint8_t coefficients[(base::kSharesMax - 1) * kSharedSecretBytes];
  COFFER_CHECK(ShareCountsUsable(threshold, shares.size() / kShareBytes));
  MutableBytes used(coefficients, (threshold - size_t{1}) * kSharedSecretBytes);
  Random(used);
  SplitSecretWith(shares, secret, used, set, threshold);
  base::Wipe(used);
}

void SplitSecretWith(MutableBytes shares, Bytes secret, Bytes coefficients,
                     const ShareSetId& set, uint8_t threshold) {
  const size_t count = shares.size() / kShareBytes;
  COFFER_CHECK(ShareCountsUsable(threshold, count) &&
               shares.size() == count * kShareBytes &&
               secret.size() == kSharedSecretBytes &&
               coefficients.size() ==
                   (threshold - size_t{1}) * kSharedSecretBytes);
  for (size_t i = 0; i < count; ++i) {
    MakeShare(shares.subspan(i * kShareBytes, kShareBytes), secret,
              coefficients, {set, threshold, static_cast<uint8_t>(i + 1)});
  }
}

base::Result<ShareHead> ReadShare(Bytes share) {
  // The format first: a later one may have another size.
  if (!share.empty() && share[0] > kShareFormat) {
    return Fail(Code::kNewerFormat,
                "share: made by a newer coffer; update this program");
  }
  if (share.size() != kShareBytes || share[0] != kShareFormat) {
    return Fail(Code::kInvalid, "share: not a share of coffer");
  }
  if (!EqualConstantTime(ChecksumOf(share), share.last(kChecksumBytes))) {
    return Fail(Code::kDamaged,
                "share: mistyped or damaged; its checksum is wrong");
  }
  const ShareHead head = HeadOf(share);
  if (!ShareCountsUsable(head.threshold, base::kSharesMax) || head.index == 0 ||
      head.index > base::kSharesMax) {
    return Fail(Code::kInvalid, "share: not a share of coffer");
  }
  return head;
}

base::Result<ShareHead> ReadShareOf(const ShareSet& set, Bytes share) {
  base::Result<ShareHead> head = ReadShare(share);
  if (!head.ok()) return head;
  if (head->set != set.id) {
    return Fail(Code::kNotFound, "share: of another set");
  }
  if (head->threshold != set.threshold || head->index > set.checks.size() ||
      CheckOfShare(share) != set.checks[head->index - 1u]) {
    return Fail(Code::kDenied,
                "share: altered; it is none of those that were made");
  }
  return head;
}

ShareCheck CheckOfShare(Bytes share) {
  ShareCheck check;
  Hash(check, "coffer share check", {share});
  return check;
}

Status CombineShares(MutableBytes secret, std::span<const Bytes> shares) {
  COFFER_CHECK(secret.size() == kSharedSecretBytes);
  if (shares.empty() || shares.size() > base::kSharesMax) {
    return Fail(Code::kInvalid, "shares: too few or too many");
  }
  uint8_t indices[base::kSharesMax];
  ShareHead first;
  for (size_t i = 0; i < shares.size(); ++i) {
    COFFER_CHECK(shares[i].size() == kShareBytes);
    const ShareHead head = HeadOf(shares[i]);
    if (i == 0) first = head;
    if (head.set != first.set || head.threshold != first.threshold) {
      return Fail(Code::kInvalid, "shares: of several sets");
    }
    for (size_t j = 0; j < i; ++j) {
      if (indices[j] == head.index) {
        return Fail(Code::kInvalid, "shares: one is there twice");
      }
    }
    indices[i] = head.index;
  }
  if (shares.size() != first.threshold) {
    return Fail(Code::kInvalid, "shares: too few or too many");
  }
  std::memset(secret.data(), 0, secret.size());
  for (size_t i = 0; i < shares.size(); ++i) {
    AddMultiple(secret, ValueOf(shares[i]),
                WeightOf({indices, shares.size()}, i));
  }
  return {};
}

Status CombineShares(SlotSecret& secret, std::span<const SealShare> shares) {
  if (shares.size() > base::kSharesMax) {
    return Fail(Code::kInvalid, "shares: too few or too many");
  }
  Bytes views[base::kSharesMax];
  for (size_t i = 0; i < shares.size(); ++i) {
    views[i] = SecretKeyBytes::View(shares[i]);
  }
  return CombineShares(SecretKeyBytes::Mutable(secret),
                       std::span<const Bytes>(views, shares.size()));
}

void FormatShare(MutableBytes text, Bytes share) {
  COFFER_CHECK(text.size() == kShareTextBytes && share.size() == kShareBytes);
  std::memcpy(text.data(), kSharePrefix.data(), kSharePrefix.size());
  EncodeBase64(&text[kSharePrefix.size()], share);
}

Status ParseShare(MutableBytes share, std::string_view text) {
  COFFER_CHECK(share.size() == kShareBytes);
  if (text.size() != kShareTextBytes || !text.starts_with(kSharePrefix) ||
      !DecodeBase64({share}, text.substr(kSharePrefix.size())).ok()) {
    return Fail(Code::kInvalid, "share: not the text of a share of coffer");
  }
  return {};
}

}  // namespace coffer::crypto
