// The gate's event loop: connections that the keeper accepted, the keeper's
// channel, signals and deadlines, on one thread. Each turn reads what is there,
// sends one batch, commits once and answers. Runs in the gate, inside its cage.
// Refuses requests past the limits with the error that api.md names, and serves
// nobody before the vault is operational.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vault/gate/connection.h"
#include "vault/gate/turn.h"

namespace coffer::gate {

// What the launcher opened; borrowed.
struct ServerChannels {
  int loop = -1;          // epoll
  int keeper = -1;        // batches
  int descriptors = -1;   // connections
  int signals = -1;       // signalfd; readable: stop. -1: none
  int keeper_pidfd = -1;  // -1: none
};

enum class ServerEnd : uint8_t {
  kRunning,
  kStopped,      // asked to, and all that was under way is answered
  kKeeperEnded,  // hung up, or its process ended
  kBroken,       // the keeper spoke nonsense, or the store is not ours
};

// Resource: owns the connections.
class Server {
 public:
  static base::Result<std::unique_ptr<Server>> Create(
      const ServerChannels& channels, Turn& turn, KeeperClient& keeper,
      base::Clock& clock, Metrics& metrics);
  ~Server();

  // Turns until there is an end to report.
  ServerEnd Run();
  // One turn that waits at most `wait_milliseconds`.
  ServerEnd RunOnce(int wait_milliseconds);
  // Reads no further request; RunOnce ends once all is answered.
  void Stop();
  // Why it is kBroken; a literal.
  const char* fault() const { return fault_; }
  size_t connections() const { return count_; }

 private:
  Server(const ServerChannels& channels, Turn& turn, KeeperClient& keeper,
         base::Clock& clock, Metrics& metrics);

  base::Status Watch(int fd, uint64_t tag, uint32_t events, int operation);
  base::Status TakeArrivals();
  void OnConnectionEvent(uint32_t slot, uint32_t events);
  void OnDiscard(Connection& connection);
  // Begins every request of the input that may begin.
  void Process(Connection& connection);
  bool BeginRequest(Connection& connection);
  void Refuse(Connection& connection, const api::Problem& problem);
  Exchange& NewExchange(Connection& connection);
  // True when the request has to wait until the vault's state is known.
  bool WaitsForStatus(Connection& connection, const Route* route);
  void Deliver();
  void ProcessStalled();
  void Flush();
  void FlushOne(Connection& connection);
  void UpdateEvents(Connection& connection);
  void UpdatePhase(Connection& connection);
  void CheckDeadlines();
  void CheckDeadline(Connection& connection);
  void Touch(Connection& connection);
  void Close(Connection& connection);
  void Stall(Connection& connection);
  ServerEnd EndTurn(bool keeper_readable);
  ServerEnd Broken(const base::Error& error);
  int WaitMilliseconds(int most) const;

  ServerChannels channels_;
  Turn& turn_;
  KeeperClient& keeper_;
  base::Clock& clock_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> touched_;  // slots with output or news this turn
  std::vector<uint32_t> stalled_;
  // Freed at the turn's end, when no event names them any more.
  std::vector<std::unique_ptr<Connection>> closed_;
  std::vector<uint32_t> closed_slots_;
  size_t count_ = 0;
  bool stopping_ = false;
  bool descriptors_open_ = true;
  bool keeper_watched_for_write_ = false;
  uint64_t now_ = 0;
  uint64_t stop_at_ = 0;
  uint64_t checked_at_ = 0;
  bool again_ = false;  // a stalled connection may go on
  const char* fault_ = "";
};

}  // namespace coffer::gate
