#include "tests/gate/gate_fixture.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace coffer::gate {

std::string HttpReply::Header(const std::string& name) const {
  size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  at += name.size() + 4;
  return head.substr(at, head.find("\r\n", at) - at);
}

void Client::Send(const std::string& text) {
  ASSERT_EQ(send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

void Client::ShutWrite() { shutdown(fd_.get(), SHUT_WR); }

bool Client::ended() {
  Replies();
  return ended_;
}

std::vector<HttpReply> Client::Replies() {
  char piece[65536];
  ssize_t got;
  while ((got = recv(fd_.get(), piece, sizeof piece, MSG_DONTWAIT)) > 0) {
    bytes_.append(piece, static_cast<size_t>(got));
  }
  if (got == 0) ended_ = true;
  std::vector<HttpReply> replies;
  while (true) {
    size_t end = bytes_.find("\r\n\r\n");
    if (end == std::string::npos) return replies;
    HttpReply reply;
    reply.head = bytes_.substr(0, end + 2);
    reply.status = std::stoi(reply.head.substr(9, 3));
    std::string length = reply.Header("Content-Length");
    size_t size = length.empty() ? 0 : std::stoul(length);
    if (bytes_.size() < end + 4 + size) return replies;
    reply.body = bytes_.substr(end + 4, size);
    bytes_.erase(0, end + 4 + size);
    replies.push_back(std::move(reply));
  }
}

GateTest::GateTest() { StartServer(); }
GateTest::~GateTest() = default;

void GateTest::StartServer() {
  server_.reset();
  loop_.Reset(epoll_create1(EPOLL_CLOEXEC));
  client_ = std::make_unique<KeeperClient>(keeper_.gate_channel());
  turn_ = std::make_unique<Turn>(*client_, store_, clock_, metrics_);
  ServerChannels channels;
  channels.loop = loop_.get();
  channels.keeper = keeper_.gate_channel();
  channels.descriptors = keeper_.gate_descriptors();
  auto server = Server::Create(channels, *turn_, *client_, clock_, metrics_);
  ASSERT_TRUE(server.ok());
  server_ = std::move(*server);
}

Client GateTest::Connect(wire::SocketKind socket) {
  return Client(keeper_.Connect(socket, next_connection_++));
}

ServerEnd GateTest::Spin(int rounds) {
  for (int i = 0; i < rounds && end_ == ServerEnd::kRunning; ++i) {
    end_ = server_->RunOnce(0);
    keeper_.Pump();
  }
  return end_;
}

HttpReply GateTest::Ask(const std::string& request) {
  Client client = Connect();
  client.Send(request);
  Spin();
  std::vector<HttpReply> replies = client.Replies();
  EXPECT_EQ(replies.size(), 1u) << request;
  return replies.empty() ? HttpReply() : replies[0];
}

HttpReply GateTest::AskMonitor(const std::string& request) {
  Client client = Connect(wire::SocketKind::kMonitor);
  client.Send(request);
  Spin();
  std::vector<HttpReply> replies = client.Replies();
  EXPECT_EQ(replies.size(), 1u) << request;
  return replies.empty() ? HttpReply() : replies[0];
}

std::string GateTest::MakeLink(const std::string& subject) {
  HttpReply reply = Ask(Json("POST", "/v1/links", CreateBody(subject)));
  EXPECT_EQ(reply.status, 201) << reply.body;
  size_t at = reply.body.find("lnk_");
  return at == std::string::npos ? "" : reply.body.substr(at, 26);
}

wire::LinkId GateTest::LinkOf(const std::string& text) {
  auto link = wire::ParseLink(text);
  EXPECT_TRUE(link.ok()) << text;
  return link.ok() ? *link : wire::LinkId{};
}

std::string Json(const std::string& method, const std::string& path,
                 const std::string& body, const std::string& headers) {
  return method + " " + path +
         " HTTP/1.1\r\nHost: coffer\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string Get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: coffer\r\n\r\n";
}

std::string Delete(const std::string& path) {
  return "DELETE " + path + " HTTP/1.1\r\nHost: coffer\r\n\r\n";
}

std::string CreateBody(const std::string& subject) {
  return "{\"institution\":\"citi\",\"subject\":\"" + subject +
         "\",\"bank_token\":\"secret\",\"consent\":{\"consentId\":\"c-1\","
         "\"purposes\":[\"balance_display\"],\"dataClusters\":"
         "[\"ACCOUNT_BASIC\"],\"durationType\":\"TIME_BOUND\","
         "\"durationPeriod\":90}}";
}

std::string TokenBody(const std::string& link, const std::string& purpose) {
  return "{\"link\":\"" + link + "\",\"purpose\":\"" + purpose +
         "\",\"audience\":\"connector\"}";
}

}  // namespace coffer::gate
