// The production keeper, unmodified, with a test in the gate's place: starts
// coffer-keeper on files in a temporary folder, connects as a caller and as an
// operator, and speaks the wire of vault/wire byte for byte. For tests only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vault/os/spawn.h"
#include "vault/wire/message.h"
#include "vault/wire/operator_message.h"

namespace coffer::keeper_test {

using base::Bytes;
using base::MutableBytes;

// A batch under construction, and after it, the answers to it.
class Batch {
 public:
  template <typename Item>
  Batch& Add(wire::Op op, const Item& item) {
    std::vector<uint8_t> bytes(base::kBatchBytesMax);
    base::Encoder encoder{MutableBytes(bytes)};
    encoder.Number(op);
    encoder.Struct(item);
    COFFER_CHECK(!encoder.failed());
    items_.insert(items_.end(), bytes.begin(),
                  bytes.begin() + static_cast<long>(encoder.used()));
    ++count_;
    return *this;
  }
  Batch& AddRaw(Bytes bytes) {
    items_.insert(items_.end(), bytes.begin(), bytes.end());
    ++count_;
    return *this;
  }
  uint16_t count() const { return count_; }
  const std::vector<uint8_t>& items() const { return items_; }

 private:
  std::vector<uint8_t> items_;
  uint16_t count_ = 0;
};

// An answer with its own copy of the frame behind its views.
template <typename Fields>
struct Reply {
  wire::AnswerHeader header;
  Fields fields;
  std::shared_ptr<std::vector<uint8_t>> frame;
  bool allowed() const { return header.rule == wire::Rule::kAllowed; }
  wire::Rule rule() const { return header.rule; }
};

struct OperatorReply {
  wire::OperatorCode code = wire::OperatorCode::kMalformed;
  std::string message;
  std::vector<uint8_t> fields;
  bool done() const { return code == wire::OperatorCode::kDone; }
};

// A caller's end of a connection, and the number the keeper gave it.
struct Caller {
  os::FileDescriptor client;
  os::FileDescriptor gate_side;
  wire::ConnectionId id = 0;
};

class KeeperProcess {
 public:
  // The folder keeps keeper.state and the journals from one start to the next;
  // it goes with this object.
  explicit KeeperProcess(std::string folder);
  ~KeeperProcess();

  void Start();
  void Kill();               // SIGKILL, and waits
  os::ExitStatus Stop();     // closes the channel, and waits
  os::ExitStatus WaitEnd();  // for one that is expected to end by itself
  pid_t pid() const;

  // Operators. The secret opens a key-file slot.
  OperatorReply Ask(wire::OperatorOp op, Bytes fields);
  template <typename Fields>
  OperatorReply Ask(wire::OperatorOp op, const Fields& fields) {
    std::vector<uint8_t> bytes(base::kOperatorFrameBytesMax);
    auto size = base::EncodeWhole(MutableBytes(bytes), fields);
    COFFER_CHECK(size.ok());
    return Ask(op, Bytes(bytes.data(), *size));
  }
  OperatorReply Init(const wire::Policy& policy);
  OperatorReply Unseal();
  wire::OperatorStatus Status();  // text views are not kept
  std::vector<wire::Rule> TailRules(uint32_t count);

  // Callers.
  static os::FileDescriptor ConnectTo(const std::string& path);
  // The arrival that the keeper announces for this connection.
  Caller Arrive(os::FileDescriptor client);
  Caller Connect();
  // As root, a caller of another user; forks a child to connect.
  Caller ConnectAs(uid_t uid);

  // Sends one batch and waits for its answers: the frame after its header.
  std::shared_ptr<std::vector<uint8_t>> Exchange(const Batch& batch);
  void Send(const Batch& batch);
  // The batch's bytes under the next sequence number; sent by SendRaw.
  std::vector<uint8_t> Frame(const Batch& batch);
  // Whatever of the answers is there, at most out.size() bytes; 0 at the end.
  size_t ReceiveRaw(MutableBytes out);
  void SendRaw(Bytes bytes);
  // Empty when the keeper closed the channel.
  std::shared_ptr<std::vector<uint8_t>> Receive();
  // One item, one answer.
  template <typename Fields, typename Item>
  Reply<Fields> One(wire::Op op, const Item& item) {
    Batch batch;
    batch.Add(op, item);
    Reply<Fields> reply;
    reply.frame = Exchange(batch);
    COFFER_CHECK(reply.frame != nullptr);
    base::Decoder decoder{Bytes(*reply.frame)};
    decoder.Struct(reply.header);
    if (reply.allowed()) decoder.Struct(reply.fields);
    COFFER_CHECK(decoder.finished());
    return reply;
  }
  wire::VaultState last_state() const { return last_state_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  std::unique_ptr<os::ChildProcess> child_;
  os::FileDescriptor batches_;
  os::FileDescriptor descriptors_;
  uint64_t sequence_ = 0;
  wire::VaultState last_state_ = wire::VaultState::kSealed;
};

// Bytes of a stored link that outlive the frame they came in.
struct KeptLink {
  wire::LinkId link{};
  uint32_t revision = 0;
  std::vector<uint8_t> head, wrap, token_box;

  KeptLink() = default;
  explicit KeptLink(const wire::NewRecord& record);
  wire::StoredLink Stored(bool with_token_box) const;
  uint64_t leaf() const;
};

// A policy for tests: the caller `self` is the present uid with every right;
// institutions citi (all) and jpmorgan (no TRANSACTIONS); purposes
// balance_display, purchase_tracking and the prohibited advertising.
wire::Policy TestPolicy();
std::vector<uint8_t> Encode(const wire::Policy& policy);
wire::Consent TestConsent();
wire::CreateItem TestCreate(wire::ConnectionId connection);
wire::IssueItem TestIssue(wire::ConnectionId connection, const KeptLink& link);
std::string MakeFolder();

}  // namespace coffer::keeper_test
