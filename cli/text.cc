#include "cli/text.h"

#include <algorithm>
#include <cstdio>

namespace coffer::cli {
namespace {

constexpr size_t kGap = 2;

// UTF-8 characters, each taken for one column.
size_t ColumnsOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string Padded(std::string text, size_t width) {
  size_t columns = ColumnsOf(text);
  if (columns < width) text.append(width - columns, ' ');
  return text;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string shown(text);
  for (size_t i = 0; i < shown.size(); ++i) {
    auto byte = static_cast<unsigned char>(shown[i]);
    bool c1 = byte == 0xc2 && i + 1 < shown.size() &&
              static_cast<unsigned char>(shown[i + 1]) < 0xa0;
    if (c1) shown[i + 1] = '?';
    if (byte < 0x20 || byte == 0x7f || c1) shown[i] = '?';
  }
  return shown;
}

std::string Wrap(std::string_view text, size_t indent, size_t width) {
  std::string wrapped;
  size_t column = indent;
  bool first = true;
  while (!text.empty()) {
    size_t end = std::min(text.find_first_of(" \n"), text.size());
    std::string_view word = text.substr(0, end);
    bool breaks = end < text.size() && text[end] == '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!word.empty()) {
      size_t columns = ColumnsOf(word);
      if (!first && column + 1 + columns > width) {
        wrapped += '\n' + std::string(indent, ' ');
        column = indent;
        first = true;
      }
      if (!first) {
        wrapped += ' ';
        ++column;
      }
      wrapped += word;
      column += columns;
      first = false;
    }
    if (breaks) {
      wrapped += '\n' + std::string(indent, ' ');
      column = indent;
      first = true;
    }
  }
  return wrapped;
}

std::string Cut(std::string_view text, size_t width) {
  if (ColumnsOf(text) <= width) return std::string(text);
  size_t keep = width < 2 ? 0 : width - 2;
  size_t end = 0;
  for (size_t columns = 0; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) continue;
    if (columns++ == keep) break;
  }
  return std::string(text.substr(0, end)) + std::string(width - keep, '.');
}

std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string ByteText(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string DurationText(uint64_t seconds) {
  auto two = [](uint64_t big, const char* big_unit, uint64_t small,
                const char* small_unit) {
    std::string text = std::to_string(big) + " " + big_unit;
    if (small != 0) text += " " + std::to_string(small) + " " + small_unit;
    return text;
  };
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return two(seconds / 60, "min", seconds % 60, "s");
  if (seconds < 86400) {
    return two(seconds / 3600, "h", seconds % 3600 / 60, "min");
  }
  return two(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string FieldList::Text() const {
  size_t width = 0;
  for (const auto& [name, value] : fields_) {
    width = std::max(width, ColumnsOf(name));
  }
  std::string text;
  for (const auto& [name, value] : fields_) {
    text += Padded(name, width + kGap) + Wrap(value, width + kGap) + "\n";
  }
  return text;
}

std::string Table::Text(bool cuts) const {
  std::vector<size_t> widths;
  for (const std::string& heading : headings_) {
    widths.push_back(ColumnsOf(heading));
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], ColumnsOf(row[i]));
    }
  }
  size_t total = kGap * (widths.empty() ? 0 : widths.size() - 1);
  for (size_t width : widths) total += width;
  while (cuts && total > kColumns && widths.size() > 1) {
    auto widest = std::max_element(widths.begin() + 1, widths.end());
    if (*widest <= 4) break;
    --*widest;
    --total;
  }
  std::string text;
  auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (size_t i = 0; i < cells.size() && i < widths.size(); ++i) {
      bool last = i + 1 == cells.size();
      std::string cell = i == 0 ? cells[i] : Cut(cells[i], widths[i]);
      out += last ? cell : Padded(cell, widths[i] + kGap);
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    text += out + "\n";
  };
  line(headings_);
  for (const auto& row : rows_) line(row);
  return text;
}

}  // namespace coffer::cli
