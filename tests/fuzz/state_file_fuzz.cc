// keeper.state, at start and at unseal. The first byte chooses what is made
// right again, so that checksum and seal do not keep the fuzzer out; two bytes
// are the size of the first slot's content, then come the first slot and the
// second. Whatever opens must open again after the next write.
// links: coffer_keeper_files
#include <algorithm>

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "tests/keeper_files/fake_files.h"
#include "vault/keeper/state_file.h"

namespace {

using namespace coffer::keeper;

constexpr int kFd = 0;
constexpr uint8_t kKeepChecksums = 1;
constexpr uint8_t kKeepSeals = 2;
constexpr uint8_t kWriteNext = 4;
constexpr size_t kChecksumOffset = kStateBlockBytes - 32;

struct Keys {
  Keys() {
    COFFER_CHECK(coffer::crypto::Initialise().ok());
    auto made = coffer::base::SecretArena::Create(1);
    COFFER_CHECK(made.ok());
    arena = std::move(made).value();
    root = coffer::crypto::RootKey(*arena);
    coffer::crypto::RandomKey(root);
  }
  std::unique_ptr<coffer::base::SecretArena> arena;
  coffer::crypto::RootKey root;
};

// As someone who knows the root key would make them.
void MakeRight(MutableBytes slot, const Keys& keys, uint8_t mode) {
  if (slot.size() < kStateBlockBytes || (mode & kKeepChecksums) != 0) return;
  uint32_t body_bytes = 0;
  coffer::base::Decoder decoder(slot.subspan(9, 4));
  decoder.Number(body_bytes);
  MutableBytes box = slot.subspan(kStateBlockBytes);
  if (body_bytes > box.size()) return;
  box = box.first(body_bytes);
  if ((mode & kKeepSeals) == 0 &&
      box.size() >= coffer::crypto::kBoxExtraBytes) {
    COFFER_CHECK(
        coffer::crypto::SealBox(
            box, keys.root,
            box.subspan(24, box.size() - coffer::crypto::kBoxExtraBytes),
            slot.first(kChecksumOffset))
            .ok());
  }
  ByteArray<32> checksum;
  coffer::crypto::Hash(checksum, "coffer state checksum",
                       {slot.first(kChecksumOffset), box});
  std::copy(checksum.begin(), checksum.end(), slot.begin() + kChecksumOffset);
}

// Opens, and the body; the next write is found by the next process.
void OpenAndWrite(FakeFiles& files, const Keys& keys, bool write) {
  StateFile state(files, kFd);
  auto found = state.Open();
  if (!found.ok()) return;
  StateHeader header;
  if (state.initialised()) {
    header = state.header();
    Bytes body;
    (void)state.OpenBody(keys.root, body);
  }
  if (!write || state.generation() == ~uint64_t{0}) return;
  COFFER_CHECK(state.Write(keys.root, header, 100).ok());
  StateFile again(files, kFd);
  auto refound = again.Open();
  // Whole, or with remains of a body in the other slot, which are erased.
  COFFER_CHECK(refound.ok() && *refound != StateFound::kEmpty);
  COFFER_CHECK(again.generation() == state.generation());
  Bytes body;
  COFFER_CHECK(again.OpenBody(keys.root, body).ok() && body.size() == 100);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Keys keys;
  if (size < 3 || size > 65536) return 0;
  const uint8_t mode = data[0];
  Bytes input(data + 3, size - 3);
  const size_t first = std::min<size_t>(data[1] | data[2] << 8, input.size());
  FakeFiles files;
  auto& file = files.file(kFd);
  file.cache.assign(input.begin(), input.begin() + first);
  MakeRight(file.cache, keys, mode);
  if (first < input.size()) {
    file.cache.resize(kStateSlotBytes);
    file.cache.insert(file.cache.end(), input.begin() + first, input.end());
    MakeRight(MutableBytes(file.cache).subspan(kStateSlotBytes), keys, mode);
  }
  file.size = file.cache.size();
  OpenAndWrite(files, keys, (mode & kWriteNext) != 0);
  return 0;
}
