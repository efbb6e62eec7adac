// The keeper's event loop: accepts on all three sockets, hands callers and
// monitors to the gate, serves operators, and pumps batches between quiet
// moments. Runs in the keeper's main thread; everything it uses was made before
// the sandbox.
#pragma once

#include "vault/keeper/batch_channel.h"
#include "vault/keeper/operator_service.h"

namespace coffer::keeper {

// What the keeper inherits, by number.
enum InheritedFd : int {
  kBatchFd = 3,
  kDescriptorFd = 4,
  kCallerListenFd = 5,
  kOperatorListenFd = 6,
  kMonitorListenFd = 7,
  kStateFd = 8,
  kJournalAFd = 9,
  kJournalBFd = 10,
  // A key file, a credential, the end of a pipe, or /dev/null for none.
  kUnsealFd = 11,
};

class Loop {
 public:
  struct Parts {
    Journal& journal;
    Connections& connections;
    Operation::Shared& shared;
    OperatorService& operators;
    OperatorCommands& commands;
    KeyService& keys;
  };
  Loop(const Parts& parts, int epoll_fd, int event_fd);

  // Registers everything with epoll; before the sandbox.
  base::Status Prepare();
  // Until the gate ends. Returns the exit code: 0 when it ended cleanly.
  int Run();

 private:
  using Closing =
      base::BoundedList<wire::ConnectionId, base::kOperatorConnectionsMax>;

  void Handle(uint64_t tag, uint32_t events);
  void Accept(Listener listener, int fd);
  bool PassOn(Connection& connection);
  void Hold(Connection& connection);
  void Resume();
  void ServeOperator(Connection& connection, uint32_t events);
  // Operators' questions, or what time does, that want a quiet moment.
  bool QuietWanted() const {
    return operators_.waiting() || keys_.due() || commands_.due();
  }
  void ServeQuestions();
  void WatchOperator(const Connection& connection);
  void Close(Connection& connection);
  bool Watch(int operation, int fd, uint32_t events, uint64_t tag);
  int End(BatchChannel::Outcome outcome);

  Journal& journal_;
  Connections& connections_;
  Operation::Shared& shared_;
  Vault& vault_;
  OperatorService& operators_;
  OperatorCommands& commands_;
  KeyService& keys_;
  BatchChannel batches_;
  const int epoll_fd_;
  const int event_fd_;
  // Accepted while the descriptor channel was full; nothing is accepted until
  // it is passed on.
  wire::ConnectionId held_ = 0;
  uint64_t ticked_at_ = 0;  // milliseconds
};

// One line to standard error: "coffer-keeper: text".
void LogLine(const char* text);

}  // namespace coffer::keeper
