// coffer.toml: what is accepted has absolute paths and modes within bounds.
// links: coffer_api
#include <cstdint>

#include "crypto/base/check.h"
#include "vault/api/config_file.h"

namespace {

void CheckPath(const std::string& path) {
  COFFER_CHECK(path.size() > 1 && path.front() == '/');
  COFFER_CHECK(path.find("/../") == std::string::npos);
  COFFER_CHECK(path.find('\0') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  api::Config config;
  api::Findings findings;
  const bool ok = api::ParseConfig(config, text, findings);
  COFFER_CHECK(ok == findings.ok());
  for (const api::Finding& finding : findings.items) {
    for (char c : api::FindingText("coffer.toml", finding)) {
      COFFER_CHECK(static_cast<uint8_t>(c) >= 0x20);
    }
  }
  if (!ok) return 0;
  CheckPath(config.data_dir);
  CheckPath(config.policy);
  for (const auto* socket :
       {&config.caller, &config.operators, &config.monitor}) {
    CheckPath(socket->path);
    COFFER_CHECK(socket->path.size() <= api::kSocketPathBytesMax);
    COFFER_CHECK((socket->mode & ~0777u) == 0 && (socket->mode & 0200) != 0);
  }
  COFFER_CHECK((config.operators.mode & 0007) == 0);
  return 0;
}
