#include "cli/ssh_key.h"

#include <algorithm>
#include <filesystem>

#include "cli/text.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kKind = "ssh-ed25519";
constexpr size_t kKeyLineBytesMax = 4096;

base::Error NoKey() {
  return base::Fail(base::Code::kInvalid,
                    "no line of the form \"ssh-ed25519 AAAA... comment\"");
}

std::string_view TakeWord(std::string_view& line) {
  size_t start = std::min(line.find_first_not_of(" \t"), line.size());
  line.remove_prefix(start);
  size_t end = std::min(line.find_first_of(" \t\r"), line.size());
  std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

// The first line that is neither empty nor a comment.
std::string_view KeyLine(std::string_view text) {
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.front() != '#') return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace

bool TakeSshString(base::Bytes& in, base::Bytes& out) {
  if (in.size() < 4) return false;
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) size = size << 8 | in[i];
  if (in.size() - 4 < size) return false;
  out = in.subspan(4, size);
  in = in.subspan(4 + size);
  return true;
}

base::Result<std::vector<uint8_t>> DecodeSshBase64(std::string_view text) {
  std::string url(text);
  for (int i = 0; i < 2 && !url.empty() && url.back() == '='; ++i) {
    url.pop_back();
  }
  if (text.empty() || text.size() % 4 != 0 ||
      url.find_first_of("-_=") != std::string::npos) {
    return base::Fail(base::Code::kInvalid, "not base64");
  }
  std::replace(url.begin(), url.end(), '+', '-');
  std::replace(url.begin(), url.end(), '/', '_');
  std::vector<uint8_t> bytes(url.size() * 3 / 4);
  COFFER_TRY(base::DecodeBase64Url(bytes, url));
  return bytes;
}

base::Result<crypto::PublicKey> Ed25519OfSshBlob(base::Bytes blob) {
  base::Bytes kind;
  base::Bytes raw;
  crypto::PublicKey key{};
  if (!TakeSshString(blob, kind) || base::AsText(kind) != kKind ||
      !TakeSshString(blob, raw) || raw.size() != key.size() || !blob.empty()) {
    return base::Fail(base::Code::kInvalid,
                      "no Ed25519 key; make one with ssh-keygen -t ed25519");
  }
  std::copy(raw.begin(), raw.end(), key.begin());
  return key;
}

base::Result<SshPublicKey> ParseSshPublicKey(std::string_view line) {
  std::string_view kind = TakeWord(line);
  if (kind.substr(0, 4) == "ssh-" && kind != kKind) {
    return base::Fail(base::Code::kInvalid,
                      "no Ed25519 key; make one with ssh-keygen -t ed25519");
  }
  auto blob = DecodeSshBase64(TakeWord(line));
  if (kind != kKind || !blob.ok()) return NoKey();
  auto key = Ed25519OfSshBlob(*blob);
  if (!key.ok()) return key.error();
  return SshPublicKey{*key, std::string(TakeWord(line))};
}

Outcome<wire::QuorumRule> ReadQuorumRule(const Settings& settings) {
  wire::QuorumRule rule;
  rule.threshold = static_cast<uint8_t>(settings.config.quorum.threshold);
  if (rule.threshold == 0) return rule;
  for (const std::string& path : settings.config.quorum.approvers) {
    auto text = ReadTextFile(path, kKeyLineBytesMax, "approver's key");
    if (!text.ok()) return text.failure();
    auto key = ParseSshPublicKey(KeyLine(*text));
    if (!key.ok()) {
      return Failure{
          Exit::kRefused,
          "approver's key " + Printable(path) + ": " + key.error().message,
          "mend it, or take it out of [quorum] approvers"};
    }
    std::string name = key->comment;
    if (!wire::IsName(name)) name = std::filesystem::path(path).stem();
    if (!wire::IsName(name)) {
      return Failure{Exit::kRefused,
                     "approver's key " + Printable(path) + " gives no name",
                     "a name is 1 to 32 letters, digits, _, . or -: set the "
                     "key's comment, or rename the file"};
    }
    wire::Approver approver;
    approver.name = wire::Name(name);
    approver.public_key = key->key;
    if (!rule.approvers.push_back(approver)) {
      return Failure{Exit::kRefused, "more than 16 approvers", ""};
    }
  }
  if (base::Status sound = wire::CheckQuorum(rule); !sound.ok()) {
    return Failure{Exit::kRefused, sound.error().message,
                   "mend [quorum] in " + Printable(settings.config_path)};
  }
  return rule;
}

std::string QuorumText(const wire::QuorumRule& rule) {
  if (rule.threshold == 0) return "off";
  std::string text = std::to_string(rule.threshold) + " of ";
  for (size_t i = 0; i < rule.approvers.size; ++i) {
    text += (i == 0 ? "" : ", ") + Printable(rule.approvers[i].name.view());
  }
  return text;
}

}  // namespace coffer::cli
