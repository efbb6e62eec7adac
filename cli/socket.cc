#include "cli/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>

#include "cli/text.h"

namespace coffer::cli {
namespace {

Failure ConnectFailure(const std::string& path, int error) {
  std::string shown = Printable(path);
  switch (error) {
    case ENOENT:
      return {Exit::kUnreachable, "there is no socket at " + shown,
              "start cofferd, or name its socket with a flag or --config"};
    case ECONNREFUSED:
      return {Exit::kUnreachable, "nobody listens at " + shown,
              "start cofferd"};
    case EACCES:
    case EPERM:
      return {Exit::kUnreachable, "no right to open " + shown,
              "run as a user to whom its mode and group give the right"};
    case EAGAIN:
    case ETIMEDOUT:
      return {Exit::kUnreachable, "the vault is too busy to accept at " + shown,
              "try again"};
    default:
      return {Exit::kUnreachable,
              "cannot connect to " + shown + ": " + std::strerror(error), ""};
  }
}

}  // namespace

Outcome<os::FileDescriptor> ConnectSocket(const std::string& path,
                                          unsigned seconds) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Failure{Exit::kUsage, "a socket's path has 1 to 107 bytes",
                   "name a shorter one"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  os::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ConnectFailure(path, errno);
  timeval limit{static_cast<time_t>(seconds), 0};
  if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) !=
          0 ||
      setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) !=
          0) {
    return ConnectFailure(path, errno);
  }
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof address) != 0) {
    return ConnectFailure(path, errno);
  }
  return socket;
}

}  // namespace coffer::cli
