#include "cli/key_export_file.h"

#include "cli/settings.h"
#include "cli/text.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kMagic = "COFFERK\n";
constexpr uint8_t kFormat = 1;
constexpr size_t kSlotRestBytes = 32 + 96;

}  // namespace

base::Result<KeyExport> DecodeKeyExport(base::Bytes bytes) {
  KeyExport keys;
  base::Decoder decoder(bytes);
  base::Bytes magic = decoder.Take(kMagic.size());
  uint8_t format = 0;
  decoder.Number(format);
  if (decoder.failed() || base::AsText(magic) != kMagic) {
    return base::Fail(base::Code::kInvalid, "it is no key export");
  }
  if (format > kFormat) {
    return base::Fail(base::Code::kNewerFormat, "written by a newer coffer");
  }
  uint64_t next_leaf = 0;
  uint16_t count = 0;
  decoder.Fixed(keys.vault_id);
  decoder.Number(keys.generation);
  decoder.Number(keys.made_at);
  decoder.Number(next_leaf);
  decoder.Number(count);
  for (uint16_t i = 0; i < count && !decoder.failed(); ++i) {
    wire::SlotHeader slot;
    decoder.Struct(slot);
    decoder.Take(kSlotRestBytes);
    if (!decoder.failed() && !keys.slots.push_back(slot)) {
      return base::Fail(base::Code::kDamaged, "it names too many slots");
    }
  }
  if (decoder.failed() || decoder.rest().empty() || format == 0) {
    return base::Fail(base::Code::kDamaged, "it is cut short or damaged");
  }
  keys.bytes.assign(bytes.begin(), bytes.end());
  return keys;
}

Outcome<KeyExport> ReadKeyExport(const std::string& path) {
  auto text = ReadTextFile(path, base::kKeyExportBytesMax, "key export");
  if (!text.ok()) return text.failure();
  auto keys = DecodeKeyExport(base::AsBytes(*text));
  if (keys.ok()) return std::move(*keys);
  return Failure{Exit::kRefused,
                 "key export " + Printable(path) + ": " + keys.error().message,
                 "name a file that coffer key export wrote"};
}

}  // namespace coffer::cli
