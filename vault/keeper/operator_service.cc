#include "vault/keeper/operator_service.h"

#include <errno.h>
#include <unistd.h>

#include "crypto/self_test.h"

namespace coffer::keeper {
namespace {

using base::Decoder;
using base::Encoder;
using base::MutableBytes;
using wire::OperatorCode;
using wire::OperatorOp;

constexpr size_t kTailBytes = 256 * 1024;

OperatorCode CodeOf(base::Code code) {
  switch (code) {
    case base::Code::kSealed:
      return OperatorCode::kSealed;
    case base::Code::kNewerFormat:
      return OperatorCode::kNewerFormat;
    default:
      return OperatorCode::kRefused;
  }
}

// What the policy alone says of a link that consents to everything.
wire::ExplainAnswer Judge(const wire::Policy& policy,
                          const wire::ExplainQuestion& question) {
  wire::ExplainAnswer answer;
  const int caller = FindCaller(policy, question.caller);
  const int institution = FindInstitution(policy, question.institution);
  const int purpose = FindPurpose(policy, question.purpose);
  if (purpose < 0) {
    answer.rule = wire::Rule::kUnknownPurpose;
    return answer;
  }
  if (caller < 0 || institution < 0) {
    answer.rule = caller < 0 ? wire::Rule::kUnknownCaller
                             : wire::Rule::kUnknownInstitution;
    return answer;
  }
  // A consent to everything, so that only the policy narrows.
  wire::Consent consent;
  consent.purposes.push_back(question.purpose);
  for (const wire::Name& cluster : policy.clusters) {
    consent.clusters.push_back(cluster.view());
  }
  LinkFacts facts;
  facts.institution = institution;
  facts.consent = &consent;
  facts.expires_at = base::kTokenSecondsMax;
  bool decided = false;
  ClusterSet scope = 0;
  answer.rule = wire::Rule::kNoIssueRule;
  for (size_t audience = 0; audience < policy.callers.size; ++audience) {
    const std::string_view name = policy.callers[audience].name.view();
    AccessRequest request;
    wire::Rule rule = ResolveRequest(policy, caller, question.purpose, name,
                                     question.scope, request);
    if (rule == wire::Rule::kAllowed) rule = DecideWithoutLink(policy, request);
    if (rule == wire::Rule::kAudienceNotInRule) continue;
    Access access;
    if (rule == wire::Rule::kAllowed) {
      access = DecideWithLink(policy, request, facts, 0);
      rule = access.rule;
    }
    if (rule == wire::Rule::kAllowed) {
      answer.audiences.push_back(name);
      answer.ttl_seconds_max = access.ttl_seconds_max;
      scope |= access.scope;
    }
    if (!decided || rule == wire::Rule::kAllowed) answer.rule = rule;
    decided = true;
  }
  for (size_t i = 0; i < policy.clusters.size; ++i) {
    if ((scope >> i) & 1) answer.scope.push_back(policy.clusters[i].view());
  }
  return answer;
}

}  // namespace

OperatorService::OperatorService(Vault& vault, Journal& journal,
                                 Connections& connections,
                                 base::SecretArena& arena, bool sandboxed)
    : vault_(vault),
      journal_(journal),
      connections_(connections),
      arena_(arena),
      sandboxed_(sandboxed),
      leaves_(new uint8_t[kTailBytes]) {
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
    Reply<wire::EmptyAnswer>(session, header.op, OperatorCode::kNewerFormat,
                             "this coffer is newer than the keeper; update it",
                             nullptr);
    session.close_after = true;
  } else if (header.format != wire::kOperatorFormat) {
    Malformed(session, header.op);
  } else {
    Handle(session, connection.peer.uid, header.op, decoder.rest());
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

void OperatorService::Handle(Session& session, uint32_t uid, OperatorOp op,
                             Bytes body) {
  switch (op) {
    case OperatorOp::kStatus:
      return ReportStatus(session);
    case OperatorOp::kInit:
    case OperatorOp::kUnseal: {
      // One copy of the slot's secret, wiped below.
      wire::OpenQuestion question;
      Decoder decoder(body);
      decoder.Struct(question);
      if (!decoder.finished()) {
        Malformed(session, op);
      } else if (op == OperatorOp::kUnseal) {
        Finish(session, op, vault_.Unseal(question, uid));
      } else if (auto slot = vault_.Init(question, uid); slot.ok()) {
        const wire::InitAnswer answer{*slot};
        Reply(session, op, OperatorCode::kDone, "", &answer);
      } else {
        Fail(session, op, slot.error());
      }
      base::Wipe(question.secret);
      return;
    }
    case OperatorOp::kSeal:
      return Finish(session, op, vault_.Seal(uid));
    case OperatorOp::kSelfTest:
      return RunSelfTests(session, uid);
    case OperatorOp::kPolicyLoad: {
      auto question = base::DecodeWhole<wire::PolicyBytes>(body);
      if (!question.ok()) return Malformed(session, op);
      return Finish(session, op, vault_.LoadPolicy(question->policy, uid));
    }
    case OperatorOp::kPolicyShow: {
      if (vault_.state() != wire::VaultState::kOperational) {
        return Fail(session, op,
                    base::Fail(base::Code::kSealed, "sealed; unseal first"));
      }
      const wire::PolicyBytes answer{vault_.policy_bytes(), {}};
      return Reply(session, op, OperatorCode::kDone, "", &answer);
    }
    case OperatorOp::kPolicyExplain:
      return Explain(session, body);
    case OperatorOp::kAuditTail:
      return Tail(session, body);
    case OperatorOp::kClockAccept:
      return Finish(session, op, vault_.AcceptClock(uid));
    default:
      break;
  }
  Malformed(session, op);
}

template <typename Fields>
void OperatorService::Reply(Session& session, OperatorOp op, OperatorCode code,
                            std::string_view message, const Fields* fields) {
  wire::OperatorAnswerHeader header;
  header.op = op;
  header.code = code;
  header.message = message.substr(0, wire::kOperatorMessageBytesMax);
  Encoder encoder(MutableBytes(session.out.get(), kFrameBytes)
                      .subspan(wire::kOperatorFrameHeaderBytes));
  encoder.Struct(header);
  if (fields != nullptr) encoder.Struct(*fields);
  COFFER_CHECK(!encoder.failed());
  Encoder length(
      MutableBytes(session.out.get(), wire::kOperatorFrameHeaderBytes));
  length.Number(static_cast<uint32_t>(encoder.used()));
  session.out_used = wire::kOperatorFrameHeaderBytes + encoder.used();
  session.out_sent = 0;
}

void OperatorService::Fail(Session& session, OperatorOp op,
                           const base::Error& error) {
  Reply<wire::EmptyAnswer>(session, op, CodeOf(error.code), error.message,
                           nullptr);
}

void OperatorService::Finish(Session& session, OperatorOp op,
                             const base::Status& status) {
  if (!status.ok()) return Fail(session, op, status.error());
  const wire::EmptyAnswer done;
  Reply(session, op, OperatorCode::kDone, "", &done);
}

void OperatorService::Malformed(Session& session, OperatorOp op) {
  Reply<wire::EmptyAnswer>(session, op, OperatorCode::kMalformed,
                           "malformed question; is coffer of this version?",
                           nullptr);
  session.close_after = true;
}

void OperatorService::ReportStatus(Session& session) {
  wire::OperatorStatus status;
  vault_.FillStatus(status);
  status.callers = static_cast<uint32_t>(connections_.count(Listener::kCaller));
  status.monitors =
      static_cast<uint32_t>(connections_.count(Listener::kMonitor));
  status.operators =
      static_cast<uint32_t>(connections_.count(Listener::kOperator));
  status.sandboxed = sandboxed_;
  Reply(session, OperatorOp::kStatus, OperatorCode::kDone, "", &status);
}

void OperatorService::RunSelfTests(Session& session, uint32_t uid) {
  const crypto::SelfTestReport report = crypto::RunSelfTests(arena_);
  uint32_t failed = 0;
  for (size_t i = 0; i < report.size; ++i) failed += !report.rows[i].passed;
  base::Status logged = vault_.LogSelfTest(uid, failed);
  if (!logged.ok()) {
    return Fail(session, OperatorOp::kSelfTest, logged.error());
  }
  wire::SelfTestAnswer answer;
  for (size_t i = 0; i < report.size; ++i) {
    answer.results.push_back({report.rows[i].algorithm, report.rows[i].passed});
  }
  Reply(session, OperatorOp::kSelfTest, OperatorCode::kDone, "", &answer);
}

void OperatorService::Explain(Session& session, Bytes body) {
  auto question = base::DecodeWhole<wire::ExplainQuestion>(body);
  if (!question.ok()) return Malformed(session, OperatorOp::kPolicyExplain);
  if (vault_.state() != wire::VaultState::kOperational) {
    return Fail(session, OperatorOp::kPolicyExplain,
                base::Fail(base::Code::kSealed, "sealed; unseal first"));
  }
  const wire::ExplainAnswer answer = Judge(vault_.policy(), *question);
  Reply(session, OperatorOp::kPolicyExplain, OperatorCode::kDone, "", &answer);
}

void OperatorService::Tail(Session& session, Bytes body) {
  auto question = base::DecodeWhole<wire::TailQuestion>(body);
  if (!question.ok() || question->count == 0 ||
      question->count > wire::kTailLeavesMax) {
    return Malformed(session, OperatorOp::kAuditTail);
  }
  if (vault_.state() != wire::VaultState::kOperational) {
    return Fail(session, OperatorOp::kAuditTail,
                base::Fail(base::Code::kSealed, "sealed; unseal first"));
  }
  wire::TailAnswer answer;
  base::Status read =
      journal_.ReadTail(question->from, question->count,
                        MutableBytes(leaves_.get(), kTailBytes), answer);
  if (!read.ok()) return Fail(session, OperatorOp::kAuditTail, read.error());
  Reply(session, OperatorOp::kAuditTail, OperatorCode::kDone, "", &answer);
}

}  // namespace coffer::keeper
