#include "vault/gate/log.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace coffer::gate {

void Log(std::string_view text) {
  std::string line = "cofferd: ";
  line.append(text).append("\n");
  // One write, so that lines of several processes do not mix.
  ssize_t put = write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(put);
}

void LogError(std::string_view what, const base::Error& error) {
  int number = errno;
  std::string line(what);
  line.append(": ").append(error.message);
  if (error.code == base::Code::kIo && number != 0) {
    line.append(": ").append(strerrordesc_np(number));
  }
  Log(line);
}

void LogErrno(std::string_view what) {
  const char* text = strerrordesc_np(errno);
  std::string line(what);
  line.append(": ").append(text != nullptr ? text : "unknown error");
  Log(line);
}

}  // namespace coffer::gate
