// Reading the command line by the table of verbs, and writing its help. Runs in
// the CLI only. Refuses unknown verbs and options, abbreviations, and options
// that would put a secret where every process can read it; what was typed is
// never repeated beyond an option's name.
#pragma once

#include <string>
#include <vector>

#include "cli/verbs.h"

namespace coffer::cli {

struct CommandLine {
  const Verb* verb = nullptr;  // nullptr: only --help or --version
  std::map<std::string, std::string, std::less<>> options;
  std::vector<std::string> arguments;
};

// `words` is argv without the program's name.
Outcome<CommandLine> ParseCommandLine(const std::vector<std::string>& words);

// Every line fits 80 columns.
std::string Help();
std::string Help(const Verb& verb);

}  // namespace coffer::cli
