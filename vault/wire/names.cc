#include "vault/wire/names.h"

namespace coffer::wire {

using base::Code;
using base::Fail;

bool IsName(std::string_view text) {
  if (text.empty() || text.size() > base::kNameBytesMax) return false;
  for (char c : text) {
    bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    if (!allowed) return false;
  }
  return true;
}

void FormatLink(char* out, const LinkId& link) {
  std::memcpy(out, "lnk_", 4);
  base::EncodeBase64Url(out + 4, link);
}

std::string LinkText(const LinkId& link) {
  std::string text(kLinkTextBytes, '\0');
  FormatLink(text.data(), link);
  return text;
}

base::Result<LinkId> ParseLink(std::string_view text) {
  if (text.size() != kLinkTextBytes || text.substr(0, 4) != "lnk_") {
    return Fail(Code::kInvalid, "a link id is lnk_ and 22 characters");
  }
  LinkId link{};
  COFFER_TRY(base::DecodeBase64Url(link, text.substr(4)));
  return link;
}

std::string_view VaultStateText(VaultState state) {
  switch (state) {
    case VaultState::kUninitialised:
      return "uninitialised";
    case VaultState::kSealed:
      return "sealed";
    case VaultState::kStarting:
      return "starting";
    case VaultState::kOperational:
      return "operational";
    case VaultState::kError:
      return "error";
    case VaultState::kSelfTest:
      return "self-test";
  }
  return "error";
}

}  // namespace coffer::wire
