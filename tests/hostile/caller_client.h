// One caller's connection: just enough of HTTP/1.1 to ask and to be answered,
// for a daemon of our own. For tests only.
#pragma once

#include <string>
#include <string_view>

#include "vault/os/descriptor.h"

namespace coffer::hostile {

struct HttpAnswer {
  int status = 0;  // 0: the connection broke
  std::string body;
};

bool CanConnect(const std::string& path);
os::FileDescriptor ConnectUnix(const std::string& path);

// Reads one message (a request or an answer) whole; false at the end.
class MessageReader {
 public:
  explicit MessageReader(int fd) : fd_(fd) {}
  bool Read(std::string& head, std::string& body);

 private:
  bool More();

  int fd_;
  std::string bytes_;
};
bool WriteAll(int fd, std::string_view bytes);

class CallerClient {
 public:
  explicit CallerClient(const std::string& path)
      : fd_(ConnectUnix(path)), reader_(fd_.get()) {}

  // `if_match`: 0 for none.
  HttpAnswer Ask(const char* method, const std::string& target,
                 const std::string& body, uint32_t if_match = 0);

 private:
  os::FileDescriptor fd_;
  MessageReader reader_;
};

// The text of the first "name":"text" in flat JSON; empty without one.
std::string TextField(const std::string& json, const std::string& name);
// The number of the first "name":number; 0 without one.
uint32_t NumberField(const std::string& json, const std::string& name);

}  // namespace coffer::hostile
