#include "vault/api/json.h"

#include <boost/json/basic_parser_impl.hpp>

#include "crypto/base/time_text.h"

namespace coffer::api {
namespace {

using base::Code;
using base::Fail;
using boost::json::error;
using boost::json::error_code;

constexpr size_t kDepthMost = 32;  // of any JsonLimits

// FNV-1a, to tell most keys apart at a glance; equal hashes prove nothing.
uint32_t KeyHash(std::string_view key) {
  uint32_t hash = 2166136261u;
  for (char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

// True when none of eight bytes needs an escape: a control, '"' or '\\'.
bool NeedNoEscape(const char* eight) {
  constexpr uint64_t kOnes = ~uint64_t{0} / 255;
  constexpr uint64_t kTops = kOnes * 0x80;
  uint64_t word;
  std::memcpy(&word, eight, sizeof word);
  const uint64_t quotes = word ^ (kOnes * '"');
  const uint64_t slashes = word ^ (kOnes * '\\');
  const uint64_t found = ((word - kOnes * 0x20) & ~word) |
                         ((quotes - kOnes) & ~quotes) |
                         ((slashes - kOnes) & ~slashes);
  return (found & kTops) == 0;
}

// The parser unescapes text in a buffer on its stack, which may then hold a
// part of a bank token. Overwrites the stack below the caller.
[[gnu::noinline]] void WipeStackBelow() {
  uint8_t below[BOOST_JSON_STACK_BUFFER_SIZE + 2048];
  base::Wipe({below, sizeof below});
}

}  // namespace

// Builds a document from the parser's events and refuses what it lets through.
class JsonHandler {
 public:
  static constexpr size_t max_object_size = ~size_t{0};
  static constexpr size_t max_array_size = ~size_t{0};
  static constexpr size_t max_key_size = ~size_t{0};
  static constexpr size_t max_string_size = ~size_t{0};

  JsonHandler(JsonDocument* document, const JsonLimits* limits, size_t bytes)
      : texts_(document->texts_), nodes_(document->nodes_), limits_(*limits) {
    texts_ = base::SecretBuffer(bytes);  // unescaped text is never longer
    nodes_.reserve(16);
  }

  const char* fault() const { return fault_; }
  bool unescaped() const { return unescaped_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_object_begin(error_code&) { return Open(JsonKind::kObject); }
  bool on_object_end(size_t, error_code&) { return Close(); }
  bool on_array_begin(error_code&) { return Open(JsonKind::kArray); }
  bool on_array_end(size_t, error_code&) { return Close(); }

  bool on_key_part(std::string_view text, size_t, error_code&) {
    unescaped_ = true;
    return Take(text);
  }
  bool on_key(std::string_view text, size_t size, error_code& ec) {
    if (!Take(text)) return false;
    key_size_ = static_cast<uint32_t>(size);
    key_at_ = static_cast<uint32_t>(texts_.size() - size);
    return CheckKey(ec);
  }
  bool on_string_part(std::string_view text, size_t, error_code&) {
    unescaped_ = true;
    return Take(text);
  }
  bool on_string(std::string_view text, size_t size, error_code&) {
    if (!Take(text)) return false;
    JsonNode& node = Add(JsonKind::kText);
    node.text_size = static_cast<uint32_t>(size);
    node.text_at = static_cast<uint32_t>(texts_.size() - size);
    return true;
  }

  bool on_number_part(std::string_view, error_code&) { return true; }
  bool on_int64(int64_t number, std::string_view text, error_code& ec) {
    if (number == 0 && text.front() == '-') {
      return Refuse(ec, "a number is -0; write 0");
    }
    Add(JsonKind::kInteger).integer = number;
    return true;
  }
  bool on_uint64(uint64_t, std::string_view, error_code& ec) {
    return Refuse(ec, "a number is out of range");
  }
  bool on_double(double, std::string_view, error_code& ec) {
    return Refuse(ec, "a number is not an integer in range");
  }
  bool on_bool(bool value, error_code&) {
    Add(JsonKind::kBool).integer = value ? 1 : 0;
    return true;
  }
  bool on_null(error_code&) {
    Add(JsonKind::kNull);
    return true;
  }
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }

 private:
  bool Refuse(error_code& ec, base::Literal why) {
    fault_ = why.text;
    ec = error::syntax;
    return false;
  }
  bool Take(std::string_view text) {
    COFFER_CHECK(texts_.Append(base::AsBytes(text)));
    return true;
  }

  JsonNode& Add(JsonKind kind) {
    if (depth_ > 0) ++nodes_[open_[depth_ - 1]].count;
    JsonNode& node = nodes_.emplace_back();
    node.kind = kind;
    node.end = static_cast<uint32_t>(nodes_.size());
    node.key_at = key_at_;
    node.key_size = key_size_;
    node.key_hash = key_hash_;
    key_size_ = 0;
    return node;
  }
  bool Open(JsonKind kind) {
    Add(kind);
    COFFER_CHECK(depth_ < kDepthMost);  // the parser's max_depth
    open_[depth_++] = static_cast<uint32_t>(nodes_.size() - 1);
    return true;
  }
  bool Close() {
    nodes_[open_[--depth_]].end = static_cast<uint32_t>(nodes_.size());
    return true;
  }

  std::string_view KeyText(uint32_t at, uint32_t size) const {
    return base::AsText(texts_.view()).substr(at, size);
  }
  bool CheckKey(error_code& ec) {
    const uint32_t object = open_[depth_ - 1];
    if (nodes_[object].count >= limits_.keys_max) {
      return Refuse(ec, "an object has too many keys");
    }
    const std::string_view key = KeyText(key_at_, key_size_);
    key_hash_ = KeyHash(key);
    for (uint32_t i = object + 1; i < nodes_.size(); i = nodes_[i].end) {
      if (nodes_[i].key_hash == key_hash_ && nodes_[i].key_size == key_size_ &&
          KeyText(nodes_[i].key_at, key_size_) == key) {
        return Refuse(ec, "a key stands twice in one object");
      }
    }
    return true;
  }

  base::SecretBuffer& texts_;
  std::vector<JsonNode>& nodes_;
  const JsonLimits& limits_;
  const char* fault_ = nullptr;
  bool unescaped_ = false;
  uint32_t key_at_ = 0;
  uint32_t key_size_ = 0;
  uint32_t key_hash_ = 0;
  size_t depth_ = 0;
  uint32_t open_[kDepthMost]{};
};

namespace {

base::Error Refusal(const error_code& ec, const char* fault) {
  if (fault != nullptr) {
    base::Error refusal = Fail(Code::kInvalid, "");
    refusal.message = fault;  // one of the handler's literals
    return refusal;
  }
  if (ec == error::too_deep) {
    return Fail(Code::kInvalid, "arrays and objects are nested too deeply");
  }
  return Fail(Code::kInvalid, "not well-formed JSON in UTF-8");
}

}  // namespace

base::Result<JsonDocument> JsonDocument::Parse(std::string_view text,
                                               const JsonLimits& limits) {
  COFFER_CHECK(limits.depth_max <= kDepthMost);
  COFFER_CHECK(limits.bytes_max <= 0x7fffffff);
  if (text.size() > limits.bytes_max) {
    return Fail(Code::kTooLarge, "the text is too long");
  }
  JsonDocument document;
  boost::json::parse_options options;
  options.max_depth = limits.depth_max;
  boost::json::basic_parser<JsonHandler> parser(options, &document, &limits,
                                                text.size());
  error_code ec;
  size_t used = 0;
  try {
    used = parser.write_some(false, text.data(), text.size(), ec);
  } catch (const std::exception&) {  // out of memory
    return Fail(Code::kFull, "out of memory");
  }
  const JsonHandler& handler = parser.handler();
  if (handler.unescaped()) WipeStackBelow();
  if (ec) return Refusal(ec, handler.fault());
  if (used != text.size()) {
    return Fail(Code::kInvalid, "something follows the JSON value");
  }
  return document;
}

const JsonNode& JsonValue::node() const { return document_->nodes_[at_]; }

std::string_view JsonValue::text() const {
  COFFER_CHECK(is(JsonKind::kText));
  return base::AsText(document_->texts_.view())
      .substr(node().text_at, node().text_size);
}
int64_t JsonValue::integer() const {
  COFFER_CHECK(is(JsonKind::kInteger));
  return node().integer;
}
bool JsonValue::boolean() const {
  COFFER_CHECK(is(JsonKind::kBool));
  return node().integer != 0;
}
std::string_view JsonValue::key() const {
  return base::AsText(document_->texts_.view())
      .substr(node().key_at, node().key_size);
}

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  at_ = document_->nodes_[at_].end;
  return *this;
}
JsonValue::Members JsonValue::members() const {
  COFFER_CHECK(is(JsonKind::kArray) || is(JsonKind::kObject));
  return {{document_, at_ + 1}, {document_, node().end}};
}
bool JsonValue::Find(std::string_view key, JsonValue& out) const {
  COFFER_CHECK(is(JsonKind::kObject));
  for (JsonValue member : members()) {
    if (member.key() == key) {
      out = member;
      return true;
    }
  }
  return false;
}

JsonWriter& JsonWriter::Open(char c) {
  Comma();
  out_.Append(c);
  comma_ = false;
  return *this;
}
JsonWriter& JsonWriter::Close(char c) {
  out_.Append(c);
  comma_ = true;
  return *this;
}
JsonWriter& JsonWriter::Key(std::string_view key) {
  Comma();
  char* out = out_.Extend(key.size() + 3);
  *out++ = '"';
  std::memcpy(out, key.data(), key.size());
  std::memcpy(out + key.size(), "\":", 2);
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::Text(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  Comma();
  out_.Append('"');
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    while (text.size() - i > 8 && NeedNoEscape(text.data() + i)) i += 8;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out_.Append(text.substr(done, i - done));
    done = i + 1;
    if (c == '"' || c == '\\') {
      out_.Append('\\');
      out_.Append(static_cast<char>(c));
    } else {
      const char escape[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
      out_.Append(std::string_view(escape, sizeof escape));
    }
  }
  out_.Append(text.substr(done));
  out_.Append('"');
  return *this;
}
JsonWriter& JsonWriter::Number(uint64_t number) {
  Comma();
  out_.AppendNumber(number);
  return *this;
}
JsonWriter& JsonWriter::Bool(bool value) {
  Comma();
  out_.Append(value ? std::string_view("true") : std::string_view("false"));
  return *this;
}
JsonWriter& JsonWriter::Null() {
  Comma();
  out_.Append("null");
  return *this;
}
JsonWriter& JsonWriter::Time(uint64_t seconds) {
  char text[base::kTimeTextBytes];
  base::FormatTime(text, seconds);
  return Text(std::string_view(text, sizeof text));
}

}  // namespace coffer::api
