#include "vault/api/ledger_response.h"

namespace coffer::api {
namespace {

void TextUnlessEmpty(JsonWriter& json, std::string_view key,
                     std::string_view text) {
  if (!text.empty()) json.Text(key, text);
}

void FormatHex(char* out, uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    *out++ = "0123456789abcdef"[number >> shift & 15];
  }
}

}  // namespace

LedgerWriter::LedgerWriter(TextBuilder& out) : json_(out) {
  json_.BeginObject().Key("entries").BeginArray();
}

void LedgerWriter::Add(const wire::LinkId& link, const wire::Leaf& leaf) {
  char text[wire::kLinkTextBytes];
  wire::FormatLink(text, link);
  json_.BeginObject()
      .Time("time", leaf.time)
      .Text("link", std::string_view(text, sizeof text))
      .Text("action", wire::LeafKindText(leaf.kind))
      .Text("outcome", wire::RuleText(leaf.rule));
  TextUnlessEmpty(json_, "institution", leaf.institution);
  TextUnlessEmpty(json_, "caller", leaf.caller);
  TextUnlessEmpty(json_, "purpose", leaf.purpose);
  TextUnlessEmpty(json_, "scope", leaf.scope);
  TextUnlessEmpty(json_, "audience", leaf.audience);
  json_.Number("audit_index", leaf.index).EndObject();
}

void LedgerWriter::End(bool complete, const std::optional<LedgerCursor>& next) {
  json_.EndArray().Bool("complete", complete);
  if (next) {
    char text[kLedgerCursorBytes];
    FormatHex(text, next->until);
    FormatHex(text + 16, next->after);
    json_.Text("next", std::string_view(text, sizeof text));
  }
  json_.EndObject();
}

}  // namespace coffer::api
