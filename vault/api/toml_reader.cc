#include "vault/api/toml_reader.h"

#include <algorithm>
#include <exception>

#include "crypto/base/utf8.h"
#include "vault/wire/names.h"

namespace coffer::api {

namespace {

// What a file may not hold beside what TOML refuses: letters beyond ASCII
// outside of comments and texts in double quotes, and texts over several lines,
// whose ends only a parser can find. nullptr when there is none; else the
// fault, and its line.
const char* FindOddByte(std::string_view text, uint32_t& line) {
  char quote = 0;  // of the text we are in
  bool comment = false;
  line = 1;
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\n') {
      ++line;
      quote = 0;
      comment = false;
    } else if (c == '\r') {
      if (text.substr(i + 1, 1) != "\n") return "a carriage return alone";
    } else if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      return "a control character";
    } else if (comment) {
      continue;
    } else if (quote != 0) {
      if (byte >= 0x80 && quote == '\'') {
        return "a letter beyond ASCII in a text in single quotes";
      }
      if (c == '\\' && quote == '"') {
        const std::string_view next = text.substr(i + 1, 1);
        if (!next.empty() && static_cast<uint8_t>(next[0]) >= 0x80) {
          return "a backslash before a letter beyond ASCII";
        }
        if (next == "\\" || next == "\"") ++i;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '#') {
      comment = true;
    } else if (c == '"' || c == '\'') {
      const std::string_view next = text.substr(i + 1, 2);
      if (next.size() == 2 && next[0] == c && next[1] == c) {
        return "a text over several lines";
      }
      quote = c;
    } else if (byte >= 0x80) {
      return "a letter beyond ASCII, outside of texts and comments";
    }
  }
  return nullptr;
}

// The text in ASCII, letters beyond it written as TOML escapes: the same in
// texts in double quotes, and of no meaning in comments. The TOML parser never
// sees them, for it is not sound for them elsewhere (undefined behaviour in
// 3.3, also in malformed files where no scan can tell what is a text).
std::string WithEscapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t at = text.substr(0, 3) == "\xef\xbb\xbf" ? 3 : 0;
  while (at < text.size()) {
    const auto lead = static_cast<uint8_t>(text[at++]);
    if (lead < 0x80) {
      out += static_cast<char>(lead);
      continue;
    }
    const int follow = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t letter = lead & (0x3fu >> follow);
    for (int i = 0; i < follow; ++i) {
      letter = letter << 6 | (static_cast<uint8_t>(text[at++]) & 0x3fu);
    }
    out += "\\U";
    for (int shift = 28; shift >= 0; shift -= 4) {
      out += "0123456789abcdef"[(letter >> shift) & 15];
    }
  }
  return out;
}

}  // namespace

bool ParseToml(toml::table& out, std::string_view text, size_t bytes_max,
               Findings& findings) {
  if (text.size() > bytes_max) {
    findings.Fault(0, "the file is too long: at most " +
                          std::to_string(bytes_max) + " bytes");
    return false;
  }
  // The TOML parser's own line for this is not exact.
  if (const size_t good = base::Utf8Prefix(text); good != text.size()) {
    const auto breaks = std::count(
        text.begin(), text.begin() + static_cast<ptrdiff_t>(good), '\n');
    findings.Fault(static_cast<uint32_t>(breaks) + 1, "not UTF-8");
    return false;
  }
  uint32_t line = 0;
  if (const char* what = FindOddByte(text, line); what != nullptr) {
    findings.Fault(line, std::string(what) + " is not taken in this file");
    return false;
  }
  try {
    out = toml::parse(WithEscapes(text));
    return true;
  } catch (const toml::parse_error& error) {
    std::string what(error.description());
    std::replace_if(
        what.begin(), what.end(), [](char c) { return c < 0x20 || c == 0x7f; },
        '?');
    findings.Fault(error.source().begin.line, "not TOML: " + what);
  } catch (const std::exception&) {
    findings.Fault(0, "not enough memory to read the file");
  }
  return false;
}

uint32_t LineOf(const toml::node& node) { return node.source().begin.line; }

std::string TomlPlace(std::string_view parent, std::string_view key) {
  std::string shown = wire::IsName(key) ? std::string(key) : Quoted(key);
  return parent.empty() ? shown : std::string(parent) + "." + shown;
}

const toml::node* TomlReader::Node(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
    known_.push_back(key);
  }
  return table_.get(key);
}

bool TomlReader::Has(std::string_view key) { return Node(key) != nullptr; }

uint32_t TomlReader::LineOfKey(std::string_view key) const {
  auto found = table_.find(key);
  if (found == table_.end()) return line();
  const uint32_t at = found->first.source().begin.line;
  return at != 0 ? at : LineOf(found->second);
}

void TomlReader::Fault(std::string_view key, std::string_view what) {
  findings_.Fault(LineOfKey(key),
                  TomlPlace(place_, key) + " " + std::string(what));
}

std::optional<TomlText> TomlReader::Text(std::string_view key) {
  const toml::node* node = Node(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) {
    Fault(key, "must be a text");
    return std::nullopt;
  }
  return TomlText{node->as_string()->get(), LineOf(*node)};
}

std::optional<bool> TomlReader::Flag(std::string_view key) {
  const toml::node* node = Node(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) {
    Fault(key, "must be true or false");
    return std::nullopt;
  }
  return node->as_boolean()->get();
}

std::optional<int64_t> TomlReader::Integer(std::string_view key, int64_t least,
                                           int64_t most) {
  const toml::node* node = Node(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer() || node->as_integer()->get() < least ||
      node->as_integer()->get() > most) {
    Fault(key, "must be a whole number from " + std::to_string(least) + " to " +
                   std::to_string(most));
    return std::nullopt;
  }
  return node->as_integer()->get();
}

std::optional<std::vector<TomlText>> TomlReader::Texts(std::string_view key) {
  const toml::array* array = Array(key);
  if (array == nullptr) return std::nullopt;
  std::vector<TomlText> texts;
  bool good = true;
  for (const toml::node& item : *array) {
    if (!item.is_string()) {
      findings_.Fault(LineOf(item),
                      TomlPlace(place_, key) + " must be a list of texts");
      return std::nullopt;
    }
    const std::string_view text = item.as_string()->get();
    for (const TomlText& other : texts) {
      if (other.text != text) continue;
      findings_.Fault(LineOf(item), Quoted(text) + " stands twice in " +
                                        TomlPlace(place_, key));
      good = false;
    }
    texts.push_back({text, LineOf(item)});
    // No list of ours is longer, and the check above is quadratic.
    if (texts.size() > base::kInstitutionsMax) {
      Fault(key, "is too long");
      return std::nullopt;
    }
  }
  if (!good) return std::nullopt;
  return texts;
}

const toml::table* TomlReader::Table(std::string_view key) {
  const toml::node* node = Node(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) Fault(key, "must be a table");
  return node->as_table();
}

const toml::array* TomlReader::Array(std::string_view key) {
  const toml::node* node = Node(key);
  if (node == nullptr) return nullptr;
  if (!node->is_array()) Fault(key, "must be a list");
  return node->as_array();
}

void TomlReader::RefuseUnknown() {
  for (auto&& [key, value] : table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) {
      continue;
    }
    findings_.Fault(LineOfKey(key.str()),
                    "unknown key " + Quoted(key.str()) +
                        (place_.empty() ? "" : " in " + place_));
  }
}

}  // namespace coffer::api
