#include "tests/hostile/caller_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "crypto/base/result.h"

namespace coffer::hostile {
namespace {

int TryConnect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  COFFER_CHECK(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

}  // namespace

bool CanConnect(const std::string& path) {
  const int fd = TryConnect(path);
  if (fd < 0) return false;
  close(fd);
  return true;
}

os::FileDescriptor ConnectUnix(const std::string& path) {
  return os::FileDescriptor(TryConnect(path));
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool MessageReader::More() {
  char chunk[16384];
  const ssize_t got = read(fd_, chunk, sizeof chunk);
  if (got <= 0) return false;
  bytes_.append(chunk, static_cast<size_t>(got));
  return true;
}

bool MessageReader::Read(std::string& head, std::string& body) {
  size_t end;
  while ((end = bytes_.find("\r\n\r\n")) == std::string::npos) {
    if (!More()) return false;
  }
  head = bytes_.substr(0, end + 4);
  bytes_.erase(0, end + 4);
  size_t size = 0;
  constexpr const char* kHeader = "Content-Length: ";
  const size_t place = head.find(kHeader);
  if (place != std::string::npos) {
    size =
        std::strtoul(head.c_str() + place + std::strlen(kHeader), nullptr, 10);
  }
  while (bytes_.size() < size) {
    if (!More()) return false;
  }
  body = bytes_.substr(0, size);
  bytes_.erase(0, size);
  return true;
}

HttpAnswer CallerClient::Ask(const char* method, const std::string& target,
                             const std::string& body, uint32_t if_match) {
  std::string request = method;
  request += " " + target + " HTTP/1.1\r\nHost: coffer\r\n";
  if (if_match != 0) {
    request += "If-Match: \"" + std::to_string(if_match) + "\"\r\n";
  }
  if (!body.empty()) {
    request += "Content-Type: application/json\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n";
  }
  request += "\r\n" + body;
  HttpAnswer answer;
  std::string head;
  if (!WriteAll(fd_.get(), request) || !reader_.Read(head, answer.body)) {
    return answer;
  }
  answer.status = static_cast<int>(
      std::strtoul(head.c_str() + std::strlen("HTTP/1.1 "), nullptr, 10));
  return answer;
}

std::string TextField(const std::string& json, const std::string& name) {
  const std::string start = "\"" + name + "\":\"";
  const size_t place = json.find(start);
  if (place == std::string::npos) return "";
  const size_t from = place + start.size();
  return json.substr(from, json.find('"', from) - from);
}

uint32_t NumberField(const std::string& json, const std::string& name) {
  const std::string start = "\"" + name + "\":";
  const size_t place = json.find(start);
  if (place == std::string::npos) return 0;
  return static_cast<uint32_t>(
      std::strtoul(json.c_str() + place + start.size(), nullptr, 10));
}

}  // namespace coffer::hostile
