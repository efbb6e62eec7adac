// The floor of sockets: answers every request with the same 500 bytes, from one
// thread, one epoll and no parser. Its CPU a request is what the kernel asks
// for carrying a request and an answer.
//   usage: floor_echo SOCKET
#include <cstdio>
#include <string>

#include "bench/floor_server.h"

namespace {

constexpr size_t kAnswerBytes = 500;

std::string MakeAnswer() {
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
      "Content-Length: ";
  size_t body = kAnswerBytes - head.size() - 3 - 4;  // three digits, two CRLF
  head += std::to_string(body) + "\r\n\r\n{\"access_token\":\"";
  std::string answer = head;
  answer.resize(kAnswerBytes - 2, 'A');
  return answer + "\"}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: floor_echo SOCKET\n");
    return 2;
  }
  coffer::bench::FloorServer server(argv[1]);
  const std::string answer = MakeAnswer();
  std::string many;
  auto reply = [&](coffer::bench::FloorServer::Connection& c, size_t count) {
    many.clear();
    for (size_t i = 0; i < count; ++i) many += answer;
    server.Send(server.PlaceOf(c), c.number, many);
  };
  for (;;) server.Turn(reply);
}
