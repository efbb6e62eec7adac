// What the floors share: a bare epoll server on a Unix socket. It finds the end
// of a connection's first request and takes all later ones to be as long, so
// that no parsing is in the floor. For the load generator only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::bench {

class FloorServer {
 public:
  struct Connection {
    int fd = -1;
    std::string in;
    size_t request_bytes = 0;
    uint64_t number = 0;  // never reused
  };
  // Called with a connection and how many whole requests came on it.
  using OnRequests = std::function<void(Connection&, size_t count)>;

  // Ends the process with a message when the path cannot be listened on.
  explicit FloorServer(const std::string& path);

  // Also wakes Turn when this descriptor is readable.
  void Watch(int fd);
  // One turn: waits, reads what is readable, calls for each connection with
  // whole requests. Returns whether the watched descriptor is readable.
  bool Turn(const OnRequests& on_requests);
  // Sends to the connection in this place if it still has that number.
  void Send(size_t place, uint64_t number, std::string_view bytes);
  size_t PlaceOf(const Connection& c) const {
    return static_cast<size_t>(&c - connections_.data());
  }

 private:
  void Accept();
  void Read(Connection& c, const OnRequests& on_requests);

  int listener_ = -1;
  int epoll_ = -1;
  uint64_t numbers_ = 0;
  std::vector<Connection> connections_;  // by descriptor
  std::vector<char> buffer_ = std::vector<char>(256 * 1024);
};

}  // namespace coffer::bench
