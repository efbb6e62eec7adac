// From a command line to an exit code. Runs in the CLI only. Refuses nothing by
// itself: see options.h for the command line and each verb for the rest.
#pragma once

#include "cli/context.h"

namespace coffer::cli {

// `words` is argv without the program's name. crypto::Initialise comes before.
Exit Run(const std::vector<std::string>& words, Context& context);

}  // namespace coffer::cli
