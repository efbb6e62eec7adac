#include "cli/run.h"

#include <exception>

#include "cli/options.h"

namespace coffer::cli {
namespace {

Exit Dispatch(const std::vector<std::string>& words, Context& context) {
  auto line = ParseCommandLine(words);
  if (!line.ok()) {
    Verb none;
    return Invocation{context, none, {}, {}}.Fail(line.failure());
  }
  if (line->options.count("help") != 0) {
    context.out << (line->verb == nullptr ? Help() : Help(*line->verb))
                << std::flush;
    return Exit::kDone;
  }
  if (line->options.count("version") != 0) {
    context.out << "coffer " COFFER_VERSION "\n" << std::flush;
    return Exit::kDone;
  }
  Invocation invocation{context, *line->verb, std::move(line->options),
                        std::move(line->arguments)};
  Exit exit = invocation.verb.run(invocation);
  if (exit == Exit::kDone && !context.out.flush()) {
    return invocation.Fail(Exit::kRefused, "cannot write the answer",
                           "look where standard output goes");
  }
  return exit;
}

}  // namespace

Exit Run(const std::vector<std::string>& words, Context& context) {
  // The libraries below may throw; nothing of ours does.
  try {
    return Dispatch(words, context);
  } catch (const std::exception& error) {
    context.err << "coffer: " << error.what() << "\n" << std::flush;
    return Exit::kRefused;
  }
}

}  // namespace coffer::cli
