#include "crypto/base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace coffer::base {

void CheckFailed(const char* file, int line, const char* text) {
  char message[512];
  int size = std::snprintf(message, sizeof message, "%s:%d: check failed: %s\n",
                           file, line, text);
  if (size > 0) {
    size_t bytes = static_cast<size_t>(size);
    if (bytes >= sizeof message) bytes = sizeof message - 1;
    [[maybe_unused]] ssize_t written = ::write(2, message, bytes);
  }
  __builtin_trap();
}

}  // namespace coffer::base
