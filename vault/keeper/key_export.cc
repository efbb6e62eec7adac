#include "vault/keeper/key_export.h"

#include "crypto/aead.h"

namespace coffer::keeper {

using base::Code;
using base::Fail;

namespace {

constexpr size_t kNonceBytes = 24;
// A vault that gave a million leaves each second is 100,000 years away.
constexpr uint64_t kLeavesMax = uint64_t{1} << 62;

bool SlotsHold(const KeyExport& head) {
  uint32_t seen = 0;
  for (const StateSlot& slot : head.slots) {
    const uint8_t id = slot.header.id;
    if (id < 1 || id > base::kSlotsMax || (seen >> id & 1) ||
        !CheckSlotHeader(slot.header).ok()) {
      return false;
    }
    seen |= uint32_t{1} << id;
  }
  return seen != 0;
}

}  // namespace

Result<size_t> SealKeyExport(MutableBytes out, const KeyExport& head,
                             const Keyring& keyring,
                             const crypto::RootKey& root) {
  base::Encoder encoder(out);
  encoder.Struct(head);
  if (encoder.failed() || out.size() - encoder.used() < kNonceBytes) {
    return Fail(Code::kTooLarge, "the key export is too large");
  }
  const MutableBytes box = out.subspan(encoder.used());
  // In place: the keyring already stands where its ciphertext goes.
  auto plain = keyring.Seal(box.subspan(kNonceBytes), root, head.vault_id);
  if (!plain.ok()) return plain.error();
  auto sealed = crypto::SealBox(box, root, box.subspan(kNonceBytes, *plain),
                                encoder.written());
  if (!sealed.ok()) return sealed.error();
  return encoder.used() + *sealed;
}

Result<KeyExport> ReadKeyExport(Bytes bytes, Bytes& box) {
  KeyExport head;
  base::Decoder decoder(bytes);
  decoder.Fixed(head.magic);
  decoder.Number(head.format);
  if (decoder.failed() || head.magic != kKeyExportMagic) {
    return Fail(Code::kInvalid, "not a key export of coffer");
  }
  if (head.format > kKeyExportFormat) {
    return Fail(Code::kNewerFormat,
                "the key export is of a newer coffer; use that version");
  }
  decoder = base::Decoder(bytes);
  decoder.Struct(head);
  box = decoder.rest();
  if (decoder.failed() || head.format != kKeyExportFormat || !SlotsHold(head) ||
      head.next_leaf > kLeavesMax ||
      FirstLeafAfter(head.next_leaf) > kLeavesMax || head.generation == 0 ||
      !wire::CheckQuorum(head.quorum).ok() ||
      box.size() <= crypto::kBoxExtraBytes) {
    return Fail(Code::kDamaged, "the key export is damaged; take another copy");
  }
  return head;
}

Result<size_t> OpenKeyExport(MutableBytes out, Bytes bytes, Bytes box,
                             const crypto::RootKey& root) {
  auto size =
      crypto::OpenBox(out, root, box, bytes.first(bytes.size() - box.size()));
  if (size.ok()) return size;
  return Fail(Code::kDenied,
              "the key export is not authentic; take another copy");
}

}  // namespace coffer::keeper
