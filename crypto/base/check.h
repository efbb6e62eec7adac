// Always-on assertions: a failed COFFER_CHECK is a bug of ours and ends the
// process at once. Runs in every process; refuses nothing that a peer sent
// (bad input is a Result, see result.h).
#pragma once

namespace coffer::base {

// Writes "file:line: check failed: text" to standard error and traps.
[[noreturn]] void CheckFailed(const char* file, int line, const char* text);

}  // namespace coffer::base

#define COFFER_CHECK(condition)                                    \
  do {                                                             \
    if (!(condition)) [[unlikely]]                                 \
      ::coffer::base::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
