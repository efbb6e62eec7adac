#include "vault/os/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace coffer::os {

using base::Code;
using base::Fail;

base::Result<Notifier> Notifier::FromEnvironment() {
  const char* value = std::getenv("NOTIFY_SOCKET");
  if (value == nullptr || *value == '\0') return Notifier();
  std::string address(value);
  unsetenv("NOTIFY_SOCKET");
  return To(address);
}

base::Result<Notifier> Notifier::To(std::string_view address) {
  sockaddr_un target = {};
  target.sun_family = AF_UNIX;
  if (address.size() < 2 || address.size() >= sizeof target.sun_path ||
      (address[0] != '/' && address[0] != '@')) {
    return Fail(Code::kInvalid, "NOTIFY_SOCKET is not an address");
  }
  std::memcpy(target.sun_path, address.data(), address.size());
  // An abstract address starts with a zero byte and has no terminator.
  size_t size = offsetof(sockaddr_un, sun_path) + address.size();
  if (address[0] == '@') {
    target.sun_path[0] = '\0';
  } else {
    ++size;
  }
  Notifier notifier;
  notifier.socket_.Reset(
      socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!notifier.active()) return Fail(Code::kIo, "cannot make a socket");
  if (connect(notifier.socket_.get(),
              reinterpret_cast<const sockaddr*>(&target),
              static_cast<socklen_t>(size)) < 0) {
    return Fail(Code::kIo, "cannot connect to NOTIFY_SOCKET");
  }
  return notifier;
}

void Notifier::Status(std::string_view text) const {
  std::string message = "STATUS=";
  for (char c : text) message += c == '\n' ? ' ' : c;
  Send(message);
}

void Notifier::Send(std::string_view message) const {
  if (!active()) return;
  // Best effort: the service manager's troubles are not ours.
  ssize_t put = send(socket_.get(), message.data(), message.size(),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
  static_cast<void>(put);
}

}  // namespace coffer::os
