// The work no answer can do without, as the single-process floor does it: open
// the link's wrap, open its consent, encode the token, append a leaf. The sizes
// are those of a typical link. Uses the vault's own crypto.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/aead.h"
#include "crypto/paseto.h"

namespace coffer::bench {

class FloorWork {
 public:
  static constexpr size_t kMetadataBytes = 250;
  static constexpr size_t kPayloadBytes = 330;
  static constexpr size_t kFooterBytes = 62;
  static constexpr size_t kLeafBytes = 200;
  static constexpr size_t kTokenBytes =
      crypto::LocalTokenSize(kPayloadBytes, kFooterBytes);

  explicit FloorWork(size_t links);

  // One token: writes kTokenBytes characters at `token` and kLeafBytes at
  // `leaf`.
  void MakeToken(uint8_t* token, uint8_t* leaf);

 private:
  struct SealedLink {
    uint8_t wrap[32 + crypto::kBoxExtraBytes];
    uint8_t metadata[kMetadataBytes + crypto::kBoxExtraBytes];
  };

  std::unique_ptr<base::SecretArena> arena_;
  crypto::Kek kek_;
  crypto::Dek dek_;
  crypto::LocalTokenKey token_key_;
  std::vector<SealedLink> links_;
  std::string associated_data_;
  std::string payload_;
  std::string footer_;
  size_t next_ = 0;
};

}  // namespace coffer::bench
