// The operator socket as `coffer` uses it: one question, one answer, in turn
// (vault/wire/operator_message.h). Runs in the CLI only. Frames may carry a
// slot's secret, so both are wiped. Refuses answers that are malformed, too
// long, or of another question.
#pragma once

#include "cli/outcome.h"
#include "crypto/base/secret_bytes.h"
#include "vault/os/descriptor.h"
#include "vault/wire/operator_message.h"

namespace coffer::cli {

// Value: an answer that is kDone; `fields` is a view into `frame`.
struct OperatorAnswer {
  base::SecretBuffer frame;
  std::string message;  // may be empty
  base::Bytes fields;

  // Decodes the fields; views in T point into this answer.
  template <typename T>
  Outcome<T> As() const {
    auto decoded = base::DecodeWhole<T>(fields);
    if (!decoded.ok()) {
      return Failure{Exit::kRefused, "the keeper's answer is malformed",
                     "use the coffer of the same version as cofferd"};
    }
    return *std::move(decoded);
  }
};

// Resource: one connection.
class OperatorClient {
 public:
  static Outcome<OperatorClient> Connect(const std::string& path);

  // kSealed when the keeper says so, kRefused with its message otherwise;
  // what awaits approval is a failure with the operation's id.
  template <typename Question>
  Outcome<OperatorAnswer> Ask(wire::OperatorOp op, const Question& question) {
    base::SecretBuffer frame(wire::kOperatorFrameHeaderBytes +
                             base::kOperatorFrameBytesMax);
    base::Encoder encoder(frame.whole());
    encoder.Number(uint32_t{0});
    encoder.Struct(wire::OperatorQuestionHeader{wire::kOperatorFormat, op});
    encoder.Struct(question);
    if (encoder.failed()) {
      return Failure{Exit::kRefused, "the question is too long", ""};
    }
    frame.Resize(encoder.used());
    return Exchange(op, frame);
  }

 private:
  explicit OperatorClient(os::FileDescriptor socket)
      : socket_(std::move(socket)) {}
  // Fills in the frame's size, sends it, receives and judges the answer.
  Outcome<OperatorAnswer> Exchange(wire::OperatorOp op,
                                   base::SecretBuffer& frame);

  os::FileDescriptor socket_;
};

// Value: the keeper's status; its texts are views into `answer`.
struct KeeperStatus {
  OperatorAnswer answer;
  wire::OperatorStatus status;
};
Outcome<KeeperStatus> AskStatus(OperatorClient& client);

}  // namespace coffer::cli
