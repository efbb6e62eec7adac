#include "crypto/base64.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/stack_secret.h"

namespace coffer::crypto {
namespace {

using base::Base64Size;
using base::Bytes;
using base::Code;
using base::Fail;
using base::MutableBytes;
using base::Status;

// Whole groups of 3 bytes and 4 characters, so that chunks join up.
constexpr size_t kChunkBytes = 384;
constexpr size_t kChunkCharacters = kChunkBytes / 3 * 4;

// A chunk and its text; both may carry a key, so both are wiped.
struct Chunk {
  StackSecret<kChunkBytes> bytes;
  StackSecret<kChunkCharacters + 1> text;  // libsodium ends it with a NUL

  size_t Encode(Bytes from) {
    const size_t characters = Base64Size(from.size());
    // Copied first: the text may be about to overwrite these bytes.
    std::memcpy(bytes.data(), from.data(), from.size());
    sodium_bin2base64(reinterpret_cast<char*>(text.data()), characters + 1,
                      bytes.data(), from.size(),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return characters;
  }

  bool Decode(std::string_view from, size_t size) {
    // libsodium 1.0.18 reads every byte from 0x80 on as '_'.
    uint8_t high = 0;
    for (char c : from) high |= static_cast<uint8_t>(c);
    if (high >= 0x80) return false;
    size_t written = 0;
    return sodium_base642bin(bytes.data(), size, from.data(), from.size(),
                             nullptr, &written, nullptr,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           written == size;
  }
};

// Spreads decoded bytes over the parts.
class Scatter {
 public:
  explicit Scatter(const MutableBytes* parts) : part_(parts) {}

  void Write(Bytes bytes) {
    while (!bytes.empty()) {
      const size_t size = std::min(bytes.size(), part_->size() - used_);
      if (size != 0) std::memcpy(part_->data() + used_, bytes.data(), size);
      used_ += size;
      bytes = bytes.subspan(size);
      if (!bytes.empty()) {
        ++part_;
        used_ = 0;
      }
    }
  }

 private:
  const MutableBytes* part_;
  size_t used_ = 0;
};

}  // namespace

void EncodeBase64(uint8_t* out, Bytes bytes) {
  // In place, the text of a chunk ends before the next chunk's bytes begin:
  // the text is a third longer and the bytes started a third of their size in.
  Chunk chunk;
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kChunkBytes);
    const size_t characters = chunk.Encode(bytes.first(size));
    std::memcpy(out, chunk.text.data(), characters);
    out += characters;
    bytes = bytes.subspan(size);
  }
}

bool MatchesBase64(std::string_view text, Bytes bytes) {
  if (text.size() != Base64Size(bytes.size())) return false;
  Chunk chunk;
  int difference = 0;
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kChunkBytes);
    const size_t characters = chunk.Encode(bytes.first(size));
    difference |= sodium_memcmp(text.data(), chunk.text.data(), characters);
    text.remove_prefix(characters);
    bytes = bytes.subspan(size);
  }
  return difference == 0;
}

Status DecodeBase64(std::initializer_list<MutableBytes> parts,
                    std::string_view text) {
  size_t left = 0;
  for (MutableBytes part : parts) left += part.size();
  if (text.size() != Base64Size(left)) {
    return Fail(Code::kInvalid, "base64url of another length");
  }
  Chunk chunk;
  Scatter scatter(parts.begin());
  while (left != 0) {
    const size_t size = std::min(left, kChunkBytes);
    const size_t characters = Base64Size(size);
    if (!chunk.Decode(text.substr(0, characters), size)) {
      for (MutableBytes part : parts) base::Wipe(part);
      return Fail(Code::kInvalid, "not base64url");
    }
    scatter.Write({chunk.bytes.data(), size});
    text.remove_prefix(characters);
    left -= size;
  }
  return {};
}

}  // namespace coffer::crypto
