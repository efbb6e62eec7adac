// Telling the service manager how it goes (the sd_notify protocol, systemd's
// sd_notify(3)): one datagram a message to the socket that NOTIFY_SOCKET names.
// Run by the gate. Without that variable it does nothing; a lost message is no
// fault. Opened before the sandbox, which allows no new socket.
#pragma once

#include <string_view>

#include "vault/os/descriptor.h"

namespace coffer::os {

// Resource, move-only.
class Notifier {
 public:
  // Reads NOTIFY_SOCKET (a path, or "@name" for an abstract address), removes
  // it from the environment and connects. kIo or kInvalid when it is set and
  // cannot be used.
  static base::Result<Notifier> FromEnvironment();
  // Connects to one address, for tests.
  static base::Result<Notifier> To(std::string_view address);

  Notifier() = default;
  bool active() const { return socket_.valid(); }
  void Ready() const { Send("READY=1"); }
  void Stopping() const { Send("STOPPING=1"); }
  // One line for `systemctl status`; line breaks become spaces.
  void Status(std::string_view text) const;

 private:
  void Send(std::string_view message) const;

  FileDescriptor socket_;
};

}  // namespace coffer::os
