// The one table of what `coffer` can do. It drives the help, the checks of the
// command line and the dispatch. Runs in the CLI only.
#pragma once

#include <span>
#include <string_view>

#include "cli/context.h"

namespace coffer::cli {

struct Option {
  std::string_view name;         // without the dashes
  std::string_view placeholder;  // empty: a flag
  std::string_view help;
  bool required = false;
  bool repeats = false;  // may be given more than once
};

using Handler = Exit (*)(const Invocation&);

struct Verb {
  std::string_view name;       // "link add"
  std::string_view arguments;  // as shown: "LINK", "[FILE]"
  size_t arguments_min = 0;
  size_t arguments_max = 0;
  std::string_view summary;  // one line of help
  std::string_view more;     // the rest, for the verb's own help
  std::span<const Option> options;
  Handler run = nullptr;  // nullptr: not in this version
};

std::span<const Verb> Verbs();
std::span<const Option> GlobalOptions();

}  // namespace coffer::cli
