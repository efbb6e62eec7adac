#include "cli/context.h"

#include <charconv>

#include "cli/text.h"
#include "cli/verbs.h"

namespace coffer::cli {
namespace {

// One line for a log or a script, folded for a person.
void Say(Context& context, const std::string& text) {
  context.err << (context.terminal.ErrorIsTerminal() ? Wrap(text, 2) : text)
              << "\n"
              << std::flush;
}

}  // namespace

Exit Invocation::Fail(const Failure& failure) const {
  std::string text = "coffer: " + failure.what;
  if (!failure.next.empty()) text += "; " + failure.next;
  if (json() && !failure.body.empty()) {
    context.out << failure.body << "\n" << std::flush;
  }
  Say(context, text);
  return failure.exit;
}

std::vector<std::string> Invocation::All(std::string_view name) const {
  std::vector<std::string> values;
  if (!Has(name)) return values;
  std::string_view rest = Get(name);
  for (;;) {
    size_t end = rest.find('\0');
    values.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) return values;
    rest.remove_prefix(end + 1);
  }
}

Exit Invocation::Usage(std::string what) const {
  return Fail(Exit::kUsage, std::move(what),
              "run coffer " + std::string(verb.name) + " --help");
}

void Invocation::Warn(std::string_view text) const {
  Say(context, "coffer: " + std::string(text));
}

bool Invocation::Confirmed(std::string_view question) const {
  if (Has("yes") || !context.terminal.InputIsTerminal()) return true;
  // Room is left for " [y/N] ".
  return context.terminal.Confirm(Wrap(question, 0, kColumns - 8));
}

Outcome<uint64_t> Invocation::Number(std::string_view name, uint64_t low,
                                     uint64_t high, uint64_t fallback) const {
  if (!Has(name)) return fallback;
  const std::string& text = Get(name);
  uint64_t number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() ||
      number < low || number > high) {
    return Failure{Exit::kUsage,
                   "--" + std::string(name) + " is a whole number from " +
                       std::to_string(low) + " to " + std::to_string(high),
                   "run coffer " + std::string(verb.name) + " --help"};
  }
  return number;
}

}  // namespace coffer::cli
