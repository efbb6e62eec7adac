#include "vault/keeper/operator_service.h"

#include <errno.h>
#include <unistd.h>

namespace coffer::keeper {

using base::Decoder;
using base::Encoder;
using base::MutableBytes;
using wire::OperatorCode;
using wire::OperatorOp;

OperatorService::OperatorService(Connections& connections,
                                 OperatorCommands& commands)
    : connections_(connections), commands_(commands) {
  for (Session& session : sessions_) {
    session.in.reset(new uint8_t[kFrameBytes]);
    session.out.reset(new uint8_t[kFrameBytes]);
  }
}

OperatorService::Session* OperatorService::Find(wire::ConnectionId id) {
  for (Session& session : sessions_) {
    if (session.id == id) return &session;
  }
  return nullptr;
}

bool OperatorService::Attach(const Connection& connection) {
  Session* session = Find(0);
  if (session == nullptr) return false;
  session->id = connection.id;
  return true;
}

void OperatorService::Detach(wire::ConnectionId id) {
  Session* session = Find(id);
  if (session == nullptr) return;
  base::Wipe({session->in.get(), session->in_used});
  session->id = 0;
  session->in_used = session->out_used = session->out_sent = 0;
  session->close_after = false;
}

bool OperatorService::Whole(const Session& session, uint32_t& bytes) {
  if (session.id == 0 || session.in_used < wire::kOperatorFrameHeaderBytes) {
    return false;
  }
  Decoder decoder(Bytes(session.in.get(), wire::kOperatorFrameHeaderBytes));
  decoder.Number(bytes);
  // One that is too long is answered at once, as malformed.
  return bytes > base::kOperatorFrameBytesMax ||
         session.in_used >= wire::kOperatorFrameHeaderBytes + bytes;
}

bool OperatorService::Receive(Connection& connection) {
  Session* session = Find(connection.id);
  if (session == nullptr) return false;
  if (session->in_used == kFrameBytes) return true;  // answered first
  const ssize_t got =
      read(connection.fd.get(), session->in.get() + session->in_used,
           kFrameBytes - session->in_used);
  if (got > 0) {
    session->in_used += static_cast<size_t>(got);
    return true;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

bool OperatorService::waiting() const {
  uint32_t bytes = 0;
  for (const Session& session : sessions_) {
    if (session.out_used == 0 && Whole(session, bytes)) return true;
  }
  return false;
}

bool OperatorService::sending(wire::ConnectionId id) const {
  for (const Session& session : sessions_) {
    if (session.id == id) return session.out_used != 0;
  }
  return false;
}

void OperatorService::AnswerAll(
    base::BoundedList<wire::ConnectionId, base::kOperatorConnectionsMax>&
        close) {
  for (Session& session : sessions_) {
    uint32_t bytes = 0;
    if (session.out_used != 0 || !Whole(session, bytes)) continue;
    Connection* connection = connections_.Find(session.id);
    if (connection == nullptr) continue;
    Answer(session, *connection);
    if (!Send(*connection)) close.push_back(connection->id);
  }
}

bool OperatorService::Send(Connection& connection) {
  Session* session = Find(connection.id);
  if (session == nullptr) return false;
  while (session->out_sent < session->out_used) {
    const ssize_t put =
        write(connection.fd.get(), session->out.get() + session->out_sent,
              session->out_used - session->out_sent);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    session->out_sent += static_cast<size_t>(put);
  }
  const bool keep = !session->close_after;
  session->out_used = session->out_sent = 0;
  return keep;
}

void OperatorService::Answer(Session& session, Connection& connection) {
  uint32_t bytes = 0;
  Whole(session, bytes);
  if (bytes > base::kOperatorFrameBytesMax || bytes < 2) {
    Malformed(session, OperatorOp::kStatus);
    base::Wipe({session.in.get(), session.in_used});
    session.in_used = 0;
    return;
  }
  const size_t frame = wire::kOperatorFrameHeaderBytes + bytes;
  Decoder decoder(
      Bytes(session.in.get() + wire::kOperatorFrameHeaderBytes, bytes));
  wire::OperatorQuestionHeader header;
  decoder.Struct(header);
  if (header.format > wire::kOperatorFormat) {
    Reply(session, header.op,
          {OperatorCode::kNewerFormat,
           "this coffer is newer than the keeper; update it"});
    session.close_after = true;
  } else if (header.format != wire::kOperatorFormat) {
    Malformed(session, header.op);
  } else {
    const CommandOutcome outcome = commands_.Handle(
        header.op, decoder.rest(), connection.peer.uid, FieldsRoom(session));
    Reply(session, header.op, outcome);
    session.close_after = outcome.code == OperatorCode::kMalformed;
  }
  // The question may have carried a slot's secret.
  base::Wipe({session.in.get(), frame});
  const size_t rest = session.in_used - frame;
  if (rest > 0) {
    std::memmove(session.in.get(), session.in.get() + frame, rest);
    base::Wipe({session.in.get() + rest, frame});
  }
  session.in_used = rest;
}

// Where the answer's fields are encoded: behind the longest header there is.
MutableBytes OperatorService::FieldsRoom(Session& session) {
  return MutableBytes(session.out.get(), kFrameBytes).subspan(kFieldsOffset);
}

void OperatorService::Reply(Session& session, OperatorOp op,
                            const CommandOutcome& outcome) {
  wire::OperatorAnswerHeader header;
  header.op = op;
  header.code = outcome.code;
  header.message = outcome.message.substr(0, wire::kOperatorMessageBytesMax);
  Encoder encoder(MutableBytes(session.out.get(), kFieldsOffset)
                      .subspan(wire::kOperatorFrameHeaderBytes));
  encoder.Struct(header);
  COFFER_CHECK(!encoder.failed());
  uint8_t* const fields =
      session.out.get() + wire::kOperatorFrameHeaderBytes + encoder.used();
  std::memmove(fields, session.out.get() + kFieldsOffset, outcome.used);
  const size_t bytes = encoder.used() + outcome.used;
  Encoder length(
      MutableBytes(session.out.get(), wire::kOperatorFrameHeaderBytes));
  length.Number(static_cast<uint32_t>(bytes));
  session.out_used = wire::kOperatorFrameHeaderBytes + bytes;
  session.out_sent = 0;
}

void OperatorService::Malformed(Session& session, OperatorOp op) {
  Reply(session, op, MalformedQuestion());
  session.close_after = true;
}

}  // namespace coffer::keeper
