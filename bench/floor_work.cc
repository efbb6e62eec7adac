#include "bench/floor_work.h"

#include <cstring>

#include "crypto/random.h"

namespace coffer::bench {

namespace {

constexpr size_t kAssociatedDataBytes = 110;

template <typename T>
T Must(base::Result<T> result) {
  COFFER_CHECK(result.ok());
  return std::move(result).value();
}

}  // namespace

FloorWork::FloorWork(size_t links)
    : associated_data_(kAssociatedDataBytes, 'a'),
      payload_(kPayloadBytes, 'p'),
      footer_(kFooterBytes, 'f') {
  COFFER_CHECK(crypto::Initialise().ok());
  arena_ = Must(base::SecretArena::Create(4));
  kek_ = crypto::Kek(*arena_);
  dek_ = crypto::Dek(*arena_);
  token_key_ = crypto::LocalTokenKey(*arena_);
  crypto::RandomKey(kek_);
  crypto::RandomKey(token_key_);
  std::string metadata(kMetadataBytes, 'm');
  links_.resize(links);
  for (SealedLink& link : links_) {
    crypto::RandomKey(dek_);
    Must(crypto::WrapKey(link.wrap, kek_, dek_,
                         base::AsBytes(associated_data_)));
    Must(crypto::SealBox(link.metadata, dek_, base::AsBytes(metadata),
                         base::AsBytes(associated_data_)));
  }
}

void FloorWork::MakeToken(uint8_t* token, uint8_t* leaf) {
  // A stride that is prime to any likely count, so that the caches see links
  // in no order.
  next_ = (next_ + 7919) % links_.size();
  const SealedLink& link = links_[next_];
  base::Bytes associated_data = base::AsBytes(associated_data_);
  COFFER_CHECK(crypto::UnwrapKey(dek_, kek_, link.wrap, associated_data).ok());
  uint8_t metadata[kMetadataBytes];
  Must(crypto::OpenBox(metadata, dek_, link.metadata, associated_data));
  Must(crypto::EncodeLocal({token, kTokenBytes}, token_key_,
                           base::AsBytes(payload_), base::AsBytes(footer_),
                           base::AsBytes("connector")));
  std::memset(leaf, 1, kLeafBytes);
}

}  // namespace coffer::bench
