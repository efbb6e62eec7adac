// Lines on standard error, which the service manager keeps. Runs in cofferd.
// Takes literals, paths and numbers of the configuration: nothing a peer sent.
#pragma once

#include <string>
#include <string_view>

#include "crypto/base/result.h"

namespace coffer::gate {

// "cofferd: text"
void Log(std::string_view text);
// "cofferd: what: the error's message"; with kIo also errno's text.
void LogError(std::string_view what, const base::Error& error);
// "cofferd: what: errno's text"
void LogErrno(std::string_view what);

}  // namespace coffer::gate
