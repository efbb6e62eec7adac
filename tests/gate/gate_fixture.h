// A whole gate in one process, between a fake keeper and a store in memory, on
// a fake clock. Test code turns the loop by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/gate/fake_keeper.h"
#include "vault/gate/server.h"
#include "vault/store/memory_store.h"

namespace coffer::gate {

struct HttpReply {
  int status = 0;
  std::string head;
  std::string body;
  // The value of a header; empty when there is none.
  std::string Header(const std::string& name) const;
};

// One client's end of a connection.
class Client {
 public:
  explicit Client(os::FileDescriptor fd) : fd_(std::move(fd)) {}
  void Send(const std::string& text);
  void ShutWrite();
  void Close() { fd_.Reset(); }
  // Takes what is there; the whole replies of it, in order.
  std::vector<HttpReply> Replies();
  // True when the gate ended the connection.
  bool ended();
  // Bytes that are no whole reply yet.
  const std::string& rest() const { return bytes_; }
  int fd() const { return fd_.get(); }

 private:
  os::FileDescriptor fd_;
  std::string bytes_;
  bool ended_ = false;
};

class GateTest : public ::testing::Test {
 protected:
  GateTest();
  ~GateTest() override;

  void StartServer();
  Client Connect(wire::SocketKind socket = wire::SocketKind::kCaller);
  // Turns gate and keeper until both are quiet. The server's last word.
  ServerEnd Spin(int rounds = 12);
  // A request on a connection of its own.
  HttpReply Ask(const std::string& request);
  HttpReply AskMonitor(const std::string& request);
  // Creates a link; its text.
  std::string MakeLink(const std::string& subject = "cust-1");
  wire::LinkId LinkOf(const std::string& text);

  base::FakeClock clock_;
  Metrics metrics_;
  store::MemoryStore store_;
  FakeKeeper keeper_;
  os::FileDescriptor loop_;
  std::unique_ptr<KeeperClient> client_;
  std::unique_ptr<Turn> turn_;
  std::unique_ptr<Server> server_;
  ServerEnd end_ = ServerEnd::kRunning;
  wire::ConnectionId next_connection_ = 100;
};

// A request with a JSON body.
std::string Json(const std::string& method, const std::string& path,
                 const std::string& body, const std::string& headers = "");
std::string Get(const std::string& path);
std::string Delete(const std::string& path);
std::string CreateBody(const std::string& subject = "cust-1");
std::string TokenBody(const std::string& link,
                      const std::string& purpose = "balance_display");

}  // namespace coffer::gate
