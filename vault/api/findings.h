// What reading policy.toml or coffer.toml found, each with its line. Runs in
// the CLI and, for coffer.toml, in cofferd before its first byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::api {

enum class FindingKind : uint8_t {
  kFault = 1,    // the file is refused whole
  kWarning = 2,  // taken, but probably not what was meant
  kNote = 3,     // what this version does not do yet
};

struct Finding {
  FindingKind kind = FindingKind::kFault;
  uint32_t line = 0;  // from 1; 0 concerns the whole file
  std::string text;   // one line, control characters escaped
};

struct Findings {
  std::vector<Finding> items;  // by line

  void Fault(uint32_t line, std::string text);
  void Warning(uint32_t line, std::string text);
  void Note(uint32_t line, std::string text);
  void SortByLine();
  // True without a fault.
  bool ok() const;
};

// "policy.toml:12: unknown purpose \"x\" in institutions.citi"; a warning says
// "warning: " and a note "note: " behind the place.
std::string FindingText(std::string_view file, const Finding& finding);

// The text in double quotes, control and non-ASCII bytes escaped, cut at 64
// bytes, so that a file's contents cannot act on a terminal.
std::string Quoted(std::string_view text);

}  // namespace coffer::api
