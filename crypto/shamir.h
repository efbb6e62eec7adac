// Shamir's secret sharing of a 32-byte secret: any `threshold` of the shares
// give it back, fewer say nothing of it. Keeper and CLI only; constant-time in
// the secret and in the shares' values, never allocates. Refuses shares that
// are mistyped, of another set, altered, or given twice, before they are
// combined.
//
//   share := format u8 | set 8 | threshold u8 | index u8 | value 32
//            | checksum 4
//   text  := "coffer-share-" base64url(share)      one line, 76 characters
//
//   value    = byte by byte, the polynomial of degree threshold - 1 over
//              GF(2^8), whose constant is the secret and whose other
//              coefficients are random, at index
//   checksum = first 4 bytes of BLAKE2b-16("coffer share checksum", share
//              before it): tells a share that was mistyped
//   check    = BLAKE2b-16("coffer share check", share), kept with the slot:
//              tells a share that was made up
//
// All but the value is public. The check says nothing of a share, whose value
// has 256 random bits.
#pragma once

#include <span>
#include <string_view>

#include "crypto/base/limits.h"
#include "crypto/secret_key.h"

namespace coffer::crypto {

inline constexpr uint8_t kShareFormat = 1;
inline constexpr size_t kShareBytes = 47;
inline constexpr std::string_view kSharePrefix = "coffer-share-";
inline constexpr size_t kShareTextBytes =
    kSharePrefix.size() + base::Base64Size(kShareBytes);
inline constexpr size_t kSharedSecretBytes = 32;
inline constexpr uint8_t kThresholdMin = 2;

struct SealShareTag {};
using SealShare = SecretKey<SealShareTag, kShareBytes>;
using ShareSetId = ByteArray<8>;
using ShareCheck = ByteArray<16>;  // as wire::ShareCheck

// The public part of a share.
struct ShareHead {
  ShareSetId set{};
  uint8_t threshold = 0;  // shares that are needed
  uint8_t index = 0;      // 1, 2, 3, ...
};

// What is known of a set, e.g. from its seal slot.
struct ShareSet {
  ShareSetId id{};
  uint8_t threshold = 0;
  std::span<const ShareCheck> checks;  // of share 1, 2, 3, ...
};

// 2 <= threshold <= shares <= kSharesMax.
bool ShareCountsUsable(size_t threshold, size_t shares);

// Fills shares.size() / kShareBytes shares, in order of their indices. Requires
// a secret of 32 bytes and ShareCountsUsable.
void SplitSecret(MutableBytes shares, Bytes secret, const ShareSetId& set,
                 uint8_t threshold);
// As SplitSecret, with the polynomials' other coefficients, 32 bytes for each
// power from 1 to threshold - 1. For tests.
void SplitSecretWith(MutableBytes shares, Bytes secret, Bytes coefficients,
                     const ShareSetId& set, uint8_t threshold);

// kInvalid: not a share; kNewerFormat; kDamaged: the checksum is wrong.
base::Result<ShareHead> ReadShare(Bytes share);
// ReadShare, and then: kNotFound, of another set; kDenied, none of that set's
// shares.
base::Result<ShareHead> ReadShareOf(const ShareSet& set, Bytes share);
ShareCheck CheckOfShare(Bytes share);

// Writes 32 bytes from exactly `threshold` shares, each read before. kInvalid,
// and nothing is written, when they are of several sets, too few, too many, or
// one is there twice. Whether it is the secret that was split, only the slot it
// opens can tell.
base::Status CombineShares(MutableBytes secret, std::span<const Bytes> shares);
// Into `secret`, which must own a place.
base::Status CombineShares(SlotSecret& secret,
                           std::span<const SealShare> shares);

// Writes kShareTextBytes characters; the text is as secret as the share.
void FormatShare(MutableBytes text, Bytes share);
// Writes kShareBytes bytes; kInvalid when the text is not of the form. White
// space around it is the caller's to cut.
base::Status ParseShare(MutableBytes share, std::string_view text);

}  // namespace coffer::crypto
