#include "vault/api/findings.h"

#include <algorithm>

namespace coffer::api {

void Findings::Fault(uint32_t line, std::string text) {
  items.push_back({FindingKind::kFault, line, std::move(text)});
}
void Findings::Warning(uint32_t line, std::string text) {
  items.push_back({FindingKind::kWarning, line, std::move(text)});
}
void Findings::Note(uint32_t line, std::string text) {
  items.push_back({FindingKind::kNote, line, std::move(text)});
}

void Findings::SortByLine() {
  std::stable_sort(
      items.begin(), items.end(),
      [](const Finding& a, const Finding& b) { return a.line < b.line; });
}

bool Findings::ok() const {
  return std::none_of(items.begin(), items.end(), [](const Finding& finding) {
    return finding.kind == FindingKind::kFault;
  });
}

std::string FindingText(std::string_view file, const Finding& finding) {
  std::string text(file);
  if (finding.line > 0) text += ":" + std::to_string(finding.line);
  text += ": ";
  if (finding.kind == FindingKind::kWarning) text += "warning: ";
  if (finding.kind == FindingKind::kNote) text += "note: ";
  return text + finding.text;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kShownBytesMax = 64;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text.substr(0, kShownBytesMax)) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  if (text.size() > kShownBytesMax) out += "...";
  return out + "\"";
}

}  // namespace coffer::api
