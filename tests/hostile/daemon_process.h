// The real cofferd with a vault of its own in a temporary folder, opened by a
// key file: the present user is its one caller, with every right. For tests
// only.
#pragma once

#include <sys/types.h>

#include <string>

namespace coffer::hostile {

class DaemonProcess {
 public:
  // The programs' folder.
  explicit DaemonProcess(std::string bin);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // False, and told on stderr, when it does not come up.
  bool Start();
  std::string caller_socket() const { return folder_ + "/run/coffer.sock"; }
  const std::string& folder() const { return folder_; }

 private:
  void Write(const std::string& name, const std::string& text);

  std::string bin_, folder_;
  pid_t pid_ = -1;
};

}  // namespace coffer::hostile
