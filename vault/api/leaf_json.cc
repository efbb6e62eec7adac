#include "vault/api/leaf_json.h"

#include "crypto/base/time_text.h"
#include "vault/wire/consent.h"

namespace coffer::api {
namespace {

void TextUnlessEmpty(JsonWriter& json, std::string_view key,
                     std::string_view text) {
  if (!text.empty()) json.Text(key, text);
}

bool IsZero(base::Bytes bytes) {
  for (uint8_t byte : bytes) {
    if (byte != 0) return false;
  }
  return true;
}

// In leaves of what the keeper does without being asked.
constexpr uint32_t kNobodysUid = 0xffffffff;

// Whose tokens a kTokensRevoke ended: its caller did not ask for it.
struct TokenGroup {
  std::string_view of;  // "purpose"
  std::string_view name;
};
TokenGroup GroupOf(const wire::Leaf& leaf) {
  if (!leaf.caller.empty()) return {"caller", leaf.caller};
  if (!leaf.purpose.empty()) return {"purpose", leaf.purpose};
  return {"institution", leaf.institution};
}

// What the number means depends on the kind.
void WriteDetail(JsonWriter& json, const wire::Leaf& leaf) {
  switch (leaf.kind) {
    case wire::LeafKind::kUnsealFailed:
      json.Number("attempts", leaf.detail);
      return;
    case wire::LeafKind::kConsentRevoke:
      TextUnlessEmpty(json, "reason",
                      wire::RevocationReasonText(
                          static_cast<wire::RevocationReason>(leaf.detail)));
      return;
    case wire::LeafKind::kSubjectErase:
      json.Number("links", leaf.detail);
      return;
    case wire::LeafKind::kTokenIssue:
      if (leaf.detail != 0) json.Number("expires_in", leaf.detail);
      return;
    case wire::LeafKind::kNotCommitted:
      json.Number("write", leaf.detail);
      return;
    default:
      if (leaf.detail != 0) json.Number("detail", leaf.detail);
      return;
  }
}

}  // namespace

void WriteLeaf(TextBuilder& out, const wire::Leaf& leaf) {
  const bool allowed = leaf.rule == wire::Rule::kAllowed;
  JsonWriter json(out);
  json.BeginObject()
      .Number("index", leaf.index)
      .Time("time", leaf.time)
      .Text("kind", wire::LeafKindText(leaf.kind))
      .Text("outcome", allowed ? "allowed" : "refused")
      .Text("rule", wire::RuleText(leaf.rule))
      .Number("uid", leaf.uid);
  if (leaf.kind == wire::LeafKind::kTokensRevoke) {
    const TokenGroup group = GroupOf(leaf);
    json.Key("tokens_of").BeginObject().Text(group.of, group.name).EndObject();
  } else {
    TextUnlessEmpty(json, "caller", leaf.caller);
    TextUnlessEmpty(json, "institution", leaf.institution);
    TextUnlessEmpty(json, "purpose", leaf.purpose);
  }
  TextUnlessEmpty(json, "audience", leaf.audience);
  TextUnlessEmpty(json, "scope", leaf.scope);
  if (!IsZero(leaf.link_tag)) {
    json.Text("link_tag", base::EncodeHex(leaf.link_tag));
  }
  if (leaf.revision != 0) json.Number("revision", leaf.revision);
  WriteDetail(json, leaf);
  json.EndObject();
}

std::string LeafLine(const wire::Leaf& leaf) {
  const bool allowed = leaf.rule == wire::Rule::kAllowed;
  const bool failed = leaf.kind == wire::LeafKind::kUnsealFailed;
  std::string line = std::to_string(leaf.index);
  if (line.size() < 6) line.insert(0, 6 - line.size(), ' ');
  line += ' ' + base::TimeText(leaf.time) + ' ';
  line += wire::LeafKindText(leaf.kind);
  line += ' ';
  if (allowed && failed) {
    line += "attempts=" + std::to_string(leaf.detail);
  } else {
    line += allowed ? std::string_view("ok") : wire::RuleText(leaf.rule);
  }
  const bool revokes = leaf.kind == wire::LeafKind::kTokensRevoke;
  if (leaf.caller.empty() || revokes ||
      leaf.kind == wire::LeafKind::kBrakeRelease) {
    line += leaf.uid == kNobodysUid ? " by itself"
                                    : " uid=" + std::to_string(leaf.uid);
  }
  if (revokes) {
    const TokenGroup group = GroupOf(leaf);
    line += ' ';
    line += group.of;
    line += '=';
    line += group.name;
  } else {
    for (std::string_view text : {leaf.caller, leaf.purpose, leaf.institution,
                                  leaf.audience, leaf.scope}) {
      if (text.empty()) continue;
      line += ' ';
      line += text;
    }
  }
  if (line.size() > kLeafLineBytesMax) {
    line.resize(kLeafLineBytesMax - 1);
    line += '~';
  }
  return line;
}

}  // namespace coffer::api
