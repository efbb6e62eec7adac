// Plain text for a person: wrapped within 80 columns, aligned, without colour.
// Runs in the CLI only. What came over a socket or from a file is shown with
// its control characters replaced, so that it cannot steer the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coffer::cli {

inline constexpr size_t kColumns = 80;

// Control characters become "?". Bytes above 127 stay (UTF-8) but for C1.
std::string Printable(std::string_view text);
// Breaks at spaces; every line but the first starts with `indent` spaces, and
// the first is taken to stand at column `indent` already. A word that is longer
// than a line stays whole. No line break at the end.
std::string Wrap(std::string_view text, size_t indent, size_t width = kColumns);
// Cuts to `width` columns, ending in ".." when something was cut.
std::string Cut(std::string_view text, size_t width);
// "12,345".
std::string Grouped(uint64_t number);
// "3.4 MiB".
std::string ByteText(uint64_t bytes);
// "2 d 3 h", "4 min 5 s", "6 s".
std::string DurationText(uint64_t seconds);

// "name  value" lines, the values aligned and wrapped.
class FieldList {
 public:
  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  std::string Text() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Rows under headings. When the rows are wider than 80 columns, the columns
// after the first are cut, the widest first; the first names the thing.
class Table {
 public:
  explicit Table(std::vector<std::string> headings)
      : headings_(std::move(headings)) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  // `cuts` false: as wide as it is, for a script or a log.
  std::string Text(bool cuts = true) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace coffer::cli
