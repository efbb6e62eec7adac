// A link at rest. The keeper makes these bytes and authenticates them again at
// every use; the gate and its store carry them and read the clear header only.
//
//   head      := format u8 | link 16 | revision u32 | leaf u64 | expires_at u64
//                | institution text | linker text | subject 16
//                | metadata_box bytes16
//   token_box := XChaCha20-Poly1305 box of the padded bank token; empty once
//                the consent is revoked
//   wrap      := format u8 | kek 16 | leaf u64 | revision u32 | linker text
//                | subject 16 | box 72 (the DEK under the institution's KEK)
//
// Numbers are little-endian; text is u16 size and bytes. What the boxes bind as
// associated data stands in vault/keeper/sealed_link.h and docs/formats.md.
#pragma once

#include "vault/wire/names.h"
#include "vault/wire/rule.h"

namespace coffer::wire {

inline constexpr uint8_t kRecordFormat = 1;
inline constexpr uint8_t kWrapFormat = 1;
inline constexpr size_t kWrapBoxBytes = 24 + 32 + 16;

// Views into the bytes it was decoded from.
struct RecordHead {
  uint8_t format = kRecordFormat;
  LinkId link{};
  uint32_t revision = 0;    // 1 at creation; every write raises it
  uint64_t leaf = 0;        // index of the leaf of the write that sealed it
  uint64_t expires_at = 0;  // consent's end, seconds; in clear for the sweep
  std::string_view institution;
  std::string_view linker;  // the caller that created the link
  SubjectHash subject{};
  Bytes metadata_box;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Fixed(self.link);
    coder.Number(self.revision);
    coder.Number(self.leaf);
    coder.Number(self.expires_at);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.Text(self.linker, base::kNameBytesMax);
    coder.Fixed(self.subject);
    coder.ShortBytes(self.metadata_box, base::kRecordHeadBytesMax);
  }
};

struct Wrap {
  uint8_t format = kWrapFormat;
  KeyId kek{};
  uint64_t leaf = 0;
  uint32_t revision = 0;
  std::string_view linker;
  SubjectHash subject{};
  ByteArray<kWrapBoxBytes> box{};

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.format);
    coder.Fixed(self.kek);
    coder.Number(self.leaf);
    coder.Number(self.revision);
    coder.Text(self.linker, base::kNameBytesMax);
    coder.Fixed(self.subject);
    coder.Fixed(self.box);
  }
};

// What the store has of a link. Empty head: the store has no such link; the
// keeper still decides, so that every refusal has one order and a leaf.
struct StoredLink {
  Bytes head;  // record head, see record.h
  Bytes wrap;
  Bytes token_box;  // sent only where the item says so

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.ShortBytes(self.head, base::kRecordHeadBytesMax);
    coder.ShortBytes(self.wrap, base::kWrapBytesMax);
    coder.ShortBytes(self.token_box, base::kTokenBoxBytesMax);
  }
};

// A record to put into the store, all parts replaced.
struct NewRecord {
  LinkId link{};
  uint32_t revision = 0;
  StoredLink stored;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Number(self.revision);
    coder.Struct(self.stored);
  }
};

// A link that is erased with its subject: what proves that it is the subject's.
struct ErasedRow {
  LinkId link{};
  std::string_view institution;
  Bytes wrap;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.Text(self.institution, base::kNameBytesMax);
    coder.ShortBytes(self.wrap, base::kWrapBytesMax);
  }
};

// One wrap on its way to another KEK, and back.
struct RewrapRow {
  LinkId link{};
  Bytes wrap;

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Fixed(self.link);
    coder.ShortBytes(self.wrap, base::kWrapBytesMax);
  }
};
// kAllowed: the new box. kKeyDestroyed, kLinkErased, kRecordStale: the record
// is dead, the store erases it. kConsentRevoked, kConsentUsed: kSettle is due.
// Any other: left as it is.
struct RewrapResult {
  Rule rule = Rule::kAllowed;
  ByteArray<kWrapBoxBytes> box{};  // sent only with kAllowed

  template <typename Coder, typename Self>
  static void Fields(Coder& coder, Self& self) {
    coder.Number(self.rule);
    if (self.rule == Rule::kAllowed) coder.Fixed(self.box);
  }
};
// Puts another KEK and its box into an encoded wrap that DecodeWrap accepts.
void ReplaceKek(base::MutableBytes wrap, const KeyId& kek, Bytes box);

// Refuse: trailing bytes, sizes above the limits (kInvalid), a later format
// (kNewerFormat, "written by a newer coffer").
base::Result<RecordHead> DecodeRecordHead(Bytes bytes);
base::Result<Wrap> DecodeWrap(Bytes bytes);
// True when the wrap was made in the same write as the head.
bool Belongs(const Wrap& wrap, const RecordHead& head);

}  // namespace coffer::wire
