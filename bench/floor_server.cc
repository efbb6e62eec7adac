#include "bench/floor_server.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/load_http.h"

namespace coffer::bench {

namespace {

constexpr size_t kDescriptorsMax = 1024;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void Add(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
}

}  // namespace

FloorServer::FloorServer(const std::string& path)
    : connections_(kDescriptorsMax) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    Die("socket path");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  unlink(path.c_str());
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) Die("socket");
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) !=
          0 ||
      listen(listener_, 512) != 0) {
    Die("listen");
  }
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  Add(epoll_, listener_);
}

void FloorServer::Watch(int fd) { Add(epoll_, fd); }

void FloorServer::Accept() {
  int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  if (static_cast<size_t>(fd) >= connections_.size()) {
    close(fd);
    return;
  }
  connections_[static_cast<size_t>(fd)] = {fd, {}, 0, ++numbers_};
  Add(epoll_, fd);
}

void FloorServer::Read(Connection& c, const OnRequests& on_requests) {
  ssize_t n = recv(c.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    close(c.fd);
    c = Connection();
    return;
  }
  std::string_view bytes(buffer_.data(), static_cast<size_t>(n));
  if (!c.in.empty()) {
    c.in.append(bytes);
    bytes = c.in;
  }
  if (c.request_bytes == 0) c.request_bytes = WholeMessage(bytes, nullptr);
  size_t count = c.request_bytes == 0 ? 0 : bytes.size() / c.request_bytes;
  c.in = std::string(bytes.substr(count * c.request_bytes));
  if (count > 0) on_requests(c, count);
}

bool FloorServer::Turn(const OnRequests& on_requests) {
  bool watched = false;
  epoll_event events[128];
  int n = epoll_wait(epoll_, events, 128, -1);
  for (int i = 0; i < n; ++i) {
    int fd = events[i].data.fd;
    if (fd == listener_) {
      Accept();
    } else if (connections_[static_cast<size_t>(fd)].fd == fd) {
      Read(connections_[static_cast<size_t>(fd)], on_requests);
    } else {
      watched = true;
    }
  }
  return watched;
}

void FloorServer::Send(size_t place, uint64_t number, std::string_view bytes) {
  Connection& c = connections_[place];
  if (c.fd < 0 || c.number != number) return;
  while (!bytes.empty()) {
    ssize_t n = send(c.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // it hung up; the next read says so
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace coffer::bench
