// The operator socket's end in the keeper: one question at a time from each of
// a few connections, answered in turn. A malformed frame is answered and the
// connection closed; it never ends the keeper. Buffers are made at start and
// wiped after every question, which may carry a slot's secret.
#pragma once

#include <memory>

#include "vault/keeper/connections.h"
#include "vault/keeper/operator_commands.h"

namespace coffer::keeper {

class OperatorService {
 public:
  OperatorService(Connections& connections, OperatorCommands& commands);

  // A place for a new connection; false when none is left.
  bool Attach(const Connection& connection);
  void Detach(wire::ConnectionId id);
  // Reads what is there. False: the connection is to be closed.
  bool Receive(Connection& connection);
  // A whole question waits to be answered.
  bool waiting() const;
  // Answers every waiting question; only while the batches are settled. Adds
  // the connections that are to be closed to `close`.
  void AnswerAll(base::BoundedList<wire::ConnectionId,
                                   base::kOperatorConnectionsMax>& close);
  // Sends what is left of an answer. False: the connection is to be closed.
  bool Send(Connection& connection);
  bool sending(wire::ConnectionId id) const;
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Session& session : sessions_) {
      if (session.id != 0) visit(session.id);
    }
  }

 private:
  struct Session {
    wire::ConnectionId id = 0;
    std::unique_ptr<uint8_t[]> in;
    std::unique_ptr<uint8_t[]> out;
    size_t in_used = 0;
    size_t out_used = 0;
    size_t out_sent = 0;
    bool close_after = false;
  };
  static constexpr size_t kFrameBytes =
      wire::kOperatorFrameHeaderBytes + base::kOperatorFrameBytesMax;
  static constexpr size_t kFieldsOffset =
      wire::kOperatorFrameHeaderBytes + 3 + 2 + wire::kOperatorMessageBytesMax;

  Session* Find(wire::ConnectionId id);
  static bool Whole(const Session& session, uint32_t& bytes);
  void Answer(Session& session, Connection& connection);
  base::MutableBytes FieldsRoom(Session& session);
  void Reply(Session& session, wire::OperatorOp op,
             const CommandOutcome& outcome);
  void Malformed(Session& session, wire::OperatorOp op);

  Connections& connections_;
  OperatorCommands& commands_;
  Session sessions_[base::kOperatorConnectionsMax];
};

}  // namespace coffer::keeper
