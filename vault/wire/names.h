// The small values that messages, records, leaves and policy share. Pure data,
// used by every process.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "crypto/base/bytes.h"
#include "crypto/base/codec.h"
#include "crypto/base/limits.h"

namespace coffer::wire {

using base::ByteArray;
using base::Bytes;

// 16 bytes; the first two name the cell (0 for now), the rest is random.
using LinkId = ByteArray<16>;
// BLAKE2b-16 of the subject under the index key.
using SubjectHash = ByteArray<16>;
// The first 16 bytes of the key's PASERK id hash (lid or pid).
using KeyId = ByteArray<16>;
// Names a connection for ever; made by the keeper, never reused.
using ConnectionId = uint64_t;

// A name of policy: 1 to 32 of [A-Za-z0-9_.-], compared byte for byte.
bool IsName(std::string_view text);

// "lnk_" and 22 base64url characters.
inline constexpr size_t kLinkTextBytes = 26;
std::string LinkText(const LinkId& link);
void FormatLink(char* out, const LinkId& link);  // kLinkTextBytes characters
base::Result<LinkId> ParseLink(std::string_view text);

// An owned text of at most N bytes, without allocation.
template <size_t N>
struct ShortText {
  static_assert(N <= 255);
  uint8_t size = 0;
  char text[N]{};

  ShortText() = default;
  explicit ShortText(std::string_view view) {
    COFFER_CHECK(view.size() <= N);
    Assign(view);
  }
  std::string_view view() const { return {text, size}; }
  void Assign(std::string_view view) {
    if (view.size() > N) view = view.substr(0, N);
    size = static_cast<uint8_t>(view.size());
    if (size > 0) std::memcpy(text, view.data(), size);
  }
  bool operator==(std::string_view other) const { return view() == other; }

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    std::string_view view = self.view();
    coder.Text(view, N);
    if constexpr (!std::is_const_v<Self>) self.Assign(view);
  }
};
using Name = ShortText<base::kNameBytesMax>;

using NameList = base::BoundedList<std::string_view, base::kNameListMax>;

enum class VaultState : uint8_t {
  kUninitialised = 0,
  kSealed = 1,
  kStarting = 2,  // keeper: between unseal and operational; gate: store opening
  kOperational = 3,
  kError = 4,  // latched; the log and `coffer status` say why
  kSelfTest = 5,
};
std::string_view VaultStateText(VaultState state);

}  // namespace coffer::wire
