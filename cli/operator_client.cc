#include "cli/operator_client.h"

#include <errno.h>

#include "cli/socket.h"
#include "cli/text.h"
#include "vault/api/json.h"
#include "vault/wire/operator_quorum.h"

namespace coffer::cli {
namespace {

Failure Lost(const base::Error& error) {
  if (error.code == base::Code::kIo &&
      (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return {Exit::kUnreachable, "the keeper did not answer within 10 s",
            "see cofferd's log; run coffer status"};
  }
  return {Exit::kUnreachable, "the keeper closed the connection",
          "see cofferd's log; run coffer status"};
}

Failure Malformed() {
  return {Exit::kRefused, "the keeper's answer is malformed",
          "use the coffer of the same version as cofferd"};
}

// What awaits the approval of others.
Failure Awaits(base::Bytes fields) {
  auto awaiting = base::DecodeWhole<wire::AwaitingAnswer>(fields);
  if (!awaiting.ok()) return Malformed();
  std::string id = wire::OperationText(awaiting->id);
  Failure failure;
  failure.what = "awaits approval as " + id + ", " +
                 std::to_string(awaiting->approvals) + " of " +
                 std::to_string(awaiting->needed) + "; nothing was done yet";
  failure.next = "approvers run coffer op approve " + id +
                 " --key F; the last approval carries it out";
  api::TextBuilder text;
  api::JsonWriter(text)
      .BeginObject()
      .Text("awaiting", id)
      .Number("approvals", awaiting->approvals)
      .Number("needed", awaiting->needed)
      .EndObject();
  failure.body = std::string(text.view());
  return failure;
}

Failure Refusal(const wire::OperatorAnswerHeader& header) {
  std::string message = Printable(header.message);
  switch (header.code) {
    case wire::OperatorCode::kSealed:
      if (message.empty()) return {Exit::kSealed, "sealed", "unseal first"};
      return {Exit::kSealed, message, ""};
    case wire::OperatorCode::kMalformed:
      return {Exit::kRefused, "the keeper did not understand the question",
              "use the coffer of the same version as cofferd"};
    case wire::OperatorCode::kNewerFormat:
      if (message.empty()) message = "the keeper is older than this coffer";
      return {Exit::kRefused, message, "use programs of the same version"};
    default:
      if (message.empty()) message = "the keeper refused";
      return {Exit::kRefused, message, ""};
  }
}

}  // namespace

Outcome<OperatorClient> OperatorClient::Connect(const std::string& path) {
  auto socket = ConnectSocket(path);
  if (!socket.ok()) return socket.failure();
  return OperatorClient(std::move(*socket));
}

Outcome<OperatorAnswer> OperatorClient::Exchange(wire::OperatorOp op,
                                                 base::SecretBuffer& frame) {
  base::MutableBytes bytes = frame.mutable_view();
  base::Encoder size(bytes.first(wire::kOperatorFrameHeaderBytes));
  size.Number(
      static_cast<uint32_t>(bytes.size() - wire::kOperatorFrameHeaderBytes));
  if (auto sent = os::WriteFull(socket_.get(), bytes); !sent.ok()) {
    return Lost(sent.error());
  }
  base::ByteArray<wire::kOperatorFrameHeaderBytes> head{};
  if (auto got = os::ReadFull(socket_.get(), head); !got.ok()) {
    return Lost(got.error());
  }
  uint32_t length = 0;
  base::Decoder(head).Number(length);
  if (length > base::kOperatorFrameBytesMax) return Malformed();
  OperatorAnswer answer;
  answer.frame = base::SecretBuffer(length);
  answer.frame.Resize(length);
  if (auto got = os::ReadFull(socket_.get(), answer.frame.mutable_view());
      !got.ok()) {
    return Lost(got.error());
  }
  base::Decoder decoder(answer.frame.view());
  wire::OperatorAnswerHeader header;
  decoder.Struct(header);
  if (!decoder.failed() && header.format > wire::kOperatorFormat) {
    return Failure{Exit::kRefused, "the keeper is newer than this coffer",
                   "use programs of the same version"};
  }
  if (decoder.failed() || header.format != wire::kOperatorFormat) {
    return Malformed();
  }
  if (header.code == wire::OperatorCode::kAwaitsApproval) {
    return Awaits(decoder.rest());
  }
  if (header.code != wire::OperatorCode::kDone) return Refusal(header);
  if (header.op != op) return Malformed();
  answer.message = Printable(header.message);
  answer.fields = decoder.rest();
  return answer;
}

Outcome<KeeperStatus> AskStatus(OperatorClient& client) {
  auto answer = client.Ask(wire::OperatorOp::kStatus, wire::EmptyQuestion{});
  if (!answer.ok()) return answer.failure();
  auto status = answer->As<wire::OperatorStatus>();
  if (!status.ok()) return status.failure();
  return KeeperStatus{std::move(*answer), *status};
}

}  // namespace coffer::cli
