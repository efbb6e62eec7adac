// A key export, as an operator brings it. The first byte chooses whether the
// box is made right again, as someone who knows the root key would; then comes
// the file. What opens is read as a keyring.
// links: coffer_keeper
#include "crypto/aead.h"
#include "crypto/random.h"
#include "vault/keeper/key_export.h"

namespace {

using namespace coffer::keeper;

constexpr uint8_t kMakeRight = 1;

struct Room {
  Room() {
    COFFER_CHECK(coffer::crypto::Initialise().ok());
    auto made = coffer::base::SecretArena::Create(coffer::base::kKeysMax + 64);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    root = coffer::crypto::RootKey(*arena);
    coffer::crypto::RandomKey(root);
    keyring = std::make_unique<Keyring>(*arena);
  }
  std::unique_ptr<coffer::base::SecretArena> arena;
  coffer::crypto::RootKey root;
  std::unique_ptr<Keyring> keyring;
  uint8_t file[coffer::base::kKeyExportBytesMax];
  uint8_t plain[coffer::base::kKeyExportBytesMax];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Room& room = *new Room;
  if (size < 1 || size - 1 > sizeof room.file) return 0;
  std::memcpy(room.file, data + 1, size - 1);
  const MutableBytes file(room.file, size - 1);
  Bytes box;
  auto head = ReadKeyExport(file, box);
  if (!head.ok()) return 0;
  COFFER_CHECK(head->slots.size > 0 && box.size() < file.size());
  if ((data[0] & kMakeRight) != 0) {
    const MutableBytes sealed = file.last(box.size());
    COFFER_CHECK(
        coffer::crypto::SealBox(
            sealed, room.root,
            sealed.subspan(24, sealed.size() - coffer::crypto::kBoxExtraBytes),
            file.first(file.size() - box.size()))
            .ok());
  }
  auto plain = OpenKeyExport(room.plain, file, box, room.root);
  COFFER_CHECK(plain.ok() == ((data[0] & kMakeRight) != 0));
  if (!plain.ok()) return 0;
  // The keys in it are wrapped once more, each.
  if (room.keyring->Open(Bytes(room.plain, *plain), room.root, head->vault_id)
          .ok()) {
    room.keyring->Clear();
  }
  return 0;
}
