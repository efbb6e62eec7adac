#include "tests/keeper/keeper_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "vault/os/fd_channel.h"
#include "vault/os/listen.h"

namespace coffer::keeper_test {
namespace {

using wire::Name;

constexpr int kPatienceSeconds = 60;

std::string Executable() {
  const char* path = std::getenv("COFFER_KEEPER");
  return path != nullptr ? path : COFFER_KEEPER_PATH;
}

os::FileDescriptor OpenFile(const std::string& path) {
  os::FileDescriptor fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  COFFER_CHECK(fd.valid());
  return fd;
}

// An answer that never comes ends the wait, and the test.
void BoundWaits(const os::FileDescriptor& socket) {
  const timeval patience{kPatienceSeconds, 0};
  COFFER_CHECK(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                          sizeof patience) == 0);
}

os::FileDescriptor Listen(const std::string& path) {
  os::ListenOptions options;
  options.path = path.c_str();
  options.mode = 0666;
  options.owner = geteuid();
  options.group = getegid();
  auto listening = os::ListenAt(options);
  COFFER_CHECK(listening.ok());
  return std::move(listening).value();
}

}  // namespace

std::string MakeFolder() {
  char path[] = "/tmp/coffer-keeper-test-XXXXXX";
  COFFER_CHECK(mkdtemp(path) != nullptr);
  return path;
}

KeeperProcess::KeeperProcess(std::string folder) : folder_(std::move(folder)) {}

KeeperProcess::~KeeperProcess() {
  if (child_ != nullptr) Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void KeeperProcess::Start() {
  auto batches = os::MakeStreamPair();
  auto descriptors = os::MakeSeqpacketPair();
  COFFER_CHECK(batches.ok() && descriptors.ok());
  COFFER_CHECK(os::SetNonBlocking(batches->there.get(), true).ok());
  COFFER_CHECK(os::SetNonBlocking(descriptors->there.get(), true).ok());
  os::FileDescriptor caller = Listen(folder_ + "/caller.sock");
  os::FileDescriptor operators = Listen(folder_ + "/operator.sock");
  os::FileDescriptor monitor = Listen(folder_ + "/monitor.sock");
  os::FileDescriptor state = OpenFile(folder_ + "/keeper.state");
  os::FileDescriptor journal_a = OpenFile(folder_ + "/journal-0");
  os::FileDescriptor journal_b = OpenFile(folder_ + "/journal-1");
  os::FileDescriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fds[] = {batches->there.get(), descriptors->there.get(),
                     caller.get(),         operators.get(),
                     monitor.get(),        state.get(),
                     journal_a.get(),      journal_b.get(),
                     nothing.get()};
  const std::string path = Executable();
  const char* const arguments[] = {"coffer-keeper"};
  os::SpawnOptions options;
  options.path = path.c_str();
  options.arguments = arguments;
  options.descriptors = fds;
  options.signal_at_parents_end = SIGKILL;
  auto child = os::Spawn(options);
  COFFER_CHECK(child.ok());
  child_ = std::make_unique<os::ChildProcess>(std::move(child).value());
  batches_ = std::move(batches->here);
  COFFER_CHECK(os::SetNonBlocking(batches_.get(), false).ok());
  BoundWaits(batches_);
  descriptors_ = std::move(descriptors->here);
  sequence_ = 0;
}

pid_t KeeperProcess::pid() const { return child_->pid(); }

void KeeperProcess::Kill() {
  (void)child_->Signal(SIGKILL).ok();
  (void)child_->Wait().ok();
  child_.reset();
  batches_.Reset();
  descriptors_.Reset();
}

os::ExitStatus KeeperProcess::Stop() {
  batches_.Reset();
  return WaitEnd();
}

os::ExitStatus KeeperProcess::WaitEnd() {
  // One that does not end is ended here, and seen to have been signalled.
  pollfd ended{child_->pidfd(), POLLIN, 0};
  if (poll(&ended, 1, kPatienceSeconds * 1000) == 0) {
    (void)child_->Signal(SIGKILL).ok();
  }
  auto status = child_->Wait();
  COFFER_CHECK(status.ok());
  child_.reset();
  batches_.Reset();
  descriptors_.Reset();
  return *status;
}

os::FileDescriptor KeeperProcess::ConnectTo(const std::string& path) {
  os::FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BoundWaits(fd);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  COFFER_CHECK(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  COFFER_CHECK(connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                       sizeof address) == 0);
  return fd;
}

OperatorReply KeeperProcess::Ask(wire::OperatorOp op, Bytes fields) {
  os::FileDescriptor fd = ConnectTo(folder_ + "/operator.sock");
  std::vector<uint8_t> frame(4 + 2 + fields.size());
  base::Encoder encoder{MutableBytes(frame)};
  encoder.Number(static_cast<uint32_t>(2 + fields.size()));
  encoder.Number(wire::kOperatorFormat);
  encoder.Number(op);
  encoder.Append(fields);
  COFFER_CHECK(os::WriteFull(fd.get(), frame).ok());
  uint8_t size_bytes[4];
  OperatorReply reply;
  if (!os::ReadFull(fd.get(), size_bytes).ok()) return reply;
  uint32_t size = 0;
  base::Decoder(Bytes(size_bytes)).Number(size);
  std::vector<uint8_t> answer(size);
  COFFER_CHECK(os::ReadFull(fd.get(), answer).ok());
  base::Decoder decoder{Bytes(answer)};
  wire::OperatorAnswerHeader header;
  decoder.Struct(header);
  COFFER_CHECK(!decoder.failed());
  reply.code = header.code;
  reply.message = std::string(header.message);
  Bytes rest = decoder.rest();
  reply.fields.assign(rest.begin(), rest.end());
  return reply;
}

OperatorReply KeeperProcess::Init(const wire::Policy& policy) {
  const std::vector<uint8_t> bytes = Encode(policy);
  wire::OpenQuestion question;
  question.secret.fill(7);
  question.policy = bytes;
  return Ask(wire::OperatorOp::kInit, question);
}

OperatorReply KeeperProcess::Unseal() {
  wire::OpenQuestion question;
  question.slot.id = 1;
  question.secret.fill(7);
  return Ask(wire::OperatorOp::kUnseal, question);
}

wire::OperatorStatus KeeperProcess::Status() {
  OperatorReply reply = Ask(wire::OperatorOp::kStatus, wire::EmptyQuestion{});
  auto status = base::DecodeWhole<wire::OperatorStatus>(reply.fields);
  COFFER_CHECK(status.ok());
  wire::OperatorStatus kept = *status;
  kept.version = kept.reason = kept.evidence_key = {};
  return kept;
}

std::vector<wire::Rule> KeeperProcess::TailRules(uint32_t count) {
  wire::TailQuestion question;
  question.count = count;
  OperatorReply reply = Ask(wire::OperatorOp::kAuditTail, question);
  auto tail = base::DecodeWhole<wire::TailAnswer>(reply.fields);
  COFFER_CHECK(tail.ok());
  std::vector<wire::Rule> rules;
  for (const wire::LeafBytes& bytes : tail->leaves) {
    auto leaf = wire::DecodeLeaf(bytes.leaf);
    COFFER_CHECK(leaf.ok());
    rules.push_back(leaf->rule);
  }
  return rules;
}

Caller KeeperProcess::Arrive(os::FileDescriptor client) {
  Caller caller;
  caller.client = std::move(client);
  uint8_t bytes[wire::kArrivalBytes];
  for (int tries = 0;; ++tries) {
    COFFER_CHECK(tries < kPatienceSeconds * 2000);
    auto received = os::ReceiveDescriptor(descriptors_.get(), bytes);
    COFFER_CHECK(received.ok());
    COFFER_CHECK(received->outcome != os::ReceiveOutcome::kClosed);
    if (received->outcome == os::ReceiveOutcome::kWouldBlock) {
      usleep(500);
      continue;
    }
    auto arrival = base::DecodeWhole<wire::Arrival>(bytes);
    COFFER_CHECK(arrival.ok());
    caller.gate_side = std::move(received->fd);
    caller.id = arrival->connection;
    return caller;
  }
}

Caller KeeperProcess::Connect() {
  return Arrive(ConnectTo(folder_ + "/caller.sock"));
}

Caller KeeperProcess::ConnectAs(uid_t uid) {
  COFFER_CHECK(chmod(folder_.c_str(), 0755) == 0);
  // The child connects as that user and sends its end back to us.
  auto pair = os::MakeSeqpacketPair();
  COFFER_CHECK(pair.ok());
  const pid_t child = fork();
  COFFER_CHECK(child >= 0);
  if (child == 0) {
    COFFER_CHECK(os::BecomeUser({uid, static_cast<gid_t>(uid)}).ok());
    os::FileDescriptor fd = ConnectTo(folder_ + "/caller.sock");
    const uint8_t byte[] = {1};
    auto sent = os::SendDescriptor(pair->there.get(), fd.get(), byte);
    _exit(sent.ok() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  COFFER_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  uint8_t byte[1];
  auto received = os::ReceiveDescriptor(pair->here.get(), byte);
  COFFER_CHECK(received.ok());
  return Arrive(std::move(received->fd));
}

void KeeperProcess::SendRaw(Bytes bytes) {
  (void)os::WriteFull(batches_.get(), bytes).ok();
}

size_t KeeperProcess::ReceiveRaw(MutableBytes out) {
  const ssize_t got = read(batches_.get(), out.data(), out.size());
  return got > 0 ? static_cast<size_t>(got) : 0;
}

void KeeperProcess::Send(const Batch& batch) { SendRaw(Frame(batch)); }

std::vector<uint8_t> KeeperProcess::Frame(const Batch& batch) {
  std::vector<uint8_t> frame(wire::kBatchHeaderBytes);
  wire::BatchHeader header;
  header.bytes =
      static_cast<uint32_t>(wire::kBatchHeaderBytes - 4 + batch.items().size());
  header.sequence = ++sequence_;
  header.count = batch.count();
  auto size = base::EncodeWhole(MutableBytes(frame), header);
  COFFER_CHECK(size.ok());
  frame.insert(frame.end(), batch.items().begin(), batch.items().end());
  return frame;
}

std::shared_ptr<std::vector<uint8_t>> KeeperProcess::Receive() {
  uint8_t head[wire::kAnswersHeaderBytes];
  if (!os::ReadFull(batches_.get(), head).ok()) return nullptr;
  base::Decoder decoder{Bytes(head)};
  wire::BatchHeader header;
  decoder.Struct(header);
  decoder.Number(last_state_);
  auto frame = std::make_shared<std::vector<uint8_t>>(
      header.bytes + 4 - wire::kAnswersHeaderBytes);
  COFFER_CHECK(os::ReadFull(batches_.get(), *frame).ok());
  return frame;
}

std::shared_ptr<std::vector<uint8_t>> KeeperProcess::Exchange(
    const Batch& batch) {
  Send(batch);
  return Receive();
}

KeptLink::KeptLink(const wire::NewRecord& record)
    : link(record.link),
      revision(record.revision),
      head(record.stored.head.begin(), record.stored.head.end()),
      wrap(record.stored.wrap.begin(), record.stored.wrap.end()),
      token_box(record.stored.token_box.begin(),
                record.stored.token_box.end()) {}

wire::StoredLink KeptLink::Stored(bool with_token_box) const {
  wire::StoredLink stored;
  stored.head = head;
  stored.wrap = wrap;
  if (with_token_box) stored.token_box = token_box;
  return stored;
}

uint64_t KeptLink::leaf() const {
  auto decoded = wire::DecodeRecordHead(head);
  COFFER_CHECK(decoded.ok());
  return decoded->leaf;
}

wire::Policy TestPolicy() {
  wire::Policy policy;
  for (const char* name :
       {"ACCOUNT_BASIC", "ACCOUNT_DETAILED", "TRANSACTIONS"}) {
    policy.clusters.push_back(Name(name));
  }
  policy.purposes.push_back({Name("balance_display"), 3, 300, false});
  policy.purposes.push_back({Name("purchase_tracking"), 5, 300, false});
  policy.purposes.push_back({Name("advertising"), 0, 0, true});
  policy.institutions.push_back({Name("citi"), {}, 3, 7});
  policy.institutions.push_back({Name("jpmorgan"), {}, 3, 3});
  wire::PolicyCaller self;
  self.name = Name("self");
  self.identity = geteuid();
  self.link_rights = wire::kLinkRightsAll;
  self.redeem = 3;
  policy.callers.push_back(self);
  wire::PolicyCaller other;
  other.name = Name("other");
  other.identity = 54321;
  other.link_rights = wire::kRightRead | wire::kRightCreate;
  other.redeem = 1;
  policy.callers.push_back(other);
  for (uint16_t purpose = 0; purpose < 2; ++purpose) {
    for (uint16_t audience = 0; audience < 2; ++audience) {
      wire::IssueRule rule;
      rule.purpose = purpose;
      rule.audience = audience;
      rule.institutions.Add(0);
      rule.institutions.Add(1);
      rule.clusters = 7;
      policy.rules.push_back(rule);
    }
  }
  return policy;
}

std::vector<uint8_t> Encode(const wire::Policy& policy) {
  std::vector<uint8_t> bytes(base::kPolicyBytesMax);
  auto size = base::EncodeWhole(MutableBytes(bytes), policy);
  COFFER_CHECK(size.ok());
  bytes.resize(*size);
  return bytes;
}

wire::Consent TestConsent() {
  wire::Consent consent;
  consent.consent_id = "c-1";
  consent.purposes.push_back("balance_display");
  consent.clusters.push_back("ACCOUNT_DETAILED");
  consent.duration_period_days = 90;
  return consent;
}

wire::CreateItem TestCreate(wire::ConnectionId connection) {
  wire::CreateItem item;
  item.connection = connection;
  item.institution = "citi";
  item.subject = "cust-7731";
  item.bank_token = base::AsBytes("bank-token-canary");
  item.consent = TestConsent();
  return item;
}

wire::IssueItem TestIssue(wire::ConnectionId connection, const KeptLink& link) {
  wire::IssueItem item;
  item.connection = connection;
  item.link = link.link;
  item.purpose = "balance_display";
  item.audience = "self";
  item.stored = link.Stored(false);
  return item;
}

}  // namespace coffer::keeper_test
