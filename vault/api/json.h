// JSON, read strictly and written plainly. Runs in the gate and the CLI.
//
// Reading stands on Boost.JSON's parser and refuses, beside malformed text:
// duplicate keys, invalid UTF-8, trailing bytes, numbers that are not integers
// of 64 bits (no fraction, no exponent, no -0), and what exceeds JsonLimits. A
// document owns what it read, in memory that is wiped at its end.
#pragma once

#include <string_view>
#include <vector>

#include "crypto/base/limits.h"
#include "crypto/base/secret_bytes.h"
#include "vault/api/text_builder.h"

namespace coffer::api {

struct JsonLimits {
  size_t bytes_max = base::kHttpBodyBytesMax;
  size_t depth_max = base::kJsonDepthMax;  // arrays and objects, one in another
  size_t keys_max = base::kJsonKeysMax;    // of one object
};

enum class JsonKind : uint8_t {
  kNull,
  kBool,
  kInteger,
  kText,
  kArray,
  kObject
};

// One value, its key in front if it stands in an object. Values lie in the
// order of the text; a container's members follow it.
struct JsonNode {
  JsonKind kind = JsonKind::kNull;
  uint32_t end = 0;    // place after this value and all it holds
  uint32_t count = 0;  // members of a container
  uint32_t key_at = 0;
  uint32_t key_size = 0;
  uint32_t key_hash = 0;
  uint32_t text_at = 0;
  uint32_t text_size = 0;
  int64_t integer = 0;  // also 0 or 1 of a bool
};

class JsonDocument;

// A view into a document at its present place: make it anew from root() once
// the document was moved. Texts taken from it are not bound to that place.
class JsonValue {
 public:
  JsonKind kind() const { return node().kind; }
  bool is(JsonKind kind) const { return node().kind == kind; }
  // Each requires the kind; what it returns lives as long as the document,
  // wherever that is moved.
  std::string_view text() const;
  int64_t integer() const;
  bool boolean() const;
  std::string_view key() const;                 // empty outside an object
  size_t size() const { return node().count; }  // of an array or object

  // Members in order: for (JsonValue item : value.members()).
  class Iterator {
   public:
    Iterator(const JsonDocument* document, uint32_t at)
        : document_(document), at_(at) {}
    JsonValue operator*() const { return JsonValue(document_, at_); }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const JsonDocument* document_;
    uint32_t at_;
  };
  struct Members {
    Iterator first;
    Iterator last;
    Iterator begin() const { return first; }
    Iterator end() const { return last; }
  };
  Members members() const;
  // The member of an object with this key; false when there is none.
  bool Find(std::string_view key, JsonValue& out) const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonDocument* document, uint32_t at)
      : document_(document), at_(at) {}
  const JsonNode& node() const;

  const JsonDocument* document_;
  uint32_t at_;
};

// Value, move-only; texts taken from it stay valid when it is moved.
class JsonDocument {
 public:
  // kInvalid with a literal that says what is wrong, kTooLarge above
  // limits.bytes_max.
  static base::Result<JsonDocument> Parse(std::string_view text,
                                          const JsonLimits& limits = {});

  JsonValue root() const { return JsonValue(this, 0); }

 private:
  friend class JsonValue;
  friend class JsonHandler;

  base::SecretBuffer texts_;  // keys and texts, unescaped, one after another
  std::vector<JsonNode> nodes_;
};

// Appends JSON to a TextBuilder. Texts must be UTF-8; keys are literals that
// need no escape. Calls must nest; a misuse gives bad JSON, never bad memory.
class JsonWriter {
 public:
  explicit JsonWriter(TextBuilder& out) : out_(out) {}

  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view key);
  JsonWriter& Text(std::string_view text);
  JsonWriter& Number(uint64_t number);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  JsonWriter& Time(uint64_t seconds);  // RFC 3339 UTC

  JsonWriter& Text(std::string_view key, std::string_view text) {
    return Key(key).Text(text);
  }
  JsonWriter& Number(std::string_view key, uint64_t number) {
    return Key(key).Number(number);
  }
  JsonWriter& Bool(std::string_view key, bool value) {
    return Key(key).Bool(value);
  }
  JsonWriter& Time(std::string_view key, uint64_t seconds) {
    return Key(key).Time(seconds);
  }

 private:
  JsonWriter& Open(char c);
  JsonWriter& Close(char c);
  void Comma() {
    if (comma_) out_.Append(',');
    comma_ = true;
  }

  TextBuilder& out_;
  bool comma_ = false;
};

}  // namespace coffer::api
