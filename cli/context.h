// What a verb is given: the world outside (streams, terminal, clock, passed in
// by main and by the tests) and what the command line said. Runs in the CLI
// only. Secrets are never among the options: see options.h.
#pragma once

#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "cli/outcome.h"
#include "cli/terminal.h"
#include "crypto/base/clock.h"

namespace coffer::cli {

struct Context {
  std::ostream& out;
  std::ostream& err;
  Terminal& terminal;
  base::Clock& clock;
  // As getenv.
  std::function<const char*(const char*)> environment;
  int input = 0;  // "-" reads from here
  // Read when it is there and --config is not given.
  std::string default_config;
  // Before /proc and /sys; for doctor's tests.
  std::string file_system_root;
  // Of helper programs; empty: this one's.
  std::string program_folder = {};
};

// A verb's place in the table; see verbs.h.
struct Verb;

struct Invocation {
  Context& context;
  const Verb& verb;
  // Flags hold "", repeated options their values with '\0' between.
  std::map<std::string, std::string, std::less<>> options;
  std::vector<std::string> arguments;

  bool Has(std::string_view name) const {
    return options.find(name) != options.end();
  }
  // Empty when not given.
  const std::string& Get(std::string_view name) const {
    static const std::string kEmpty;
    auto found = options.find(name);
    return found == options.end() ? kEmpty : found->second;
  }
  // Every value of an option that may be given more than once.
  std::vector<std::string> All(std::string_view name) const;
  bool json() const { return Has("json"); }

  // Prints "coffer: what; next", folded on a terminal, and gives the exit
  // code.
  Exit Fail(const Failure& failure) const;
  Exit Fail(Exit exit, std::string what, std::string next = "") const {
    return Fail(Failure{exit, std::move(what), std::move(next)});
  }
  Exit Usage(std::string what) const;
  // "coffer: text", which ends nothing.
  void Warn(std::string_view text) const;
  // False only when a person at a terminal said no.
  bool Confirmed(std::string_view question) const;
  // An option that is a whole number within bounds; `fallback` when not given.
  Outcome<uint64_t> Number(std::string_view name, uint64_t low, uint64_t high,
                           uint64_t fallback) const;
};

}  // namespace coffer::cli
