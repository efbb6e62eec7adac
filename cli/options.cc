#include "cli/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <optional>

#include "cli/text.h"

namespace coffer::cli {
namespace {

namespace po = boost::program_options;

constexpr size_t kHelpColumn = 28;
// Options that people try for secrets. None of them exists.
constexpr std::string_view kSecretOptions[] = {
    "passphrase", "password",     "bank-token", "token",      "secret",
    "key",        "access-token", "share",      "credential", "pin"};

Failure Usage(std::string what, std::string next = "run coffer --help") {
  return {Exit::kUsage, std::move(what), std::move(next)};
}

std::string HelpOf(const Verb* verb) {
  return verb == nullptr ? "run coffer --help"
                         : "run coffer " + std::string(verb->name) + " --help";
}

const Option* Find(std::span<const Option> options, std::string_view name) {
  for (const Option& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

// The name of "--name" or "--name=value"; empty for anything else.
std::string_view NameOf(std::string_view word) {
  if (word.substr(0, 2) != "--" || word.size() == 2) return {};
  return word.substr(2, word.find('=') - 2);
}

// The words that name a verb: the first that are neither options nor options'
// values. Gives their places.
std::vector<size_t> VerbPlaces(const std::vector<std::string>& words) {
  std::vector<size_t> places;
  for (size_t i = 0; i < words.size() && places.size() < 2; ++i) {
    const std::string& word = words[i];
    if (word == "--") break;
    if (word.size() > 1 && word[0] == '-') {
      // After the noun, only the verb's table knows which options take values.
      if (!places.empty()) break;
      const Option* option = Find(GlobalOptions(), NameOf(word));
      bool separate = option != nullptr && !option->placeholder.empty() &&
                      word.find('=') == std::string::npos;
      if (separate) ++i;
      continue;
    }
    places.push_back(i);
  }
  return places;
}

const Verb* FindVerb(std::string_view name) {
  for (const Verb& verb : Verbs()) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

bool IsNoun(std::string_view name) {
  return std::any_of(Verbs().begin(), Verbs().end(), [&](const Verb& verb) {
    return verb.name.size() > name.size() &&
           verb.name.substr(0, name.size()) == name &&
           verb.name[name.size()] == ' ';
  });
}

Outcome<const Verb*> TakeVerb(std::vector<std::string>& words) {
  std::vector<size_t> places = VerbPlaces(words);
  if (places.empty()) return static_cast<const Verb*>(nullptr);
  std::string first = words[places[0]];
  if (const Verb* verb = FindVerb(first)) {
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(places[0]));
    return verb;
  }
  if (!IsNoun(first)) {
    return Usage("there is no verb of this name");
  }
  if (places.size() == 2) {
    if (const Verb* verb = FindVerb(first + " " + words[places[1]])) {
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(places[1]));
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(places[0]));
      return verb;
    }
  }
  std::string verbs;
  for (const Verb& verb : Verbs()) {
    if (verb.run == nullptr ||
        verb.name.substr(0, first.size() + 1) != first + " ") {
      continue;
    }
    if (!verbs.empty()) verbs += ", ";
    verbs += verb.name.substr(first.size() + 1);
  }
  if (verbs.empty()) return Usage("not in this version: " + first);
  return Usage(first + " needs one of: " + verbs);
}

std::optional<Failure> SecretOption(const std::vector<std::string>& words,
                                    const Verb* verb) {
  for (const std::string& word : words) {
    if (word == "--") break;
    std::string_view name = NameOf(word);
    bool known = Find(GlobalOptions(), name) != nullptr ||
                 (verb != nullptr && Find(verb->options, name) != nullptr);
    if (name.empty() || known) continue;
    if (std::find(std::begin(kSecretOptions), std::end(kSecretOptions), name) !=
        std::end(kSecretOptions)) {
      return Usage("--" + std::string(name) +
                       " would show a secret to every process of the machine",
                   "give a file (--" + std::string(name) +
                       "-file F), \"-\" for standard input, or answer the "
                       "prompt");
    }
  }
  return std::nullopt;
}

void Describe(po::options_description& description,
              std::span<const Option> options) {
  for (const Option& option : options) {
    std::string name(option.name);
    if (option.placeholder.empty()) {
      description.add_options()(name.c_str(), "");
    } else {
      description.add_options()(name.c_str(), po::value<std::string>(), "");
    }
  }
}

// Boost's parser, its exceptions turned into failures at this boundary.
Outcome<CommandLine> Tokenise(const std::vector<std::string>& words,
                              const Verb* verb) {
  po::options_description known;
  Describe(known, GlobalOptions());
  if (verb != nullptr) Describe(known, verb->options);
  po::positional_options_description places;
  places.add("argument", -1);
  known.add_options()("argument", po::value<std::vector<std::string>>(), "");
  const std::string help = HelpOf(verb);
  CommandLine line;
  line.verb = verb;
  try {
    auto style = po::command_line_style::unix_style &
                 ~po::command_line_style::allow_guessing;
    auto parsed = po::command_line_parser(words)
                      .options(known)
                      .positional(places)
                      .style(style)
                      .run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0) {
        line.arguments.insert(line.arguments.end(), option.value.begin(),
                              option.value.end());
        continue;
      }
      if (option.string_key == "argument") return Usage("unknown option", help);
      std::string value = option.value.empty() ? "" : option.value.front();
      auto [place, added] = line.options.emplace(option.string_key, value);
      if (added) continue;
      const Option* known_option =
          verb == nullptr ? nullptr : Find(verb->options, option.string_key);
      if (known_option == nullptr || !known_option->repeats) {
        return Usage("--" + option.string_key + " is given twice", help);
      }
      place->second += '\0' + value;
    }
  } catch (const po::error_with_option_name& error) {
    std::string name = error.get_option_name();
    name = name.substr(0, name.find('='));
    bool unknown = dynamic_cast<const po::unknown_option*>(&error) != nullptr;
    return Usage(
        (unknown ? "unknown option " : "") + Cut(Printable(name), 40) +
            (unknown ? "" : " is given without its value, or with one"),
        help);
  } catch (const po::error&) {
    return Usage("the command line cannot be read", help);
  }
  return line;
}

std::string OptionLines(std::span<const Option> options) {
  std::string text;
  for (const Option& option : options) {
    std::string left = "  --" + std::string(option.name);
    if (!option.placeholder.empty()) {
      left += " " + std::string(option.placeholder);
    }
    if (left.size() + 2 > kHelpColumn) {
      text += left + "\n" + std::string(kHelpColumn, ' ');
    } else {
      text += left + std::string(kHelpColumn - left.size(), ' ');
    }
    std::string help(option.help);
    if (option.required) help += " (required)";
    if (option.repeats) help += " (may be given more than once)";
    text += Wrap(help, kHelpColumn) + "\n";
  }
  return text;
}

}  // namespace

Outcome<CommandLine> ParseCommandLine(const std::vector<std::string>& given) {
  std::vector<std::string> words = given;
  // "coffer help link add" is "coffer link add --help".
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  auto verb = TakeVerb(words);
  if (verb.ok() && *verb != nullptr && (*verb)->run == nullptr) {
    return Usage("not in this version: " + std::string((*verb)->name));
  }
  if (auto refused = SecretOption(words, verb.ok() ? *verb : nullptr)) {
    return *refused;
  }
  if (!verb.ok()) return verb.failure();
  auto line = Tokenise(words, *verb);
  if (!line.ok() || line->options.count("help") != 0 ||
      line->options.count("version") != 0) {
    return line;
  }
  if (*verb == nullptr) return Usage("no verb is given");
  const Verb& found = **verb;
  const std::string help = HelpOf(&found);
  if (line->arguments.size() < found.arguments_min) {
    return Usage(
        std::string(found.name) + " needs " + std::string(found.arguments),
        help);
  }
  if (line->arguments.size() > found.arguments_max) {
    return Usage(
        std::string(found.name) + " takes " +
            (found.arguments_max == 0 ? "no arguments"
                                      : "only " + std::string(found.arguments)),
        help);
  }
  for (const Option& option : found.options) {
    if (option.required && line->options.count(option.name) == 0) {
      return Usage(
          std::string(found.name) + " needs --" + std::string(option.name),
          help);
    }
  }
  return line;
}

std::string Help() {
  std::string text =
      "Usage: coffer [GLOBAL OPTIONS] VERB [OPTIONS]\n\n"
      "Operates a vault of bank tokens. `coffer VERB --help` tells more.\n\n"
      "Verbs:\n";
  for (const Verb& verb : Verbs()) {
    if (verb.run == nullptr) continue;
    std::string left = "  " + std::string(verb.name);
    left += std::string(kHelpColumn - left.size(), ' ');
    text += left + Wrap(verb.summary, kHelpColumn) + "\n";
  }
  text += "\nGlobal options:\n" + OptionLines(GlobalOptions());
  text +=
      "\nSockets: the flag, then COFFER_CALLER_SOCKET, COFFER_OPERATOR_SOCKET "
      "or\nCOFFER_MONITOR_SOCKET, then the configuration, then /run/coffer.\n"
      "\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 sealed, 4 not "
      "reachable.\n";
  return text;
}

std::string Help(const Verb& verb) {
  std::string text = "Usage: coffer " + std::string(verb.name);
  if (!verb.arguments.empty()) text += " " + std::string(verb.arguments);
  if (!verb.options.empty()) text += " [OPTIONS]";
  std::string summary = Wrap(verb.summary, 0);
  if (summary[0] >= 'a') summary[0] = static_cast<char>(summary[0] - 'a' + 'A');
  text += "\n\n" + summary + ".\n";
  if (!verb.more.empty()) text += "\n" + Wrap(verb.more, 0) + "\n";
  if (!verb.options.empty()) text += "\nOptions:\n" + OptionLines(verb.options);
  text += "\nGlobal options: see coffer --help.\n";
  return text;
}

}  // namespace coffer::cli
