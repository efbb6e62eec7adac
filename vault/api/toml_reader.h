// Reading TOML tables whose every key is known, with a line for every fault.
// Private to vault/api; runs where policy_file.h and config_file.h do. Refuses
// by adding faults: unknown keys, values of another type or out of bounds.
#pragma once

// toml++ 3.3 asserts what a text can break, such as a table's header that
// starts with ")", and reports it as an error in the next step all the same:
// bad input must not end a program, whatever it was built for.
#ifndef TOML_ASSERT
#define TOML_ASSERT(expr) static_assert(true)
#endif
#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/api/findings.h"

namespace coffer::api {

// False, with one fault, when the text is too long or no TOML.
bool ParseToml(toml::table& out, std::string_view text, size_t bytes_max,
               Findings& findings);

uint32_t LineOf(const toml::node& node);

struct TomlText {
  std::string_view text;  // into the TOML table
  uint32_t line = 0;
};

// "institutions.citi", with a quoted part where the key is no plain name.
std::string TomlPlace(std::string_view parent, std::string_view key);

// One table. Each reader below marks its key as known and gives nullopt when
// the key is absent or its value, with a fault, is not what it should be.
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string place, Findings& findings)
      : table_(table), place_(std::move(place)), findings_(findings) {}

  bool Has(std::string_view key);
  std::optional<TomlText> Text(std::string_view key);
  std::optional<bool> Flag(std::string_view key);
  std::optional<int64_t> Integer(std::string_view key, int64_t least,
                                 int64_t most);
  // A list of texts, none twice.
  std::optional<std::vector<TomlText>> Texts(std::string_view key);
  const toml::table* Table(std::string_view key);
  const toml::array* Array(std::string_view key);
  const toml::node* Node(std::string_view key);  // of any type

  // A fault for every key that was not asked for.
  void RefuseUnknown();
  // A fault "place.key is ..." at the key's line, or the table's.
  void Fault(std::string_view key, std::string_view what);

  const toml::table& table() const { return table_; }
  const std::string& place() const { return place_; }
  uint32_t line() const { return LineOf(table_); }
  uint32_t LineOfKey(std::string_view key) const;

 private:
  const toml::table& table_;
  std::string place_;
  Findings& findings_;
  std::vector<std::string_view> known_;
};

}  // namespace coffer::api
