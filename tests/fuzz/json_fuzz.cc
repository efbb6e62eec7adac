// The strict JSON reader and the writer: what was read is walked, written and
// read again, and must then be the same.
// links: coffer_api
#include <cstdint>
#include <string>

#include "crypto/base/check.h"
#include "vault/api/json.h"

namespace {

using coffer::api::JsonDocument;
using coffer::api::JsonKind;
using coffer::api::JsonLimits;
using coffer::api::JsonValue;
using coffer::api::TextBuilder;

// Escapes grow a text up to six times.
constexpr JsonLimits kWide{.bytes_max = 8 * 65536};

void Write(TextBuilder& out, JsonValue value);

void WriteText(TextBuilder& out, std::string_view text) {
  coffer::api::JsonWriter(out).Text(text);
}

void WriteMembers(TextBuilder& out, JsonValue value) {
  const bool object = value.is(JsonKind::kObject);
  out.Append(object ? '{' : '[');
  size_t count = 0;
  for (JsonValue member : value.members()) {
    if (count++ > 0) out.Append(',');
    if (object) {
      JsonValue found = member;
      COFFER_CHECK(value.Find(member.key(), found));
      COFFER_CHECK(found.kind() == member.kind());
      WriteText(out, member.key());
      out.Append(':');
    }
    Write(out, member);
  }
  COFFER_CHECK(count == value.size());
  out.Append(object ? '}' : ']');
}

void Write(TextBuilder& out, JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kNull:
      return out.Append("null");
    case JsonKind::kBool:
      return out.Append(value.boolean() ? "true" : "false");
    case JsonKind::kInteger:
      return out.Append(std::to_string(value.integer()));
    case JsonKind::kText:
      return WriteText(out, value.text());
    case JsonKind::kArray:
    case JsonKind::kObject:
      return WriteMembers(out, value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto document = JsonDocument::Parse(text);
  if (!document.ok()) return 0;
  TextBuilder first;
  Write(first, document->root());
  auto again = JsonDocument::Parse(first.view(), kWide);
  COFFER_CHECK(again.ok());
  TextBuilder second;
  Write(second, again->root());
  COFFER_CHECK(first.view() == second.view());
  return 0;
}
