#include "vault/keeper/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vault/os/fd_channel.h"

namespace coffer::keeper {
namespace {

constexpr int kTickMilliseconds = 1000;
constexpr int kEventsMax = 64;

// Tags of descriptors that are no connection; connections' numbers are larger.
enum Tag : uint64_t {
  kTagBatch = 1,
  kTagDescriptors = 2,
  kTagCallers = 3,
  kTagOperators = 4,
  kTagMonitors = 5,
  kTagJournal = 6,
  kTagsEnd = 7,
};

}  // namespace

void LogLine(const char* text) {
  char line[512] = "coffer-keeper: ";
  size_t size = std::strlen(line);
  for (; *text != '\0' && size < sizeof line - 1; ++text) line[size++] = *text;
  line[size++] = '\n';
  [[maybe_unused]] ssize_t written = write(2, line, size);
}

Loop::Loop(const Parts& parts, int epoll_fd, int event_fd)
    : journal_(parts.journal),
      connections_(parts.connections),
      shared_(parts.shared),
      vault_(parts.shared.vault),
      operators_(parts.operators),
      commands_(parts.commands),
      keys_(parts.keys),
      batches_(kBatchFd, parts.journal, parts.shared),
      epoll_fd_(epoll_fd),
      event_fd_(event_fd) {}

bool Loop::Watch(int operation, int fd, uint32_t events, uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return epoll_ctl(epoll_fd_, operation, fd, &event) == 0;
}

base::Status Loop::Prepare() {
  const bool watched =
      Watch(EPOLL_CTL_ADD, kBatchFd, EPOLLIN | EPOLLOUT | EPOLLET, kTagBatch) &&
      Watch(EPOLL_CTL_ADD, kDescriptorFd, EPOLLOUT | EPOLLET,
            kTagDescriptors) &&
      Watch(EPOLL_CTL_ADD, kCallerListenFd, EPOLLIN, kTagCallers) &&
      Watch(EPOLL_CTL_ADD, kOperatorListenFd, EPOLLIN, kTagOperators) &&
      Watch(EPOLL_CTL_ADD, kMonitorListenFd, EPOLLIN, kTagMonitors) &&
      Watch(EPOLL_CTL_ADD, event_fd_, EPOLLIN, kTagJournal);
  if (!watched) return base::Fail(base::Code::kIo, "epoll refused");
  return {};
}

int Loop::Run() {
  epoll_event events[kEventsMax];
  for (;;) {
    const bool at_once =
        batches_.more() || (QuietWanted() && batches_.settled());
    const int ready = epoll_wait(epoll_fd_, events, kEventsMax,
                                 at_once ? 0 : kTickMilliseconds);
    if (ready < 0 && errno != EINTR) {
      LogLine("epoll failed");
      return 1;
    }
    for (int i = 0; i < ready; ++i) {
      Handle(events[i].data.u64, events[i].events);
    }
    const BatchChannel::Outcome outcome = batches_.Pump(QuietWanted());
    if (outcome != BatchChannel::Outcome::kOk) return End(outcome);
    if (QuietWanted() && batches_.settled()) {
      if (keys_.due()) keys_.CarryOutDue();
      if (commands_.due()) commands_.Settle();
      ServeQuestions();
      // Frames that waited for the operator.
      const BatchChannel::Outcome after = batches_.Pump(false);
      if (after != BatchChannel::Outcome::kOk) return End(after);
    }
    const uint64_t now = vault_.clock().BootMilliseconds();
    if (now - ticked_at_ >= kTickMilliseconds) {
      ticked_at_ = now;
      journal_.KeepReserve();
      commands_.Tick();
    }
  }
}

int Loop::End(BatchChannel::Outcome outcome) {
  switch (outcome) {
    case BatchChannel::Outcome::kOk:
      break;
    case BatchChannel::Outcome::kClosed: {
      base::Status stopped = vault_.Stop();
      if (stopped.ok()) return 0;
      LogLine(stopped.error().message);
      return 1;
    }
    case BatchChannel::Outcome::kBroken:
      LogLine(batches_.message());
      return 1;
    case BatchChannel::Outcome::kJournalFailed:
      LogLine(
          "the journal cannot be written or synced; nothing was answered. "
          "Check the disk, then start again");
      return 1;
  }
  return 1;
}

void Loop::Handle(uint64_t tag, uint32_t events) {
  switch (tag) {
    case kTagBatch:
      return;  // Pump reads and writes
    case kTagDescriptors:
      return Resume();
    case kTagCallers:
      return Accept(Listener::kCaller, kCallerListenFd);
    case kTagOperators:
      return Accept(Listener::kOperator, kOperatorListenFd);
    case kTagMonitors:
      return Accept(Listener::kMonitor, kMonitorListenFd);
    case kTagJournal: {
      uint64_t count = 0;
      [[maybe_unused]] ssize_t got = read(event_fd_, &count, sizeof count);
      return;
    }
    default:
      break;
  }
  Connection* connection = connections_.Find(tag);
  if (connection == nullptr) return;
  if (connection->listener == Listener::kOperator) {
    return ServeOperator(*connection, events);
  }
  // Only EPOLLHUP and EPOLLERR are reported: the peer is gone, or the gate
  // ended the connection.
  Close(*connection);
}

void Loop::Accept(Listener listener, int fd) {
  if (held_ != 0 && listener != Listener::kOperator) return;
  os::FileDescriptor accepted(
      accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!accepted.valid()) return;
  Connection* connection = connections_.Add(listener, std::move(accepted));
  if (connection == nullptr) return;  // past a limit: closed unanswered
  const bool is_operator = listener == Listener::kOperator;
  if (!Watch(EPOLL_CTL_ADD, connection->fd.get(),
             is_operator ? uint32_t{EPOLLIN} : 0u, connection->id)) {
    connections_.Remove(*connection);
    return;
  }
  if (is_operator) {
    if (!operators_.Attach(*connection)) Close(*connection);
    return;
  }
  if (!PassOn(*connection)) Hold(*connection);
}

bool Loop::PassOn(Connection& connection) {
  wire::Arrival arrival;
  arrival.connection = connection.id;
  arrival.socket = connection.listener == Listener::kCaller
                       ? wire::SocketKind::kCaller
                       : wire::SocketKind::kMonitor;
  uint8_t bytes[wire::kArrivalBytes];
  auto size = base::EncodeWhole(base::MutableBytes(bytes), arrival);
  COFFER_CHECK(size.ok() && *size == sizeof bytes);
  auto sent = os::SendDescriptor(kDescriptorFd, connection.fd.get(), bytes);
  if (!sent.ok()) {
    Close(connection);  // the gate is ending; the batch channel says so
    return true;
  }
  return *sent == os::SendOutcome::kSent;
}

// The descriptor channel is full: accept nothing more until it has room.
void Loop::Hold(Connection& connection) {
  held_ = connection.id;
  Watch(EPOLL_CTL_MOD, kCallerListenFd, 0, kTagCallers);
  Watch(EPOLL_CTL_MOD, kMonitorListenFd, 0, kTagMonitors);
}

void Loop::Resume() {
  if (held_ == 0) return;
  Connection* connection = connections_.Find(held_);
  if (connection != nullptr && !PassOn(*connection)) return;
  held_ = 0;
  Watch(EPOLL_CTL_MOD, kCallerListenFd, EPOLLIN, kTagCallers);
  Watch(EPOLL_CTL_MOD, kMonitorListenFd, EPOLLIN, kTagMonitors);
}

void Loop::ServeOperator(Connection& connection, uint32_t events) {
  bool keep = (events & (EPOLLHUP | EPOLLERR)) == 0;
  if (keep && (events & EPOLLOUT) != 0) keep = operators_.Send(connection);
  if (keep && (events & EPOLLIN) != 0) keep = operators_.Receive(connection);
  if (!keep) return Close(connection);
  WatchOperator(connection);
}

void Loop::ServeQuestions() {
  Closing closing;
  operators_.AnswerAll(closing);
  for (wire::ConnectionId id : closing) {
    if (Connection* connection = connections_.Find(id)) Close(*connection);
  }
  if (vault_.state() != wire::VaultState::kOperational) {
    shared_.opened.Wipe();
    shared_.sealed.Wipe();
  }
  operators_.ForEach([this](wire::ConnectionId id) {
    if (Connection* connection = connections_.Find(id)) {
      WatchOperator(*connection);
    }
  });
}

// Reads nothing more while an answer is on its way.
void Loop::WatchOperator(const Connection& connection) {
  const uint32_t events =
      operators_.sending(connection.id) ? uint32_t{EPOLLOUT} : EPOLLIN;
  Watch(EPOLL_CTL_MOD, connection.fd.get(), events, connection.id);
}

void Loop::Close(Connection& connection) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, connection.fd.get(), nullptr);
  if (connection.listener == Listener::kOperator) {
    operators_.Detach(connection.id);
    shutdown(connection.fd.get(), SHUT_RDWR);
  }
  connections_.Remove(connection);
}

}  // namespace coffer::keeper
