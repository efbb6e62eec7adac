#include "vault/keeper/operator_commands.h"

#include "crypto/self_test.h"
#include "vault/keeper/explain.h"

namespace coffer::keeper {
namespace {

using base::Code;
using base::Encoder;
using base::MutableBytes;
using wire::OperatorCode;
using wire::OperatorOp;

constexpr size_t kTailBytes = 256 * 1024;

CommandOutcome Refused(const base::Error& error) {
  switch (error.code) {
    case Code::kSealed:
      return {OperatorCode::kSealed, error.message};
    case Code::kNewerFormat:
      return {OperatorCode::kNewerFormat, error.message};
    default:
      return {OperatorCode::kRefused, error.message};
  }
}

template <typename Fields>
CommandOutcome Done(MutableBytes out, const Fields& fields) {
  Encoder encoder(out);
  encoder.Struct(fields);
  COFFER_CHECK(!encoder.failed());
  return {OperatorCode::kDone, "", encoder.used()};
}

CommandOutcome Finish(const Status& status) {
  if (!status.ok()) return Refused(status.error());
  return {};
}

template <typename Fields>
CommandOutcome Finish(const Status& status, MutableBytes out,
                      const Fields& fields) {
  if (!status.ok()) return Refused(status.error());
  return Done(out, fields);
}

// A question with a slot's secret; its one copy is wiped here.
template <typename Question>
struct SecretCopy {
  explicit SecretCopy(Bytes body) {
    base::Decoder decoder(body);
    decoder.Struct(question);
    whole = decoder.finished();
  }
  ~SecretCopy() { base::Wipe(question.secret); }
  SecretCopy(const SecretCopy&) = delete;
  SecretCopy& operator=(const SecretCopy&) = delete;

  Question question;
  bool whole = false;
};

}  // namespace

CommandOutcome MalformedQuestion() {
  return {OperatorCode::kMalformed,
          "malformed question; is coffer of this version?"};
}

OperatorCommands::OperatorCommands(Operation::Shared& shared, Journal& journal,
                                   KeyService& keys, SlotService& slots,
                                   bool sandboxed)
    : shared_(shared),
      vault_(shared.vault),
      journal_(journal),
      keys_(keys),
      slots_(slots),
      quorum_(shared.vault),
      transfer_(shared),
      sandboxed_(sandboxed),
      leaves_(new uint8_t[kTailBytes]) {}

void OperatorCommands::Tick() {
  quorum_.Tick();
  transfer_.Tick();
  slots_.Tick();
}

CommandOutcome OperatorCommands::Handle(OperatorOp op, Bytes body, uint32_t uid,
                                        MutableBytes out) {
  // Of a new slot the secret goes no further than the proof that it opens the
  // root.
  if (op == OperatorOp::kSlotAdd) {
    SecretCopy<wire::SlotQuestion> copy(body);
    if (!copy.whole) return MalformedQuestion();
    PreparedSlot prepared;
    Status proven = slots_.Prepare(copy.question, prepared);
    if (!proven.ok()) return Refused(proven.error());
    uint8_t bytes[512];
    auto size = base::EncodeWhole(MutableBytes(bytes), prepared);
    COFFER_CHECK(size.ok());
    return Guard(op, Bytes(bytes, *size), uid, out);
  }
  return Guard(op, body, uid, out);
}

CommandOutcome OperatorCommands::Guard(OperatorOp op, Bytes body, uint32_t uid,
                                       MutableBytes out) {
  if (vault_.state() != wire::VaultState::kOperational ||
      !quorum_.Guards(op, body)) {
    return Perform(op, body, uid, out);
  }
  Status may = MayPropose(op, body);
  if (!may.ok()) return Refused(may.error());
  wire::AwaitingAnswer awaiting;
  Status proposed = quorum_.Propose(op, body, uid, awaiting);
  if (!proposed.ok()) return Refused(proposed.error());
  CommandOutcome outcome = Done(out, awaiting);
  outcome.code = OperatorCode::kAwaitsApproval;
  return outcome;
}

// Nobody is asked to approve what would be refused. A question that does not
// decode is none that Guards names.
Status OperatorCommands::MayPropose(OperatorOp op, Bytes body) const {
  switch (op) {
    case OperatorOp::kKeyDestroy: {
      auto question = base::DecodeWhole<wire::KeyQuestion>(body);
      return question.ok() ? keys_.MayDestroy(*question) : Status();
    }
    case OperatorOp::kInstitutionChange: {
      auto question = base::DecodeWhole<wire::InstitutionQuestion>(body);
      return question.ok() ? keys_.MayChange(*question) : Status();
    }
    case OperatorOp::kSlotRemove: {
      auto question = base::DecodeWhole<wire::SlotIdQuestion>(body);
      return question.ok() ? slots_.MayRemove(question->slot) : Status();
    }
    default:
      return {};
  }
}

CommandOutcome OperatorCommands::Perform(OperatorOp op, Bytes body,
                                         uint32_t uid, MutableBytes out) {
  switch (op) {
    case OperatorOp::kStatus:
      return ReportStatus(out);
    case OperatorOp::kInit:
    case OperatorOp::kUnseal:
    case OperatorOp::kKeyImport:
      return Open(op, body, uid, out);
    case OperatorOp::kSeal:
      return Finish(vault_.Seal(uid));
    case OperatorOp::kSelfTest:
      return RunSelfTests(uid, out);
    case OperatorOp::kPolicyLoad: {
      auto question = base::DecodeWhole<wire::PolicyBytes>(body);
      if (!question.ok()) return MalformedQuestion();
      return Finish(vault_.LoadPolicy(*question, uid));
    }
    case OperatorOp::kAuditTail:
      return Tail(body, out);
    case OperatorOp::kClockAccept:
      return Finish(vault_.AcceptClock(uid));
    case OperatorOp::kUnsealShare:
    case OperatorOp::kUnsealCancel:
      return Share(op, body, uid, out);
    default:
      break;
  }
  if (vault_.state() != wire::VaultState::kOperational &&
      op != OperatorOp::kZeroize) {
    return Refused(base::Fail(Code::kSealed, "sealed; unseal first"));
  }
  switch (op) {
    case OperatorOp::kPolicyShow:
      return Done(out,
                  wire::PolicyBytes{vault_.policy_bytes(), vault_.quorum()});
    case OperatorOp::kPolicyExplain: {
      auto question = base::DecodeWhole<wire::ExplainQuestion>(body);
      if (!question.ok()) return MalformedQuestion();
      return Done(out, Explain(vault_.policy(), *question));
    }
    case OperatorOp::kSlotAdd:
    case OperatorOp::kSlotRemove:
    case OperatorOp::kSlotTest:
      return Slot(op, body, uid, out);
    case OperatorOp::kKeyList:
    case OperatorOp::kKeyRotate:
    case OperatorOp::kKeyCompromise:
    case OperatorOp::kKeyDestroy:
    case OperatorOp::kInstitutionList:
    case OperatorOp::kInstitutionChange:
      return Key(op, body, uid, out);
    case OperatorOp::kOperationList:
    case OperatorOp::kOperationShow:
    case OperatorOp::kOperationApprove:
    case OperatorOp::kOperationCancel:
      return Approvals(op, body, uid, out);
    case OperatorOp::kBrakeList:
    case OperatorOp::kBrakeRelease:
    case OperatorOp::kRevokeTokens:
      return Limit(op, body, uid, out);
    case OperatorOp::kKeyExport:
    case OperatorOp::kJudgeLinks:
    case OperatorOp::kRestore:
    case OperatorOp::kZeroize:
      return Move(op, body, uid, out);
    default:
      return MalformedQuestion();
  }
}

CommandOutcome OperatorCommands::Open(OperatorOp op, Bytes body, uint32_t uid,
                                      MutableBytes out) {
  if (op == OperatorOp::kKeyImport) return Import(body, uid, out);
  SecretCopy<wire::OpenQuestion> copy(body);
  if (!copy.whole) return MalformedQuestion();
  if (op == OperatorOp::kUnseal) {
    return Finish(slots_.Unseal(copy.question, uid));
  }
  auto slot = vault_.Init(copy.question, uid);
  if (!slot.ok()) return Refused(slot.error());
  return Done(out, wire::InitAnswer{*slot});
}

CommandOutcome OperatorCommands::Import(Bytes body, uint32_t uid,
                                        MutableBytes out) {
  Status may = slots_.CheckPause();
  if (!may.ok()) return Refused(may.error());
  wire::ImportQuestion question;
  base::Decoder decoder(body);
  decoder.Struct(question);
  Result<uint8_t> slot = decoder.finished()
                             ? transfer_.Import(question, uid)
                             : base::Fail(Code::kInvalid, "malformed");
  base::Wipe(question.open.secret);
  if (!decoder.finished()) return MalformedQuestion();
  Status judged = slots_.Judge(slot.ok() ? Status() : slot.error());
  if (!judged.ok()) return Refused(judged.error());
  return Done(out, wire::InitAnswer{*slot});
}

CommandOutcome OperatorCommands::Slot(OperatorOp op, Bytes body, uint32_t uid,
                                      MutableBytes out) {
  if (op == OperatorOp::kSlotAdd) {
    auto prepared = base::DecodeWhole<PreparedSlot>(body);
    if (!prepared.ok()) return MalformedQuestion();
    auto slot = slots_.Add(*prepared, uid);
    if (!slot.ok()) return Refused(slot.error());
    return Done(out, wire::InitAnswer{*slot});
  }
  if (op == OperatorOp::kSlotRemove) {
    auto question = base::DecodeWhole<wire::SlotIdQuestion>(body);
    if (!question.ok()) return MalformedQuestion();
    return Finish(slots_.Remove(question->slot, uid));
  }
  SecretCopy<wire::SlotQuestion> copy(body);
  if (!copy.whole) return MalformedQuestion();
  return Finish(slots_.Test(copy.question, uid));
}

CommandOutcome OperatorCommands::Share(OperatorOp op, Bytes body, uint32_t uid,
                                       MutableBytes out) {
  auto question = base::DecodeWhole<wire::ShareQuestion>(body);
  if (!question.ok()) return MalformedQuestion();
  if (op == OperatorOp::kUnsealCancel) {
    return Finish(slots_.CancelShares(question->share, uid));
  }
  wire::ShareAnswer answer;
  return Finish(slots_.GiveShare(question->share, uid, answer), out, answer);
}

CommandOutcome OperatorCommands::Key(OperatorOp op, Bytes body, uint32_t uid,
                                     MutableBytes out) {
  switch (op) {
    case OperatorOp::kKeyList: {
      auto question = base::DecodeWhole<wire::KeyListQuestion>(body);
      if (!question.ok()) return MalformedQuestion();
      wire::KeyListAnswer answer;
      return Finish(keys_.List(*question, answer), out, answer);
    }
    case OperatorOp::kInstitutionList: {
      auto question = base::DecodeWhole<wire::KeyListQuestion>(body);
      if (!question.ok()) return MalformedQuestion();
      wire::InstitutionListAnswer answer;
      return Finish(keys_.ListInstitutions(*question, answer), out, answer);
    }
    case OperatorOp::kKeyRotate: {
      auto question = base::DecodeWhole<wire::RotateQuestion>(body);
      if (!question.ok()) return MalformedQuestion();
      auto started = keys_.Rotate(*question, uid);
      if (!started.ok()) return Refused(started.error());
      return Done(out, wire::RotateAnswer{*started});
    }
    case OperatorOp::kInstitutionChange: {
      auto question = base::DecodeWhole<wire::InstitutionQuestion>(body);
      if (!question.ok()) return MalformedQuestion();
      return Finish(keys_.ChangeInstitution(*question, uid));
    }
    default:
      break;
  }
  auto question = base::DecodeWhole<wire::KeyQuestion>(body);
  if (!question.ok()) return MalformedQuestion();
  if (op == OperatorOp::kKeyCompromise) {
    return Finish(keys_.Compromise(*question, uid));
  }
  auto planned = keys_.Destroy(*question, uid);
  if (!planned.ok()) return Refused(planned.error());
  return Done(out, wire::DestroyAnswer{*planned});
}

CommandOutcome OperatorCommands::Approvals(OperatorOp op, Bytes body,
                                           uint32_t uid, MutableBytes out) {
  if (op == OperatorOp::kOperationList) {
    wire::OperationListAnswer answer;
    return Finish(quorum_.List(answer), out, answer);
  }
  if (op == OperatorOp::kOperationApprove) {
    auto question = base::DecodeWhole<wire::ApproveQuestion>(body);
    if (!question.ok()) return MalformedQuestion();
    wire::ApproveAnswer answer;
    Quorum::Approved approved;
    Status added = quorum_.Approve(*question, uid, answer, approved);
    if (!added.ok()) return Refused(added.error());
    if (approved.complete) {
      const CommandOutcome carried =
          Perform(approved.op, approved.body, approved.uid, out);
      answer.carried_out = carried.code == OperatorCode::kDone;
      answer.message = carried.message;
      quorum_.Forget(question->id);
    }
    return Done(out, answer);
  }
  auto question = base::DecodeWhole<wire::OperationQuestion>(body);
  if (!question.ok()) return MalformedQuestion();
  if (op == OperatorOp::kOperationCancel) {
    return Finish(quorum_.Cancel(question->id, uid));
  }
  wire::OperationShowAnswer answer;
  return Finish(quorum_.Show(question->id, answer), out, answer);
}

CommandOutcome OperatorCommands::Limit(OperatorOp op, Bytes body, uint32_t uid,
                                       MutableBytes out) {
  if (op == OperatorOp::kBrakeList) {
    auto question = base::DecodeWhole<wire::BrakeListQuestion>(body);
    if (!question.ok()) return MalformedQuestion();
    wire::BrakeListAnswer answer;
    vault_.ListBrakes(question->from, answer);
    return Done(out, answer);
  }
  if (op == OperatorOp::kBrakeRelease) {
    auto question = base::DecodeWhole<wire::BrakeQuestion>(body);
    if (!question.ok()) return MalformedQuestion();
    return Finish(vault_.ReleaseBrake(question->id, uid));
  }
  auto question = base::DecodeWhole<wire::RevokeTokensQuestion>(body);
  if (!question.ok()) return MalformedQuestion();
  return Finish(vault_.RevokeTokens(*question, uid));
}

CommandOutcome OperatorCommands::Move(OperatorOp op, Bytes body, uint32_t uid,
                                      MutableBytes out) {
  if (op == OperatorOp::kZeroize) return Finish(transfer_.Zeroize());
  if (op == OperatorOp::kKeyExport) {
    auto question = base::DecodeWhole<wire::ExportQuestion>(body);
    if (!question.ok()) return MalformedQuestion();
    wire::ExportAnswer answer;
    if (question->stored != 0) {
      answer.generation = question->stored;
      return Finish(transfer_.Exported(question->stored), out, answer);
    }
    // Behind where its own head goes.
    MutableBytes room = out.last(base::kKeyExportBytesMax);
    auto size = transfer_.Export(room, uid);
    if (!size.ok()) return Refused(size.error());
    answer.generation = vault_.keyring_generation();
    answer.bytes = room.first(*size);
    return Done(out, answer);
  }
  if (op == OperatorOp::kJudgeLinks) {
    auto question = base::DecodeWhole<wire::JudgeQuestion>(body);
    if (!question.ok()) return MalformedQuestion();
    wire::JudgeAnswer answer;
    return Finish(transfer_.Judge(*question, answer), out, answer);
  }
  auto question = base::DecodeWhole<wire::RestoreQuestion>(body);
  if (!question.ok()) return MalformedQuestion();
  wire::RestoreAnswer answer;
  return Finish(transfer_.Restore(*question, uid, answer), out, answer);
}

CommandOutcome OperatorCommands::ReportStatus(MutableBytes out) {
  wire::OperatorStatus status;
  vault_.FillStatus(status);
  slots_.FillStatus(status);
  const Connections& connections = shared_.connections;
  status.callers = static_cast<uint32_t>(connections.count(Listener::kCaller));
  status.monitors =
      static_cast<uint32_t>(connections.count(Listener::kMonitor));
  status.operators =
      static_cast<uint32_t>(connections.count(Listener::kOperator));
  status.sandboxed = sandboxed_;
  status.awaiting = quorum_.awaiting();
  return Done(out, status);
}

CommandOutcome OperatorCommands::RunSelfTests(uint32_t uid, MutableBytes out) {
  const crypto::SelfTestReport report = crypto::RunSelfTests(vault_.arena());
  // One that failed is told row by row; the state says so too.
  Status logged = vault_.LogSelfTest(uid, report);
  if (!logged.ok() && report.passed()) return Refused(logged.error());
  wire::SelfTestAnswer answer;
  for (size_t i = 0; i < report.size; ++i) {
    answer.results.push_back({report.rows[i].algorithm, report.rows[i].passed});
  }
  return Done(out, answer);
}

CommandOutcome OperatorCommands::Tail(Bytes body, MutableBytes out) {
  auto question = base::DecodeWhole<wire::TailQuestion>(body);
  if (!question.ok() || question->count == 0 ||
      question->count > wire::kTailLeavesMax) {
    return MalformedQuestion();
  }
  if (vault_.state() != wire::VaultState::kOperational) {
    return Refused(base::Fail(Code::kSealed, "sealed; unseal first"));
  }
  wire::TailAnswer answer;
  return Finish(
      journal_.ReadTail(question->from, question->count,
                        MutableBytes(leaves_.get(), kTailBytes), answer),
      out, answer);
}

}  // namespace coffer::keeper
